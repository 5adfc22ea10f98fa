"""Unfinished predictions for a COCO JSON: one line an image, so that nothing is done twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

import msgspec

from train_teacher.core.atomic_file import PARTIAL, remove, remove_left, write_atomically
from train_teacher.core.errors import UserError


class PredictedImage(msgspec.Struct, frozen=True):
    """A line: the detections in an image."""

    name: str
    width: int = 0
    """Pixels; 0 for an image that could not be read."""
    height: int = 0
    labels: tuple[int, ...] = ()
    """From 0."""
    scores: tuple[float, ...] = ()
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    """xywh, pixels."""
    masks: tuple[dict[str, Any], ...] = ()
    """Run lengths, one for each box, or none at all."""
    unreadable: str = ""
    """Reason why the image could not be read."""

    def texts(self, names: Sequence[str]) -> list[str]:
        """Return the class and the score of each box."""
        pairs = zip(self.labels, self.scores, strict=True)
        return [f"{names[label]} {score:.2f}" for label, score in pairs]


class _Header(msgspec.Struct, frozen=True):
    """The first line: the inputs and options of the rest."""

    made_with: dict[str, Any]
    images: int


class _Footer(msgspec.Struct, frozen=True):
    """The last line, once all images are done: the files written from them, perhaps in part."""

    writes: tuple[str, ...]


def partial_of(output: Path) -> Path:
    """Return the path of the lines of an unfinished prediction."""
    return output.with_name(f".{output.name}{PARTIAL}")


def written_before(output: Path) -> frozenset[Path]:
    """Return the files that a command killed while it wrote the results may have left."""
    try:
        with partial_of(output).open("rb") as file:
            return _written_by(b"".join(deque(file, maxlen=1)))
    except OSError:
        return frozenset()


def _written_by(line: bytes) -> frozenset[Path]:
    """Return the files that a last line names, none for another line."""
    try:
        return frozenset(map(Path, msgspec.json.decode(line, type=_Footer).writes))
    except msgspec.MsgspecError:
        return frozenset()


class PredictionFile:
    """The lines of an unfinished prediction, which the same command continues."""

    def __init__(self, output: Path, made_with: dict[str, Any], images: Sequence[str]) -> None:
        """Read the lines of an interrupted command.

        Args:
            output: the JSON that is to be written.
            made_with: everything that decides what a line says.
            images: names of all images, in order.

        Raises:
            UserError: they were made with other inputs or options.
        """
        self._output = output
        self.path = partial_of(output)
        self._header = _Header(made_with, len(images))
        self._names = images
        self.done = self._look()

    def _look(self) -> int:
        """Return the images done, and cut off a line that was not written to its end."""
        done, whole = -1, 0
        try:
            with self.path.open("rb+") as file:
                for line in file:
                    if done == len(self._names) and _written_by(line):
                        return done
                    if not line.endswith(b"\n") or not self._continues(line, done):
                        break
                    whole += len(line)
                    done += 1
                file.truncate(whole)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise UserError(f"{self.path}: cannot be read: {error.strerror}.") from error
        return max(done, 0)

    def _continues(self, line: bytes, done: int) -> bool:
        """Return whether a line is whole; one of another command is an error."""
        try:
            if done < 0:
                difference = self._difference(msgspec.json.decode(line, type=_Header))
            else:
                name = msgspec.json.decode(line, type=PredictedImage).name
                same = done < len(self._names) and name == self._names[done]
                difference = "" if same else f"image {done + 1} was {name}"
        except msgspec.MsgspecError:
            return False
        if difference:
            raise UserError(
                f"{self.path}: is the unfinished work of another command ({difference}). Repeat "
                "that command to finish it, or remove the file to start again."
            )
        return True

    def _difference(self, found: _Header) -> str:
        for key in sorted(found.made_with.keys() | self._header.made_with.keys()):
            was, now = found.made_with.get(key), self._header.made_with.get(key)
            if was != now:
                return f"{key} was {was}, now {now}"
        if found.images != self._header.images:
            return f"there were {found.images} images, now {self._header.images}"
        return ""

    def append(self, images: Iterator[PredictedImage]) -> Iterator[PredictedImage]:
        """Write a line for each image and pass it on.

        Raises:
            UserError: the system refuses, for example because the disk is full.
        """
        try:
            with self.path.open("ab") as file:
                if not file.tell():
                    file.write(msgspec.json.encode(self._header) + b"\n")
                for image in images:
                    file.write(msgspec.json.encode(image) + b"\n")
                    file.flush()
                    yield image
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be written: {error.strerror}. What is done is kept: repeat "
                "the command to continue."
            ) from error

    def write(
        self,
        target: Path,
        ids: Sequence[int],
        categories: Sequence[dict[str, Any]],
        description: str,
    ) -> None:
        """Write a COCO JSON from the lines, an image at a time; label 0 is the first category.

        Raises:
            UserError: the system refuses.
        """

        def parts() -> Iterator[bytes]:
            info = msgspec.json.encode({"description": description})
            yield b'{"info":' + info + b',"images":['
            yield from separated(self._images(ids))
            yield b'],"annotations":['
            yield from separated(self._annotations(ids, categories))
            yield b'],"categories":' + msgspec.json.encode(list(categories)) + b"}\n"

        write_atomically(target, parts())

    def begin_results(self, paths: Iterable[Path]) -> None:
        """Record the files about to be written, and remove those of a killed command.

        Raises:
            UserError: the system refuses.
        """
        before = written_before(self._output)
        written = before.union(path.resolve() for path in paths)
        try:
            if written != before:
                footer = _Footer(tuple(sorted(map(str, written))))
                with self.path.open("ab") as file:
                    file.write(msgspec.json.encode(footer) + b"\n")
            for path in before:
                remove(path)
            for path in written:
                remove_left(path)
        except OSError as error:
            raise UserError(f"{self.path}: cannot be written: {error.strerror}.") from error

    def remove(self) -> None:
        """Remove the lines, once everything is written from them."""
        self.path.unlink()

    def images(self) -> Iterator[PredictedImage]:
        """Yield the lines, in order, one at a time."""
        with self.path.open("rb") as file:
            for line in islice(file, 1, 1 + len(self._names)):
                yield msgspec.json.decode(line, type=PredictedImage)

    def _images(self, ids: Sequence[int]) -> Iterator[dict[str, Any]]:
        for number, image in zip(ids, self.images(), strict=True):
            if not image.unreadable:
                size = {"width": image.width, "height": image.height}
                yield {"id": number, "file_name": image.name, **size}

    def _annotations(
        self, ids: Sequence[int], categories: Sequence[dict[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        from pycocotools import mask as run_lengths

        numbers = count(1)
        for image_id, image in zip(ids, self.images(), strict=True):
            masks = image.masks or (None,) * len(image.boxes)
            for label, score, box, mask in zip(
                image.labels, image.scores, image.boxes, masks, strict=True
            ):
                area = float(run_lengths.area(mask)) if mask else 0.0
                yield {
                    "id": next(numbers),
                    "image_id": image_id,
                    "category_id": categories[label]["id"],
                    "bbox": box,
                    "area": area or round(box[2] * box[3], 2),
                    "iscrowd": 0,
                    "score": score,
                    # A SAM model may find nothing in a box: no mask then, instead of an empty one.
                    **({"segmentation": mask} if area else {}),
                }


def separated(records: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """Yield the members of a JSON list, a line each."""
    first = True
    for record in records:
        yield (b"\n" if first else b",\n") + msgspec.json.encode(record)
        first = False
