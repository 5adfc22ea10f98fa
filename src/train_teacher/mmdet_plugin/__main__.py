"""Runs one of MMDetection's own tools where mmcv has no compiled ops.

    python -m train_teacher.mmdet_plugin PATH/tools/test.py CONFIG CHECKPOINT

`tools/train.py` needs no help: it imports little before the config's `custom_imports` bring the
stand-in. `tools/test.py` imports all of mmdet first, which fails on mmcv-lite.
"""

from __future__ import annotations

import runpy
import sys

from train_teacher.core.cores import let_threads_sleep


def main() -> None:
    """Run the script that the first argument names, with the arguments after it."""
    if len(sys.argv) < 2:  # noqa: PLR2004 - the script
        sys.exit("usage: python -m train_teacher.mmdet_plugin PATH/tools/test.py ARGUMENTS")
    let_threads_sleep()
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
