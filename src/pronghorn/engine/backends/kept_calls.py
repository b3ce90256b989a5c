"""What calls with arrays of other libraries computed: their graphs, kept for calls that can only compute the same.

A call is kept where what is called says so (see `foreign_calls.keeping`): by the arrays' shapes and types, the other
arguments, and what it depends on besides. Arguments other than arrays, numbers and words are not compared, so that a
call with any is traced each time.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from pronghorn.engine.graph.trace import Traced

MOST = 32
"""So many kinds of calls are kept for one object; then they are forgotten."""

_PLAIN = frozenset({bool, int, float, str, type(None)})


class Kept(NamedTuple):
    """A call's graph.

    Attributes:
        traced: the graph.
        structure: its nested results, with places for arrays.
        run: what runs it, from arrays and the variables' values.
    """

    traced: Traced
    structure: Any
    run: Callable[[Sequence[Any]], list[Any]]


class Signature:
    """A call's arguments as a key, and the arrays among them, each once.

    Attributes:
        key: None where an argument cannot be compared.
        arrays: the library's arrays.
    """

    def __init__(self, args: Sequence[Any], kwargs: Mapping[str, Any], kind_of: Callable[[Any], Hashable | None]):
        self.arrays: list[Any] = []
        self._places: dict[int, int] = {}
        self._kind_of = kind_of
        parts = [self._part(x) for x in args]
        parts += [part for name in sorted(kwargs) for part in (name, self._part(kwargs[name]))]
        self.key: Hashable = None if self._Other in parts else tuple(parts)

    class _Other:
        """In the place of what cannot be compared."""

    def _part(self, x: Any) -> Hashable:
        kind = type(x)
        if kind in _PLAIN:
            return kind, x
        if kind in (list, tuple):
            parts: tuple[Any, ...] = tuple([self._part(v) for v in x])
        elif kind is dict:
            parts = tuple([part for name, v in x.items() for part in (name, self._part(v))])
        else:
            return self._array(x)
        return self._Other if self._Other in parts else (kind, parts)

    def _array(self, x: Any) -> Hashable:
        kind = self._kind_of(x)
        if kind is None:
            return self._Other
        place = self._places.get(id(x))
        if place is None:
            place = self._places[id(x)] = len(self.arrays)
            self.arrays.append(x)
        return kind, place


class KeptCalls:
    """Calls that are kept, by the objects that were called, with which they go."""

    def __init__(self) -> None:
        self._calls: weakref.WeakKeyDictionary[Any, tuple[Hashable, dict[Hashable, Kept]]] = weakref.WeakKeyDictionary()

    def of(self, called: Any, state: Hashable) -> dict[Hashable, Kept]:
        """The calls of an object while what they depend on is ``state``; those of another state are forgotten."""
        held = self._calls.get(called)
        if held is None or held[0] != state or len(held[1]) >= MOST:
            held = self._calls[called] = (state, {})
        return held[1]
