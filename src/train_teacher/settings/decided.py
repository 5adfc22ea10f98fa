"""Values that train-teacher chose itself, kept with the settings of a run."""

from __future__ import annotations

import msgspec


class Decided(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values that no user set, and that a repeated or resumed run has to know."""

    chosen: list[str] = []
    """Settings that were chosen from the data or the machine."""
    auto_reasons: dict[str, str] = {}
    """Reasons for the choices of `--model auto` and `--recipe auto`, by setting."""
    from_recipe: list[str] = []
    """Settings that a recipe other than the default gave."""
    fit_batch: bool = False
    """`--batch-size auto`: a step's images may go through the model in parts."""
