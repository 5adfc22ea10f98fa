from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from train_teacher.images.decoding_cache import file_key, image_cache_file, recall, remember

KEY = ("/a/1.jpg", 10, 20)


def test_what_is_stored_is_recalled_for_the_same_file_and_version(tmp_path: Path) -> None:
    cache = tmp_path / "new" / "images.sqlite"
    remember({KEY: b"value"}, "1", cache)

    assert recall([KEY], "1", cache) == {"/a/1.jpg": b"value"}
    assert recall([("/a/1.jpg", 10, 21)], "1", cache) == {}
    assert recall([("/a/1.jpg", 11, 20)], "1", cache) == {}
    assert recall([KEY], "2", cache) == {}


def test_a_newer_value_replaces_the_older(tmp_path: Path) -> None:
    cache = tmp_path / "images.sqlite"
    remember({KEY: b"old"}, "1", cache)
    remember({("/a/1.jpg", 11, 21): b"new"}, "1", cache)

    assert recall([KEY], "1", cache) == {}
    assert recall([("/a/1.jpg", 11, 21)], "1", cache) == {"/a/1.jpg": b"new"}


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\0" + bytes(90)])
def test_a_damaged_cache_is_no_cache(tmp_path: Path, content: bytes) -> None:
    cache = tmp_path / "images.sqlite"
    cache.write_bytes(content)

    assert recall([KEY], "1", cache) == {}
    remember({KEY: b"value"}, "1", cache)


def test_a_file_that_is_no_database_is_replaced(tmp_path: Path) -> None:
    cache = tmp_path / "images.sqlite"
    cache.write_bytes(b"not a database, and long enough to be looked at" * 10)
    remember({KEY: b"value"}, "1", cache)

    assert recall([KEY], "1", cache) == {"/a/1.jpg": b"value"}


def test_a_locked_cache_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train_teacher.images.decoding_cache.WAIT_SECONDS", 0.01)
    cache = tmp_path / "images.sqlite"
    remember({KEY: b"value"}, "1", cache)
    other = sqlite3.connect(cache)
    other.execute("BEGIN EXCLUSIVE")
    remember({KEY: b"changed"}, "1", cache)
    other.rollback()
    other.close()

    assert recall([KEY], "1", cache) == {"/a/1.jpg": b"value"}


def test_a_folder_that_cannot_be_made_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    remember({KEY: b"value"}, "1", tmp_path / "file" / "images.sqlite")

    assert recall([KEY], "1", tmp_path / "file" / "images.sqlite") == {}


def test_the_variable_names_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAIN_TEACHER_CACHE", str(tmp_path))
    assert image_cache_file() == tmp_path / "images.sqlite"

    monkeypatch.delenv("TRAIN_TEACHER_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert image_cache_file() == tmp_path / "train-teacher" / "images.sqlite"


def test_a_file_that_is_gone_has_no_key(tmp_path: Path) -> None:
    assert file_key(str(tmp_path / "gone.jpg")) is None
