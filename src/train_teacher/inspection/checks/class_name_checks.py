"""N1 to N3 and N10: class names, which are the text the model reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from train_teacher.coco.dataset import CategoryRecord
from train_teacher.core.words import listed, plural
from train_teacher.inspection.facts import Finding, PromptInfo
from train_teacher.inspection.finding import finding_about, these_categories
from train_teacher.prompts.caption import prompt_tokens, reads_as


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


def _empty(categories: Sequence[CategoryRecord], phrases: Sequence[str]) -> list[Finding]:
    empty = [c for c, phrase in zip(categories, phrases, strict=True) if not reads_as(phrase)]
    if not empty:
        return []
    names = listed(c.name for c in empty)
    classes = plural(len(empty), "class", "classes")
    message = f"{classes} without words for the model: {names} (text in brackets is not read)"
    return _no_words(empty, message)


def _no_words(empty: Sequence[CategoryRecord], message: str) -> list[Finding]:
    return finding_about(
        these_categories(empty),
        code="N1",
        severity="error",
        message=message,
        consequence="MMDetection crashes or gives NaN scores for a class without text.",
        fix=f'Rename it, or give words: --class-prompt "{empty[0].name}=some words".',
    )


def _same_words(categories: Sequence[CategoryRecord], phrases: Sequence[str]) -> list[Finding]:
    groups: dict[str, list[CategoryRecord]] = defaultdict(list)
    for category, phrase in zip(categories, phrases, strict=True):
        groups[reads_as(phrase)].append(category)
    return [
        finding
        for words, group in groups.items()
        if words and len({c.name for c in group}) > 1
        for finding in finding_about(
            these_categories(group),
            code="N2",
            severity="error",
            message=f'{len(group)} classes read as the same words "{words}": '
            f"{listed(c.name for c in group)}",
            consequence="The model cannot tell them apart, and each is trained against the other.",
            fix=f'Merge them, or reword one: --class-prompt "{group[-1].name}=other words".',
        )
    ]


def _same_name(categories: Sequence[CategoryRecord]) -> list[Finding]:
    groups: dict[str, list[CategoryRecord]] = defaultdict(list)
    for category in categories:
        groups[category.name].append(category)
    return [
        finding
        for name, group in groups.items()
        if len(group) > 1
        for finding in finding_about(
            these_categories(group),
            code="N3",
            severity="error",
            message=f'{len(group)} categories are named "{name}": id {listed(c.id for c in group)}',
            consequence="MMDetection finds more ids than classes and shifts the labels after them.",
            fix="Merge them into one category and correct category_id in the annotations.",
        )
    ]


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
            consequence="Each image is trained with some of the classes, and validated several "
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
    findings: list[Finding] = []
    if unread:
        names = listed(c.name for c in unread)
        classes = plural(len(unread), "class", "classes")
        findings = _no_words(unread, f"{classes} without a token for the model: {names}")
    return findings + _too_long(counted, prompt.limit - prompt_tokens([0]))


def _too_long(counted: Sequence[tuple[CategoryRecord, int]], longest: int) -> list[Finding]:
    long = [category for category, tokens in counted if tokens > longest]
    if not long:
        return []
    classes = plural(len(long), "class", "classes")
    most = max(tokens for _, tokens in counted)
    return finding_about(
        these_categories(long),
        code="N10",
        severity="error",
        message=f"{classes} too long for a prompt of its own: {listed(c.name for c in long)} "
        f"({most} tokens, limit {longest})",
        consequence="The end of the name would be cut off.",
        fix=f'Give a shorter phrase: --class-prompt "{long[0].name}=some words".',
    )
