"""Words and sentences that every form of the inspection report uses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from train_teacher.domain.dataset_info import DatasetInfo, Finding

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
"""Why an annotation never becomes a box, by the reasons of `checks.loader.REASONS`."""


def group_findings(findings: Iterable[Finding]) -> list[tuple[int, ...]]:
    """Return which findings say the same of several files, each group in order of the findings.

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
    """Return whether training may start, and one sentence that says so."""
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
        return True, f"No errors, {told}: ready to train, once you have read what the warnings say."
    return True, "No errors and no warnings: ready to train."


def _kinds(findings: Sequence[Finding], severity: str) -> int:
    return sum(findings[group[0]].severity == severity for group in group_findings(findings))
