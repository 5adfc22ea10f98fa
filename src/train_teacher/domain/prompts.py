"""From category names to the caption that the model reads."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence

from train_teacher.domain.errors import UsageError

# max_tokens of the language model and max_text_len of the head in every published config.
TOKEN_LIMIT = 256
# English words are 1.2 to 1.4 WordPieces long in BERT's vocabulary; longer ones are cut at
# about five letters.
LETTERS_PER_PIECE = 5
WHOLE_WORD_LETTERS = 8
# `.` and `?` end a phrase for the language model (special_tokens_list of the base config).
SEPARATORS = re.compile(r"[.?]")


def clean_label_name(name: str) -> str:
    """Return what mmdet makes of a class name (clean_label_name of its grounding_dino.py).

    Everything from the first opening to the last closing bracket goes, `_` becomes a space, and
    each pair of spaces one space, in one pass.
    """
    without_brackets = re.sub(r"\(.*\)", "", name)
    return without_brackets.replace("_", " ").replace("  ", " ")


def reads_as(name: str) -> str:
    """Return the words that an uncased BERT reads for a name; equal words cannot be told apart."""
    plain = unicodedata.normalize("NFD", clean_label_name(canonical_name(name)).lower())
    without_accents = "".join(c for c in plain if unicodedata.category(c) != "Mn")
    return " ".join(without_accents.split())


def visible_name(name: str) -> str:
    """Return a name without stray white space and invisible characters."""
    visible = "".join(
        " " if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Zs") else c
        for c in name
        if unicodedata.category(c) != "Cf"
    )
    return " ".join(visible.split())


def canonical_name(name: str) -> str:
    """Return a visible name without phrase separators, as the canonical copies have it."""
    return " ".join(SEPARATORS.sub(" ", visible_name(name)).split())


def apply_class_prompts(names: Sequence[str], prompts: Mapping[str, str]) -> tuple[str, ...]:
    """Return the canonical names, with the user's phrases in place of theirs.

    Args:
        names: class names as they stand in the JSON.
        prompts: phrase by class name.

    Returns:
        One canonical phrase per name, in order.

    Raises:
        UsageError: a phrase is for a class that does not exist, or is empty.
    """
    problems = []
    for name, phrase in prompts.items():
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"classes: {', '.join(names)}"
            problems.append(f"--class-prompt {name}={phrase}: there is no class {name!r}; {hint}")
        elif not canonical_name(phrase):
            problems.append(f"--class-prompt {name}={phrase}: the phrase is empty")
    if problems:
        raise UsageError("\n".join(problems))
    return tuple(canonical_name(prompts.get(name, name)) for name in names)


def build_prompt(names: Sequence[str]) -> str:
    """Return the caption as mmdet builds it: every name followed by a full stop and a space."""
    return "".join(f"{clean_label_name(name)}. " for name in names)


def estimate_tokens(names: Sequence[str]) -> int:
    """Estimate the tokens of the caption when no vocabulary is at hand.

    [CLS] and [SEP], one separator per class, and per word one piece up to eight letters, then one
    for every further five.
    """
    pieces = 0
    for name in names:
        for word in re.findall(r"\w+|[^\w\s]", clean_label_name(name)):
            beyond = max(0, len(word) - WHOLE_WORD_LETTERS)
            pieces += 1 + -(-beyond // LETTERS_PER_PIECE)
    return 2 + len(names) + pieces
