"""From category names to the caption that the model reads."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence

from train_teacher.core.errors import UsageError, UserError
from train_teacher.core.words import nearest

# max_tokens of the language model and max_text_len of the head in every published config.
TOKEN_LIMIT = 256
# [CLS] before the first phrase and [SEP] after the last; a full stop follows every phrase.
FRAME_TOKENS = 2
SEPARATOR_TOKENS = 1
SHOWN_CLASSES = 10
# The piece for whatever a vocabulary lacks.
UNKNOWN = "[UNK]"
# English words are 1.2 to 1.4 WordPieces long in BERT's vocabulary; longer ones are cut at
# about five letters.
LETTERS_PER_PIECE = 5
WHOLE_WORD_LETTERS = 8
# `.` and `?` end a phrase for the language model (special_tokens_list of the base config).
SEPARATORS = re.compile(r"[.?]")


def clean_label_name(name: str) -> str:
    """Return a class name as mmdet cleans it (clean_label_name of its grounding_dino.py).

    Everything from the first opening to the last closing bracket goes, `_` becomes a space, and
    each pair of spaces one space, in one pass.
    """
    without_brackets = re.sub(r"\(.*\)", "", name)
    return without_brackets.replace("_", " ").replace("  ", " ")


def reads_as(name: str) -> str:
    """Return the words that an uncased BERT reads for a name; it cannot distinguish equal words."""
    plain = unicodedata.normalize("NFD", clean_label_name(canonical_name(name)).lower())
    without_accents = "".join(c for c in plain if unicodedata.category(c) != "Mn")
    return " ".join(without_accents.split())


def read_with(name: str, pieces: Sequence[str]) -> str:
    """Return the words that the model reads for a name, [UNK] where the vocabulary has no piece.

    Args:
        name: a class name or phrase.
        pieces: its WordPieces; nothing when no vocabulary is available.
    """
    return " ".join(pieces).replace(" ##", "") if UNKNOWN in pieces else reads_as(name)


def class_prompt(name: str, phrase: str = "some words") -> str:
    """Return the option that gives a class other words, safe to paste into a shell."""
    return f"--class-prompt {shlex.quote(f'{visible_name(name)}={phrase}')}"


def visible_name(name: str) -> str:
    """Return a name without stray white space and invisible characters."""
    visible = "".join(
        " " if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Zs") else c
        for c in name
        if unicodedata.category(c) != "Cf"
    )
    return " ".join(visible.split())


def told_name(own: str, phrase: str) -> str:
    """Return the name of a class for display, with the model's words where they differ."""
    return own if own == phrase else f'{own} ("{phrase}")'


def canonical_name(name: str) -> str:
    """Return a visible name without phrase separators, as the canonical copies have it."""
    return " ".join(SEPARATORS.sub(" ", visible_name(name)).split())


def match_names(wanted: Sequence[str], names: Sequence[str]) -> list[int]:
    """Return the position of each wanted name among the names, -1 where it is none of them.

    Names that look the same are the same, unless one is the same letter by letter; so are those
    that differ in capitals only, when one name alone does.
    """
    exact = {name: at for at, name in reversed(list(enumerate(names)))}
    looking = {_looks(name): at for at, name in reversed(list(enumerate(names)))}
    folded = {look.casefold(): at for look, at in looking.items()}
    counts = Counter(look.casefold() for look in looking)
    places = []
    for name in wanted:
        look = _looks(name)
        alike = folded[look.casefold()] if counts[look.casefold()] == 1 else -1
        places.append(exact.get(name, looking.get(look, alike)))
    return places


def differ_in_stored_accents(names: Sequence[str]) -> bool:
    """Return whether names differ only in the stored form of their accents (NFC, NFD)."""
    composed = {unicodedata.normalize("NFC", name) for name in names}
    return len(composed) == 1 < len(set(names))


def _looks(name: str) -> str:
    return unicodedata.normalize("NFC", visible_name(name))


def apply_class_prompts(
    names: Sequence[str],
    prompts: Mapping[str, str],
    said: str = "--class-prompt (prompts: in YAML)",
) -> tuple[str, ...]:
    """Return the canonical names, with the user's phrases by class name in place of theirs.

    Spaces of a class name do not count; `said` is the option that gave the phrases.

    Raises:
        UsageError: a phrase is for a class that does not exist, or is empty.
    """
    problems = []
    prompts = _split_at_names(prompts, names)
    places = match_names(list(prompts), names)
    for (name, phrase), place in zip(prompts.items(), places, strict=True):
        if place < 0:
            problems.append(f"there is no class {name!r} for {phrase!r}; {_nearest(name, names)}")
        elif not canonical_name(phrase):
            problems.append(f"the phrase for {name!r} is empty")
    if problems:
        raise UsageError("\n".join(f"{said}: {problem}" for problem in problems))
    return tuple(canonical_name(phrase) for phrase in given_phrases(names, prompts))


def given_phrases(names: Sequence[str], prompts: Mapping[str, str]) -> tuple[str, ...]:
    """Return the text of each class: the user's phrase, else the name.

    Spaces of a class name do not count.
    """
    prompts = _split_at_names(prompts, names)
    places = match_names(list(prompts), names)
    given = {names[at]: text for at, text in zip(places, prompts.values(), strict=True) if at >= 0}
    return tuple(given.get(name, name) for name in names)


def _split_at_names(prompts: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Return the prompts split at the `=` before which the name of a class stands."""
    meant: dict[str, str] = {}
    for name, phrase in prompts.items():
        parts = f"{name}={phrase}".split("=")
        ways = [("=".join(parts[:n]), "=".join(parts[n:])) for n in range(len(parts) - 1, 0, -1)]
        places = match_names([left for left, _ in ways], names)
        fitting = [way for way, at in zip(ways, places, strict=True) if at >= 0]
        meant.update([fitting[0] if "=" in name and fitting else (name, phrase)])
    return meant


def _nearest(name: str, names: Sequence[str]) -> str:
    if near := nearest(name, names):
        return f"did you mean {near!r}?"
    hidden = len(names) - SHOWN_CLASSES
    more = f" and {hidden} more" if hidden > 0 else ""
    return f"classes: {', '.join(names[:SHOWN_CLASSES])}{more}"


def build_prompt(names: Sequence[str]) -> str:
    """Return the caption as mmdet builds it: every name followed by a full stop and a space."""
    return "".join(f"{clean_label_name(name)}. " for name in names)


def estimate_tokens(names: Sequence[str]) -> int:
    """Estimate the tokens of the caption when no vocabulary is available.

    [CLS] and [SEP], one separator per class, and per word one piece up to eight letters, then one
    for every further five.
    """
    pieces = 0
    for name in names:
        for word in re.findall(r"\w+|[^\w\s]", clean_label_name(name)):
            beyond = max(0, len(word) - WHOLE_WORD_LETTERS)
            pieces += 1 + -(-beyond // LETTERS_PER_PIECE)
    return 2 + len(names) + pieces


def prompt_tokens(class_tokens: Sequence[int]) -> int:
    """Return the tokens of the caption of classes, given theirs without separators."""
    return FRAME_TOKENS + sum(class_tokens) + SEPARATOR_TOKENS * len(class_tokens)


def pack_classes(
    names: Sequence[str],
    class_tokens: Sequence[int],
    limit: int = TOKEN_LIMIT,
    most: int | None = None,
) -> tuple[range, ...]:
    """Cut a list of classes into the longest prompts that fit, as ranges of positions.

    Args:
        names: classes in order, for messages.
        class_tokens: tokens of each, without its separator.
        limit: tokens that a prompt may have, with [CLS], [SEP] and separators.
        most: classes that a prompt may have; None for any number.

    Raises:
        UserError: a class alone is longer than the limit, or has no token.
    """
    parts: list[range] = []
    start, used = 0, FRAME_TOKENS
    for position, tokens in enumerate(class_tokens):
        cost = tokens + SEPARATOR_TOKENS
        _require_readable(names[position], tokens, limit)
        full = used + cost > limit or position - start == most
        if full:
            parts.append(range(start, position))
            start, used = position, FRAME_TOKENS
        used += cost
    if start < len(class_tokens):
        parts.append(range(start, len(class_tokens)))
    return tuple(parts)


def _require_readable(name: str, tokens: int, limit: int) -> None:
    if tokens == 0:
        raise UserError(
            f"class {name!r} has no token: the model reads nothing for it, it could not be learned "
            f"and would score NaN. Give it words: {class_prompt(name)}."
        )
    alone = prompt_tokens([tokens])
    if alone > limit:
        raise UserError(
            f"class {name!r} needs a prompt of {alone} tokens, the model reads {limit}: the rest "
            "of its name would be cut off. Give it a shorter phrase: --class-prompt NAME=PHRASE, "
            "or prompts: in YAML."
        )


def classes_per_prompt(names: Sequence[str], class_tokens: Sequence[int], limit: int) -> int:
    """Return how many classes a prompt has when all are spread evenly over the fewest prompts.

    Tokens of a class are without its separator.

    Raises:
        UserError: see `pack_classes`.
    """
    return -(-len(names) // len(pack_classes(names, class_tokens, limit)))
