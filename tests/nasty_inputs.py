"""Give thousands of hostile settings, bundles and annotation files to the real functions.

Started in a process of its own, because an audit hook cannot be taken off again:

    python tests/nasty_inputs.py FOLDER

It prints how many of each kind were accepted, and ends with an error after the first import or
process that should not be.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from mmengine.config import Config
from PIL import Image

from demo_model import make_info, make_settings
from train_teacher.config import merge
from train_teacher.config.generate import generate_mmdet_config, reasons_by_key
from train_teacher.core.errors import UserError
from train_teacher.data.manager import DataManager
from train_teacher.reports.summary import RunSummary
from train_teacher.settings.foreign_code import NAMING_KEYS
from train_teacher.settings.read import read_layers
from train_teacher.settings.schema import FIELD_TYPES
from train_teacher.teachers.card import (
    Preprocessing,
    card_text,
    describe_teacher,
    detector_settings,
    parse_card,
)
from train_teacher.teachers.standalone_model import plain_config, plain_model

CANARY = "canary"
"""A module that is on the path, and that nobody may import."""
FORBIDDEN = frozenset({"os.system", "os.exec", "os.posix_spawn", "os.spawn", "subprocess.Popen"})
# Imported late by the libraries that the functions are made of.
ALLOWED = tuple(
    "train_teacher mmengine mmdet mmcv PIL numpy yaml tokenizers yapf simdjson encodings cv2 "
    "difflib ctypes multiprocessing concurrent _".split()
)

WORDS = (
    "subprocess.getoutput os.system canary canary.run canary::run mmdet.canary builtins.exec "
    "__import__('canary').run() eval exec antigravity torch.load pickle.loads L1Loss FPN AdamW "
    "Pretrained RFSearchHook BertModel nms {{fileDirname}} {{$HOME:canary}} {{_base_.model}} "
    "{{canary}} $(touch_canary) `canary` ;canary; |canary ../canary.py /tmp/canary.py canary.pkl "
    "canary.py ~/canary.py !!python/name:canary.run %s%n <script> ' \" \\ # -rf --output"
).split(" ")
KEYS = (
    "type _scope_ _base_ _delete_ custom_imports constructor ema_type init_cfg checkpoint "
    "pretrained teacher_config proposal_file {{fileDirname}} a':canary,'b loss_weight prob"
).split()
PLACES = (
    "model model.neck model.bbox_head.loss_bbox model.bbox_head.loss_bbox.type "
    "model.language_model.name model.backbone.init_cfg custom_imports custom_imports.imports "
    "default_scope runner_type optim_wrapper.constructor optim_wrapper.type visualizer.type "
    "custom_hooks train_dataloader.collate_fn train_dataloader.dataset.pipeline.2 "
    "val_evaluator.type default_hooks.logger env_cfg load_from log_processor work_dir"
).split()
TAGS = (
    "!!python/object/apply:canary.run []",
    "!!python/object/apply:os.system ['canary']",
    "!!python/module:canary",
    "!!python/name:canary.run",
)


class Watch:
    """The audit hook: what was imported or started, while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in FORBIDDEN:
            self.seen.append(f"{event} {arguments}")
        elif event == "import" and not str(arguments[0]).startswith(ALLOWED):
            self.seen.append(f"import {arguments[0]}")
        elif event == "exec" and CANARY in str(getattr(arguments[0], "co_filename", "")):
            self.seen.append(f"exec {arguments[0]}")

    @contextlib.contextmanager
    def watching(self, what: object) -> Iterator[None]:
        self.on = True
        try:
            yield
        finally:
            self.on = False
        if self.seen:
            sys.exit(f"{self.seen}\nafter {what!r}")


def value(draw: random.Random, depth: int = 0) -> Any:
    kind = draw.random()
    if depth > 2 or kind < 0.5:
        return draw.choice([*WORDS, *WORDS, 1, 0.5, True, None])
    if kind < 0.65:
        return [value(draw, depth + 1) for _ in range(draw.randint(0, 3))]
    return {draw.choice(KEYS): value(draw, depth + 1) for _ in range(draw.randint(0, 3))}


def settings_of(draw: random.Random) -> dict[str, Any]:
    """Return values for one to three settings, of the right type more often than not."""
    places = {draw.choice(PLACES): value(draw) for _ in range(draw.randint(1, 3))}
    entries = [{"type": draw.choice(WORDS), **{draw.choice(KEYS): value(draw)}}]
    shaped: dict[str, Any] = {
        "set": places,
        "architecture": places,
        "augmentation": entries,
        "schedule": entries,
        "optimizer": entries[0],
        "base_config": draw.choice(WORDS),
        "prompts": {draw.choice(WORDS): draw.choice(WORDS)},
    }
    names = draw.sample([*shaped, *shaped, draw.choice(list(FIELD_TYPES))], draw.randint(1, 3))
    return {name: shaped[name] if name in shaped else value(draw) for name in names}


def read_settings_files(draw: random.Random, folder: Path) -> None:
    """Read a settings file and a preset with a tag of YAML or a nasty value somewhere in it."""
    path = folder / "own.yaml"
    values = settings_of(draw)
    text = "extends: demo\n" + "".join(f"{k}: {json.dumps(v)}\n" for k, v in values.items())
    if draw.random() < 0.3:
        text += f"{draw.choice(list(FIELD_TYPES))}: {draw.choice(TAGS)}\n"
    path.write_text(text, encoding="utf-8")
    given = {"data": "d.json", "output": "o"}
    if draw.random() < 0.5:
        read_layers({**given, "model": str(path)}, None)
    else:
        read_layers(given, path)


def generate_render_and_load(draw: random.Random, folder: Path) -> None:
    """Write and read the config of nasty settings, class names and folders."""
    names = (draw.choice(WORDS), f"{draw.choice(WORDS)} 2")
    info = msgspec.structs.replace(make_info(names), image_dir=f"/{draw.choice(WORDS)}")
    harmless = {"set": {"model.bbox_head.loss_bbox": {"type": "L1Loss", draw.choice(WORDS): 1}}}
    values = draw.choice([settings_of(draw), harmless, harmless, {"base_config": WORDS[-1]}])
    with contextlib.suppress(UserError):
        settings = make_settings(**values, val_scale=[9, 9], wandb=draw.choice(WORDS))
        generated = generate_mmdet_config(info, settings)
        config = merge.build_config(generated)
        path = folder / "mmdet_config.py"
        text = merge.render_config(config, draw.choice(WORDS), reasons_by_key(generated.overrides))
        path.write_text(text, encoding="utf-8")
        loaded = Config.fromfile(path)
        assert {key: loaded.to_dict()[key] for key in config} == config.to_dict()
        only_registered(loaded.to_dict())
        pipeline = loaded.val_dataloader.dataset.to_dict()["pipeline"]
        model = plain_model(settings, loaded.model.to_dict())
        path.write_text(plain_config(model, pipeline, names), encoding="utf-8")
        assert Config.fromfile(path).test_dataloader.dataset.metainfo.classes == names
        COUNT["loaded"] += 1


def only_registered(content: Any) -> None:
    """Check each name that MMEngine would look up in what was accepted."""
    if isinstance(content, dict):
        for key, item in content.items():
            if key in NAMING_KEYS and isinstance(item, str):
                assert item in REGISTERED, item
            only_registered(item)
    elif isinstance(content, (list, tuple)):
        for item in content:
            only_registered(item)


def read_bundle(draw: random.Random, folder: Path) -> None:
    """Read a teacher.json with nasty values anywhere in it."""
    card = json.loads(CARD)
    place = card["settings"] if draw.random() < 0.7 else card
    any_member = {draw.choice(list(card)): value(draw)}
    place.update(settings_of(draw) if draw.random() < 0.7 else any_member)
    content = json.dumps(card).encode()
    detector_settings(parse_card(content, "teacher.json"), "base.pth", "bert", "teacher.json")


def inspect_and_copy(draw: random.Random, folder: Path) -> None:
    """Inspect an annotation file with nasty names of files and classes, and write its copies."""
    data = folder / f"data{draw.random()}"
    data.mkdir()
    images = []
    for number in range(1, 7):
        name = f"{draw.choice(WORDS).replace('/', '_').lstrip('.')}{number}.jpg"
        Image.new("RGB", (64, 48), (40 * number, 9, 9)).save(data / name)
        images.append({"id": number, "file_name": name, "width": 64, "height": 48})
    classes = [{"id": n, "name": f"{draw.choice(WORDS)} {n}"} for n in (1, 2)]
    boxes = [
        {"id": n, "image_id": n, "category_id": 1 + n % 2, "bbox": [1, 1, 9, 9], "iscrowd": 0,
         "area": 81, draw.choice(KEYS): value(draw)}
        for n in range(1, 7)
    ]  # fmt: skip
    content = {"images": images, "categories": classes, "annotations": boxes}
    path = data / "annotations.json"
    path.write_text(json.dumps({**content, "info": value(draw)}), encoding="utf-8")
    manager = DataManager(path, split="0.5/0.5", group_by="none", language_model=LANGUAGE_MODEL)
    manager.inspect()
    copies = data / "copies"
    copies.mkdir()
    manager.write_splits(copies)
    COUNT["copied"] += 1


def registered() -> set[str]:
    """Return what MMEngine's registries really hold, and the words that are no classes."""
    import mmdet.registry
    from mmdet.utils import register_all_modules
    from mmengine.registry import Registry, root

    register_all_modules()
    found = [item for module in (root, mmdet.registry) for item in vars(module).values()]
    names = {name for item in found if isinstance(item, Registry) for name in item.module_dict}
    return names | {"nms", "soft_nms", "norm", "value"}


def card_of_demo() -> str:
    settings = make_settings(max_per_img=40, denoising_queries=20)
    preprocessing = Preprocessing([160, 160], [1.0], [1.0], "RGB", 1)
    return card_text(
        describe_teacher(
            make_info(), settings, RunSummary(None, None, None), base=None,
            preprocessing=preprocessing,
        )
    )  # fmt: skip


Trial = Callable[[random.Random, Path], None]
TRIALS: dict[Trial, int] = {
    read_settings_files: 100,
    read_bundle: 1800,
    generate_render_and_load: 40,
    inspect_and_copy: 60,
}
COUNT: dict[str, int] = {"loaded": 0, "copied": 0}


def main(folder: Path) -> None:
    (folder / f"{CANARY}.py").write_text("raise SystemExit('the canary was imported')\n")
    sys.path.insert(0, str(folder))
    os.chdir(folder)
    WORDS.extend([str(folder / f"{CANARY}.py")] * 3)
    watch = Watch()
    for trial, number in TRIALS.items():
        refused = 0
        for seed in range(number):
            with watch.watching((trial.__name__, seed)):
                try:
                    trial(random.Random(seed), folder)
                except UserError:
                    refused += 1
        COUNT[trial.__name__] = number - refused
    sys.stdout.write(json.dumps(COUNT))


if __name__ == "__main__":
    importlib.import_module("train_teacher.mmdet_plugin")
    REGISTERED = registered()
    CARD = card_of_demo()
    LANGUAGE_MODEL = make_settings().language_model
    main(Path(sys.argv[1]))
