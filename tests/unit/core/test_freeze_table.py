"""The table that a training writes is the one that its report shows."""

from __future__ import annotations

from pathlib import Path

import msgspec

from train_teacher.core.freeze_table import (
    FILE_NAME,
    FreezeTable,
    ModelPart,
    read_freeze_table,
    write_freeze_table,
)

TABLE = FreezeTable(
    (ModelPart("backbone", 1200, 0), ModelPart("neck", 300, 300), ModelPart("decoder", 500, 20))
)


def test_each_part_has_a_line_and_the_proof_is_the_last() -> None:
    proven = msgspec.structs.replace(TABLE, proof="all 7 frozen tensors are bit-identical")
    assert str(proven).splitlines() == [
        "part                    parameters  state",
        "backbone                     1,200  frozen",
        "neck                           300  trainable",
        "decoder                        500  20 trainable",
        "total                        2,000  320 trainable (16 %)",
        "proof: all 7 frozen tensors are bit-identical",
    ]


def test_before_training_ends_there_is_no_proof() -> None:
    assert "proof" not in str(TABLE)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "data" / FILE_NAME
    write_freeze_table(path, TABLE)
    assert read_freeze_table(path) == TABLE


def test_a_run_without_a_table_has_none(tmp_path: Path) -> None:
    assert read_freeze_table(tmp_path / FILE_NAME) is None
    (tmp_path / FILE_NAME).write_text('{"parts": [{"na')
    assert read_freeze_table(tmp_path / FILE_NAME) is None
