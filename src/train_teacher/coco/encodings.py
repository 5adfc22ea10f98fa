"""In which encoding a text that is not UTF-8 was written, as far as its letters prove it."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from train_teacher.core.errors import UsageError

ASSUMED = "cp1252"
"""What is read when nothing else is proven: Windows in western Europe."""
LATIN_RUN = 2
"""Accented letters in a row; a word of western Europe has no more."""
SHOWN_WORDS = 3
CONVINCING = 0.5
_WORD = re.compile(r"[^\W\d_]*[^\x00-\x7f]+[^\W\d_]*")
_RUN = re.compile(r"[^\x00-\x7f]+")


@dataclass(frozen=True)
class Reading:
    """A text in an encoding that gives letters of one script."""

    encoding: str
    share: float
    """Of its characters, those that are usual in that encoding's language, 0 to 1."""
    words: tuple[str, ...]
    """Some words as they read."""


def require_known(encoding: str | None) -> None:
    """Refuse an encoding that Python does not know.

    Raises:
        UsageError: it is none of its text encodings.
    """
    try:
        if encoding is not None:
            "".encode(encoding)
    except (LookupError, ValueError):
        raise UsageError(
            f"--encoding {encoding}: is no encoding that Python knows. Usual ones: utf-8, gb18030, "
            "cp1251, shift_jis, euc_kr, big5, cp1250, cp1252."
        ) from None


def is_western(text: bytes) -> bool:
    """Return whether Windows-1252 gives words of accented letters among plain ones."""
    read = _decoded(text, ASSUMED)
    return read is not None and all(
        word.isalpha() and all(len(run) <= LATIN_RUN < len(word) for run in _RUN.findall(word))
        for word in _WORD.findall(read)
    )


def likely_readings(text: bytes) -> tuple[Reading, ...]:
    """Return the encodings in which all characters beyond ASCII are letters, the likeliest first.

    Args:
        text: of which some is beyond ASCII, and which is not UTF-8.
    """
    readings = []
    for encoding, usual in _LANGUAGES.items():
        read = _decoded(text, encoding)
        foreign = "".join(_RUN.findall(read)) if read else ""
        if foreign and foreign.isalpha():
            share = sum(map(usual, foreign)) / len(foreign)
            words = tuple(dict.fromkeys(_WORD.findall(read or "")))[:SHOWN_WORDS]
            readings.append(Reading(encoding, share, words))
    sure = [reading for reading in readings if reading.share >= CONVINCING]
    return tuple(sorted(sure, key=lambda reading: -reading.share))


def _decoded(text: bytes, encoding: str) -> str | None:
    try:
        return text.decode(encoding)
    except UnicodeError:
        return None


def _first_byte(encoding: str, usual: Iterable[int]) -> Callable[[str], bool]:
    """Return whether a character's first byte is one of the rows of frequent characters."""
    rows = frozenset(usual)
    encode = codecs.lookup(encoding).encode
    return lambda character: encode(character)[0][0] in rows


def _in_script(*scripts: str) -> Callable[[str], bool]:
    return lambda character: unicodedata.name(character, "").startswith(scripts)


_LANGUAGES: dict[str, Callable[[str], bool]] = {
    # GB 2312 has its 3,755 frequent characters in rows 0xB0 to 0xD7, Big5 in 0xA4 to 0xC6.
    "gb18030": _first_byte("gb18030", range(0xB0, 0xD8)),
    "cp1251": lambda character: _in_script("CYRILLIC")(character) and character.islower(),
    "shift_jis": _in_script("HIRAGANA", "KATAKANA LETTER"),
    "euc_kr": _in_script("HANGUL"),
    "big5": _first_byte("big5", range(0xA4, 0xC7)),
    "koi8_r": lambda character: _in_script("CYRILLIC")(character) and character.islower(),
}
