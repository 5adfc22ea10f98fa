"""YAML presets and settings files: found, read strictly, and written."""

from __future__ import annotations

import difflib
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from train_teacher.domain.errors import UsageError
from train_teacher.domain.settings import RUN_ONLY, SettingsLayer


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses a repeated key and reads `1e-4` as the number it is."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[Hashable, int] = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
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


def find_preset(model: str) -> Path:
    """Return the file of a preset given by name or by path.

    Raises:
        UsageError: there is no such preset.
    """
    if model.endswith((".yaml", ".yml")):
        path = Path(model)
        if not path.is_file():
            raise UsageError(f"--model {model}: there is no such file.")
        return path
    path = configs_folder() / f"{model}.yaml"
    if model not in preset_names():
        near = difflib.get_close_matches(model, preset_names(), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UsageError(
            f"--model {model}: no such preset.{hint} Presets: {', '.join(preset_names())}; "
            "or give the path of your own YAML file."
        )
    return path


def read_preset(model: str) -> SettingsLayer:
    """Read a preset; paths in it are relative to its file.

    Raises:
        UsageError: no such preset, not YAML, or it holds settings that belong to a run.
    """
    path = find_preset(model)
    layer = read_settings(path)
    stray = sorted(RUN_ONLY & set(layer.values))
    if stray:
        raise UsageError(
            f"{path}: {', '.join(stray)} belong to a run, not to a preset: give them on the "
            "command line or in a --config file."
        )
    values = dict(layer.values)
    for key in ("checkpoint", "language_model"):
        beside = path.parent / str(values.get(key))
        if key in values and beside.exists():
            values[key] = str(beside.resolve())
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
        raise UsageError(f"{path}: there is no such settings file.") from None
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
    """Read one value the way a YAML file would have it: `1e-4`, `true`, `[1, 2]`, `null`, text.

    Raises:
        UsageError: not a YAML value.
    """
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.YAMLError as error:
        raise UsageError(f"{text}: not a value: {_one_line(error)}") from error
