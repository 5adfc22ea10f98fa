"""Throw damaged files at the commands: a result or one clear error, never a traceback.

python scripts/fuzz_inspect.py --mode inspect --inputs 200000 --seconds 600

Every input is a small valid one with random damage: values replaced, members removed or repeated,
records doubled, bytes flipped, cut or inserted. A crash is printed with its seed.

inspect   an annotation file
large     the same, read as if it were a large one (mapped and cut into blocks, in one process),
          and what comes out is compared with the ordinary reader's
fix       the same for --fix: no valid annotation is lost, no repaired finding stays (fuzz_fix.py)
settings  a settings file, a preset, --set (fuzz_settings.py)
resume    a file of a run folder, before --resume, evaluate, export or compare (fuzz_resume.py)
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

BATCH = 500
MODES = ("inspect", "large", "fix", "settings", "resume")
LARGE_INSPECTED = 8
"""Of so many files read in both ways, one is inspected: what was read is the same."""
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 7, 2**31, 2**63, 2**64, -(2**70), 1e308, -1e308, 0.5, 1e-9),
    *("", "a", "1", "-1", "NaN", "\x00", "\ud800", "каска", "(x)", ".", "a" * 300, "../x.jpg"),
    *(
        [],
        [[]],
        [None],
        [1, 2],
        [1, 2, 3, 4],
        ["1", 2, 3, 4],
        [[1, 2, 3]],
        [[[1, 2], [3, 4], [5, 6]]],
    ),
    *({}, {"size": [4, 5], "counts": "0"}, {"size": [2**40, 1], "counts": [1]}, {"id": {}}),
    *(float("nan"), float("inf"), "<deep>"),
)
INSERTED = (
    *(b",", b",}", b",]", b"}", b"]", b'"', b"NaN", b"[[[[", b"\xff\xfe"),
    *(b"\\ud800", b"\\udc00", b"\\", b"1e999", b'},{"id":'),
)
DEPTHS = (150, 300, 900, 950, 970, 980, 990, 1000, 1100, 3000)
KEYS = (
    *("id", "image_id", "category_id", "bbox", "area", "iscrowd", "segmentation", "ignore"),
    *("file_name", "width", "height", "name", "supercategory", "coco_url", "attributes"),
    *("images", "annotations", "categories", "info", "licenses", "score", "caption"),
)


def valid(chance: random.Random) -> dict[str, Any]:
    """Return a small data set without a mistake."""
    images = [
        {"id": n, "file_name": f"{n}.jpg", "width": 64, "height": 48}
        for n in range(1, chance.randint(2, 5))
    ]
    annotations = [
        {
            "id": n,
            "image_id": chance.choice(images)["id"],
            "category_id": chance.randint(1, 2),
            "bbox": [chance.randint(0, 40), chance.randint(0, 30), 9, 12],
            "area": 108,
            "iscrowd": 0,
            "segmentation": [[1, 2, 10, 2, 10, 14]],
        }
        for n in range(1, chance.randint(2, 9))
    ]
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "red car"}]
    return {"images": images, "annotations": annotations, "categories": categories}


def damage(value: Any, chance: random.Random) -> None:
    """Change one thing somewhere below a list or an object."""
    node: Any = value
    for _ in range(chance.randint(0, 4)):
        inner = [v for v in _members(node) if isinstance(v, dict | list) and v]
        if not inner:
            break
        node = chance.choice(inner)
    if isinstance(node, dict):
        key = chance.choice([*node, *KEYS[: chance.randint(1, len(KEYS))]])
        if key in node and chance.random() < 0.3:
            del node[key]
        else:
            node[key] = deepcopy(chance.choice(ODD_VALUES))
    elif node:
        place = chance.randrange(len(node))
        kind = chance.random()
        if kind < 0.3:
            node.insert(place, deepcopy(node[place]))
        elif kind < 0.5:
            del node[place]
        else:
            node[place] = deepcopy(chance.choice(ODD_VALUES))


def _members(node: Any) -> list[Any]:
    return list(node.values()) if isinstance(node, dict) else list(node)


def make_input(seed: int) -> bytes:
    """Return the bytes of one damaged file; the same for the same seed."""
    chance = random.Random(seed)
    content = valid(chance)
    for _ in range(chance.randint(0, 6)):
        damage(content, chance)
    written = json.dumps(content, ensure_ascii=chance.random() < 0.5)
    depth = chance.choice(DEPTHS) + chance.randrange(10)
    written = written.replace('"<deep>"', "[" * depth + "]" * depth)
    return damage_bytes(written.encode("utf-8", "surrogatepass"), chance)


def damage_bytes(content: bytes, chance: random.Random) -> bytes:
    """Return a text with up to three bytes changed, inserted, or cut off."""
    text = bytearray(content)
    for _ in range(chance.choice((0, 0, 1, 3))):
        place = chance.randrange(len(text) + 1)
        kind = chance.random()
        if kind < 0.4:
            text[place : place + 1] = bytes([chance.randrange(256)])
        elif kind < 0.7:
            text[place:place] = chance.choice(INSERTED)
        else:
            del text[place:]
    return bytes(text)


@contextmanager
def read_as_large() -> Iterator[None]:
    """Have every file read as a large one, in this process alone."""
    from train_teacher.coco import large_file

    limits = {"MAPPED_BYTES": 1, "LARGE_BYTES": 2**60, "TASK_BYTES": 400, "BLOCK_BYTES": 200}
    before = {name: getattr(large_file, name) for name in limits}
    for name, value in limits.items():
        setattr(large_file, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(large_file, name, value)


def compare_readers(path: Path) -> None:
    """Fail where the reader of large files and the ordinary one disagree."""
    from train_teacher.core.errors import UserError

    whole = read_or_refuse(path)
    with read_as_large():
        blocks = read_or_refuse(path)
    if isinstance(whole, str) or isinstance(blocks, str):
        assert whole == blocks
        raise UserError(whole)
    for name in ("images", "categories", "problems", "info", "encoding_note"):
        # As text: NaN is not equal to itself.
        assert repr(getattr(whole, name)) == repr(getattr(blocks, name)), name
    assert [bytes_of(r) for r in whole.raw_annotations] == [
        bytes_of(r) for r in blocks.raw_annotations
    ]
    for part in (lambda d: d.annotations, lambda d: d.annotations.masks):
        for field in fields(part(whole)):
            if field.name != "masks":
                compare_columns(
                    field.name,
                    getattr(part(whole), field.name),
                    getattr(part(blocks), field.name),
                )


def read_or_refuse(path: Path) -> Any:
    """Return the data set, or the message that says why there is none."""
    from train_teacher.coco.reader import read_coco
    from train_teacher.core.errors import UserError

    try:
        return read_coco(path)
    except UserError as error:
        return str(error)


def bytes_of(record: Any) -> str:
    """Return a record as text, whichever reader gave it."""
    import msgspec

    return repr(bytes(record) if isinstance(record, msgspec.Raw) else record)


def compare_columns(name: str, first: Any, second: Any) -> None:
    """Fail where two columns differ."""
    import numpy as np

    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        np.testing.assert_array_equal(first, second, err_msg=name)
    else:
        assert repr(list(first)) == repr(list(second)), name


def inspect_one(path: Path, seed: int, large: bool) -> None:
    """Inspect one file in all ways; what is no UserError is a crash."""
    from train_teacher.inspection.describe import describe
    from train_teacher.inspection.fix.fix_file import fix_data
    from train_teacher.inspection.load import InspectRequest, load_splits
    from train_teacher.inspection.text import render_json, render_text

    if large:
        compare_readers(path)
        if seed % LARGE_INSPECTED:
            return
    # Looking for the folder of the images takes half of the time.
    images = None if seed % 8 == 0 else path.parent
    request = InspectRequest(data=path, images=images, check_images=seed % 4 == 0)
    with read_as_large() if large else nullcontext():
        info = describe(load_splits(request), request)
    render_text(info)
    render_json(info)
    if seed % 8 == 1:
        fix_data(request, path.with_name(f"fixed{seed}.json"))


def checks(mode: str) -> Callable[[Path, int], None]:
    """Return what a mode does with the file that it may write, and a seed."""
    if mode == "settings":
        from fuzz_settings import settings_one

        return settings_one
    if mode == "resume":
        from fuzz_resume import resume_one, whole_run

        whole_run()
        return resume_one

    def annotations(path: Path, seed: int) -> None:
        path.write_bytes(make_input(seed))
        if mode == "fix":
            from fuzz_fix import repair_one

            repair_one(path, seed)
        else:
            inspect_one(path, seed, mode == "large")

    return annotations


def run_batch(seeds: range, mode: str = "inspect") -> tuple[int, int, list[tuple[int, str]]]:
    """Return how many gave a result, how many one clear error, and the crashes."""
    from train_teacher.core.errors import UserError

    check = checks(mode)
    findings = errors = 0
    crashes = []
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # A warning of numpy's would reach the user's terminal: it counts as a crash.
        warnings.simplefilter("error")
        path = Path(folder) / "data.json"
        for seed in seeds:
            try:
                check(path, seed)
                findings += 1
            except UserError as error:
                errors += bool(str(error))
            except Exception:  # noqa: BLE001 - a crash is what is looked for
                crashes.append((seed, traceback.format_exc()))
    return findings, errors, crashes


def main() -> int:
    """Run until the inputs or the time are used up."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--mode", choices=MODES, default="inspect")
    arguments = parser.parse_args()
    started = time.monotonic()
    first, last = arguments.first_seed, arguments.first_seed + arguments.inputs
    batches = [range(s, min(s + BATCH, last)) for s in range(first, last, BATCH)]
    # What a mode prepares is made once, before the processes are.
    checks(arguments.mode)
    run = partial(run_batch, mode=arguments.mode)
    done = findings = errors = 0
    crashes: dict[str, tuple[int, str]] = {}
    with ProcessPoolExecutor(arguments.processes) as pool:
        for begin in range(0, len(batches), 4 * arguments.processes):
            part = batches[begin : begin + 4 * arguments.processes]
            for batch, (good, clear, bad) in zip(part, pool.map(run, part), strict=True):
                done, findings, errors = done + len(batch), findings + good, errors + clear
                for seed, text in bad:
                    crashes.setdefault("\n".join(text.splitlines()[-3:]), (seed, text))
            print(f"{done:,} inputs, {len(crashes)} kinds of crash", file=sys.stderr, flush=True)
            if time.monotonic() - started > arguments.seconds:
                break
    for seed, text in crashes.values():
        print(f"seed {seed}:\n{text}")
    print(
        f"{arguments.mode}: {done:,} inputs from seed {first:,}: {findings:,} with a result, "
        f"{errors:,} with one clear error, "
        f"{len(crashes)} kinds of crash, {time.monotonic() - started:.0f} s"
    )
    return int(bool(crashes))


if __name__ == "__main__":
    raise SystemExit(main())
