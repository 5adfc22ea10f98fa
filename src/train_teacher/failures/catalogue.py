"""Known failures of the libraries below, translated: an exception's facts in, a message out.

Only failures that can still occur have an entry. Those that the tool prevents (class order, ids,
areas, early stopping, warm-up and the other silent ones) have none; where a user's own edit of a
run folder brings one back, its crash has.
"""

from __future__ import annotations

import re

from train_teacher.failures.data import DATA_FAILURES
from train_teacher.failures.failure import Failure, FailureFacts, Translation
from train_teacher.failures.machine import MACHINE_FAILURES, NETWORK_FAILURES
from train_teacher.failures.model import MODEL_FAILURES
from train_teacher.failures.software import SOFTWARE_FAILURES

__all__ = ["FAILURES", "Failure", "FailureFacts", "Translation", "recognise"]

# The first that matches wins, so the particular ones stand before the general ones.
FAILURES: tuple[Failure, ...] = (
    *MACHINE_FAILURES,
    *SOFTWARE_FAILURES,
    *DATA_FAILURES,
    *MODEL_FAILURES,
    *NETWORK_FAILURES,
)


def recognise(*chain: FailureFacts) -> Translation | None:
    """Return what to tell the user of a failure, or None when it is not a known one.

    Args:
        *chain: facts of the exception and of those that it was raised from. The order of the
            table decides among them: a library's wrapping may say more than the cause, or less.
    """
    for failure in FAILURES:
        for facts in chain:
            match = _match(failure, facts)
            if match:
                return _fill_in(failure, match)
    return None


def _fill_in(failure: Failure, match: re.Match[str]) -> Translation:
    groups = {name: text or "" for name, text in match.groupdict().items()}
    return Translation(
        code=failure.code,
        what=failure.what.format(**groups),
        consequence=failure.consequence.format(**groups),
        cure=failure.cure.format(**groups),
    )


def _match(failure: Failure, facts: FailureFacts) -> re.Match[str] | None:
    if not set(failure.types) & set(facts.types):
        return None
    if failure.errnos and facts.errno not in failure.errnos:
        return None
    if failure.place and not any(re.search(failure.place, place) for place in facts.places):
        return None
    return re.search(failure.pattern, facts.message, re.IGNORECASE)
