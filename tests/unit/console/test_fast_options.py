"""Values read without pydantic are what typer would have read."""

from __future__ import annotations

import subprocess
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.core import TyperCommand

from train_teacher.console.fast_options import PlainValuesCommand


class Shape(str, Enum):
    ROUND = "round"
    FLAT = "flat"


def read(kind: type[TyperCommand], arguments: list[str]) -> Any:
    app = typer.Typer(add_completion=False)

    @app.command(cls=kind)
    def command(
        data: Annotated[Path | None, typer.Argument()] = None,
        name: Annotated[str | None, typer.Option()] = None,
        shape: Annotated[Shape, typer.Option()] = Shape.ROUND,
        count: Annotated[int | None, typer.Option()] = None,
        word: Annotated[list[str] | None, typer.Option()] = None,
        deep: Annotated[bool, typer.Option("--deep")] = False,
    ) -> Any:
        return data, name, shape, count, word, deep

    try:
        return typer.main.get_command(app).main(arguments, standalone_mode=False)
    except typer.BadParameter as error:
        return str(error)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a/b.json", "--name", "x y", "--deep"],
        [str(Path(__file__)), "--shape", "flat"],
        ["--count", "3", "--word", "a", "--word", "b=c"],
        ["--shape", "square"],
        ["--count", "three"],
        [""],
    ],
)
def test_values_and_complaints_are_typers(arguments: list[str]) -> None:
    assert read(PlainValuesCommand, arguments) == read(TyperCommand, arguments)


def test_a_plain_call_of_inspect_data_imports_neither_pydantic_nor_rich(tmp_path: Path) -> None:
    program = (
        "import sys; from train_teacher.cli.main import inspect_data\n"
        f"sys.argv = ['inspect-data', {str(tmp_path / 'none.json')!r}, '--no-images']\n"
        "try: inspect_data()\n"
        "except SystemExit: print({'pydantic', 'rich', 'numpy.ma'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert done.stdout.strip() == "set()", done.stderr
