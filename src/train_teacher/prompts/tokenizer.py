"""The language model's folder and its vocabulary: token counts without torch or network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from train_teacher.core.errors import NotAtHandError, UserError
from train_teacher.prompts.caption import build_prompt, clean_label_name, estimate_tokens

LANGUAGE_MODEL = "bert-base-uncased"
"""That of all published Grounding DINOs."""
VOCABULARIES = ("vocab.txt", "tokenizer.json")
FRAME_TOKENS = 3
"""[CLS], [SEP] and the full stop of a single class."""


def resolve_language_model(value: str | Path) -> Path:
    """Return the folder of a language model.

    Args:
        value: a folder with config.json and a vocabulary, or the name of a model in the local
            Hugging Face cache, such as `bert-base-uncased`.

    Raises:
        UserError: the folder is incomplete, or the name is not in the cache.
    """
    folder = Path(value)
    if folder.is_dir():
        missing = missing_files(folder)
        if missing:
            raise UserError(
                f"--language-model {value}: the folder lacks {missing}. It needs config.json and "
                "vocab.txt of a BERT, as published with bert-base-uncased."
            )
        return folder.resolve()
    cached = _cached_snapshot(str(value))
    if cached is None:
        raise missing_model(str(value), "no such folder, and not in the cache")
    return cached


def missing_model(value: str, cause: str) -> NotAtHandError:
    """Return the error of a language model that is neither a folder nor in the local cache."""
    return NotAtHandError(
        f"the language model {value} is not on this machine: {cause}. Without its config.json and "
        f"vocab.txt the class names cannot be read; they were looked for in {hub_cache()}.\n"
        "  Run `teacher fetch PRESET --to DIR` on a machine with network, copy the folder here\n"
        "  and give --language-model DIR (or any folder that holds the two files).",
        cause,
    )


@dataclass(frozen=True)
class TokenCount:
    """WordPieces of the caption of some classes."""

    total: int
    exact: bool
    """False for an estimate: no vocabulary was available."""
    by_class: tuple[int, ...]
    pieces: tuple[tuple[str, ...], ...]
    """The WordPieces of each class, [UNK] for what the vocabulary lacks; none in an estimate."""


def count_tokens(names: Sequence[str], language_model: str | Path | None) -> TokenCount:
    """Count the tokens of the caption for canonical class names; None is bert-base-uncased.

    Raises:
        UserError: the language model is a folder that lacks a file.
    """
    try:
        folder = resolve_language_model(language_model or LANGUAGE_MODEL)
    except UserError:
        if language_model and Path(language_model).is_dir():
            raise  # tokens of another vocabulary would be counted
        own = tuple(estimate_tokens([name]) - FRAME_TOKENS for name in names)
        return TokenCount(estimate_tokens(names), False, own, ((),) * len(names))
    from tokenizers import BertWordPieceTokenizer, Tokenizer

    vocabulary = folder / "vocab.txt"
    tokenizer = (
        BertWordPieceTokenizer(str(vocabulary), lowercase=True)
        if vocabulary.is_file()
        else Tokenizer.from_file(str(folder / "tokenizer.json"))
    )
    encoded = [tokenizer.encode(clean_label_name(n), add_special_tokens=False) for n in names]
    return TokenCount(
        total=len(tokenizer.encode(build_prompt(names)).ids),
        exact=True,
        by_class=tuple(len(one.ids) for one in encoded),
        pieces=tuple(tuple(one.tokens) for one in encoded),
    )


def missing_files(folder: Path) -> str:
    """Return which of a language model's files a folder lacks, in words; empty when complete."""
    missing = [] if (folder / "config.json").is_file() else ["config.json"]
    if not any((folder / name).is_file() for name in VOCABULARIES):
        missing.append("vocab.txt")
    return " and ".join(missing)


def hub_cache() -> Path:
    """Return the folder where huggingface_hub keeps models (its documented variables)."""
    if explicit := os.environ.get("HF_HUB_CACHE"):
        return Path(explicit)
    home = os.environ.get("HF_HOME")
    return (Path(home) if home else Path.home() / ".cache" / "huggingface") / "hub"


def _cached_snapshot(name: str) -> Path | None:
    owners = (name,) if "/" in name else (name, f"google-bert/{name}")
    for owner in owners:
        model = hub_cache() / f"models--{owner.replace('/', '--')}"
        reference = model / "refs" / "main"
        if reference.is_file():
            snapshot = model / "snapshots" / reference.read_text().strip()
            if snapshot.is_dir() and not missing_files(snapshot):
                return snapshot
    return None
