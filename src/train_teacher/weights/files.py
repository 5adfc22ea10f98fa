"""Base checkpoints: found in the cache or downloaded, checked, never incomplete."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from train_teacher.console.progress import Progress
from train_teacher.core.atomic_file import replacing
from train_teacher.core.errors import NotAtHandError, UsageError, UserError
from train_teacher.core.file_digest import sha256_of
from train_teacher.core.network import hub_address, offline_switch
from train_teacher.hub.files import SUFFIX, WEIGHTS, safetensors_problem

if TYPE_CHECKING:
    import requests


# When a connection breaks, the chunk under way is lost: small, so that a bad line gets on.
DOWNLOAD_CHUNK_BYTES = 2**16
TIMEOUT_SECONDS = 30
# A line that breaks now and then should not cost the user a command each time.
MAX_TRIES = 5
PARTIAL_CONTENT = 206
RANGE_NOT_SATISFIABLE = 416
SHOWN_CANDIDATES = 6
CHECKPOINT_SUFFIXES = (".pth", ".pt", SUFFIX)
HUB = re.compile(r"hf://([\w.-]+)/([\w.-]+)")
# OpenMMLab publishes NAME-xxxxxxxx.pth, where x are the first digits of the file's SHA-256.
PUBLISHED_HASH = re.compile(r"-([0-9a-f]{8})\.pth$")
ZIP_MAGIC = b"PK\x03\x04"
# Checkpoints of PyTorch before 1.6 are bare pickles; the reader knows them too.
PICKLE_MAGIC = b"\x80"


def cache_folder() -> Path:
    """Return the folder that holds downloaded checkpoints."""
    own = os.environ.get("TRAIN_TEACHER_CACHE")
    if own:
        return Path(own).expanduser().resolve()
    return _user_cache() / "train-teacher" / "checkpoints"


def expected_weights(value: str, checkpoint: str | None) -> Path | None:
    """Return the path of the weights, None for `none`; nothing is downloaded or checked.

    Args:
        value: `auto`, `none`, a file, a folder with checkpoints, an address or hf://ORG/NAME.
        checkpoint: what `auto` means and is looked for in a folder; a file or an address.

    Raises:
        UsageError: `auto` without a checkpoint, or an address that is not http(s).
        UserError: a folder without a checkpoint, or with several that fit as well as another.
    """
    if value == "none":
        return None
    source = _source(value, checkpoint)
    if _is_address(source):
        return _cached(source)
    path = Path(source).expanduser().resolve()
    return _checkpoint_in(path, checkpoint) if path.is_dir() else path


def address_to_fetch(value: str, checkpoint: str | None) -> str | None:
    """Return the address of missing weights, None where nothing is missing.

    Raises:
        UserError: they are named as a file, which is missing or damaged.
        UsageError: see `expected_weights`.
    """
    path = expected_weights(value, checkpoint)
    if path is None:
        return None
    source = _source(value, checkpoint)
    if path.exists() or not _is_address(source):
        _check_file(path)
        return None
    return shown_address(source)


def resolve_weights(
    value: str, checkpoint: str | None, *, progress: Progress | None = None
) -> Path | None:
    """Return the checkpoint file, downloading it when it is an address and not in the cache.

    `expected_weights` says what `value` may be; bytes in all are 0 when unknown.

    Raises:
        UserError: it is missing or damaged, the download failed, or its hash is wrong.
        UsageError: see `expected_weights`.
    """
    path = expected_weights(value, checkpoint)
    if path is None:
        return None
    source = _source(value, checkpoint)
    if not _is_address(source):
        _check_file(path)
        if checkpoint and path.name == checkpoint_name(checkpoint):
            # A copy of a published file: copying to a stick and back may have damaged it.
            _check_hash(path, checkpoint)
    elif path.exists():
        # Perhaps put there by hand, after a download elsewhere.
        _check_file(path)
        _check_hash(path, source)
    else:
        _download(source, path, progress)
    return path


def fetch_weights(source: str, folder: Path, *, progress: Progress | None = None) -> Path:
    """Put a preset's checkpoint into a folder: what is there already, a copy, or a download.

    It has its published name there, and is checked; bytes in all are 0 when unknown.

    Raises:
        UserError: it is damaged, could not be downloaded, or the folder cannot be written.
        UsageError: the address is none.
    """
    target = folder.resolve() / checkpoint_name(source)
    present = _cached(source) if _is_address(source) else Path(source)
    if target.is_file():
        _check_file(target)
        _check_hash(target, source)
    elif present.is_file():
        _check_file(present)
        _check_hash(present, source)
        _copy(present, target)
    else:
        _download(source, target, progress)
    return target


def checkpoint_name(source: str) -> str:
    """Return the file name of a checkpoint given by path or address."""
    if hub := HUB.fullmatch(source):
        return f"{hub[1]}--{hub[2]}{SUFFIX}"  # there, all are called model.safetensors
    return Path(unquote(_split(source).path) if _is_address(source) else source).name


def shown_address(url: str) -> str:
    """Return the address without a user name and password: messages end up in logs."""
    parts = urlsplit(_web_address(url))
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _web_address(url: str) -> str:
    hub = HUB.fullmatch(url)
    return f"{hub_address()}/{hub[1]}/{hub[2]}/resolve/main/{WEIGHTS}" if hub else url


def _source(value: str, checkpoint: str | None) -> str:
    source = checkpoint if value == "auto" else value
    if not source:
        what = "this preset names no checkpoint" if value == "auto" else "the value is empty"
        raise UsageError(f"--weights {value}: {what}. Give --weights PATH|URL|none.")
    return source


def _is_address(source: str) -> bool:
    return "://" in source


def _checkpoint_in(folder: Path, checkpoint: str | None) -> Path:
    """Return a preset's checkpoint in a folder, or the only one there is."""
    if checkpoint:
        own = folder / checkpoint_name(checkpoint)
        if own.is_file():
            return own
    found = sorted(path for path in folder.iterdir() if path.suffix in CHECKPOINT_SUFFIXES)
    if len(found) == 1:
        return found[0]
    if not found:
        raise UserError(
            f"--weights {folder}: is a folder without a checkpoint (.pth, .safetensors). Give one, "
            "or fill the folder on a machine with network: teacher fetch PRESET --to DIR."
        )
    names = "\n".join(f"  {path}" for path in found[:SHOWN_CANDIDATES])
    rest = f"\n  and {len(found) - SHOWN_CANDIDATES} more" if len(found) > SHOWN_CANDIDATES else ""
    raise UserError(
        f"--weights {folder}: holds {len(found)} checkpoints, and none has the name of this "
        f"preset's ({checkpoint_name(checkpoint) if checkpoint else 'it names none'}). "
        f"Give one of them, with the --model it was made for:\n{names}{rest}"
    )


def _copy(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as part:
            shutil.copyfile(source, part)
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror}.") from error


def _user_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(base) if base else Path.home() / ".cache"


def _cached(url: str) -> Path:
    """Return the place of an address's file: in PyTorch's own cache if it is there, else ours."""
    if HUB.fullmatch(url):
        return cache_folder() / checkpoint_name(url)
    parts = _split(url)
    name = Path(unquote(parts.path)).name
    if parts.scheme not in ("http", "https") or not parts.netloc or name in ("", "..", "."):
        raise UsageError(
            f"--weights {url}: give a file, the http(s) address of one, or hf://ORG/NAME."
        )
    if not PUBLISHED_HASH.search(name):
        # Two addresses may well end in `best.pth`; without a hash the name identifies nothing.
        return cache_folder() / hashlib.sha256(url.encode()).hexdigest()[:12] / name
    torch_home = os.environ.get("TORCH_HOME")
    hub = (Path(torch_home) if torch_home else _user_cache() / "torch") / "hub" / "checkpoints"
    ours = cache_folder() / name
    return hub / name if (hub / name).is_file() and not ours.exists() else ours


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise UsageError(f"--weights {url}: is not an address ({error}).") from error


def _check_file(path: Path) -> None:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "there is no such file"
        raise UserError(
            f"--weights {path}: {what}. Give a checkpoint (.pth, .safetensors), auto or none."
        )
    try:
        problem = problem_with(path)
    except OSError as error:
        raise UserError(f"--weights {path}: cannot be read: {error.strerror}.") from error
    if problem:
        raise UserError(
            f"--weights {path}: {problem}, so training cannot start from it. "
            "Remove it and download it again, or give another file."
        )


def problem_with(path: Path) -> str | None:
    """Return the reason why a file is no checkpoint, found without PyTorch, or None."""
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        return "the file is empty"
    if head.lstrip()[:1] == b"<":
        return "is a web page, not a checkpoint: the download went wrong"
    if SUFFIX in path.suffixes:  # also while it is a .part
        return safetensors_problem(path)
    if head.startswith(ZIP_MAGIC):
        return None if zipfile.is_zipfile(path) else "is cut off"
    return None if head.startswith(PICKLE_MAGIC) else "is not a PyTorch checkpoint"


def _check_hash(path: Path, url: str) -> None:
    wanted = PUBLISHED_HASH.search(urlsplit(url).path)
    if not wanted:
        return
    found = sha256_of(path)[:8]
    if found != wanted.group(1):
        raise UserError(
            f"{path}: is damaged or another file (its SHA-256 begins {found}, that of "
            f"{shown_address(url)} should begin {wanted.group(1)}). Remove it and run the command "
            "again."
        )


def _download(url: str, target: Path, progress: Progress | None) -> None:
    """Stream to TARGET.part, resuming an earlier try, then check and rename."""
    import requests

    switch = offline_switch()
    if switch:
        raise _download_error(url, target, f"{switch} forbids the network")
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _stream_with_retries(url, part, progress)
    except requests.RequestException as error:
        raise _download_error(url, target, _cause(error)) from error
    except OSError as error:
        raise _download_error(url, target, f"{target.parent}: {error.strerror}") from error
    try:
        _check_arrived(part, url)
    except UserError:
        # Going on from a damaged part would never end well.
        part.unlink()
        raise
    part.replace(target)


def _check_arrived(part: Path, url: str) -> None:
    problem = problem_with(part)
    if problem:
        raise UserError(
            f"{shown_address(url)}: the downloaded file cannot be trained on: {problem}. It was "
            "removed; check the address, or give --weights PATH|none."
        )
    wanted = PUBLISHED_HASH.search(urlsplit(url).path)
    found = sha256_of(part)[:8]
    if wanted and found != wanted.group(1):
        raise UserError(
            f"{shown_address(url)}: arrived damaged (SHA-256 begins {found}, should begin "
            f"{wanted.group(1)}); it was removed. Run the command again."
        )


def _cause(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    return f"no connection or it broke: {type(error).__name__}"


def _download_error(url: str, target: Path, cause: str) -> NotAtHandError:
    return NotAtHandError(
        f"the base weights {target.name} are not on this machine and could not be downloaded: "
        f"{cause}.\n"
        f"  address: {shown_address(url)}\n"
        f"  Download it on a machine with network and put it at {target},\n"
        "  or make a folder there with `teacher fetch PRESET --to DIR`, copy it here and give\n"
        "  --weights DIR (or --weights PATH of the file), or train from random weights with "
        "--weights none.",
        cause,
    )


def _stream_with_retries(url: str, part: Path, progress: Progress | None) -> None:
    """Retry after a broken connection as long as every try makes progress."""
    import requests

    for remaining in reversed(range(MAX_TRIES)):
        before = _size(part)
        try:
            _stream(url, part, progress)
            return
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ):
            if not remaining or _size(part) <= before:
                raise


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _stream(url: str, part: Path, progress: Progress | None) -> None:
    import requests

    done = _size(part)
    # A compressed answer could not be resumed by its byte count.
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={done}-"} if done else {})}
    with requests.get(
        _web_address(url), headers=headers, stream=True, timeout=TIMEOUT_SECONDS
    ) as response:
        if done and response.status_code == RANGE_NOT_SATISFIABLE:
            # There is nothing behind byte DONE: it is complete, or not the same file.
            if response.headers.get("Content-Range", "").rpartition("/")[2] != str(done):
                part.unlink()
                _stream(url, part, progress)
            return
        response.raise_for_status()
        if response.status_code != PARTIAL_CONTENT:
            done = 0  # the server sends everything again
        length = int(response.headers.get("Content-Length", 0))
        total = done + length if length else 0
        with part.open("ab" if done else "wb") as file:
            for chunk in response.iter_content(DOWNLOAD_CHUNK_BYTES):
                file.write(chunk)
                done += len(chunk)
                if progress:
                    progress(done, total)
    if done < total:
        raise requests.ConnectionError(f"the connection ended after {done} of {total} bytes")
