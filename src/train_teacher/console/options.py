"""Options that `evaluate` and `predict` share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from train_teacher.core.errors import UsageError
from train_teacher.core.python_files import OPTION, allow_python_files

if TYPE_CHECKING:
    pass

from typing import TypeAlias

TeacherPlace: TypeAlias = Annotated[
    Path, typer.Argument(metavar="RUN", help="Run folder, or bundle of teacher export.")
]
BaseOption: TypeAlias = Annotated[
    bool, typer.Option("--base", help="Leave out what was trained: the base alone.")
]
WeightsOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--weights", metavar="PATH|URL", help="Base checkpoint of a bundle."),
]
LanguageModelOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--language-model", metavar="NAME|DIR", help="BERT of a bundle."),
]
DeviceOption: TypeAlias = Annotated[
    str, typer.Option("--device", metavar="auto|cpu|cuda", help="auto uses a GPU if there is one.")
]
ImagesOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--images", metavar="DIR", help="Folder of the images of a COCO JSON."),
]
MasksOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--masks",
        metavar="SAM",
        help="SAM model that makes masks of the boxes: facebook/sam-vit-base, or a folder.",
    ),
]
AllowPythonConfigOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        OPTION,
        callback=allow_python_files,
        help="Run Python files that settings, run or bundle name or hold: for those you trust.",
    ),
]


def one_of(option: str, value: str | None, choices: tuple[str, ...]) -> None:
    """Refuse another value.

    Raises:
        UsageError: it is not among the choices.
    """
    from train_teacher.core.errors import UsageError

    if value is not None and value not in choices:
        raise UsageError(f"{option} {value}: give {' or '.join(choices)}.")


def parse_assignments(pairs: list[str], option: str) -> dict[str, str]:
    """Split NAME=VALUE arguments, the last of a name winning; see `parse_pairs`."""
    return dict(parse_pairs(pairs, option))


def parse_pairs(pairs: list[str], option: str) -> list[tuple[str, str]]:
    """Split NAME=VALUE arguments; the value may hold further equals signs.

    Raises:
        UsageError: one has no name or no `=`.
    """
    parsed = []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{option} {pair}: write it as NAME=VALUE.")
        parsed.append((name.strip(), value))
    return parsed
