"""Nested arguments and results taken apart: flat arrays, and a `Layout` of what they were in."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.data.padded_rows import PaddedRows
from pronghorn.data.ragged import RaggedTensor
from pronghorn.engine.graph.tensor import Tensor, tensor_of


class Constant:
    """In a layout, a leaf that is no array: what is compiled holds for this very value.

    Attributes:
        value: the leaf.
        key: tells values apart: equal ones of one type are the same; of what cannot be hashed, only the object itself.
    """

    __slots__ = ("key", "value")

    def __init__(self, value: Any):
        self.value = value
        try:
            hash(value)
            self.key: Hashable = (type(value), value)
        except TypeError:
            self.key = (type(value), id(value))

    def __repr__(self) -> str:
        return "constant"


class RowsPlace:
    """In a layout, rows of different lengths: the numbers of their array and of their lengths.

    Attributes:
        number: of the array; the lengths follow.
    """

    __slots__ = ("number",)

    def __init__(self, number: int):
        self.number = number

    def __repr__(self) -> str:
        return f"rows {self.number}"

    def rows_of(self, leaves: Sequence[Any] | Mapping[int, Any]) -> RaggedTensor:
        """Return the rows; one value after the other where they are known."""
        padded, lengths = leaves[self.number], leaves[self.number + 1]
        if isinstance(padded, np.ndarray):
            padded, lengths = tensor_of(padded), tensor_of(lengths)
        rows = PaddedRows(padded, lengths)
        return rows if not isinstance(padded, Tensor) or padded.is_traced else rows.flattened()


class Layout:
    """The structure of arguments: nested containers, with a number in the place of each array.

    Arrays of one data set share a layout, so it is made once; `key` tells layouts apart in a cache of compiled steps.

    Args:
        structure: nested numbers, Nones, `RowsPlace`s and `Constant`s.
    """

    __slots__ = ("key", "structure", "texts")

    def __init__(self, structure: Any):
        self.structure = structure
        self.texts: tuple[int, ...] | None = None  # the places of strings, once a batch has looked
        constants = tuple([place.key for place in tree.flatten(structure) if isinstance(place, Constant)])
        self.key: Hashable = (repr(structure), constants) if constants else repr(structure)

    @property
    def has_rows(self) -> bool:
        """Whether there are rows of different lengths."""
        return any(isinstance(place, RowsPlace) for place in tree.flatten(self.structure))

    @property
    def has_constants(self) -> bool:
        """Whether there are leaves that are no arrays."""
        return any(isinstance(place, Constant) for place in tree.flatten(self.structure))

    def pack(self, leaves: Sequence[Any] | Mapping[int, Any], leaf: Callable[[Any], Any] | None = None) -> Any:
        """Return the structure with leaves in place of the numbers.

        Args:
            leaves: by their numbers.
            leaf: what is made of each; by default they stay as they are.
        """

        def filled(place: Any) -> Any:
            if type(place) is int:
                return leaves[place] if leaf is None else leaf(leaves[place])
            if isinstance(place, RowsPlace):
                return place.rows_of(leaves)
            return place.value if isinstance(place, Constant) else place

        return tree.map_structure(filled, self.structure)


def take_apart(data: Any, is_constant: Callable[[Any], bool] | None = None) -> tuple[Layout, list[Any]]:
    """Return the layout of nested data and its leaves, without those that are None.

    Args:
        data: nested arrays, rows of different lengths, Nones, and what is constant.
        is_constant: whether a leaf is part of the layout; by default none is.

    >>> layout, leaves = take_apart({"x": np.ones(2), "scale": 3}, lambda leaf: isinstance(leaf, int))
    >>> layout.pack([leaf * 2 for leaf in leaves])
    {'x': array([2., 2.]), 'scale': 3}
    """
    leaves: list[Any] = []

    def place(leaf: Any) -> Any:
        if leaf is None:
            return None
        if is_constant is not None and is_constant(leaf):
            return Constant(leaf)
        if isinstance(leaf, RaggedTensor):
            rows = PaddedRows.of(leaf)
            leaves.extend((rows.padded, rows.lengths))
            return RowsPlace(len(leaves) - 2)
        leaves.append(leaf)
        return len(leaves) - 1

    structure = tree.map_structure(place, data)
    return Layout(structure), leaves


def known_arrays(data: Any) -> tuple[Layout, list[np.ndarray]] | None:
    """`take_apart` for data of which each leaf is None or an array of numbers whose values are known; else None.

    >>> known_arrays([np.ones(2), None])[1], known_arrays([np.ones(2), "text"]), known_arrays([])
    ([array([1., 1.])], None, None)
    """
    layout, leaves = take_apart(data, lambda leaf: not isinstance(leaf, Tensor | np.ndarray))
    arrays = [leaf.data if isinstance(leaf, Tensor) else leaf for leaf in leaves]
    fit = arrays and not layout.has_constants and all(isinstance(a, np.ndarray) and has_numbers(a) for a in arrays)
    return (layout, arrays) if fit else None


def has_numbers(x: Any) -> bool:
    """Whether something is an array of numbers, which compiled code takes, rather than of strings, objects or dates."""
    return isinstance(x, np.ndarray | np.generic) and x.dtype.kind not in "OUSMm"
