"""Verdict on a run in a few sentences: gain, fitness for labeling, and advice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from train_teacher.core.words import plural
from train_teacher.inspection.facts import Finding
from train_teacher.reports.final_scores import FinalScores
from train_teacher.reports.summary import RunSummary
from train_teacher.scores.bootstrap import Chance
from train_teacher.scores.labelling import LabelQuality
from train_teacher.scores.trend import LEAST_POINTS, averaged, trend

CLEAR_GAIN = 0.02
"""mAP; two runs of one recipe with different seeds differ by about this on small sets."""
FEW_BOXES = 50
CHANCE_BOXES = 30
"""Objects; fewer cannot distinguish one miss in ten from one in four."""
POOR_AP = 0.2
POOR_RECALL = 0.3
"""Share of the objects found by the base weights below which the phrase is to blame."""
SHOWN_CLASSES = 3
READY, NEARLY_READY = 0.10, 0.25
"""Share of missed objects, and of false boxes, up to which labels need a look, or some work."""
LOSS_CHANGE = 0.03
"""Change from the quarter before to the last quarter of a run; less is no reason to act."""
LEAK = "D8"

Ready = Literal["yes", "nearly", "not yet"]


class ClassOutcome(msgspec.Struct, frozen=True):
    """One class before and after."""

    name: str
    train_boxes: int
    val_boxes: int
    before: float | None
    """Box AP of the base weights, None without validation boxes or base validation."""
    best: float | None
    zero_shot_recall: float | None = None
    """Share of the objects that the base weights found at an overlap of 0.5."""

    @property
    def gain(self) -> float | None:
        """Change of AP."""
        return None if self.before is None or self.best is None else self.best - self.before

    @property
    def noise(self) -> float:
        """Difference of AP that other images could make."""
        return noise_of(self.val_boxes)


def noise_of(boxes: int) -> float:
    """Return the sampling noise of an AP: two standard errors of a share, at its largest.

    Never less than what another seed makes.
    """
    return max(CLEAR_GAIN, 1 / math.sqrt(max(boxes, 1)))


class Verdict(msgspec.Struct, frozen=True):
    """Judgment of a run."""

    worth_it: bool | None
    """None when unknown."""
    headline: str
    sentences: tuple[str, ...]
    good_enough: Ready | None = None
    """To label with; None when unknown."""

    @property
    def tone(self) -> str:
        """Style of the page for it: `good`, `fair` or `bad`."""
        if self.worth_it and self.good_enough not in (None, "not yet"):
            return "good"
        return "bad" if self.worth_it is False and self.good_enough != "yes" else "fair"


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """The scores of one split that a verdict rests on."""

    split: str
    """`test` or `validation`."""
    boxes: int
    before: float | None
    """Box mAP of the base weights."""
    best: float | None
    chance: Chance | None = None
    labels: LabelQuality | None = None

    @property
    def noise(self) -> float:
        """Difference of mAP that other images of the kind could make."""
        if self.chance:
            return (self.chance.high - self.chance.low) / 2
        return noise_of(self.boxes)


def measured_finally(test: FinalScores) -> Measured:
    """Return the measures of the test split."""
    return Measured(
        split="test",
        boxes=test.num_objects,
        before=test.before.average_precision if test.before else None,
        best=test.best.average_precision,
        chance=test.chance,
        labels=test.labels,
    )


def judge_run(
    summary: RunSummary,
    classes: Sequence[ClassOutcome],
    validation: Measured,
    *,
    test: Measured | None = None,
    test_failure: str = "",
    losses: Sequence[float] = (),
    findings: Iterable[Finding] = (),
) -> Verdict:
    """Return the verdict on a run.

    Args:
        summary: its validations.
        classes: each before and after.
        validation: by which the best epoch and the threshold were chosen.
        test: by which nothing was.
        test_failure: why there is a test split without scores.
        losses: means of consecutive batches, oldest first.
        findings: what the inspection found; the same images in two splits spoil any score.
    """
    enough = test and test.best is not None and test.boxes >= min(CHANCE_BOXES, validation.boxes)
    measured = test if test and enough else validation
    good_enough, labelling = _labelling(measured)
    worth_it, headline = _headline(summary, measured, usable=good_enough != "not yet")
    sentences = [
        *labelling,
        *_no_test(summary, test, test_failure),
        *_ending(
            summary, validation.noise, losses, unfinished=good_enough in ("nearly", "not yet")
        ),
        *_classes(classes)[:1],
    ]
    leaks = [f for f in findings if f.code == LEAK]
    if leaks:
        worth_it, sentences = None, [headline, *sentences]
        good_enough = None
        headline = f"Do not trust these scores, they are likely too high: {leaks[0].message} (D8)."
    return Verdict(worth_it, headline, tuple(sentences), good_enough)


def _headline(summary: RunSummary, measured: Measured, *, usable: bool) -> tuple[bool | None, str]:
    best = summary.best
    if best is None or measured.best is None:
        return None, "Nothing was validated, so the result is unknown."
    on = f"on {plural(measured.boxes, 'box', 'boxes')} of the {measured.split} split"
    if measured.before is None:
        return None, (
            f"The best epoch reaches a box mAP of {measured.best:.3f} {on}; the base weights were "
            "not scored, so what fine-tuning gained is unknown."
        )
    if best.epoch == 0:
        return False, (
            f"Fine-tuning did not help: no epoch was better than the base weights (box mAP "
            f"{measured.before:.3f} {on}), which best.pth holds."
        )
    gain, chance = measured.best - measured.before, measured.chance
    worth_it, told = _of_gain(gain, chance)
    if worth_it and not usable:
        told = "Fine-tuning helped, but not enough to label with yet"
    interval = f", 95 % interval {chance.low:+.3f} to {chance.high:+.3f}" if chance else ""
    return worth_it, (
        f"{told}: box mAP {measured.before:.3f} zero-shot, {measured.best:.3f} after epoch "
        f"{best.epoch} ({gain:+.3f}{interval}) {on}."
    )


def _of_gain(gain: float, chance: Chance | None) -> tuple[bool | None, str]:
    low, high = (chance.low, chance.high) if chance else (gain, gain)
    if low > 0 and gain >= CLEAR_GAIN:
        return True, "Fine-tuning was worth it"
    if high < 0 and gain <= -CLEAR_GAIN:
        return False, "Fine-tuning made it worse"
    if low <= 0 <= high and high - low > 2 * CLEAR_GAIN:
        return None, "It is unclear whether fine-tuning helped"
    return False, "Fine-tuning changed no more than another seed would"


def _labelling(measured: Measured) -> tuple[Ready | None, list[str]]:
    """Return whether it is good enough to label with, and the answer in words."""
    labels = measured.labels
    if labels is None:
        return None, []
    question = "Good enough to label with?"
    if labels.objects < CHANCE_BOXES:
        told = f"{plural(labels.objects, 'box is', 'boxes are')} too few to tell"
        return None, [f"{question} {told}: label more images for validation and test."]
    wrong = max(labels.missed, labels.false)
    surely = max(labels.missed_at_most, labels.false_at_most) <= NEARLY_READY
    ready: Ready = "not yet"
    if wrong <= NEARLY_READY:
        ready = "yes" if wrong <= READY and surely else "nearly"
    found = (
        f"at a threshold of {labels.threshold:.2f} it misses {100 * labels.missed:.0f} of 100 "
        f"objects, and {100 * labels.false:.0f} of 100 kept boxes are false"
    )
    if not labels.kept:
        found = "it finds nothing"
    look = "; look through every image" if ready == "nearly" else ""
    return ready, [f"{question} {ready.capitalize()}: {found}{look}."]


def _no_test(summary: RunSummary, test: Measured | None, failure: str) -> list[str]:
    if failure:
        return [f"The test split was not scored, --resume tries again: {failure}"]
    if test or not summary.best:
        return []
    return [
        "There is no test split: these images also chose the epoch and the threshold, so expect "
        "less on others."
    ]


def _ending(
    summary: RunSummary, noise: float, losses: Sequence[float], *, unfinished: bool
) -> list[str]:
    """Return the sentences on the curves, by tests that allow for noise.

    Args:
        summary: the validations.
        noise: difference of mAP that other images could make.
        losses: means of consecutive batches.
        unfinished: whether the result is not good enough yet.
    """
    best, last = summary.best, summary.last
    if not best or not last:
        return []
    loss = _loss_trend(losses)
    if loss > 0:
        return ["The loss rose in the second half of the run: try a smaller --lr."]
    # Without the best, which is the highest of all by choice and would make any series fall.
    after = [score for epoch, score in summary.scores if epoch > best.epoch]
    if best.epoch and best.map - last.map > noise and trend(after) < 0:
        return [
            f"After epoch {best.epoch} validation fell to {last.map:.3f}, more than noise "
            "explains: the model began to overfit the training images; best.pth is from "
            "before that."
        ]
    scores = [score for epoch, score in summary.scores if epoch > 0]
    half = scores[len(scores) // 2 :]
    longer = "a longer run (--epochs) may reach more."
    if trend(half) > 0:
        return [f"Validation rose through the second half of the run: {longer}"]
    if len(half) < LEAST_POINTS and (loss < 0 or unfinished):
        few = f"{plural(len(scores), 'validation')} cannot show whether it has leveled off"
        falling = "The loss was still falling at the end, and " if loss < 0 else ""
        return [f"{falling}{few}: {longer}"]
    return []


def _loss_trend(losses: Sequence[float]) -> int:
    """Return 1 or -1 where the loss rises or falls in the second half, by enough to matter."""
    second = averaged(losses[len(losses) // 2 :])
    if not second:
        return 0
    middle = len(second) // 2
    first, rest = (sum(part) / max(len(part), 1) for part in (second[:middle], second[middle:]))
    return trend(second) if abs(rest - first) > LOSS_CHANGE * abs(first) else 0


def _classes(classes: Sequence[ClassOutcome]) -> list[str]:
    """Return advice on single classes, most important first."""
    lost = [c for c in classes if len(classes) > 1 and (c.gain or 0) < -c.noise]
    poor = [c for c in classes if c.best is not None and c.best < POOR_AP]
    blind = [c for c in poor if c.zero_shot_recall is not None and c.zero_shot_recall < POOR_RECALL]
    few = [c for c in poor if c.train_boxes < FEW_BOXES]
    told = (
        ("Lost", [f"{c.name} {c.before:.2f} to {c.best:.2f}" for c in lost]),
        (
            "No boxes in the validation split, so the scores are unknown for",
            [c.name for c in classes if c.best is None and not c.val_boxes],
        ),
        (
            "Needs more labeled boxes",
            [f"{c.name} ({plural(c.train_boxes, 'box', 'boxes')})" for c in few],
        ),
        (
            "Another phrase may work better (teacher prompts, --class-prompt NAME=PHRASE)",
            # A base that detects no class at all lacks more than words.
            [repr(c.name) for c in blind if len(blind) < len(classes)],
        ),
    )
    return [f"{what}: {_listed(names)}." for what, names in told if names]


def _listed(told: Sequence[str]) -> str:
    more = len(told) - SHOWN_CLASSES
    return ", ".join(told[:SHOWN_CLASSES]) + (f" and {more} more" if more > 0 else "")


def outcomes(
    class_names: Sequence[str],
    train_boxes: Sequence[int],
    val_boxes: Sequence[int],
    summary: RunSummary,
    zero_shot_recall: Mapping[str, float | None],
) -> tuple[ClassOutcome, ...]:
    """Return every class before and after, in canonical order."""
    before = summary.before.per_class if summary.before else {}
    best = summary.best.per_class if summary.best else {}
    return tuple(
        ClassOutcome(
            name=name,
            train_boxes=train,
            val_boxes=val,
            before=before.get(name),
            best=best.get(name),
            zero_shot_recall=zero_shot_recall.get(name),
        )
        for name, train, val in zip(class_names, train_boxes, val_boxes, strict=True)
    )
