from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from coco_factory import annotation, category, coco
from train_teacher.coco.text import TopLevel, read_other_members, read_top_level
from train_teacher.core.errors import UserError


def read(folder: Path, content: object, encoding: str | None = None) -> TopLevel:
    path = folder / "data.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return read_top_level(path, encoding)


def refusal(folder: Path, content: object) -> str:
    with pytest.raises(UserError) as error:
        read(folder, content)
    message = str(error.value)
    assert message.startswith(f"{folder / 'data.json'}: ")
    return message


@pytest.mark.parametrize(
    ("repair", "note"),
    [
        (lambda text: b"\xef\xbb\xbf" + text.encode(), "byte order mark"),
        (lambda text: text.encode("utf-16"), "UTF-16"),
        (lambda text: text.encode("utf-16-be"), "UTF-16-BE"),
        (lambda text: text.encode("cp1252"), "Windows-1252"),
        (lambda text: gzip.compress(text.encode()), "gzip"),
    ],
    ids=["bom", "utf-16", "utf-16-be", "cp1252", "gzip"],
)
def test_other_encodings_are_read_and_noted(tmp_path: Path, repair, note: str) -> None:  # type: ignore[no-untyped-def]  # lambdas of the table
    content = coco(categories=[category(1, "café"), category(2, "b")])

    top = read(tmp_path, repair(json.dumps(content, ensure_ascii=False)))

    assert json.loads(bytes(top.categories[0]))["name"] == "café"
    assert top.note is not None
    assert note in top.note


def test_a_missing_file_is_f1(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.json: F1 there is no such file"):
        read_top_level(tmp_path / "nothing.json")


def test_a_folder_is_f1(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="F1 this is a folder"):
        read_top_level(tmp_path)


def test_an_empty_file_is_f1(tmp_path: Path) -> None:
    assert "F1 the file is empty" in refusal(tmp_path, b" \n")


def test_a_truncated_file_is_f1_with_the_place(tmp_path: Path) -> None:
    text = json.dumps(coco(), indent=1).encode()
    message = refusal(tmp_path, text[:400])

    assert f"F1 ends in the middle of a record at byte 400 (line {text[:400].count(10) + 1})" in (
        message
    )
    assert "incomplete" in message


def test_a_truncated_file_with_nan_is_still_called_truncated(tmp_path: Path) -> None:
    text = json.dumps(coco(annotations=[annotation(1, area=float("nan")), annotation(2)])).encode()

    assert "ends in the middle" in refusal(tmp_path, text[:-60])


def test_json_lines_are_named(tmp_path: Path) -> None:
    assert "JSON Lines" in refusal(tmp_path, b'{"a": 1}\n{"a": 2}\n')


def test_a_damaged_gzip_is_f1(tmp_path: Path) -> None:
    assert "F1 the gzip archive" in refusal(tmp_path, gzip.compress(b"{}" * 99)[:-9])


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"null", "null"), (b"7", "a number"), (b'"a"', "a text"), (b"true", "true or false")],
)
def test_what_is_no_object_is_told_in_the_words_of_json(
    tmp_path: Path, content: bytes, words: str
) -> None:
    assert f"F3 The file holds {words}" in refusal(tmp_path, content)
    # Whatever it holds, such as nothing at all.
    assert "F4 the file holds a list" in refusal(tmp_path, b"[]")


@pytest.mark.parametrize("section", ["images", "annotations", "categories"])
def test_a_missing_or_wrong_section_is_f4(tmp_path: Path, section: str) -> None:
    content = coco()
    assert f'"{section}" should be a list, not an object' in refusal(
        tmp_path, {**content, section: {}}
    )
    del content[section]
    assert f'F4 no "{section}"' in refusal(tmp_path, content)


def test_letters_that_no_encoding_explains_are_doubted_and_a_named_one_settles_it(
    tmp_path: Path,
) -> None:
    data = json.dumps(coco(categories=[category(1, "собака")]), ensure_ascii=False).encode("cp1251")

    assert "cp1251 reads собака" in str(read(tmp_path, data).doubt)
    settled = read(tmp_path, data, "cp1251")
    assert settled.doubt is None
    assert json.loads(bytes(settled.categories[0]))["name"] == "собака"


def test_what_stands_beside_the_lists_is_returned_without_them(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps(coco(info={"year": 2026}, mine=[1])), encoding="utf-8")

    assert read_other_members(path) == {"info": {"year": 2026}, "mine": [1]}
