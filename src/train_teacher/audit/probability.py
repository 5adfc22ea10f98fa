"""Probability that a doubted label is wrong, from the audited images (how-to/correct-labels)."""

from __future__ import annotations

import numpy as np

from train_teacher.core.arrays import Flags, Floats

SURE_PART, LEAST_SURE = 8, 30
"""The surest boxes are an eighth as many as there are labels, and not fewer than 30."""
BINS = 10


def wrong_by_disagreement(score: Floats, agrees: Flags, labels: int) -> Floats:
    """Return (K,) probabilities that labels are wrong where a box of the teacher disagrees.

    Agreement rises with the score (isotonic regression). The surest boxes are taken to be right:
    the share of them that disagrees is that of wrong labels, without which the teacher would agree
    the more often at every score. What this explains of the disagreement is the probability.

    Args:
        score: (K,) of all boxes.
        agrees: (K,) whether they lie on a label of their class.
        labels: how many there are.
    """
    from scipy.optimize import isotonic_regression

    order = np.argsort(score, kind="stable")
    agreement = np.empty(len(score))
    agreement[order] = isotonic_regression(agrees[order].astype(np.float64)).x
    surest = agrees[order][-max(labels // SURE_PART, LEAST_SURE) :]
    share_wrong = 1 - surest.mean() if len(surest) else 0.0
    right = np.minimum(agreement / max(1 - share_wrong, 0.5), 1)
    return np.asarray(np.clip((right - agreement) / np.maximum(1 - agreement, 1e-9), 0, 0.99))


def wrong_by_support(support: Floats) -> Floats:
    """Return (T,) probabilities that labels have no object, by the best score near each.

    Real objects become rarer as it falls: of more labels than at some higher score, the surplus
    has none.
    """
    number = int(np.clip(len(support) ** 0.5, BINS // 2, 2 * BINS))
    bins = np.minimum((support * number).astype(int), number - 1)
    counts = np.bincount(bins, minlength=number)
    mode = int(counts.argmax())  # 0 for a class that the teacher does not find
    rarest_above = [counts[low + 1 : mode + 1].min(initial=counts.max()) for low in range(number)]
    surplus = 1 - (np.array(rarest_above) + 1) / (counts + 1)
    return np.asarray(np.where(np.arange(number) < mode, surplus, 0).clip(0)[bins])


def wrong_by_overlap(overlap: Floats) -> Floats:
    """Return (K,) probabilities that the label of a sure box is misplaced, by their overlap.

    Its tail from 0.9 to 0.7 is the teacher's own imprecision, and goes on falling as fast; the
    surplus lies wrong.
    """
    bins = np.minimum((overlap * BINS).astype(int), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    falls = min((counts[7] + 1) / (counts[8] + 1), 1.0)
    expected = counts[7] * falls ** (7 - np.arange(BINS))
    surplus = 1 - (expected + 1) / (counts + 1)
    return np.asarray(np.where(np.arange(BINS) < 7, surplus, 0).clip(0)[bins])  # noqa: PLR2004


def wrong_by_recall(found: float) -> float:
    """Return the probability that one of two labels is a duplicate, the teacher finding one object.

    Both kinds being as likely before: two objects give one box with 2 r (1 - r), one with r.
    """
    return 1 / (3 - 2 * found)
