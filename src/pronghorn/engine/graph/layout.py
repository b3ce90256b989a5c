"""Nested arguments and results taken apart: flat arrays, and a `Layout` of what they were in."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pronghorn import tree

#: Types of constants whose values say all that a call can learn from them.
_PLAIN = frozenset({bool, int, float, str, type(None)})


class Constant:
    """In a layout, a leaf that is no array: what is compiled holds for this very value.

    Attributes:
        value: the leaf.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    @property
    def key(self) -> Hashable:
        """Tells values apart: equal ones of one type are the same; of what cannot be hashed, only the object itself.

        >>> Constant(0.0).key == Constant(-0.0).key, Constant(float("nan")).key == Constant(float("nan")).key
        (False, True)
        """
        kind = type(self.value)
        if kind is float or kind is complex:
            return kind, repr(self.value)
        try:
            hash(self.value)
        except TypeError:
            return kind, _Itself(self.value)
        return kind, self.value

    def __repr__(self) -> str:
        return "constant"


class _Itself:
    """An object as a key. The key holds the object, so that no other one gets its id."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


class SeveralArrays:
    """In a layout, a leaf that is made of several arrays."""

    def made_of(self, leaves: Sequence[Any] | Mapping[int, Any]) -> Any:
        """Return the leaf, from all leaves of the layout by their numbers."""
        raise NotImplementedError


class Layout:
    """The structure of arguments: nested containers, with a number in the place of each array.

    Arrays of one data set share a layout, so it is made once; `key` tells layouts apart in a cache of compiled steps.

    Args:
        structure: nested numbers, Nones, `SeveralArrays` and `Constant`s.

    Attributes:
        constants: the leaves that are no arrays.
    """

    __slots__ = ("_key", "constants", "structure", "texts")

    def __init__(self, structure: Any, constants: Sequence[Constant] | None = None):
        self.structure = structure
        if constants is None:
            constants = [place for place in tree.flatten(structure) if isinstance(place, Constant)]
        self.constants = constants
        self.texts: tuple[int, ...] | None = None  # the places of strings, once a batch has looked
        self._key: Hashable = None

    @property
    def key(self) -> Hashable:
        """Equal for layouts that one program serves, if the arrays are of the same kinds."""
        if self._key is None:
            constants = tuple([constant.key for constant in self.constants])
            self._key = (repr(self.structure), constants) if constants else repr(self.structure)
        return self._key

    @property
    def is_plain(self) -> bool:
        """Whether all leaves that are no arrays are numbers, truth values or words."""
        return all(type(constant.value) in _PLAIN for constant in self.constants)

    def pack(self, leaves: Sequence[Any] | Mapping[int, Any]) -> Any:
        """Return the structure with leaves, by their numbers, in place of the numbers."""

        def filled(place: Any) -> Any:
            if type(place) is int:
                return leaves[place]
            if isinstance(place, SeveralArrays):
                return place.made_of(leaves)
            return place.value if isinstance(place, Constant) else place

        return tree.map_structure(filled, self.structure)


def take_apart(
    data: Any,
    is_constant: Callable[[Any], bool] | None = None,
    several: Callable[[Any, list[Any]], SeveralArrays | None] | None = None,
    once: bool = False,
) -> tuple[Layout, list[Any]]:
    """Return the layout of nested data and its leaves, without those that are None.

    Args:
        data: nested arrays, Nones, and what is constant.
        is_constant: whether a leaf is part of the layout; by default none is.
        several: for a leaf of several arrays, adds these to the leaves and gives its place; None for any other.
        once: whether a leaf that is there several times has one number.

    >>> layout, leaves = take_apart({"x": np.ones(2), "scale": 3}, lambda leaf: isinstance(leaf, int))
    >>> layout.pack([leaf * 2 for leaf in leaves])
    {'x': array([2., 2.]), 'scale': 3}
    """
    leaves: list[Any] = []
    constants: list[Constant] = []
    known: dict[int, int] = {}

    def place(leaf: Any) -> Any:
        if leaf is None:
            return None
        if is_constant is not None and is_constant(leaf):
            constants.append(Constant(leaf))
            return constants[-1]
        if several is not None and (found := several(leaf, leaves)) is not None:
            return found
        number = known.setdefault(id(leaf), len(leaves)) if once else len(leaves)
        if number == len(leaves):
            leaves.append(leaf)
        return number

    return Layout(tree.map_structure(place, data), constants), leaves


def take_call_apart(
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    is_array: Callable[[Any], bool],
    several: Callable[[Any, list[Any]], SeveralArrays | None] | None = None,
    once: bool = False,
) -> tuple[Layout, list[Any]]:
    """`take_apart` for ``(args, kwargs)``, where all leaves that are no arrays are constant."""
    # The most usual calls, quickly: arrays alone, or with words such as `training=True`.
    if all(map(is_array, args)) and not (once and len(set(map(id, args))) < len(args)):
        if not kwargs:
            return _arrays_alone(len(args)), list(args)
        if _WORDS.issuperset(map(type, kwargs.values())):
            words = tuple([(name, type(value), value) for name, value in kwargs.items()])
            return _arrays_and_words(len(args), words), list(args)
    return take_apart((args, kwargs), lambda x: not is_array(x), several, once)


@functools.cache
def _arrays_alone(count: int) -> Layout:
    return Layout((tuple(range(count)), {}))


_WORDS = frozenset((bool, int, str, type(None)))


@functools.lru_cache(maxsize=1024)
def _arrays_and_words(count: int, words: tuple[tuple[str, type, Any], ...]) -> Layout:
    """The layout of so many arrays and of keyword arguments, each with its type: True and 1 are equal."""
    kwargs = {name: value for name, _, value in words}
    arrays = tuple([_Itself(None) for _ in range(count)])
    return take_apart((arrays, kwargs), lambda x: not isinstance(x, _Itself))[0]


def kinds(arrays: Iterable[np.ndarray]) -> Hashable:
    """Types and extents of arrays, but for how many rows they have."""
    return tuple([(a.dtype, a.shape[1:], a.ndim) for a in arrays])


def has_numbers(x: Any) -> bool:
    """Whether something is an array of numbers, which compiled code takes, rather than of strings, objects or dates."""
    return isinstance(x, np.ndarray | np.generic) and x.dtype.kind not in "OUSMm"
