"""`--model auto`: base and tuning mode that fit the data and the machine, with reasons.

Pure: facts in, decisions out.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from train_teacher.config.data_driven import Decision
from train_teacher.config.expected_memory import step_bytes
from train_teacher.inspection.facts import DatasetInfo
from train_teacher.settings.schema import TeacherSettings, Tune

GIB = 2**30


class _Base(msgspec.Struct, frozen=True):
    preset: str
    said: str


# Largest first. The AP is zero-shot on COCO, of the variants that have not seen COCO, so that they
# can be compared (model-zoo.md).
BASES: Sequence[_Base] = (
    _Base("swin-l", "Swin-L, the most accurate base (zero-shot COCO AP 53.0)"),
    _Base("swin-b", "Swin-B (zero-shot COCO AP 52.5, Swin-T 50.6)"),
    _Base("swin-t", "Swin-T, the smallest base"),
)
AT_ONCE, RECOMPUTED = 2, 3
"""Images and layers with which a base has to fit: with less it would work, but slowly."""
MANY_IMAGES = 30_000
"""An estimate: at a second per step of two images an epoch of Swin-L takes four hours."""
FEW_IMAGES = 500
"""The published fine-tunes of small sets stay under it (cat: 144 images)."""


def choose_model(
    info: DatasetInfo, gpu_bytes: int | None, settings: TeacherSettings, tune: Tune | None
) -> tuple[Decision, Decision]:
    """Decide on `model` and on `tune`, which stays as it is where the user gave it.

    The smallest GPU that would be used has to suffice; None trains on a CPU.
    """
    images = next(split.num_images for split in info.splits if split.name == "train")
    mode = Decision("tune", tune, "given", "settings", given=True) if tune else None
    return _model(images, gpu_bytes, tune or "frozen"), mode or _tune(images, gpu_bytes, settings)


def _model(images: int, gpu_bytes: int | None, tune: str) -> Decision:
    source = "model-zoo.md, docs/explanation/memory.md"
    if gpu_bytes is None:
        why = "no GPU: the smallest base, larger ones take longer still"
        return Decision("model", "swin-t", why, source)
    needed = [step_bytes(base.preset, tune, AT_ONCE, RECOMPUTED) for base in BASES]
    fitting = [
        base
        for base, least in zip(BASES, needed, strict=True)
        if least is not None and least <= gpu_bytes
    ] or BASES[-1:]
    memory = f"a GPU of {gpu_bytes / GIB:.0f} GiB"
    chosen = fitting[0]
    if images > MANY_IMAGES and chosen is BASES[0]:
        chosen = BASES[1]
        why = f"{chosen.said}: {memory} holds Swin-L, but {images:,} images would take too long"
    elif chosen is BASES[-1]:
        why = f"{chosen.said}: {memory} is too small for more"
    else:
        why = f"{chosen.said}: {memory} has room for it"
    return Decision("model", chosen.preset, why, source)


def _tune(images: int, gpu_bytes: int | None, settings: TeacherSettings) -> Decision:
    source = "training.md 5; README: what LoRA gains and what is forgotten"
    if settings.retain:
        return Decision("tune", "lora", "--retain: with adapters off the base is unchanged", source)
    if gpu_bytes is None:
        return Decision("tune", "lora", "no GPU: adapters need the least arithmetic", source)
    # A small GPU is no reason: with all layers recomputed LoRA takes a tenth less than frozen for
    # one image at once, and a twentieth more for four.
    if images < FEW_IMAGES:
        why = f"{images:,} images: fewer trained parameters overfit and forget less"
        return Decision("tune", "lora", why, source)
    why = f"{images:,} images can teach neck, encoder, decoder and head in full"
    return Decision("tune", "frozen", why, source)
