"""The run in words: was it worth it, which classes gained, which need data or another phrase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from train_teacher.core.words import plural
from train_teacher.reports.summary import RunSummary
from train_teacher.scores.bootstrap import RESAMPLES, Chance

CLEAR_GAIN = 0.02
"""mAP; two runs of one recipe with different seeds differ by about this on small sets."""
FEW_BOXES = 50
CHANCE_BOXES = 30
GOOD_AP = 0.5
POOR_AP = 0.2
POOR_RECALL = 0.3
"""Of the objects, by the base weights: the phrase does not make the model look there."""
CLASS_CHANGE = 0.05
SHOWN_CLASSES = 5
LAST_PART = 0.75
"""Of the run: a curve that still gains after it had not levelled off."""


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


class Verdict(msgspec.Struct, frozen=True):
    """What to make of a run."""

    worth_it: bool | None
    """None when it cannot be told."""
    headline: str
    sentences: tuple[str, ...]


def judge_run(
    summary: RunSummary,
    classes: Sequence[ClassOutcome],
    epochs: int,
    val_boxes: int,
    chance: Chance | None = None,
) -> Verdict:
    """Return the verdict on a run of so many epochs, scored on so many boxes."""
    worth_it, headline = _headline(summary, chance)
    sentences = [
        *_basis(summary, val_boxes, chance),
        *_ending(summary, epochs),
        *_changes(classes),
        *_needs(classes),
    ]
    return Verdict(worth_it, headline, tuple(sentences))


def _headline(summary: RunSummary, chance: Chance | None) -> tuple[bool | None, str]:
    before, best, gain = summary.before, summary.best, summary.gain
    if best is None:
        return None, "Nothing was validated, so nothing can be said of the result."
    if before is None or gain is None:
        return None, (
            f"The best epoch reaches a box mAP of {best.map:.3f}; the base weights were not "
            "validated, so what fine-tuning gained is unknown."
        )
    if best.epoch == 0:
        return False, (
            f"Fine-tuning did not help: no epoch was better than the base weights "
            f"({before.map:.3f}). best.pth holds the base weights."
        )
    scores = f"box mAP {before.map:.3f} zero-shot, {best.map:.3f} after epoch {best.epoch}"
    if gain < CLEAR_GAIN:
        return False, (
            f"Fine-tuning changed little ({scores}): a difference of {gain:+.3f} is within what "
            "another seed would do."
        )
    if chance and not chance.is_sure:
        return None, (
            f"Fine-tuning may have helped: {scores} ({gain:+.3f}), but on {chance.boxes} boxes "
            "that can be chance."
        )
    return True, f"Fine-tuning was worth it: {scores} ({gain:+.3f})."


def _basis(summary: RunSummary, val_boxes: int, chance: Chance | None) -> list[str]:
    """Return what the scores rest on."""
    sentences = []
    if chance and summary.best and summary.best.epoch > 0:
        sentences.append(
            f"The change rests on {chance.boxes} boxes in {plural(chance.images, 'image')}. "
            f"Drawing these images anew {RESAMPLES} times, it lies between {chance.low:+.3f} and "
            f"{chance.high:+.3f}, and is a gain in {100 * chance.better:.0f} % of them."
        )
    if val_boxes >= CHANCE_BOXES:
        return sentences
    return [
        *sentences,
        f"The scores are counted on {val_boxes} boxes only: take them as a hint, and label more "
        "images for validation.",
    ]


def _ending(summary: RunSummary, epochs: int) -> list[str]:
    best, last = summary.best, summary.last
    if not best or not last or best.epoch == 0:
        return []
    earlier = [score for epoch, score in summary.scores if epoch <= LAST_PART * epochs]
    if last.epoch == best.epoch and earlier and best.map - max(earlier) >= CLEAR_GAIN:
        return ["The score was still rising at the end: a longer run (--epochs) may reach more."]
    if last.map < best.map - CLEAR_GAIN:
        return [
            f"After epoch {best.epoch} the score fell to {last.map:.3f}: the model began to learn "
            "the training images by heart; best.pth is from before that."
        ]
    return []


def _changes(classes: Sequence[ClassOutcome]) -> list[str]:
    changed = [(c.gain, c) for c in classes if c.gain is not None]
    gained = sorted((p for p in changed if p[0] >= CLASS_CHANGE), key=lambda p: -p[0])
    lost = sorted((p for p in changed if p[0] <= -CLASS_CHANGE), key=lambda p: p[0])
    sentences = []
    for kind, found in (("Gained most", gained), ("Lost", lost)):
        if found and len(classes) > 1:
            told = [f"{c.name} {c.before:.2f} to {c.best:.2f}" for _, c in found]
            sentences.append(f"{kind}: {_listed(told)}.")
    return sentences


def _needs(classes: Sequence[ClassOutcome]) -> list[str]:
    poor = [c for c in classes if c.best is not None and c.best < POOR_AP]
    data = [c for c in poor if c.train_boxes < FEW_BOXES]
    phrase = [
        c
        for c in classes
        if c.best is not None
        and c.best < GOOD_AP
        and c.zero_shot_recall is not None
        and c.zero_shot_recall < POOR_RECALL
    ]
    sentences = []
    if data:
        told = [f"{c.name} ({c.train_boxes} boxes)" for c in data]
        sentences.append(f"Needs more labelled boxes: {_listed(told)}.")
    if phrase:
        sentences.append(
            "The base model hardly looks where these names point; another phrase may read better "
            "(teacher prompts DATA.json, --class-prompt NAME=PHRASE): "
            f"{_listed([repr(c.name) for c in phrase])}."
        )
    unseen = [c.name for c in classes if c.best is None and c.val_boxes == 0]
    if unseen:
        sentences.append(
            f"No boxes in the validation split, so nothing is known of: {_listed(unseen)}."
        )
    return sentences


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
