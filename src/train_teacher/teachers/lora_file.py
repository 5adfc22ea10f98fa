"""`adapter_config.json`, read as data: PEFT imports modules and loads files that it may name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from train_teacher.core.errors import UserError

if TYPE_CHECKING:
    from peft import LoraConfig


class LoraFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings that decide which tensors an adapter has and how they are used."""

    r: int = 8
    lora_alpha: int | float = 8
    lora_dropout: float = 0.0
    use_dora: bool = False
    use_rslora: bool = False
    target_modules: list[str] | str | None = None
    modules_to_save: list[str] | None = None


# They say where the adapter comes from, and change nothing that is computed.
IGNORED = frozenset({"base_model_name_or_path", "inference_mode", "peft_version", "task_type"})


def read_lora_config(path: Path) -> LoraConfig:
    """Return PEFT's config of a saved adapter.

    Raises:
        UserError: it is missing or damaged, or uses more of PEFT than train-teacher writes.
    """
    from peft import LoraConfig

    try:
        saved = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        own = {key: saved[key] for key in LoraFile.__struct_fields__ if key in saved}
        values = msgspec.to_builtins(msgspec.convert(own, LoraFile))
    except (OSError, msgspec.MsgspecError) as error:
        raise UserError(f"{path}: is damaged or missing: {error}.") from error
    usual: dict[str, Any] = LoraConfig().to_dict()  # type: ignore[no-untyped-call]
    for key, value in saved.items():
        if key not in own and key not in IGNORED and value != usual.get(key):
            raise UserError(
                f"{path}: {key}: {value!r} is nothing that train-teacher writes. PEFT would import "
                "modules, load files or compute other numbers for such values, so the adapter is "
                "not loaded. Export it again with teacher export."
            )
    return LoraConfig(**values)
