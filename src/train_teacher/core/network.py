"""Permission to use the network: the switches of Hugging Face, for all our downloads."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

OFFLINE_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
TIMEOUT_SECONDS = 10
# What huggingface_hub itself takes for true (huggingface_hub/constants.py).
TRUE_VALUES = frozenset({"1", "ON", "YES", "TRUE"})


def offline_switch() -> str | None:
    """Return the setting that forbids the network, such as `HF_HUB_OFFLINE=1`, or None."""
    for name in OFFLINE_VARIABLES:
        value = os.environ.get(name, "")
        if value.upper() in TRUE_VALUES:
            return f"{name}={value}"
    return None


def hub_address() -> str:
    """Return the server that language models come from."""
    return os.environ.get("HF_ENDPOINT") or "https://huggingface.co"


def why_unreachable(address: str) -> str | None:
    """Return the reason why nothing can be downloaded, None when the server answers."""
    if switch := offline_switch():
        return f"{switch} forbids the network"
    import requests

    try:
        requests.head(address, timeout=TIMEOUT_SECONDS)
    except requests.RequestException as error:
        return f"{urlsplit(address).hostname} cannot be reached ({type(error).__name__})"
    return None
