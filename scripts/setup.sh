#!/usr/bin/env bash
# Make .venv and install train-teacher into it, from wheels only. A second run takes a second.
#
#   scripts/setup.sh            with the development tools
#   scripts/setup.sh --no-dev   what training needs, nothing else
#   PYTHON=python3.12 scripts/setup.sh
set -euo pipefail
cd "$(dirname "$0")/.."

extras="[dev]"
case "${1:-}" in
    "") ;;
    --no-dev) extras="" ;;
    *)
        echo "usage: [PYTHON=python3.12] scripts/setup.sh [--no-dev]" >&2
        exit 2
        ;;
esac
python=${PYTHON:-python3}
torch_version=2.13.0

fail() {
    printf 'setup: %s\n' "$1" >&2
    exit 1
}

used=$python
[ ! -x .venv/bin/python ] || used=.venv/bin/python
"$used" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' ||
    fail "$used is $("$used" -V 2>&1); Python 3.10 to 3.13 is needed.
Remove .venv if there is one, then: PYTHON=python3.12 $0"

stamp=.venv/.train-teacher-setup
wanted="$(cat pyproject.toml scripts/constraints.txt scripts/setup.sh | cksum) $extras $PWD"
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    echo "setup: .venv is up to date"
    exit 0
fi

step() {
    local name=$1
    shift
    printf 'setup: %s\n' "$name"
    "$@" >.venv/setup.log 2>&1 || {
        tail -n 20 .venv/setup.log >&2
        fail "the step \"$name\" failed; the whole log is .venv/setup.log.
Check that pip reaches a package registry and that 4 GB of disk are free, then run $0 again."
    }
}

# A venv without pip is what Debian leaves behind when the package python3-venv is missing.
.venv/bin/python -m pip --version >/dev/null 2>&1 || "$python" -m venv .venv ||
    fail "$python cannot make a virtual environment (on Debian and Ubuntu: apt install python3-venv)"
pip=(.venv/bin/python -m pip install --disable-pip-version-check -c scripts/constraints.txt)
# mmengine 0.10.7 imports pkg_resources, which setuptools 81 has removed.
step "setuptools" "${pip[@]}" setuptools
if .venv/bin/python -c 'import torch, sys
version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
sys.exit(not (2, 1) <= version < (2, 14))' 2>/dev/null; then
    echo "setup: keeping the PyTorch that is there"
    sed '/^torch==/d' scripts/constraints.txt >.venv/constraints.txt
    pip=(.venv/bin/python -m pip install --disable-pip-version-check -c .venv/constraints.txt)
else
    step "PyTorch $torch_version" "${pip[@]}" "torch==$torch_version"
fi
step "train-teacher and what it needs" "${pip[@]}" -e ".$extras"
.venv/bin/teacher --version || fail "the installed command does not start"
printf '%s' "$wanted" >"$stamp"
