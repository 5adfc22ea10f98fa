"""N13, and N3 in val and test: classes that differ between the files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from train_teacher.coco.categories import real_categories
from train_teacher.coco.dataset import CategoryRecord, used_categories
from train_teacher.core.words import listed, plural
from train_teacher.inspection.facts import Finding
from train_teacher.inspection.finding import REPAIRED, finding_about, these_categories
from train_teacher.inspection.inspected import InspectedFile
from train_teacher.prompts.caption import match_names

BY_NAME = f"{REPAIRED}, where classes are matched by name."


def check_names_between(file: InspectedFile) -> list[Finding]:
    """Return N13: classes that another file adds, lacks, spells or orders otherwise.

    Also N3, a name that the other file has twice. The order of the training file counts. Names that
    look the same, or differ in capitals only, are the same, as in the canonical copies.
    """
    if file.is_train:
        return []
    train, other, split = file.train, file.dataset, file.name
    classes = real_categories(train)
    names = [category.name for category in classes]
    used = used_categories(other)
    # What train calls a root entry is one here too, even if this small file cannot tell.
    roots = {category.name for category in train.categories} - set(names)
    known = {category.index for category in real_categories(other)}
    theirs = [
        (c, row in used)
        for row, c in enumerate(other.categories)
        if c.index in known and (c.name not in roots or row in used)
    ]
    places = match_names([category.name for category, _ in theirs], names)
    matched = [(c, place) for (c, _), place in zip(theirs, places, strict=True) if place >= 0]
    added = [(c, in_use) for (c, in_use), at in zip(theirs, places, strict=True) if at < 0]
    findings = [
        *_added([c for c, in_use in added if in_use], names, split, labelled=True),
        *_repeated(matched, names, split),
    ]
    if any(in_use for _, in_use in added):
        return findings
    return [
        *findings,
        *_added([c for c, _ in added], names, split, labelled=False),
        *_respelled(matched, names, split),
        *_other_order(matched, classes, split),
    ]


def _added(
    added: Sequence[CategoryRecord], names: Sequence[str], split: str, *, labelled: bool
) -> list[Finding]:
    classes = plural(len(added), "class", "classes") + ("" if labelled else " without boxes")
    return finding_about(
        these_categories(added),
        code="N13",
        severity="error" if labelled else "warning",
        message=f"{split} has {classes} that train lacks: {listed(c.name for c in added)}",
        consequence="It can be neither learned nor scored.",
        fix=f"Use the same names in both files (train has {listed(names)})."
        if labelled
        else f"{REPAIRED}, where it is left out.",
        split=split,
    )


def _repeated(
    matched: Sequence[tuple[CategoryRecord, int]], names: Sequence[str], split: str
) -> list[Finding]:
    groups: dict[int, list[CategoryRecord]] = defaultdict(list)
    for category, place in matched:
        groups[place].append(category)
    return [
        finding
        for place, group in groups.items()
        if len(group) > 1
        for finding in finding_about(
            these_categories(group),
            code="N3",
            severity="warning",
            message=f'{len(group)} categories of {split} are named "{names[place]}": '
            f"id {listed(c.id for c in group)}",
            consequence="MMDetection finds more ids than classes: one class would be scored as "
            "another.",
            fix=f"{REPAIRED}, where they are one class.",
            split=split,
        )
    ]


def _respelled(
    matched: Sequence[tuple[CategoryRecord, int]], names: Sequence[str], split: str
) -> list[Finding]:
    other = [(category, names[place]) for category, place in matched if category.name not in names]
    return finding_about(
        these_categories([category for category, _ in other]),
        code="N13",
        severity="warning",
        message=f"{split} spells {plural(len(other), 'class', 'classes')} with other spaces, "
        "capitals, stored accents (NFC, NFD) or invisible characters than train: "
        f"{listed(name for _, name in other)}",
        consequence="MMDetection compares letter by letter: the boxes would belong to no class.",
        fix=BY_NAME,
        split=split,
    )


def _other_order(
    matched: Sequence[tuple[CategoryRecord, int]],
    classes: Sequence[CategoryRecord],
    split: str,
) -> list[Finding]:
    first = {place: category for category, place in reversed(matched)}
    order = list(dict.fromkeys(place for _, place in matched))
    missing = [category for place, category in enumerate(classes) if place not in set(order)]
    moved = [
        first[place] for place, right in zip(order, sorted(order), strict=True) if place != right
    ]
    what = f"lacks {listed(c.name for c in missing)}"
    return finding_about(
        these_categories(missing or moved),
        code="N13",
        severity="warning",
        message=f"{split} {what if missing else 'lists the classes in another order'}",
        consequence="MMDetection matches labels by position: one class would be scored as another.",
        fix=BY_NAME,
        split=split,
    )


FILE_CHECKS = (check_names_between,)
