"""DataManager: inspects and splits a data set, and writes its canonical copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from train_teacher.coco.categories import real_categories
from train_teacher.coco.mmdet_loader import LoadedRows
from train_teacher.core.atomic_file import write_atomically
from train_teacher.core.errors import UserError
from train_teacher.core.words import plural
from train_teacher.data.canonical import canonical_split, category_targets, loaded_rows
from train_teacher.data.odvg import write_odvg
from train_teacher.data.split_file import BoxLabels, split_data
from train_teacher.inspection.describe import describe
from train_teacher.inspection.facts import DatasetInfo, SplitInfo
from train_teacher.inspection.load import InspectRequest, LoadedSplit, load_splits
from train_teacher.prompts.caption import apply_class_prompts
from train_teacher.splits.group_rules import parse_group_by
from train_teacher.splits.report import SplitReport
from train_teacher.splits.split import parse_split

SHOWN_FILES = 3


@dataclass(frozen=True)
class _Part:
    """The rows of one source that make a split."""

    source: LoadedSplit
    image_rows: npt.NDArray[np.int64]


def inspect_data(data: str | Path, images: str | Path | None = None, **asked: Any) -> DatasetInfo:
    """Return the facts and findings of a data set; `asked` is what `DataManager` takes.

    Raises:
        UserError: a file cannot be read at all.
    """
    return DataManager(data, images, **asked).inspect()


class DataManager:
    """A COCO data set: its facts, its splits and their canonical copies.

    Args:
        data: COCO JSON, or a folder with train/valid/test.
        images: folder of the images; inferred when None.
        val: JSON to validate on; otherwise a share of `data`.
        test: JSON to test on; otherwise a share of `data`.
        split: shares of train, val and test.
        group_by: which images stay in one split: auto, none, folder, field:NAME or regex:PATTERN.
        seed: of the split.
        class_prompts: phrase by class name, in place of the name.
        class_from: member of the annotations whose values are the classes, such as attributes.type.
        encoding: of annotation files that are not UTF-8, such as gb18030.
        language_model: folder or cached name, to count tokens.
    """

    def __init__(
        self,
        data: str | Path,
        images: str | Path | None = None,
        *,
        val: str | Path | None = None,
        test: str | Path | None = None,
        split: str = "0.7/0.15/0.15",
        group_by: str = "auto",
        seed: int = 0,
        class_prompts: Mapping[str, str] | None = None,
        class_from: str | None = None,
        encoding: str | None = None,
        language_model: str | Path | None = None,
    ) -> None:
        """Store the arguments; nothing is read yet."""
        self.request = InspectRequest(
            data=Path(data),
            val=Path(val) if val else None,
            test=Path(test) if test else None,
            images=Path(images) if images else None,
            language_model=language_model,
            class_prompts=dict(class_prompts or {}),
            class_from=class_from,
            encoding=encoding,
        )
        self._ratio = parse_split(split)
        self._group_rule = parse_group_by(group_by)
        self._seed = seed
        self._rows: dict[tuple[Path, bool], LoadedRows] = {}

    def inspect(self) -> DatasetInfo:
        """Return the facts and findings; read once.

        Raises:
            UserError: a file cannot be read at all.
        """
        return self._info

    @cached_property
    def _info(self) -> DatasetInfo:
        return describe(self._loaded, self.request)

    @cached_property
    def _loaded(self) -> tuple[LoadedSplit, ...]:
        return load_splits(self.request)

    def plan_splits(self, folder: str | Path) -> tuple[SplitInfo, ...]:
        """Return what `write_splits(folder)` would write, without writing.

        Returns:
            One entry per split, train first, with the path of its copy.

        Raises:
            UserError: images are missing, or a split has nothing to train or validate on.
        """
        planned = tuple(
            self._describe(name, part, Path(folder)) for name, part in self._parts.items()
        )
        for info in planned:
            if info.name in ("train", "val") and info.num_boxes == 0:
                raise UserError(
                    f"{self.request.data}: the {info.name} split has no usable box in "
                    f"{info.num_images} images: "
                    + (
                        "there is nothing to learn from. Run inspect-data to see why."
                        if info.name == "train"
                        else "validation would score -1. Give --val, or a larger share in --split."
                    )
                )
        if "val" not in self._parts:
            raise UserError(f"{self.request.data}: {self._why_no_validation()}")
        return planned

    def write_splits(self, folder: Path) -> dict[str, Path]:
        """Write train.json, val.json, test.json and inspection.json; split.json if we split.

        Classes that do not fit into one prompt are trained from train.odvg.jsonl and
        label_map.json, written beside train.json from the same content.

        Args:
            folder: an existing folder.

        Returns:
            The file of each split.

        Raises:
            UserError: see `plan_splits`; or the folder cannot be written.
        """
        files = {}
        for info in self.plan_splits(folder):
            content = self.copy_of(info.name)
            files[info.name] = Path(info.path)
            write_atomically(files[info.name], msgspec.json.encode(content))
            if info.name == "train" and not self.inspect().prompt.fits:
                write_odvg(folder, content)
        report = msgspec.json.format(msgspec.json.encode(self.inspect()), indent=2)
        write_atomically(folder / "inspection.json", report)
        if self.split_report is not None:
            split = msgspec.json.format(msgspec.json.encode(self.split_report), indent=2)
            write_atomically(folder / "split.json", split)
        return files

    def copy_of(self, name: str) -> dict[str, Any]:
        """Return the canonical copy of a split."""
        part = self._parts[name]
        return canonical_split(
            part.source.dataset,
            part.image_rows,
            self._class_names,
            category_targets(part.source.dataset, self._original_names),
            part.source.files,
        )

    def _why_no_validation(self) -> str:
        report = self.split_report
        count = 0 if report is None else sum(report.images.values())
        if report is None or count < 2:  # noqa: PLR2004 (one to learn from, one to validate on)
            return (
                f"no validation split can be made of {plural(count, 'image')}: training could "
                "not be judged. Add images, or give --val FILE."
            )
        return (
            f"--group-by {report.group_by} puts all {count} images into one group "
            f"({'; '.join(report.found)}), so nothing is left to validate on. Give another "
            "--group-by, or --val FILE."
        )

    @cached_property
    def _sources(self) -> dict[str, LoadedSplit]:
        for split in self._loaded:
            _require_images(split)
        return {split.name: split for split in self._loaded}

    @property
    def split_report(self) -> SplitReport | None:
        """Account of the split, None when the data came split.

        Raises:
            UserError: see `plan_splits`.
        """
        return self._split[1]

    @cached_property
    def _parts(self) -> dict[str, _Part]:
        given = self._sources
        parts = {name: _Part(given["train"], rows) for name, rows in self._split[0].items()}
        for name, source in given.items():
            if name != "train":
                parts[name] = _Part(source, np.arange(len(source.dataset.images)))
        return {
            n: parts[n] for n in ("train", "val", "test") if n in parts and len(parts[n].image_rows)
        }

    @cached_property
    def _split(self) -> tuple[dict[str, npt.NDArray[np.int64]], SplitReport | None]:
        """The images of the training file by split, and the account of the split."""
        given = self._sources
        train = given["train"]
        to_split = {n: s for n, s in self._ratio.shares().items() if n == "train" or n not in given}
        # With a folder or --val the user has split already; only a missing val is made up for.
        if (len(given) > 1 and "val" in given) or len(to_split) == 1:
            return {"train": np.arange(len(train.dataset.images))}, None
        columns = train.dataset.annotations
        learned = self._loaded_rows(train, training=False).kept
        targets = category_targets(train.dataset, self._original_names)
        labels = targets[columns.category_row[learned]]
        # By their own names: another --class-prompt must not give another split.
        boxes = BoxLabels(columns.image_row[learned], labels, self._original_names)
        return split_data(train, boxes, to_split, rule=self._group_rule, seed=self._seed)

    @cached_property
    def _original_names(self) -> tuple[str, ...]:
        return tuple(c.name for c in real_categories(self._sources["train"].dataset))

    @cached_property
    def _class_names(self) -> tuple[str, ...]:
        return apply_class_prompts(self._original_names, self.request.class_prompts)

    def _loaded_rows(self, source: LoadedSplit, *, training: bool) -> LoadedRows:
        """Return what the loader keeps of a file's annotations; looked up once per file."""
        path = source.dataset.path
        if (path, training) not in self._rows:
            targets = category_targets(source.dataset, self._original_names)
            self._rows[path, training] = loaded_rows(
                source.dataset, targets, source.files, training=training
            )
        return self._rows[path, training]

    def _describe(self, name: str, part: _Part, folder: Path) -> SplitInfo:
        dataset = part.source.dataset
        columns = dataset.annotations
        in_split = np.zeros(len(dataset.images), dtype=bool)
        in_split[part.image_rows] = True
        loaded = self._loaded_rows(part.source, training=name == "train")
        kept = loaded.usable & in_split[columns.image_row]
        learned = loaded.kept & in_split[columns.image_row]
        labels = category_targets(dataset, self._original_names)[columns.category_row[learned]]
        images = np.unique(columns.image_row[kept])
        return SplitInfo(
            name=name,
            path=str(folder / f"{name}.json"),
            image_dir=str(part.source.files.image_dir),
            num_images=len(part.image_rows),
            num_annotations=int(kept.sum()),
            num_boxes=int(learned.sum()),
            boxes_per_class=tuple(np.bincount(labels, minlength=len(self._class_names)).tolist()),
            num_empty_images=len(part.image_rows) - len(images),
        )


def _require_images(split: LoadedSplit) -> None:
    dataset, files = split.dataset, split.files
    if len(files.missing):
        names = [dataset.images[row].file_name for row in files.missing[:SHOWN_FILES].tolist()]
        raise UserError(
            f"{dataset.path}: I1 {len(files.missing)} of {len(dataset.images)} images were not "
            f"found in {files.image_dir or 'any folder near it'} ({', '.join(names)}): training "
            "would crash at the first of them. Give their folder with --images DIR."
        )
