"""`tf.Tensor`, for `pronghorn run`: the class of all arrays in a process that imports `tensorflow`.

Scripts for TensorFlow ask its questions of whatever arrays they meet: `x.shape.as_list()` of what a layer of Keras
gave, `x.get_shape()` of what a user's `call` is given, `x.dtype.is_floating` of a gradient. Arrays come to them by many
ways, so no list of functions whose results are turned into another class would be complete. The class is chosen where
arrays are made, then: the engine makes all of them by `tensor_of`, whose class is this one once `tensorflow` is
imported. Pronghorn's own `Tensor` stays as it is, and knows nothing of it.
"""

from __future__ import annotations

import functools
import gc
from typing import Any

from pronghorn.data.element import Array, check_shape
from pronghorn.data.element_types import DType, type_of
from pronghorn.data.ragged import RaggedTensor
from pronghorn.data.tensor_spec import TensorShape
from pronghorn.engine.graph.tensor import Tensor as ArrayOfOurs
from pronghorn.engine.graph.tensor import make_tensors, tensor_of
from pronghorn.engine.graph.variable import GraphVariable
from pronghorn_tensorflow.arrays.types import Reference

_types: dict[Any, DType] = {}  # by what arrays and graphs know them by: NumPy's dtype, or a name


class TensorFlowTensor(ArrayOfOurs):
    """An array that answers as TensorFlow's tensors do; `program/operators.py` gives it Python's operators.

    >>> import numpy as np
    >>> x = TensorFlowTensor(np.ones((2, 3)))
    >>> x.shape[1:].as_list(), x.dtype.is_floating
    ([3], True)
    """

    __slots__ = ()

    @property
    def shape(self) -> TensorShape:
        return tuple.__new__(TensorShape, self.data.shape)

    @property
    def dtype(self) -> DType:
        kind = self.data.dtype
        known = _types.get(kind)
        if known is None:
            known = _types[kind] = type_of(ArrayOfOurs.dtype.__get__(self))
        return known

    @property
    def device(self) -> str:
        """The processor."""
        return "/job:localhost/replica:0/task:0/device:CPU:0"

    def get_shape(self) -> TensorShape:
        """Return the shape."""
        return self.shape

    def set_shape(self, shape: Any) -> None:
        """Say what the shape is; None stands for any extent.

        Raises:
            ValueError: if it is another.
        """
        check_shape(self.shape, shape)

    def ref(self) -> Reference:
        """Return what stands for this tensor as a key."""
        return Reference(self)

    experimental_ref = ref

    def eval(self, *ignored: Any, **ignored_too: Any) -> Any:
        """Return the values, as `numpy` does."""
        return self.numpy()

    def __reduce__(self) -> Any:
        return tensor_of, (self.data,)  # of the class that arrays have where it is read


@functools.cache
def have_tensors_answer() -> None:
    """Have all arrays be `TensorFlowTensor`s: those that this process makes from now on, and those that there are."""
    make_tensors(TensorFlowTensor)
    for found in gc.get_objects():
        if type(found) is ArrayOfOurs:
            found.__class__ = TensorFlowTensor


class _TensorKind(type):
    """Which objects are tensors: elements of data sets and strings, too, which are arrays of NumPy's here."""

    def __instancecheck__(cls, value: Any) -> bool:
        if cls is not Tensor:
            return super().__instancecheck__(value)
        return isinstance(value, ArrayOfOurs) or (isinstance(value, Array) and not hasattr(value, "trainable"))

    def __subclasscheck__(cls, kind: type) -> bool:
        return super().__subclasscheck__(kind) or (cls is Tensor and issubclass(kind, ArrayOfOurs | Array))


class Tensor(TensorFlowTensor, metaclass=_TensorKind):
    """`tf.Tensor`, of which the arrays of all classes are.

    >>> import numpy as np
    >>> from pronghorn.data.element import as_text
    >>> isinstance(as_text("a"), Tensor), isinstance(np.ones(2), Tensor)
    (True, False)
    """

    __slots__ = ()


def is_tensor(x: Any) -> bool:
    """`tf.is_tensor`: whether it is a tensor, dense or not, or a variable; NumPy's arrays are none."""
    return isinstance(x, (Tensor, Array, GraphVariable, RaggedTensor)) or hasattr(x, "dense_shape")
