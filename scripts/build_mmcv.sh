#!/usr/bin/env bash
# Build the compiled mmcv 2.1.0 into .venv, in place of mmcv-lite: faster on a GPU.
# Takes 8 to 10 minutes on 2 cores (MAX_JOBS=N sets the processes). Needs a C++ compiler, and for
# the GPU ops the CUDA toolkit that the installed PyTorch was built with (CUDA_HOME).
# A later setup.sh that has something new to install brings mmcv-lite back: then run this again.
set -euo pipefail
cd "$(dirname "$0")/.."
python=.venv/bin/python

fail() {
    printf 'build_mmcv: %s\n' "$1" >&2
    exit 1
}

"$python" -c 'import torch' 2>/dev/null || fail "no PyTorch in .venv; run scripts/setup.sh first"
command -v "${CXX:-c++}" >/dev/null || fail "no C++ compiler (Debian, Ubuntu: apt install build-essential)"

pip=("$python" -m pip --disable-pip-version-check)
# mmcv's setup.py imports pkg_resources, which setuptools 81 has removed.
"${pip[@]}" install -c scripts/constraints.txt setuptools wheel ninja psutil
# The wheel is made before anything is removed: a failed build leaves .venv as it was.
# Without build isolation the build sees PyTorch; with it, it would quietly make no op at all.
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
MMCV_WITH_OPS=1 "${pip[@]}" wheel --no-build-isolation --no-deps --no-binary mmcv \
    --wheel-dir "$wheels" mmcv==2.1.0 ||
    fail "the build failed, see above; .venv still has mmcv-lite and works without it"
# Both packages are the folder mmcv on disk: the old one must go first, or they mix.
"${pip[@]}" uninstall -y mmcv-lite mmcv
"${pip[@]}" install --no-deps --no-index "$wheels"/mmcv-2.1.0-*.whl
"$python" -c 'import torch, mmcv._ext' ||
    fail "mmcv was built without its ops; go back with: $python -m pip install mmcv-lite==2.1.0 --force-reinstall --no-deps"
echo "build_mmcv: mmcv._ext works"
