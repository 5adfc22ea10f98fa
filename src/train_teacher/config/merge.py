"""Complete MMDetection configs: overrides merged into the base, every key checked, rendered."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train_teacher.config.differences import EDITED, SET_BY_USER
from train_teacher.config.dotted_keys import (
    fitted,
    is_wrapper,
    set_value,
    type_problem,
    unknown_key_problem,
    value_at,
)
from train_teacher.config.generate import GeneratedConfig
from train_teacher.config.model import ARCHITECTURE, GIVEN, Override
from train_teacher.config.protected_keys import find_broken
from train_teacher.config.python_text import render_assignments, render_header
from train_teacher.config.variables import layout, with_variables
from train_teacher.core.errors import UsageError, UserError
from train_teacher.core.python_files import CURE, python_files_allowed
from train_teacher.core.words import did_you_mean
from train_teacher.settings.schema import FIELD_TYPES

if TYPE_CHECKING:
    from mmengine.config import Config

# What Runner.from_cfg and tools/train.py read, in the order in which it is written. Anything else
# in a base config is a helper variable (`data_root`, `coco_od_dataset`, ...) that would name the
# base's own data sets.
RUNNER_KEYS = tuple(
    """
    work_dir custom_imports runner_type default_scope model data_preprocessor load_from resume
    train_dataloader val_dataloader test_dataloader val_evaluator test_evaluator
    train_cfg val_cfg test_cfg optim_wrapper param_scheduler auto_scale_lr
    default_hooks custom_hooks randomness log_processor log_level vis_backends visualizer
    env_cfg launcher experiment_name
    """.split()
)


def find_base_config(name: str) -> Path:
    """Return the file of a base config: the drop-in checkout first, else the installed package.

    Args:
        name: path below `configs/`, such as `mm_grounding_dino/x.py`; or, where the user allowed
            it, the absolute path of another file.

    Raises:
        UserError: mmdet is not installed, it has no such config, or the file is another's.
    """
    if Path(name).is_absolute():
        return _allowed_file(Path(name))
    folders = _shipped_configs()
    for folder in folders:
        # A link in the folder, or `..` in the name, may lead elsewhere.
        if (folder / name).is_file() and (folder / name).resolve().is_relative_to(folder.resolve()):
            return folder / name
    shipped = folders[-1].glob("*grounding_dino/**/*.py")
    names = [str(path.relative_to(folders[-1])) for path in shipped]
    hint = did_you_mean(name, names)
    raise UserError(f"base_config {name}: mmdet 3.3.0 has no such config.{hint}")


def _allowed_file(path: Path) -> Path:
    if not python_files_allowed():
        raise UserError(f"base_config {path}: is a Python file, which would be run. {CURE}")
    if not path.is_file():
        raise UserError(f"base_config {path}: there is no such file.")
    return path


def _shipped_configs() -> list[Path]:
    """Return the folders of MMDetection's configs."""
    spec = find_spec("mmdet")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("mmdet is not installed: pip install mmdet==3.3.0")
    checkout = Path(__file__).resolve().parents[3] / "mmdetection" / "configs"
    return [checkout, Path(spec.submodule_search_locations[0]) / ".mim" / "configs"]


def build_config(generated: GeneratedConfig) -> Config:
    """Merge the overrides of a run into its base config; see `merge_overrides`."""
    return merge_overrides(generated.base_config, generated.overrides)


def merge_overrides(base_config: str, overrides: Iterable[Override]) -> Config:
    """Return a base config with overrides, free of its own data sets and helper variables.

    Raises:
        UsageError: with every key that the config does not have, every value of a kind that
            cannot be meant there, and every change that would break freezing or labels.
        UserError: the base config cannot be found.
    """
    from mmengine.config import Config

    content = run_file(find_base_config(base_config))
    for key in set(content) - set(RUNNER_KEYS):
        del content[key]
    content.setdefault("vis_backends", [])
    wrong = []
    for override in overrides:
        problem = _apply(content, override)
        if problem:
            wrong.append(problem)
    if wrong:
        raise UsageError("\n".join(wrong))
    return Config({key: content[key] for key in RUNNER_KEYS if key in content})


def run_file(path: Path) -> dict[str, Any]:
    """Run a config file that the user allowed to run, and return its content."""
    from mmengine.config import Config

    content: dict[str, Any] = Config.fromfile(path, import_custom_modules=False).to_dict()
    return content


def _apply(content: dict[str, Any], override: Override) -> str | None:
    """Set one dotted key in place; return a problem instead of inventing a key."""
    key, value = override.key, override.value
    try:
        if not override.free:
            put(content, key, value, adds=override.adds)
            return None
        old = None if override.adds else value_at(content, key)
    except KeyError:
        return _setting_instead(key) or unknown_key_problem(content, key)
    problem = type_problem(old, value)
    if problem:
        return f"{key}: {problem}."
    return _apply_free(content, key, old, value, adds=override.adds)


def put(content: dict[str, Any], key: str, value: Any, *, adds: bool = True) -> None:
    """Set a dotted key in place; `...` removes it.

    Raises:
        KeyError: there is no such key, and it may not be created.
    """
    set_value(content, key, value, adds=adds)
    if value is ...:
        parent, _, last = key.rpartition(".")
        del (value_at(content, parent) if parent else content)[last]


def _setting_instead(key: str) -> str | None:
    if key not in FIELD_TYPES:
        return None
    option = key.replace("_", "-")
    return (
        f"{key}: is a setting of train-teacher, not a key of MMDetection's config: write "
        f"`{key}: ...` in a YAML file, or --{option} where there is such an option."
    )


def _apply_free(
    content: dict[str, Any], key: str, old: Any, value: Any, *, adds: bool
) -> str | None:
    """Set a user's value, unless it breaks a guarantee of train-teacher."""
    if isinstance(old, dict) and isinstance(value, Mapping) and "type" not in value:
        # Without a type it changes what it names; with one it is another thing, taken whole.
        problems = [
            _apply(content, Override(f"{key}.{name}", item, "", free=True))
            for name, item in value.items()
        ]
        return "\n".join(problem for problem in problems if problem) or None
    before = copy.deepcopy(content)
    set_value(content, key, fitted(old, value), adds=adds)
    broken = find_broken(before, content)
    return f"{key}: may not be set: {broken}" if broken else None


def render_config(config: Config, header: str, reasons: Mapping[str, str]) -> str:
    """Return the text of `mmdet_config.py`, always the same.

    It holds the reasons, by dotted key, that a reader needs and that are still true.
    """
    changed = [key for key, reason in reasons.items() if reason in (SET_BY_USER, EDITED)]
    assigned, paths = with_variables(config.to_dict())
    names = {path: name for name, path in paths.items()}
    comments = {
        names.get(key, key): reason
        for key, reason in reasons.items()
        if (key in layout().commented and reason not in (GIVEN, ARCHITECTURE, EDITED))
        or reason == SET_BY_USER
        if not any(inner.startswith(f"{key}.") for inner in changed)
    }
    return f"{render_header(header)}\n{render_assignments(assigned, comments, paths)}"


def differences_from(
    config: Config, generated: GeneratedConfig
) -> Sequence[tuple[str, object, object]]:
    """List (dotted key, base value, our value) of every leaf that differs, in the config's order.

    A side without the key has `...`.
    """
    base = run_file(find_base_config(generated.base_config))
    theirs = {key: value for key, value in base.items() if key in RUNNER_KEYS}
    return [
        difference
        for key in RUNNER_KEYS
        for difference in _differing(key, theirs.get(key, ...), config.to_dict().get(key, ...))
    ]


def _differing(key: str, theirs: object, ours: object) -> Iterator[tuple[str, object, object]]:
    if theirs == ours:
        return
    if is_wrapper(ours) and not is_wrapper(theirs) and isinstance(theirs, Mapping):
        around = {name: value for name, value in ours.items() if name != "dataset"}
        yield from _differing(key, ..., around)
        yield from _differing(f"{key}.dataset", theirs, ours["dataset"])
        return
    left, right = _named_parts(theirs), _named_parts(ours)
    same_steps = isinstance(theirs, list) and left.keys() == right.keys()
    both = isinstance(theirs, Mapping) and isinstance(ours, Mapping)
    one = ... in (theirs, ours) and not isinstance(theirs, list) and not isinstance(ours, list)
    if (left or right) and (same_steps or both or one):
        for name in {**left, **right}:
            yield from _differing(f"{key}.{name}", left.get(name, ...), right.get(name, ...))
    else:
        yield key, theirs, ours


def _named_parts(value: object) -> dict[str, object]:
    """Return the members of a mapping, or the steps of a list of configs by their number."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list) and all(isinstance(item, (Mapping, list)) for item in value):
        return {str(number): item for number, item in enumerate(value)}
    return {}
