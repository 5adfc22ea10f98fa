"""Decodes images the way mmcv does, in processes, and measures them (`--deep`)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from train_teacher.coco.dataset import CocoDataset
from train_teacher.console.progress import Progress
from train_teacher.core.cores import usable_cores
from train_teacher.core.errors import UserError
from train_teacher.images.decoding_cache import FileKey, file_key, recall, remember
from train_teacher.images.facts import SOUND, THUMBNAIL, DecodedFacts, ImageFiles
from train_teacher.images.files import image_paths

CHUNK = 32
"""Images handed to a process at a time."""
STORED_AT_ONCE = 2000
"""Images after which the cache is written, so that an interrupted run loses little."""
SHARPNESS_SIDE = 640
_LAYOUT = "1"
_RECORD = np.dtype(
    [
        ("readable", "?"),
        ("hash", "<u8"),
        ("brightness", "<f4"),
        ("contrast", "<f4"),
        ("sharpness", "<f4"),
        ("thumbnail", "u1", (THUMBNAIL, THUMBNAIL)),
    ]
)
"""Result of decoding an image, as the cache keeps it."""
_NOTHING = bytes(_RECORD.itemsize)
_HASH_BITS = np.left_shift(np.uint64(1), np.arange(64, dtype=np.uint64))


def decode_images(
    dataset: CocoDataset,
    files: ImageFiles,
    *,
    progress: Progress | None = None,
    cache: Path | None = None,
) -> ImageFiles:
    """Return the files with `decoded` filled in.

    Args:
        files: from `check_image_files`.
        progress: called with images done and images in all.
        cache: file of the cache; by default that of the user.

    Raises:
        UserError: a decoding process died.
    """
    paths = _sound_paths(dataset, files)
    measured = _measure_all([p for p in paths if p is not None], progress, cache, _in_processes)
    return replace(files, decoded=_columns(paths, measured))


def _sound_paths(dataset: CocoDataset, files: ImageFiles) -> list[str | None]:
    paths = image_paths(dataset, files)
    if files.facts is None:
        return paths
    sound = (files.facts.damage == SOUND).tolist()
    return [path if ok else None for path, ok in zip(paths, sound, strict=True)]


def look_at_images(
    dataset: CocoDataset, files: ImageFiles, *, most: int, cache: Path | None = None
) -> ImageFiles:
    """Return the files with `decoded` filled in, where it is cached or quick.

    Nothing is decoded twice: what an earlier look remembered is taken from the cache. Threads do
    the rest, not processes, so that a caller's script needs no `__main__` guard.

    Args:
        files: from `check_image_files`.
        most: images to decode; if more would have to be, none is, and only what is remembered
            counts as looked at; with nothing looked at, `decoded` stays None.
        cache: file of the cache; by default that of the user.
    """
    paths = _sound_paths(dataset, files)

    def decode(todo: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        return _in_threads(todo) if len(todo) <= most else iter(())

    measured = _measure_all([p for p in paths if p is not None], None, cache, decode)
    if not measured:
        return files
    return replace(files, decoded=_columns(paths, measured))


def measure_image(path: str) -> bytes:
    """Return the result of decoding one file, packed; called in worker processes."""
    import cv2

    try:
        content = np.frombuffer(Path(path).read_bytes(), np.uint8)
        image = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    except (OSError, cv2.error):
        image = None
    if image is None:
        return _NOTHING
    gray: npt.NDArray[np.uint8] = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    side = max(gray.shape)
    if side > SHARPNESS_SIDE:
        scale = SHARPNESS_SIDE / side
        height, width = (max(1, round(length * scale)) for length in gray.shape)
        gray = cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA)
    small = cv2.resize(gray, (9, 8), interpolation=cv2.INTER_AREA).astype(np.int16)
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    thumbnail = cv2.resize(gray, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    sharpness = cv2.Laplacian(gray, cv2.CV_32F).var()
    hash_ = _HASH_BITS[bits].sum(dtype=np.uint64)
    found = (True, hash_, gray.mean(), gray.std(), sharpness, thumbnail)
    return np.array(found, _RECORD).tobytes()


def _columns(paths: Sequence[str | None], measured: Mapping[str, bytes]) -> DecodedFacts:
    looked = np.array([path in measured for path in paths], np.bool_)
    # Older caches keep an image that cannot be read without a thumbnail.
    records = [measured.get(path or "", b"").ljust(_RECORD.itemsize, b"\0") for path in paths]
    table: npt.NDArray[np.void] = np.ndarray(len(paths), _RECORD, b"".join(records))
    return DecodedFacts(
        looked=looked,
        readable=table["readable"],
        hashes=table["hash"],
        brightness=table["brightness"],
        contrast=table["contrast"],
        sharpness=table["sharpness"],
        thumbnails=table["thumbnail"],
    )


def _measure_all(
    paths: Sequence[str],
    progress: Progress | None,
    cache: Path | None,
    decode: Callable[[Sequence[str]], Iterator[tuple[str, bytes]]],
) -> dict[str, bytes]:
    import cv2

    version = f"{_LAYOUT} {cv2.__version__}"
    keys = {path: key for path in dict.fromkeys(paths) if (key := file_key(path))}
    known = recall(list(keys.values()), version, cache)
    measured = {path: known[key[0]] for path, key in keys.items() if key[0] in known}
    todo = [path for path in dict.fromkeys(paths) if path not in measured]
    total = len(measured) + len(todo)
    fresh: dict[FileKey, bytes] = {}
    if progress and measured:
        progress(len(measured), total)
    try:
        for path, value in decode(todo):
            measured[path] = value
            if path in keys:
                fresh[keys[path]] = value
            if len(fresh) >= STORED_AT_ONCE:
                remember(fresh, version, cache)
                fresh.clear()
            if progress:
                progress(len(measured), total)
    finally:
        remember(fresh, version, cache)
    return measured


def _in_processes(paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    if not paths:
        return
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    workers = min(usable_cores(), -(-len(paths) // CHUNK))
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_start_worker)
    try:
        yield from zip(paths, pool.map(measure_image, paths, chunksize=CHUNK), strict=True)
    except BrokenProcessPool as error:
        raise UserError(
            "--deep: a process that decodes images died, perhaps for lack of memory. "
            "Run the command again (what was decoded is remembered) or without --deep."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _in_threads(paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(usable_cores()) as pool:
        yield from zip(paths, pool.map(measure_image, paths), strict=True)


def _start_worker() -> None:
    """Silence the decoders' own messages: the report names damaged files."""
    import cv2

    cv2.setNumThreads(1)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    os.close(silence)
