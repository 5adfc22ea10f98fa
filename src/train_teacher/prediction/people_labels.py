"""Images that people labeled: those of a run, and of a COCO JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from train_teacher.core.errors import UserError
from train_teacher.core.file_digest import sha256_of
from train_teacher.data.canonical import canonical_copy
from train_teacher.images.image_list import ImageList
from train_teacher.inspection.load import InspectRequest, load_splits
from train_teacher.prediction.students import StudentImage, images_of
from train_teacher.teachers.export import FinishedRun


def people_labels(
    run: FinishedRun | None, listed: ImageList, given: list[StudentImage]
) -> tuple[list[StudentImage], ImageList]:
    """Return the images that people labeled, and what is left of a list for the teacher.

    Those of a run are labeled, without boxes too, and stay in its split, wherever a copy of one
    is listed. Those of a COCO JSON are if they have a box, and replace the run's.

    Args:
        run: None for a bundle.
        listed: what is asked for.
        given: the same images from a COCO JSON, if it is one.

    Raises:
        UserError: an image of the run is gone.
    """
    known = {image.path: image for image in _of_run(run)} if run else {}
    left = []
    for row, own in enumerate(_known(list(known), listed.paths())):
        if given and (own or given[row].annotations):
            part = known[own].part if own else "train"
            known[own or given[row].path] = given[row]._replace(part=part)
        elif not own:
            left.append(row)
    rest = ImageList(listed.root, [listed.names[n] for n in left], [listed.ids[n] for n in left])
    return list(known.values()), rest


def labels_of(data: Path, images: Path | None, names: tuple[str, ...]) -> list[StudentImage]:
    """Return all images of a COCO JSON, in its order, for training.

    Raises:
        UserError: a class is none of the names.
    """
    read = load_splits(InspectRequest(data, images=images))[0]
    folder = Path(read.files.image_dir or data.parent)
    return list(images_of(canonical_copy(read, names), "train", folder))


def _of_run(run: FinishedRun) -> Iterator[StudentImage]:
    for split in run.dataset_info.splits:
        content = run.folder.read_split(split.name)
        yield from images_of(content, split.name, Path(split.image_dir or ""))


def _known(known: list[Path], paths: list[Path]) -> list[Path | None]:
    """Return for each path the known one that it is, or that has the same bytes."""
    try:
        places = {path.resolve(strict=True): path for path in known}
        sizes = {path.stat().st_size for path in paths if path.resolve() not in places}
        digests = {sha256_of(path): path for path in known if path.stat().st_size in sizes}
    except OSError as error:
        raise UserError(
            f"{error.filename}: an image of the run cannot be read ({error.strerror}), and its "
            "labels would be lost. Put it back, or give a bundle of teacher export, without data."
        ) from error
    same = (digests.get(sha256_of(path)) if digests else None for path in paths)
    return [places.get(path.resolve()) or own for path, own in zip(paths, same, strict=True)]
