"""Calls of functions at other extents of one axis than they were compiled for, held against eager code."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import pronghorn
from pronghorn import ops, tree
from pronghorn.engine.graph.tensor import Tensor

#: In this order: each is traced first at one, and called at the others.
EXTENTS = (5, 3, 17, 1, 4, 2, 16, 0, 33)


@dataclass(frozen=True)
class Varied:
    """Which axis varies: `axis` of array number `lead`, and of arrays that go with it."""

    lead: int
    axis: int

    def follows(self, number: int, arrays: Sequence[np.ndarray]) -> bool:
        """Whether the array's axis varies as well."""
        mine, other = arrays[self.lead].shape, arrays[number].shape
        return number == self.lead or (
            len(other) > self.axis and mine[self.axis] == other[self.axis] and (mine == other or self.axis == 0)
        )

    def resized(self, arrays: Sequence[np.ndarray], extent: int) -> list[np.ndarray]:
        """The arrays with another extent of the axis: elements repeat, or fall away."""

        def one(a: np.ndarray) -> np.ndarray:
            return np.take(a, np.arange(extent) % max(a.shape[self.axis], 1), self.axis)

        return [one(a) if self.follows(i, arrays) else a for i, a in enumerate(arrays)]


def every_axis(arrays: Sequence[np.ndarray]) -> Iterator[Varied]:
    """Each axis of each array."""
    for lead, array in enumerate(arrays):
        for axis in range(array.ndim):
            if array.shape[axis]:
                yield Varied(lead, axis)


def compiled(function: Callable[..., Any], arrays: Sequence[np.ndarray], varied: Varied) -> Callable[..., Any]:
    """``function`` of all arrays, compiled with a symbol for the axis that varies; the other arrays are constants.

    The first axis is the one that is symbolic in a compiled function, so another one is moved there and back.
    """
    moving = [i for i in range(len(arrays)) if varied.follows(i, arrays)]

    @pronghorn.jit
    def inner(*leaves: Any) -> Any:
        every: list[Any] = list(map(Tensor, arrays))
        for i, leaf in zip(moving, leaves):
            every[i] = ops.moveaxis(leaf, 0, varied.axis)
        return function(*every)

    def outer(*given: np.ndarray) -> Any:
        return inner(*(np.ascontiguousarray(np.moveaxis(given[i], varied.axis, 0)) for i in moving))

    return outer


def outcome(function: Callable[..., Any], arrays: Iterable[Any]) -> list[np.ndarray] | type:
    """The results as flat arrays, or the type of what was raised."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return [np.asarray(ops.convert_to_numpy(r)) for r in tree.flatten(function(*arrays))]
        except Exception as error:
            return type(error)


def difference(got: Any, expected: Any, rtol: float = 1e-4, zeros: bool = True) -> str | None:
    """What differs between two outcomes, the signs of ``zeros`` too if wanted; None where nothing does."""
    if isinstance(got, type) or isinstance(expected, type):
        if got is expected:
            return None
        return f"{_told(got)}, eagerly {_told(expected)}"
    if len(got) != len(expected):
        return f"{len(got)} results, eagerly {len(expected)}"
    for a, b in zip(got, expected):
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            return f"{a.dtype}{a.shape}, eagerly {b.dtype}{b.shape}"
        if a.dtype.kind not in "fc" and a.dtype.itemsize > 1 and a.dtype.kind != "V":
            same = np.array_equal(a, b)
        else:
            a, b = (x if x.dtype.kind in "fcb" else x.astype("float64") for x in (a, b))
            scale = np.max(np.abs(b[np.isfinite(b)]), initial=1.0) if b.dtype.kind in "fc" else 0
            with np.errstate(all="ignore"):
                same = np.allclose(a, b, rtol=rtol, atol=rtol * scale / 5, equal_nan=True)
        if same and zeros and a.dtype.kind == "f":
            both = (a == 0) & (b == 0)
            same = np.array_equal(np.signbit(a[both]), np.signbit(b[both]))
        if not same:
            return f"{a.reshape(-1)[:8]}, eagerly {b.reshape(-1)[:8]}"
    return None


def _told(result: Any) -> str:
    return result.__name__ if isinstance(result, type) else f"results {[r.shape for r in result]}"


def differences(
    function: Callable[..., Any],
    arrays: Sequence[np.ndarray],
    varied: Varied,
    extents: Sequence[int] = EXTENTS,
    spoil: Callable[[np.ndarray], np.ndarray] = lambda a: a,
    zeros: bool = True,
) -> list[str]:
    """What differs between compiled and eager calls, extent after extent."""
    arrays = [spoil(a) if i == varied.lead else a for i, a in enumerate(arrays)]
    fast = compiled(function, arrays, varied)
    found = []
    for extent in extents:
        given = varied.resized(arrays, extent)
        problem = difference(outcome(fast, given), outcome(function, map(Tensor, given)), zeros=zeros)
        if problem is not None:
            found.append(f"array {varied.lead}, axis {varied.axis}, extent {extent}: {problem}")
    return found


def with_edges(array: np.ndarray) -> np.ndarray:
    """Floats with NaN, infinities and -0.0 at some places; others as they are."""
    if array.dtype.kind != "f":
        return array
    out = array.copy()
    flat = out.reshape(-1)
    for start, value in enumerate((np.nan, -0.0, np.inf, -np.inf)):
        flat[1 + 2 * start :: 13] = value
    return out
