"""Any bytes give findings or one clear error. scripts/fuzz_inspect.py does the same in bulk."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fuzz_inspect
from inspected_data import inspect_data
from train_teacher.core.errors import UserError
from train_teacher.inspection.load import InspectRequest
from train_teacher.inspection.text import render_json, render_text

BULK = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("mode", ["inspect", "large"])
@BULK
@given(seed=st.integers(0, 2**40))
def test_a_damaged_file_gives_a_result_or_one_error(mode: str, seed: int) -> None:
    findings, errors, crashes = fuzz_inspect.run_batch(range(seed, seed + 1), mode)

    assert crashes == []
    assert findings + errors == 1


@pytest.mark.parametrize(("mode", "inputs"), [("fix", 300), ("settings", 200), ("resume", 60)])
def test_repairs_settings_and_damaged_runs_end_in_a_result_or_one_error(
    mode: str, inputs: int
) -> None:
    results, errors, crashes = fuzz_inspect.run_batch(range(inputs), mode)

    assert crashes == []
    assert results + errors == inputs
    assert results > inputs / 5


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
