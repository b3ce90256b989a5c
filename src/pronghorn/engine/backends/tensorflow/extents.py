"""Extents that a TensorFlow graph does not know before it runs: our own symbolic ones, which its tensors compute.

While a function is exported (`exporting`), or called where a program's own function is traced (`opened`), the shape of
a tensor may have a `Dim` where TensorFlow says None. The table's functions compute with it as they do with numbers, and
`extents` makes of it what TensorFlow's operations take.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf

from pronghorn.engine.graph.dim import Dim, Extent, Shape

_NAME = "_pronghorn_shape"

REMEDY = (
    "Batch with drop_remainder=True, say the shape with tf.ensure_shape, or go through tf.numpy_function, where it is "
    "a number."
)
"""What can be done where an extent has to be known."""


class _Symbols:
    """The tensors that are the numbers behind symbols, in a function with open extents.

    Args:
        exporting: whether it is written to a file.
    """

    def __init__(self, exporting: bool) -> None:
        self.exporting = exporting
        self.numbers: dict[str, Any] = {}
        self._known: dict[tuple[Any, Dim], Any] = {}

    def fresh(self, number: Any) -> Dim:
        """A symbol for a scalar."""
        name = f"open{len(self.numbers)}"
        self.numbers[name] = number
        return Dim.symbol(name)

    def number(self, extent: Dim) -> Any:
        """An extent as a scalar, computed once in each graph (a loop's body is one of its own)."""
        key = (tf.compat.v1.get_default_graph(), extent)
        if key not in self._known:
            self._known[key] = extent.evaluate(self.numbers)
        return self._known[key]


class _Active(threading.local):
    symbols: _Symbols | None = None


_active = _Active()


@contextlib.contextmanager
def opened(exporting: bool = False) -> Iterator[None]:
    """Inside, extents may be open."""
    outer, _active.symbols = _active.symbols, _Symbols(exporting)
    try:
        yield
    finally:
        _active.symbols = outer


def exporting() -> contextlib.AbstractContextManager[None]:
    """What is traced inside is written to a file: extents may be open, and nothing may be computed in Python."""
    return opened(exporting=True)


def is_open() -> bool:
    """Whether extents may be open."""
    return _active.symbols is not None


def is_exporting() -> bool:
    """Whether a function is being exported."""
    return _active.symbols is not None and _active.symbols.exporting


def shape_of(x: Any) -> Shape:
    """The shape of a tensor, with symbols where TensorFlow knows no number and extents may be open.

    Raises:
        TypeError: for an extent that is not known otherwise.
    """
    if x.shape.is_fully_defined():
        return tuple(x.shape)
    known = getattr(x, _NAME, None)
    if known is not None:
        return known
    symbols = _active.symbols
    if symbols is None:
        raise TypeError(f"An extent of a tensor of the shape {x.shape} is not known. {REMEDY}")
    sizes = tf.shape(x)
    shape = tuple(symbols.fresh(sizes[i]) if n is None else n for i, n in enumerate(x.shape))
    declared(x, shape)
    return shape


def declared(x: Any, shape: Shape) -> Any:
    """A tensor that is known to have this shape."""
    if not x.shape.is_fully_defined():
        x.set_shape([None if isinstance(n, Dim) else n for n in shape])
        setattr(x, _NAME, tuple(shape))
    return x


def bound(x: Any, shape: Shape) -> Any:
    """An argument of a function with open extents, which are what the symbols in ``shape`` stand for.

    Where a program's own function runs, it makes sure that those of one symbol are the same.
    """
    symbols = _active.symbols
    assert symbols is not None
    for axis, n in enumerate(shape):
        if isinstance(n, Dim):
            (name,) = n.symbols
            size = tf.shape(x)[axis]
            known = symbols.numbers.setdefault(name, size)
            if known is not size and not symbols.exporting:
                tf.debugging.assert_equal(size, known, f"The extents along axis {axis} have to be the same.")
    return declared(x, shape)


def extent(n: Extent) -> Any:
    """An extent as TensorFlow's operations take it: a number or a scalar."""
    if not isinstance(n, Dim):
        return n
    assert _active.symbols is not None
    return _active.symbols.number(n)


def extents(shape: Sequence[Extent]) -> list[Any]:
    """A shape as TensorFlow's operations take it."""
    return [extent(n) for n in shape]


def is_empty(x: Any) -> bool:
    """Whether a tensor is known to have no elements."""
    return any(n == 0 for n in x.shape)
