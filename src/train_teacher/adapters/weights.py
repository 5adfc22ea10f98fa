"""Base checkpoints: found in the cache or downloaded, checked, and never half there."""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from train_teacher.domain.errors import UsageError, UserError

if TYPE_CHECKING:
    import requests

Progress = Callable[[int, int], None]

CHUNK_BYTES = 2**20
TIMEOUT_SECONDS = 30
PARTIAL_CONTENT = 206
RANGE_NOT_SATISFIABLE = 416
# OpenMMLab publishes NAME-xxxxxxxx.pth, where x are the first digits of the file's SHA-256.
PUBLISHED_HASH = re.compile(r"-([0-9a-f]{8})\.pth$")


def cache_folder() -> Path:
    """Return the folder that holds downloaded checkpoints."""
    own = os.environ.get("TRAIN_TEACHER_CACHE")
    if own:
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "train-teacher" / "checkpoints"


def expected_weights(value: str, checkpoint: str | None) -> Path | None:
    """Return where the weights are or will be, without looking or downloading.

    Args:
        value: `auto`, `none`, a file or an address.
        checkpoint: what `auto` means, a file or an address.

    Returns:
        The file; None for `none`.

    Raises:
        UsageError: `auto` without a checkpoint, or an address that is not http(s).
    """
    if value == "none":
        return None
    source = checkpoint if value == "auto" else value
    if source is None:
        raise UsageError("--weights auto: this preset names no checkpoint. Give --weights PATH|none.")
    if "://" not in source:
        return Path(source).resolve()
    parts = urlsplit(source)
    name = Path(parts.path).name
    if parts.scheme not in ("http", "https") or not name:
        raise UsageError(f"--weights {source}: give a file, or the http(s) address of one.")
    return cache_folder() / name


def resolve_weights(
    value: str, checkpoint: str | None, *, progress: Progress | None = None
) -> Path | None:
    """Return the checkpoint file, downloading it when it is an address and not in the cache.

    Args:
        value: `auto`, `none`, a file or an address.
        checkpoint: what `auto` means, a file or an address.
        progress: called with bytes done and bytes in all (0 when unknown).

    Returns:
        The file; None for `none`.

    Raises:
        UserError: it is missing or damaged, the download failed, or its hash is wrong.
        UsageError: see `expected_weights`.
    """
    path = expected_weights(value, checkpoint)
    if path is None:
        return None
    source = checkpoint if value == "auto" and checkpoint else value
    if "://" in source and not path.is_file():
        _download(source, path, progress)
    _check_file(path)
    return path


def sha256_of(path: Path) -> str:
    """Return the hex SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _check_file(path: Path) -> None:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "there is no such file"
        raise UserError(f"--weights {path}: {what}. Give a .pth checkpoint, or auto or none.")
    with path.open("rb") as file:
        head = file.read(64).lstrip()
    if not head:
        raise UserError(f"--weights {path}: the file is empty; download it again.")
    if head[:1] == b"<":
        raise UserError(
            f"--weights {path}: is a web page, not a checkpoint; the download went wrong. "
            "Remove it and download it again."
        )
    if head[:2] == b"PK" and not zipfile.is_zipfile(path):
        raise UserError(f"--weights {path}: is cut off; remove it and download it again.")


def _download(url: str, target: Path, progress: Progress | None) -> None:
    """Stream to TARGET.part, going on where an earlier try stopped, then check and rename."""
    import requests

    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _stream(url, part, progress)
    except (requests.RequestException, OSError) as error:
        raise UserError(
            f"the base weights could not be downloaded ({type(error).__name__}).\n"
            f"  address: {url}\n"
            f"  Download it on a machine with network and put it at {target},\n"
            "  or give --weights PATH, or train from random weights with --weights none."
        ) from error
    wanted = PUBLISHED_HASH.search(url)
    if wanted and not sha256_of(part).startswith(wanted.group(1)):
        found = sha256_of(part)[:8]
        part.unlink()
        raise UserError(
            f"{url}: arrived damaged (SHA-256 begins {found}, should begin {wanted.group(1)}); "
            "the file was removed. Run the command again."
        )
    part.replace(target)


def _stream(url: str, part: Path, progress: Progress | None) -> None:
    import requests

    done = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={done}-"} if done else {}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as response:
        if done and response.status_code == RANGE_NOT_SATISFIABLE:
            return  # the whole file is there already
        response.raise_for_status()
        if response.status_code != PARTIAL_CONTENT:
            done = 0
        total = done + int(response.headers.get("Content-Length", 0))
        with part.open("ab" if done else "wb") as file:
            for chunk in response.iter_content(CHUNK_BYTES):
                file.write(chunk)
                done += len(chunk)
                if progress:
                    progress(done, total)
    if total and done < total:
        raise _incomplete(done, total)


def _incomplete(done: int, total: int) -> requests.ConnectionError:
    import requests

    return requests.ConnectionError(f"the connection ended after {done} of {total} bytes")
