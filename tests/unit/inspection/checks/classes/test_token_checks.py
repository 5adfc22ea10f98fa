from __future__ import annotations

from typing import Any

import pytest

from coco_factory import category
from inspected_data import data_of, only
from train_teacher.inspection.checks.classes.token_checks import check_tokens
from train_teacher.inspection.facts import Finding


def tokens_checked(dataset_of: Any, exact: bool = True, **tokens: int) -> list[Finding]:
    classes = [category(i, name) for i, name in enumerate(tokens, 1)]
    counts = tuple(tokens.values())
    dataset = dataset_of(categories=classes)
    return check_tokens(data_of(dataset, tokens=counts, total=300, exact=exact))


@pytest.mark.parametrize("exact", [True, False])
def test_more_tokens_than_a_prompt_has_are_n10_and_no_reason_to_stop(
    dataset_of: Any, exact: bool
) -> None:
    (finding,) = check_tokens(data_of(dataset_of(), total=257, exact=exact))

    assert (finding.code, finding.severity) == ("N10", "warning")
    assert ("about 257" in finding.message) == (not exact)
    assert check_tokens(data_of(dataset_of(), total=256, exact=exact)) == []


def test_a_class_too_long_for_any_prompt_is_an_error_that_names_it(dataset_of: Any) -> None:
    _, finding = tokens_checked(dataset_of, cat=253, saga=254)
    assert (finding.severity, finding.ids) == ("error", (2,))
    assert '"saga" (254 tokens, limit 253)' in finding.message
    (estimate,) = tokens_checked(dataset_of, exact=False, saga=254)
    assert estimate.severity == "warning"


def test_a_class_without_a_token_is_n1(dataset_of: Any) -> None:
    finding = only(tokens_checked(dataset_of, cat=1, ghost=0), "N1")
    assert (finding.severity, finding.ids) == ("error", (2,))
