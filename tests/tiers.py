"""The tier of a test file, decided from what it imports and starts.

`model`: it needs PyTorch or MMDetection, or runs a command that does. `slow`: it starts whole
commands, or is on the list. What is neither is in the fast tier, and is not even imported for it
when it is one of the two.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

TESTS = Path(__file__).parent
HELPERS = (TESTS, TESTS.parent / "scripts", TESTS.parent / "scripts" / "benchmarks")
"""Folders that tests import from, beside the package: pytest's `pythonpath`."""
TRAINING_STACK = {
    "torch", "torchvision", "mmcv", "mmengine", "mmdet", "transformers", "peft",
    "onnx", "onnxruntime", "openvino",
}  # fmt: skip
MODEL_PARTS = (
    "train_teacher.mmdet_plugin", "commands", "killed_commands", "hub_model", "tiny_sam",
    *(f"demo_model.{name}" for name in ("build_config", "build_model", "demo_batch")),
)  # fmt: skip
"""Names that load the training stack when they are used, or when they are imported."""
PROGRAMS = ("train-teacher", "teacher")
SLOW_FILES = {
    "functional/test_inspect_never_breaks.py": "fuzzes",
    "functional/test_public_boards.py": "scores a detector",
    "unit/engine/test_upstream_files.py": "loads a checkpoint",
    "unit/evaluation/test_base_model.py": "scores a detector",
    "unit/runs/test_edited_config.py": "reads MMEngine configs, one a test",
    "unit/teachers/test_onnx_detect.py": "exports a detector",
    "unit/teachers/test_onnx_model.py": "exports a detector",
}
"""By what makes them slow, which their imports do not show."""


@functools.cache
def tiers_of(test_file: Path) -> frozenset[str]:
    """Return the markers of a test file: `model`, `slow`, both or none."""
    name = test_file.relative_to(TESTS).as_posix()
    imported = {*_imports(test_file), *_imports_of_modules(test_file)}
    found: set[str] = set()
    if any(_is_of_the_training_stack(module) for module in imported):
        found.add("model")
    if name in SLOW_FILES:
        found.add("slow")
    if name.startswith("functional/") and "subprocess" in imported:
        found |= {"slow", "model"} if _names_a_program(test_file) else {"slow"}
    return frozenset(found)


def _is_of_the_training_stack(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] in TRAINING_STACK or module.startswith(MODEL_PARTS)


def _names_a_program(test_file: Path) -> bool:
    nodes = ast.walk(_parsed(test_file))
    return any(isinstance(node, ast.Constant) and node.value in PROGRAMS for node in nodes)


def _imports_of_modules(test_file: Path) -> set[str]:
    """Return what the modules of ours that a test file imports do import, at their top only."""
    found: set[str] = set()
    seen: set[Path] = set()
    waiting = set(_imports(test_file))
    while waiting:
        place = waiting.pop().replace(".", "/")
        for path in {folder / f"{place}.py" for folder in HELPERS} - seen:
            if path.is_file():
                seen.add(path)
                new = set(_names(_parsed(path).body)) - found
                found |= new
                waiting |= new
    return found


def _imports(path: Path) -> Iterator[str]:
    """Yield every module and name that a file imports, in functions too."""
    return _names(ast.walk(_parsed(path)))


def _names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@functools.cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
