"""N1 to N3: class names, which are the text the model reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from train_teacher.coco.dataset import CategoryRecord
from train_teacher.core.words import listed, plural
from train_teacher.inspection.facts import Finding
from train_teacher.inspection.finding import finding_about, these_categories
from train_teacher.inspection.inspected import Inspected
from train_teacher.prompts.caption import (
    class_prompt,
    differ_in_stored_accents,
    read_with,
    reads_as,
    visible_name,
)


def check_names(data: Inspected) -> list[Finding]:
    """Return N1 (empty), N2 (read as the same words) and N3 (the same name twice)."""
    return [
        *_empty(data.classes, data.phrases),
        *_same_words(data),
        *_same_name(data.classes),
    ]


def _empty(categories: Sequence[CategoryRecord], phrases: Sequence[str]) -> list[Finding]:
    empty = [c for c, phrase in zip(categories, phrases, strict=True) if not reads_as(phrase)]
    if not empty:
        return []
    names = listed(c.name for c in empty)
    classes = plural(len(empty), "class", "classes")
    message = f"{classes} without words for the model: {names} (text in brackets is not read)"
    return no_words(empty, message)


def no_words(empty: Sequence[CategoryRecord], message: str) -> list[Finding]:
    """Return N1 about classes of which the model reads nothing."""
    return finding_about(
        these_categories(empty),
        code="N1",
        severity="error",
        message=message,
        consequence="MMDetection crashes or gives NaN scores for a class without text.",
        fix=f"Rename it, or give words: {class_prompt(empty[0].name)}.",
    )


def _stored_apart(group: Sequence[CategoryRecord]) -> str:
    apart = differ_in_stored_accents([category.name for category in group])
    return "; they differ only in how an accent is stored (NFC, NFD)" if apart else ""


def _same_words(data: Inspected) -> list[Finding]:
    """Return N2; where the vocabulary is available, equal pieces decide, else equal words."""
    groups: dict[tuple[str, ...], list[CategoryRecord]] = defaultdict(list)
    words: dict[tuple[str, ...], str] = {}
    for category, phrase, pieces in zip(data.classes, data.phrases, data.pieces, strict=True):
        key = tuple(pieces or reads_as(phrase).split())
        groups[key].append(category)
        words[key] = read_with(phrase, pieces)
    return [
        finding
        for key, group in groups.items()
        if key and len({c.name for c in group}) > 1
        for finding in finding_about(
            these_categories(group),
            code="N2",
            severity="error",
            message=f'{len(group)} classes read as the same words "{words[key]}": '
            f"{listed(c.name for c in group)}{_stored_apart(group)}",
            consequence="The model cannot distinguish them, and each is trained against the other.",
            fix=f"Merge them, or reword one: {class_prompt(group[-1].name, 'other words')}.",
        )
    ]


def _same_name(categories: Sequence[CategoryRecord]) -> list[Finding]:
    groups: dict[str, list[CategoryRecord]] = defaultdict(list)
    for category in categories:
        groups[category.name].append(category)
    return [
        finding
        for name, group in groups.items()
        # Names of which nothing is visible are N1's: they may or may not be one class.
        if len(group) > 1 and visible_name(name)
        for finding in finding_about(
            these_categories(group),
            code="N3",
            severity="error",
            message=f'{len(group)} categories are named "{name}": id {listed(c.id for c in group)}',
            consequence="MMDetection finds more ids than classes and shifts the labels after them.",
            fix="Merge them into one category and correct category_id in the annotations.",
        )
    ]


CHECKS = (check_names,)
