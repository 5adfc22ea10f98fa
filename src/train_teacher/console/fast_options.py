"""Reads plain option values without pydantic, whose import would be a fifth of a short start.

typer builds a pydantic adapter for every option, given or not. Text, one of several words,
readable paths and what was not given need none; the rest, and every mistake, is left to typer.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

from typer.core import TyperCommand


class PlainValuesCommand(TyperCommand):
    """A command whose plain values are taken as they are."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options, --help among them, after taking over the reading of their values.

        Args:
            ctx: typer's context.
        """
        parameters = super().get_params(ctx)
        for parameter in parameters:
            if "get_runtime_param" not in vars(parameter):
                _take_over(parameter)
        return parameters


def _take_over(parameter: Any) -> None:
    options = parameter.type_descriptor.parameter_info
    if not (options.parser or options.exists or options.resolve_path or options.path_type):
        reader = _PlainValue(parameter.type_descriptor.annotation, parameter.get_runtime_param)
        parameter.get_runtime_param = lambda: reader


class _PlainValue:
    """Stands for typer's `RuntimeParam`, which it asks only when the value is not plain."""

    def __init__(self, kind: Any, otherwise: Callable[[], Any]) -> None:
        self._kind = kind
        self._otherwise = otherwise

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        several = param.multiple or param.nargs == -1
        if value is None:
            return () if several else None
        if not several and isinstance(self._kind, type):
            if self._kind is str and isinstance(value, str):
                return value
            if self._kind is Path and isinstance(value, str) and _can_be_read(value):
                return Path(value)
            if issubclass(self._kind, Enum) and value in self._kind.__members__.values():
                return self._kind(value)
        return self._otherwise().coerce(value, param=param, ctx=ctx)


def _can_be_read(path: str) -> bool:
    """Return True also for a path where nothing is: whoever opens it says so better."""
    return os.access(path, os.R_OK) or not os.path.exists(path)  # noqa: PTH110 (no Path yet)
