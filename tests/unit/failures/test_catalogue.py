"""Each known failure is provoked through the library that raises it, or quoted from it."""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from train_teacher.console.error_boundary import facts_of, guarded, recognise_error
from train_teacher.failures.catalogue import Failure, known_failures
from train_teacher.mmdet_plugin import mmcv_ops

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.usefixtures("mmdet_ready")


class Worker(torch.utils.data.Dataset[int]):
    """A data set whose loading process ends by a signal."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> int:
        os.kill(os.getpid(), self.number)
        return index


class WrongKeyInWorker(torch.utils.data.Dataset[Any]):
    """A data set with a mistake of its own, on a line that names a field of COCO."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Any:
        return {"bbox": 0}["bbox"], {}["nothing"]


class UnreadableInWorker(torch.utils.data.Dataset[Any]):
    """A data set that reads a broken image in its loading process."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Any:
        return load_image(self.path)


def load_image(path: Path, backend: str = "cv2") -> Any:
    from mmcv.transforms import LoadImageFromFile

    return LoadImageFromFile(imdecode_backend=backend)({"img_path": str(path)})


def write(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


ANNOTATION = {
    **{"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0},
    **{"bbox": [1, 1, 5, 5], "area": 25},
}


def coco_dataset(path: Path, **changes: Any) -> Any:
    from mmdet.datasets import CocoDataset

    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}],
        "annotations": [ANNOTATION],
        "categories": [{"id": 1, "name": "cat"}],
    }
    write(path / "train.json", json.dumps({**content, **changes}))
    names = {"classes": ("cat",)}
    return CocoDataset(
        ann_file=str(path / "train.json"), metainfo=names, data_prefix={"img": ""}, pipeline=[]
    )


def loader(dataset: Any, **options: Any) -> Any:
    return list(torch.utils.data.DataLoader(dataset, num_workers=1, **options))


def import_mmdet_beside(module: str, version: str) -> None:
    """Run mmdet/__init__.py as if another version were installed beside it."""
    import mmdet

    other = importlib.import_module(module)
    own, other.__version__ = other.__version__, version
    try:
        spec = importlib.util.spec_from_file_location("mmdet_again", mmdet.__file__)
        assert spec is not None
        assert spec.loader is not None
        again = importlib.util.module_from_spec(spec)
        again.__package__ = "mmdet"
        spec.loader.exec_module(again)
    finally:
        other.__version__ = own


def without_ops() -> None:
    own = sys.modules.pop(mmcv_ops.MODULE)
    try:
        importlib.import_module(mmcv_ops.MODULE)
    finally:
        sys.modules[mmcv_ops.MODULE] = own


def unavailable(name: str) -> None:
    """Import a package as if it were not installed."""
    own = {m: sys.modules.pop(m) for m in list(sys.modules) if m.split(".")[0] == name}
    finders, sys.meta_path[:] = list(sys.meta_path), []
    try:
        importlib.import_module(name)
    finally:
        sys.meta_path[:] = finders
        sys.modules.update(own)


def taken_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        torch.distributed.TCPStore("127.0.0.1", taken.getsockname()[1], 1, True)


def unused_parameter(path: Path) -> None:
    """Train distributed, alone, with a weight that the loss does not reach."""

    class Half(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.used(x)  # type: ignore[no-any-return]

    with process_group(path):
        model = torch.nn.parallel.DistributedDataParallel(Half())
        for _ in range(2):
            model(torch.ones(1, 1)).sum().backward()


def ready_twice(path: Path) -> None:
    from torch.utils.checkpoint import checkpoint

    class Twice(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(2):
                x = checkpoint(self.layer, x, use_reentrant=True)
            return x

    with process_group(path):
        model = torch.nn.parallel.DistributedDataParallel(Twice(), find_unused_parameters=True)
        model(torch.ones(1, 1, requires_grad=True)).sum().backward()


class process_group:  # noqa: N801 - reads as a context
    """A distributed group of this one process."""

    def __init__(self, path: Path) -> None:
        self.address = f"file://{path}/group"

    def __enter__(self) -> None:
        torch.distributed.init_process_group("gloo", init_method=self.address, rank=0, world_size=1)

    def __exit__(self, *_: object) -> None:
        torch.distributed.destroy_process_group()


def too_many_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    held = []
    try:
        while True:
            held.append(Path(os.devnull).open())  # noqa: SIM115 - the point is to hold it open
    finally:
        for file in held:
            file.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def build(**config: Any) -> Any:
    from mmdet.registry import MODELS

    return MODELS.build(config, default_args={"_scope_": "mmdet"})


def evaluate_unknown_class() -> None:
    from mmdet.evaluation import CocoMetric

    metric = CocoMetric()
    metric.cat_ids = [1]
    box = {"bboxes": np.ones((1, 4)), "scores": np.ones(1), "labels": np.array([5])}
    metric.results2json([{"img_id": 1, **box}], "unused")


def too_many_tokens() -> None:
    from mmdet.models.dense_heads.grounding_dino_head import ContrastiveEmbed

    images, text = torch.ones(1, 3, 8), torch.ones(1, 6, 8)
    ContrastiveEmbed(max_text_len=4)(images, text, torch.ones(1, 6).bool())


def too_many_encoder_checkpoints() -> None:
    from mmdet.models.layers import DeformableDetrTransformerEncoder

    layer = {
        "self_attn_cfg": {"embed_dims": 16, "num_heads": 2, "num_levels": 1},
        "ffn_cfg": {"embed_dims": 16, "feedforward_channels": 16},
    }
    DeformableDetrTransformerEncoder(num_layers=1, num_cp=1, layer_cfg=layer)


def find_nouns() -> None:
    from mmdet.models.detectors.glip import find_noun_phrases

    find_noun_phrases("a cat and a dog")


def match_nothing() -> None:
    from scipy.optimize import linear_sum_assignment

    linear_sum_assignment(np.full((2, 2), np.nan))


def read_only() -> None:
    """Ask for what not even root may do."""
    with Path("/sys/kernel/notes").open("w") as file:
        file.write("x")


def say(error: Exception) -> Callable[[Path], None]:
    """Raise an error in the words of the library that would need a GPU, or another machine."""

    def provoke(_: Path) -> None:
        raise error

    return provoke


def empty_filter(path: Path) -> None:
    from mmengine.dataset import BaseDataset

    write(path / "train.json", json.dumps({"metainfo": {}, "data_list": []}))
    BaseDataset(ann_file=str(path / "train.json"))


def tokenizer_of_nobody(_: Path) -> None:
    from transformers import AutoTokenizer

    AutoTokenizer.from_pretrained("nobody/nothing", local_files_only=True)


def resume_pickle(path: Path) -> None:
    torch.save({"when": Worker(signal.SIGTERM)}, path / "a.pth")
    torch.load(path / "a.pth", weights_only=True)


def resume_cut_off(path: Path) -> None:
    torch.save({"a": torch.ones(1000)}, path / "a.pth")
    write(path / "b.pth", (path / "a.pth").read_bytes()[:2000])
    torch.load(path / "b.pth", weights_only=True)


def huge_image(path: Path) -> None:
    from PIL import Image

    image = Image.new("1", (20_000, 20_000))
    image.save(path / "a.png")
    with Image.open(path / "a.png") as file:
        file.load()


def cut_off_annotations(path: Path) -> None:
    from pycocotools.coco import COCO

    COCO(str(write(path / "train.json", '{"images": [')))


Provoke = Callable[[Path], Any]
PROVOKED: list[tuple[str, Provoke]] = [
    ("no-driver", lambda _: torch.zeros(1).cuda()),
    ("memory", lambda _: torch.empty(2**55)),
    ("memory", lambda _: np.empty(2**55)),
    ("shared-memory", lambda _: loader(Worker(signal.SIGBUS))),
    ("worker-killed", lambda _: loader(Worker(signal.SIGKILL))),
    ("disk-full", lambda _: Path("/dev/full").write_text("x")),
    ("disk-full", lambda _: torch.save(torch.ones(100_000), "/dev/full")),
    ("permission", lambda _: read_only()),
    ("open-files", lambda _: too_many_open_files()),
    ("port", lambda _: taken_port()),
    ("network", lambda _: urllib.request.urlopen("http://127.0.0.1:9/a.pth")),
    ("mmcv-version", lambda _: import_mmdet_beside("mmcv", "2.2.0")),
    ("mmengine-version", lambda _: import_mmdet_beside("mmengine", "1.0.0")),
    ("setuptools", lambda _: unavailable("pkg_resources")),
    ("mmcv-ops", lambda _: without_ops()),
    ("mmcv-ops", lambda _: sys.modules[mmcv_ops.MODULE].nms_rotated()),
    ("fairscale", lambda _: too_many_encoder_checkpoints()),
    ("nltk", lambda _: find_nouns()),
    ("numpy-version", lambda _: np.int),
    ("package-missing", lambda _: unavailable("terminaltables")),
    ("package-damaged", lambda _: exec("from mmengine import Nothing")),
    ("transformers-version", lambda _: exec("from transformers import BertWhatever")),
    ("image-missing", lambda path: load_image(path / "gone.jpg")),
    ("image-unreadable", lambda path: load_image(write(path / "a.jpg", "no image"))),
    ("image-unreadable", lambda path: load_image(write(path / "a.jpg", "no"), "pillow")),
    ("image-unreadable", lambda path: load_image(write(path / "a.jpg", ""))),
    ("image-unreadable", lambda p: loader(UnreadableInWorker(write(p / "a.jpg", "no image")))),
    ("image-huge", huge_image),
    ("annotation-fields", lambda path: coco_dataset(path, annotations=[{"id": 1, "image_id": 1}])),
    ("annotation-ids", lambda path: coco_dataset(path, annotations=[ANNOTATION] * 2)),
    ("annotation-json", cut_off_annotations),
    ("no-images", empty_filter),
    ("class-lists", lambda _: evaluate_unknown_class()),
    ("checkpoint-pickle", resume_pickle),
    ("checkpoint-damaged", resume_cut_off),
    ("checkpoint-shapes", lambda _: torch.nn.Linear(1, 1).load_state_dict({})),
    ("language-model", tokenizer_of_nobody),
    ("file-missing", lambda path: torch.load(path / "last.pth")),
    ("loss-not-finite", lambda _: match_nothing()),
    ("too-few-positions", lambda _: torch.topk(torch.ones(10), 900)),
    ("too-many-tokens", lambda _: too_many_tokens()),
    ("registry", lambda _: build(type="GroundingDINNO")),
    ("configuration-value", lambda _: build(type="ChannelMapper", in_chanels=3)),
    ("loader-options", lambda _: torch.utils.data.DataLoader([1], persistent_workers=True)),
    ("loader-options", lambda _: torch.utils.data.DataLoader([1], prefetch_factor=2)),
    ("nothing-to-train", lambda _: torch.ones(1).sum().backward()),
    ("nothing-to-train", lambda _: torch.optim.AdamW([])),
    ("unused-parameters", unused_parameter),
    ("ready-twice", ready_twice),
    ("number-format", lambda _: torch.linalg.inv(torch.eye(2).half())),
]


QUOTED: list[tuple[str, Provoke]] = [
    ("gpu-memory", say(torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))),
    ("gpu-memory", say(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"))),
    ("gpu-memory", say(RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling"))),
    ("gpu-memory", say(RuntimeError("FIND was unable to find an engine to execute this"))),
    ("gpu-memory", say(RuntimeError("HIP out of memory. Tried to allocate 2.00 GiB"))),
    ("cudnn", say(RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"))),
    ("gpu-number", say(RuntimeError("CUDA error: invalid device ordinal"))),
    ("gpu-code", say(RuntimeError("CUDA error: no kernel image is available for execution"))),
    ("gpu-allocator", say(RuntimeError("CUDA driver error: operation not supported"))),
    ("driver-old", say(RuntimeError("The NVIDIA driver on your system is too old (found 11040)"))),
    ("gpu-busy", say(RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable"))),
    ("gpu-assertion", say(RuntimeError("CUDA error: device-side assert triggered"))),
    ("shared-memory", say(RuntimeError("unable to write to file </torch_12_3>: No space left"))),
    ("worker-killed", say(RuntimeError("DataLoader worker (pid(s) 4, 5) exited unexpectedly"))),
    ("memory", say(OSError(errno.ENOMEM, "Cannot allocate memory"))),
    ("disk-fault", say(OSError(errno.EIO, "Input/output error"))),
    (
        "peer-ended",
        say(RuntimeError("[../gloo/transport/tcp/pair.cc:547] Connection closed by peer [::1]:3")),
    ),
    (
        "gpu-shared",
        say(RuntimeError("NCCL error: invalid usage. Duplicate GPU detected : rank 1 and rank 0")),
    ),
    ("nccl", say(RuntimeError("NCCL error in: ProcessGroupNCCL.cpp:1269, unhandled cuda error"))),
    (
        "numpy-version",
        say(AttributeError("`np.float_` was removed in the NumPy 2.0 release. Use `np.float64`")),
    ),
    ("numpy-version", say(ImportError("numpy.core.multiarray failed to import"))),
    ("opencv-libraries", say(ImportError("libGL.so.1: cannot open shared object file: No such"))),
    ("package-damaged", say(OSError("/x/libcudart.so.12: cannot open shared object file"))),
    ("number-format", say(RuntimeError("\"ms_deform\" not implemented for 'BFloat16'"))),
    ("loss-not-finite", say(AssertionError("loss become infinite or NaN!"))),
]


@pytest.fixture(autouse=True)
def no_temporary_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("code", "provoke"), PROVOKED + QUOTED)
@pytest.mark.filterwarnings("ignore")
def test_a_known_failure_is_one_message_with_its_cure(
    code: str, provoke: Provoke, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def work() -> int:
        provoke(tmp_path)
        return 0

    assert guarded(work) == 1
    message = capfd.readouterr().err
    assert f"Details ({code}): " in message, message
    assert "What to do: " in message
    log = Path(message.rpartition(f"({code}): ")[2].strip())
    assert "Traceback (most recent call last)" in log.read_text(encoding="utf-8")


@pytest.mark.filterwarnings("ignore")
def test_a_bug_in_a_data_loading_process_is_not_read_from_its_source_lines() -> None:
    with pytest.raises(KeyError) as caught:
        loader(WrongKeyInWorker())
    facts = facts_of(caught.value)
    assert facts.message == "'nothing'"
    assert any(place.endswith("test_catalogue.py") for place in facts.places)


def test_the_versions_in_cures_are_those_of_the_package() -> None:
    accepted = (ROOT / "pyproject.toml").read_text()
    for package in ("mmcv-lite==", "mmengine==", "setuptools>=", "transformers>="):
        found = {
            match
            for failure in known_failures()
            for match in re.findall(rf'{package}[^\s"]+', failure.cure)
        }
        assert found, package
        assert all(f'"{requirement}"' in accepted for requirement in found), found


@pytest.mark.parametrize("failure", known_failures(), ids=lambda failure: failure.code)
def test_every_entry_of_the_table_can_be_matched_and_has_its_texts(failure: Failure) -> None:
    groups = re.compile(failure.pattern, re.IGNORECASE).groupindex
    re.compile(failure.place)
    assert failure.types
    assert all(hasattr(errno, name) for name in failure.errnos)
    for text in (failure.code, failure.what, failure.consequence, failure.cure):
        assert text == text.strip() != ""
        assert "<" not in re.sub(r'"[^"]+"', "", text)
        text.format(**dict.fromkeys(groups, ""))


def test_a_table_that_cannot_be_read_still_tells_which_package_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known_failures.cache_clear()
    monkeypatch.setitem(sys.modules, "yaml", None)
    try:
        translation = recognise_error(ModuleNotFoundError("No module named 'yaml'"))
    finally:
        known_failures.cache_clear()
    assert translation is not None
    assert translation.what == "the package yaml is not installed."


def test_the_table_is_decoded_only_when_something_failed() -> None:
    code = (
        "import sys; from train_teacher.console.error_boundary import guarded\n"
        "assert guarded(int) == 0 and 'yaml' not in sys.modules\n"
        "assert guarded(lambda: open('/none')) == 3 and 'yaml' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_every_entry_of_the_table_is_tried() -> None:
    assert {failure.code for failure in known_failures()} == {code for code, _ in PROVOKED + QUOTED}


@pytest.mark.parametrize(
    "bug",
    [
        KeyError("area"),
        IndexError("list index out of range"),
        AssertionError(""),
        AttributeError("'NoneType' object has no attribute 'shape'"),
        RuntimeError(""),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "x"),
        ModuleNotFoundError("No module named 'train_teacher.runs.gone'"),
        TypeError("f() got an unexpected keyword argument 'x'"),
    ],
)
def test_our_own_mistake_is_not_taken_for_a_known_failure(bug: Exception) -> None:
    assert recognise_error(bug) is None
