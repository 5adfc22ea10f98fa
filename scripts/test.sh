#!/usr/bin/env bash
# Set-up and the whole test suite in one command.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/setup.sh
bash scripts/check.sh "$@"
