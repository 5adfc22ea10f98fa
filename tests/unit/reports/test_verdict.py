"""Each sentence of the verdict, word for word, over a table of cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from train_teacher.inspection.facts import Finding
from train_teacher.reports.final_scores import FinalScores
from train_teacher.reports.summary import summarize_run
from train_teacher.reports.verdict import (
    ClassOutcome,
    Measured,
    Verdict,
    judge_run,
    measured_finally,
)
from train_teacher.scores.bootstrap import Chance
from train_teacher.scores.coco_scores import CocoScores
from train_teacher.scores.labelling import LabelQuality


def chance(low: float, high: float) -> Chance:
    return Chance(images=24, boxes=56, better=0.9, low=low, high=high)


SURE = chance(0.15, 0.35)
FALLING = (9.0, 8.0, 7.0, 6.5, 6.0, 5.5, 5.0, 4.5)
RISING = (5.0, 4.5, 4.2, 4.0, 4.1, 4.3, 4.9, 6.0)
NOISE = (5.0, 4.0, 6.0, 4.2, 5.0, 4.0, 6.0, 4.2)
WORTH_IT = (
    "Fine-tuning was worth it: box mAP 0.100 zero-shot, 0.400 after epoch 2 (+0.300, 95 % "
    "interval +0.150 to +0.350) on 57 boxes of the test split."
)
YES = (
    "Good enough to label with? Yes: at a threshold of 0.31 it misses 8 of 100 objects, and 5 of "
    "100 kept boxes are false."
)
NO_TEST = (
    "There is no test split: these images also chose the epoch and the threshold, so expect less "
    "on others."
)
LONGER = "a longer run (--epochs) may reach more."
SHORT = f"2 validations cannot show whether it has leveled off: {LONGER}"
LEAK = Finding(
    "D8", "warning", 11, "11 images of val also in train: the same file", "", "", split="val"
)


def labels(missed: float, false: float, objects: int = 57, **changes: Any) -> LabelQuality:
    values: dict[str, Any] = {
        "threshold": 0.31,
        "images": 24,
        "objects": objects,
        "kept": objects,
        "missed": missed,
        "missed_at_most": missed + 0.1,
        "false": false,
        "false_at_most": false + 0.1,
    }
    return LabelQuality(**{**values, **changes})


def on_test(before: float | None, best: float | None, **changes: Any) -> Measured:
    def coco(value: float | None) -> CocoScores:
        return CocoScores(value, value, value, value, value, value, (), ())

    values: dict[str, Any] = {
        "num_images": 24,
        "num_objects": 57,
        "before": None if before is None else coco(before),
        "best": coco(best),
        "chance": SURE,
        "labels": labels(0.08, 0.05),
    }
    return measured_finally(FinalScores(**{**values, **changes}))


ON_TEST = on_test(0.1, 0.4)


@dataclass(frozen=True)
class Case:
    """A run, and what is to be said of it."""

    name: str
    scores: tuple[float, ...]
    """Of the validations, that of the base weights first."""
    told: tuple[str, ...]
    worth_it: bool | None = True
    good_enough: str | None = "yes"
    tone: str = "good"
    test: Measured | None = ON_TEST
    boxes: int = 56
    """Of the validation split."""
    chance: Chance | None = SURE
    """Of the gain on it."""
    labels: LabelQuality | None = None
    failure: str = ""
    losses: tuple[float, ...] = ()
    findings: tuple[Finding, ...] = ()
    classes: tuple[ClassOutcome, ...] = ()
    base: bool = True
    """True when the base weights were validated."""


def judged(case: Case) -> Verdict:
    records = [
        {"kind": "val", "step": epoch, "coco/bbox_mAP": score}
        for epoch, score in enumerate(case.scores, 0 if case.base else 1)
    ]
    summary = summarize_run(records, [])
    validation = Measured(
        split="validation",
        boxes=case.boxes,
        before=summary.before.map if summary.before else None,
        best=summary.best.map if summary.best else None,
        chance=case.chance,
        labels=case.labels,
    )
    return judge_run(
        summary,
        case.classes,
        validation,
        test=case.test,
        test_failure=case.failure,
        losses=case.losses,
        findings=case.findings,
    )


HEADLINES = [
    Case("worth it and good enough", (0.1, 0.3, 0.4), (WORTH_IT, YES)),
    Case(
        "better, but most objects are missed",
        (0.0, 0.1, 0.138),
        (
            "Fine-tuning helped, but not enough to label with yet: box mAP 0.000 zero-shot, 0.138 "
            "after epoch 2 (+0.138, 95 % interval +0.060 to +0.200) on 32 boxes of the validation "
            "split.",
            "Good enough to label with? Not yet: at a threshold of 0.31 it misses 62 of 100 "
            "objects, and 48 of 100 kept boxes are false.",
            NO_TEST,
            SHORT,
        ),
        good_enough="not yet",
        tone="fair",
        test=None,
        boxes=32,
        chance=chance(0.06, 0.2),
        labels=labels(20 / 32, 11 / 23, 32, kept=23),
    ),
    Case(
        "the base is good already",
        (0.8, 0.805, 0.81),
        (
            "Fine-tuning changed no more than another seed would: box mAP 0.800 zero-shot, 0.810 "
            "after epoch 2 (+0.010, 95 % interval -0.010 to +0.020) on 57 boxes of the test split.",
            YES,
        ),
        worth_it=False,
        tone="fair",
        test=on_test(0.8, 0.81, chance=chance(-0.01, 0.02)),
    ),
    Case(
        "no epoch is better than the base",
        (0.5, 0.4, 0.3),
        (
            "Fine-tuning did not help: no epoch was better than the base weights (box mAP 0.480 "
            "on 57 boxes of the test split), which best.pth holds.",
            YES,
        ),
        worth_it=False,
        tone="fair",
        test=on_test(0.48, 0.48, chance=chance(0.0, 0.0)),
    ),
    Case(
        "the base knows nothing, and nothing was learned: no box overlaps an object",
        (0.0, 0.0, 0.0),
        (
            "Fine-tuning did not help: no epoch was better than the base weights (box mAP 0.000 "
            "on 57 boxes of the test split), which best.pth holds.",
            "Good enough to label with? Not yet: at a threshold of 0.30 it misses 100 of 100 "
            "objects, and 100 of 100 kept boxes are false.",
            SHORT,
        ),
        worth_it=False,
        good_enough="not yet",
        tone="bad",
        test=on_test(
            0.0, 0.0, chance=chance(0.0, 0.0), labels=labels(1.0, 1.0, threshold=0.3, kept=9)
        ),
    ),
    Case(
        "nothing is detected at all",
        (0.0, 0.0, 0.0),
        (
            "Fine-tuning did not help: no epoch was better than the base weights (box mAP 0.000 "
            "on 57 boxes of the test split), which best.pth holds.",
            "Good enough to label with? Not yet: it finds nothing.",
            SHORT,
        ),
        worth_it=False,
        good_enough="not yet",
        tone="bad",
        test=on_test(0.0, 0.0, chance=chance(0.0, 0.0), labels=labels(1.0, 0.0, kept=0)),
    ),
    Case(
        "a gain that chance can make",
        (0.1, 0.12, 0.14),
        (
            "It is unclear whether fine-tuning helped: box mAP 0.100 zero-shot, 0.140 after "
            "epoch 2 (+0.040, 95 % interval -0.010 to +0.080) on 57 boxes of the test split.",
            YES,
        ),
        worth_it=None,
        tone="fair",
        test=on_test(0.1, 0.14, chance=chance(-0.01, 0.08)),
    ),
    Case(
        "validation gained, the test split lost",
        (0.3, 0.35, 0.4),
        (
            "Fine-tuning made it worse: box mAP 0.400 zero-shot, 0.300 after epoch 2 (-0.100, "
            "95 % interval -0.150 to -0.050) on 57 boxes of the test split.",
            YES,
        ),
        worth_it=False,
        tone="fair",
        test=on_test(0.4, 0.3, chance=chance(-0.15, -0.05)),
    ),
    Case(
        "a large set, where no interval is drawn",
        (0.1, 0.3, 0.4),
        (
            "Fine-tuning was worth it: box mAP 0.100 zero-shot, 0.400 after epoch 2 (+0.300) on "
            "9,000 boxes of the test split.",
            YES,
        ),
        boxes=9000,
        chance=None,
        test=on_test(0.1, 0.4, num_objects=9000, chance=None),
    ),
    Case(
        "the base was not scored",
        (0.3, 0.4),
        (
            "The best epoch reaches a box mAP of 0.400 on 57 boxes of the test split; the base "
            "weights were not scored, so what fine-tuning gained is unknown.",
            YES,
        ),
        worth_it=None,
        tone="fair",
        base=False,
        test=on_test(None, 0.4),
    ),
    Case(
        "nothing was validated",
        (),
        ("Nothing was validated, so the result is unknown.",),
        worth_it=None,
        good_enough=None,
        tone="fair",
        test=None,
        chance=None,
    ),
]

LABELLING = [
    Case(
        "every image needs a look",
        (0.1, 0.3, 0.4),
        (
            WORTH_IT,
            "Good enough to label with? Nearly: at a threshold of 0.31 it misses 20 of 100 "
            "objects, and 12 of 100 kept boxes are false; look through every image.",
            SHORT,
        ),
        good_enough="nearly",
        test=on_test(0.1, 0.4, labels=labels(0.2, 0.12)),
    ),
    Case(
        "the count is good, and so few images could hide one object in three",
        (0.1, 0.3, 0.4),
        (
            WORTH_IT,
            "Good enough to label with? Nearly: at a threshold of 0.31 it misses 9 of 100 "
            "objects, and 5 of 100 kept boxes are false; look through every image.",
            SHORT,
        ),
        good_enough="nearly",
        test=on_test(0.1, 0.4, labels=labels(0.09, 0.05, 33, missed_at_most=0.33)),
    ),
    Case(
        "a test split too small beside the validation split",
        (0.1, 0.3, 0.4),
        (
            WORTH_IT.replace("57 boxes of the test", "56 boxes of the validation"),
            YES,
        ),
        test=on_test(0.1, 0.2, num_objects=6, labels=labels(0.5, 0.5, 6)),
        labels=labels(0.08, 0.05, 56),
    ),
    Case(
        "two tiny splits",
        (0.1, 0.3, 0.4),
        (
            "It is unclear whether fine-tuning helped: box mAP 0.100 zero-shot, 0.400 after "
            "epoch 2 (+0.300, 95 % interval -0.100 to +0.700) on 6 boxes of the test split.",
            "Good enough to label with? 6 boxes are too few to tell: label more images for "
            "validation and test.",
        ),
        worth_it=None,
        good_enough=None,
        tone="fair",
        boxes=6,
        test=on_test(0.1, 0.4, num_objects=6, chance=chance(-0.1, 0.7), labels=labels(0.0, 0.0, 6)),
    ),
    Case(
        "the test split could not be scored",
        (0.1, 0.3, 0.4),
        (
            WORTH_IT.replace("57 boxes of the test", "56 boxes of the validation"),
            YES,
            "The test split was not scored, --resume tries again: /images: there is no such "
            "folder of images.",
        ),
        test=None,
        failure="/images: there is no such folder of images.",
        labels=labels(0.08, 0.05, 56),
    ),
    Case(
        "a leak, which comes first and takes the green",
        (0.1, 0.3, 0.4),
        (
            "Do not trust these scores, they are likely too high: 11 images of val also in "
            "train: the same file (D8).",
            WORTH_IT,
            YES,
        ),
        worth_it=None,
        good_enough=None,
        tone="fair",
        findings=(Finding("B2", "warning", 1, "thin boxes", "", ""), LEAK),
    ),
]

BY_HEART = (
    "After epoch 3 validation fell to 0.250, more than noise explains: the model began to overfit "
    "the training images; best.pth is from before that."
)
AFTER_3 = WORTH_IT.replace("epoch 2", "epoch 3")
ENDINGS = [
    Case(
        "two epochs, the second lower, and a loss that falls: no word of learning by heart",
        (0.0, 0.113, 0.084),
        (
            WORTH_IT.replace("epoch 2", "epoch 1"),
            YES,
            "The loss was still falling at the end, and 2 validations cannot show whether it has "
            f"leveled off: {LONGER}",
        ),
        losses=FALLING,
    ),
    Case(
        "a fall beyond noise, epoch after epoch",
        (0.1, 0.4, 0.45, 0.5, 0.4, 0.35, 0.3, 0.25),
        (AFTER_3, YES, BY_HEART),
        losses=FALLING,
    ),
    Case(
        "as deep a fall without a trend",
        (0.1, 0.4, 0.45, 0.5, 0.25, 0.3, 0.24, 0.25),
        (AFTER_3, YES),
        losses=FALLING,
    ),
    Case(
        "a steady fall that the images explain",
        (0.1, 0.4, 0.45, 0.5, 0.48, 0.46, 0.44, 0.42),
        (AFTER_3, YES),
        losses=FALLING,
    ),
    Case(
        "the same steady fall on ten thousand boxes",
        (0.1, 0.4, 0.45, 0.5, 0.48, 0.46, 0.44, 0.42),
        (AFTER_3, YES, BY_HEART.replace("0.250", "0.420")),
        boxes=10_000,
        chance=None,
    ),
    Case(
        "validation that rises to the end",
        (0.1, 0.15, 0.2, 0.25, 0.3, 0.33, 0.36, 0.4),
        (
            WORTH_IT.replace("epoch 2", "epoch 7"),
            YES,
            f"Validation rose through the second half of the run: {LONGER}",
        ),
        losses=FALLING,
    ),
    Case(
        "validation that only jumps about",
        (0.1, 0.064, 0.064, 0.138, 0.081, 0.115, 0.114),
        (AFTER_3, YES),
        losses=NOISE,
    ),
    Case(
        "a loss that rises",
        (0.1, 0.4, 0.45, 0.5, 0.4, 0.35, 0.3, 0.25),
        (AFTER_3, YES, "The loss rose in the second half of the run: try a smaller --lr."),
        losses=RISING,
    ),
    Case(
        "a short run with a loss that jumps about",
        (0.1, 0.3, 0.4),
        (WORTH_IT, YES),
        losses=NOISE,
    ),
]


def outcome(name: str, *facts: Any) -> ClassOutcome:
    return ClassOutcome(name, *facts)


GOOD = outcome("cat", 400, 90, 0.2, 0.8, 0.9)
CLASSES = [
    Case(
        "a class that lost more than chance takes",
        (0.1, 0.3, 0.4),
        (WORTH_IT, YES, "Lost: dog 0.60 to 0.40."),
        classes=(GOOD, outcome("dog", 400, 90, 0.6, 0.4, 0.9), outcome("newt", 9, 9, 0.3, 0.1)),
    ),
    Case(
        "a class that cannot be scored",
        (0.1, 0.3, 0.4),
        (WORTH_IT, YES, "No boxes in the validation split, so the scores are unknown for: ghost."),
        classes=(GOOD, outcome("ghost", 3, 0, None, None)),
    ),
    Case(
        "classes with few boxes",
        (0.1, 0.3, 0.4),
        (
            WORTH_IT,
            YES,
            "Needs more labeled boxes: a (1 box), b (2 boxes), c (3 boxes).",
        ),
        classes=tuple(outcome(n, i, 9, 0.0, 0.1, 0.1) for i, n in enumerate("abc", 1)),
    ),
    Case(
        "a class with boxes enough that the base does not see",
        (0.1, 0.3, 0.4),
        (
            WORTH_IT,
            YES,
            "Another phrase may work better (teacher prompts, --class-prompt NAME=PHRASE): "
            "'sprocket-7'.",
        ),
        classes=(GOOD, outcome("sprocket-7", 300, 50, 0.0, 0.1, 0.1)),
    ),
    Case(
        "classes of which the base sees none",
        (0.1, 0.3, 0.4),
        (WORTH_IT, YES),
        classes=(outcome("raccoon", 300, 50, 0.0, 0.1, 0.1),),
    ),
    Case(
        "a weak class that the base sees, and one of which nobody asked the base",
        (0.1, 0.3, 0.4),
        (WORTH_IT, YES),
        classes=(outcome("a", 300, 50, 0.0, 0.1, 0.9), outcome("b", 300, 50, None, 0.1)),
    ),
]


@pytest.mark.parametrize(
    "case", [*HEADLINES, *LABELLING, *ENDINGS, *CLASSES], ids=lambda case: case.name
)
def test_a_run_is_told_in_exactly_these_sentences(case: Case) -> None:
    verdict = judged(case)
    assert (verdict.headline, *verdict.sentences) == case.told
    assert (verdict.worth_it, verdict.good_enough) == (case.worth_it, case.good_enough)
    assert verdict.tone == case.tone


@pytest.mark.parametrize("case", [*HEADLINES, *LABELLING, *ENDINGS], ids=lambda case: case.name)
def test_a_verdict_has_five_sentences_at_most(case: Case) -> None:
    assert len(judged(case).sentences) < 5
