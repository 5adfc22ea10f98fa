"""Whether this process may use the network: the switches of Hugging Face, for all our downloads."""

from __future__ import annotations

import os

OFFLINE_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
# What huggingface_hub itself takes for true (huggingface_hub/constants.py).
TRUE_VALUES = frozenset({"1", "ON", "YES", "TRUE"})


def offline_switch() -> str | None:
    """Return the setting that forbids the network, such as `HF_HUB_OFFLINE=1`, or None."""
    for name in OFFLINE_VARIABLES:
        value = os.environ.get(name, "")
        if value.upper() in TRUE_VALUES:
            return f"{name}={value}"
    return None
