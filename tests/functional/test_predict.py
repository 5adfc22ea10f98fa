"""`teacher evaluate` and `teacher predict` on a run and on its bundles."""

from __future__ import annotations

import html
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

import commands
from demo_model import DEMO_BASE
from generated_data import make_images
from tiny_sam import write_tiny_sam
from train_teacher.core.errors import UsageError, UserError
from train_teacher.evaluation.evaluate import EvaluateRequest, Evaluation, evaluate
from train_teacher.evaluation.text import render_evaluation
from train_teacher.prediction.predict import PredictRequest, predict
from train_teacher.scores.coco_scores import score
from train_teacher.teachers.export import export_teacher
from train_teacher.teachers.open import TeacherRequest, open_teacher

CLASSES = ("red circle", "blue square")
PHRASE = "azure square"
OTHER_CLASSES = ("green triangle", "red circle")


def command(program: str, *arguments: object) -> list[str]:
    return [str(Path(sys.executable).parent / program), *(str(a) for a in arguments)]


def run_command(
    program: str, *arguments: object, modules: Path | None = None
) -> subprocess.CompletedProcess[str]:
    if not modules:
        return commands.run_command(program, *arguments)
    paths = (str(modules), os.environ.get("PYTHONPATH", ""))
    return subprocess.run(
        command(program, *arguments),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("lora")
    data = make_images(work / "data", images=24, seed=5, classes=CLASSES)
    other = make_images(work / "other", images=4, seed=8, classes=OTHER_CLASSES)
    result = run_command(
        "train-teacher", "--data", data, "--output", work / "exp", "--model", "demo",
        "--device", "cpu", "--tune", "lora", "--epochs", 1, "--split", "0.5/0.3/0.2",
        "--class-prompt", f"{CLASSES[1]}={PHRASE}", "--retain", other,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return work / "exp"


@pytest.fixture(scope="module")
def scored(run: Path) -> Evaluation:
    return evaluate(EvaluateRequest(cpu(run)))


def cpu(place: Path, **options: Any) -> TeacherRequest:
    return TeacherRequest(place, device="cpu", **options)


def validations(run: Path) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [record for record in records if record["kind"] == "val"]


def test_evaluating_a_run_gives_what_its_validation_gave(run: Path, scored: Evaluation) -> None:
    best = max(record["coco/bbox_mAP"] for record in validations(run))
    assert scored.scores.average_precision == pytest.approx(best, abs=1e-3)
    assert [entry.name for entry in scored.scores.classes] == list(CLASSES)
    before = evaluate(EvaluateRequest(cpu(run, base=True))).scores.average_precision
    assert before == pytest.approx(validations(run)[0]["coco/bbox_mAP"], abs=1e-3)


def test_predicting_the_validation_images_and_scoring_gives_the_validation_scores(
    run: Path, scored: Evaluation, tmp_path: Path
) -> None:
    labels = json.loads((run / "data" / "val.json").read_text())
    images = run.parent / "data"
    everything = PredictRequest(
        cpu(run),
        (run / "data" / "val.json",),
        tmp_path / "all.json",
        images=images,
        score_threshold=0,
        most_overlap=1,
    )
    predict(everything)
    found = json.loads((tmp_path / "all.json").read_text())
    assert {i["id"]: i["file_name"] for i in found["images"]} == {
        i["id"]: i["file_name"] for i in labels["images"]
    }
    keys = ("image_id", "category_id", "bbox", "score")
    results = [{key: a[key] for key in keys} for a in found["annotations"]]
    again = score(labels, results).average_precision
    assert again == pytest.approx(scored.scores.average_precision, abs=1e-3)


def test_the_run_says_what_was_forgotten_and_that_the_base_comes_back(run: Path) -> None:
    other = {"data": run.parent / "other" / "annotations.json", "own_classes": True}
    retained = json.loads((run / "results.json").read_text())["retained"]
    before = evaluate(EvaluateRequest(cpu(run, base=True), **other))
    after = evaluate(EvaluateRequest(cpu(run), **other))
    assert retained["before"] == json.loads(msgspec.json.encode(before.scores))
    assert retained["after"] == json.loads(msgspec.json.encode(after.scores))
    assert retained["adapter_off_equal"] is True
    assert [entry["name"] for entry in retained["before"]["classes"]] == list(OTHER_CLASSES)
    assert "Forgetting: other data" in (run / "report.html").read_text()


def test_the_run_says_what_the_test_split_gives_with_and_without_what_was_trained(
    run: Path,
) -> None:
    results = json.loads((run / "results.json").read_text())
    for name, base in (("before", True), ("best", False)):
        again = evaluate(EvaluateRequest(cpu(run, base=base), split="test"))
        assert results["test"][name] == json.loads(msgspec.json.encode(again.scores))
        assert results["test"]["num_images"] == again.num_images
        assert results["test"]["num_objects"] == again.num_objects
    assert results["test_failure"] == ""
    assert results["verdict"]["headline"] in html.unescape((run / "report.html").read_text())


def test_a_phrase_changes_what_the_model_reads_and_no_name_of_a_class(
    run: Path, scored: Evaluation, tmp_path: Path
) -> None:
    results = json.loads((run / "results.json").read_text())
    for part in (results["classes"], results["errors"], results["precision_recall"]):
        assert [entry["name"] for entry in part] == list(CLASSES)
    assert [entry["name"] for entry in results["test"]["best"]["classes"]] == list(CLASSES)
    assert set(results["summary"]["best"]["per_class"]) == set(CLASSES)
    assert all(entry["best"] is not None for entry in results["classes"])
    assert results["phrases"] == {CLASSES[1]: PHRASE}

    told = f'{CLASSES[1]} ("{PHRASE}")'
    assert told in html.unescape((run / "report.html").read_text())
    assert told in render_evaluation(scored)
    export_teacher(run, tmp_path / "bundle")
    assert told in (tmp_path / "bundle" / "README.md").read_text()
    plan = run_command(
        "train-teacher", "--config", run / "settings.yaml", "--output", tmp_path / "n", "--dry-run"
    )
    assert f"classes   2: {CLASSES[0]}, {told}" in plan.stderr
    assert PHRASE in plan.stdout
    assert CLASSES[1] not in plan.stdout


@pytest.mark.parametrize("options", [{}, {"merge": True}], ids=["adapter", "merged"])
def test_a_bundle_detects_what_its_run_detects(
    run: Path, scored: Evaluation, tmp_path: Path, options: dict[str, bool]
) -> None:
    export_teacher(run, tmp_path / "bundle", **options)
    data = {"data": run.parent / "data" / "annotations.json"}
    ours = evaluate(EvaluateRequest(cpu(run), **data))
    base = {} if options else {"weights": str(DEMO_BASE)}
    theirs = evaluate(EvaluateRequest(cpu(tmp_path / "bundle", **base), **data))
    assert theirs.scores == ours.scores
    assert ours.num_images == 24
    facts = open_teacher(cpu(tmp_path / "bundle", **base)).facts
    assert facts.original_names == CLASSES
    assert facts.threshold is not None


def as_attributes(source: Path, target: Path) -> Path:
    """Write a data set again with one category, and the class as an attribute."""
    content = json.loads(source.read_text())
    names = {category["id"]: category["name"] for category in content["categories"]}
    for annotation in content["annotations"]:
        annotation["attributes"] = {"type": names[annotation["category_id"]]}
        annotation["category_id"] = 1
    content["categories"] = [{"id": 1, "name": "shape"}]
    target.write_text(json.dumps(content))
    return target


def test_a_run_trained_on_an_attribute_is_scored_on_the_attributes_of_another_file(
    run: Path, tmp_path: Path
) -> None:
    plain = run.parent / "data" / "annotations.json"
    data = {"images": plain.parent, "data": as_attributes(plain, tmp_path / "typed.json")}
    with pytest.raises(UserError, match="none of its classes"):
        evaluate(EvaluateRequest(cpu(run), **data))
    shutil.copytree(run, tmp_path / "run")
    with (tmp_path / "run" / "settings.yaml").open("a") as settings:
        settings.write("class_from: attributes.type\n")
    expected = evaluate(EvaluateRequest(cpu(run), data=plain)).scores
    # The run's own setting; the option, where it has none; and no attribute, where there is none.
    typed = cpu(tmp_path / "run")
    assert evaluate(EvaluateRequest(typed, **data)).scores == expected
    assert evaluate(EvaluateRequest(typed, data=plain)).scores == expected
    asked = EvaluateRequest(cpu(run), class_from="attributes.type", **data)
    assert evaluate(asked).scores == expected


def test_labels_for_a_student_are_a_sound_data_set(run: Path, tmp_path: Path) -> None:
    # Of every score: an untrained model is sure of little, and the boxes must be sound anyway.
    result = run_command(
        "teacher", "predict", run, run.parent / "data", "--output", tmp_path / "labels.json",
        "--score-threshold", "0.02", "--draw", tmp_path / "drawn", "--cvat", tmp_path / "cvat.xml",
        "--label-studio", tmp_path / "tasks.json", "--device", "cpu",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "boxes in 24 images" in result.stdout
    content = json.loads((tmp_path / "labels.json").read_text())
    assert [category["name"] for category in content["categories"]] == list(CLASSES)
    assert len(content["annotations"]) > 100
    seen = run_command(
        "inspect-data", tmp_path / "labels.json", "--images", run.parent / "data",
        "--format", "json", "--deep",
    )  # fmt: skip
    findings = json.loads(seen.stdout)["findings"]
    assert [f["code"] for f in findings if f["severity"] != "info"] == []
    assert len(list((tmp_path / "drawn").rglob("*.jpg"))) == 24
    assert (tmp_path / "cvat.xml").read_text().count("<box ") == len(content["annotations"])
    assert f"paste {tmp_path / 'cvat.labels.json'} as its raw labels" in result.stderr
    assert "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT=" in result.stderr
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    assert sum(len(t["predictions"][0]["result"]) for t in tasks if "predictions" in t) == len(
        content["annotations"]
    )


def test_a_student_gets_the_labels_of_the_run_and_the_teacher_s_for_new_images(
    run: Path, tmp_path: Path
) -> None:
    new = tmp_path / "neue Bilder é"
    make_images(new, images=3, seed=9, classes=CLASSES)
    (new / "annotations.json").unlink()
    # An image that the run validates on is no new one, wherever it lies.
    val = json.loads((run / "data" / "val.json").read_text())
    shutil.copy(run.parent / "data" / "images" / val["images"][0]["file_name"], new / "again.jpg")
    out = tmp_path / "student"
    result = run_command(
        "teacher", "predict", run, new, "--student", "rfdetr", "--output", out,
        "--score-threshold", "0.02", "--device", "cpu",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert f"RFDETRMedium().train(dataset_dir='{out}'" in result.stderr
    written = {}
    for part, folder in (("train", "train"), ("val", "valid"), ("test", "test")):
        own = json.loads((run / "data" / f"{part}.json").read_text())
        content = json.loads((out / folder / "_annotations.coco.json").read_text())
        assert [category["name"] for category in content["categories"]] == list(CLASSES)
        people = [one for one in content["annotations"] if "score" not in one]
        assert [one["bbox"] for one in people] == [one["bbox"] for one in own["annotations"]]
        assert len(content["images"]) == len(own["images"]) + 3 * (part == "train")
        written[part] = len(content["images"])
    told = ", ".join(f"{written[part]} {part}" for part in ("train", "val", "test"))
    assert f"images for the student: {told}; 24 images labeled by people" in result.stdout
    seen = run_command("inspect-data", out, "--format", "json")
    findings = json.loads(seen.stdout)["findings"]
    assert [f["code"] for f in findings if f["severity"] == "error"] == []
    again = run_command("teacher", "predict", run, new, "--student", "coco", "--output", out)
    assert again.returncode == 1
    assert f"--output {out}: exists, and nothing is overwritten" in again.stderr


def test_a_student_of_labelled_images_alone_needs_nothing_from_the_teacher(
    run: Path, tmp_path: Path
) -> None:
    request = PredictRequest(
        cpu(run), (run.parent / "data",), tmp_path / "out", student="coco", copy_images=True
    )
    result = predict(request)
    assert result.images == 0
    assert result.student.endswith("; 24 images labeled by people")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("predict", "RUN", "lost.jpg", "--output", "OUT"), "lost.jpg: there is no such file"),
        (("predict", "RUN", "DATA", "--images", "lost", "--output", "OUT"), "--images lost"),
        (("evaluate", "RUN", "--data", "lost.json"), "lost.json: F1 there is no such file"),
        (("evaluate", "RUN", "--data", "DATA", "--images", "lost"), "--images lost"),
        (("predict", "lost", "DATA", "--output", "OUT"), "lost: is neither a run folder"),
    ],
)
def test_what_is_missing_is_told_before_anything_slow_is_imported(
    run: Path, tmp_path: Path, wrong: tuple[str, ...], said: str
) -> None:
    for name in ("torch", "mmengine"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} was imported')\n")
    data = run.parent / "data" / "annotations.json"
    places = {"RUN": run, "DATA": data, "OUT": tmp_path / "labels.json"}
    result = run_command("teacher", *(places.get(word, word) for word in wrong), modules=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {said}")


def test_an_interrupted_prediction_goes_on_with_no_image_twice(run: Path, tmp_path: Path) -> None:
    images = tmp_path / "many"
    images.mkdir()
    sources = sorted((run.parent / "data").rglob("*.jpg"))
    (images / "0000.jpg").write_bytes(b"no image")
    for number in range(1, 81):
        shutil.copy(sources[number % len(sources)], images / f"{number:04}.jpg")
    output = tmp_path / "labels.json"
    arguments: tuple[object, ...] = ("predict", run, images, "--output", output)
    arguments += ("--device", "cpu")
    partial = tmp_path / ".labels.json.partial"
    deadline = time.monotonic() + 120
    with commands.start_command("teacher", *arguments) as process:
        while not (partial.exists() and partial.read_bytes().count(b"\n") > 10):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert not output.exists()
    again = run_command("teacher", *arguments, "--draw", tmp_path / "drawn")
    assert again.returncode == 0, again.stderr
    assert len(list((tmp_path / "drawn").iterdir())) == 80, "those labeled before, too"
    assert "continued after" in again.stderr
    assert "warning: 1 images cannot be read and are left out:" in again.stderr
    content = json.loads(output.read_text())
    names = [image["file_name"] for image in content["images"]]
    assert names == [f"{number:04}.jpg" for number in range(1, 81)]
    assert not partial.exists()


def test_a_damaged_image_is_left_out_and_named(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run.parent / "data", tmp_path / "data")
    broken = sorted((tmp_path / "data").rglob("*.jpg"))[3]
    broken.write_bytes(b"no image")
    result = predict(PredictRequest(cpu(run), (tmp_path / "data",), tmp_path / "labels.json"))
    assert result.images == 23
    assert len(result.unreadable) == 1
    assert broken.name in result.unreadable[0]
    with pytest.raises(UserError, match=rf"{broken.name}: the image cannot be read"):
        evaluate(EvaluateRequest(cpu(run), data=tmp_path / "data" / "annotations.json"))


def test_images_of_which_none_can_be_read_are_an_error(run: Path, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"no image")
    with pytest.raises(UserError, match=r"none of the images can be read.*a\.jpg"):
        predict(PredictRequest(cpu(run), (tmp_path,), tmp_path / "labels.json"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "b.jpg"]


def test_a_run_knows_the_images_of_its_splits_and_is_told_when_they_move(
    run: Path, scored: Evaluation, tmp_path: Path
) -> None:
    result = predict(
        PredictRequest(cpu(run), (run / "data" / "val.json",), tmp_path / "labels.json")
    )
    assert result.images == scored.num_images
    moved = tmp_path / "moved"
    with pytest.raises(UserError, match="--images DIR"):
        evaluate(EvaluateRequest(cpu(run), images=moved))
    shutil.copytree(run.parent / "data" / "images", moved)
    assert evaluate(EvaluateRequest(cpu(run), images=moved)).scores == scored.scores


def test_names_that_command_a_terminal_are_written_out(run: Path, tmp_path: Path) -> None:
    evil = make_images(tmp_path, images=3, seed=1, classes=("green cross", CLASSES[0]))
    content = json.loads(evil.read_text())
    content["categories"][0]["name"] = "evil \x1b[31mred"
    evil.write_text(json.dumps(content))
    result = run_command("teacher", "evaluate", run, "--data", evil, "--device", "cpu")
    assert result.returncode == 0, result.stderr
    assert "\\u001b[31mred" in result.stderr
    assert "\x1b" not in result.stdout + result.stderr


def test_data_with_other_classes_is_told_apart(run: Path, tmp_path: Path) -> None:
    classes = (CLASSES[0], "green cross")
    partly = make_images(tmp_path / "partly", images=6, seed=1, classes=classes)
    scores = evaluate(EvaluateRequest(cpu(run), data=partly))
    assert scores.ignored_classes == ("green cross",)
    assert [entry.objects for entry in scores.scores.classes][1] == 0
    own = evaluate(EvaluateRequest(cpu(run), data=partly, own_classes=True))
    assert own.prompt == classes
    foreign = make_images(tmp_path / "foreign", images=6, seed=1, classes=("green cross",))
    with pytest.raises(UserError, match=r"none of its classes \('green cross'\).*--own-classes"):
        evaluate(EvaluateRequest(cpu(run), data=foreign))


def test_what_does_not_go_together_is_one_message(run: Path, tmp_path: Path) -> None:
    for request, message in (
        (EvaluateRequest(cpu(run), split="val", data=tmp_path), "--split names a split of the run"),
        (EvaluateRequest(cpu(run), own_classes=True), "goes with --data"),
        (EvaluateRequest(cpu(run, weights="x.pth")), "are for bundles"),
        (EvaluateRequest(cpu(tmp_path)), "neither a run folder"),
    ):
        with pytest.raises(UserError, match=message):
            evaluate(request)
    sources = (run.parent / "data",)
    for changes, message in (
        ({"output": tmp_path / "labels.csv"}, r"a \.json file"),
        ({"output": run / "settings.yaml"}, r"a \.json file"),
        ({"output": run / "results.json"}, "exists, and nothing is overwritten"),
        ({"score_threshold": 2.0}, "give 0 to 1"),
        ({"precision": 0.5, "score_threshold": 0.2}, "leave --score-threshold out"),
        ({"precision": 0.9999}, "no class reaches it surely"),
        ({"draw": run / "settings.yaml"}, "is a file; give a folder"),
    ):
        values = {"output": tmp_path / "labels.json", **changes}
        with pytest.raises((UserError, UsageError), match=message):
            predict(PredictRequest(cpu(run), sources, **values))


def test_masks_of_a_sam_model_are_written_and_scored(run: Path, tmp_path: Path) -> None:
    sam = str(write_tiny_sam(tmp_path / "sam"))
    found = evaluate(EvaluateRequest(cpu(run), masks=sam))
    assert found.masks is not None
    assert found.masks.average_precision is not None
    assert 0 <= found.masks.average_precision <= 1
    assert found.masks.average_precision != found.scores.average_precision

    images = run.parent / "data"
    labels = json.loads((images / "annotations.json").read_text())
    for annotation in labels["annotations"]:
        annotation.pop("segmentation")
    labels["images"] = labels["images"][:2]
    shown = {image["id"] for image in labels["images"]}
    labels["annotations"] = [a for a in labels["annotations"] if a["image_id"] in shown]
    boxes_only = tmp_path / "boxes.json"
    boxes_only.write_text(json.dumps(labels))
    with pytest.raises(UsageError, match="has no masks to compare with"):
        evaluate(EvaluateRequest(cpu(run), data=boxes_only, images=images, masks=sam))

    output = tmp_path / "predicted.json"
    result = run_command(
        "teacher", "predict", run, boxes_only, "--images", images, "--output", output,
        "--masks", sam, "--score-threshold", 0.3, "--device", "cpu",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    written = json.loads(output.read_text())["annotations"]
    assert written
    sizes = {(image["height"], image["width"]) for image in labels["images"]}
    assert {tuple(a["segmentation"]["size"]) for a in written} <= sizes


def test_an_audit_lists_what_the_teacher_doubts_and_changes_nothing(
    run: Path, tmp_path: Path
) -> None:
    labels = [run / "data" / f"{split}.json" for split in ("val", "test")]
    before = [path.read_bytes() for path in labels]
    page, tasks = tmp_path / "audit.html", tmp_path / "tasks.json"
    result = run_command(
        *("teacher", "audit", run, "--device", "cpu", "--format", "json"),
        *("--html", page, "--label-studio", tasks),
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["images"] == {
        str(path): len(json.loads(content)["images"])
        for path, content in zip(labels, before, strict=True)
    }
    assert sum(found["images"].values()) + found["left_out"] == 24
    assert all(0.05 <= suspect["probability"] <= 1 for suspect in found["suspects"])
    assert [path.read_bytes() for path in labels] == before
    assert page.is_file()
    assert len(json.loads(tasks.read_text())) <= len(found["suspects"])

    again = run_command("teacher", "audit", run, "--html", page)
    assert (again.returncode, again.stdout) == (1, "")
    assert "exists, and nothing is overwritten" in again.stderr
    everything = run.parent / "data" / "annotations.json"
    own = json.loads(everything.read_text())
    trained = json.loads((run / "data" / "train.json").read_text())["images"]
    names = {image["file_name"] for image in trained}
    own["images"] = [image for image in own["images"] if image["file_name"] in names]
    ids = {image["id"] for image in own["images"]}
    own["annotations"] = [a for a in own["annotations"] if a["image_id"] in ids]
    seen = everything.with_name("seen.json")
    seen.write_text(json.dumps(own))
    refused = run_command("teacher", "audit", run, "--data", seen, "--device", "cpu")
    assert refused.returncode == 1
    assert "would agree with their errors. Add --folds 3" in refused.stderr
