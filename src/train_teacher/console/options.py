"""Options that commands share."""

from __future__ import annotations

from collections.abc import Iterable

from train_teacher.console.command import FILE, Decorated, argument, choice, flag, option
from train_teacher.core.errors import UsageError
from train_teacher.core.python_files import OPTION, allow_python_files

teacher_place = argument(
    "run", metavar="RUN", type=FILE, help="Run folder, or bundle of teacher export."
)
base_option = flag("--base", "Use the base alone, without the training.")
weights_option = option("--weights", metavar="PATH|URL", help="Base checkpoint; a run has its own.")
language_model_option = option(
    "--language-model", metavar="NAME|DIR", help="BERT; a run has its own."
)
tile_option = option(
    "--tile",
    metavar="PIXELS",
    type=int,
    help="Look also at tiles of larger images, so many pixels a side; 0: do not. As it was "
    "trained when left out.",
)
overlap_option = option(
    "--overlap", metavar="SHARE", type=float, help="Share of a tile's side that neighbors show."
)
device_option = choice("--device", "auto", "cpu", "cuda", help="auto uses a GPU if there is one.")
images_option = option(
    "--images", metavar="DIR", type=FILE, help="Folder of the images of a COCO JSON."
)
class_from_option = option(
    "--class-from",
    metavar="MEMBER",
    help="Member of the annotations whose values are the classes, such as attributes.type.",
)
masks_option = option(
    "--masks",
    metavar="SAM",
    help="SAM model that makes masks of the boxes: facebook/sam-vit-base, or a folder.",
)
precision_option = option(
    "--precision",
    metavar="SHARE",
    type=float,
    help="Choose each class's least score for this share of right boxes, such as 0.9, with 95 % "
    "confidence on the validation split.",
)

allow_python_config_option = option(
    OPTION,
    is_flag=True,
    expose_value=False,
    callback=lambda _context, _option, allowed: allow_python_files(allowed),
    help="Run Python files that settings, run or bundle contain or name: only if you trust them.",
)


def teacher_options(command: Decorated) -> Decorated:
    """Add the options that say which teacher and where, those of `TeacherRequest`."""
    for add in (
        device_option,
        language_model_option,
        weights_option,
        base_option,
        overlap_option,
        tile_option,
    ):
        command = add(command)
    return command


def parse_assignments(pairs: Iterable[str], name: str) -> dict[str, str]:
    """Split NAME=VALUE arguments, the last of a name winning; see `parse_pairs`."""
    return dict(parse_pairs(pairs, name))


def parse_class_prompts(pairs: Iterable[str]) -> dict[str, str]:
    """Split NAME=PHRASE arguments at the last `=`: names of classes have them, phrases hardly."""
    whole = ("=".join(pair) for pair in parse_pairs(pairs, "--class-prompt"))
    return {name.strip(): phrase for name, _, phrase in (each.rpartition("=") for each in whole)}


def parse_pairs(pairs: Iterable[str], name: str) -> list[tuple[str, str]]:
    """Split NAME=VALUE arguments; the value may hold further equals signs.

    Raises:
        UsageError: one has no name or no `=`.
    """
    parsed = []
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{name} {pair}: write it as NAME=VALUE.")
        parsed.append((key.strip(), value))
    return parsed
