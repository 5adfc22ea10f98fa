"""`teacher blend`: the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from train_teacher.console.command import FILE, argument, choice, command, flag, option
from train_teacher.console.options import (
    allow_python_config_option,
    device_option,
    images_option,
)


def _alpha(_context: click.Context, _option: click.Parameter, value: str) -> float | None:
    try:
        alpha = None if value == "auto" else float(value)
    except ValueError as error:
        raise click.BadParameter(f"{value}: give a number from 0 to 1, or auto.") from error
    if alpha is not None and not 0 <= alpha <= 1:
        raise click.BadParameter(f"{value}: give 0 (the base) to 1 (the trained weights).")
    return alpha


@command()
@argument("run", metavar="RUN", help="Run folder of train-teacher.", type=FILE)
@option(
    "--alpha",
    metavar="auto|X",
    default="auto",
    show_default=True,
    callback=_alpha,
    help="Share of the training, 0 to 1; auto: the highest mean of both scores among those not "
    "measurably worse than the best on the validation images.",
)
@option("--retain", metavar="F", type=FILE, help="COCO JSON to measure forgetting on.")
@option("--retain-images", metavar="DIR", type=FILE, help="Folder of its images.")
@images_option
@option("--output", metavar="DIR", type=FILE, help="Folder to create for the chosen bundle.")
@flag("--merge", "Write a complete model, which needs no base.")
@option("--html", metavar="FILE", type=FILE, help="Also write a page with the curve.")
@device_option
@allow_python_config_option
@choice("--format", "text", "json", help="Output format.")
def blend_command(run: Path, html: Path | None, format: str, **options: Any) -> int:
    """Interpolate between base and trained weights, and score what is gained and forgotten.

    Nothing is trained: five blends are scored (WiSE-FT, Wortsman et al., CVPR 2022).
    """
    from train_teacher.blending.blend import BlendRequest, blend
    from train_teacher.blending.text import render_blend, render_blend_json, render_blend_page
    from train_teacher.console.progress import progress_line
    from train_teacher.core.atomic_file import require_new, write_atomically
    from train_teacher.core.errors import UsageError
    from train_teacher.core.terminal_text import plain

    require_new("--html", html)
    request = BlendRequest(run, **options)
    if (request.merge and not request.output) or (request.retain_images and not request.retain):
        raise UsageError("--merge goes with --output, and --retain-images with --retain.")
    curve = blend(request, progress=progress_line("images"))
    print(render_blend_json(curve) if format == "json" else plain(render_blend(curve)))  # noqa: T201
    if html:
        write_atomically(html, render_blend_page(curve))
        print(f"page: {html}", file=sys.stderr)  # noqa: T201
    return 0
