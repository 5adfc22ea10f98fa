from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from page_reader import HOSTILE, SEVERAL_PAGES, assert_shown_as_text, read_page
from train_teacher.inspection.facts import (
    DatasetInfo,
    Example,
    Finding,
    PromptInfo,
    SizeInfo,
    SplitInfo,
    TrainedInfo,
)
from train_teacher.inspection.page.chart_numbers import (
    BoxSample,
    InspectionCharts,
    inspection_charts,
)
from train_teacher.inspection.page.render import SplitCharts, render_inspection
from train_teacher.pages.parts import Image

EVIL = "<script>alert('x')</script>\"&"
SIZES = SizeInfo(640, 640, 480, 480, 480, 1.0, 1, 20.0)


def finding(code: str, severity: Any = "warning", **changes: Any) -> Finding:
    values = {"count": 1, "message": f"{code} is wrong", "consequence": "bad", "fix": "mend"}
    return Finding(code=code, severity=severity, **{**values, **changes})


def split_info(name: str, boxes: tuple[int, ...], **changes: Any) -> SplitInfo:
    values = {
        "path": f"/data/{name}.json",
        "image_dir": "/data",
        "num_images": 5,
        "num_annotations": sum(boxes),
        "num_boxes": sum(boxes),
        "num_empty_images": 1,
    }
    return SplitInfo(name=name, boxes_per_class=boxes, **{**values, **changes})


def facts(
    names: tuple[str, ...] = ("cat", "dog"),
    findings: tuple[Finding, ...] = (),
    splits: tuple[SplitInfo, ...] | None = None,
    **changes: Any,
) -> DatasetInfo:
    splits = splits or (split_info("train", tuple(3 for _ in names)),)
    values = {
        "path": "/data/train.json",
        "exporter": "COCO",
        "data_root": "/data",
        "image_dir": "/data",
        "num_images": 5,
        "num_annotations": 6,
        "has_boxes": True,
        "has_masks": False,
        "prompt": PromptInfo("cat. dog. ", 6, 256, exact=True),
        "trained": TrainedInfo(images=5, boxes=6, dropped={}),
        "sizes": SIZES,
    }
    return DatasetInfo(
        num_classes=len(names),
        class_names=names,
        splits=splits,
        findings=findings,
        **{**values, **changes},
    )


def charts_of(sample: BoxSample) -> InspectionCharts:
    return inspection_charts(sample, (800, 1333))


def charts(count: int = 6) -> Any:
    boxes = np.tile(np.array([10.0, 10, 20, 30]), (count, 1))
    return charts_of(
        BoxSample(boxes, np.zeros(count, np.int64), np.array([[640.0, 480.0]] * bool(count)))
        if count
        else BoxSample(np.empty((0, 4)), np.empty(0, np.int64), np.empty((0, 2)))
    )


def test_the_page_is_one_well_formed_document_that_loads_nothing() -> None:
    html = render_inspection(facts(), charts())

    reader = read_page(html)
    assert "script" not in reader.tags
    assert "link" not in reader.tags
    assert all(address.startswith("#") for address in reader.addresses)
    assert not re.search(r"@import|url\(|https?:", html)


def test_no_text_of_the_data_set_becomes_markup() -> None:
    bad = finding(
        EVIL,
        message=EVIL,
        consequence=EVIL,
        fix=EVIL,
        split=EVIL,
        examples=(Example(EVIL, file=EVIL, annotation_id=EVIL, value=EVIL),),
    )
    splits = (split_info(EVIL, (1, 2), path=EVIL, image_dir=EVIL), split_info("val", (1, 1)))
    info = facts(
        (EVIL, "dog"),
        (bad,),
        splits,
        path=EVIL,
        exporter=EVIL,
        prompt=PromptInfo(EVIL, 1, 256, exact=False),
        trained=TrainedInfo(1, 1, {EVIL: 2}),
    )

    html = render_inspection(
        info,
        charts(),
        [SplitCharts(1, 20, 0), SplitCharts(1, 20, 0)],
        {0: [Image("data:image/jpeg;base64,AA", EVIL, EVIL)]},
    )

    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&#34;&amp;") >= 12
    assert "script" not in read_page(html).tags


@SEVERAL_PAGES
@given(HOSTILE)
def test_any_text_of_a_data_set_is_shown_as_text(text: str) -> None:
    assert_shown_as_text(page_with(text), text, page_with("harmless"))


def page_with(text: str) -> str:
    bad = finding(
        text,
        message=text,
        consequence=text,
        fix=text,
        split=text,
        examples=(
            Example(text, file=text, annotation_id=text, value=text),
            Example("", value=text),
        ),
    )
    info = facts(
        (f"x{text}", "dog"),
        (bad, finding("R3", examples=(Example(text),))),
        (split_info(text, (1, 2), path=text, image_dir=text), split_info("val", (1, 1))),
        path=text,
        exporter=text,
        provenance=text,
        prompt=PromptInfo(text, 1, 256, exact=False),
        trained=TrainedInfo(1, 1, {text: 2}),
    )
    two = [SplitCharts(1, 20, 0), SplitCharts(1, 20, 0)]
    image = Image("data:image/jpeg;base64,AA", text, text)
    return render_inspection(info, charts(), two, {0: [image]})


def test_control_characters_and_half_surrogates_can_be_written() -> None:
    html = render_inspection(facts(("a\x00\x1bb", "\ud800")), charts())

    assert "\x00" not in html
    assert "\x1b" not in html
    html.encode("utf-8")


@pytest.mark.parametrize(
    ("findings", "boxes", "words"),
    [
        ((), 6, "No errors and no warnings: ready to train."),
        ((finding("D2", "info"),), 6, "No errors and no warnings: ready to train."),
        ((finding("R3"),), 6, "No errors, 1 warning: ready to train"),
        ((finding("B4", "error"), finding("R3"), finding("R4")), 6, "1 error and 2 warnings: not"),
        ((), 0, "No box would be trained: not ready to train."),
    ],
)
def test_the_verdict_is_one_sentence(findings: tuple[Finding, ...], boxes: int, words: str) -> None:
    info = facts(findings=findings, trained=TrainedInfo(5, boxes, {}))

    assert words in render_inspection(info, charts())


def test_findings_stand_in_order_with_count_fix_and_examples() -> None:
    worst = finding("B4", "error", count=1234, examples=(Example("annotations[3].bbox", "a.jpg"),))

    html = render_inspection(facts(findings=(worst, finding("R3"))), charts())

    assert html.index("B4 is wrong") < html.index("R3 is wrong")
    for text in ("1,234 places", '<b class="error">error</b>', "annotations[3].bbox", "in a.jpg"):
        assert text in html
    assert html.count("<details>") == 2  # the examples, and the caption


def test_what_several_files_have_in_common_is_told_once_with_their_names() -> None:
    same = tuple(finding("R3", count=2, split=name) for name in ("train", "val"))

    html = render_inspection(facts(findings=same), charts())

    assert html.count("R3 is wrong") == 1
    assert "4 places in train, val" in html
    assert "No errors, 1 warning:" in html


def test_reasons_of_left_out_annotations_are_in_words() -> None:
    info = facts(trained=TrainedInfo(5, 6, {"crowd": 1200, "new_reason": 1}))

    html = render_inspection(info, charts())

    assert "1,200 annotations: marked iscrowd" in html
    assert "1 annotation: new_reason" in html


def test_classes_beyond_sixty_open_on_demand() -> None:
    names = tuple(f"class {n}" for n in range(1200))
    boxes = tuple(range(1200))

    html = render_inspection(facts(names, splits=(split_info("train", boxes),)), charts())

    read_page(html)
    table = html[html.index(">Classes</h2>") : html.index(">Prompt</h2>")]
    before, after = table.split("<details>")
    assert before.count("<tr>") == 61
    assert "1,140 more" in after
    assert after.count("<tr>") == 1141
    assert before.index(">class 1199<") < before.index(">class 1198<"), "most boxes first"
    assert len(html) < 1_000_000


def test_a_class_that_the_model_cannot_read_is_marked() -> None:
    assert '<span class="error">nothing</span>' in render_inspection(facts(("(misc)",)), charts())


def test_splits_are_compared_only_when_there_are_several() -> None:
    assert "The splits compared" not in render_inspection(facts(), charts())

    splits = (split_info("train", (8, 2)), split_info("val", (1, 1)))
    html = render_inspection(
        facts(splits=splits), charts(), [SplitCharts(1.6, 40, 0.25), SplitCharts(0.4, 50, 0)]
    )

    read_page(html)
    part = html[html.index("The splits compared") :]
    for text in ("80.0 %", "50.0 %", "25.0 %", ">1.6<", ">40<"):
        assert text in part


def test_images_are_linked_from_their_finding() -> None:
    info = facts(findings=(finding("B4", "error"), finding("R3")))
    shown = Image("data:image/jpeg;base64,AA", "a.jpg, annotation 7, [1, 2, 3, 4]")

    html = render_inspection(info, charts(), (), {1: [shown]})

    reader = read_page(html)
    assert reader.addresses.count("#images-1") == 2, "from the finding, and back from the image"
    assert {address[1:] for address in reader.addresses if address[0] == "#"} == set(
        reader.identifiers
    )
    assert "<figcaption>a.jpg, annotation 7, [1, 2, 3, 4]</figcaption>" in html


def test_no_boxes_no_images_no_classes_still_give_a_page() -> None:
    info = facts((), image_dir=None, exporter=None, trained=TrainedInfo(0, 0, {}), num_images=0)

    html = render_inspection(info, charts(0))

    read_page(html)
    assert html.count("Nothing to show.") == 5


def test_every_number_in_the_charts_is_finite_and_small_bars_are_seen() -> None:
    boxes = np.array([[0.0, 0, 10, 10]] * 100_000 + [[0.0, 0, 400, 400]])
    here = BoxSample(boxes, np.zeros(len(boxes), np.int64), np.array([[800.0, 800.0]]))

    html = render_inspection(facts(), charts_of(here))

    assert not re.search(r'"(nan|inf|-inf)"', html)
    heights = [float(h) for h in re.findall(r'class="bar"[^>]*height="([\d.]+)"', html)]
    assert min(heights) >= 1
