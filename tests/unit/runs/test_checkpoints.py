"""A run goes on from the newest checkpoint that can be read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from train_teacher.core.errors import UserError
from train_teacher.runs.checkpoints import newest_usable


def save(path: Path, epoch: int) -> None:
    torch.save({"meta": {"epoch": epoch, "iter": 10 * epoch}, "state_dict": {}}, path)


def test_a_damaged_last_checkpoint_is_told_and_the_one_before_it_is_taken(tmp_path: Path) -> None:
    save(tmp_path / "previous.pth", 2)
    save(tmp_path / "last.pth", 3)
    assert (newest_usable(tmp_path).epoch, newest_usable(tmp_path).step) == (3, 30)
    (tmp_path / "last.pth").write_bytes(b"cut off")
    found = newest_usable(tmp_path)
    assert (found.checkpoint, found.epoch) == (tmp_path / "previous.pth", 2)
    assert "last.pth" in found.notes[0]


def test_a_folder_of_damaged_checkpoints_is_refused_and_an_empty_one_starts_anew(
    tmp_path: Path,
) -> None:
    assert newest_usable(tmp_path).checkpoint is None
    (tmp_path / "last.pth").write_bytes(b"cut off")
    with pytest.raises(UserError, match="no checkpoint in"):
        newest_usable(tmp_path)


@pytest.mark.parametrize(
    "meta", [{}, None, [1], {"epoch": "NaN", "iter": 1}, {"epoch": 1, "iter": 1, "base": "a"}]
)
def test_a_checkpoint_that_does_not_say_where_it_stands_is_damaged(
    tmp_path: Path, meta: object
) -> None:
    save(tmp_path / "previous.pth", 2)
    torch.save({"meta": meta, "state_dict": {}}, tmp_path / "last.pth")
    found = newest_usable(tmp_path)
    assert found.epoch == 2
    assert "last.pth" in found.notes[0]
