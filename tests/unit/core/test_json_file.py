"""Whatever is wrong with a JSON file is one kind of error."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from train_teacher.core.json_file import decode_json, read_json


def test_a_whole_file_is_read_as_what_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1}')
    assert read_json(tmp_path / "a.json", dict[str, int]) == {"a": 1}


@pytest.mark.parametrize("text", [b"", b"{", b'{"a": "1"}', b'{"\xff": 1}', b"[" * 5000])
def test_every_damage_is_a_decode_error(text: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_json(text, dict[str, int] if text[:1] == b"{" else object)
