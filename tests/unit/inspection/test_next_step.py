"""After a look at the data one line says what to do next, with what was given."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from demo_model import make_info
from train_teacher.inspection.facts import DatasetInfo, Finding
from train_teacher.inspection.load import InspectRequest
from train_teacher.inspection.next_step import inspect_line, next_step

REQUEST = InspectRequest(
    Path("d.json"),
    val=Path("v.json"),
    images=Path("pics"),
    deep=True,
    class_prompts={"H1": "bolt"},
    class_from="attributes.type",
    encoding="cp1251",
    language_model="bert-base-uncased",
)


def info_with(*fixes: str, split: str | None = None) -> DatasetInfo:
    findings = tuple(Finding("X1", "error", 1, "wrong", "bad", fix, (), split) for fix in fixes)
    return msgspec.structs.replace(make_info(), findings=findings)


def test_the_same_look_has_every_option_and_leaves_out_what_is_usual() -> None:
    assert inspect_line(REQUEST) == (
        "inspect-data d.json --val v.json --images pics --class-prompt H1=bolt "
        "--class-from attributes.type --encoding cp1251 --deep"
    )


def test_sound_data_is_trained_next_as_it_was_read() -> None:
    assert next_step(REQUEST, info_with()).endswith(
        ": train-teacher --data d.json --val v.json --images pics --class-prompt H1=bolt "
        "--class-from attributes.type --encoding cp1251 --output exp1 --dry-run"
    )


@pytest.mark.parametrize(
    ("info", "request_", "end"),
    [
        (
            info_with("Draw it again."),
            InspectRequest(Path("d.json")),
            "after these errors are corrected: inspect-data d.json",
        ),
        (
            info_with("inspect-data DATA.json --fix OUT.json does it.", split="val"),
            InspectRequest(Path("folder"), images=Path("i")),
            "inspect-data /run/data/val.json --fix /run/data/val.fixed.json --images i",
        ),
        (
            info_with("inspect-data DATA.json --fix OUT.json does it."),
            InspectRequest(Path("d.json"), class_from="kind"),
            "inspect-data d.json --class-from kind",
        ),
    ],
)
def test_data_with_errors_is_repaired_or_looked_at_again(
    info: DatasetInfo, request_: InspectRequest, end: str
) -> None:
    assert next_step(request_, info).endswith(end)
