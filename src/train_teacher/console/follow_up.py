"""Command lines for users to copy: with the options that were given, quoted."""

from __future__ import annotations

import shlex
from collections.abc import Mapping


def command_line(program: str, *arguments: object, **options: object) -> str:
    """Return a command for a shell.

    Args:
        program: such as `teacher predict`.
        arguments: without an option before them.
        options: by name, `class_prompt` for `--class-prompt`; True is an option without a value, a
            mapping one for each NAME=VALUE; None, False and what is empty are left out.
    """
    words = [*program.split(), *map(str, arguments)]
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(option)
        elif isinstance(value, Mapping):
            words += [word for pair in value.items() for word in (option, "=".join(pair))]
        elif value:
            words += [option, str(value)]
    return shlex.join(words)
