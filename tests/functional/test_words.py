"""Texts have the terms of docs/glossary.md and American spelling; words.yaml says what none has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import list_messages

ROOT = Path(__file__).resolve().parents[2]
WORDS: dict[str, dict[str, str]] = yaml.safe_load(
    Path(__file__).with_name("words.yaml").read_text(encoding="utf-8")
)
CODE = re.compile(r"`[^`\n]*`|(?m:^ +\w+:)|https?://\S+")
"""Code, names of arguments in docstrings and addresses, which keep their spelling."""
GIVEN_UP = {**WORDS["texts"], **WORDS["american"]}
ANY = re.compile(rf"(?<![\w/|.-])(?:{'|'.join(GIVEN_UP)})(?![\w/(]|\.\w)")
FIRST = re.compile(r'"""(.*?)"""', re.DOTALL)
START = re.compile("|".join(WORDS["docstrings"]))
PLACES = ("src", "configs", "docs", "scripts", "README.md", "CONTRIBUTING.md")


def found_in(kind: str, content: str) -> list[str]:
    """Return the words of a text that no text has, each with what stands in its place."""
    text = CODE.sub(" ", content)
    found = [match[0] for match in ANY.finditer(text)]
    words = [
        next(f"{w}: {GIVEN_UP[rule]}" for rule in GIVEN_UP if re.search(rule, w)) for w in found
    ]
    if kind == "docstring" and START.match(text):
        words.append(f"{text.split()[0]}: {'; '.join(WORDS['docstrings'].values())}")
    return words


def test_no_text_has_a_word_or_form_that_was_given_up() -> None:
    texts = list_messages.list_texts(ROOT / place for place in PLACES)
    found = [
        f"{text.path.relative_to(ROOT)}:{text.line}: {word}"
        for text in texts
        for word in found_in(text.kind, text.content)
    ]

    assert not found, "\n".join(found)


def test_no_test_file_begins_with_a_word_or_form_that_was_given_up() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if (first := FIRST.match(path.read_text(encoding="utf-8")))
        for word in found_in("docstring", first[1])
    ]

    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("docstring", "Whether the record is kept."),
        ("message", "the loss of step 3 is not a number"),
        ("comment", "# The colour of a class."),
        ("text", "1,273 host reads a step"),
    ],
)
def test_a_word_that_was_given_up_is_found(kind: str, text: str) -> None:
    assert found_in(kind, text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("docstring", "Return whether the record is kept."),
        ("text", "the file `evaluation/labelled_images.py` and the member `chance`"),
        ("message", "no number of images is too small"),
    ],
)
def test_code_and_plain_words_are_fine(kind: str, text: str) -> None:
    assert not found_in(kind, text)
