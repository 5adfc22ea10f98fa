"""Cost of fine-tuning on images of something else: the forgetting guard."""

from __future__ import annotations

import msgspec

from train_teacher.scores.coco_scores import CocoScores

KNOWN = 0.05
"""mAP below which the base detects too little to forget it."""


class RetainedScores(msgspec.Struct, frozen=True, kw_only=True):
    """Scores on a data set that was not trained on, before and after, asked for its own classes."""

    data: str
    num_images: int
    num_objects: int
    before: CocoScores
    """Of the base weights."""
    after: CocoScores
    """Of the best checkpoint."""
    limit: float
    """Loss of mAP from which it is a warning."""
    adapter_off_equal: bool | None = None
    """True when the detections without the adapter equal the base's exactly; None: no adapter."""

    @property
    def drop(self) -> float | None:
        """Loss of mAP; None where nothing could be scored."""
        before, after = self.before.average_precision, self.after.average_precision
        return None if before is None or after is None else before - after

    @property
    def is_too_much(self) -> bool:
        """True when more was forgotten than allowed."""
        return self.drop is not None and self.drop > self.limit


def tell_of_forgetting(retained: RetainedScores, tune: str) -> tuple[str, ...]:
    """Return the sentences about it."""
    before, after = retained.before.average_precision, retained.after.average_precision
    if before is None or after is None or retained.drop is None:
        return (f"{retained.data} has no object to score: forgetting is unknown.",)
    scores = f"mAP {before:.3f} before, {after:.3f} after ({after - before:+.3f})"
    if before < KNOWN:
        first = (
            f"{retained.data}: mAP {before:.3f} before: forgetting is unknown, the base does not "
            "detect these objects."
        )
    elif retained.drop < 0:
        first = f"Lost nothing on {retained.data}, it even gained: {scores}."
    elif not retained.is_too_much:
        first = f"Kept what it knew of {retained.data}: {scores}."
    else:
        cure = (
            "use the base or switch the adapter off for those images, train for fewer epochs, or "
            "mix such images into the training data"
            if tune == "lora"
            else "train with --tune lora, which can be switched off, for fewer epochs or with a "
            "smaller --lr, or mix such images into the training data"
        )
        first = (
            f"WARNING: forgot of {retained.data}: {scores}, more than the {retained.limit:g} "
            f"allowed (retain_drop). To keep it: {cure}."
        )
    return (first, *_of_the_adapter(retained))


def _of_the_adapter(retained: RetainedScores) -> tuple[str, ...]:
    if retained.adapter_off_equal is None:
        return ()
    if retained.adapter_off_equal:
        return ("With the adapter off the detections there equal the base's exactly: a drop of 0.",)
    return ("WARNING: with the adapter off the detections differ from the base's.",)
