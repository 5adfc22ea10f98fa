"""`teacher export`: bundles that others load, with and without train-teacher."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from commands import run_command
from demo_model import demo_batch
from generated_data import make_images
from hub_model import write_preset
from train_teacher.engine import runner
from train_teacher.teachers import standalone_model

CLASSES = ("red circle", "blue square")

# What a user of MMDetection has: no train-teacher. Here mmcv is mmcv-lite, so an empty module
# stands for its compiled operations, none of which Grounding DINO needs on a CPU.
STOCK = """
import sys, types
from importlib.machinery import ModuleSpec

class Empty(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return None

try:
    import mmcv._ext
except ModuleNotFoundError:
    empty = Empty("mmcv._ext")
    empty.__spec__ = ModuleSpec("mmcv._ext", loader=None)
    sys.modules["mmcv._ext"] = empty
import torch
from mmdet.apis import init_detector

folder, batch, out = sys.argv[1:]
model = init_detector(f"{folder}/config.py", f"{folder}/model.pth", device="cpu")
assert type(model).__module__ == "mmdet.models.detectors.grounding_dino"
assert type(model.language_model).__name__ == "BertModel"
assert not [name for name in sys.modules if name.startswith("train_teacher")]
inputs, samples = torch.load(batch, weights_only=False)
with torch.no_grad():
    results = model.predict(inputs, samples)
found = [r.pred_instances for r in results]
torch.save([(f.scores, f.bboxes, f.labels) for f in found], out)
print(model.dataset_meta["classes"])
"""


def teacher(*arguments: object) -> subprocess.CompletedProcess[str]:
    return run_command("teacher", *arguments)


@pytest.fixture(scope="module", params=["lora", "frozen"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp(request.param)
    data = make_images(work / "data", images=12, seed=5, classes=CLASSES)
    output = work / "exp"
    result = teacher("train", "--data", data, "--output", output, "--model", "demo", "--device",
                     "cpu", "--tune", request.param, "--epochs", 1)  # fmt: skip
    assert result.returncode == 0, result.stderr
    return output


def bundle(run: Path, name: str, *options: str) -> Path:
    output = run.parent / name
    result = teacher("export", run, "--output", output, *options)
    assert result.returncode == 0, result.stderr
    assert str(output) in result.stdout
    return output


@pytest.fixture(scope="module")
def merged(run: Path) -> Path:
    return bundle(run, "merged", "--merge")


def outputs(model: Any, batch: Any) -> list[tuple[torch.Tensor, ...]]:
    with torch.no_grad():
        results = model.predict(*batch)
    found = [r.pred_instances for r in results]
    return [(f.scores, f.bboxes, f.labels) for f in found]


def test_a_merged_model_runs_in_mmdetection_alone_with_the_same_outputs(
    run: Path, merged: Path
) -> None:
    assert {path.name for path in merged.iterdir()} == {
        "README.md",
        "config.py",
        "language_model",
        "model.pth",
        "teacher.json",
    }
    config = runner.load_config(run / "mmdet_config.py")
    model = standalone_model.build_trained_detector(config, run / "checkpoints" / "best.pth")
    torch.manual_seed(0)
    batch = demo_batch(model)
    torch.save(batch, run.parent / "batch.pt")
    wanted = outputs(model, batch)
    stock = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STOCK, merged, run.parent / "batch.pt",
         run.parent / "out.pt"],
        capture_output=True, text=True, timeout=300, check=False, cwd="/",
        env={"PATH": os.environ["PATH"], "HOME": str(run.parent), "CUDA_VISIBLE_DEVICES": ""},
    )  # fmt: skip
    assert stock.returncode == 0, stock.stderr
    assert all(name in stock.stdout for name in CLASSES)
    for ours, theirs in zip(wanted, torch.load(run.parent / "out.pt"), strict=True):
        assert torch.allclose(ours[0], theirs[0], atol=1e-5)
        assert torch.allclose(ours[1], theirs[1], atol=1e-3)  # pixels
        assert torch.equal(ours[2], theirs[2])


def test_half_precision_halves_a_merged_model(run: Path, merged: Path) -> None:
    half = bundle(run, "half", "--merge", "--half")
    sizes = [(folder / "model.pth").stat().st_size for folder in (merged, half)]
    assert sizes[1] < 0.55 * sizes[0]
    weights = torch.load(half / "model.pth", weights_only=True)["state_dict"]
    assert weights["level_embed"].dtype == torch.float16


def test_a_bundle_without_merging_holds_only_what_training_changed(run: Path) -> None:
    folder = bundle(run, "bundle")
    names = {path.name for path in folder.iterdir()}
    files = {"adapter_model.safetensors", "adapter_config.json"}
    lora = (run / "adapter").exists()
    assert names == {"README.md", "teacher.json", *(files if lora else {"teacher.pth"})}
    card = (folder / "README.md").read_text()
    for text in (*CLASSES, "demo_base.pth", "SHA-256", "mAP", "train: "):
        assert text in card
    assert str(run) not in card + (folder / "teacher.json").read_text()
    assert json.loads((folder / "teacher.json").read_text())["class_names"] == list(CLASSES)


def test_what_cannot_be_exported_is_one_message(run: Path, tmp_path: Path) -> None:
    no_run = teacher("export", tmp_path, "--output", tmp_path / "out")
    assert no_run.returncode == 1
    assert "is not a run folder" in no_run.stderr
    used = teacher("export", run, "--output", run)
    assert used.returncode == 1
    assert "already holds" in used.stderr
    assert not (tmp_path / "out").exists()


# What a user of transformers has: neither of these can be imported.
ALONE = """
import sys

for name in ("mmdet", "mmengine", "mmcv", "train_teacher"):
    sys.modules[name] = None
sys.path.insert(0, sys.argv[1])
import json
from pathlib import Path
from detect import Detector
from PIL import Image
from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

folder, *images = sys.argv[1:]
AutoModelForZeroShotObjectDetection.from_pretrained(folder)
AutoProcessor.from_pretrained(folder)
detector = Detector(folder)
found = [[part.tolist() for part in detector(Image.open(image))] for image in images]
Path(folder, "found.json").write_text(json.dumps(found))
"""


@pytest.fixture(scope="module")
def fitting_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run whose model transformers' class can hold."""
    work = tmp_path_factory.mktemp("fitting")
    data = make_images(work / "data", images=12, seed=5, classes=CLASSES)
    run = work / "exp"
    result = teacher("train", "--data", data, "--output", run, "--device", "cpu", "--epochs", 1,
                     "--model", write_preset(work / "small"), "--tune", "full")  # fmt: skip
    assert result.returncode == 0, result.stderr
    return run


def test_an_onnx_bundle_finds_the_same_as_its_run(fitting_run: Path, tmp_path: Path) -> None:
    folder = bundle(fitting_run, "onnx", "--format", "onnx")
    canvas = json.loads((folder / "teacher.json").read_text())["canvas"]
    readme = (folder / "README.md").read_text()
    assert f"1, 3, {canvas[0]}, {canvas[1]}" in readme
    assert "`python onnx/detect.py IMAGES...`" in readme
    assert "`--precision 0.9`" in readme
    scores = []
    for place in (fitting_run, folder):
        found = tmp_path / f"{place.name}.json"
        result = teacher("evaluate", place, "--data", fitting_run / "data" / "val.json", "--images",
                         fitting_run.parent / "data", "--device", "cpu",
                         "--detections", found)  # fmt: skip
        assert result.returncode == 0, result.stderr
        scores.append(sorted((r["image_id"], r["score"]) for r in json.loads(found.read_text())))
    assert len(scores[0]) == len(scores[1]) > 0
    for own, other in zip(*scores, strict=True):
        assert own == pytest.approx(other, abs=1e-3)


def test_a_bundle_for_transformers_finds_the_same_where_no_mmdetection_is(
    fitting_run: Path, tmp_path: Path
) -> None:
    run = fitting_run
    folder = bundle(run, "hub", "--format", "transformers")
    header = (folder / "README.md").read_text().split("---")[1]
    for line in ("library_name: transformers", "pipeline_tag: zero-shot-object-detection"):
        assert line in header
    assert "`--precision 0.9`" in (folder / "README.md").read_text()
    found = tmp_path / "found.json"
    scores = teacher("evaluate", run, "--device", "cpu", "--detections", found)
    assert scores.returncode == 0, scores.stderr
    content = json.loads((run / "data" / "val.json").read_text())
    data = run.parent / "data"
    paths = [data / image["file_name"] for image in content["images"]]
    paths = [path if path.is_file() else next(data.rglob(path.name)) for path in paths]
    alone = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ALONE, folder, *paths],
        capture_output=True, text=True, timeout=300, check=False, cwd="/",
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CUDA_VISIBLE_DEVICES": "",
             "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert alone.returncode == 0, alone.stderr
    theirs = json.loads((folder / "found.json").read_text())
    records = json.loads(found.read_text())
    for image, (_, _, scores_there) in zip(content["images"], theirs, strict=True):
        own = sorted((r["score"] for r in records if r["image_id"] == image["id"]), reverse=True)
        assert own
        assert scores_there[: len(own)] == pytest.approx(own, abs=1e-4)


def test_a_base_made_by_transformers_alone_is_trained_and_exported_again(tmp_path: Path) -> None:
    from transformers import MMGroundingDinoConfig, MMGroundingDinoForObjectDetection

    from demo_model import build_config, make_settings
    from train_teacher.hub.geometry import DELIMITERS, transformers_config

    preset = write_preset(tmp_path / "small")
    with preset.open("a") as file:
        file.write("evaluate_before: false\n")  # or best.pth would be the base, as good at 0
    settings = make_settings(str(preset))
    bert = json.loads((Path(settings.language_model) / "config.json").read_text())
    config = transformers_config(build_config(settings).model.to_dict(), bert, DELIMITERS)
    torch.manual_seed(1)
    base = MMGroundingDinoForObjectDetection(MMGroundingDinoConfig(**config))
    base.save_pretrained(tmp_path / "base")
    data = make_images(tmp_path / "data", images=12, seed=5, classes=CLASSES)
    train = ("train", "--data", data, "--device", "cpu", "--epochs", 1)
    run = tmp_path / "exp"
    options = ("--output", run, "--model", preset, "--weights", tmp_path / "base")
    result = teacher(*train, *options)
    assert result.returncode == 0, result.stderr
    log = "".join(path.read_text() for path in run.rglob("*.log"))
    assert "not in the file: dn_query_generator.label_embedding.weight" in log
    folder = bundle(run, "hub", "--format", "transformers")
    there = MMGroundingDinoForObjectDetection.from_pretrained(folder).state_dict()
    frozen = "model.backbone.conv_encoder.model.encoder.layers.1.downsample.reduction.weight"
    assert torch.equal(there[frozen], base.state_dict()[frozen])
    trained = "model.encoder.layers.0.fusion_layer.attn.text_proj.weight"
    assert not torch.equal(there[trained], base.state_dict()[trained])
    wrong = teacher(*train, "--output", tmp_path / "no", "--weights", tmp_path / "base",
                    "--language-model", settings.language_model)  # fmt: skip
    assert wrong.returncode == 1
    assert "does not fit the model" in wrong.stderr
    assert "use --model demo" in wrong.stderr
