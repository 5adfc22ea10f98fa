#!/usr/bin/env bash
# Set-up and the main job in one command: a generated data set, inspected and trained on, on CPU.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/setup.sh
PATH="$PWD/.venv/bin:$PATH"

number=1
while [ -e "runs/demo-$number" ]; do number=$((number + 1)); done
folder=runs/demo-$number
mkdir -p "$folder"

echo
echo "== a small data set of generated images"
python scripts/make_demo_data.py "$folder/data"

echo
echo "== inspect-data $folder/data/annotations.json"
inspect-data "$folder/data/annotations.json" --language-model configs/demo/language_model

echo
echo "== train-teacher --data $folder/data/annotations.json --output $folder/teacher --model demo"
train-teacher --data "$folder/data/annotations.json" --output "$folder/teacher" --model demo \
    --device cpu

echo
echo "== teacher export $folder/teacher --output $folder/transformers --format transformers"
teacher export "$folder/teacher" --output "$folder/transformers" --format transformers

echo
echo "== what is in the run folder"
(cd "$folder/teacher" && find . -type f -printf '%P  %s bytes\n' | sort)
echo "run folder: $folder/teacher"
