"""The report of a run shows its facts, and nothing that a name smuggles in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from hypothesis import given

from demo_model import make_info
from page_reader import HOSTILE, SEVERAL_PAGES, assert_shown_as_text
from train_teacher.inspection.facts import Finding
from train_teacher.pages.parts import Image
from train_teacher.reports.curves import run_plots
from train_teacher.reports.facts import ClassErrors, RunReport, build_report
from train_teacher.reports.page import render_report
from train_teacher.reports.shown_images import ShownImages
from train_teacher.reports.summary import summarize_cost, summarize_run
from train_teacher.reports.verdict import ClassOutcome, Verdict
from train_teacher.scores.analysis import (
    Confusion,
    DetectionAnalysis,
    ImageResult,
    PrecisionRecall,
)

EVIL = "<script>alert(1)</script>"
NAMES = ("red circle", EVIL)
RECORDS: list[dict[str, Any]] = [
    {"kind": "val", "step": 0, "coco/bbox_mAP": 0.1, "coco/red circle_precision": 0.1},
    {"kind": "train", "step": 10, "loss": 9.0, "lr": 1e-4, "time": 0.5, "data_time": 0.1},
    {"kind": "train", "step": 20, "loss": 5.0, "lr": 1e-5, "time": 0.5, "data_time": 0.1},
    {
        "kind": "val",
        "step": 1,
        "coco/bbox_mAP": 0.4,
        "coco/bbox_mAP_s": 0.2,
        "coco/bbox_mAP_l": -1.0,
        "coco/red circle_precision": 0.4,
        f"coco/{EVIL}_precision": 0.2,
    },
]


def report_of(**changes: Any) -> RunReport:
    analysis = DetectionAnalysis(
        threshold=0.4,
        classes=(
            PrecisionRecall("red circle", 15, 0.7, 0.9, tuple([1.0] * 101), 0.4, 0.8),
            PrecisionRecall(EVIL, 0, None, None),
        ),
        confusions=(Confusion("red circle", EVIL, 3),),
        missed=(2, 0),
        background=(1, 0),
        images=(ImageResult(1, 1, 1, 0),),
        matrix=((10, 3, 2), (0, 0, 0), (1, 0, 0)),
    )
    facts: dict[str, Any] = {
        "name": "exp1",
        "version": "1",
        "command": "train-teacher --config exp1/settings.yaml --output FOLDER",
        "cost": summarize_cost(RECORDS, 20, 75.0),
        "files": {"checkpoints/best.pth": 12_000_000},
        "freeze_table": "part  parameters  state",
        **changes,
    }
    return build_report(
        make_info(NAMES),
        summarize_run(RECORDS, NAMES),
        before=analysis,
        best=analysis,
        settings={"model": EVIL, "tune": "frozen", "data": EVIL, "epochs": 1, "lr": 1e-4},
        **facts,
    )


def page_of(
    report: RunReport, records: Sequence[Mapping[str, Any]] = RECORDS, **images: Any
) -> str:
    return render_report(report, run_plots(records, report), **images)


def test_the_page_shows_scores_classes_curves_and_how_to_repeat_the_run() -> None:
    html = page_of(report_of())
    for text in ("0.100", "0.400", "+0.300", "red circle", "--config exp1/settings.yaml"):
        assert text in html
    for title in ("Validation", "Loss", "Learning rate", "Seconds of a step", "Confusions"):
        assert f"{title}</h" in html
    assert "GPU memory (MiB)" not in html
    assert "1 min 15 s" in html
    assert "12.0 MB" in html


def test_the_model_s_words_stand_beside_the_name_of_a_class() -> None:
    phrased = msgspec.structs.replace(report_of(), phrases={"red circle": "round thing"})
    html = page_of(phrased)
    assert "<td>red circle (&#34;round thing&#34;)</td>" in html
    assert "red circle is read as: round thing" in html


def test_many_classes_unfold_so_that_the_page_stays_short() -> None:
    classes = tuple(ClassOutcome(f"class {n}", 1, 1, 0.1, 0.2) for n in range(40))
    report = msgspec.structs.replace(report_of(), classes=classes, confusion_matrix=())
    html = page_of(report)
    assert html.index("class 11<") < html.index("28 more classes</summary>")
    assert html.index("28 more classes</summary>") < html.index("class 12<")


def test_confusions_are_a_matrix_with_what_was_missed_and_made_up() -> None:
    html = page_of(report_of())
    matrix = html[html.index('<table class="matrix') :].partition("</table>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", matrix)
    assert [re.findall(r">(\d*)</td>", row) for row in rows[1:]] == [
        ["10", "3", "2"],
        ["", "", ""],
        ["1", "", ""],
    ]
    assert "nothing labeled there" in matrix
    assert "missed" in matrix


def test_confusions_of_many_classes_are_a_list_of_pairs() -> None:
    many = msgspec.structs.replace(report_of(), confusion_matrix=())
    html = page_of(many)
    assert "labeled as</th><th>taken for" in html
    assert 'class="matrix' not in html


def test_the_facts_of_the_data_are_there() -> None:
    html = page_of(report_of())
    for fact in ("red circle. blue square.", "8 of 256", "160 x 160 pixels at the median"):
        assert fact in html
    assert "labels that were dropped</dt><dd>none" in html


def test_settings_that_were_given_or_chosen_stand_before_those_folded_away() -> None:
    sources = {"epochs": "you", "lr": "chosen from the data", "tune": "default"}
    html = page_of(report_of(sources=sources, reasons={"lr": "because"}))
    section = html[html.index(">Settings</h2>") :]
    assert section.index("epochs") < section.index("because") < section.index("<details>")
    assert section.index("<details>") < section.index("tune")


def test_main_memory_is_shown_where_there_is_no_gpu() -> None:
    records = [{**r, "process_memory": 900.0} if r["kind"] == "train" else r for r in RECORDS]
    html = page_of(report_of(cost=summarize_cost(records)), records)
    assert "Main memory (MiB)</h3>" in html
    assert "900 MiB at most" in html


def test_the_rate_of_the_adapters_is_told_of_in_a_lora_run() -> None:
    lora = msgspec.structs.replace(report_of(), tune="lora", settings={"lora_lr_factor": 2.0})
    assert "the adapters learn at 2 times it" in page_of(lora)
    assert "the adapters learn" not in page_of(report_of())


def test_steps_and_epochs_have_whole_numbers_below_them() -> None:
    records = [{"kind": "train", "step": step, "loss": 1.0, "lr": 1e-4} for step in (10, 11)]
    html = page_of(report_of(), [*RECORDS[:1], *records, *RECORDS[3:]])
    figures = re.findall(r"<figure><h3>(?:Loss|Validation).*?</figure>", html, re.DOTALL)
    ticks = [t for f in figures for t in re.findall(r'y="198" text-anchor="middle">([^<]*)', f)]
    assert ticks
    assert all(tick.isdigit() for tick in ticks)


def test_no_heading_is_empty_and_headers_repeat_on_a_printed_page() -> None:
    html = page_of(report_of())
    assert "<h3></h3>" not in html
    assert html.count("<thead>") == html.count("<table")


def test_a_size_without_objects_is_left_out() -> None:
    html = page_of(report_of())
    assert "small (under 32 x 32 pixels)" in html
    assert "large (over" not in html


def test_every_name_is_escaped_and_nothing_is_loaded_from_elsewhere() -> None:
    image = Image("data:image/jpeg;base64,AA==", EVIL, EVIL)
    html = page_of(
        report_of(name=EVIL, environment={EVIL: EVIL}),
        images=ShownImages(worst=[image], pairs=[image, image]),
    )
    assert "<script" not in html
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", html)


@SEVERAL_PAGES
@given(HOSTILE)
def test_any_name_in_a_run_is_shown_as_text(text: str) -> None:
    for matrix in (True, False):
        html, harmless = (page_with(name, matrix=matrix) for name in (text, "harmless"))
        assert_shown_as_text(html, text, harmless)


def page_with(text: str, *, matrix: bool) -> str:
    name = f"x{text}"
    curve = PrecisionRecall(name, 15, 0.7, 0.9, tuple([1.0] * 101), 0.4, 0.8)
    finding = Finding(text, "warning", 1, text, text, text)
    changes: dict[str, Any] = {} if matrix else {"confusion_matrix": ()}
    report = msgspec.structs.replace(
        report_of(name=text, environment={text: text}, command=text, freeze_table=text),
        verdict=Verdict(None, text, (text,)),
        classes=(ClassOutcome(name, 1, 1, 0.1, 0.2), ClassOutcome("dog", 1, 1, None, None)),
        confusions=(Confusion(name, text, 3),),
        errors=(ClassErrors(name, 1, 1),),
        precision_recall=(curve,),
        findings=(finding,),
        settings={"data": text},
        phrases={text: text},
        sources={"data": "you"},
        reasons={"data": text},
        files={text: 3},
        **changes,
    )
    image = Image("data:image/jpeg;base64,AA==", text, text)
    return page_of(report, images=ShownImages([image], worst=[image], best=[image]))


def test_a_run_without_a_validation_still_has_a_page() -> None:
    html = page_of(
        build_report(
            make_info(NAMES),
            summarize_run([], NAMES),
            before=None,
            best=None,
            settings={"model": "demo", "tune": "lora", "data": "d.json"},
            name="exp1",
            version="1",
            command="-",
            cost=summarize_cost([]),
        ),
        [],
    )
    assert "Nothing was validated" in html


def test_results_json_can_be_read_back() -> None:
    report = report_of()
    assert msgspec.json.decode(msgspec.json.encode(report), type=RunReport) == report


def test_images_stand_before_numbers_and_details_are_folded() -> None:
    image = Image("data:image/jpeg;base64,AA==", "a.jpg")
    html = page_of(report_of(), images=ShownImages([image, image], (0.2, 0.4), worst=[image]))

    assert html.index("Before and after</h2>") < html.index(">Classes</h2>")
    assert "at least 0.20 and 0.40" in html
    folded = re.findall(r'<details class="part"><summary><h2>(.*?)</h2>', html)
    assert {"Where it goes wrong", "Confusions", "Data", "Settings"} <= set(folded)


def test_the_table_of_contents_leads_to_every_part() -> None:
    html = page_of(report_of())
    places = re.findall(r'<a href="#(part-\d+)">', html)

    assert places == re.findall(r'id="(part-\d+)"', html)
    assert len(places) == len(re.findall(r"</h2>", html))
