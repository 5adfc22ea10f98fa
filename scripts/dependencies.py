"""Print dependencies of pyproject.toml for pip.

dependencies.py lowest    the lowest accepted version of each, for --constraint
dependencies.py light     those of the commands that start without PyTorch, for --requirement
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
DEPENDENCIES = re.compile(r"^dependencies = \[\n(.*?)^\]", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r'^ *"([^"]*)"', re.MULTILINE)
REQUIREMENT = re.compile(r"(?P<name>[\w-]+)[>=]=(?P<lowest>[\d.]+)(,<[\d.]+)?")
TRAINING = frozenset(
    "faster-coco-eval matplotlib mmcv-lite mmdet mmengine peft safetensors setuptools torch "
    "transformers".split()
)


def dependencies(text: str) -> list[re.Match[str]]:
    """Return name and lowest version of each dependency.

    Args:
        text: of pyproject.toml; Python 3.10 has no parser for it.

    Raises:
        ValueError: a dependency has no lower bound, or is written otherwise.
    """
    found = []
    for section in DEPENDENCIES.findall(text):
        for line in QUOTED.findall(section):
            match = REQUIREMENT.fullmatch(line)
            if match is None:
                raise ValueError(f"{line}: not of the form NAME>=LOWEST,<BEYOND")
            found.append(match)
    return found


def lowest(text: str) -> list[str]:
    """Return lines such as `torch==2.6`; pip reads it as 2.6.0, the lowest that `>=2.6` takes."""
    return [f"{found['name']}=={found['lowest']}" for found in dependencies(text)]


def light(text: str) -> list[str]:
    """Return what the light commands import; tokenizers otherwise comes with transformers."""
    kept = [found[0] for found in dependencies(text) if found["name"] not in TRAINING]
    return [*kept, "tokenizers"]


if __name__ == "__main__":
    choices = {"lowest": lowest, "light": light}
    print("\n".join(choices[sys.argv[1]](PYPROJECT.read_text(encoding="utf-8"))))
