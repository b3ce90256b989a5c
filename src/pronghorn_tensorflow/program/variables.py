"""`tf.Variable`, for `pronghorn run`: Pronghorn's, made as TensorFlow's are, of which slices are assigned."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Self

import numpy as np

import pronghorn
from pronghorn import ops
from pronghorn.data.element import check_shape
from pronghorn.data.element_types import DType, dtype_name, type_of
from pronghorn.data.tensor_spec import TensorShape
from pronghorn.engine.graph.active import is_plain_code
from pronghorn.engine.graph.strings import holds_text
from pronghorn.engine.graph.tensor import LOGICAL_OPERATORS, OPERATORS, Tensor
from pronghorn_tensorflow.arrays.basic import gather_nd
from pronghorn_tensorflow.arrays.doubles import keeping_doubles
from pronghorn_tensorflow.arrays.tensor import TensorFlowTensor
from pronghorn_tensorflow.arrays.types import IndexedSlices, Reference
from pronghorn_tensorflow.printing.tensors import shown_shape, shown_value
from pronghorn_tensorflow.program.errors import OutOfRangeError
from pronghorn_tensorflow.program.functions import constant
from pronghorn_tensorflow.program.operators import DIVISION
from pronghorn_tensorflow.strings.variables import TextVariable

#: Of which variable a slice is a part, and which, by the slice's id as long as it is there.
_PARTS: dict[int, tuple[Variable, Any]] = {}


class Value(TensorFlowTensor):
    """The value of a variable, which TensorFlow's scripts call: `v.value()`; Keras's do not."""

    __slots__ = ()

    def __call__(self, read_only: Any = None, name: str | None = None) -> Tensor:
        """Return the value."""
        return ops.convert_to_tensor(self)


class Slice(TensorFlowTensor):
    """A part of a variable, which can be assigned: `v[0, 1].assign(5.0)`.

    It is the array that the operation made, which tapes know by its identity, and so it has no attribute of its own.
    """

    __slots__ = ()

    def assign(self, value: Any, *ignored: Any, **ignored_too: Any) -> Variable:
        """Set the part."""
        if id(self) not in _PARTS:
            raise TypeError("assign: this is a copy of a part of a variable; take the part itself: v[key].assign(x).")
        variable, key = _PARTS[id(self)]
        places = np.arange(int(np.prod(variable.shape, dtype=int)), dtype="int32").reshape(variable.shape)[key]
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


def assign(ref: Any, value: Any, *ignored: Any, **ignored_too: Any) -> Any:
    """`tf.compat.v1.assign`."""
    ref.assign(value)
    return ref


def assign_add(ref: Any, value: Any, *ignored: Any, **ignored_too: Any) -> Any:
    """`tf.compat.v1.assign_add`."""
    ref.assign_add(value)
    return ref


def assign_sub(ref: Any, value: Any, *ignored: Any, **ignored_too: Any) -> Any:
    """`tf.compat.v1.assign_sub`."""
    ref.assign_sub(value)
    return ref


def _check_described(found: Any, described: TensorShape) -> None:
    """Check that a value's shape is one that `shape=` stands for."""
    if described.rank is None:
        return
    if len(found) != len(described) or any(wanted not in (None, extent) for extent, wanted in zip(found, described)):
        raise ValueError(
            f"tf.Variable: the value has shape {tuple(found)}, but shape={tuple(described)} was said of the variable. "
            "Write None for extents that may change, or tf.TensorShape(None) for any shape."
        )


class Variable(pronghorn.Variable):
    """`tf.Variable`.

    >>> v = Variable([[1.0, 2.0], [3.0, 4.0]])
    >>> v[0, 1].assign(9.0).numpy().tolist()
    [[1.0, 9.0], [3.0, 4.0]]
    """

    __array_priority__ = 100  # so that ndarray @ variable comes to us, and tapes see it

    def __new__(cls, initial_value: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Return a variable of numbers, or one of strings, which has a class of its own."""
        if holds_text(initial_value):
            return TextVariable.of(initial_value, kwargs.get("name"))
        return super().__new__(cls)

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
        self._shown_name = "Variable" if name is None else name
        #: What `shape=` said, where an extent or their number may change.
        self._described: TensorShape | None = None
        if shape is not None or not validate_shape:
            described = TensorShape(shape)
            _check_described(value.shape, described)
            self._described = None if described.rank is not None and described.is_fully_defined() else described
        super().__init__(value, trainable=trainable is not False, dtype=value.dtype, name=own)
        self.constraint = constraint

    def __getitem__(self, key: Any) -> Any:
        whole = self.value
        key = tuple(key) if isinstance(key, list) else key  # a list is a place here, and not several rows
        part = whole[key]
        if part is whole:
            part = ops.squeeze(ops.expand_dims(whole, 0), 0)  # an array of its own
        if not isinstance(part, Tensor):  # another library's
            return part
        part.__class__ = Slice
        _PARTS[id(part)] = self, key
        weakref.finalize(part, _PARTS.pop, id(part), None)
        return part

    @property
    def value(self) -> Any:
        """The value, which may be called, too."""
        found = super().value
        if isinstance(found, Tensor):  # and not another library's
            found.__class__ = Value
        return found

    @property
    def dtype(self) -> DType:
        """The element type."""
        return type_of(super().dtype)

    @property
    def shape(self) -> TensorShape:
        """The shape that its value has."""
        return TensorShape(super().shape)

    def assign(self, value: Any, *ignored: Any, **ignored_too: Any) -> Self:
        """Replace the value: by one of another shape where `shape=` left that open.

        Raises:
            ValueError: if its shape is none that the variable may have, or if it changes in a compiled function.
        """
        if self._described is not None and is_plain_code():
            value = ops.convert_to_tensor(value, dtype=self.dtype)
            _check_described(value.shape, self._described)
            if value.shape != self.shape:
                self.replace(np.asarray(value))
                return self
        return super().assign(value)

    def assign_add(self, delta: Any, *ignored: Any, **ignored_too: Any) -> Self:
        """Add to the value."""
        return super().assign_add(delta)

    def assign_sub(self, delta: Any, *ignored: Any, **ignored_too: Any) -> Self:
        """Subtract from the value."""
        return super().assign_sub(delta)

    def __repr__(self) -> str:
        shape = tuple(self.shape) if self._described is None else shown_shape(self._described)
        value = f", numpy={shown_value(self.value)}" if is_plain_code() else ""
        return f"<tf.Variable '{self._shown_name}:0' shape={shape} dtype={dtype_name(self.dtype)}{value}>"

    def get_shape(self) -> TensorShape:
        """Return the shape: None for extents that `shape=` left open."""
        return self.shape if self._described is None else self._described

    def set_shape(self, shape: Any) -> None:
        """Say what the shape is.

        Raises:
            ValueError: if it is another.
        """
        check_shape(self.shape, shape)

    def ref(self) -> Reference:
        """Return a key for dictionaries."""
        return Reference(self)

    def numpy(self) -> Any:
        """Return a copy of the value; of one without axes a NumPy number, as TensorFlow's do and Keras's do not."""
        return super().numpy()[()]

    def read_value(self) -> Any:
        """Return the value."""
        return ops.convert_to_tensor(self.value)

    initialized_value = read_value

    def sparse_read(self, indices: Any, name: str | None = None) -> Any:
        """Return some rows."""
        return ops.take(self.value, indices, axis=0)

    def gather_nd(self, indices: Any, name: str | None = None) -> Any:
        """Return the entries at coordinates."""
        return gather_nd(self.value, indices)

    def count_up_to(self, limit: int) -> Any:
        """Add one, and return the value before.

        Raises:
            OutOfRangeError: at the limit, and the value stays.
        """
        before = self.read_value()
        if int(before) >= limit:
            raise OutOfRangeError(None, None, f"The variable has come to its limit, {limit}.")
        self.assign(before + ops.ones_like(before))
        return before

    def _scatter(self, slices: IndexedSlices, reduction: str | None, what: str) -> Variable:
        if not hasattr(slices, "indices"):
            raise TypeError(f"{what}: rows are given as a tf.IndexedSlices; got {type(slices).__name__}.")
        indices = ops.convert_to_tensor(slices.indices)
        values = ops.cast(slices.values, self.dtype)
        flat, tail = ops.reshape(indices, (-1, 1)), self.shape[1:]
        values = ops.reshape(ops.broadcast_to(values, (*indices.shape, *tail)), (-1, *tail))
        self.assign(ops.scatter_update(self.value, flat, values, reduction=reduction))
        return self

    def scatter_update(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Variable:
        """Set rows.

        >>> Variable([1.0, 2.0]).scatter_update(IndexedSlices([9.0], [1])).numpy().tolist()
        [1.0, 9.0]
        """
        return self._scatter(sparse_delta, None, "scatter_update")

    def scatter_add(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Variable:
        """Add to rows."""
        return self._scatter(sparse_delta, "add", "scatter_add")

    def scatter_sub(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Variable:
        """Subtract from rows."""
        negative = IndexedSlices(ops.negative(ops.convert_to_tensor(sparse_delta.values)), sparse_delta.indices)
        return self._scatter(negative, "add", "scatter_sub")

    def scatter_max(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Variable:
        """Make rows at least as large as others."""
        return self._scatter(sparse_delta, "max", "scatter_max")

    def scatter_min(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Variable:
        """Make rows at most as large as others."""
        return self._scatter(sparse_delta, "min", "scatter_min")

    def scatter_mul(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Variable:
        """Multiply rows."""
        return self._scatter(sparse_delta, "mul", "scatter_mul")

    def scatter_div(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Variable:
        """Divide rows."""
        inverse = ops.reciprocal(ops.cast(sparse_delta.values, self.dtype))
        return self._scatter(IndexedSlices(inverse, sparse_delta.indices), "mul", "scatter_div")

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


def _bits_or_logic(name: str) -> Callable[..., Any]:
    """`& | ^ ~`: bitwise as of tensors, logic of booleans, whatever is beside them; Keras's variables have logic."""
    bits, logic = OPERATORS[name], LOGICAL_OPERATORS[name]

    def method(self: Variable, *other: Any) -> Any:
        return (logic if self.dtype == "bool" else bits)(self, *other)

    return method


_BITS = {name: _bits_or_logic(name) for name in OPERATORS if OPERATORS[name] is not LOGICAL_OPERATORS[name]}
for _name, _method in {**_BITS, **DIVISION}.items():
    setattr(Variable, _name, _method)
