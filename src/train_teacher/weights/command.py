"""`teacher fetch`: a preset's files, and the options that use them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from train_teacher.console.command import FILE, argument, command, option

if TYPE_CHECKING:
    from train_teacher.weights.fetch import FetchResult

MEBIBYTE = 2**20


@command()
@argument(
    "preset",
    metavar="PRESET",
    help="Preset, such as swin-t, your own YAML, or hf://ORG/NAME.",
    default="swin-t",
)
@option(
    "--to",
    metavar="DIR",
    type=FILE,
    help="Folder to fill, for a machine without network; else the local caches.",
)
def fetch_command(preset: str, to: Path | None) -> int:
    """Get the base weights and the language model of a preset.

    A broken download continues where it stopped. HTTPS_PROXY, HF_ENDPOINT and HF_HUB_OFFLINE are
    honored.
    """
    from train_teacher.console.progress import progress_line
    from train_teacher.weights.fetch import fetch

    result = fetch(preset, to, progress=progress_line("weights", unit="MiB", per=MEBIBYTE))
    print(render_fetched(result))  # noqa: T201 - the result
    return 0


def render_fetched(result: FetchResult) -> str:
    """Return the paths of the files and the command line that uses them."""
    from train_teacher.weights.files import HUB

    weights = "none: this preset starts from random weights"
    if result.weights:
        size = result.weights.stat().st_size // MEBIBYTE
        weights = f"{result.weights} ({size:,} MiB)"
    on_hub = HUB.fullmatch(result.preset)
    # Which preset's geometry it has shows when it is loaded: swin-t's, or the message names it.
    flags = ["--weights", result.preset] if on_hub else ["--model", result.preset]
    if result.folder:
        folder = str(result.folder)
        flags = [] if on_hub else flags
        flags += ["--weights", folder if result.weights else "none", "--language-model", folder]
    command = shlex.join(["train-teacher", "--data", "DATA.json", "--output", "RUN", *flags])
    where = "copied to any machine, " if result.folder else ""
    return (
        f"weights         {weights}\n"
        f"language model  {result.language_model}\n"
        f"manifest        {result.manifest}\n"
        f"Used without network by ({where}DATA.json and RUN are yours):\n  {command}"
    )
