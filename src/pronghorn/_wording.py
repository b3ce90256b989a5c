"""Counts and sizes in the sentences that users read."""

from __future__ import annotations

from numbers import Integral
from typing import Any


def counted(count: Any, noun: str, nouns: str = "") -> str:
    """How many there are of something.

    Args:
        count: a number; an extent that is not known yet is written as it is.
        noun: what there is one of.
        nouns: what there are several of, where it is not `noun` with an s.

    >>> counted(1, "unit"), counted(1200, "unit"), counted(0, "axis", "axes")
    ('1 unit', '1,200 units', '0 axes')
    """
    if not isinstance(count, Integral):
        return f"{count} {nouns or f'{noun}s'}"
    return f"{int(count):,} {noun if count == 1 else nouns or f'{noun}s'}"


def size_text(nbytes: float) -> str:
    """A number of bytes with the unit that suits it, to three digits.

    >>> size_text(1), size_text(720), size_text(1234), size_text(999_960), size_text(5e9)
    ('1 byte', '720 bytes', '1.23 kB', '1 MB', '5 GB')
    """
    if nbytes < 1000:
        return counted(int(nbytes), "byte")
    unit = ""
    for unit in ("kB", "MB", "GB", "TB"):  # noqa: B007 (the last is used)
        nbytes = float(f"{nbytes / 1000:.3g}")  # rounded, so that what is nearly a thousand is one of the next unit
        if nbytes < 1000:
            break
    return f"{nbytes:.4g} {unit}"


def shown(value: Any, width: int = 120) -> str:
    """``value`` on one line, cut where it is long.

    >>> shown("a"), shown([1, 2])
    ("'a'", '[1, 2]')
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= width else text[: width - 3] + "..."
