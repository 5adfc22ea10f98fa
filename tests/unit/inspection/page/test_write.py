from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from coco_factory import annotation, category, clean_annotations, image, make_coco, write_image
from train_teacher.core.errors import UserError
from train_teacher.inspection.describe import describe
from train_teacher.inspection.load import InspectRequest, load_splits
from train_teacher.inspection.page.write import MOST_IMAGES, write_inspection_page

EVIL = "<script>alert(1)</script>"


def page_of(tmp_path: Path, data: Path, **options: Any) -> str:
    request = InspectRequest(data=data, **options)
    splits = load_splits(request)
    target = tmp_path / "page.html"
    write_inspection_page(target, describe(splits, request), splits)
    return target.read_text(encoding="utf-8")


def images_of(html: str) -> list[Image.Image]:
    """Return the images of findings."""
    part = html.partition(">Findings in images</h2>")[2]
    sources = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', part)
    return [Image.open(io.BytesIO(base64.b64decode(source))).convert("RGB") for source in sources]


def is_red(color: Any) -> bool:
    return bool(color[0] > 170 and color[1] < 100 and color[2] < 100)


def test_a_clean_set_gives_a_page_with_labelled_images_and_no_finding(tmp_path: Path) -> None:
    html = page_of(tmp_path, make_coco(tmp_path / "d"))

    assert "No errors and no warnings: ready to train." in html
    assert "Findings in images" not in html
    assert html.count("<img") == 12, "all there are"
    assert html.count("<svg") == 5
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["page.html"]


def test_the_box_concerned_is_drawn_in_red_where_it_is(tmp_path: Path) -> None:
    boxes = [
        annotation(1, 1, bbox=[32, 12, 0, 24], area=1),
        annotation(2, 1, bbox=[4, 4, 10, 10], area=100),
        *clean_annotations(range(2, 13), first_id=3),
    ]
    html = page_of(tmp_path, make_coco(tmp_path / "d", annotations=boxes))

    shown = images_of(html)
    assert len(shown) == 1
    assert shown[0].size == (320, 240), "the JSON's 64 x 48, enlarged five times"
    reds = [(x, y) for x in range(320) for y in range(240) if is_red(shown[0].getpixel((x, y)))]
    across, down = zip(*reds, strict=True)
    assert 150 <= min(across) <= 160 <= max(across) <= 170, "a box without width is still seen"
    assert (min(down), max(down)) == (pytest.approx(60, abs=3), pytest.approx(180, abs=3))
    assert "1.jpg, annotation 1, [32, 12, 0, 24]" in html


def test_a_box_beside_the_image_widens_the_view(tmp_path: Path) -> None:
    boxes = [
        annotation(1, 1, bbox=[80, 10, 16, 20], area=320),
        *clean_annotations(range(2, 13), first_id=3),
    ]
    (image,) = images_of(page_of(tmp_path, make_coco(tmp_path / "d", annotations=boxes)))

    assert image.size == (320, 160), "96 x 48 pixels"
    assert any(is_red(image.getpixel((x, 60))) for x in range(250, 320))


def test_a_image_on_its_side_is_shown_as_training_reads_it(tmp_path: Path) -> None:
    boxes = [annotation(1, 1, bbox=[4, 4, 0, 9]), *(annotation(n, 2) for n in range(2, 60))]
    data = make_coco(tmp_path / "d", annotations=boxes)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (64, 48)).save(tmp_path / "d" / "1.jpg", exif=exif)

    shown = images_of(page_of(tmp_path, data))

    assert (240, 320) in [image.size for image in shown]


def test_images_that_are_missing_or_broken_are_skipped(tmp_path: Path) -> None:
    boxes = [annotation(n, n, bbox=[4, 4, 0, 9]) for n in range(1, 5)]
    data = make_coco(tmp_path / "d", annotations=boxes)
    (tmp_path / "d" / "1.jpg").unlink()
    (tmp_path / "d" / "2.jpg").write_bytes(b"<html>not found</html>")

    html = page_of(tmp_path, data)

    assert "3.jpg, annotation 3" in html
    assert '<img alt="2.jpg' not in html


def test_sixteen_bit_and_transparent_images_can_be_shown(tmp_path: Path) -> None:
    images = [image(1, "deep.png"), image(2, "clear.png"), image(3, "palette.png")]
    boxes = [annotation(n, n, bbox=[4, 4, 0, 9]) for n in range(1, 4)]
    data = make_coco(tmp_path / "d", images=images, annotations=boxes, write_images=False)
    Image.new("I;16", (64, 48), 40_000).save(tmp_path / "d" / "deep.png")
    Image.new("RGBA", (64, 48), (9, 9, 9, 0)).save(tmp_path / "d" / "clear.png")
    Image.new("P", (64, 48)).save(tmp_path / "d" / "palette.png")

    shown = images_of(page_of(tmp_path, data))

    assert len(shown) >= 3
    assert shown[0].getpixel((300, 200))[0] == pytest.approx(40_000 // 256, abs=4)


def test_no_more_images_than_agreed_and_one_of_every_finding_first(tmp_path: Path) -> None:
    names = [category(1, "cat"), category(2, EVIL)]
    boxes = [
        annotation(n, n % 4 + 1, bbox=box, area=9)
        for n, box in enumerate(
            [[1, 1, 0, 9], [1, 1, 0.5, 9], [70, 1, 9, 9], [-9, 1, 20, 20], [1, 1, 9, None]] * 4
        )
    ]
    html = page_of(tmp_path, make_coco(tmp_path / "d", annotations=boxes, categories=names))

    part = html.partition(">Findings in images</h2>")[2]
    assert 0 < part.count("<img") <= MOST_IMAGES
    assert {code for code in ("B1", "B2", "B6") if f"<code>{code}</code>" in part} == {
        "B1",
        "B2",
        "B6",
    }
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_a_box_that_only_the_polygon_tells_is_drawn(tmp_path: Path) -> None:
    polygon = [[32, 12, 48, 12, 48, 36, 32, 36]]
    boxes = [annotation(1, 1, bbox=..., segmentation=polygon), annotation(2, 2, 2)]

    html = page_of(tmp_path, make_coco(tmp_path / "d", annotations=boxes))

    assert any(is_red(image.getpixel((160, 120))) for image in images_of(html))


def test_without_images_the_page_has_the_numbers(tmp_path: Path) -> None:
    html = page_of(tmp_path, make_coco(tmp_path / "d", write_images=False))

    assert "not found" in html
    assert "<img" not in html
    assert html.count("<svg") == 5


def test_an_example_is_looked_up_in_the_split_it_is_from(tmp_path: Path) -> None:
    train = make_coco(tmp_path / "a", annotations=[annotation(1, 1), annotation(2, 2, 2)])
    val = make_coco(
        tmp_path / "b",
        images=[image(9, "only in val.jpg")],
        annotations=[annotation(1, 9, bbox=[4, 4, 0, 9]), annotation(2, 9, 2)],
    )

    html = page_of(tmp_path, train, val=val)

    assert "only in val.jpg, annotation 1" in html
    assert "The splits compared" in html


def test_no_images_means_no_images(tmp_path: Path) -> None:
    boxes = [annotation(1, 1, bbox=[32, 12, 0, 24]), *clean_annotations(range(2, 13), first_id=3)]
    data = make_coco(tmp_path / "d", annotations=boxes)
    assert "<img" in page_of(tmp_path, data)
    assert "<img" not in page_of(tmp_path, data, check_images=False)


def test_the_image_that_another_split_has_too_is_shown_beside_it(tmp_path: Path) -> None:
    train, val = make_coco(tmp_path / "a"), make_coco(tmp_path / "b", images=[image(1, "x.jpg")])
    (tmp_path / "b" / "x.jpg").write_bytes((tmp_path / "a" / "3.jpg").read_bytes())
    part = page_of(tmp_path, train, val=val).partition(">Findings in images</h2>")[2]
    leak = part.partition("<code>D8</code>")[2].partition("<h3")[0]
    assert [name[:5] for name in re.findall(r'<img alt="([^"]*)"', leak)] == ["x.jpg", "3.jpg"]


def test_what_is_only_worth_knowing_is_shown_and_the_number_of_a_box_is_not(tmp_path: Path) -> None:
    whole = [annotation(0, 1, bbox=[0, 0, 64, 48]), *clean_annotations(range(2, 13), first_id=2)]
    html = page_of(tmp_path, make_coco(tmp_path / "d", annotations=whole))
    assert "<code>R3</code>" in html
    part = html.partition(">Findings in images</h2>")[2]
    assert "<code>B15</code>" in part
    assert "<code>R3</code>" not in part


def test_an_empty_set_gives_a_page(tmp_path: Path) -> None:
    html = page_of(tmp_path, make_coco(tmp_path / "d", images=[], annotations=[], categories=[]))

    assert html.count("Nothing to show.") == 5


def test_a_folder_that_does_not_exist_is_the_users_error(tmp_path: Path) -> None:
    request = InspectRequest(data=make_coco(tmp_path / "d"))
    splits = load_splits(request)

    with pytest.raises(UserError, match="cannot be written"):
        write_inspection_page(tmp_path / "no" / "page.html", describe(splits, request), splits)


def test_a_small_box_is_shown_close_up(tmp_path: Path) -> None:
    boxes = [annotation(1, 1, bbox=[1500, 900, 0, 12]), annotation(2, 2)]
    images = [image(1, width=2000, height=1500), image(2)]
    data = make_coco(tmp_path / "d", images=images, annotations=boxes, write_images=False)
    whole = Image.new("RGB", (2000, 1500))
    whole.paste((0, 0, 255), (1490, 890, 1520, 920))
    whole.save(tmp_path / "d" / "1.jpg", quality=95)
    write_image(tmp_path / "d" / "2.jpg")

    shown = images_of(page_of(tmp_path, data))[0]

    pixels = np.asarray(shown)
    blue = (pixels[..., 2] > 150) & (pixels[..., 0] < 100)
    assert blue.mean() > 0.15, "its surroundings fill the image"
