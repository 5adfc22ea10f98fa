"""The user's own config is trained as it is; protected parts are refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from generated_data import make_images
from planned_run import plan, written
from train_teacher.config import merge
from train_teacher.config.generate import generate_mmdet_config
from train_teacher.core.errors import UsageError, UserError
from train_teacher.runs.edited_config import read_edited, settings_beneath
from train_teacher.runs.folder import RunFolder
from train_teacher.settings.read import read_layers
from train_teacher.teachers.run_config import run_config
from train_teacher.training import plan as use_case

pytestmark = pytest.mark.usefixtures("mmdet_ready")
CLASSES = ("red star", "blue ring")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_images(tmp_path_factory.mktemp("data"), images=24, seed=5, classes=CLASSES)


@pytest.fixture
def run(data: Path, tmp_path: Path) -> RunFolder:
    found = plan(
        None, tmp_path / "exp1", data=str(data), model="demo", device="cpu",
        prompts={"red star": "crimson star"}, epochs=4,
    )  # fmt: skip
    written(found)
    found.manager.write_splits(found.folder.data)
    return found.folder


def edit(file: Path, *changes: tuple[str, str]) -> Path:
    text = file.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)
    return file


def planned(file: Path, output: Path, **given: Any) -> use_case.TrainingPlan:
    values = {"output": str(output), "mmdet_config": str(file), **given}
    edited = read_edited(file, values)
    settings = settings_beneath(edited, values, None)
    return use_case.plan_training(settings, edited=edited, dry_run=True)


def executed(text: str) -> dict[str, Any]:
    scope: dict[str, Any] = {}
    exec(text, {}, scope)
    return {key: value for key, value in scope.items() if key in merge.RUNNER_KEYS}


def test_a_file_that_nobody_edited_gives_the_same_run(run: RunFolder, tmp_path: Path) -> None:
    found = planned(run.config, tmp_path / "exp2")
    assert found.settings.edited == {}
    assert found.config_text.replace("exp2", "exp1") == run.config.read_text()
    assert found.settings.prompts == {"red star": "crimson star"}


def test_what_the_file_says_is_what_is_trained_and_settings_tell_what_they_can(
    run: RunFolder, tmp_path: Path
) -> None:
    edit(
        run.config,
        ("max_epochs = 4", "max_epochs = 7"),
        ("base_lr = 0.0004", "base_lr = 3e-5"),
        ("prob=0.5", "prob=0.25"),
        ("frozen_modules=['backbone', ", "frozen_modules=["),
        ("with_box_refine=True, ", ""),
        ("window_size=", "extra=(1, 2), window_size="),
    )
    found = planned(run.config, tmp_path / "exp2")
    settings = found.settings
    assert (settings.epochs, settings.lr, settings.tune) == (7, 3e-5, "full")
    assert settings.freeze == ["language_model"]
    assert settings.mmdet_config == str(run.config)
    assert settings.edited["train_dataloader.dataset.dataset.pipeline.2.prob"] == "0.25"
    assert settings.edited["model.with_box_refine"] == "..."
    assert settings.edited["model.backbone.extra"] == "(1, 2)"
    wanted = run.config.read_text().replace(str(run.root), str(tmp_path / "exp2"))
    assert executed(found.config_text) == executed(wanted)


def test_the_run_is_built_again_from_its_settings_without_the_file(
    run: RunFolder, tmp_path: Path
) -> None:
    edit(run.config, ("prob=0.5", "prob=0.25"), ("max_epochs = 4", "max_epochs = 30"))
    found = planned(run.config, tmp_path / "exp2")
    settings = written(found)
    run.config.unlink()
    again = read_layers({"output": str(found.folder.root)}, settings)
    content = run_config(found.folder, again, found.dataset_info).to_dict()
    assert content == executed(found.config_text)
    assert generate_mmdet_config(found.dataset_info, again).schedule == found.generated.schedule


def test_the_command_line_is_stronger_than_the_file(run: RunFolder, tmp_path: Path) -> None:
    edit(run.config, ("max_epochs = 4", "max_epochs = 7"), ("prob=0.5", "prob=0.25"))
    found = planned(run.config, tmp_path / "exp2", epochs=2)
    assert found.settings.epochs == 2
    assert executed(found.config_text)["train_cfg"]["max_epochs"] == 2
    assert "prob=0.25" in found.config_text


def test_a_copy_anywhere_is_as_good_as_the_file_in_its_run(run: RunFolder, tmp_path: Path) -> None:
    copy = tmp_path / "edited.py"
    copy.write_text(run.config.read_text())
    assert planned(copy, tmp_path / "exp2").settings.prompts == {"red star": "crimson star"}


def test_a_printed_config_finds_its_preset_and_asks_for_the_data_that_was_never_written(
    data: Path, tmp_path: Path
) -> None:
    printed = plan(None, tmp_path / "exp1", data=str(data), model="demo", epochs=3)
    file = tmp_path / "printed.py"
    file.write_text(printed.config_text.replace("prob=0.5", "prob=0.25"))
    with pytest.raises(UsageError, match=r"there is no .*train\.json .a dry run writes no data"):
        planned(file, tmp_path / "exp2")
    found = planned(file, tmp_path / "exp2", data=str(data))
    assert found.settings.model == "demo"
    assert list(found.settings.edited) == ["train_dataloader.dataset.dataset.pipeline.2.prob"]
    assert {"accumulation", "val_interval"} <= set(found.settings.decided.chosen)
    assert "epochs" not in found.settings.decided.chosen


def test_coco_files_that_the_file_names_are_inspected_and_trained(
    run: RunFolder, tmp_path: Path
) -> None:
    other = make_images(tmp_path / "other", images=12, seed=1, classes=CLASSES)
    content = json.loads(other.read_text().replace("red star", "crimson star"))
    for name, images in (("train", content["images"][:8]), ("val", content["images"][8:])):
        ids = {image["id"] for image in images}
        kept = [a for a in content["annotations"] if a["image_id"] in ids]
        part = {**content, "images": images, "annotations": kept}
        (other.parent / f"{name}.json").write_text(json.dumps(part))
    content["annotations"][0]["bbox"] = [float("nan")] * 4
    broken = other.parent / "broken.json"
    broken.write_text(json.dumps(content))
    edit(
        run.config,
        ("work_dir + '/data/", f"'{other.parent}/"),
        ("/test.json'", "/val.json'"),
        ("img=data_root", f"img='{other.parent / 'images'}/'"),
    )
    found = planned(run.config, tmp_path / "exp2")
    assert found.settings.data == str(other.parent / "train.json")
    assert [s.num_images for s in found.dataset_info.splits] == [8, 4]
    with pytest.raises(UserError, match="would make training wrong"):
        planned(edit(run.config, (f"{other.parent}/train.json", str(broken))), tmp_path / "exp2")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("type='TeacherGroundingDINO'", "type='GroundingDINO'", "model.type: may not be edited"),
        ("'crimson star', 'blue ring'", "'blue ring', 'crimson star'", "places in this list"),
        ("load_from = None", "load_from = 'x.pth'", "load_from: may not be edited"),
        ("    dict(type='FreezeProofHook'),\n", "", "custom_hooks: may not be edited"),
        ("max_epochs = 4", "max_epochs = 0", "epochs cannot be 0"),
        ("type='L1Loss'", "type='os.system'", "is no class that MMDetection"),
        ("model = dict(", "model = dic(", "cannot be run: NameError"),
        ("model = dict(", "detector = dict(", "has no model"),
        ("log_level = 'INFO'", "log_level = print", "not plain data"),
    ],
)
def test_what_cannot_be_trained_as_it_stands_is_refused_by_name(
    run: RunFolder, tmp_path: Path, old: str, new: str, message: str
) -> None:
    edit(run.config, (old, new))
    with pytest.raises(UsageError) as caught:
        planned(run.config, tmp_path / "exp2")
    assert "--mmdet-config" in str(caught.value)
    assert message in str(caught.value)
