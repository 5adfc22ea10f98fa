"""From overrides to a complete MMDetection config: merge into the base, check every key, render."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train_teacher.domain.config_overrides import GeneratedConfig, Override
from train_teacher.domain.errors import UsageError, UserError

if TYPE_CHECKING:
    from mmengine.config import Config

# What Runner.from_cfg and tools/train.py read. Anything else in a base config is a helper
# variable (`data_root`, `coco_od_dataset`, ...) that would name the base's own data sets.
RUNNER_KEYS = frozenset(
    """
    model work_dir train_dataloader val_dataloader test_dataloader train_cfg val_cfg
    test_cfg auto_scale_lr optim_wrapper param_scheduler val_evaluator test_evaluator
    default_hooks custom_hooks data_preprocessor load_from resume launcher env_cfg
    log_processor log_level visualizer vis_backends default_scope randomness
    experiment_name custom_imports runner_type
    """.split()
)


def find_base_config(name: str) -> Path:
    """Return the file of a base config: the drop-in checkout first, else the installed package.

    Args:
        name: path below `configs/`, such as `mm_grounding_dino/x.py`, or a file's own path.

    Raises:
        UserError: mmdet is not installed, or it has no such config.
    """
    own = Path(name)
    if own.is_absolute() and own.is_file():
        return own
    checkout = Path(__file__).resolve().parents[3] / "mmdetection" / "configs" / name
    if checkout.is_file():
        return checkout
    spec = find_spec("mmdet")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("mmdet is not installed: pip install mmdet==3.3.0")
    folder = Path(spec.submodule_search_locations[0]) / ".mim" / "configs"
    if not (folder / name).is_file():
        names = [str(path.relative_to(folder)) for path in folder.glob("*grounding_dino/**/*.py")]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UserError(f"base_config {name}: mmdet 3.3.0 has no such config.{hint}")
    return folder / name


def build_config(generated: GeneratedConfig) -> Config:
    """Merge the overrides into the base config.

    Args:
        generated: base and overrides.

    Returns:
        The complete config, free of the base's data sets and helper variables.

    Raises:
        UsageError: an override names a key that the base does not have.
        UserError: the base config cannot be found.
    """
    from mmengine.config import Config

    base = Config.fromfile(find_base_config(generated.base_config), import_custom_modules=False)
    content: dict[str, Any] = base.to_dict()
    for key in set(content) - RUNNER_KEYS:
        del content[key]
    content.setdefault("vis_backends", [])
    wrong = [p for override in generated.overrides if (p := _apply(content, override))]
    if wrong:
        raise UsageError("\n".join(wrong))
    return Config(content)


def _apply(content: dict[str, Any], override: Override) -> str | None:
    """Set one dotted key in place; return a problem instead of inventing a key."""
    *parents, last = override.key.split(".")
    node: Any = content
    for position, name in enumerate(parents):
        child = _child(node, name)
        if not isinstance(child, (dict, list)):
            return _unknown(override.key, ".".join(parents[:position]), name, node)
        node = child
    if isinstance(node, list):
        if not last.isdigit() or int(last) >= len(node):
            return _unknown(override.key, ".".join(parents), last, node)
        node[int(last)] = override.value
        return None
    if last not in node and not override.adds:
        return _unknown(override.key, ".".join(parents), last, node)
    node[last] = override.value
    return None


def _child(node: Any, name: str) -> Any:
    if isinstance(node, dict):
        return node.get(name)
    return node[int(name)] if name.isdigit() and int(name) < len(node) else None


def _unknown(key: str, parent: str, name: str, node: Any) -> str:
    known = list(node) if isinstance(node, dict) else [str(i) for i in range(len(node))]
    near = difflib.get_close_matches(name, known, n=1)
    place = f"`{parent}` has" if parent else "the config has"
    hint = f"did you mean `{near[0]}`?" if near else f"it has {', '.join(sorted(known))}."
    return f"{key}: {place} no `{name}` in MMDetection 3.3.0's base config; {hint}"


def render_config(config: Config, header: str) -> str:
    """Return the text of `mmdet_config.py`: plain assignments, the same for the same input.

    Args:
        config: complete config.
        header: comment lines for the top of the file.
    """
    comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
    text: str = config.pretty_text
    return f"{comment}{text}"


def differences_from(
    config: Config, generated: GeneratedConfig
) -> Sequence[tuple[str, object, object]]:
    """List what differs from the base config, leaf by leaf.

    Args:
        config: the generated config.
        generated: what it was generated from.

    Returns:
        (dotted key, base value, our value); a side without the key has `...`.
    """
    from mmengine.config import Config

    base = Config.fromfile(find_base_config(generated.base_config), import_custom_modules=False)
    theirs = dict(_leaves({k: v for k, v in base.to_dict().items() if k in RUNNER_KEYS}))
    ours = dict(_leaves(config.to_dict()))
    return [
        (key, theirs.get(key, ...), ours.get(key, ...))
        for key in sorted(theirs.keys() | ours.keys())
        if theirs.get(key, ...) != ours.get(key, ...)
    ]


def _leaves(node: Mapping[str, Any], prefix: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name, value in node.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            found += _leaves(value, f"{key}.")
        else:
            found.append((key, value))
    return found
