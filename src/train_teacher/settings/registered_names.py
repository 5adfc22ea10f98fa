"""Names that a config may build: those registered by MMDetection, MMEngine, mmcv and us."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("mmengine", "mmcv", "mmdet", "train_teacher")
REGISTERS = "register_module"
# Words that stand behind `type` too: mmcv's operations (nms.py:batched_nms) and the two ways to
# clip gradients (optimizer_wrapper.py).
OTHER_WORDS = frozenset({"nms", "soft_nms", "norm", "value"})
# MMEngine registers all of torch.optim; these files hold no optimizers.
NO_OPTIMIZERS = frozenset({"lr_scheduler.py", "swa_utils.py"})


def is_registered(name: str) -> bool:
    """Return whether a registry of the training stack has this name.

    Everything is taken for registered where the packages are missing: the message about that is
    another one, and nothing can be built.
    """
    if name in OTHER_WORDS or name in _optimizers() or not _sources():
        return True
    word = re.compile(rf"\b{re.escape(name)}\b")
    return any(name in _registered_in(text) for text in _sources() if word.search(text))


@cache
def registered_names() -> frozenset[str]:
    """Return every registered name, from the source of some 450 files: nothing is imported."""
    return _optimizers().union(OTHER_WORDS, *map(_registered_in, _sources()))


def _folders(package: str) -> Sequence[str]:
    spec = find_spec(package)
    return list(spec.submodule_search_locations or ()) if spec else []


@cache
def _sources() -> tuple[str, ...]:
    """Return the texts in which something is registered."""
    files = [
        path
        for package in PACKAGES
        for folder in _folders(package)
        for path in sorted(Path(folder).rglob("*.py"))
        if ".mim" not in path.parts  # MMDetection's own tools and configs
    ]
    texts = (path.read_text(encoding="utf-8") for path in files)
    return tuple(text for text in texts if REGISTERS in text)


@cache
def _optimizers() -> frozenset[str]:
    files = [
        path
        for folder in _folders("torch")
        for path in (Path(folder) / "optim").glob("*.py")
        if path.name not in NO_OPTIMIZERS
    ]
    bodies = (_parsed(path.read_text(encoding="utf-8")).body for path in files)
    classes = (node.name for body in bodies for node in body if isinstance(node, ast.ClassDef))
    return frozenset(name for name in classes if not name.startswith("_"))


def _parsed(text: str) -> ast.Module:
    # Python warns of escapes in their texts, which do not matter here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


@cache
def _registered_in(text: str) -> frozenset[str]:
    return frozenset(name for node in ast.walk(_parsed(text)) for name in _names(node))


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
        for decorator in node.decorator_list:
            if _registers(decorator):
                yield from _given_names(decorator) or [node.name]
    elif isinstance(node, ast.Call) and _registers(node):
        modules = [_last_name(k.value) for k in node.keywords if k.arg == "module"]
        # A variable of a loop is no name.
        yield from _given_names(node) or [name for name in modules if name[:1].isupper()]
    elif isinstance(node, ast.For) and isinstance(node.iter, (ast.List, ast.Tuple)):
        # for module in [nn.ReLU, ...]: MODELS.register_module(module=module)
        yield from filter(None, map(_last_name, node.iter.elts if _registers_inside(node) else ()))


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _registers(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == REGISTERS
    )


def _registers_inside(loop: ast.For) -> bool:
    return any(_registers(node) for node in ast.walk(loop))


def _given_names(call: ast.AST) -> list[str]:
    """Return the names that a call of `register_module` gives, one or a list of them."""
    return [
        inner.value
        for inner in ast.walk(call)
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
    ]
