#!/usr/bin/env bash
# Train, resume, evaluate, export and predict with the lowest accepted version of every dependency,
# and the unit tests of everything outside the training process.
# PyTorch 2.6.0 comes with CUDA: 3 GB are downloaded once, and .venv-lowest takes 6 GB.
#
#   PYTHON=python3.12 scripts/test_lowest.sh
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv-lowest
stamp=$venv/.train-teacher-setup
wanted="$(cat pyproject.toml scripts/dependencies.py scripts/test_lowest.sh | cksum) $PWD"
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
    echo "lowest: installing"
    rm -rf "$venv"
    "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/python" scripts/dependencies.py lowest >"$venv/lowest.txt"
    # No other environment wants these wheels again: kept, they would take 3 GB of the disk.
    timeout --kill-after=60 15m "$venv/bin/python" -m pip install --disable-pip-version-check \
        --quiet --no-cache-dir -c "$venv/lowest.txt" -e . 2>&1 |
        { grep -v "^WARNING: Location" || true; }
    printf '%s' "$wanted" >"$stamp"
    echo "lowest: installed in $SECONDS s, $(du -sm "$venv" | cut -f1) MB"
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}
unset PYTHONPATH

run() {
    local start=$SECONDS status=0
    timeout --kill-after=30 8m "$venv/bin/$1" "${@:2}" >"$folder/log" 2>&1 || status=$?
    echo "lowest: $((SECONDS - start)) s, status $status: ${*//$folder\//}"
    [ "$status" = 0 ] || {
        cat "$folder/log" >&2
        exit 1
    }
}

data=$folder/data/annotations.json
run teacher doctor --model demo
sed -n '/package/,/^$/p' "$folder/log"
run python scripts/make_demo_data.py "$folder/data" --images 40
run inspect-data "$data" --language-model configs/demo/language_model
for tune in frozen lora; do
    out=$folder/$tune
    run train-teacher --data "$data" --output "$out" --model demo --device cpu --tune $tune --epochs 1
    run train-teacher --output "$out" --device cpu --resume --epochs 2
    run teacher evaluate "$out" --device cpu
    run teacher export "$out" --output "$out-merged" --merge
    run teacher predict "$out" "$folder/data/images" --output "$out.json" --device cpu
done
echo "lowest: passed in $SECONDS s"
