"""The options of `train-teacher`, made from the settings that have one."""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click

from train_teacher.console.command import PanelOption
from train_teacher.console.options import parse_assignments, parse_class_prompts
from train_teacher.core.errors import UsageError
from train_teacher.settings.descriptions import field_help, field_options
from train_teacher.settings.option import Option
from train_teacher.settings.schema import FIELD_TYPES

NUMBER_OR_WORD = frozenset({"batch_size", "image_scale"})


def setting_options() -> list[click.Parameter]:
    """Return an option for each setting that has one; None or nothing means not given."""
    return [_option(name, option) for name, option in field_options().items()]


def given_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that were given.

    Raises:
        UsageError: a value cannot be read.
    """
    from train_teacher.settings.yaml_files import parse_value

    given = {name: value for name, value in values.items() if value not in (None, ())}
    if "prompts" in given:
        given["prompts"] = parse_class_prompts(given["prompts"])
    if "set" in given:
        assigned = parse_assignments(given["set"], flag_of("set")).items()
        given["set"] = {key: parse_value(_filled(key, v)) for key, v in assigned}
    for name in NUMBER_OR_WORD & given.keys():
        given[name] = parse_value(given[name])
    return {name: list(v) if isinstance(v, tuple) else v for name, v in given.items()}


def setting_of_file(option: str) -> str:
    """Return where a setting without an option is written; empty when there is none of the name."""
    name = option.lstrip("-").replace("-", "_")
    if name not in FIELD_TYPES:
        return ""
    return f"It is a setting of the file given with --config: `{name}: ...`. {field_help(name)}"


def flag_of(name: str) -> str:
    """Return the option of a setting, such as `--lora-rank`."""
    return field_options()[name].flag or f"--{name.replace('_', '-')}"


def _option(name: str, option: Option) -> PanelOption:
    kind = _plain_type(FIELD_TYPES[name])
    several = get_origin(kind) in (list, dict)
    described: dict[str, Any] = {"panel": option.panel, "help": field_help(name)}
    if kind is bool:
        return PanelOption([flag_of(name), name], is_flag=True, default=None, **described)
    if get_origin(kind) is Literal:
        described["metavar"] = "|".join(get_args(kind))
    elif option.metavar:
        described["metavar"] = option.metavar
    # `--batch-size` also takes a word.
    number = kind in (int, float) and option.metavar is None
    return PanelOption(
        [flag_of(name), name], type=kind if number else str, multiple=several, **described
    )


def _plain_type(annotation: Any) -> Any:
    """Return a type without its limits and without None."""
    if get_origin(annotation) is Annotated:
        return _plain_type(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return _plain_type(next(kind for kind in get_args(annotation) if kind is not type(None)))
    return annotation


def _filled(key: str, text: str) -> str:
    if not text.strip():
        raise UsageError(f"--set {key}=: has no value; write {key}=null for none at all.")
    return text
