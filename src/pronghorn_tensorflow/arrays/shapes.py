"""`tf.shape`, `tf.size` and `tf.rank`, for `pronghorn run`: numbers that are known, and answer as tensors do.

They are no tensors, so that shapes can be made of them while a function is compiled, too.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.data.element_types import type_of
from pronghorn.data.tensor_spec import TensorShape
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.tensor import Tensor


class Extent(int):
    """A number of elements or of axes: an int that has the `numpy()` of a tensor, and is printed like one.

    >>> Extent(3) + 1, Extent(3).numpy(), f"{Extent(3)}"
    (4, np.int32(3), '3')
    """

    def numpy(self) -> Any:
        """Return the number as NumPy's."""
        return np.int32(self)

    def __str__(self) -> str:
        return str(ops.convert_to_tensor(int(self), "int32"))

    def __format__(self, spec: str) -> str:
        return format(int(self), spec)


class Extents(tuple[Any, ...]):
    """The extents of an array: a tuple with which one computes as with TensorFlow's vector of them.

    >>> size = Extents((2, 3))
    >>> size * 2, size[:1] + [1], size.numpy().tolist(), size[0].numpy()
    ((4, 6), (3,), [2, 3], np.int32(2))
    """

    _dtype = "int32"

    def __new__(cls, extents: Any = (), dtype: Any = None) -> Extents:
        made = super().__new__(cls, extents)
        if dtype is not None:
            made._dtype = dtypes.name_of(dtype)
        return made

    def __reduce__(self) -> Any:
        return Extents, (tuple(self), self._dtype)

    @property
    def dtype(self) -> Any:
        """The type of the vector, which is the one that was asked for."""
        return type_of(self._dtype)

    def numpy(self) -> np.ndarray:
        """Return the extents as an array."""
        return np.asarray(tuple(self), self._dtype)

    @property
    def shape(self) -> TensorShape:
        """The shape of the vector."""
        return TensorShape((len(self),))

    def get_shape(self) -> TensorShape:
        """Return the shape of the vector."""
        return self.shape

    def __str__(self) -> str:
        return str(self._vector())

    def _vector(self) -> Tensor:
        return ops.convert_to_tensor(tuple(self), self._dtype)

    def _is_known(self) -> bool:
        return all(isinstance(extent, int) for extent in self)

    def __getitem__(self, place: Any) -> Any:
        if not isinstance(place, slice):
            try:
                found = super().__getitem__(operator.index(place))
            except TypeError:
                return self._vector()[place]
            return Extent(found) if isinstance(found, int) else found
        return Extents(super().__getitem__(place), self._dtype)

    def __neg__(self) -> Any:
        return self._with(operator.sub, 0, turned=True)

    def _with(self, op: Callable[[Any, Any], Any], other: Any, turned: bool = False) -> Any:
        """The extents, each computed with another number, or with its own of several."""
        others = (other,) if isinstance(other, int) else other
        if self._is_known() and isinstance(others, list | tuple) and all(isinstance(each, int) for each in others):
            pairs = _pairs(tuple(self), tuple(others))
            return Extents((op(b, a) if turned else op(a, b) for a, b in pairs), self._dtype)
        vector, other = self._vector(), tuple(other) if isinstance(other, Extents) else other
        other = ops.convert_to_tensor(other) if isinstance(other, list | tuple) else other
        return op(other, vector) if turned else op(vector, other)


def _pairs(extents: tuple[int, ...], others: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Each extent beside its number; one alone stands beside all.

    >>> list(_pairs((2, 3), (10,)))
    [(2, 10), (3, 10)]
    """
    if len(extents) != len(others) and 1 not in (len(extents), len(others)):
        raise ValueError(f"tf.shape: {len(extents)} extents, {extents}, and {len(others)} numbers, {others}.")
    count = len(extents) if len(others) == 1 else len(others)
    return zip(extents * (count if len(extents) == 1 else 1), others * (count if len(others) == 1 else 1))


def _operator(op: Callable[[Any, Any], Any], turned: bool = False) -> Callable[[Any, Any], Any]:
    return lambda self, other: self._with(op, other, turned)


def _on_vector(op: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda self, other: op(self._vector(), other._vector() if isinstance(other, Extents) else other)


for _name in ("add", "sub", "mul", "floordiv", "mod"):
    setattr(Extents, f"__{_name}__", _operator(getattr(operator, _name)))
    setattr(Extents, f"__r{_name}__", _operator(getattr(operator, _name), turned=True))
for _name in ("truediv", "lt", "le", "gt", "ge"):
    setattr(Extents, f"__{_name}__", _on_vector(getattr(operator, _name)))


def shape(input: Any, out_type: Any = None, name: str | None = None) -> Extents:
    """`tf.shape`: the extents, of which some may not be known yet.

    >>> shape(ops.ones((2, 3)))[1:]
    (3,)
    """
    return Extents(ops.shape(input), out_type)


def size(input: Any, out_type: Any = None, name: str | None = None) -> Any:
    """`tf.size`: an int, whatever `out_type` is, or a scalar where it is not known yet."""
    found = ops.size(input)
    return Extent(found) if isinstance(found, int) else found


def rank(input: Any, name: str | None = None) -> Extent:
    """`tf.rank`: how many axes there are."""
    return Extent(ops.ndim(input))
