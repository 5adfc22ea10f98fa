"""Encoding of a text that is not UTF-8, as far as its letters prove it."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from train_teacher.core.errors import UsageError

ASSUMED = "cp1252"
"""Assumed when nothing else is proven: Windows in western Europe."""
LATIN_RUN = 2
"""Accented letters in a row; a word of western Europe has no more."""
WESTERN = frozenset("àáâãäåæçèéêëíîïñòóôõöøúûüßœ")
"""Beyond ASCII, what is usual within words of western Europe."""
ALONE = frozenset("àáâåéèêíîóôö")
"""Of these, the words of one letter."""
FINAL = frozenset("ìù")
"""Letters that only end a word of western Europe."""
SHOWN_WORDS = 3
CONVINCING = 0.5
CAPITAL = 0.8
"""Weight of a usual letter that is a capital; names are mostly in small letters."""
_WORD = re.compile(r"[^\W\d_]*[^\x00-\x7f]+[^\W\d_]*")
_RUN = re.compile(r"[^\x00-\x7f]+")
_SIGNS = re.compile(
    r"(?<![^\x00-\x7f])([°€®©](?![^\W\d_])|°(?=[CF]\b)|(?<=[a-z])’(?=s\b))(?![^\x00-\x7f])"
)
"""Signs beside plain words that have the same byte in all Windows code pages."""
_RISE = re.compile("[a-zß-ÿœ][À-ÞŒ]|[À-ÞŒ][ß-ÿœ]")
"""A change of case at an accented letter, which two-byte characters have and words do not."""


@dataclass(frozen=True)
class Reading:
    """A text in an encoding that gives letters of one script."""

    encoding: str
    share: float
    """Of its characters, those that are usual in its language, 0 to 1; capitals count less."""
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
    return read is not None and all(map(_is_western, _WORD.findall(_SIGNS.sub("", read))))


def _is_western(word: str) -> bool:
    accented = _RUN.findall(word)
    if len(word) == 1:
        return word.lower() in ALONE
    return (
        {c.lower() for c in "".join(accented).removesuffix(word[-1])} <= WESTERN
        and (word[-1].isascii() or word[-1].lower() in WESTERN | FINAL)
        and all(len(run) <= LATIN_RUN and run != word for run in accented)
        and _RISE.search(word) is None
    )


def likely_readings(text: bytes) -> tuple[Reading, ...]:
    """Return the encodings in which all characters beyond ASCII are letters, the likeliest first.

    Args:
        text: of which some is beyond ASCII, and which is not UTF-8.
    """
    readings = []
    for encoding, usual in _LANGUAGES.items():
        read = _decoded(text, encoding)
        words = tuple(dict.fromkeys(_WORD.findall(_SIGNS.sub("", read or ""))))
        foreign = "".join(_RUN.findall(" ".join(words)))
        joins = _JOINS_PLAIN_LETTERS.get(encoding)
        if not foreign.isalpha() or any(
            _mixed(word) != joins for word in words if joins is not None
        ):
            continue
        share = sum(map(usual, foreign)) / len(foreign)
        readings.append(Reading(encoding, share, words[:SHOWN_WORDS]))
    sure = [reading for reading in readings if reading.share >= CONVINCING]
    return tuple(sorted(sure, key=lambda reading: -reading.share))


def _decoded(text: bytes, encoding: str) -> str | None:
    try:
        return text.decode(encoding)
    except UnicodeError:
        return None


def _mixed(word: str) -> bool:
    return any(map(str.isascii, word))


def _first_byte(encoding: str, usual: Iterable[int]) -> Callable[[str], bool]:
    """Return whether a character's first byte is one of the rows of frequent characters."""
    rows = frozenset(usual)
    encode = codecs.lookup(encoding).encode
    return lambda character: encode(character)[0][0] in rows


def _in_script(*scripts: str) -> Callable[[str], bool]:
    return lambda character: unicodedata.name(character, "").startswith(scripts)


def _frequent(letters: str) -> Callable[[str], float]:
    return lambda c: (1 if c.islower() else CAPITAL) if c.lower() in letters else 0


_RUSSIAN = _frequent("оеаинтсрвлкмдпуяыбг")
_LANGUAGES: dict[str, Callable[[str], float]] = {
    # GB 2312 has its 3,755 frequent characters in rows 0xB0 to 0xD7, Big5 in 0xA4 to 0xC6,
    # JIS its kana and 2,965 frequent ones in 0x82, 0x83 and 0x88 to 0x97 (Shift JIS), or in
    # 0xA4, 0xA5 and 0xB0 to 0xCF (EUC).
    "gb18030": _first_byte("gb18030", range(0xB0, 0xD8)),
    "cp1251": _RUSSIAN,
    "shift_jis": _first_byte("shift_jis", (0x82, 0x83, *range(0x88, 0x98))),
    "euc_kr": _in_script("HANGUL"),
    "euc_jp": _first_byte("euc_jp", (0xA4, 0xA5, *range(0xB0, 0xD0))),
    "big5": _first_byte("big5", range(0xA4, 0xC7)),
    "koi8_r": _RUSSIAN,
    "cp866": _RUSSIAN,
    "cp1253": _frequent("αοιεστνκρλπμυάόίέήύώς"),
    "cp1250": _frequent("ąćęłńóśźżáčďéěíňřšťúůýžäöüőű"),
    "cp1254": _frequent("çğıöşüâîû"),
    ASSUMED: _frequent("".join(WESTERN)),
    "mac_roman": _frequent("".join(WESTERN)),
    "cp850": _frequent("".join(WESTERN)),
}
_JOINS_PLAIN_LETTERS = dict.fromkeys(
    ("cp1251", "koi8_r", "cp866", "cp1253"), False
) | dict.fromkeys(("cp1250", "cp1254", ASSUMED, "mac_roman", "cp850"), True)
"""Presence of ASCII letters in words, among the others: never, always, or now and then."""
