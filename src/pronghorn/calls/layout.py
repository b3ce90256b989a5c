"""What users give and get taken apart: arrays, and rows of different lengths, which are two arrays each."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.data.padded_rows import PaddedRows
from pronghorn.data.ragged import RaggedTensor
from pronghorn.engine.graph import layout as layouts
from pronghorn.engine.graph.layout import Layout, SeveralArrays, has_numbers
from pronghorn.engine.graph.tensor import Tensor, tensor_of


class RowsPlace(SeveralArrays):
    """In a layout, rows of different lengths: the numbers of their array and of their lengths.

    Attributes:
        number: of the array; the lengths follow.
    """

    __slots__ = ("number",)

    def __init__(self, number: int):
        self.number = number

    def __repr__(self) -> str:
        return f"rows {self.number}"

    def made_of(self, leaves: Sequence[Any] | Mapping[int, Any]) -> RaggedTensor:
        """Return the rows; one value after the other where they are known."""
        padded, lengths = leaves[self.number], leaves[self.number + 1]
        if isinstance(padded, np.ndarray):
            padded, lengths = tensor_of(padded), tensor_of(lengths)
        rows = PaddedRows(padded, lengths)
        return rows if not isinstance(padded, Tensor) or padded.is_traced else rows.flattened()


def _rows_in(leaf: Any, leaves: list[Any]) -> RowsPlace | None:
    if not isinstance(leaf, RaggedTensor):
        return None
    rows = PaddedRows.of(leaf)
    leaves += (rows.padded, rows.lengths)
    return RowsPlace(len(leaves) - 2)


take_apart = functools.partial(layouts.take_apart, several=_rows_in)
take_call_apart = functools.partial(layouts.take_call_apart, several=_rows_in)


def has_rows(layout: Layout) -> bool:
    """Whether there are rows of different lengths."""
    return any(isinstance(place, RowsPlace) for place in tree.flatten(layout.structure))


def known_arrays(data: Any) -> tuple[Layout, list[np.ndarray]] | None:
    """`take_apart` for data of which each leaf is None or an array of numbers whose values are known; else None.

    >>> known_arrays([np.ones(2), None])[1], known_arrays([np.ones(2), "text"]), known_arrays([])
    ([array([1., 1.])], None, None)
    """
    layout, leaves = take_apart(data, lambda leaf: not isinstance(leaf, Tensor | np.ndarray))
    arrays = [leaf.data if isinstance(leaf, Tensor) else leaf for leaf in leaves]
    fit = arrays and not layout.constants and all(map(has_numbers, arrays))
    return (layout, arrays) if fit else None
