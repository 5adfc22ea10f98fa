"""A stopped run goes on with the same weights and images, wherever they lie now."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from demo_model import make_info
from train_teacher.core.errors import UsageError, UserError
from train_teacher.core.file_digest import sha256_of
from train_teacher.runs.checkpoints import FoundCheckpoint
from train_teacher.runs.folder import RunFolder
from train_teacher.training.moved_files import refuse_other_weights, with_images_in


def test_only_the_file_that_the_checkpoint_was_trained_on_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "base.pth"
    file.write_bytes(b"weights")
    base = {"name": "first.pth", "sha256": sha256_of(file)}
    refuse_other_weights(file, FoundCheckpoint(file, 1, 1, base))
    with pytest.raises(UsageError, match=r"is another file .*first\.pth"):
        refuse_other_weights(file, FoundCheckpoint(file, 1, 1, {**base, "sha256": "0" * 64}))
    with pytest.raises(UsageError, match="random weights"):
        refuse_other_weights(file, FoundCheckpoint(file, 1, 1, None))
    refuse_other_weights(file, FoundCheckpoint(None))  # nothing was trained on anything yet


def test_every_split_finds_the_folder_that_has_all_its_images(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.data.mkdir(parents=True)
    moved = tmp_path / "moved"
    for name, inside in (("train", "a/1.jpg"), ("val", "2.jpg"), ("test", "3.jpg")):
        names = {"images": [{"file_name": inside}]}
        (run.data / f"{name}.json").write_text(json.dumps(names))
        (moved / inside).parent.mkdir(parents=True, exist_ok=True)
        (moved / inside).touch()
    info = with_images_in(run, make_info(), Path("/images"), moved)
    assert {split.image_dir for split in info.splits} == {str(moved)}
    (moved / "2.jpg").unlink()
    with pytest.raises(UserError, match=r"1 of 1 images of the run are not in .*2\.jpg"):
        with_images_in(run, make_info(), Path("/images"), moved)
