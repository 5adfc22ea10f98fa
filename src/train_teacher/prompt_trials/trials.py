"""Trials of phrases for a class: the one that a base model reads best on a sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

import msgspec
import numpy as np

from train_teacher.core.errors import UsageError
from train_teacher.prompts.caption import apply_class_prompts, canonical_name, reads_as
from train_teacher.scores.bootstrap import draws, resampled_precision
from train_teacher.scores.detections import Detections, GroundTruth
from train_teacher.scores.judgement import judge

FEW_OBJECTS = 10
"""Objects below which a single one decides, whatever the resampling says."""
SURE = 0.95
"""Share of the resampled sets of images (Efron 1979) in which a phrase must beat the name."""
CLEAR_GAIN = 0.02
"""Least gain of AP at 0.5 that is worth another name, however certain."""
POOR_RECALL = 0.3


class PhraseScore(msgspec.Struct, frozen=True):
    """Scores of one phrase, as the base model reads it."""

    phrase: str
    average_precision: float | None
    """At an overlap of 0.5; None without objects."""
    recall: float | None
    """Of the objects that any detection found."""
    beats_name: float | None = None
    """Share of the resampled sets in which it was better than the name; None for the name."""


class ClassTrial(msgspec.Struct, frozen=True):
    """The phrases of one class; the first is its name."""

    name: str
    objects: int
    phrases: tuple[PhraseScore, ...]
    best: int
    """Position of the phrase to use: the name unless another is clearly better."""

    @property
    def reads_badly(self) -> bool:
        """True when the model hardly detects the objects even with the best phrase."""
        recall = self.phrases[self.best].recall
        return recall is not None and self.objects >= FEW_OBJECTS and recall < POOR_RECALL


class PromptComparison(msgspec.Struct, frozen=True, kw_only=True):
    """The object of `teacher prompts --format json`."""

    data: str
    num_images: int
    """Of the sample."""
    of_images: int
    num_objects: int
    model: str
    weights: str
    classes: tuple[ClassTrial, ...]
    names_score: float | None
    """Mean over the classes of the average precision at 0.5, all names in one prompt."""
    best_score: float | None
    """The same with the phrases to use, looked at together; None when these are the names."""
    seconds: float

    @property
    def class_prompts(self) -> dict[str, str]:
        """The phrases that are clearly better than the name."""
        return {c.name: c.phrases[c.best].phrase for c in self.classes if c.best}


def candidates(
    names: Sequence[str], offered: Mapping[str, Sequence[str]]
) -> tuple[tuple[str, ...], ...]:
    """Return the phrases of each class, its own name first, each once.

    Raises:
        UsageError: no such class, an empty phrase, or one that means two classes.
    """
    for name, texts in offered.items():
        for text in texts:
            apply_class_prompts(names, {name: text}, said="--phrase (--phrases FILE)")
    own = apply_class_prompts(names, {})
    meant = {reads_as(text): name for text, name in zip(own, names, strict=True)}
    return tuple(
        (text, *_further(name, text, offered.get(name, ()), meant))
        for name, text in zip(names, own, strict=True)
    )


def _further(name: str, text: str, offered: Sequence[str], meant: dict[str, str]) -> Iterator[str]:
    """Yield the phrases offered for a class besides its name; `meant` records their classes."""
    mine = {reads_as(text)}
    for phrase in offered:
        words = reads_as(phrase)
        owner = meant.setdefault(words, name)
        if owner != name:
            raise UsageError(
                f"phrase {phrase!r} is offered for {name!r}, and the model would read it for "
                f"{owner!r} too: boxes of the two could not be distinguished. Take it out of one."
            )
        if words not in mine:
            mine.add(words)
            yield canonical_name(phrase)


def rounds(phrases: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Return the prompts of each round: in the k-th every class has its k-th phrase or its name.

    Phrases of different classes share a prompt: the language model reads each without the others
    (mmdet bert.py: generate_masks_with_special_tokens), so as many rounds are enough as one class
    has phrases.
    """
    most = max(map(len, phrases))
    return tuple(
        tuple(own[number] if number < len(own) else own[0] for own in phrases)
        for number in range(most)
    )


def sample_images(truth: GroundTruth, most: int, seed: int) -> list[int]:
    """Choose the ids of images so that rare classes are seen, the same ones for the same seed."""
    order = np.random.default_rng(seed).permutation(truth.image_ids).tolist()
    counted = ~truth.crowd
    showing = [
        set(truth.image_id[counted & (truth.label == label)].tolist())
        for label in np.unique(truth.label[counted])
    ]
    by_class = [[image for image in order if image in images] for images in showing]
    rarest_first = sorted(by_class, key=len)
    drawn = [image for turn in zip_longest(*rarest_first) for image in turn if image is not None]
    chosen = set(list(dict.fromkeys([*drawn, *order]))[:most])
    return [image for image in truth.image_ids.tolist() if image in chosen]


def compare_phrases(
    names: Sequence[str],
    phrases: Sequence[Sequence[str]],
    found: Sequence[Detections],
    truth: GroundTruth,
) -> tuple[ClassTrial, ...]:
    """Judge the phrases of each class, its name first, by the detections of each round."""
    judged = [judge(one, truth, len(names)) for one in found]
    drawn = draws(len(truth.image_ids))
    trials = []
    for label, name in enumerate(names):
        objects = int(judged[0].objects[label])
        # In the rounds after its last phrase a class has its name again.
        resampled = [
            resampled_precision(one, judgement.flags, truth, label, drawn)
            for one, judgement, _ in zip(found, judged, phrases[label], strict=False)
        ]
        tried = []
        for number, phrase in enumerate(phrases[label]):
            beats = float((resampled[number] > resampled[0]).mean())
            tried.append(
                PhraseScore(
                    phrase,
                    average_precision=_known(judged[number].average_precision[label]),
                    recall=_known(judged[number].recall[label]),
                    beats_name=beats if number and objects else None,
                )
            )
        trials.append(ClassTrial(name, objects, tuple(tried), _best(tried, objects)))
    return tuple(trials)


def mean_precision(found: Detections, truth: GroundTruth, names: Sequence[str]) -> float | None:
    """Return the mean over classes with objects of the average precision at 0.5."""
    scores = judge(found, truth, len(names)).average_precision
    known = scores[~np.isnan(scores)]
    return float(known.mean()) if known.size else None


def _known(score: float) -> float | None:
    return None if np.isnan(score) else float(score)


def _best(tried: Sequence[PhraseScore], objects: int) -> int:
    if objects < FEW_OBJECTS:
        return 0
    scores = [one.average_precision or 0.0 for one in tried]
    better = [
        number
        for number, one in enumerate(tried)
        if (one.beats_name or 0.0) >= SURE and scores[number] - scores[0] >= CLEAR_GAIN
    ]
    return max(better, key=lambda number: scores[number], default=0)
