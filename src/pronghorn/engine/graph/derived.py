"""What is kept of what variables' values alone give, such as packed weights: it goes when they are written in place.

A value that gets another place needs no word here: whoever keeps something compares the arrays (`variable.moves`).
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable
from typing import Any, Protocol

from pronghorn.engine.runtime import forks


class Holder(Protocol):
    """What keeps something."""

    reads: frozenset[Any]

    def drop(self) -> None:
        """Give it up: it may not be what the variables that ``reads`` holds would give now."""


_holders: weakref.WeakSet[Any] = weakref.WeakSet()
_lock = threading.Lock()


def hold(holder: Holder) -> None:
    """Have `drop` be called once after a variable of those that a holder reads has been written in place.

    To be called before the values are read: a write that ends later is then told.
    """
    with _lock:
        _holders.add(holder)


def written(variables: Iterable[Any]) -> None:
    """Some variables have been written in place.

    >>> class Packed:
    ...     reads = frozenset(["kernel"])
    ...     def drop(self):
    ...         print("given up")
    >>> packed = Packed()
    >>> hold(packed)
    >>> written(["bias"])
    >>> written(["kernel"]), written(["kernel"])
    given up
    (None, None)
    """
    if not _holders:
        return
    variables = list(variables)
    with _lock:
        found = [holder for holder in _holders if not holder.reads.isdisjoint(variables)]
        for holder in found:
            _holders.discard(holder)
    for holder in found:
        holder.drop()


@forks.in_child
def _renew() -> None:
    global _lock
    _lock = threading.Lock()
