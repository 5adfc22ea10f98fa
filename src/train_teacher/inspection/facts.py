"""Facts about a data set: the frozen value from which everything else is generated."""

from __future__ import annotations

from typing import Literal

import msgspec

from train_teacher.prompts.caption import told_name, visible_name

Severity = Literal["error", "warning", "info"]


class Example(msgspec.Struct, frozen=True, omit_defaults=True):
    """One record that shows a finding, and its place."""

    path: str
    """JSON path, such as `annotations[59].bbox[0]`; empty when the finding is about a file."""
    file: str | None = None
    """`file_name` of the image concerned."""
    annotation_id: int | str | None = None
    value: str | None = None
    """The offending value, shortened."""


class Finding(msgspec.Struct, frozen=True):
    """One kind of problem, however many records have it."""

    code: str
    """Stable code of knowledge/coco-inspection.md, such as `R3`."""
    severity: Severity
    count: int
    message: str
    """The problem and its place, in one sentence."""
    consequence: str
    """Effect on training."""
    fix: str
    """The edit or the command that fixes it."""
    examples: tuple[Example, ...] = ()
    """At most three."""
    split: str | None = None
    """Split whose file has the problem; None when it concerns all of them."""
    section: Literal["images", "annotations", "categories"] | None = None
    """The list that `ids` are from; the training file's for classes that another file lacks."""
    ids: tuple[int | str | None, ...] = ()
    """The id of every record concerned, or its JSON path where it has none that can be read."""


class SplitInfo(msgspec.Struct, frozen=True):
    """One annotation file or one part of a split."""

    name: str
    """`train`, `val` or `test`."""
    path: str
    """The JSON it came from."""
    image_dir: str | None
    """Absolute folder that `file_name` is relative to; None when no images were found."""
    num_images: int
    num_annotations: int
    num_boxes: int
    """Boxes that mmdet's loader keeps (crowds excluded)."""
    boxes_per_class: tuple[int, ...]
    """Kept boxes, in the order of `DatasetInfo.class_names`."""
    num_empty_images: int
    images_per_class: tuple[int, ...] = ()
    """Images with a kept box of each class, in the order of `DatasetInfo.class_names`."""


class PromptInfo(msgspec.Struct, frozen=True):
    """The caption that the language model reads."""

    text: str
    tokens: int
    limit: int
    exact: bool
    """False when no tokenizer was available and `tokens` is an estimate."""
    class_tokens: tuple[int, ...] = ()
    """Tokens of each class alone, without the separator, in the order of `class_names`."""
    read: tuple[str, ...] = ()
    """Text that the model reads for each class, in the same order; [UNK] is no piece at all."""

    @property
    def fits(self) -> bool:
        """True when all classes fit into one prompt."""
        return self.tokens <= self.limit


class TrainedInfo(msgspec.Struct, frozen=True):
    """Annotations and images that mmdet's loader keeps and drops."""

    images: int
    boxes: int
    dropped: dict[str, int]
    """Annotations that never become a training box, by reason."""
    dropped_by_class: dict[str, dict[str, int]] = {}
    """The same by the name that the file gives their category, under each reason; those without a
    category that is listed are left out."""


class SizeInfo(msgspec.Struct, frozen=True):
    """Sizes that choose image scales, query counts and workers; pixels as the JSON states them."""

    width_median: int
    width_max: int
    height_median: int
    height_max: int
    short_side_min: int
    boxes_per_image_median: float
    boxes_per_image_max: int
    box_side_median: float
    """Median of sqrt(area) over kept boxes, pixels."""
    boxes_per_image_p95: int = 0
    """95 % of the images have at most as many."""


class MaskInfo(msgspec.Struct, frozen=True):
    """Numbers and kinds of masks."""

    polygons: int
    """Annotations with polygons."""
    run_lengths: int
    """Annotations with run lengths."""
    points_mean: float
    """Points of an annotation with polygons."""
    rectangles: int
    """Polygons that are just a box."""


class DatasetInfo(msgspec.Struct, frozen=True):
    """Facts about a COCO data set; the object of `inspect-data --format json`."""

    path: str
    exporter: str | None
    """The program that wrote the file, by its fingerprints."""
    data_root: str
    """Folder of the (first) JSON."""
    image_dir: str | None
    num_images: int
    num_annotations: int
    num_classes: int
    class_names: tuple[str, ...]
    """Canonical names, order of the training JSON, dummy root classes removed."""
    has_boxes: bool
    has_masks: bool
    splits: tuple[SplitInfo, ...]
    """As given on the command line: one entry, or train/val/test when they are separate files."""
    prompt: PromptInfo
    findings: tuple[Finding, ...]
    trained: TrainedInfo
    sizes: SizeInfo
    provenance: str | None = None
    """Version, date, contributor and license as the file states them."""
    masks: MaskInfo | None = None
    """None without masks."""
    photos_turned: tuple[int, int] = (0, 0)
    """Photos that EXIF turns by 90 degrees: labeled unturned, and labeled as displayed."""
    original_names: tuple[str, ...] = ()
    """Names as they stand in the training JSON, in the order of `class_names`, which are the
    phrases that the user gave for some."""

    @property
    def own_names(self) -> tuple[str, ...]:
        """Class names as in the data, whatever phrases the model reads."""
        return tuple(map(visible_name, self.original_names)) or self.class_names

    @property
    def phrases(self) -> dict[str, str]:
        """Phrase that the model reads for a class, by its own name, where the two differ."""
        pairs = zip(self.own_names, self.class_names, strict=True)
        return {own: phrase for own, phrase in pairs if own != phrase}

    @property
    def told_names(self) -> tuple[str, ...]:
        """Class names as in the data, with the model's phrases where they differ."""
        return tuple(map(told_name, self.own_names, self.class_names))
