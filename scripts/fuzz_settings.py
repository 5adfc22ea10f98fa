"""Random settings files, presets and --set: settings or one clear error.

Every fourth input that is accepted also becomes a config of MMDetection.
"""

from __future__ import annotations

import json
import random
import sys
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from fuzz_inspect import ODD_VALUES, damage, damage_bytes

TESTS = Path(__file__).resolve().parents[1] / "tests"
GENERATED = 4
ODD_WORDS = (
    "auto",
    "none",
    "null",
    "1e-4",
    "0x1F",
    "~",
    "{{ a }}",
    "1:2",
    "no",
    ".inf",
    "2001-01-01",
)
KEYS = (
    "model.neck.num_outs",
    "optim_wrapper",
    "train_dataloader.batch_size",
    "a.b.c",
    "",
    ".",
    "0",
)
TREE_KEYS = ("type", "lr", "by_epoch", "begin", "end", "prob", "scale", "img_scale", "keep_ratio")


@cache
def presets() -> tuple[dict[str, Any], ...]:
    """Return the values of the presets that come with the package."""
    from train_teacher.settings import yaml_files

    return tuple(yaml_files.read_preset(name).values for name in yaml_files.preset_names())


@cache
def facts() -> Any:
    """Return what is known of a small data set, from which configs are generated."""
    sys.path.append(str(TESTS))
    from demo_model import make_info

    return make_info()


def odd_value(chance: random.Random) -> Any:
    """Return anything that YAML may hold."""
    kind = chance.random()
    if kind < 0.3:
        return chance.choice(ODD_WORDS)
    if kind < 0.5:
        return {chance.choice(TREE_KEYS): odd_value(chance) for _ in range(chance.randint(0, 3))}
    if kind < 0.6:
        return [odd_value(chance) for _ in range(chance.randint(0, 3))]
    value = deepcopy(chance.choice(ODD_VALUES))
    return None if value == "<deep>" else value


def some_settings(chance: random.Random) -> dict[str, Any]:
    """Return settings of which most have the right type."""
    from train_teacher.settings.schema import FIELD_TYPES

    values = deepcopy(chance.choice(presets()))
    kept = chance.sample(list(values), chance.randint(0, min(8, len(values))))
    values = {name: values[name] for name in kept}
    for _ in range(chance.choice((0, 0, 0, 1, 2))):
        damage(values, chance)
    for _ in range(chance.choice((0, 0, 1))):
        values[chance.choice(list(FIELD_TYPES))] = odd_value(chance)
    if chance.random() < 0.95:
        values["extends"] = chance.choice(["demo"] * 6 + ["swin-t", None, "nothing", 3])
    return values


def written(values: dict[str, Any], chance: random.Random) -> bytes:
    """Return settings as YAML: JSON is YAML too."""
    text = "".join(
        f"{json.dumps(str(key))}: {json.dumps(value)}\n" for key, value in values.items()
    )
    content = text.encode("utf-8", "replace")
    return damage_bytes(content, chance) if chance.random() < 0.15 else content


def settings_one(path: Path, seed: int) -> None:
    """Read settings in all ways; what is no UserError is a crash."""
    from train_teacher.settings.read import preset_settings, read_layers
    from train_teacher.training.options import given_settings

    chance = random.Random(seed)
    file = path.with_name("settings.yaml")
    file.write_bytes(written(some_settings(chance), chance))
    if chance.random() < 0.2:
        preset_settings(str(file), {})
        return
    options: dict[str, Any] = {"data": "d.json", "output": "o"}
    if chance.random() < 0.2:
        values = (json.dumps(odd_value(chance)), chance.choice(ODD_WORDS), "[1", "{a: b", "")
        options["set"] = (f"{chance.choice(KEYS)}={chance.choice(values)}",)
    if chance.random() < 0.3:
        options["model"] = str(file)
    given = given_settings(options)
    settings = read_layers(given, None if "model" in options else file)
    if seed % GENERATED == 0:
        generate(settings)


def generate(settings: Any) -> None:
    """Make a config of settings that were accepted."""
    import msgspec

    from train_teacher.config import merge
    from train_teacher.config.generate import generate_mmdet_config, reasons_by_key

    resolved = msgspec.structs.replace(
        settings, weights="none", language_model="bert", precision="fp32", workers=0
    )
    generated = generate_mmdet_config(facts(), resolved)
    config = merge.build_config(generated)
    merge.render_config(config, "header", reasons_by_key(generated.overrides))
