"""The page beside predicted labels."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from hypothesis import given

from coco_factory import write_image
from page_reader import HOSTILE, SEVERAL_PAGES, assert_shown_as_text, read_page
from train_teacher.prediction.other_formats import Labelled
from train_teacher.prediction.prediction_file import PredictedImage
from train_teacher.prediction.review import render_review, review_of


def found(name: str, *scores: float, label: int = 0) -> PredictedImage:
    boxes = tuple((4.0 + n, 5.0, 20.0, 10.0) for n in range(len(scores)))
    return PredictedImage(name, 64, 48, (label,) * len(scores), scores, boxes)


def page_of(folder: Path, *images: PredictedImage, name: str = "cat", title: str = "l.json") -> str:
    for image in images:
        write_image(folder / image.name)
    labelled = Labelled(images, folder, (name, "dog"), "exp1", turned=True)
    html = render_review(title, labelled, np.full(2, 0.4))
    html.encode("utf-8")
    return html


def test_the_page_lies_beside_its_labels() -> None:
    assert review_of(Path("out/labels.json")) == Path("out/labels.review.html")


def test_counts_and_what_is_close_to_the_threshold_are_told(tmp_path: Path) -> None:
    html = page_of(
        tmp_path, found("1.jpg", 0.9, 0.45), found("2.jpg", 0.41, label=1), found("3.jpg")
    )

    reader = read_page(html)
    assert "script" not in reader.tags
    cards = re.findall(r"<b>([\d.,]+)</b>", html)
    assert cards == ["3", "3", "2"], "images, boxes, close ones"
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in rows]
    assert ["cat", "2", "1", "0.68", "1"] in cells
    assert ["dog", "1", "1", "0.41", "1"] in cells


def test_the_least_sure_image_comes_first_and_empty_ones_are_shown(tmp_path: Path) -> None:
    html = page_of(tmp_path, found("sure.jpg", 0.9), found("unsure.jpg", 0.41), found("none.jpg"))

    assert html.index('alt="unsure.jpg"') < html.index('alt="sure.jpg"')
    assert html.index(">Nothing found</h2>") < html.index('alt="none.jpg"')


def test_nothing_found_anywhere_still_gives_a_page(tmp_path: Path) -> None:
    html = page_of(tmp_path, found("1.jpg"), PredictedImage("2.jpg", unreadable="cut off"))

    read_page(html)
    assert "that cannot be read" in html


@SEVERAL_PAGES
@given(HOSTILE)
def test_any_name_is_shown_as_text(tmp_path: Path, text: str) -> None:
    image = found("1.jpg", 0.9)
    html, harmless = (page_of(tmp_path, image, name=t, title=t) for t in (text, "aharmlessz"))
    assert_shown_as_text(html, text, harmless)
