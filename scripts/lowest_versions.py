"""Print the lowest accepted version of every dependency, for pip's --constraint.

The ranges are those of pyproject.toml; each has one lower bound, and that is a release.
"""

from __future__ import annotations

import re
from pathlib import Path

import tomllib

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
REQUIREMENT = re.compile(r"(?P<name>[\w-]+)[>=]=(?P<lowest>[\d.]+)(,<[\d.]+)?")


def lowest_versions() -> list[str]:
    """Return lines such as `torch==2.6`.

    Raises:
        ValueError: a dependency has no lower bound, or is written otherwise.
    """
    lines = []
    for dependency in tomllib.loads(PYPROJECT.read_text())["project"]["dependencies"]:
        found = REQUIREMENT.fullmatch(dependency)
        if found is None:
            raise ValueError(f"{dependency}: not of the form NAME>=LOWEST,<BEYOND")
        lines.append(f"{found['name']}=={found['lowest']}")
    return lines


if __name__ == "__main__":
    print("\n".join(lowest_versions()))
