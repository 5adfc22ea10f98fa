"""Pages of the findings: a Markdown file for each code, in docs/findings."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from train_teacher.core.errors import UsageError
from train_teacher.core.words import near_names


def findings_folder() -> Path:
    """Return the folder of the pages: inside the wheel, or docs/findings of a checkout."""
    here = Path(__file__).resolve().parent
    shipped = here / "findings"
    return shipped if shipped.is_dir() else here.parents[3] / "docs" / "findings"


def stories() -> dict[str, Path]:
    """Return the page of each code, ordered by series and number."""
    files = {path.stem: path for path in findings_folder().glob("[A-Z][0-9]*.md")}
    return dict(sorted(files.items(), key=lambda item: (item[0][0], int(item[0][1:]))))


def explain(code: str) -> str:
    """Return the page of a code, in upper or lower case, as Markdown.

    Raises:
        UsageError: there is no such code.
    """
    files = stories()
    found = files.get(code.strip().upper())
    if found is None:
        near = near_names(code.strip(), files, 3, cutoff=0.4)
        hint = f"did you mean {', '.join(near)}? " if near else ""
        raise UsageError(
            f"--explain {code}: there is no such code; {hint}Codes: {_series(list(files))}."
        )
    return found.read_text(encoding="utf-8")


def _series(codes: list[str]) -> str:
    """Return `B1-B17, D1-D11, ...`."""
    groups = [list(group) for _, group in groupby(codes, key=lambda code: code[0])]
    return ", ".join(f"{group[0]}-{group[-1]}" for group in groups)
