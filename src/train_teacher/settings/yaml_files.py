"""YAML presets and settings files: found, read strictly, and written."""

from __future__ import annotations

import re
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from train_teacher.core.errors import UsageError
from train_teacher.core.words import did_you_mean
from train_teacher.settings.layers import SettingsLayer, merge_values
from train_teacher.settings.schema import RUN_ONLY

YAML_ENDINGS = (".yaml", ".yml")
EXTENDS = "extends"
"""Key of a YAML file only: the preset or file that it is built on; null for nothing at all."""


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses a repeated key and reads `1e-4` as the number it is."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[Hashable, int] = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if not isinstance(key, Hashable):
                break  # the base class says where
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} is written twice, in lines {seen[key]} and {line}"
                )
            seen[key] = line
        return super().construct_mapping(node, deep)


class _StrictDumper(yaml.SafeDumper):
    """Quotes the text that `_StrictLoader` would take for a number."""


# YAML 1.1 as PyYAML implements it wants a dot in a float: `1e-4` would be text.
for _yaml in (_StrictLoader, _StrictDumper):
    _yaml.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(\d[\d_]*)(\.[\d_]*)?[eE][-+]?\d+$"),
        list("-+0123456789"),
    )


def configs_folder() -> Path:
    """Return the folder of the presets: inside the wheel, or at the top of a checkout."""
    package = Path(__file__).resolve().parent.parent
    shipped = package / "configs"
    return shipped if shipped.is_dir() else package.parent.parent / "configs"


def preset_names() -> list[str]:
    """Return the names of the presets that come with the package."""
    return sorted(path.stem for path in configs_folder().glob("*.yaml"))


def find_preset(model: str, said: str | None = None) -> Path:
    """Return the file of a preset given by name or by path; messages name it as in `said`.

    Raises:
        UsageError: there is no such preset.
    """
    said = said or f"--model {model}"
    if model.endswith(YAML_ENDINGS):
        path = Path(model).expanduser()
        if not path.is_file():
            raise UsageError(f"{said}: there is no such file.")
        return path
    if model not in preset_names():
        hint = did_you_mean(model, preset_names())
        raise UsageError(
            f"{said}: no such preset.{hint} Presets: {', '.join(preset_names())}; "
            "or give the path of your own YAML file."
        )
    return configs_folder() / f"{model}.yaml"


def read_preset(model: str) -> SettingsLayer:
    """Read a preset with everything it extends, as one layer.

    Raises:
        UsageError: see `read_preset_layers`.
    """
    layers = read_preset_layers(model)
    return SettingsLayer(layers[-1].source, merge_values(layers))


def read_preset_layers(model: str) -> tuple[SettingsLayer, ...]:
    """Read a preset and what it extends, the weakest first; paths in a file are relative to it.

    Raises:
        UsageError: no such preset, not YAML, extended in a circle, or it holds settings that
            belong to a run.
    """
    layers = read_chain(find_preset(model)).layers
    for layer in layers:
        stray = sorted(RUN_ONLY & set(layer.values))
        if stray:
            raise UsageError(
                f"{layer.source}: {', '.join(stray)} belong to a run, not to a preset: give them "
                "on the command line or in a --config file."
            )
    return layers


@dataclass(frozen=True)
class SettingsChain:
    """A settings file and everything that it extends."""

    layers: tuple[SettingsLayer, ...]
    """From the weakest to the file itself."""
    preset: str | None = None
    """The first preset of ours that is reached."""
    complete: bool = False
    """True when the bottom says `extends: null`: it needs no preset beneath it."""

    @property
    def values(self) -> dict[str, Any]:
        """The merged values."""
        return merge_values(self.layers)


def read_chain(path: Path) -> SettingsChain:
    """Read a settings file and, through `extends:`, what it is built on.

    Raises:
        UsageError: a file of the chain is missing or not valid, or the chain is a circle.
    """
    layers: list[SettingsLayer] = []
    seen: list[Path] = []
    current: Path | None = path
    complete = False
    while current is not None:
        resolved = current.resolve()
        if resolved in seen:
            circle = " -> ".join(str(p) for p in [*seen[seen.index(resolved) :], resolved])
            raise UsageError(f"{path}: `extends` goes in a circle: {circle}.")
        seen.append(resolved)
        layer = _with_own_paths(read_settings(current), current.parent)
        values = dict(layer.values)
        complete = values.get(EXTENDS, ...) is None
        extended = values.pop(EXTENDS, None)
        layers.insert(0, SettingsLayer(layer.source, values, layer.lines))
        current = None if extended is None else _extended_file(extended, layer)
    folder = configs_folder().resolve()
    ours = next((file.stem for file in seen if file.parent == folder), None)
    return SettingsChain(tuple(layers), ours, complete)


def _extended_file(extended: object, layer: SettingsLayer) -> Path:
    line = (layer.lines or {}).get(EXTENDS, 1)
    place = f"{layer.source}, line {line}: extends"
    if not isinstance(extended, str) or not extended:
        raise UsageError(f"{place}: should be the name of a preset or the path of a YAML file.")
    if not extended.endswith(YAML_ENDINGS):
        return find_preset(extended, said=f"{place} {extended}")
    path = Path(layer.source).parent / Path(extended).expanduser()
    if not path.is_file():
        raise UsageError(f"{place} {extended}: there is no such file ({path}).")
    return path


def _with_own_paths(layer: SettingsLayer, folder: Path) -> SettingsLayer:
    values = dict(layer.values)
    for key in ("checkpoint", "language_model", "base_config"):
        name = values.get(key)
        with suppress(OSError, ValueError):  # a name that no file can have
            if name and isinstance(name, str) and (folder / name).exists():
                values[key] = str((folder / name).resolve())
    recipe = values.get("recipe")
    if isinstance(recipe, str) and recipe.endswith(YAML_ENDINGS):
        values["recipe"] = str((folder / Path(recipe).expanduser()).resolve())
    return SettingsLayer(layer.source, values, layer.lines)


def read_settings(path: Path) -> SettingsLayer:
    """Read a YAML mapping of settings.

    Raises:
        UsageError: missing, not YAML, a repeated key, or not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = yaml.load(text, Loader=_StrictLoader)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: not valid YAML: {_one_line(error)}") from error
    if values is None:
        return SettingsLayer(str(path), {}, {})
    if not isinstance(values, dict) or not isinstance(root, yaml.MappingNode):
        raise UsageError(f"{path}: should be a list of `key: value` lines.")
    lines = {str(key.value): key.start_mark.line + 1 for key, _ in root.value}
    return SettingsLayer(str(path), values, lines)


def _one_line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"line {mark.line + 1}: {problem}" if mark else str(problem)


def render_settings(values: dict[str, Any], header: str) -> str:
    """Return settings as YAML that `read_settings` reads back to the same values."""
    body = _dump(values, readable=True)
    if parse_value(body) != values:
        # A few control characters only survive escaped, at the price of other alphabets.
        body = _dump(values, readable=False)
    comment = "".join(f"# {line}\n" for line in header.splitlines())
    return comment + body


def _dump(values: dict[str, Any], *, readable: bool) -> str:
    text: str = yaml.dump(
        values,
        Dumper=_StrictDumper,
        sort_keys=False,
        allow_unicode=readable,
        default_flow_style=None,
    )
    return text


def parse_value(text: str) -> Any:
    """Read one value as in a YAML file: `1e-4`, `true`, `[1, 2]`, `null`, text.

    Raises:
        UsageError: not a YAML value.
    """
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.YAMLError as error:
        raise UsageError(f"{text}: not a value: {_one_line(error)}") from error
