"""List every text that a user or a contributor reads.

    python scripts/list_messages.py [PATH ...]

One line each, `file:line: kind: text`. A Python file yields its docstrings, its comments and every
string of two words or more, whatever it is passed to, so that no list of calls can miss a message;
`{}` stands for a value. A template yields the text between its tags, a YAML file its texts and
comments, a Markdown file its lines.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import jinja2
import yaml

ROOT = Path(__file__).resolve().parent.parent
PLACES = tuple(ROOT / name for name in ("src", "configs", "docs", "scripts", "tests", "README.md"))
TWO_WORDS = re.compile(r"[A-Za-z]{2,}[,:;.]? +[A-Za-z{]|\} [a-z]{2,}")
COMMENT = re.compile(r"(?:^|(?<=  )|(?<= {4}))# .*")
TAG = re.compile(r"<[^>]*>")
Found = Iterator[tuple[int, str, str]]
"""Line, kind and content."""


class Text(NamedTuple):
    """A text, its line (from 1), and its kind: docstring, message, comment or text."""

    path: Path
    line: int
    kind: str
    content: str


def python_texts(source: str) -> Found:
    """Yield the docstrings, also those of attributes, the messages and the comments."""
    yield from _strings(ast.parse(source))
    for number, line in enumerate(source.splitlines(), 1):
        if "# " in line and (comment := COMMENT.search(line)):
            yield number, "comment", comment[0]


def _strings(node: ast.AST, kind: str = "message") -> Found:
    """Yield each string below a node once, an f-string with `{}` for its values."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and (kind == "docstring" or TWO_WORDS.search(node.value)):
            yield node.lineno, kind, node.value
        return
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        if TWO_WORDS.search(text := "".join(map(str, parts))):
            yield node.lineno, kind, text
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
            yield from _strings(child, "docstring" if isinstance(node, ast.Expr) else "message")


def template_texts(source: str) -> Found:
    """Yield the texts of a Jinja template between its tags and inside them."""
    for line, kind, text in jinja2.Environment(autoescape=True).lex(source):
        if kind in ("data", "string") and TWO_WORDS.search(TAG.sub(" ", text)):
            yield line, "message", TAG.sub(" ", text)


def yaml_texts(source: str) -> Found:
    """Yield the texts and the comments of a YAML file."""
    for token in yaml.scan(source):
        if isinstance(token, yaml.ScalarToken) and TWO_WORDS.search(token.value):
            yield token.start_mark.line + 1, "message", token.value
    for number, line in enumerate(source.splitlines(), 1):
        if line.lstrip().startswith("#"):
            yield number, "comment", line


def markdown_texts(source: str) -> Found:
    """Yield the lines of a Markdown file."""
    yield from ((number, "text", line) for number, line in enumerate(source.splitlines(), 1))


READERS: dict[str, Callable[[str], Found]]
READERS = {".py": python_texts, ".j2": template_texts, ".yaml": yaml_texts, ".md": markdown_texts}


def list_texts(places: Iterable[Path]) -> Iterator[Text]:
    """Yield the texts of files, and of the files below folders, in the order of their paths."""
    for place in places:
        for path in sorted(place.rglob("*")) if place.is_dir() else (place,):
            if path.suffix in READERS and path.is_file():
                for line, kind, text in READERS[path.suffix](path.read_text(encoding="utf-8")):
                    yield Text(path, line, kind, text)


if __name__ == "__main__":
    for found in list_texts([Path(name) for name in sys.argv[1:]] or PLACES):
        print(f"{found.path}:{found.line}: {found.kind}: {' '.join(found.content.split())}")
