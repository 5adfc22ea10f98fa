"""Settings that would run code are refused, wherever in them that stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from train_teacher.core.errors import UsageError
from train_teacher.core.python_files import OPTION, allow_python_files
from train_teacher.settings.layers import SettingsLayer, merge_settings
from train_teacher.settings.read import read_layers
from train_teacher.settings.schema import TeacherSettings

RUN = {"data": "d.json", "output": "o"}
OUTPUT = {"type": "subprocess.getoutput", "cmd": "id"}


@pytest.fixture
def allowed() -> Iterator[None]:
    allow_python_files(True)
    yield
    allow_python_files(False)


def merged(**values: Any) -> TeacherSettings:
    return merge_settings([SettingsLayer("own.yaml", {**RUN, **values}, {"set": 7})])


def refusal(**values: Any) -> str:
    with pytest.raises(UsageError) as caught:
        merged(**values)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"set": {"model.bbox_head.loss_bbox": OUTPUT}}, "set.model.bbox_head.loss_bbox.type"),
        ({"set": {"model.neck.type": "os.system"}}, "set.model.neck.type"),
        ({"architecture": {"model.neck": {"a": [OUTPUT]}}}, "architecture.model.neck.a.0.type"),
        ({"augmentation": [{"type": "RandomApply", "transforms": [OUTPUT]}]}, ".transforms.0.type"),
        ({"schedule": [{**OUTPUT, "begin": 0}]}, "schedule.0.type"),
        ({"optimizer": OUTPUT}, "optimizer.type"),
        ({"set": {"optim_wrapper.constructor": "os.system"}}, "set.optim_wrapper.constructor"),
        ({"set": {"custom_hooks": [{"type": "EMAHook", "ema_type": "this"}]}}, ".0.ema_type"),
        ({"set": {"model.neck": {"type": "mmdet::FPN"}}}, "set.model.neck.type"),
        ({"set": {"model.neck": {"type": ["FPN"]}}}, "set.model.neck.type"),
    ],
)
def test_a_type_that_no_registry_has_is_refused_at_any_depth(
    values: dict[str, Any], place: str
) -> None:
    message = refusal(**values)
    assert message.startswith("own.yaml")
    assert place in message


def test_the_message_says_file_line_key_value_and_the_name_that_was_meant() -> None:
    message = refusal(set={"model.bbox_head.loss_bbox.type": "torch.nn.SmothL1Loss"})
    assert message.startswith(
        "own.yaml, line 7: set.model.bbox_head.loss_bbox.type: 'torch.nn.SmothL1Loss' is no class"
    )
    assert "would import and call it" in message
    assert message.endswith("Did you mean 'SmoothL1Loss'?")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"_scope_": "evil"}, "_scope_"),
        ({"a": {"_base_": "x"}}, "_base_"),
        ({"_delete_": True}, "_delete_"),
        ({"custom_imports": {"imports": ["evil"]}}, "custom_imports"),
        ({"a": ["{{ fileDirname }}"]}, "`{{`"),
        ({"{{$HOME:x}}": 1}, "`{{`"),
        ({"a": "subprocess.getoutput"}, "Python module"),
        ({"init_cfg": {"type": "Pretrained", "checkpoint": "x.pth"}}, "--weights"),
        ({"init_cfg": {"type": "Normal", "checkpoint": "x.pth"}}, "--weights"),
        ({"pretrained": "x.pth"}, "--weights"),
        ({"type": "KnowledgeDistillationSingleStageDetector"}, "config file of its teacher"),
        ({"teacher_config": "x.json"}, "run as a config file"),
        ({"type": "CameraMotionCompensation", "warp_mode": "exit()"}, "as Python"),
        ({"occluded_ann": "x.pkl"}, "can hold code"),
        ({"type": "nms(exit())"}, "no class"),
    ],
)
def test_other_ways_to_code_are_refused(value: dict[str, Any], said: str) -> None:
    assert said in refusal(set={"model.neck": value})


def test_a_dotted_key_is_looked_at_in_all_its_parts() -> None:
    assert "_scope_" in refusal(set={"model.neck._scope_": "evil"})
    assert "custom_imports" in refusal(set={"custom_imports.imports": ["evil"]})


def test_a_value_that_has_itself_inside_is_refused() -> None:
    circle: dict[str, Any] = {}
    circle["again"] = [circle, circle]
    assert "refers to itself" in refusal(set={"model.neck": circle})


@pytest.mark.parametrize(
    "values",
    [
        {"set": {"model.bbox_head.loss_bbox": {"type": "SmoothL1Loss", "beta": 0.1}}},
        {"set": {"optim_wrapper.clip_grad": {"type": "value", "clip_value": 1.0}}},
        {"set": {"model.test_cfg.nms": {"type": "nms", "iou_threshold": 0.7}}},
        {"set": {"model.backbone.pretrained": None, "experiment_name": "exp.first"}},
        {"augmentation": [{"type": "Albu", "transforms": [{"type": "HorizontalFlip"}]}]},
        {"schedule": [{"type": "PolyLR", "power": 2, "begin": 0, "end": 5, "by_epoch": True}]},
        {"optimizer": {"type": "SGD", "momentum": 0.9}, "lr": 1e-3},
        {"prompts": {"os.system": "{{ fileDirname }}"}},
    ],
)
def test_what_runs_nothing_is_accepted(values: dict[str, Any]) -> None:
    settings = merged(**values)
    assert all(getattr(settings, key) == value for key, value in values.items())


def test_an_albumentations_name_is_one_inside_albu_only() -> None:
    inside = {"type": "Albu", "transforms": [{"type": "os.system"}]}
    assert "transforms.0.type" in refusal(augmentation=[inside])
    assert "augmentation.0.type" in refusal(augmentation=[{"type": "HorizontalFlip"}])


@pytest.mark.parametrize("name", ["/tmp/evil.py", "../../evil.py", "a/../../evil.py", "~/e.py",
                                  "C:\\evil.py", "a\\..\\..\\evil.py"])  # fmt: skip
def test_a_base_config_of_somewhere_else_is_refused(name: str) -> None:
    message = refusal(base_config=name)
    assert message.startswith(f"own.yaml: base_config: {name} is a Python file")
    assert OPTION in message


@pytest.mark.usefixtures("allowed")
def test_a_base_config_of_somewhere_else_can_be_allowed() -> None:
    assert merged(base_config="/tmp/own.py").base_config == "/tmp/own.py"


def test_a_python_file_beside_a_preset_needs_the_option(tmp_path: Path) -> None:
    preset, code = tmp_path / "own.yaml", tmp_path / "own.py"
    preset.write_text("extends: demo\nbase_config: own.py\n", encoding="utf-8")
    code.write_text("raise SystemExit('it was run')\n", encoding="utf-8")
    with pytest.raises(UsageError, match=f"own.yaml, line 2: base_config: {code} is a Python"):
        read_layers({**RUN, "model": str(preset)}, None)
