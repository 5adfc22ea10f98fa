"""Words and sentences shared by all forms of the inspection report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from train_teacher.inspection.facts import DatasetInfo, Finding, SplitInfo, TrainedInfo
from train_teacher.prompts.caption import reads_as, visible_name

SHOWN_DROPPED = 3
"""Classes named with each reason why annotations are left out."""

REASON_WORDS = {
    "unreadable": "record unreadable, or box or image size unknown",
    "unknown_image": "image not listed",
    "ignore": "marked ignore",
    "outside_image": "outside the image",
    "no_area_or_size": "smaller than one pixel",
    "unknown_category": "not one of the classes",
    "crowd": "marked iscrowd",
    "small_image": "in an image under 32 pixels",
}
"""Reasons why an annotation never becomes a box, by the names in `checks.loader.REASONS`."""


def group_findings(findings: Iterable[Finding]) -> list[tuple[int, ...]]:
    """Return groups of equal findings about several files, each in order of the findings.

    Args:
        findings: worst first.

    Returns:
        Positions in `findings`; a group has one finding for each split concerned.
    """
    groups: dict[tuple[str, ...], list[int]] = {}
    for number, f in enumerate(findings):
        key = (f.code, f.severity, f.message, f.consequence, f.fix)
        groups.setdefault(key, []).append(number)
    return [tuple(group) for group in groups.values()]


def verdict(info: DatasetInfo) -> tuple[bool, str]:
    """Return whether training may start, and the sentence about it."""
    errors = _kinds(info.findings, "error")
    warnings = _kinds(info.findings, "warning")
    told = " and ".join(
        f"{count} {noun}{'' if count == 1 else 's'}"
        for count, noun in ((errors, "error"), (warnings, "warning"))
        if count
    )
    if errors:
        return False, f"{told}: not ready to train."
    if not info.trained.boxes:
        return False, "No box would be trained: not ready to train."
    if warnings:
        return True, f"No errors, {told}: ready to train, once you have read the warnings."
    return True, "No errors and no warnings: ready to train."


def _kinds(findings: Sequence[Finding], severity: str) -> int:
    return sum(findings[group[0]].severity == severity for group in group_findings(findings))


def name_in_file(info: DatasetInfo, number: int) -> str:
    """Return the name of a class in the file, which may differ from the model's phrase.

    Args:
        info: the facts.
        number: position in `class_names`.
    """
    return visible_name(info.own_names[number])


def name_as_read(info: DatasetInfo, number: int) -> str:
    """Return the words that the model reads for a class.

    Args:
        info: the facts.
        number: position in `class_names`.
    """
    return info.prompt.read[number] if info.prompt.read else reads_as(info.class_names[number])


def boxes_in_images(split: SplitInfo, number: int) -> str:
    """Return `12 in 7`: boxes of a class, and in how many images they are.

    Args:
        split: the file.
        number: position in `class_names`.
    """
    boxes = split.boxes_per_class[number]
    if not boxes or not split.images_per_class:
        return f"{boxes:,}"
    return f"{boxes:,} in {split.images_per_class[number]:,}"


def dropped_classes(trained: TrainedInfo, reason: str) -> str:
    """Return the classes left out most for a reason, in brackets; nothing without any."""
    counts = trained.dropped_by_class.get(reason, {})
    if not counts:
        return ""
    order = sorted(counts, key=lambda name: -counts[name])
    told = [f"{visible_name(name)} {counts[name]:,}" for name in order[:SHOWN_DROPPED]]
    more = f", ... ({len(order)} classes)" if len(order) > SHOWN_DROPPED else ""
    return f" ({', '.join(told)}{more})"
