"""`teacher prompts`: the words that the base model reads best."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from train_teacher.console.command import FILE, argument, choice, command, option
from train_teacher.console.options import (
    allow_python_config_option,
    class_from_option,
    device_option,
    images_option,
)


@command()
@argument("data", metavar="DATA", help="COCO JSON, or a folder with train/valid/test.", type=FILE)
@option("--phrases", metavar="FILE", type=FILE, help="YAML: class name: [phrase, phrase, ...].")
@option("--phrase", metavar="NAME=PHRASE", multiple=True, help="Phrase to try; repeatable.")
@images_option
@class_from_option
@option(
    "--sample",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Images in the sample; rare classes come first.",
)
@option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the sample."
)
@option(
    "--model",
    metavar="PRESET",
    default="swin-t",
    show_default=True,
    help="swin-t, swin-b, swin-l, demo or a preset file.",
)
@option("--weights", metavar="PATH|URL", help="Base weights.")
@option("--language-model", metavar="NAME|DIR", help="BERT.")
@device_option
@allow_python_config_option
@choice("--format", "text", "json", help="Output format.")
def prompts_command(
    phrases: Path | None,
    phrase: tuple[str, ...],
    sample: int,
    seed: int,
    format: str,
    **base: Any,
) -> int:
    """Compare phrases for the classes on some images, before any training.

    Without phrases it scores the class names as they are.
    """
    from train_teacher.console.options import parse_pairs
    from train_teacher.console.progress import progress_line
    from train_teacher.core.terminal_text import plain
    from train_teacher.evaluation.base_model import BaseRequest
    from train_teacher.prompt_trials.text import render_prompts, render_prompts_json
    from train_teacher.prompt_trials.try_phrases import PromptsRequest, try_prompts

    request = PromptsRequest(
        BaseRequest(**base),
        offered=tuple(parse_pairs(phrase, "--phrase")),
        phrases=phrases,
        sample=sample,
        seed=seed,
    )
    result = try_prompts(request, progress=progress_line("images"))
    as_json = format == "json"
    print(render_prompts_json(result) if as_json else plain(render_prompts(result)))  # noqa: T201
    return 0
