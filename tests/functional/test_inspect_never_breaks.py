"""Any bytes give findings or one clear error. scripts/fuzz_inspect.py does the same in bulk."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inspected_data import inspect_data
from train_teacher.core.errors import UserError
from train_teacher.inspection.load import InspectRequest
from train_teacher.inspection.text import render_json, render_text

SCRIPT = Path(__file__).parents[2] / "scripts" / "fuzz_inspect.py"
BULK = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def fuzz() -> Any:
    spec = importlib.util.spec_from_file_location("fuzz_inspect", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("large", [False, True])
@BULK
@given(seed=st.integers(0, 2**40))
def test_a_damaged_data_set_gives_findings_or_one_error(fuzz: Any, seed: int, large: bool) -> None:
    findings, errors, crashes = fuzz.run_batch(range(seed, seed + 1), large)

    assert crashes == []
    assert findings + errors == 1


@BULK
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8")))
def test_any_bytes_give_findings_or_one_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(data)
    try:
        info = inspect_data(InspectRequest(data=path))
        told = render_text(info) + render_json(info)
    except UserError as error:
        told = str(error)
    assert str(path) in told
