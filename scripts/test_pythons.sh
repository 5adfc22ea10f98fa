#!/usr/bin/env bash
# The commands that need no PyTorch, and the tests of reading, in every accepted Python that is here.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unset PYTHONPATH

find_python() {
    local candidate
    for candidate in "python3.$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.$1".*/bin/python; do
        # A shim of pyenv is there for Pythons that are not.
        if "$candidate" -c "import sys; sys.exit(sys.version_info[:2] != (3, $1))" 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}

run() {
    timeout --kill-after=30 5m "$@" >"$folder/log" 2>&1 || {
        echo "pythons: status $? of ${*//$folder\//}" >&2
        cat "$folder/log" >&2
        exit 1
    }
}

check() {
    local python=$1 venv=$2 start=$SECONDS
    run "$python" -m venv "$venv"
    "$venv/bin/python" scripts/dependencies.py light >"$venv/light.txt"
    run "$venv/bin/python" -m pip install --disable-pip-version-check -c scripts/constraints.txt \
        -r "$venv/light.txt" pytest pytest-xdist hypothesis
    run "$venv/bin/python" -m pip install --disable-pip-version-check --no-deps .
    run "$venv/bin/python" scripts/make_demo_data.py "$venv/data" --images 20
    run "$venv/bin/inspect-data" "$venv/data/annotations.json" --deep \
        --language-model configs/demo/language_model --html "$venv/page.html"
    run "$venv/bin/train-teacher" --help
    run "$venv/bin/teacher" --help
    local command commands
    commands=$(sed -n '/^Commands:/,$ s/^  \([a-z]*\) .*/\1/p' "$folder/log")
    [[ $commands == *doctor* ]] || { echo "pythons: teacher --help lists no commands" >&2 && exit 1; }
    for command in $commands; do
        run "$venv/bin/teacher" "$command" --help
    done
    run "$venv/bin/python" -m pytest -q -n 2 -p no:cacheprovider tests/unit/coco
    echo "pythons: $("$venv/bin/python" -V) passed in $((SECONDS - start)) s: $(tail -n 1 "$folder/log")"
    rm -rf "$venv"
}

read -r oldest beyond < <(sed -n 's/^requires-python = ">=3\.\([0-9]*\),<3\.\([0-9]*\)"/\1 \2/p' pyproject.toml)
for ((minor = oldest; minor < beyond; minor++)); do
    python=$(find_python "$minor")
    if [ -n "$python" ]; then
        check "$python" "$folder/3.$minor"
    else
        echo "pythons: no Python 3.$minor here: not tested"
    fi
done
