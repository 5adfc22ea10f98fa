"""Settings from several sources, checked and merged: preset, YAML files, command line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from train_teacher.console.other_tools import not_one_of, option_called_here
from train_teacher.core.errors import UsageError
from train_teacher.core.words import did_you_mean, shortened
from train_teacher.settings.decided import Decided
from train_teacher.settings.descriptions import field_help
from train_teacher.settings.foreign_code import problems_of
from train_teacher.settings.recipes import (
    augmentation_problems,
    optimizer_problems,
    schedule_problems,
    unfreezing_problems,
)
from train_teacher.settings.schema import (
    FIELD_TYPES,
    REQUIRED,
    TeacherSettings,
)

PASSES_OF_AN_EPOCH = "rounds"
"""A setting of earlier run folders."""
REPLACES = {
    "epochs": ("steps",),
    "steps": ("epochs",),
    "image_scale": ("train_scales", "val_scale"),
}
"""Keys of a weaker layer that are dropped where a stronger one sets the first and not them."""


@dataclass(frozen=True)
class SettingsLayer:
    """Settings from one source, such as a YAML file or the command line."""

    source: str
    """Source of the settings, for messages."""
    values: Mapping[str, Any]
    lines: Mapping[str, int] | None = None
    """Line number by key, for a file."""


def merge_settings(layers: Sequence[SettingsLayer]) -> TeacherSettings:
    """Check and merge settings, the last layer winning.

    Mappings (`architecture`, `prompts`, `set`, `optimizer`) are merged key by key;
    everything else is replaced, and so is an optimizer by one of another type.

    Raises:
        UsageError: with every unknown key, wrong type and contradiction of all layers together.
    """
    merged: dict[str, Any] = {}
    problems: list[str] = []
    for given in layers:
        layer = _fitting_batch(given)
        found = {key: _problem_of(layer, key, value) for key, value in layer.values.items()}
        problems += [problem for problem in found.values() if problem]
        sound = {key: value for key, value in layer.values.items() if not found[key]}
        _merge_layer(merged, sound)
    missing = [name for name in REQUIRED if name not in merged]
    problems += [f"--{name} is missing: {field_help(name)}" for name in missing]
    if not missing:
        problems += _contradictions(merged)
    if problems:
        raise UsageError("\n".join(problems))
    return msgspec.convert(merged, TeacherSettings)


def merge_values(layers: Sequence[SettingsLayer]) -> dict[str, Any]:
    """Merge layers as `merge_settings` does, checking nothing."""
    merged: dict[str, Any] = {}
    for given in layers:
        _merge_layer(merged, _fitting_batch(given).values)
    return merged


def _merge_layer(merged: dict[str, Any], values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        merged[key] = _combined(key, merged.get(key), value)
    for winner, losers in REPLACES.items():
        for loser in losers:
            if values.get(winner) is not None and values.get(loser) is None:
                merged.pop(loser, None)
    _forget_chosen(merged, values)


def _combined(key: str, weaker: object, stronger: Any) -> Any:
    if not isinstance(stronger, Mapping) or not isinstance(weaker, Mapping):
        return stronger
    if key == "optimizer" and stronger.get("type", weaker.get("type")) != weaker.get("type"):
        return stronger  # `betas` mean nothing to SGD
    return {**weaker, **stronger}


def _forget_chosen(merged: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Count what a layer names as its user's, although an earlier run or its recipe chose it."""
    given = set(values) | ({"epochs"} if "steps" in values else set())
    for kind in ("chosen", "from_recipe"):
        decided = _decided(merged)
        if kind not in _decided(values) and isinstance(decided.get(kind), list):
            still = [name for name in decided[kind] if name not in given]
            merged["decided"] = {**decided, kind: still}


def _fitting_batch(layer: SettingsLayer) -> SettingsLayer:
    """Read `batch_size: auto` as the weaker layers' batch in parts that fit, a number as whole."""
    values = with_decided(layer.values)
    decided = values.get("decided", {})
    # A wrong `decided` stays as it is: the check of its type names it.
    if "batch_size" in values and isinstance(decided, Mapping):
        by_auto = values["batch_size"] == "auto"
        fit_batch = by_auto or decided.get("fit_batch", False)
        values["decided"] = {**decided, "fit_batch": fit_batch}
    if values.get("batch_size") == "auto":
        del values["batch_size"]
    return SettingsLayer(layer.source, values, layer.lines)


def with_decided(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with `decided`, whose members once stood among the settings themselves."""
    old = {name: values[name] for name in Decided.__struct_fields__ if name in values}
    new = {name: value for name, value in values.items() if name not in old}
    if old and isinstance(new.get("decided", {}), Mapping):
        new["decided"] = {**old, **_decided(new)}
    return _with_epochs_of_one_pass(new)


def _with_epochs_of_one_pass(values: dict[str, Any]) -> dict[str, Any]:
    """Convert epochs of `rounds` passes over the images, as once, to single passes."""
    if not isinstance(values.get(PASSES_OF_AN_EPOCH), int):
        return values
    rounds = values.pop(PASSES_OF_AN_EPOCH)
    if rounds > 1:
        values["val_interval"] = rounds
        if isinstance(values.get("epochs"), int):
            values["epochs"] *= rounds
    chosen = _decided(values).get("chosen")
    if isinstance(chosen, list) and PASSES_OF_AN_EPOCH in chosen:
        now = ["val_interval" if name == PASSES_OF_AN_EPOCH else name for name in chosen]
        values["decided"] = {**_decided(values), "chosen": now}
    return values


def trained_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that affect training: neither places nor sources."""
    trained = with_decided(values)
    fit_batch = _decided(trained).get("fit_batch", False)
    left_out = ("decided", "output")
    return {
        **{name: value for name, value in trained.items() if name not in left_out},
        "fit_batch": fit_batch,
    }


def _decided(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `decided` of settings that may lack it, or have another type there."""
    decided = values.get("decided")
    return decided if isinstance(decided, Mapping) else {}


def _problem_of(layer: SettingsLayer, key: str, value: object) -> str | None:
    place = layer.source
    if layer.lines and key in layer.lines:
        place = f"{place}, line {layer.lines[key]}"
    if key not in FIELD_TYPES:
        return f"{place}: {key!r} is not a setting.{_setting_meant(str(key))}"
    try:
        msgspec.convert(value, FIELD_TYPES[key])
    except (msgspec.ValidationError, UnicodeError) as error:
        return f"{place}: {key}: {_wrong_word(key, value) or _readable(error, value)}"
    return "\n".join(f"{place}: {problem}" for problem in problems_of(key, value)) or None


def _setting_meant(key: str) -> str:
    options = ["--config", *(f"--{name.replace('_', '-')}" for name in FIELD_TYPES)]
    here = option_called_here(key, options)
    if here:
        return f" {here}"
    return did_you_mean(key, FIELD_TYPES) or f" Known keys: {', '.join(FIELD_TYPES)}."


def _wrong_word(key: str, value: object) -> str | None:
    """Return the alternatives to a word, for settings with a few fixed words."""
    words = list(_words(FIELD_TYPES[key]))
    given = value if isinstance(value, list) else [value]
    wrong = [word for word in given if isinstance(word, str) and word not in words]
    return not_one_of(wrong[0], words) if words and wrong else None


def _words(kind: Any) -> Iterator[str]:
    for part in get_args(kind):
        if get_origin(kind) is Literal:
            yield part
        elif not isinstance(part, Meta):
            yield from _words(part)


def _readable(error: Exception, value: object) -> str:
    text = str(error)
    path = ""
    if " - at `$" in text:
        text, _, tail = text.partition(" - at `$")
        path = tail.rstrip("`")
    text = re.sub(r"^Expected", "expected", text).replace("`", "")
    return f"{text}{' at ' + path if path else ''} (value: {shortened(repr(value), 60)})"


def _contradictions(merged: Mapping[str, Any]) -> list[str]:
    problems = _recipe_problems(merged)
    if merged.get("epochs") is not None and merged.get("steps") is not None:
        problems.append("epochs and steps were both given: keep one of them.")
    if merged.get("precision") in ("bf16", "fp16") and merged.get("device") == "cpu":
        problems.append(
            f"precision {merged['precision']} needs a GPU, but device is cpu: "
            "use --precision fp32 (or auto) or --device cuda."
        )
    both = set(merged.get("freeze", ())) & set(merged.get("lora_targets", ()))
    if merged.get("tune") == "lora" and both:
        part = min(both)
        problems.append(f"{part} is in freeze and in lora_targets: keep it in one of them.")
    return problems


def _recipe_problems(merged: Mapping[str, Any]) -> list[str]:
    unknown = [name for name in _decided(merged).get("chosen", ()) if name not in FIELD_TYPES]
    return [
        *optimizer_problems(merged.get("optimizer", {}), lr_given=merged.get("lr") is not None),
        *schedule_problems(merged.get("schedule", "multistep")),
        *unfreezing_problems(merged),
        *augmentation_problems(merged.get("augmentation", "official")),
        *(f"decided.chosen: {name!r} is not a setting." for name in unknown),
    ]
