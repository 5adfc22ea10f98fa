"""`teacher prompts`: which words the base model reads best."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from train_teacher.console.options import DeviceOption, ImagesOption, one_of


def prompts_command(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="COCO JSON, or a folder with train/valid/test.")
    ],
    phrases: Annotated[
        Path | None,
        typer.Option("--phrases", metavar="FILE", help="YAML: class name: [phrase, phrase, ...]."),
    ] = None,
    phrase: Annotated[
        list[str] | None,
        typer.Option("--phrase", metavar="NAME=PHRASE", help="Phrase to try; again for more."),
    ] = None,
    images: ImagesOption = None,
    sample: Annotated[
        int, typer.Option("--sample", min=1, help="Images to look at; rare classes come first.")
    ] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the sample.")] = 0,
    model: Annotated[
        str,
        typer.Option(
            "--model", metavar="PRESET", help="swin-t, swin-b, swin-l, demo or a preset file."
        ),
    ] = "swin-t",
    weights: Annotated[
        str | None, typer.Option("--weights", metavar="PATH|URL", help="Base weights.")
    ] = None,
    language_model: Annotated[
        str | None, typer.Option("--language-model", metavar="NAME|DIR", help="BERT.")
    ] = None,
    device: DeviceOption = "auto",
    format: Annotated[str, typer.Option("--format", metavar="text|json")] = "text",
) -> int:
    """Try phrases for the classes on some images, before any training, and say which is best.

    Without phrases it shows how the base model reads the names as they are.
    """
    one_of("--device", device, ("auto", "cpu", "cuda"))
    one_of("--format", format, ("text", "json"))
    from train_teacher.console.options import parse_pairs
    from train_teacher.console.progress import progress_line
    from train_teacher.core.terminal_text import plain
    from train_teacher.prompt_trials.text import render_prompts, render_prompts_json
    from train_teacher.prompt_trials.try_phrases import PromptsRequest, try_prompts

    request = PromptsRequest(
        data=data,
        images=images,
        offered=tuple(parse_pairs(phrase or [], "--phrase")),
        phrases=phrases,
        sample=sample,
        seed=seed,
        model=model,
        weights=weights,
        language_model=language_model,
        device=device,
    )
    result = try_prompts(request, progress=progress_line("images"))
    as_json = format == "json"
    print(render_prompts_json(result) if as_json else plain(render_prompts(result)))  # noqa: T201
    return 0
