"""`tf.sets`: each row along the last axis of two arrays is a set, for `pronghorn run`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.data.element import Text, as_text
from pronghorn.data.element_types import dtype_name
from pronghorn_tensorflow.program.functions import constant
from pronghorn_tensorflow.rows.sparse import SparseTensor

_Row = set[Any]


def union(a: Any, b: Any, validate_indices: bool = True) -> SparseTensor:
    """`tf.sets.union`: what is in either.

    >>> union([[1, 2, 2]], [[3, 2, 9]]).values.tolist()
    [1, 2, 3, 9]
    """
    return _combined("union", a, b, set.union)


def intersection(a: Any, b: Any, validate_indices: bool = True) -> SparseTensor:
    """`tf.sets.intersection`: what is in both.

    >>> intersection([[1, 2, 2]], [[3, 2, 9]]).values.tolist()
    [2]
    """
    return _combined("intersection", a, b, set.intersection)


def difference(a: Any, b: Any, aminusb: bool = True, validate_indices: bool = True) -> SparseTensor:
    """`tf.sets.difference`: what is in the first alone, or with `aminusb=False` in the second.

    >>> difference([[1, 2, 2]], [[3, 2, 9]], aminusb=False).values.tolist()
    [3, 9]
    """
    return _combined("difference", a, b, set.difference if aminusb else lambda one, other: other - one)


def size(a: SparseTensor, validate_indices: bool = True) -> Any:
    """`tf.sets.size`: how many different values each row has.

    Raises:
        TypeError: for an array that is not sparse.
    """
    if not isinstance(a, SparseTensor):
        raise TypeError(f"tf.sets.size: `a` is a tf.SparseTensor; got {type(a).__name__}. See tf.sparse.from_dense.")
    rows = _rows(a, a.shape[:-1])
    return ops.convert_to_tensor(np.reshape([len(row) for row in rows], a.shape[:-1]).astype("int32"))


def _combined(name: str, a: Any, b: Any, operation: Callable[[_Row, _Row], _Row]) -> SparseTensor:
    a, b = (x if isinstance(x, SparseTensor) else constant(x) for x in (a, b))
    kinds = ["string" if isinstance(x, Text) else dtype_name(x.dtype) for x in (a, b)]
    for which, kind in zip("ab", kinds):
        if "int" not in kind and kind != "string":
            raise TypeError(f"tf.sets.{name}: `{which}` has the type {kind}; sets are of integers or strings.")
    if kinds[0] != kinds[1]:
        raise TypeError(f"tf.sets.{name}: both are of one type; got {kinds[0]} and {kinds[1]}. See tf.cast.")
    outer = tuple(a.shape)[:-1]
    if not outer or tuple(b.shape)[:-1] != outer:
        raise ValueError(
            f"tf.sets.{name}: two arrays of at least two axes, whose extents are equal but for the last axis, are "
            f"combined; got the shapes {tuple(a.shape)} and {tuple(b.shape)}."
        )
    found = [sorted(operation(*pair)) for pair in zip(_rows(a, outer), _rows(b, outer))]
    longest = max(map(len, found), default=0)
    places = [(*at, i) for at, row in zip(np.ndindex(*outer), found) for i in range(len(row))]
    values = [value for row in found for value in row]
    is_text = kinds[0] == "string"
    made: Any = as_text(values) if is_text else ops.convert_to_tensor(np.array(values, "int64"), dtype=a.dtype)
    return SparseTensor(places, made, (*outer, longest))


def _rows(x: Any, outer: tuple[int, ...]) -> list[_Row]:
    if not isinstance(x, SparseTensor):
        return [set(row) for row in np.asarray(x).reshape(-1, x.shape[-1]).tolist()] if x.shape[-1] else _empty(outer)
    rows = _empty(outer)
    for place, value in zip(x.indices[:, :-1], np.asarray(x.values).tolist()):
        rows[int(np.ravel_multi_index(tuple(place), outer))].add(value)
    return rows


def _empty(outer: tuple[int, ...]) -> list[_Row]:
    return [set() for _ in range(int(np.prod(outer)))]
