"""Whether convolutions are plain sums of products throughout, rather than minimal filtering where that is faster.

Codes differ by it, so whoever keeps compiled code asks `exact_convolutions` for a part of its name.
"""

from __future__ import annotations

_exact = False


def exact_convolutions() -> bool:
    """Whether what is compiled now computes convolutions by plain sums alone.

    >>> exact_convolutions()
    False
    """
    return _exact


def set_exact_convolutions(exact: bool) -> None:
    """Say so for what is compiled from now on.

    >>> set_exact_convolutions(False)
    """
    global _exact
    _exact = exact
