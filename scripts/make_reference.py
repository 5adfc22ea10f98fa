"""Write the pages of docs/reference that are made from the code.

    python scripts/make_reference.py

A test compares the pages with what this would write.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
import msgspec

from train_teacher.cli.main import teacher_group
from train_teacher.config.expected_memory import (
    ALL_RECOMPUTED,
    NONE_RECOMPUTED,
    memory_table,
    step_bytes,
)
from train_teacher.console import error_boundary
from train_teacher.core.errors import UsageError
from train_teacher.inspection.explanations.catalogue import stories
from train_teacher.reports.facts import FORMAT as RESULTS_FORMAT
from train_teacher.reports.facts import RunReport
from train_teacher.runs.folder import RunFolder
from train_teacher.settings.descriptions import field_help, field_options
from train_teacher.settings.option import PANELS
from train_teacher.settings.schema import FIELD_TYPES, TeacherSettings
from train_teacher.teachers.card import FORMAT, TeacherCard
from train_teacher.training.options import flag_of

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
CHECKS = ROOT / "src" / "train_teacher" / "inspection"
COMMAND = "python scripts/make_reference.py"
SAME_COMMANDS = {"inspect": "inspect-data", "train": "train-teacher"}
SERIES = {
    "F": "the file: cut off, other formats, encodings, wrong types, missing members",
    "R": "ids and references: repeated, dangling, 0, one file listed twice",
    "N": "class names as the text the model reads: empty, alike, codes, too long, other order",
    "B": "boxes: normalized, corners, centers, outside, doubled, outliers, areas, crowds",
    "M": "masks: broken polygons, run lengths of another size, masks that are just boxes",
    "I": "images: missing, damaged, turned by EXIF, other sizes, 16 bits, names, doubles",
    "D": "the set: rare and missing classes, empty images, crowding, an image in train and val",
}
EXITS = {
    error_boundary.EXIT_OK: "done",
    error_boundary.EXIT_FAILED: "the input has findings at the chosen level (`--fail-on`), or the "
    "work failed",
    UsageError.exit_code: "wrong usage",
    error_boundary.EXIT_BUG: "a bug of ours; the message names a log file (`train.log` of the run "
    "when there is one)",
    error_boundary.EXIT_INTERRUPTED: "interrupted; the last checkpoint is kept",
}


CARDS = (8, 12, 16, 24, 40)
"""GB of memory."""
OF_THE_DRIVER = 0.04
"""Share of a card that its driver keeps."""


def pages() -> dict[Path, str]:
    """Return the text of every generated page."""
    written = {
        "commands": _commands(),
        "settings": _settings(),
        "findings": _findings(),
        "exit-codes": _exit_codes(),
        "run-folder": _run_folder(),
        "memory": _memory(),
        "results-json": _record(
            "results.json",
            "The facts of a finished run, in its folder; `report.html` shows the same. **Format "
            f"number: {RESULTS_FORMAT}** (`format`). A member that a version does not know is left "
            "out, a new one has a default; a higher number is refused with the advice to update.",
            RunReport,
        ),
        "teacher-json": _record(
            "teacher.json",
            "What an adapter or an exported teacher is of. **Format number: "
            f"{FORMAT}** (`format`). A file with a higher number is refused with the advice to "
            "update; members that are not listed here are refused too.",
            TeacherCard,
        ),
    }
    note = f"<!-- Written by {COMMAND}; edits are lost. -->\n\n"
    made = {REFERENCE / f"{name}.md": note + text for name, text in written.items()}
    return {**made, DOCS / "pages.md": note + _all_pages()}


def _all_pages() -> str:
    """Return a page that names every other one by its title."""
    lines = ["# All pages"]
    for folder in ("", "getting-started", "how-to", "reference", "explanation"):
        lines += ["", f"## {folder.capitalize().replace('-', ' ') or 'Top'}", ""]
        for path in sorted((DOCS / folder).glob("*.md")):
            found = re.search(r"^# (.*)", path.read_text(encoding="utf-8"), re.MULTILINE)
            if found and path.name not in ("pages.md", "index.md"):
                lines.append(f"- [{found[1]}]({path.relative_to(DOCS).as_posix()})")
    return "\n".join(lines) + "\n"


def _commands() -> str:
    lines = [
        "# Commands",
        "",
        "`inspect-data` is `teacher inspect`, `train-teacher` is `teacher train`. Results go to "
        "stdout, messages to stderr; [exit codes](exit-codes.md).",
    ]
    for name, command in teacher_group().commands.items():
        shown = SAME_COMMANDS.get(name, f"teacher {name}")
        context = click.Context(command, info_name=shown)
        usage = " ".join(command.collect_usage_pieces(context))
        lines += ["", f"## {shown}", "", inspect.cleandoc(command.help or ""), ""]
        lines += [f"    {shown} {usage}", ""]
        panels: dict[str, list[tuple[str, str]]] = {}
        for parameter in command.get_params(context):
            if record := parameter.get_help_record(context):
                panels.setdefault(getattr(parameter, "panel", "Options"), []).append(record)
        for panel, records in panels.items():
            rows = [(f"`{option}`", " ".join(text.split())) for option, text in records]
            lines += [*_table((panel.lower(), ""), rows), ""]
    return "\n".join(lines).rstrip() + "\n"


def _settings() -> str:
    lines = [
        "# Settings",
        "",
        "Each can be written in a YAML file (`--config`), most also in a preset; the command line "
        "wins over the file, the file over the preset, the preset over the default. `chosen` "
        "means: from the data or the machine, and the summary says how.",
    ]
    options = field_options()
    fields = {field.name: field for field in msgspec.structs.fields(TeacherSettings)}
    sections: dict[str, list[tuple[str, ...]]] = {panel: [] for panel in PANELS}
    panel = PANELS[0]
    for name in FIELD_TYPES:
        option = options.get(name)
        panel = option.panel if option else panel
        flag = f"`{flag_of(name)}`" if option else ""
        row = (f"`{name}`", flag, _kind(FIELD_TYPES[name]), _default(fields[name]))
        sections[panel].append((*row, field_help(name)))
    for panel, rows in sections.items():
        head = ("setting", "option", "type", "default", "")
        lines += ["", f"## {panel}", "", *_table(head, rows)]
    return "\n".join(lines).rstrip() + "\n"


def _findings() -> str:
    lines = [
        "# Findings",
        "",
        "What `inspect-data` can report. `inspect-data --explain R3` shows the story of a code on "
        "the terminal.",
    ]
    found = stories()
    looked_for = _modules_by_code()
    for series, about in SERIES.items():
        rows = [
            (f"[{code}](../findings/{code}.md)", _title(path), looked_for.get(code, ""))
            for code, path in found.items()
            if code.startswith(series)
        ]
        lines += ["", f"## {series}: {about}", "", *_table(("code", "", "looked for in"), rows)]
    return "\n".join(lines).rstrip() + "\n"


def _modules_by_code() -> dict[str, str]:
    """Return the modules of the inspection that name each code."""
    named: dict[str, list[str]] = {}
    for path in sorted(CHECKS.rglob("*.py")):
        constants = {
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        for code in constants:
            if re.fullmatch(r"[A-Z]\d+", code) and path.name.endswith("_checks.py"):
                named.setdefault(code, []).append(f"`{path.relative_to(CHECKS / 'checks')}`")
    return {code: ", ".join(files) for code, files in named.items()}


def _exit_codes() -> str:
    rows = [(str(code), meaning) for code, meaning in sorted(EXITS.items())]
    return "# Exit codes\n\n" + "\n".join(_table(("code", "meaning"), rows)) + "\n"


def _run_folder() -> str:
    texts = _texts_after_assignments(RunFolder, "self.")
    paths = {name: path for name, path in vars(RunFolder(Path("exp1"))).items() if name in texts}
    rows = [(f"`{path}`", texts[name]) for name, path in paths.items()]
    return (
        "# The run folder\n\n"
        "`train-teacher --output exp1` leaves this; "
        "[how to read it](../explanation/run-folder.md). What a run did not need is not there.\n\n"
        + "\n".join(_table(("path", "what it is"), rows))
        + "\n"
    )


def _memory() -> str:
    table = memory_table()
    known = [(model, tune) for model, modes in table.peaks.items() for tune in modes]
    peaks = [(model, tune, *_peaks(table.peaks[model][tune])) for model, tune in known]
    cards = [
        (model, tune, *(_most_images(model, tune, gb) for gb in CARDS)) for model, tune in known
    ]
    short, long = table.size
    measured = ", ".join(f"{name} {value}" for name, value in table.measured.items())
    return "\n".join(
        [
            "# Memory of a training step",
            "",
            f"Images of {short} x {long}; {measured}; no GPU has run this. "
            "[How it was measured](../explanation/memory.md).",
            "",
            "Peak in GiB with 1 and 2 images at once, by recomputed encoder layers:",
            "",
            *_table(("model", "mode", "none of 6", "all"), peaks),
            "",
            "Most images at once by card, all layers recomputed, and in brackets none of them:",
            "",
            *_table(("model", "mode", *(f"{gb} GB" for gb in CARDS)), cards),
            "",
        ]
    )


def _peaks(by_layers: Mapping[int, Sequence[int]]) -> Iterator[str]:
    for layers in (NONE_RECOMPUTED, ALL_RECOMPUTED):
        yield ", ".join(f"{peak / 1024:.1f}" for peak in by_layers.get(layers, ())) or "-"


def _most_images(model: str, tune: str, gb: int) -> str:
    """Return how many images a card holds at once."""
    room = gb * 1e9 * (1 - OF_THE_DRIVER)

    def most(layers: int) -> str:
        for images in itertools.count(1):
            needed = step_bytes(model, tune, images, layers)
            if needed is None or needed > room:
                break
        return str(images - 1 or "none")

    return f"{most(ALL_RECOMPUTED)} ({most(NONE_RECOMPUTED)})"


def _record(title: str, about: str, kind: type[msgspec.Struct]) -> str:
    lines = [f"# {title}", "", about]
    for struct in _structs_in(kind):
        lines += ["", f"## {struct.__name__}", ""]
        lines += [" ".join(inspect.cleandoc(struct.__doc__ or "").split("\n\n")[0].split()), ""]
        texts = _texts_after_assignments(struct)
        rows = [
            (f"`{field.name}`", _kind(field.type), texts.get(field.name, ""))
            for field in msgspec.structs.fields(struct)
        ]
        lines += _table(("member", "type", ""), rows)
    return "\n".join(lines).rstrip() + "\n"


def _structs_in(kind: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    """Return a struct and those that its members hold, each once, in the order of their use."""
    found: dict[type[msgspec.Struct], None] = {}
    waiting: list[Any] = [kind]
    while waiting:
        now = waiting.pop(0)
        if isinstance(now, type) and issubclass(now, msgspec.Struct):
            if now in found:
                continue
            found[now] = None
            waiting += [field.type for field in msgspec.structs.fields(now)]
        else:
            waiting += get_args(now)
    return list(found)


def _texts_after_assignments(kind: type, prefix: str = "") -> dict[str, str]:
    """Return the text that stands behind each assignment in a class, by name."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    bodies = [
        node.body for node in ast.walk(tree) if isinstance(node, (ast.ClassDef, ast.FunctionDef))
    ]
    found = {}
    for first, second in itertools.chain.from_iterable(map(itertools.pairwise, bodies)):
        if isinstance(second, ast.Expr) and isinstance(second.value, ast.Constant):
            text = " ".join(str(second.value.value).split())
            found.update({name.removeprefix(prefix): text for name in _assigned(first)})
    return found


def _assigned(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.AnnAssign):
        yield ast.unparse(statement.target)
    elif isinstance(statement, ast.Assign):
        yield from map(ast.unparse, statement.targets)


def _kind(annotation: Any) -> str:
    """Return a type in the words of YAML and JSON."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        annotation = inside[0]
        origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{word}`" for word in inside)
    if origin in (Union, UnionType):
        return " or ".join(_kind(one) for one in inside if one is not msgspec.UnsetType)
    if origin is list or (origin is tuple and inside[-1] is Ellipsis):
        return f"list of {_kind(inside[0])}"
    if origin is tuple:
        return f"({', '.join(map(_kind, inside))})"
    if origin is not None:
        return f"mapping to {_kind(inside[-1])}"
    return WORDS.get(annotation, annotation.__name__)


WORDS = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "true or false",
    type(None): "null",
    Any: "any value",
}


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if isinstance(value, msgspec.Struct):
        return ""
    if value is None:
        return "none" if field.name in NO_CHOICE else "chosen"
    return f"`{msgspec.json.encode(value).decode()}`".replace('"', "")


NO_CHOICE = frozenset(
    "val test class_from encoding retain retain_images checkpoint mmdet_config wandb".split()
)
"""Settings whose absence means that there is none; of others that it is chosen."""


def _title(path: Path) -> str:
    return path.read_text(encoding="utf-8").splitlines()[0].partition(": ")[2]


def _table(head: tuple[str, ...], rows: list[Any]) -> list[str]:
    lines = [head, tuple("---" for _ in head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines]


def main() -> None:
    """Write the pages."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
