"""Fetch the files of a preset, for this machine or for one without network."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from train_teacher import __version__
from train_teacher.console.progress import Progress
from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.errors import UserError
from train_teacher.core.file_digest import sha256_of
from train_teacher.prompts.language_model_files import fetch_language_model, obtain_language_model
from train_teacher.settings.schema import TeacherSettings
from train_teacher.settings.yaml_files import read_preset
from train_teacher.weights.files import (
    HUB,
    cache_folder,
    fetch_weights,
    resolve_weights,
    shown_address,
)

MANIFEST = "fetched.json"


@dataclass(frozen=True)
class FetchResult:
    """Places of the files of a fetched preset."""

    preset: str
    weights: Path | None
    """None for a preset that starts from random weights."""
    language_model: Path
    manifest: Path
    folder: Path | None
    """The folder asked for; None when the files went to train-teacher's own caches."""


def fetch(
    preset: str, folder: Path | None = None, *, progress: Progress | None = None
) -> FetchResult:
    """Get the checkpoint and the language model's files of a preset or of hf://ORG/NAME.

    Existing files are kept. Without a folder they go to train-teacher's own caches; `--weights`
    and `--language-model` accept a folder that was filled.

    Raises:
        UserError: a download failed or is forbidden, or the folder cannot be used.
        UsageError: there is no such preset.
    """
    values = {"checkpoint": preset} if HUB.fullmatch(preset) else read_preset(preset).values
    checkpoint = values.get("checkpoint")
    model = str(values.get("language_model", TeacherSettings(data="", output="").language_model))
    # The small files first: a folder that cannot be used shows before a gigabyte is loaded.
    if folder is None:
        language_model = obtain_language_model(model)
        weights = (
            resolve_weights("auto", str(checkpoint), progress=progress) if checkpoint else None
        )
    else:
        language_model = fetch_language_model(model, folder)
        weights = fetch_weights(str(checkpoint), folder, progress=progress) if checkpoint else None
    manifest = (folder.resolve() if folder else cache_folder()) / MANIFEST
    result = FetchResult(preset, weights, language_model, manifest, folder)
    _note(result, checkpoint=str(checkpoint) if checkpoint else None, language_model=model)
    return result


def _note(result: FetchResult, *, checkpoint: str | None, language_model: str) -> None:
    """Add a preset to the manifest; in a folder that travels, places are relative to it."""
    travels = result.folder is not None
    weights = result.weights
    source = checkpoint
    # The path of a file on this machine is private.
    if checkpoint:
        source = shown_address(checkpoint) if "://" in checkpoint else Path(checkpoint).name
    own = Path(language_model)
    entry = {
        "weights": (weights.name if travels else str(weights)) if weights else None,
        "source": source,
        "sha256": sha256_of(weights) if weights else None,
        "bytes": weights.stat().st_size if weights else None,
        "language_model": "." if travels else str(result.language_model),
        "language_model_name": own.name if own.is_dir() else language_model,
        "train_teacher": __version__,
    }
    known = _read_manifest(result.manifest)
    known[result.preset] = entry
    result.manifest.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(known, indent=2, ensure_ascii=False)
    write_atomically(result.manifest, f"{text}\n")


def _read_manifest(manifest: Path) -> dict[str, object]:
    try:
        known = json.loads(manifest.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        known = None
    if not isinstance(known, dict):
        raise UserError(
            f"{manifest}: is not the list that `teacher fetch` keeps. Remove it and run again."
        )
    return known
