"""N10, and N1 of the vocabulary: class names that do not fit into prompts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from train_teacher.coco.dataset import CategoryRecord
from train_teacher.core.words import listed, plural
from train_teacher.inspection.checks.classes.class_name_checks import no_words
from train_teacher.inspection.facts import Finding
from train_teacher.inspection.finding import finding_about, these_categories
from train_teacher.inspection.inspected import Inspected
from train_teacher.prompts.caption import class_prompt, prompt_tokens, reads_as


def check_tokens(data: Inspected) -> list[Finding]:
    """Return N10 (more text than one prompt takes) and N1 (a class without any token)."""
    return [*_budget(data), *_each_class(data)]


def _budget(data: Inspected) -> list[Finding]:
    prompt = data.prompt
    if prompt.fits:
        return []
    unused = len(data.classes) - len(np.unique(data.kept[0].labels))
    fix = "Nothing to do. Shorter names (--class-prompt NAME=PHRASE) need fewer prompts."
    if unused:
        fix = (
            f"{unused} of {len(data.classes)} classes have no box but fill the prompts: remove "
            "them from categories, or label them."
        )
    about = "" if prompt.exact else "about "
    return [
        Finding(
            code="N10",
            severity="warning",
            count=1,
            message=f"the class names need {about}{prompt.tokens} tokens, one prompt has "
            f"{prompt.limit}",
            consequence="Each image is trained with some of the classes, and validated several "
            "times, each time with others: slower, but nothing is lost.",
            fix=fix,
        )
    ]


def _each_class(data: Inspected) -> list[Finding]:
    """Find classes that no prompt can hold; nothing is said about an estimate."""
    if not data.prompt.exact:
        return []
    counted = list(zip(data.classes, data.prompt.class_tokens, strict=True))
    unread = [
        category
        for (category, tokens), phrase in zip(counted, data.phrases, strict=True)
        if tokens == 0 and reads_as(phrase)
    ]
    findings: list[Finding] = []
    if unread:
        names = listed(c.name for c in unread)
        classes = plural(len(unread), "class", "classes")
        findings = no_words(unread, f"{classes} without a token for the model: {names}")
    return findings + _too_long(counted, data.prompt.limit - prompt_tokens([0]))


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
        fix=f"Give a shorter phrase: {class_prompt(long[0].name)}.",
    )


CHECKS = (check_tokens,)
