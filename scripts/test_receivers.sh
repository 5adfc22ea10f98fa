#!/usr/bin/env bash
# Let the tools that `teacher predict` writes for read what it wrote, each with its own code: Ultralytics, RF-DETR
# and Lightly a student's folder, Datumaro annotations for CVAT, Label Studio's SDK tasks. They need torchvision and
# other versions than we do, so they have an environment of their own: 8 GB. CI does not run this.
#
#   PYTHON=python3.12 scripts/test_receivers.sh
set -euo pipefail
cd "$(dirname "$0")/.."

ours=${OURS:-.venv/bin}
venv=${RECEIVERS:-.venv-receivers}
if [ ! -x "$venv/bin/python" ]; then
    "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/python" -m pip install --disable-pip-version-check --quiet --no-cache-dir \
        "torch==2.14.1" "torchvision==0.29.1" "ultralytics==8.4.190" "rfdetr==1.11.2" \
        "lightly-train==0.18.0" "datumaro==1.13.12" "label-studio-sdk==2.1.2"
fi

folder=$(mktemp -d)
trap '[ -n "${KEEP:-}" ] || rm -rf "$folder"' EXIT
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2} CUDA_VISIBLE_DEVICES=""
"$ours/python" scripts/receivers/make.py "$folder"
"$ours/train-teacher" --data "$folder/alte Bilder é" --output "$folder/exp" --model demo \
    --device cpu --tune lora --epochs 1 --split 0.5/0.3/0.2 >"$folder/log" 2>&1
"$ours/teacher" predict "$folder/exp" "$folder/neue Bilder" --score-threshold 0.02 --device cpu \
    --student ultralytics --output "$folder/student" --cvat "$folder/cvat/annotations.xml" \
    --label-studio "$folder/tasks.json"
for tool in ultralytics rfdetr lightly cvat label_studio; do
    YOLO_CONFIG_DIR="$folder" "$venv/bin/python" scripts/receivers/read.py "$tool" "$folder"
done
