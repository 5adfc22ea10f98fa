"""detect.py of both kinds of bundle: it keeps what `teacher predict` does, by the same rule."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from shutil import copytree
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from hub_model import CLASSES, count_right_boxes, exported_to_onnx, small_bundle
from train_teacher.prediction.predict import PredictRequest, predict
from train_teacher.scores.analysis import DEFAULT_THRESHOLD
from train_teacher.scores.thresholds import Level, ScoreLevels, Thresholds
from train_teacher.teachers.hub_bundle import HubBundle, detect_text, fill_hub_bundle
from train_teacher.teachers.open import TeacherRequest


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> tuple[HubBundle, Path]:
    folder = tmp_path_factory.mktemp("hub")
    torch.manual_seed(0)
    bundle = small_bundle(folder)
    (folder / "out").mkdir()
    fill_hub_bundle(folder / "out", bundle)
    return bundle, folder / "out"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[HubBundle, Path]:
    return exported_to_onnx(tmp_path_factory.mktemp("onnx"))


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an image of the model's size: transformers rounds where MMDetection cuts."""
    path = tmp_path_factory.mktemp("image") / "a.png"
    noise = np.random.default_rng(3).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


@pytest.fixture(scope="module", params=["hub", "exported"])
def folder(
    request: pytest.FixtureRequest, image: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a bundle, for transformers or as ONNX, with counts of right boxes."""
    _, out = request.getfixturevalue(request.param)
    folder = tmp_path_factory.mktemp("counted") / "out"
    copytree(out, folder)
    found = detector_of(folder)(Image.open(image))
    _, labels, scores = (part.tolist() for part in found)
    own = [[score for score, one in zip(scores, labels, strict=True) if one == n] for n in range(3)]
    middle = [in_the_widest_gap(one) for one in own]
    count_right_boxes(folder, [*middle, middle[2]])
    return folder


def in_the_widest_gap(scores: list[float]) -> float:
    """Return a score that parts boxes, best first, where a last digit does not matter."""
    gaps = zip(scores, scores[1:] or [0.0], strict=False)
    return sum(max(gaps, key=lambda gap: gap[0] - gap[1], default=(0.0, 0.0))) / 2


def detector_of(folder: Path) -> Any:
    return runpy.run_path(str(folder / "detect.py"))["Detector"](folder)


def detect(folder: Path, *arguments: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["detect.py", *map(str, arguments)])
        runpy.run_path(str(folder / "detect.py"), run_name="__main__")


def refused(
    folder: Path, capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[object, str]:
    with pytest.raises(SystemExit) as caught:
        detect(folder, *arguments)
    return caught.value.code, capsys.readouterr().err


def test_a_precision_keeps_the_boxes_that_teacher_predict_keeps_and_says_the_same(
    image: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    detect(folder, image, "--precision", 0.8)
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    output = tmp_path / "labels.json"
    request = PredictRequest(TeacherRequest(folder, device="cpu"), (image,), output,
                             precision=0.8, most_overlap=1)  # fmt: skip
    _, *told = predict(request).told
    assert printed.err.splitlines()[-3:] == told
    assert "that of all classes, having too few boxes" in told[2]
    assert "the best there is, which does not reach it" in told[1]
    wanted = json.loads(output.read_text())["annotations"]
    assert 0 < len(wanted) < 40
    theirs = [(CLASSES[one["category_id"] - 1], one["score"], *one["bbox"]) for one in wanted]
    ours = [
        (name, score, x, y, right - x, bottom - y)
        for name, score, (x, y, right, bottom) in zip(
            found["classes"], found["scores"], found["boxes"], strict=True
        )
    ]
    assert found["image"] == str(image)
    assert len(ours) == len(theirs)
    for name, *own in ours:
        assert any(pytest.approx(own, abs=0.02) == rest for one, *rest in theirs if one == name)


def test_a_box_with_the_very_score_is_kept(image: Path, folder: Path) -> None:
    detector = detector_of(folder)
    scores = detector(Image.open(image))[2].tolist()
    assert detector(Image.open(image), threshold=scores[4])[2].tolist() == scores[:5]
    assert detector(Image.open(image), threshold=[scores[4]] * 3)[2].tolist() == scores[:5]


def test_without_an_option_the_score_is_that_of_teacher_predict(
    image: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    detect(folder, image, "--threshold", 0)
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert len(scores) == 40
    card = json.loads((folder / "teacher.json").read_text())
    for told, used in ((None, DEFAULT_THRESHOLD), (scores[4], scores[4])):
        card["score_threshold"] = told
        (folder / "teacher.json").write_text(json.dumps(card))
        detect(folder, image)
        kept = json.loads(capsys.readouterr().out)["scores"]
        assert kept == [score for score in scores if score >= used]


@pytest.mark.parametrize("orientation", ["apply", "ignore"])
def test_a_photo_is_turned_as_it_was_at_validation(
    image: Path,
    folder: Path,
    orientation: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photo = tmp_path / "photo.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    with Image.open(image) as upright:
        upright.save(photo, exif=exif)
    card = json.loads((folder / "teacher.json").read_text())
    card["settings"]["exif_orientation"] = orientation
    (folder / "teacher.json").write_text(json.dumps(card))
    detect(folder, photo, "--threshold", 0)
    scores = json.loads(capsys.readouterr().out)["scores"]
    with Image.open(photo) as stored:
        seen = ImageOps.exif_transpose(stored) if orientation == "apply" else stored
        assert scores == detector_of(folder)(seen)[2].tolist()


def test_wrong_values_are_refused_with_code_2_and_an_unreadable_image_with_1(
    image: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = refused(folder, capsys, image, "--precision", 90)
    assert (code, "--precision 90: give more than 0 and less than 1." in told) == (2, True)
    code, told = refused(folder, capsys, image, "--precision", 0.95)
    assert (code, "on the 12 validation images; the best bound is 0.90. " in told) == (2, True)
    code, told = refused(folder, capsys, image, "--threshold", 30)
    assert (code, "--threshold 30: give 0 to 1." in told) == (2, True)
    code, told = refused(folder, capsys, image, "--threshold", 0.3, "--precision", 0.9)
    assert (code, "not allowed with" in told) == (2, True)
    code, _ = refused(folder, capsys, tmp_path / "none.png")
    assert f"{tmp_path / 'none.png'}: cannot be read" in str(code)


def test_without_counts_a_precision_is_refused_with_the_cure(
    exported: tuple[HubBundle, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, out = exported
    code, told = refused(out, capsys, bundle.images[0], "--precision", 0.9)
    assert code == 2
    assert told.endswith(
        "--precision: right boxes of this model were not counted at validation: give --threshold, "
        "or train with validation images and export that run.\n"
    )


@st.composite
def counts(draw: st.DrawFn) -> ScoreLevels:
    """Draw the levels of a class, with bounds that need not rise with the score."""
    scores = sorted(draw(st.sets(st.integers(0, 9999), max_size=5)), reverse=True)
    kept = sorted(draw(st.integers(1, 90)) for _ in scores)
    bounds = [draw(st.sampled_from([0.1, 0.5, 0.8, 0.9, 0.95])) for _ in scores]
    rows = zip(scores, kept, bounds, strict=True)
    return ScoreLevels(9, tuple(Level(score / 1e4, own, own, sure) for score, own, sure in rows))


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("script")
    (folder / "detect.py").write_text(detect_text())
    return folder


@pytest.fixture(scope="module")
def thresholds_of(script: Path) -> Any:
    return runpy.run_path(str(script / "detect.py"))["thresholds"]


@given(st.lists(counts(), min_size=1, max_size=4), counts(), st.sampled_from([0.5, 0.8, 0.9, 0.95]))
def test_the_rule_is_that_of_thresholds(
    script: Path,
    thresholds_of: Any,
    classes: list[ScoreLevels],
    common: ScoreLevels,
    precision: float,
) -> None:
    known = Thresholds(common, tuple(classes), 12)
    card = {"class_names": [str(n) for n in range(len(classes))], "thresholds": known}
    (script / "teacher.json").write_bytes(msgspec.json.encode(card))
    wanted = known.at(precision)
    if any(one.reached for one in wanted):
        assert thresholds_of(script, precision) == [one.score for one in wanted]
    else:
        best = max(one.precision_at_least for one in wanted)
        with pytest.raises(ValueError, match=rf"the best bound is {best:.2f}\."):
            thresholds_of(script, precision)
