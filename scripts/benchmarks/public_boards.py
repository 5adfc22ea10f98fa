"""Run a public board on a folder of its sets and print the scores beside the published ones.

    python scripts/benchmarks/public_boards.py BOARD FOLDER [--runs DIR] [--zero-shot]
        [--model PRESET] [--only SET ...] [-- OPTIONS OF train-teacher]

The boards stand in public_boards.yaml. Nothing is downloaded: FOLDER holds the sets as they are
published. A set that was trained already is only scored again, so a stopped board goes on.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

BOARDS = Path(__file__).with_suffix(".yaml")
PROGRAMS = Path(sys.executable).parent
LEFT_OUT = "not there"


def words(template: str, **places: Path) -> list[str]:
    """Return the words of a command; a place stays one word whatever its name holds."""
    return [word.format(**places) for word in shlex.split(template)]


def run(program: str, *arguments: object) -> str:
    """Run a command of train-teacher; its messages go to stderr.

    Raises:
        CalledProcessError: it failed.
    """
    command = [str(PROGRAMS / program), *map(str, arguments)]
    sys.stderr.write(f"$ {shlex.join([program, *command[1:]])}\n")
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def sets_of(board: Mapping[str, Any], folder: Path) -> dict[str, Mapping[str, Any]]:
    """Return the sets of a board by name: its own, or every sub-folder."""
    named: dict[str, Mapping[str, Any]] = board["sets"]
    return named or {path.name: {} for path in sorted(folder.iterdir()) if path.is_dir()}


def score(
    board: Mapping[str, Any], own: Mapping[str, Any], place: Path, options: argparse.Namespace
) -> float | None:
    """Return a set's mAP in percent, of the base or after training."""
    trained = "train" in board and not options.zero_shot
    model = options.model or board["model"]
    teacher: list[object] = ["--model", model]
    for pair in own.get("words", ()):
        teacher += ["--class-prompt", pair]
    if trained:
        output = options.runs / "-".join(place.relative_to(options.folder.parent).parts)
        if not (output / "results.json").is_file():
            started = ["--resume"] if (output / "settings.yaml").is_file() else []
            asked = words(board["train"], set=place)
            prompts = teacher[2:]
            given = ["--output", output, "--model", model, *prompts, *asked, *options.rest]
            run("train-teacher", *given, *started)
        teacher = [output]
    test = words(own.get("test", board["test"]), set=place)
    told = json.loads(run("teacher", "evaluate", *teacher, *test, "--format", "json"))
    found: float | None = told["scores"]["average_precision"]
    return None if found is None else 100 * found


def rows(
    board: Mapping[str, Any], options: argparse.Namespace
) -> Iterator[tuple[str, float | None, str, float | None]]:
    """Yield name, mAP, what to say where there is none, and the published mAP of each set."""
    kind = "zero_shot" if options.zero_shot or "train" not in board else "published"
    for name, own in sets_of(board, options.folder).items():
        if options.only and name not in options.only:
            continue
        # A board of one set may be given that set's own folder.
        place = options.folder if options.folder.name == name else options.folder / name
        if not place.is_dir():
            yield name, None, LEFT_OUT, own.get(kind)
            continue
        try:
            yield name, score(board, own, place, options), "-", own.get(kind)
        except subprocess.CalledProcessError as error:
            yield name, None, f"failed ({error.returncode})", own.get(kind)


def shown(value: float | None, instead: str = "-") -> str:
    """Return a score as the boards write it."""
    return instead if value is None else f"{value:.1f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a board; 1 when a set that is there could not be scored."""
    boards: dict[str, Any] = yaml.safe_load(BOARDS.read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0],
        epilog="options behind -- go to train-teacher",
    )
    parser.add_argument("board", choices=boards)
    parser.add_argument("folder", type=Path, help="folder of the board's sets")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder for the runs")
    parser.add_argument("--zero-shot", action="store_true", help="score the base, train nothing")
    parser.add_argument("--model", help="preset in place of the board's")
    parser.add_argument("--only", action="append", help="a set; again for more")
    given = list(sys.argv[1:] if arguments is None else arguments)
    own = given.index("--") if "--" in given else len(given)
    options = parser.parse_args(given[:own])
    options.rest = given[own + 1 :]
    options.folder = options.folder.resolve()
    board = boards[options.board]
    print("| set | mAP here | published |\n|---|---|---|")
    scored, published, failed = [], [], False
    for name, found, instead, known in rows(board, options):
        print(f"| {name} | {shown(found, instead)} | {shown(known)} |", flush=True)
        failed |= instead not in ("-", LEFT_OUT)
        if found is not None:
            scored.append(found)
            published.append(known)
    zero_shot = options.zero_shot or "train" not in board
    whole = len(scored) == len(sets_of(board, options.folder))
    known = board.get("zero_shot_mean" if zero_shot else "published_mean")
    if scored:
        mean = shown(sum(scored) / len(scored))
        print(f"| mean of {len(scored)} | {mean} | {shown(known if whole else None)} |")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
