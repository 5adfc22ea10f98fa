"""The command as a user runs it, and the real exports in the shared folder when it is there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from coco_factory import annotation, category, clean_annotations, make_coco
from inspected_data import inspect_data
from train_teacher.inspection.load import InspectRequest

REAL = Path(__file__).parents[3] / "shared" / "data"
RUN = "from train_teacher.cli.main import inspect_data; inspect_data()"
needs_real_data = pytest.mark.skipif(not REAL.is_dir(), reason="no shared/data beside the checkout")


def run(*arguments: object, code: str = RUN) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "COLUMNS": "100"},
    )


def test_the_report_goes_to_stdout_and_says_what_will_be_trained(tmp_path: Path) -> None:
    done = run(make_coco(tmp_path))

    assert done.returncode == 0
    assert done.stderr.startswith("next, to see what would be trained and how: train-teacher ")
    assert "\033" not in done.stdout
    assert done.stdout.splitlines()[-2:] == [
        "  12 images with 24 boxes of 2 classes, before a part is set aside for val and test",
        "  no annotation is left out",
    ]
    assert max(map(len, done.stdout.splitlines())) <= 100 or str(tmp_path) in done.stdout


def test_the_json_report_is_the_contract_object(tmp_path: Path) -> None:
    done = run(make_coco(tmp_path, annotations=[annotation(0)]), "--format", "json")

    report = json.loads(done.stdout)
    assert {
        "path", "exporter", "data_root", "image_dir", "num_images", "num_annotations",
        "num_classes", "class_names", "has_boxes", "has_masks", "splits", "prompt", "findings",
        "trained",
    } <= report.keys()  # fmt: skip
    assert {"text", "tokens", "limit", "exact"} <= report["prompt"].keys()
    assert {"code", "severity", "count", "message", "consequence", "fix", "examples"} <= (
        report["findings"][0].keys()
    )
    assert {"images", "boxes", "dropped", "dropped_by_class"} == report["trained"].keys()


@pytest.mark.parametrize(
    ("changes", "level", "expected"),
    [
        ({}, "warning", 0),
        ({"id": 0}, "error", 0),
        ({"id": 0}, "warning", 1),
        ({"category_id": 99}, "error", 1),
        ({"category_id": 99}, "never", 0),
    ],
)
def test_the_exit_code_follows_the_chosen_level(
    tmp_path: Path, changes: dict[str, int], level: str, expected: int
) -> None:
    records = [*clean_annotations(), {**annotation(99, bbox=[30, 20, 9, 9], area=81), **changes}]

    assert run(make_coco(tmp_path, annotations=records), "--fail-on", level).returncode == expected


@pytest.mark.parametrize("option", [["--format", "xml"], ["--nonsense"], ["--class-prompt", "cat"]])
def test_wrong_usage_exits_with_2(tmp_path: Path, option: list[str]) -> None:
    done = run(make_coco(tmp_path), *option)

    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def linked(folder: Path, target: Path, name: str) -> Path:
    (folder / name).symlink_to(target)
    return folder / name


@pytest.mark.parametrize("case", ["data", "val", "image", "link to data", "data is a link"])
def test_a_page_never_replaces_what_it_tells_of(tmp_path: Path, case: str) -> None:
    data, val = make_coco(tmp_path / "set"), make_coco(tmp_path / "val", name="val.json")
    page = {"data": data, "val": val, "image": tmp_path / "set" / "3.jpg"}.get(case, data)
    if case == "link to data":
        page = linked(tmp_path, data, "page.html")
    elif case == "data is a link":
        data = linked(tmp_path, data, "data.json")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    done = run(data, "--val", val, "--html", page)

    assert (done.returncode, done.stdout) == (2, "")
    assert "would be lost" in done.stderr
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_a_page_replaces_an_earlier_one(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("old")
    done = run(make_coco(tmp_path), "--html", tmp_path / "page.html")

    assert done.returncode == 0
    assert "<html" in (tmp_path / "page.html").read_text()


def test_a_file_that_cannot_be_used_is_one_message_and_exit_1(tmp_path: Path) -> None:
    file = make_coco(tmp_path)
    file.write_bytes(file.read_bytes()[:200])

    done = run(file)

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: {file}: F1 ends in the middle of a record")
    assert done.stderr.count("\n") == 1


def test_one_kind_of_problem_is_told_once_for_all_files(tmp_path: Path) -> None:
    for folder in ("train", "valid"):
        make_coco(
            tmp_path / folder,
            name="_annotations.coco.json",
            annotations=[annotation(0), annotation(1, category_id=2)],
        )

    assert run(tmp_path).stdout.count(" R3 ") == 1


def test_examples_have_their_ids_and_what_is_left_out_its_classes(tmp_path: Path) -> None:
    boxes = [annotation(7), annotation(9, 2, bbox=[0, 0, 0, 5]), annotation(10, 3, 2)]

    shown = run(make_coco(tmp_path, annotations=boxes)).stdout

    assert "- annotations[1] (id 9).bbox = [0, 0, 0, 5]" in shown
    assert "left out: 1 annotation, outside the image (cat 1)" in shown
    assert re.search(r"  red car +red car +1 in 1\n", shown)


def test_class_prompts_are_shown_as_the_model_reads_them(tmp_path: Path) -> None:
    file = make_coco(tmp_path, categories=[category(1, "Hard_Hat"), category(2, "H1")])

    shown = run(file, "--class-prompt", "H1=safety helmet").stdout

    assert "  Hard_Hat  hard hat " in shown
    assert "  H1        safety helmet " in shown, "the name in the file, and the phrase"


def test_neither_torch_nor_mmdet_is_imported(tmp_path: Path) -> None:
    code = (
        "import atexit, sys\n"
        "heavy = ('torch', 'mmdet', 'mmengine', 'mmcv', 'transformers', 'matplotlib')\n"
        "atexit.register(lambda: print([m for m in heavy if m in sys.modules], file=sys.stderr))\n"
        f"{RUN}"
    )

    assert run(make_coco(tmp_path), code=code).stderr.splitlines()[-1] == "[]"


@needs_real_data
def test_raccoon_is_one_class_with_all_213_boxes() -> None:
    info = inspect_data(InspectRequest(data=REAL / "raccoon" / "_annotations.coco.json"))

    assert info.class_names == ("raccoon",)
    assert (info.trained.images, info.trained.boxes, info.trained.dropped) == (196, 213, {})
    assert info.exporter == "Roboflow"
    assert Path(info.image_dir or "").name == "images"
    assert sorted((f.code, f.severity) for f in info.findings) == [
        ("B15", "info"),
        ("D6", "info"),
        ("I5", "info"),
        ("M7", "info"),
        ("N12", "info"),
        ("R3", "warning"),
    ]


@needs_real_data
def test_sharks_have_the_same_classes_in_three_splits() -> None:
    info = inspect_data(InspectRequest(data=REAL / "sharks-tiny-coco"))

    assert info.class_names == ("fish", "primary", "shark")
    assert [(s.name, s.num_images, s.num_boxes) for s in info.splits] == [
        ("train", 7, 44),
        ("val", 2, 10),
        ("test", 1, 6),
    ]
    assert info.has_masks
    # All are frames of one video, which training may go on with.
    assert {(f.code, f.severity, f.split) for f in info.findings if f.code == "D8"} == {
        ("D8", "warning", "val"),
        ("D8", "warning", "test"),
    }
    assert not any(f.severity == "error" for f in info.findings)
