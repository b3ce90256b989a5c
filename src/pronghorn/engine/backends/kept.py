"""Programs that are kept: by what they are for, as many as pay, while what they depend on stays as it is."""

from __future__ import annotations

import weakref
from collections.abc import Hashable
from typing import Any, Self, TypeVar

X = TypeVar("X")


class Kept(dict[Hashable, X]):
    """What is kept for calls, by keys.

    Args:
        most: so many are kept. When one more comes, all are forgotten: what comes often is soon there again.
        oldest: whether the one that came first is forgotten instead.

    >>> kept = Kept(2)
    >>> kept.during("before").keep("key", 1), kept.during("before")
    (1, {'key': 1})
    >>> kept.during("after")
    {}
    """

    __slots__ = ("_most", "_oldest", "_state")

    def __init__(self, most: int, oldest: bool = False):
        self._most, self._oldest = most, oldest
        self._state: Hashable = None

    def during(self, state: Hashable) -> Self:
        """What was kept while all that it depends on was as it is now, which `state` says; the rest is forgotten."""
        if state != self._state:
            self.clear()
            self._state = state
        return self

    @property
    def is_full(self) -> bool:
        """Whether one more makes others be forgotten."""
        return len(self) >= self._most

    def keep(self, key: Hashable, value: X) -> X:
        """Keep a value, and return it."""
        if self.is_full and key not in self:
            if self._oldest:
                del self[next(iter(self))]
            else:
                self.clear()
        self[key] = value
        return value


class KeptByObject:
    """A `Kept` for each of the objects that are called, with which it goes.

    Args:
        most: so many are kept for one object.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: weakref.WeakKeyDictionary[Any, Kept[Any]] = weakref.WeakKeyDictionary()

    def of(self, called: Any, state: Hashable) -> Kept[Any]:
        """What is kept for an object while what its calls depend on is ``state``."""
        known = self._known.get(called)
        if known is None:
            known = self._known[called] = Kept(self._most)
        return known.during(state)
