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
# The ranges are written in pyproject.toml alone: requires-python = ">=3.10,<3.14", "torch>=...".
read -r oldest beyond < <(sed -n 's/^requires-python = ">=3\.\([0-9]*\),<3\.\([0-9]*\)"/\1 \2/p' pyproject.toml)
torch_range=$(sed -n 's/^ *"\(torch[<>=][^"]*\)".*/\1/p' pyproject.toml)

fail() {
    printf 'setup: %s\n' "$1" >&2
    exit 1
}

used=$python
[ ! -x .venv/bin/python ] || used=.venv/bin/python
"$used" -c "import sys; sys.exit(not (3, $oldest) <= sys.version_info[:2] < (3, $beyond))" ||
    fail "$used is $("$used" -V 2>&1); Python 3.$oldest to 3.$((beyond - 1)) is needed.
Remove .venv if there is one, then: PYTHON=python3.12 $0"

stamp=.venv/.train-teacher-setup
wanted="$(cat pyproject.toml scripts/constraints.txt scripts/setup.sh | cksum) $extras $PWD"
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    echo "setup: .venv is up to date"
    exit 0
fi

# What pip's log says in its own words, most particular first.
cause() {
    local log=.venv/setup.log pin
    # pip calls it a conflict when a pinned version cannot be had; asked for it alone, it says why.
    pin=$(sed -n 's/^ *The user requested (constraint) \([^ ;]*==[^ ;]*\).*/\1/p' "$log" | head -n 1)
    if [ -n "$pin" ]; then
        "$used" -m pip install --dry-run --no-deps "$pin" >>"$log" 2>&1 || tail -n 1 "$log"
    fi
    if grep -q "No space left on device" "$log"; then
        echo "The disk is full: 8 GB are needed. df -h . shows what is free."
    elif grep -qE "ConnectionError|Timeout|ProxyError|SSLError|HTTP error|from versions: none" "$log"; then
        echo "pip did not get it from its registry: mend the network, or pip's index-url."
    elif grep -q "No matching distribution found" "$log"; then
        echo "The registry has no such release for $("$used" -V) on $(uname -sm)."
    elif grep -q "ResolutionImpossible" "$log"; then
        echo "These versions exclude each other: scripts/constraints.txt fixes some of them, or a
constraint of this machine does (pip config list)."
    else
        echo "The reason is in pip's lines above."
    fi
}

step() {
    local name=$1
    shift
    printf 'setup: %s\n' "$name"
    "$@" >.venv/setup.log 2>&1 || {
        grep -v "^WARNING: Location" .venv/setup.log | tail -n 20 >&2
        fail "the step \"$name\" failed; the whole log is .venv/setup.log.
$(cause)
Then run $0 again."
    }
}

# A venv without pip is what Debian leaves behind when the package python3-venv is missing.
.venv/bin/python -m pip --version >/dev/null 2>&1 || "$python" -m venv .venv ||
    fail "$python cannot make a virtual environment (on Debian and Ubuntu: apt install python3-venv)"
used=.venv/bin/python
pip=("$used" -m pip install --disable-pip-version-check -c scripts/constraints.txt)
# mmengine 0.10.7 imports pkg_resources, which setuptools 81 has removed.
step "setuptools" "${pip[@]}" setuptools packaging
if "$used" -c 'import sys, torch
from packaging.requirements import Requirement
sys.exit(torch.__version__ not in Requirement(sys.argv[1]).specifier)' "$torch_range" 2>/dev/null; then
    echo "setup: keeping the PyTorch that is there"
    sed '/^torch==/d' scripts/constraints.txt >.venv/constraints.txt
    pip=("$used" -m pip install --disable-pip-version-check -c .venv/constraints.txt)
else
    step "PyTorch" "${pip[@]}" torch
fi
step "train-teacher and what it needs" "${pip[@]}" -e ".$extras"
.venv/bin/teacher --version || fail "the installed command does not start"
printf '%s' "$wanted" >"$stamp"
