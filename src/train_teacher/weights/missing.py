"""Files that a run needs and this machine lacks: their names, addresses and sizes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from train_teacher.core.errors import UserError
from train_teacher.core.network import hub_address
from train_teacher.prompts.tokenizer import resolve_language_model
from train_teacher.settings.schema import TeacherSettings
from train_teacher.weights.files import address_to_fetch, expected_weights

SIZES = Path(__file__).with_name("published_sizes.yaml")
LANGUAGE_MODEL_BYTES = 10**6
"""Of BERT's two files and its tokenizer; its weights are in the checkpoint."""


@dataclass(frozen=True)
class Missing:
    """A file that would be downloaded."""

    what: str
    address: str
    size: int | None
    """Bytes, about; None where they are not known."""

    def __str__(self) -> str:
        """Return its name, size and source."""
        about = f"about {self.size / 1e6:,.0f} MB" if self.size else "size not known"
        return f"{self.what} ({about}, from {urlsplit(self.address).hostname})"


def missing_files(settings: TeacherSettings) -> tuple[Missing, ...]:
    """Return the missing files, the largest first.

    Raises:
        UserError: weights that are named as a file are missing or damaged.
    """
    return tuple(_missing(settings))


def _missing(settings: TeacherSettings) -> Iterator[Missing]:
    if address := address_to_fetch(settings.weights, settings.checkpoint):
        name = Path(str(expected_weights(settings.weights, settings.checkpoint))).name
        megabytes = msgspec.yaml.decode(SIZES.read_bytes(), type=dict[str, int]).get(name)
        yield Missing(f"the base weights {name}", address, megabytes and megabytes * 10**6)
    try:
        resolve_language_model(settings.language_model)
    except UserError:
        what = f"the vocabulary of {settings.language_model}"
        yield Missing(what, hub_address(), LANGUAGE_MODEL_BYTES)


def cannot_download(missing: Sequence[Missing], model: str, cause: str) -> UserError:
    """Return the error of a run whose files are missing and cannot be downloaded."""
    name = shlex.quote(model)
    return UserError(
        "not on this machine, and training cannot start without:\n"
        + "".join(f"  {file}\n" for file in missing)
        + f"They cannot be downloaded: {cause}.\n"
        f"  On a machine with network: teacher fetch {name} --to {Path(model).stem}-files\n"
        "  Copy the folder here and give it to both: --weights DIR --language-model DIR"
    )
