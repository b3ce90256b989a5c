"""`tf.Variable`, for `pronghorn run`: Pronghorn's, made as TensorFlow's are, of which slices are assigned."""

from __future__ import annotations

from typing import Any

import numpy as np

import pronghorn
from pronghorn import ops
from pronghorn.cli.tensorflow_doubles import keeping_doubles
from pronghorn.cli.tensorflow_functions import constant
from pronghorn.graph.tensor import Tensor


class Slice(Tensor):
    """A part of a variable, which can be assigned: `v[0, 1].assign(5.0)`."""

    __slots__ = ("_key", "_variable")

    def __init__(self, variable: Variable, key: Any) -> None:
        super().__init__(variable.value[key].data)
        self._variable, self._key = variable, key

    def assign(self, value: Any, *ignored: Any, **ignored_too: Any) -> Variable:
        """Set the part."""
        variable = self._variable
        places = np.arange(int(np.prod(variable.shape, dtype=int)), dtype="int32").reshape(variable.shape)[self._key]
        values = ops.broadcast_to(ops.cast(value, variable.dtype), places.shape)
        flat = ops.reshape(variable.value, (-1,))
        flat = ops.scatter_update(flat, places.reshape(-1, 1), ops.reshape(values, (-1,)))
        variable.assign(ops.reshape(flat, variable.shape))
        return variable

    def assign_add(self, value: Any, *ignored: Any, **ignored_too: Any) -> Variable:
        """Add to the part."""
        return self.assign(ops.add(self, ops.cast(value, self.dtype)))

    def assign_sub(self, value: Any, *ignored: Any, **ignored_too: Any) -> Variable:
        """Subtract from the part."""
        return self.assign(ops.subtract(self, ops.cast(value, self.dtype)))


class Variable(pronghorn.Variable):
    """`tf.Variable`.

    >>> v = Variable([[1.0, 2.0], [3.0, 4.0]])
    >>> v[0, 1].assign(9.0).numpy().tolist()
    [[1.0, 9.0], [3.0, 4.0]]
    """

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        import_scope: Any = None,
        constraint: Any = None,
        synchronization: Any = None,
        aggregation: Any = None,
        shape: Any = None,
        **ignored: Any,
    ) -> None:
        value = initial_value() if callable(initial_value) else initial_value
        if dtype is None and isinstance(value, float | list):
            dtype = "float32" if np.asarray(value).dtype == np.float64 else None
        value = keeping_doubles(constant)(value, dtype)
        own = None if name is None else name.replace("/", "_")
        super().__init__(value, trainable=trainable is not False, dtype=value.dtype, name=own)
        self.constraint = constraint

    def __getitem__(self, key: Any) -> Slice:
        return Slice(self, key)

    def read_value(self) -> Any:
        """Return the value."""
        return ops.convert_to_tensor(self.value)

    def scatter_nd_update(self, indices: Any, updates: Any, name: str | None = None) -> Variable:
        """Set entries at coordinates."""
        self.assign(ops.scatter_update(self.value, indices, ops.cast(updates, self.dtype)))
        return self

    def scatter_nd_add(self, indices: Any, updates: Any, name: str | None = None) -> Variable:
        """Add to entries at coordinates."""
        self.assign(ops.scatter_update(self.value, indices, ops.cast(updates, self.dtype), reduction="add"))
        return self

    def scatter_nd_sub(self, indices: Any, updates: Any, name: str | None = None) -> Variable:
        """Subtract from entries at coordinates."""
        return self.scatter_nd_add(indices, ops.negative(ops.convert_to_tensor(updates)))
