from __future__ import annotations

from pathlib import Path

import pytest

from demo_model import make_settings
from train_teacher.core.errors import UserError
from train_teacher.runs.folder import RunFolder
from train_teacher.runs.record import (
    config_was_edited,
    plain_settings,
    read_record,
    write_record,
)

CONFIG = "max_epochs = 12\n"


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path)
    folder.data.mkdir()
    folder.config.write_text(CONFIG)
    return folder


def test_what_a_run_was_started_with_is_read_back_value_by_value(folder: RunFolder) -> None:
    settings = make_settings(lr=3e-5, freeze=["neck"])
    write_record(folder, settings, CONFIG)
    record = read_record(folder)

    assert record is not None
    assert record.settings == plain_settings(settings)
    assert record.settings["freeze"] == ["neck"]


def test_an_edit_of_the_config_is_noticed(folder: RunFolder) -> None:
    write_record(folder, make_settings(), CONFIG)
    record = read_record(folder)
    assert record is not None

    assert not config_was_edited(folder, record)
    folder.config.write_text(CONFIG.replace("12", "13"))
    assert config_was_edited(folder, record)


def test_a_run_of_a_version_that_kept_none_has_none(folder: RunFolder) -> None:
    assert read_record(folder) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"settings": 1}'])
def test_a_damaged_record_is_named_with_the_way_out(folder: RunFolder, content: bytes) -> None:
    folder.record.write_bytes(content)

    with pytest.raises(UserError, match=r"started_with\.json cannot be read.*remove that file"):
        read_record(folder)
