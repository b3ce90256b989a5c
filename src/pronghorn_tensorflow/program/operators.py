"""Python's operators and keys as TensorFlow's tensors take them, for `pronghorn run`."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn.engine.graph.tensor import OPERATORS, ArrayMethods, Tensor
from pronghorn.engine.graph.variable import GraphVariable
from pronghorn_tensorflow.arrays.tensor import TensorFlowTensor
from pronghorn_tensorflow.math.basic import LONG, divide
from pronghorn_tensorflow.program.errors import with_causes

_ARRAYS = (Tensor, GraphVariable, np.ndarray, np.generic)


def _is_long(value: Any) -> bool:
    """Whether it is of integers of 32 bits or more, such as Python's."""
    if isinstance(value, _ARRAYS):
        return value.dtype in LONG
    return isinstance(value, int) and not isinstance(value, bool)


def true_divide(self: Any, other: Any) -> Any:
    """`x / y`: of integers of 32 bits or more float64, and not Keras's float type.

    >>> from pronghorn import ops
    >>> true_divide(ops.array([3]), 2).dtype, true_divide(ops.array([3], "int8"), 2).dtype
    ('float64', 'float32')
    """
    return divide(self, other) if _is_long(self) and _is_long(other) else OPERATORS["__truediv__"](self, other)


def _divided_by(self: Any, other: Any) -> Any:
    return divide(other, self) if _is_long(self) and _is_long(other) else OPERATORS["__rtruediv__"](self, other)


def get_item(self: Any, key: Any) -> Any:
    """`x[key]`: a list is a place as a tuple is, and not several rows: `x[[0, 1]]` is `x[0, 1]`."""
    return ArrayMethods.__getitem__(self, tuple(key) if isinstance(key, list) else key)


#: Division, for arrays and variables alike.
DIVISION: dict[str, Any] = {"__truediv__": true_divide, "__rtruediv__": _divided_by}

#: Of tensors: what fails for their shapes or numbers is a `tf.errors.OpError`, too.
for _name, _method in {**OPERATORS, **DIVISION, "__getitem__": get_item}.items():
    setattr(TensorFlowTensor, _name, with_causes(_method))
