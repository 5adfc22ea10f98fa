"""N: class names, which are the text the model reads, and their agreement between files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from train_teacher.domain.checks.categories import real_categories
from train_teacher.domain.checks.reporting import REPAIRED, SHOWN, listed, plural
from train_teacher.domain.coco import CategoryRecord, CocoDataset
from train_teacher.domain.dataset_info import Example, Finding, PromptInfo
from train_teacher.domain.prompts import prompt_tokens, reads_as


def check_names(
    categories: Sequence[CategoryRecord],
    phrases: Sequence[str],
) -> list[Finding]:
    """Return N1 (empty), N2 (read as the same words) and N3 (the same name twice).

    Args:
        categories: the classes.
        phrases: what stands for each in the prompt: its name, or the phrase the user gave.
    """
    return [
        *_empty(categories, phrases),
        *_same_words(categories, phrases),
        *_same_name(categories),
    ]


def _examples(categories: Sequence[CategoryRecord]) -> tuple[Example, ...]:
    return tuple(
        Example(path=f"categories[{c.index}].name", value=c.name) for c in categories[:SHOWN]
    )


def _empty(categories: Sequence[CategoryRecord], phrases: Sequence[str]) -> list[Finding]:
    empty = [c for c, phrase in zip(categories, phrases, strict=True) if not reads_as(phrase)]
    if not empty:
        return []
    names = listed(c.name for c in empty)
    classes = plural(len(empty), "class", "classes")
    message = f"{classes} without words for the model: {names} (text in brackets is not read)"
    return [_no_words(empty, message)]


def _no_words(empty: Sequence[CategoryRecord], message: str) -> Finding:
    return Finding(
        code="N1",
        severity="error",
        count=len(empty),
        message=message,
        consequence="MMDetection crashes or gives NaN scores for a class without text.",
        fix=f'Rename it, or give words: --class-prompt "{empty[0].name}=some words".',
        examples=_examples(empty),
        section="categories",
        ids=tuple(category.id for category in empty),
    )


def _same_words(categories: Sequence[CategoryRecord], phrases: Sequence[str]) -> list[Finding]:
    groups: dict[str, list[CategoryRecord]] = defaultdict(list)
    for category, phrase in zip(categories, phrases, strict=True):
        groups[reads_as(phrase)].append(category)
    return [
        Finding(
            code="N2",
            severity="error",
            count=len(group),
            message=f'{len(group)} classes read as the same words "{words}": '
            f"{listed(c.name for c in group)}",
            consequence="The model cannot tell them apart, and each is trained against the other.",
            fix=f'Merge them, or reword one: --class-prompt "{group[-1].name}=other words".',
            examples=_examples(group),
            section="categories",
            ids=tuple(category.id for category in group),
        )
        for words, group in groups.items()
        if words and len({c.name for c in group}) > 1
    ]


def _same_name(categories: Sequence[CategoryRecord]) -> list[Finding]:
    groups: dict[str, list[CategoryRecord]] = defaultdict(list)
    for category in categories:
        groups[category.name].append(category)
    return [
        Finding(
            code="N3",
            severity="error",
            count=len(group),
            message=f'{len(group)} categories are named "{name}": id {listed(c.id for c in group)}',
            consequence="MMDetection finds more ids than classes and shifts the labels after them.",
            fix="Merge them into one category and correct category_id in the annotations.",
            examples=_examples(group),
            section="categories",
            ids=tuple(category.id for category in group),
        )
        for name, group in groups.items()
        if len(group) > 1
    ]


def check_names_between(train: CocoDataset, other: CocoDataset, split: str) -> list[Finding]:
    """Return N13: classes that another file lists in another order, lacks, or adds.

    Args:
        train: the training file, whose order counts.
        other: the file of `split`.
        split: `val` or `test`.
    """
    names = [category.name for category in real_categories(train)]
    # What train calls a root entry is one here too, even if this small file cannot tell.
    used = set(other.annotations.category_row.tolist())
    roots = {category.name for category in train.categories} - set(names)
    theirs = [
        c
        for c in real_categories(other)
        if c.name not in roots or other.categories.index(c) in used
    ]
    added = [category for category in theirs if category.name not in set(names)]
    if added:
        return [_added_finding(added, names, split)]
    if [category.name for category in theirs] == names:
        return []
    missing = [name for name in names if name not in {c.name for c in theirs}]
    what = f"lacks {listed(missing)}" if missing else "lists the classes in another order"
    return [
        Finding(
            code="N13",
            severity="warning",
            count=max(1, len(missing)),
            message=f"{split} {what}",
            consequence="MMDetection matches labels by position: one class would be scored "
            "as another.",
            fix=f"{REPAIRED}, where classes are matched by name.",
            examples=_examples(theirs),
            split=split,
        )
    ]


def _added_finding(added: Sequence[CategoryRecord], names: Sequence[str], split: str) -> Finding:
    classes = plural(len(added), "class", "classes")
    return Finding(
        code="N13",
        severity="error",
        count=len(added),
        message=f"{split} has {classes} that train lacks: {listed(c.name for c in added)}",
        consequence="It can be neither learned nor scored.",
        fix=f"Use the same names in both files (train has {listed(names)}).",
        examples=_examples(added),
        split=split,
    )


def check_token_budget(prompt: PromptInfo) -> list[Finding]:
    """Return N10: more text than the language model takes.

    Args:
        prompt: the caption of all classes.
    """
    if prompt.fits:
        return []
    about = "" if prompt.exact else "about "
    return [
        Finding(
            code="N10",
            severity="warning",
            count=1,
            message=f"the class names need {about}{prompt.tokens} tokens, one prompt has "
            f"{prompt.limit}",
            consequence="Each picture is trained with some of the classes, and validated several "
            "times, each time with others: slower, nothing is lost.",
            fix="Nothing to do. Shorter names (--class-prompt NAME=PHRASE) need fewer prompts.",
        )
    ]


def check_class_tokens(
    categories: Sequence[CategoryRecord], phrases: Sequence[str], prompt: PromptInfo
) -> list[Finding]:
    """Return N1 and N10 for classes that no prompt can hold: no token, or too many alone.

    Args:
        categories: the classes.
        phrases: what stands for each in the prompt.
        prompt: with the tokens of each of them; nothing is said about an estimate.
    """
    if not prompt.exact:
        return []
    counted = list(zip(categories, prompt.class_tokens, strict=True))
    unread = [
        category
        for (category, tokens), phrase in zip(counted, phrases, strict=True)
        if tokens == 0 and reads_as(phrase)
    ]
    findings = []
    if unread:
        names = listed(c.name for c in unread)
        classes = plural(len(unread), "class", "classes")
        findings.append(_no_words(unread, f"{classes} without a token for the model: {names}"))
    return findings + _too_long(counted, prompt.limit - prompt_tokens([0]))


def _too_long(counted: Sequence[tuple[CategoryRecord, int]], longest: int) -> list[Finding]:
    long = [category for category, tokens in counted if tokens > longest]
    if not long:
        return []
    classes = plural(len(long), "class", "classes")
    most = max(tokens for _, tokens in counted)
    return [
        Finding(
            code="N10",
            severity="error",
            count=len(long),
            message=f"{classes} too long for a prompt of its own: {listed(c.name for c in long)} "
            f"({most} tokens, limit {longest})",
            consequence="The end of the name would be cut off.",
            fix=f'Give a shorter phrase: --class-prompt "{long[0].name}=some words".',
            examples=_examples(long),
            section="categories",
            ids=tuple(category.id for category in long),
        )
    ]
