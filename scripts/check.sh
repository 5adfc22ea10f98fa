#!/usr/bin/env bash
# The one check command: style, types, layers and tests. Arguments go to pytest; with --fast it is
# the tests that need no PyTorch and start no training.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
command -v ruff >/dev/null || {
    echo "check: no development tools here; run scripts/setup.sh first" >&2
    exit 1
}
# Two test processes share two cores: one thread each is faster than four that wait.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

ruff format --check .
ruff check .
mypy
lint-imports
# A file at a time: what its tests share is made once. Without the option it would begin with the
# files of many tests and end, one process idle, with those of few that train.
python -m pytest -n 2 --dist loadfile --no-loadscope-reorder "$@"
