"""Write two folders of generated images: one with labels, one without, both hard to read.

python scripts/receivers/make.py OUT
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from make_demo_data import write_dataset

CLASSES = ("red circle", "blue square")
TURNS = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270, 3: Image.Transpose.ROTATE_180}
"""By EXIF orientation, how a photo is stored that is shown upright."""


def main(root: Path) -> None:
    """Write both."""
    for name, images, seed in (("alte Bilder é", 24, 5), ("neue Bilder", 6, 9)):
        folder = root / name
        write_dataset(folder, images, seed, CLASSES)
        for path, (orientation, turn) in zip(
            sorted((folder / "images").iterdir())[::2], TURNS.items(), strict=False
        ):
            with Image.open(path) as upright:
                facts = upright.getexif()
                facts[0x0112] = orientation
                upright.transpose(turn).save(path, quality=88, exif=facts)
    new = root / "neue Bilder"
    (new / "annotations.json").unlink()
    # An ending that not every tool reads, and the same name twice, in folders that tools know.
    Image.open(new / "images" / "image_0002.jpg").save(new / "images" / "a b ü.gif")
    (new / "labels" / "images").mkdir(parents=True)
    Image.open(new / "images" / "image_0004.jpg").save(new / "labels/images/image_0004.png")
    (root / "cvat").mkdir()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
