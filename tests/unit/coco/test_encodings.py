"""A file that is not UTF-8 is never read as rubbish without a word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from train_teacher.coco.encodings import is_western, likely_readings, require_known
from train_teacher.coco.reader import read_coco
from train_teacher.core.errors import UsageError

NAMES = {
    "gb18030": ["猫", "狗", "消防车"],
    "cp1251": ["собака", "кошка", "Машина"],
    "shift_jis": ["ねこ", "くるま", "信号のあか"],
    "euc_kr": ["고양이", "자동차"],
    "big5": ["汽車", "公共汽車"],
    "euc_jp": ["ねこ", "トラック"],
    "koi8_r": ["кошка", "собака"],
    "cp866": ["кошка", "собака"],
    "cp1253": ["γάτα", "σκύλος"],
    "cp1250": ["člověk", "vůz"],
    "cp1254": ["ağaç", "kişi"],
    "mac_roman": ["café", "Gerät"],
    "cp850": ["Gerät", "señal"],
}


def content(names: list[str]) -> str:
    categories = [{"id": n, "name": name} for n, name in enumerate(names, 1)]
    return json.dumps(
        {"images": [], "annotations": [], "categories": categories}, ensure_ascii=False
    )


@pytest.mark.parametrize("encoding", NAMES)
def test_the_encoding_of_short_names_is_among_those_offered_with_its_words(encoding: str) -> None:
    text = content(NAMES[encoding]).encode(encoding)
    assert not is_western(text)
    offered = {reading.encoding: reading for reading in likely_readings(text)}
    assert NAMES[encoding][0] in offered[encoding].words


@pytest.mark.parametrize("encoding", [name for name in NAMES if name != "euc_kr"])
def test_the_usual_letters_decide_which_encoding_is_named_first(encoding: str) -> None:
    text = content(NAMES[encoding]).encode(encoding)
    assert likely_readings(text)[0].encoding == encoding


@pytest.mark.parametrize(
    "names",
    [
        ["Mädchen", "café", "Straße", "naïve"],
        ["Öl", "Müll", "Ähre", "Süßigkeit"],
        ["où", "À la carte", "créée", "œuf"],
        ["cão", "avião", "maçã", "caffè", "più"],
        ["ÁRBOL", "GERÄT"],
        ["driver’s seat", "90° elbow", "20 °C", "5 €", "Coca-Cola®"],
    ],
)
def test_words_of_western_europe_leave_no_doubt(names: list[str]) -> None:
    assert is_western(content(names).encode("cp1252"))


@pytest.mark.parametrize("names", [b"caf\xc3", b"caf\xc3\xa9 se\xf1al"], ids=["cut", "mixed"])
def test_utf_8_with_a_damaged_letter_is_not_taken_for_words(names: bytes) -> None:
    assert not is_western(names)


@pytest.mark.parametrize("encoding", NAMES)
def test_names_are_right_once_the_encoding_is_named_and_doubted_before(
    tmp_path: Path, encoding: str
) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(content(NAMES[encoding]).encode(encoding))
    assert read_coco(path).encoding_doubt is not None
    named = read_coco(path, encoding)
    assert [category.name for category in named.categories] == NAMES[encoding]
    assert named.encoding_doubt is None


def test_an_encoding_that_does_not_exist_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="Usual ones: utf-8, gb18030"):
        require_known("klingon")
