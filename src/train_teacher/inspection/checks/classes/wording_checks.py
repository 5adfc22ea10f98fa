"""N4 to N9, N11: class names as text for an English language model."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from train_teacher.coco.dataset import CategoryRecord
from train_teacher.core.words import listed, plural
from train_teacher.inspection.facts import Example, Finding, Severity
from train_teacher.inspection.finding import REPAIRED, SHOWN
from train_teacher.inspection.inspected import Inspected
from train_teacher.prompts.caption import (
    SEPARATORS,
    UNKNOWN,
    class_prompt,
    clean_label_name,
    read_with,
    reads_as,
)

MANY_WORDS = 4
MANY_TOKENS = 15
_BRACKETS = re.compile(r"\(.*\)")
_HUMP = re.compile(r"[a-z][A-Z]")
_CODE = re.compile(
    r"[\W_]*(?:\d+|[a-z]|(?:[a-z]{1,4}|class|categor(?:y|ie)|label|object|type|item)[\W_]*\d+)[\W_]*",
    re.IGNORECASE,
)
_SIGNS = re.compile(r"[!-/:-@\[-`{-~ ]+")
"""ASCII without letters and digits."""


@dataclass(frozen=True)
class ClassText:
    """One class and the text that stands for it."""

    category: CategoryRecord
    text: str
    """The name, or the phrase that the user gave, as it was written."""
    tokens: int
    """WordPieces of it, estimated when no vocabulary is available."""
    pieces: Sequence[str]
    """The same, [UNK] for what the vocabulary lacks; none without a vocabulary."""


def check_wording(data: Inspected) -> list[Finding]:
    """Return N4 to N9 and N11: names that the model reads differently than a person."""
    parts = zip(data.classes, data.given, data.prompt.class_tokens, data.pieces, strict=True)
    classes = [ClassText(*of_class) for of_class in parts]
    findings = [f for kind in _KINDS if (f := _finding(kind, classes))]
    return [*findings, *_alike(classes)]


@dataclass(frozen=True)
class _Kind:
    code: str
    severity: Severity
    wrong: Callable[[ClassText], bool]
    what: str
    """Ends the sentence `2 classes ...`."""
    consequence: str
    fix: str


def _ends_phrase(one: ClassText) -> bool:
    return bool(SEPARATORS.search(one.text.strip())) and bool(reads_as(one.text))


def _loses_brackets(one: ClassText) -> bool:
    return bool(_BRACKETS.search(one.text)) and bool(reads_as(one.text))


def _is_code(one: ClassText) -> bool:
    text = clean_label_name(one.text).strip()
    return bool(_CODE.fullmatch(text) or (_SIGNS.fullmatch(text) and reads_as(text)))


def _runs_together(one: ClassText) -> bool:
    return not _is_code(one) and (bool(_HUMP.search(one.text)) or "/" in one.text)


def _is_garbled(one: ClassText) -> bool:
    """Return whether UTF-8 was read in another encoding on the way, or could not be read."""
    if "\ufffd" in one.text:
        return True
    for page in () if one.text.isascii() else ("cp1252", "latin-1"):
        try:
            one.text.encode(page).decode()
        except UnicodeError:
            continue
        return True
    return False


def _is_foreign(one: ClassText) -> bool:
    return not _is_garbled(one) and _has_foreign_letters(one)


def _has_foreign_letters(one: ClassText) -> bool:
    signs = ("So", "Sk", "Co", "Cn") if UNKNOWN in one.pieces or not one.pieces else ()
    return any(_is_foreign_letter(c, signs) for c in clean_label_name(one.text))


def _is_unknown(one: ClassText) -> bool:
    return UNKNOWN in one.pieces and not _has_foreign_letters(one) and not _is_garbled(one)


def _has_accents(one: ClassText) -> bool:
    if _is_garbled(one) or _has_foreign_letters(one):
        return False
    marks = unicodedata.normalize("NFD", clean_label_name(one.text))
    return any(unicodedata.category(c) == "Mn" for c in marks)


def _is_foreign_letter(character: str, signs: Sequence[str]) -> bool:
    if unicodedata.category(character) in signs:
        return True
    return character.isalpha() and not unicodedata.name(character, "").startswith("LATIN")


def _has_stray_space(one: ClassText) -> bool:
    text = one.text
    return text != text.strip() or "  " in text or any(map(_is_invisible, text))


def _is_invisible(character: str) -> bool:
    return character != " " and unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Zs")


def _is_long(one: ClassText) -> bool:
    return len(reads_as(one.text).split()) > MANY_WORDS and one.tokens <= MANY_TOKENS


def _is_very_long(one: ClassText) -> bool:
    return one.tokens > MANY_TOKENS


_KINDS = (
    _Kind(
        "N4",
        "warning",
        _ends_phrase,
        'with "." or "?" in the name',
        "Both end a phrase for the model: the rest would become another class.",
        f"{REPAIRED}, where a space stands instead; or reword",
    ),
    _Kind(
        "N5",
        "warning",
        _loses_brackets,
        "with text in brackets",
        "MMDetection drops everything from the first to the last bracket: the model never "
        "reads it.",
        "Write it without brackets",
    ),
    _Kind(
        "N6",
        "warning",
        _is_code,
        "named by a code, a number or signs",
        "It means nothing to the language model, so the class starts without any hint.",
        "Describe the object",
    ),
    _Kind(
        "N6",
        "info",
        _runs_together,
        "with words run together or joined by /",
        "The model reads one unknown word, or both words.",
        "Write separate words",
    ),
    _Kind(
        "N7",
        "warning",
        _is_garbled,
        "whose letters were read in a wrong encoding on the way (\u00c3\u00a9 for \u00e9)",
        "The model reads garbage: the class starts without any hint.",
        "Export the file again as UTF-8, or give the intended names",
    ),
    _Kind(
        "N7",
        "warning",
        _is_foreign,
        "in a script that an English model does not know",
        "They become single letters or [UNK]: the class starts without any hint.",
        "Give English words",
    ),
    _Kind(
        "N7",
        "warning",
        _is_unknown,
        "with a word that the vocabulary of the language model has no piece for",
        "The model reads [UNK] there, as for any other such word.",
        "Give another word",
    ),
    _Kind(
        "N7",
        "info",
        _has_accents,
        "with accents, which the model does not read",
        "The language model drops them: the word may be another one, or none, without.",
        "Nothing to do where the plain letters are an English word; else",
    ),
    _Kind(
        "N8",
        "warning",
        _has_stray_space,
        "with stray spaces or invisible characters",
        "Names that look the same would differ between files.",
        f"{REPAIRED}; inspect-data DATA.json --fix OUT.json cleans the file; or reword",
    ),
    _Kind(
        "N9",
        "warning",
        _is_very_long,
        f"with more than {MANY_TOKENS} tokens",
        "Long phrases use up the caption and carry less meaning per word.",
        "Shorten it",
    ),
    _Kind(
        "N9",
        "info",
        _is_long,
        f"of more than {MANY_WORDS} words",
        "Short noun phrases are what the model was trained on.",
        "Shorten it if that loses nothing",
    ),
)


def _finding(kind: _Kind, classes: Sequence[ClassText]) -> Finding | None:
    hit = [one for one in classes if kind.wrong(one)]
    if not hit:
        return None
    return Finding(
        code=kind.code,
        severity=kind.severity,
        count=len(hit),
        message=f"{plural(len(hit), 'class', 'classes')} {kind.what}: "
        f"{listed(_visible(one.text) for one in hit)}",
        consequence=kind.consequence,
        fix=f"{kind.fix}: {class_prompt(hit[0].category.name)}.",
        examples=tuple(_example(one) for one in hit[:SHOWN]),
        section="categories",
        ids=tuple(one.category.id for one in hit),
    )


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def _example(one: ClassText) -> Example:
    return Example(
        path=f"categories[{one.category.index}].name",
        value=f'"{_visible(one.text)}", read as "{read_with(one.text, one.pieces)}"',
    )


def _alike(classes: Sequence[ClassText]) -> list[Finding]:
    """Return N11: names that are part of another or its plural."""
    by_words = {reads_as(one.text): one for one in classes}
    pairs = []
    for words, one in by_words.items():
        parts = words.split()
        for start in range(len(parts)):
            for end in range(start + 1, len(parts) + 1):
                part = " ".join(parts[start:end])
                other = by_words.get(part) if part != words else None
                pairs += [(other, one)] if other else []
        pairs += [(one, by_words[p]) for p in (f"{words}s", f"{words}es") if p in by_words]
    if not pairs:
        return []
    told = [f'"{a.text}" and "{b.text}"' for a, b in pairs]
    return [
        Finding(
            code="N11",
            severity="info",
            count=len(pairs),
            message=f"{plural(len(pairs), 'pair')} of classes with nearly the same words: "
            + ", ".join(told[:SHOWN])
            + (", ..." if len(told) > SHOWN else ""),
            consequence="The words of one are also words of the other: only training can "
            "distinguish them.",
            fix="Nothing to do if the objects differ; reword if they should not be confused.",
            examples=tuple(_example(b) for _, b in pairs[:SHOWN]),
            section="categories",
            ids=tuple(b.category.id for _, b in pairs),
        )
    ]


CHECKS = (check_wording,)
