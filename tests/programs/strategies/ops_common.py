"""What the strategies for ops share: a call as data, the register of strategies, how shapes and numbers are drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

FLOAT = "float32"
INTS = ("int32", "uint8", "int8", "int16")


@dataclass
class Call:
    """``ops.<name>(*args, **kwargs)``.

    The arrays in ``args``, also those in lists, are what a compiled function takes as inputs, and the float32 ones are
    what is differentiated; everything in ``kwargs`` is fixed. Where the op gives a function, that is called with
    ``then``. ``tolerance`` is relative.
    """

    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    gradient: bool = True
    compiled: bool = True
    tolerance: float = 1e-5
    then: tuple[Any, ...] | None = None


STRATEGIES: dict[str, st.SearchStrategy[Call]] = {}
_WRITTEN_BY: dict[str, str] = {}


def covers(names: str) -> Callable[[Callable[..., Call]], Callable[..., Call]]:
    """Registers ``fn(draw, name)``, which draws a call, for each of the names (those of images as ``image.resize``)."""

    def register(fn: Callable[..., Call]) -> Callable[..., Call]:
        for name in names.split():
            assert _WRITTEN_BY.setdefault(name, fn.__name__) == fn.__name__, f"{name} has two strategies"
            STRATEGIES[name] = st.composite(fn)(name)
        return fn

    return register


def shape(draw: Any, least: int = 0, most: int = 3, side: tuple[int, int] = (1, 5)) -> tuple[int, ...]:
    """A shape of ``least`` to ``most`` dimensions, each of an extent within ``side``."""
    return tuple(draw(st.lists(st.integers(*side), min_size=least, max_size=most)))


def maybe_empty(draw: Any, least: int = 0, most: int = 3) -> tuple[int, ...]:
    """A shape that has no elements now and then."""
    return shape(draw, least, most, (0 if draw(st.integers(0, 5)) == 0 else 1, 5))


def generator(draw: Any) -> np.random.Generator:
    """Where an example's numbers come from: one small number for Hypothesis to shrink, not each element."""
    return np.random.default_rng(draw(st.integers(0, 9999)))


def floats(draw: Any, shape: Sequence[int], low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """float32 numbers between two limits."""
    return np.asarray(generator(draw).uniform(low, high, tuple(shape)), FLOAT)


def apart(draw: Any, shape: Sequence[int], step: float = 0.05) -> np.ndarray:
    """float32 numbers of which no two are nearer than ``step``: which is the largest is no matter of rounding."""
    count = math.prod(shape)
    order = generator(draw).permutation(count)
    return np.asarray((order - count / 2.0 + 0.3) * step, FLOAT).reshape(tuple(shape))


def halves(draw: Any, shape: Sequence[int]) -> np.ndarray:
    """float32 multiples of a half, among which many are equal."""
    return np.asarray(generator(draw).integers(-4, 5, tuple(shape)) / 2.0, FLOAT)


def integers(draw: Any, shape: Sequence[int], low: int = 0, high: int = 4, dtype: str = "int32") -> np.ndarray:
    """Whole numbers from ``low`` up to, without, ``high``."""
    return np.asarray(generator(draw).integers(low, high, tuple(shape)), dtype)


def numbers(draw: Any, shape: Sequence[int], dtype: str, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """Numbers of any type, within limits as far as the type has such numbers."""
    if dtype == FLOAT:
        return floats(draw, shape, low, high)
    if dtype == "bool":
        return integers(draw, shape, 0, 2, "bool")
    least = max(math.ceil(low), 0 if dtype.startswith("u") else -100)
    return integers(draw, shape, least, max(math.floor(high), least) + 1, dtype)


def dtype(draw: Any, *others: str) -> str:
    """float32 mostly, else one of ``others`` (by default the integers and bool)."""
    return FLOAT if draw(st.integers(0, 2)) else draw(st.sampled_from(others or (*INTS, "bool")))


def axis(draw: Any, rank: int) -> int:
    """An axis, negative ones too."""
    return draw(st.integers(-rank, rank - 1))


def some_axes(draw: Any, rank: int, least: int = 1) -> tuple[int, ...]:
    """Different axes, each counted from either end."""
    if rank < least:
        return ()
    chosen = draw(st.permutations(range(rank)))[: draw(st.integers(least, rank))]
    return tuple(a - rank if draw(st.booleans()) else a for a in chosen)


def axes(draw: Any, rank: int) -> int | tuple[int, ...] | None:
    """What an ``axis`` argument takes: None, one, or several."""
    kind = draw(st.sampled_from(("none", "one", "several"))) if rank else "none"
    return {"none": lambda: None, "one": lambda: axis(draw, rank), "several": lambda: some_axes(draw, rank)}[kind]()


def broadcast_pair(draw: Any, most: int = 3) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two shapes that broadcast against each other."""
    whole = maybe_empty(draw, 0, most)

    def narrowed() -> tuple[int, ...]:
        kept = [1 if draw(st.integers(0, 3)) == 0 else n for n in whole]
        return tuple(kept[draw(st.integers(0, len(kept))) if draw(st.integers(0, 2)) == 0 else 0 :])

    return (whole, narrowed()) if draw(st.booleans()) else (narrowed(), whole)


def optional(draw: Any, options: dict[str, st.SearchStrategy]) -> dict[str, Any]:
    """Some of the options, each given or left at its default."""
    return {name: draw(values) for name, values in options.items() if draw(st.booleans())}


def pick(draw: Any, *values: Any) -> Any:
    """One of the values."""
    return draw(st.sampled_from(values))


@dataclass
class Body:
    """A function among the arguments, written with ops: ``make`` is given Keras's ops or Pronghorn's."""

    make: Callable[[Any], Any]
