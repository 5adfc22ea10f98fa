"""A file is complete or absent, and the one before may stay under another name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from train_teacher.core.atomic_file import replacing, require_new, write_atomically
from train_teacher.core.errors import UserError


def content_of(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_the_file_before_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("before")
    with replacing(target) as partial:
        partial.write_text("after")
        assert target.read_text() == "before"
    assert content_of(tmp_path) == {"a.txt": "after"}


def test_what_fails_half_way_leaves_everything_as_it_was(tmp_path: Path) -> None:
    def parts() -> Iterator[bytes]:
        yield b"half"
        raise KeyboardInterrupt

    write_atomically(tmp_path / "a.txt", "before")
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a.txt", parts())
    assert content_of(tmp_path) == {"a.txt": "before"}


@pytest.mark.parametrize("links", [True, False])
def test_the_file_before_is_kept_under_the_other_name(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    for number in range(3):
        with replacing(tmp_path / "last", keep_as=tmp_path / "previous") as partial:
            partial.write_text(str(number))
    assert content_of(tmp_path) == {"last": "2", "previous": "1"}


def test_others_may_read_the_file_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a.txt", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640


def test_a_folder_that_is_missing_is_a_message(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone/a\.txt: cannot be written: No such file"):
        write_atomically(tmp_path / "gone" / "a.txt", "text")


def test_a_result_that_could_not_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    require_new("--html", None)
    require_new("--html", tmp_path / "a.html")
    (tmp_path / "a.html").touch()
    with pytest.raises(UserError, match=r"--html .*a.html: exists, and nothing is overwritten"):
        require_new("--html", tmp_path / "a.html")
    with pytest.raises(UserError, match=f"there is no folder {tmp_path / 'gone'}"):
        require_new("--html", tmp_path / "gone" / "a.html")
