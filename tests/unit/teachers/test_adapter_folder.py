import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from demo_model import DEMO_BASE, build_model, demo_batch, make_info, make_settings
from train_teacher.core.errors import UserError
from train_teacher.mmdet_plugin.lora.adapters import use_adapter, without_adapters
from train_teacher.reports.summary import RunSummary
from train_teacher.teachers.adapter_folder import (
    attach_adapter,
    base_of,
    fill_adapter,
    preprocessing_of,
    read_card,
    write_adapter,
)
from train_teacher.teachers.card import describe_teacher

SCORE, PIXELS = 1e-5, 1e-3
"""Tolerance for rounding: the order of sums differs between CPUs."""


def plain_model(base: Path = DEMO_BASE) -> Any:
    return build_model(make_settings(weights=str(base)))


def outputs(model: Any) -> list[torch.Tensor]:
    torch.manual_seed(1)
    inputs, samples = demo_batch(model)
    model.eval()
    with torch.no_grad():
        results = model.predict(inputs, samples)
    found = [r.pred_instances for r in results]
    return [tensor for f in found for tensor in (f.scores, f.bboxes)]


def same(left: list[torch.Tensor], right: list[torch.Tensor], slack: float = 1) -> bool:
    """Return whether scores and boxes are equal, up to what two orders of adding make of them."""
    return all(
        torch.allclose(a, b, rtol=0, atol=slack * (PIXELS if a.ndim == 2 else SCORE))
        for a, b in zip(left, right, strict=True)
    )


def train_and_write(work: Path, targets: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return a model after some steps, and the folder that its adapter was written to."""
    settings = make_settings(weights=str(DEMO_BASE), tune="lora", lora_targets=list(targets))
    torch.manual_seed(0)
    model = build_model(settings)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3)
    inputs, samples = demo_batch(model)
    model.train()
    for _ in range(3):
        losses = model.loss(inputs, samples)
        optimizer.zero_grad()
        sum(value for key, value in losses.items() if "loss" in key).backward()
        optimizer.step()
    names = {name for name, p in model.named_parameters() if p.requires_grad}
    state = {name: tensor for name, tensor in model.state_dict().items() if name in names}
    torch.save({"state_dict": state, "meta": {}}, work / "best.pth")
    preprocessor = {"mean": [1.0, 2.0, 3.0], "std": [4.0, 5.0, 6.0], "bgr_to_rgb": True}
    card = describe_teacher(
        make_info(),
        settings,
        RunSummary(None, None, None),
        base=base_of(model),
        preprocessing=preprocessing_of({"data_preprocessor": preprocessor}, [160, 160]),
    )
    write_adapter(work / "adapter", model, work / "best.pth", card)
    (work / "half").mkdir()
    fill_adapter(work / "half", model, work / "best.pth", card, half=True)
    return {"model": model, "folder": work / "adapter", "half": work / "half"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return train_and_write(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def untouched() -> Any:
    """A model that no test changes: what is refused leaves it as it is."""
    return plain_model()


def test_peft_loads_the_folder_with_identical_outputs(trained: Any) -> None:
    from peft import PeftModel

    wrapped = PeftModel.from_pretrained(plain_model(), str(trained["folder"]))
    assert same(outputs(wrapped.base_model.model), outputs(trained["model"]))


def test_we_load_the_folder_with_identical_outputs(trained: Any) -> None:
    model = plain_model()
    untrained = outputs(model)
    card = attach_adapter(model, trained["folder"])
    assert card.class_names == ["red circle", "blue square"]
    assert same(outputs(model), outputs(trained["model"]))
    assert not same(outputs(model), untrained, slack=100)


def test_merging_gives_the_plain_detector_with_the_same_outputs(trained: Any) -> None:
    from peft import PeftModel

    merged = PeftModel.from_pretrained(plain_model(), str(trained["folder"])).merge_and_unload()
    assert set(merged.state_dict()) == set(plain_model().state_dict())
    assert same(outputs(merged), outputs(trained["model"]))


def test_an_adapted_attention_makes_the_same_round_trips(tmp_path: Path) -> None:
    from peft import PeftModel

    trained = train_and_write(tmp_path, ("decoder", "attention"))
    wanted = outputs(trained["model"])
    ours = plain_model()
    attach_adapter(ours, trained["folder"])
    assert same(outputs(ours), wanted)
    wrapped = PeftModel.from_pretrained(plain_model(), str(trained["folder"]))
    assert same(outputs(wrapped.base_model.model), wanted)
    assert same(outputs(wrapped.merge_and_unload()), wanted)


def test_several_adapters_share_one_base(trained: Any, tmp_path: Path) -> None:
    second = train_and_write(tmp_path, ("decoder", "attention"))
    model = plain_model()
    model.requires_grad_(False)
    base = outputs(model)
    attach_adapter(model, trained["folder"], "one")
    attach_adapter(model, second["folder"], "two")
    assert same(outputs(model), outputs(second["model"]))
    use_adapter(model, "one")
    assert same(outputs(model), outputs(trained["model"]))
    with without_adapters(model):
        assert all(torch.equal(a, b) for a, b in zip(outputs(model), base, strict=True))
    with pytest.raises(ValueError, match="no adapter 'three'"):
        use_adapter(model, "three")


def test_half_precision_halves_the_file_and_nearly_keeps_the_outputs(trained: Any) -> None:
    sizes = [
        (trained[key] / "adapter_model.safetensors").stat().st_size for key in ("folder", "half")
    ]
    assert sizes[1] < 0.55 * sizes[0]
    model = plain_model()
    attach_adapter(model, trained["half"])
    for ours, exact in zip(outputs(model)[::2], outputs(trained["model"])[::2], strict=True):
        assert (ours - exact).abs().max() < 0.02  # scores, 0 to 1


def test_the_card_tells_base_classes_and_versions(trained: Any) -> None:
    card = read_card(trained["folder"])
    assert card.base is not None
    assert card.base.name == DEMO_BASE.name
    assert len(card.base.sha256) == 64
    assert card.prompt == "red circle. blue square. "
    assert card.preprocessing.channels == "RGB"
    assert {"torch", "peft", "mmdet"} <= set(card.versions)
    config = json.loads((trained["folder"] / "adapter_config.json").read_text())
    assert config["peft_type"] == "LORA"
    assert config["base_model_name_or_path"] == DEMO_BASE.name


def test_another_base_is_refused(trained: Any, tmp_path: Path) -> None:
    content = torch.load(DEMO_BASE, weights_only=True)
    content["state_dict"]["level_embed"] += 1
    other = tmp_path / "other.pth"
    torch.save(content, other)
    with pytest.raises(
        UserError, match=r"trained on the base demo_base\.pth.*built from other\.pth"
    ):
        attach_adapter(plain_model(other), trained["folder"])


def damaged_copy(folder: Path, target: Path, name: str, content: bytes | None) -> Path:
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    if content is None:
        (target / name).unlink()
    else:
        (target / name).write_bytes(content)
    return target


@pytest.mark.parametrize("damage", ["cut", "one bit", "gone"])
@pytest.mark.parametrize(
    "name", ["adapter_model.safetensors", "adapter_config.json", "teacher.json"]
)
def test_a_damaged_file_is_named(
    trained: Any, untouched: Any, tmp_path: Path, name: str, damage: str
) -> None:
    whole = (trained["folder"] / name).read_bytes()
    middle = len(whole) // 2
    content = {
        "cut": whole[:middle],
        "one bit": whole[:2] + bytes([whole[2] ^ 128]) + whole[3:],
        "gone": None,
    }[damage]
    folder = damaged_copy(trained["folder"], tmp_path / "copy", name, content)
    with pytest.raises(UserError, match=name):
        attach_adapter(untouched, folder)


def test_an_adapter_of_another_architecture_does_not_fit(trained: Any, tmp_path: Path) -> None:
    config = json.loads((trained["folder"] / "adapter_config.json").read_text())
    config["r"] = 8
    text = json.dumps(config).encode()
    folder = damaged_copy(trained["folder"], tmp_path / "copy", "adapter_config.json", text)
    with pytest.raises(UserError, match="does not fit the model"):
        attach_adapter(plain_model(), folder)


def test_writing_again_replaces_the_adapter_whole(trained: Any, tmp_path: Path) -> None:
    folder = damaged_copy(trained["folder"], tmp_path / "adapter", "stale.txt", b"old")
    best = trained["folder"].parent / "best.pth"
    card = msgspec.structs.replace(read_card(trained["folder"]), prompt="new")
    write_adapter(folder, trained["model"], best, card)
    assert {path.name for path in folder.iterdir()} == {
        "adapter_model.safetensors",
        "adapter_config.json",
        "teacher.json",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]
