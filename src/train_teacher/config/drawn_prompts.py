"""Random training prompts for each image: of many classes, or with absent phrases."""

from __future__ import annotations

from typing import Any

from train_teacher.core.errors import UsageError
from train_teacher.core.words import plural
from train_teacher.inspection.facts import DatasetInfo
from train_teacher.prompts.caption import canonical_name, classes_per_prompt, reads_as
from train_teacher.settings.schema import TeacherSettings


def drawn_prompt(info: DatasetInfo, settings: TeacherSettings) -> dict[str, Any] | None:
    """Return the transform that samples each image's prompt; None where all have every class.

    `label_map_file` is left to who knows the run folder: it is for more than one prompt holds.

    Raises:
        UsageError: a word of `negatives` is empty, or the model would read it for a class.
    """
    fits, negatives = info.prompt.fits, settings.negatives
    if fits and not negatives:
        return None
    words = negative_words(info, settings)
    own = {"class_names": tuple(info.class_names)} if fits else {}
    drawn = {
        "type": "RandomPrompt",
        **own,
        "language_model": settings.language_model,
        "max_tokens": info.prompt.limit,
    }
    if words:
        most = len(words) if fits else _per_prompt(info)
        return {**drawn, "most_negatives": most, "words": words, "every_class": fits}
    if negatives:
        # Their number was given: every image gets it, where it fits.
        return {**drawn, "most_negatives": negatives, "full_share": 1.0}
    return {**drawn, "most_negatives": _per_prompt(info)}


def _per_prompt(info: DatasetInfo) -> int:
    return classes_per_prompt(info.class_names, info.prompt.class_tokens, info.prompt.limit)


def negative_words(info: DatasetInfo, settings: TeacherSettings) -> tuple[str, ...]:
    """Return the words of `negatives` as the prompt has them, each once."""
    if isinstance(settings.negatives, int):
        return ()
    classes = {reads_as(name): name for name in info.class_names}
    words: dict[str, str] = {}
    for given in settings.negatives:
        word, read = canonical_name(given), reads_as(given)
        if not read:
            raise UsageError(f"negatives: {given!r} holds no word that the model reads.")
        if read in classes:
            raise UsageError(
                f"negatives: {given!r} is read as the class {classes[read]!r}: the model would "
                "learn that its boxes do not exist. Take it out of the list."
            )
        words.setdefault(read, word)
    return tuple(words.values())


def told_prompts(info: DatasetInfo, settings: TeacherSettings) -> str:
    """Return the description of random prompts, empty where there are none."""
    if words := negative_words(info, settings):
        beside = "all classes" if info.prompt.fits else "its classes"
        absent = plural(len(words), "absent word")
        return f"; each asks for {beside} and some of {absent} (negatives)"
    if isinstance(settings.negatives, int) and settings.negatives:
        return f"; each asks for its classes and {settings.negatives} absent (negatives)"
    return "" if info.prompt.fits else "; each with a prompt of its classes and some others"
