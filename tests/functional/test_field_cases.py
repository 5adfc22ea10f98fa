"""Inputs like those of public bug reports, each with its right answer.

The inputs lie in `shared/cases` beside a checkout and are not part of the project; the same kinds,
made by the project's own factory, are tested where each rule is.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from train_teacher.cli import main as command_line
from train_teacher.settings.yaml_files import configs_folder

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
pytestmark = pytest.mark.skipif(
    not CASES.is_dir(), reason="shared/cases is not beside the checkout"
)
DEMO_VOCABULARY = ("--language-model", str(configs_folder() / "demo" / "language_model"))


@dataclass(frozen=True)
class Right:
    """Expected result for one input."""

    file: str = "data.json"
    options: tuple[str, ...] = ()
    exit: int | None = None
    findings: dict[str, str] = field(default_factory=dict)
    """Severity by code, of findings that must be there."""
    silent: tuple[str, ...] = ()
    """Codes that must not be there."""
    says: tuple[str, ...] = ()
    """Regular expressions that the terminal's text must match."""
    never_says: tuple[str, ...] = ()
    boxes: int | None = None
    """Boxes that will be trained."""
    classes: tuple[str, ...] = ()
    fixed: int | None = None
    """Annotations in what `--fix` writes; -1: it refuses to write."""
    fixed_boxes: int | None = None
    """Boxes that will be trained from what `--fix` writes."""
    fixed_silent: tuple[str, ...] = ()
    """Codes that the written file no longer has."""


NAMES_BY_FILE = {
    "fn_copyright": r"code page|encod",
    "fn_double_ext": r"\.rf\.",
    "fn_int": r"lack.*\.jpg|extension",
    "fn_nested_missing": r"sub-?folder",
    "fn_no_ext": r"extension|I9",
    "fn_other_ext": r"\.jpg|I9",
    "fn_prefix_lost": r"PSOK2_",
    "fn_zero_pad": r"zeros",
}
FOUND = ("fn_html", "fn_newline", "fn_plus", "fn_quotes", "fn_trailing_space")

SAME_TOKENS = Right(options=DEMO_VOCABULARY, exit=1, findings={"N2": "error"}, says=(r"\[UNK\]",))

CASE: dict[str, Right] = {
    "all_on_one": Right(exit=1, findings={"D9": "error"}, says=("all 16 annotations",)),
    "annotations_dict": Right(says=("keyed by",)),
    "bbox5_angle": Right(
        says=("five numbers", "angle"), never_says=("B8", "Nothing to do"), boxes=24, fixed=24
    ),
    "bbox_mode": Right(findings={"B4": "error"}, exit=1),
    "bbox_nan_one": Right(exit=0, findings={"B7": "warning"}, boxes=23, fixed_silent=("B7",)),
    "bbox_negative_size": Right(fixed_silent=("B1", "B6"), fixed=24, fixed_boxes=24),
    "category_id_is_name": Right(
        exit=1,
        findings={"R6": "error"},
        fixed_silent=("R6",),
        says=("class names|names of classes", "16"),
        fixed_boxes=16,
    ),
    "class_folders": Right(silent=("D11",)),
    "cvat_attr": Right(file="annotations.json", says=("type", r"--class-from attributes\.type")),
    "cvat_attributes_as_classes": Right(
        says=("kind", "3 values", r"--class-from attributes\.kind")
    ),
    "empty_name_url_na": Right(exit=1, findings={"F5": "error"}, silent=("F9",), says=("Darwin",)),
    "f_bdd": Right(file="bdd100k_labels_images_train.json", exit=1, says=("BDD100K|Scalabel",)),
    "f_cp1251": Right(says=(r"1251", "--encoding")),
    "f_darwin": Right(file="a.json", exit=1, says=("Darwin",)),
    "f_gbk": Right(says=("(?i)gbk|gb18030", "--encoding")),
    "f_json_in_text": Right(says=("twice",)),
    "f_lfs": Right(exit=1, says=("git lfs pull",)),
    "f_list_wrapped": Right(says=("(?i)in(side)? a list",)),
    "f_s3_error": Right(
        file="livecell_val.json", exit=1, says=("(?i)download",), never_says=("Pascal VOC",)
    ),
    "f_sagemaker_manifest": Right(file="output.manifest", exit=1, says=("SageMaker",)),
    "f_visdrone": Right(file="0000001_02999_d.txt", exit=1, says=("VisDrone",)),
    "f_ytvis": Right(file="train.json", exit=1, says=("YouTube-VIS",)),
    "filename_key": Right(exit=1, says=("`?filename`?",), never_says=("list of images is empty",)),
    **{name: Right(says=(cause,)) for name, cause in NAMES_BY_FILE.items()},
    **{name: Right(findings={"I9": "info"}, silent=("I1",)) for name in FOUND},
    "gif_animated": Right(options=("--deep",), never_says=("--deep",)),
    "heic_like": Right(exit=1, says=("HEIC",)),
    "heic_named_jpg": Right(exit=1, says=("HEIC",)),
    "huge_picture": Right(exit=1),
    "image_id_is_file_name": Right(
        exit=1, findings={"R5": "error"}, says=("file names",), fixed=16, fixed_boxes=16
    ),
    "image_ids_off_by_one": Right(
        exit=1, findings={"R5": "error"}, says=("1 lower",), fixed=240, fixed_boxes=240
    ),
    "image_ids_padded_text": Right(boxes=16, findings={"F7": "warning"}, silent=("R5",)),
    "many_unused": Right(says=("200 of 202",)),
    "n_background": Right(findings={"N12": "warning"}, says=("background",)),
    "n_chinese": Right(
        options=DEMO_VOCABULARY, exit=1, findings={"N2": "error"}, says=(r"\[UNK\]",)
    ),
    "n_dontcare": Right(findings={"N12": "warning"}, says=("DontCare", "ignored regions")),
    "n_nfc": Right(says=("NFC",)),
    "poly_xy_dicts": Right(
        findings={"M2": "warning"}, boxes=24, fixed_silent=("M2", "B8"), fixed=24
    ),
    "rf_root_same_name": Right(exit=0, boxes=16, silent=("N3",)),
    "rle_list": Right(findings={"M2": "warning"}, boxes=24, fixed_silent=("M2", "B8"), fixed=24),
    "rle_only_bytesrepr": Right(
        findings={"M2": "warning"}, boxes=24, fixed_silent=("M2", "B8"), fixed=24, says=("b'",)
    ),
    "s_1000": Right(
        exit=1, findings={"B3": "error"}, says=("0 to 1000",), fixed=160, fixed_silent=("B3", "B6")
    ),
    "s_bbox5": Right(says=("five numbers",), boxes=160, fixed=160, fixed_boxes=160),
    "s_bbox_dict": Right(boxes=160, fixed=160, fixed_silent=("F5", "B11")),
    "s_bbox_nested": Right(boxes=160, fixed=160, fixed_silent=("F5", "B11")),
    "s_bbox_text": Right(boxes=160, fixed=160, fixed_silent=("F5", "B11")),
    "s_center": Right(exit=1, findings={"B5": "error"}, fixed=160, fixed_silent=("B5",)),
    "s_percent": Right(
        exit=1, findings={"B3": "error"}, says=("per cent",), fixed=160, fixed_silent=("B3", "B5")
    ),
    "s_yxyx": Right(
        exit=1,
        findings={"B4": "error"},
        says=("y1, x1, y2, x2",),
        fixed=160,
        fixed_silent=("B4", "B6"),
    ),
    "same_name_other_size": Right(
        findings={"R9": "warning"}, says=("one file has one size",), fixed=16, never_says=("Merge",)
    ),
    "same_record_twice": Right(
        says=("Remove the copies: inspect-data .* --fix",), fixed=16, fixed_silent=("R1", "R9")
    ),
    "size_zero": Right(findings={"F8": "warning"}, says=("silently",), never_says=("KeyError",)),
    "slices": Right(file="annotations.json"),
    "summary_counts": Right(exit=0, boxes=112),
    "theta": Right(file="annotations.json", says=("rotated", "angle"), boxes=48, fixed=48),
    "tiff_5band_uint8": Right(exit=1, says=("5 bands|five bands|5 channels",)),
    "tiff_7band_uint16": Right(exit=1, says=("7 bands|seven bands|7 channels",)),
    "tiles_rc": Right(file="annotations.json"),
    "tiles_xy": Right(file="annotations.json"),
    "turned_avif": Right(silent=("I4",)),
    "turned_tif": Right(
        exit=1, findings={"I4": "error"}, silent=("I3",), says=("regardless of its flags",)
    ),
    "unk_emoji": Right(options=DEMO_VOCABULARY, exit=1, findings={"N2": "error"}),
    "unk_same": Right(
        options=DEMO_VOCABULARY, exit=1, findings={"N2": "error"}, says=(r"\[UNK\]",)
    ),
    "unk_steel": Right(options=DEMO_VOCABULARY),
    "val_case": Right(
        file="train.json", options=("--val", "val.json"), findings={"N13": "warning"}
    ),
    "val_nfd": Right(
        file="train.json", options=("--val", "val.json"), exit=0, findings={"N13": "warning"}
    ),
}
ELSEWHERE = {
    "bbox_minus_inf": "stderr of --fix",
    "n_shell": "the suggested line, run in a shell",
    "signs_known": "needs the vocabulary of bert-base-uncased",
    "token_same": "needs the vocabulary of bert-base-uncased",
}


def test_every_input_has_a_right_answer_here_or_elsewhere() -> None:
    folders = {path.name for path in CASES.iterdir() if path.is_dir()}
    assert folders == CASE.keys() | ELSEWHERE.keys()


@pytest.mark.parametrize("name", sorted(CASE))
def test_an_input_like_those_of_bug_reports_gets_its_right_answer(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    right = CASE[name]
    folder = shutil.copytree(CASES / name, tmp_path / name)
    monkeypatch.chdir(folder)
    options = [*right.options, *(() if (folder / "images").is_dir() else ("--no-images",))]

    def inspect(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["inspect-data", *arguments])
        with pytest.raises(SystemExit) as ended:
            command_line.inspect_data()
        output, errors = capsys.readouterr()
        return int(ended.value.code or 0), output, errors

    code, output, errors = inspect(right.file, *options)
    said = " ".join((output + errors).split())
    assert code in (0, 1), said
    if right.exit is not None:
        assert code == right.exit, said
    for expression in right.says:
        assert re.search(expression, said), f"{expression!r} is not in: {said}"
    for expression in right.never_says:
        assert not re.search(expression, said), f"{expression!r} is in: {said}"
    check_result(right, seen(inspect(right.file, *options, "--format", "json")[1]))
    if right.fixed is not None or right.fixed_silent:
        check_fixed(right, inspect, options)


def check_result(right: Right, result: dict[str, Any]) -> None:
    severity = {finding["code"]: finding["severity"] for finding in result["findings"]}
    assert severity | right.findings == severity
    assert not severity.keys() & set(right.silent)
    if right.boxes is not None:
        assert sum(split["num_boxes"] for split in result["splits"]) == right.boxes


def check_fixed(
    right: Right, inspect: Callable[..., tuple[int, str, str]], options: list[str]
) -> None:
    code, output, errors = inspect(right.file, *options, "--fix", "fixed.json")
    said = " ".join((output + errors).split())
    assert code in (0, 1), said
    if right.fixed == -1:
        assert not Path("fixed.json").exists()
        return
    content = json.loads(Path("fixed.json").read_bytes())
    if right.fixed is not None:
        assert len(content["annotations"]) == right.fixed, said
    result = seen(inspect("fixed.json", *options, "--format", "json")[1])
    if right.fixed_boxes is not None:
        assert sum(split["num_boxes"] for split in result["splits"]) == right.fixed_boxes
    assert not {finding["code"] for finding in result["findings"]} & set(right.fixed_silent)


def seen(output: str) -> dict[str, Any]:
    """Return the result that `--format json` printed; of a file that cannot be read, nothing."""
    result: dict[str, Any] = json.loads(output) if output.strip() else {}
    return {"findings": [], "splits": []} | result
