"""Numbers and lists in plain English."""

from __future__ import annotations

from collections.abc import Iterable

ROUND_FROM_PERCENT = 10


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """Return `1 box` or `2 boxes`."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def share(count: int, total: int) -> str:
    """Return `24 of 200 (12 %)` for a message."""
    percent = 100 * count / max(total, 1)
    digits = 1 if percent < ROUND_FROM_PERCENT else 0
    return f"{count:,} of {total:,} ({percent:.{digits}f} %)"


def shortened(text: str, width: int) -> str:
    """Return text of at most `width` characters, three dots in place of what is cut off."""
    return text if len(text) <= width else text[: width - 3] + "..."


def one_line(text: str, width: int = 100) -> str:
    """Return text in one line of at most `width` characters."""
    return shortened(" ".join(text.split()), width)


def listed(values: Iterable[object], limit: int = 5) -> str:
    """Return the first values joined by commas, quoted when they are text."""
    shown = [f'"{v}"' if isinstance(v, str) else str(v) for v in values]
    return ", ".join(shown[:limit]) + (f", ... ({len(shown)} in all)" if len(shown) > limit else "")


def score(value: float | None) -> str:
    """Return an average precision, a dash where there is none."""
    return "-" if value is None else f"{value:.3f}"


def change(value: float | None) -> str:
    """Return a difference with its sign."""
    return "-" if value is None else f"{value:+.3f}"


def duration(seconds: float | None) -> str:
    """Return a time span in words."""
    if seconds is None:
        return "-"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def size(count: int) -> str:
    """Return a number of bytes in words."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"


def near_names(name: str, known: Iterable[str], count: int, cutoff: float = 0.6) -> list[str]:
    """Return the known names most similar to another, whatever the case, the nearest first.

    Those less alike than the cutoff, 0 to 1, are left out.
    """
    from difflib import get_close_matches

    lowered = {entry.lower(): entry for entry in known}
    return [lowered[near] for near in get_close_matches(name.lower(), lowered, count, cutoff)]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most similar to another, whatever the case; None without any."""
    return next(iter(near_names(name, known, 1)), None)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence, with a space before it, that suggests the nearest name; empty without."""
    near = nearest(name, known)
    return f" Did you mean {near!r}?" if near else ""
