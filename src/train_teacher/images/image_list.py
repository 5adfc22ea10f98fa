"""Images given as files, folders, lists of paths or COCO files."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from train_teacher.coco.reader import read_coco
from train_teacher.core.errors import UserError
from train_teacher.images.files import check_image_files, find_image_dir
from train_teacher.images.names import IMAGE_ENDINGS

SHOWN_FILES = 3


@dataclass(frozen=True)
class ImageList:
    """N images, their ids and the names they get in a JSON."""

    root: Path
    """Folder that the names are relative to."""
    names: list[str]
    """With forward slashes."""
    ids: list[int]

    def paths(self, start: int = 0) -> list[Path]:
        """Return where the images lie, from one of them on."""
        return [self.root / name for name in self.names[start:]]


def list_images(sources: Sequence[Path], images: Path | None = None) -> ImageList:
    """Return the images of files, folders (with their sub-folders), .txt lists and COCO JSONs.

    Args:
        sources: what the user named; a single COCO JSON keeps its ids and names.
        images: folder of a COCO JSON's images; found when None.

    Raises:
        UserError: something does not exist or holds no image.
    """
    if len(sources) == 1 and sources[0].suffix.lower() == ".json":
        return _of_coco(sources[0], images)
    paths: dict[Path, None] = {}
    for source in sources:
        for path in _expand(source):
            # The same image twice would be two images of a data set.
            paths[Path(os.path.abspath(path))] = None  # noqa: PTH100 - links stay links
    root = Path(os.path.commonpath([path.parent for path in paths]))
    names = [path.relative_to(root).as_posix() for path in paths]
    _refuse_other_encodings(root, names)
    return ImageList(root, names, list(range(1, len(names) + 1)))


def _refuse_other_encodings(root: Path, names: Sequence[str]) -> None:
    """Raise UserError for names that are not UTF-8: Linux allows them, and JSON does not."""
    # Python reads a byte that does not fit as half of a surrogate pair.
    others = [
        name
        for name in names
        if not name.isascii() and any("\ud800" <= letter <= "\udfff" for letter in name)
    ]
    if others:
        raise UserError(
            f"{root}: {len(others)} of {len(names)} file names are not UTF-8, such as "
            f"{', '.join(map(ascii, others[:SHOWN_FILES]))}: a JSON file cannot name them. Rename "
            f"them, for example with: convmv -r -f latin1 -t utf8 --notest {shlex.quote(str(root))}"
        )


def _expand(source: Path) -> list[Path]:
    if source.is_dir():
        found = sorted(_in_folder(source))
        if not found:
            raise UserError(f"{source}: holds no image ({', '.join(IMAGE_ENDINGS[:4])}, ...).")
        return found
    if not source.is_file():
        raise UserError(f"{source}: there is no such file or folder.")
    if source.suffix.lower() == ".txt":
        return _of_list(source)
    if not source.name.lower().endswith(IMAGE_ENDINGS):
        raise UserError(
            f"{source}: is no image, folder or .txt list of paths. A COCO JSON is given alone."
        )
    return [source]


def _in_folder(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.lower().endswith(IMAGE_ENDINGS) and not name.startswith("."):
                yield Path(parent) / name


def _of_list(source: Path) -> list[Path]:
    try:
        lines = source.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{source}: cannot be read as a list of paths ({error}).") from error
    # Relative to the list, so that it means the same from every folder.
    found = [source.parent / line.strip() for line in lines if line.strip()]
    missing = [str(path) for path in found if not path.is_file()]
    if missing or not found:
        what = (
            f"{len(missing)} of its {len(found)} files do not exist, such as "
            f"{', '.join(missing[:SHOWN_FILES])}"
            if missing
            else "is empty"
        )
        raise UserError(f"{source}: {what}. Give one path a line, relative to the list.")
    return found


def _of_coco(source: Path, images: Path | None) -> ImageList:
    dataset = read_coco(source)
    folder = find_image_dir(dataset, images)
    files = check_image_files(dataset, folder)
    if len(files.missing):
        names = [dataset.images[row].file_name for row in files.missing[:SHOWN_FILES].tolist()]
        raise UserError(
            f"{source}: {len(files.missing)} of {len(dataset.images)} images were not found in "
            f"{folder or 'any folder near it'} ({', '.join(names)}). Give their folder with "
            "--images DIR."
        )
    names = [
        files.name_of(row, image.file_name).replace("\\", "/")
        for row, image in enumerate(dataset.images)
    ]
    if not names:
        raise UserError(f"{source}: names no image.")
    ids = [image.id for image in dataset.images if isinstance(image.id, int)]
    if len(set(ids)) < len(names):
        ids = list(range(1, len(names) + 1))
    return ImageList(Path(folder or source.parent).absolute(), names, ids)
