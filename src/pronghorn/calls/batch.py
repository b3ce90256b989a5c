"""A batch on its way to a step: flat arrays, and the structure they came in."""

from __future__ import annotations

import operator
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

from pronghorn import config
from pronghorn.calls.layout import take_apart
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import SAMPLES, Shape
from pronghorn.engine.graph.foreign import without_framework
from pronghorn.engine.graph.layout import Layout, kinds
from pronghorn.engine.graph.strings import StringArray, is_text


class OwnRows(NamedTuple):
    """Some rows of a batch's array: those of one process, of several that share the batch.

    Attributes:
        array: the rows.
        start: the number of the first in the batch.
        total: how many the batch has.
    """

    array: np.ndarray
    start: int
    total: int


class Batch:
    """Arrays for one step.

    Attributes:
        layout: the structure.
        arrays: the flat arrays; whole data sets, where `rows` says which of their rows are meant.
        rows: None, or int64 row numbers.
        key: tells apart what needs different compiled steps: structure, types, and all extents but the first.
        source: None, or the data set that the arrays are consecutive rows of; it stays as it is.
        start: the first of those rows.
    """

    __slots__ = ("arrays", "key", "layout", "rows", "source", "start")
    is_share = False  # whether the arrays have the rows of one process alone

    def __init__(self, layout: Layout, arrays: list[np.ndarray], rows: np.ndarray | None = None, key: Hashable = None):
        self.layout, self.arrays, self.rows = layout, arrays, rows
        self.key = key if key is not None else batch_key(layout, arrays, rows is not None)
        self.source: Batch | None = None
        self.start = 0

    @property
    def texts(self) -> tuple[int, ...]:
        """The places of the arrays of strings."""
        if self.layout.texts is None:
            self.layout.texts = tuple(i for i, a in enumerate(self.arrays) if a.dtype == object)
        return self.layout.texts

    @property
    def numbers(self) -> tuple[int, ...]:
        """The places of the arrays of numbers, which a compiled step takes."""
        return tuple(i for i in range(len(self.arrays)) if i not in self.texts)

    @property
    def size(self) -> int:
        """Number of samples."""
        if self.rows is not None:
            return len(self.rows)
        return next((a.shape[0] for a in self.arrays if a.ndim), 1)

    @property
    def kind(self) -> Hashable:
        """What else needs different compiled steps than extents: structure, types and numbers of axes."""
        return self.layout.key, self.rows is not None, tuple([(a.dtype, a.ndim) for a in self.arrays])

    @property
    def extents(self) -> Hashable:
        """The first extents of the batch's arrays."""
        if self.rows is not None:
            return len(self.rows)
        return tuple([a.shape[:1] for a in self.arrays])

    @property
    def common_size(self) -> int | None:
        """The number of samples that all arrays have; None where they differ, or none has any."""
        if self.rows is not None:
            return len(self.rows)
        sizes = {a.shape[0] for a in self.arrays if a.ndim}
        return sizes.pop() if len(sizes) == 1 else None

    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the batch's arrays."""
        if self.rows is None:
            return [a.shape for a in self.arrays]
        return [(len(self.rows), *a.shape[1:]) for a in self.arrays]

    def symbolic_shapes(self) -> list[Shape]:
        """The shapes with a symbol for the number of samples."""
        return [(SAMPLES, *shape[1:]) if shape else () for shape in self.shapes()]

    def gather(self) -> list[np.ndarray]:
        """The batch's arrays, rows taken."""
        return self.arrays if self.rows is None else [a[self.rows] for a in self.arrays]

    def whole(self) -> Batch:
        """The batch with all of its rows."""
        return self

    def part(self, start: int, stop: int) -> Batch:
        """Some of the samples."""
        if self.rows is not None:
            return Batch(self.layout, self.arrays, self.rows[start:stop], self.key)
        return Batch(self.layout, [a[start:stop] if a.ndim else a for a in self.arrays], None, self.key)

    def window(self, start: int, stop: int) -> Batch:
        """Some of the samples of a data set that stays as it is: neighbouring windows are joined without a copy."""
        window = self.part(start, stop)
        window.source, window.start = self, start
        return window

    def kept(self) -> Batch:
        """The same batch, for use after the next one was asked for: a generator may fill its arrays anew."""
        if self.rows is not None or self.source is not None:
            return self
        return Batch(self.layout, [a.copy() for a in self.arrays], None, self.key)

    def arguments(self) -> list[Any]:
        """What an executable takes: arrays of numbers, or pairs of one of all samples and row numbers."""
        rows = self.rows
        arrays = [self.arrays[i] for i in self.numbers] if self.texts else self.arrays
        return arrays if rows is None else [(a, rows) for a in arrays]

    def strings(self) -> list[np.ndarray]:
        """The arrays of strings, rows taken."""
        arrays = [self.arrays[i] for i in self.texts]
        return arrays if self.rows is None else [a[self.rows] for a in arrays]

    def traced_leaves(self, tensors: Sequence[Any], shapes: Sequence[Shape]) -> dict[int, Any]:
        """The leaves for a trace with this batch: `tensors` for arrays of numbers, `StringArray`s for strings."""
        texts = [
            StringArray(sample, shapes[i], operator.itemgetter(place))
            for place, (i, sample) in enumerate(zip(self.texts, self.strings()))
        ]
        return dict(zip((*self.numbers, *self.texts), (*tensors, *texts)))


def batch_key(layout: Layout, arrays: Sequence[np.ndarray], gathered: bool) -> Hashable:
    """What tells apart batches that need different compiled steps."""
    return layout.key, gathered, kinds(arrays)


def as_batch(data: Any) -> Batch:
    """Nested arrays as a batch."""
    layout, leaves = take_apart(data)
    return Batch(layout, [as_array(leaf, text=True) for leaf in leaves])


def as_array(leaf: Any, what: str = "data", text: bool = False) -> np.ndarray:
    """A leaf of the data as a NumPy array of a type that a step takes.

    Floats of 64 bits become the default float type, as the weights are of that type.

    Args:
        leaf: an array, or something that can be one.
        what: what it is called in errors.
        text: whether it may hold strings, for a model that makes numbers of them; they become objects.

    Raises:
        ValueError: for objects, strings and ragged lists.
    """
    leaf = without_framework(leaf, what)
    try:
        array = leaf if isinstance(leaf, np.ndarray) else np.asarray(leaf)
    except ValueError:
        raise ValueError(
            f"{what}: the rows have different lengths, so they make no array. Pad them to one length, for example with "
            "utils.pad_sequences."
        ) from None
    if array.dtype == np.float64 and config.floatx() != "float64":
        return array.astype(dtypes.to_numpy(config.floatx()))
    if text and is_text(array):
        return array.astype(object)
    kind = array.dtype.kind
    if kind in "OUSM" and array.dtype not in _KNOWN:
        raise ValueError(_bad_type(array, what))
    return array


_KNOWN = frozenset(map(dtypes.to_numpy, dtypes.ALL))


def _bad_type(array: np.ndarray, what: str) -> str:
    if array.dtype.kind in "US" or (array.size and isinstance(array.flat[0], str | bytes)):
        return (
            f"{what}: got an array of strings, shape {array.shape}. A model computes with numbers: turn the strings "
            "into numbers first, for example with a StringLookup or TextVectorization layer called on the data."
        )
    inside = type(array.flat[0]).__name__ if array.size else "nothing"
    return (
        f"{what}: got an array of Python objects (dtype {array.dtype}, shape {array.shape}, the first is a {inside}). "
        "It must hold numbers: rows of one length make an array with np.stack or utils.pad_sequences, and numbers "
        "stored as objects one with .astype('float32')."
    )
