"""The language model's small files, from the cache or from the Hugging Face hub."""

from __future__ import annotations

import filecmp
from pathlib import Path

from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.errors import UserError
from train_teacher.core.network import hub_address, why_unreachable
from train_teacher.prompts.tokenizer import hub_cache, missing_model, resolve_language_model

# The weights are not among them: they come with the Grounding DINO checkpoint.
REQUIRED_FILES = ("config.json", "vocab.txt")
OPTIONAL_FILES = ("tokenizer_config.json", "tokenizer.json", "special_tokens_map.json")


def obtain_language_model(value: str) -> Path:
    """Return a language model's folder, downloading its files when they are missing.

    It is given by a folder, or by its name on the Hugging Face hub, such as `bert-base-uncased`.

    Raises:
        UserError: the folder is incomplete, or the download failed or is forbidden
            (HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE).
    """
    try:
        return resolve_language_model(value)
    except UserError as error:
        looks_like_path = Path(value).exists() or Path(value).is_absolute() or "\\" in value
        if looks_like_path or value.startswith((".", "~")) or value.count("/") > 1:
            raise
        # Without a connection huggingface_hub repeats each request for 23 seconds; this asks once.
        if cause := why_unreachable(hub_address()):
            raise missing_model(value, cause) from error
    _download(value)
    return resolve_language_model(value)


def fetch_language_model(value: str, folder: Path) -> Path:
    """Copy a language model's files into a folder that `--language-model` accepts.

    A file of another model in it is never replaced.

    Raises:
        UserError: as for `obtain_language_model`, or the folder holds another model or cannot be
            written.
    """
    source = obtain_language_model(value)
    names = [n for n in (*REQUIRED_FILES, *OPTIONAL_FILES) if (source / n).is_file()]
    for name in names:
        if (folder / name).is_file() and not filecmp.cmp(source / name, folder / name, False):
            raise UserError(
                f"{folder / name}: belongs to another language model than {value}, and nothing is "
                "overwritten. Give another folder with --to."
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--to {folder}: cannot be created: {error.strerror}.") from error
    for name in names:
        if not (folder / name).is_file():
            write_atomically(folder / name, (source / name).read_bytes())
    return resolve_language_model(folder)


def _download(name: str) -> None:
    """Fill the Hugging Face cache; HF_ENDPOINT, HF_TOKEN and the proxy variables are honored."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    # The hub knows the first BERTs under their owner; a mirror may not know the old short name.
    repository = name if "/" in name else f"google-bert/{name}"
    endpoint = hub_address()
    try:
        for file in (*REQUIRED_FILES, *OPTIONAL_FILES):
            try:
                hf_hub_download(repository, file, cache_dir=hub_cache(), endpoint=endpoint)
            except EntryNotFoundError:
                if file == "config.json":
                    raise
    except (OSError, HFValidationError) as error:
        cause = f"{repository} could not be read from {endpoint}: {type(error).__name__}"
        raise missing_model(name, cause) from error
