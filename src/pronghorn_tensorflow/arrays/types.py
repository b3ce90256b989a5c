"""`tf.DType`, and the methods that TensorFlow's tensors have besides ours, for `pronghorn run`."""

from __future__ import annotations

import enum
from typing import Any

import ml_dtypes
import numpy as np

from pronghorn.data.element import Array, check_shape
from pronghorn.data.ragged import RaggedTensor
from pronghorn.data.tensor_spec import TensorShape, dtype_name
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.tensor import Tensor as ArrayOfOurs
from pronghorn.engine.graph.variable import GraphVariable

#: The numbers by which TensorFlow's files call the types.
_ENUMS = {
    "float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int16": 5, "int8": 6, "string": 7, "complex64": 8,
    "int64": 9, "bool": 10, "bfloat16": 14, "uint16": 17, "complex128": 18, "float16": 19, "uint32": 22, "uint64": 23,
}  # fmt: skip


class DType(str):
    """`tf.DType`: the name of an element type, which answers as TensorFlow's types do.

    >>> DType("float32").as_numpy_dtype, DType("int8").max, DType("int8") == np.int8
    (<class 'numpy.float32'>, 127, True)
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name."""
        return str.__str__(self)

    @property
    def as_numpy_dtype(self) -> Any:
        """NumPy's class of such numbers; strings are objects."""
        return object if self == "string" else dtypes.to_numpy(self).type

    @property
    def as_datatype_enum(self) -> int:
        """The number that stands for the type in TensorFlow's files."""
        return _ENUMS[self]

    @property
    def base_dtype(self) -> DType:
        """The type itself."""
        return self

    @property
    def real_dtype(self) -> DType:
        """The type of the real part of a complex number; of others their own."""
        return DType({"complex64": "float32", "complex128": "float64"}.get(self, self.name))

    @property
    def is_bool(self) -> bool:
        """Whether it is bool."""
        return self == "bool"

    @property
    def is_floating(self) -> bool:
        """Whether it is a real floating-point type."""
        return dtypes.is_float(self)

    @property
    def is_integer(self) -> bool:
        """Whether it is an integer type; bool is none."""
        return dtypes.is_integer(self)

    @property
    def is_unsigned(self) -> bool:
        """Whether it is an integer type without negative numbers."""
        return self in dtypes.UNSIGNED

    @property
    def is_complex(self) -> bool:
        """Whether it is a complex type."""
        return self in dtypes.COMPLEX

    @property
    def is_numeric(self) -> bool:
        """Whether it is a type of numbers: neither bool nor string."""
        return self not in ("bool", "string")

    @property
    def is_quantized(self) -> bool:
        """False: there are no quantized types."""
        return False

    @property
    def is_numpy_compatible(self) -> bool:
        """True: NumPy has all of them."""
        return True

    @property
    def size(self) -> int:
        """Bytes an element takes; 0 for strings."""
        return 0 if self == "string" else dtypes.itemsize(self)

    @property
    def min(self) -> Any:
        """The smallest number."""
        return self._limits()[0]

    @property
    def max(self) -> Any:
        """The largest number."""
        return self._limits()[1]

    @property
    def limits(self) -> tuple[Any, Any]:
        """From 0 to the largest number, or to 1 for floats: the intensities that images have."""
        return 0, 1 if self.is_floating else self._limits()[1]

    def _limits(self) -> tuple[Any, Any]:
        if self.is_bool:
            return False, True
        if not (self.is_floating or self.is_integer):
            raise TypeError(f"tf.{self.name} has no smallest and largest number.")
        kind = dtypes.to_numpy(self)
        known: Any = ml_dtypes.finfo(kind) if self.is_floating else np.iinfo(kind)
        return known.min, known.max

    def is_compatible_with(self, other: Any) -> bool:
        """Return whether another type is the same."""
        return bool(self == other)

    def is_subtype_of(self, other: Any) -> bool:
        """Return whether another type is the same."""
        return bool(self == other)

    def __eq__(self, other: Any) -> bool:
        if isinstance(other, str) or other is None:
            return str.__eq__(self, other) is True
        try:
            return str.__eq__(self, dtype_name(other)) is True
        except TypeError:
            return False

    def __ne__(self, other: Any) -> bool:
        return not self == other

    __hash__ = str.__hash__


#: The types, by name.
OF_NAME = {name: DType(name) for name in _ENUMS} | {"double": DType("float64"), "half": DType("float16")}


def as_dtype(type_value: Any) -> DType:
    """`tf.as_dtype`.

    >>> as_dtype(np.int64).is_integer
    True
    """
    return type_of(dtype_name(type_value))


def type_of(name: str) -> DType:
    """Return a type by its name."""
    return OF_NAME.get(name) or DType(name)


class Reference:
    """What `tensor.ref()` returns: equal for the same tensor alone, so that it may be a key."""

    __slots__ = ("_tensor",)

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor

    def deref(self) -> Any:
        """Return the tensor."""
        return self._tensor

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Reference) and self._tensor is other._tensor

    def __hash__(self) -> int:
        return id(self._tensor)


def get_shape(self: Any) -> TensorShape:
    """Return the shape."""
    return TensorShape(self.shape)


def set_shape(self: Any, shape: Any) -> None:
    """Say what the shape is; None stands for any extent.

    Raises:
        ValueError: if it is another.
    """
    check_shape(self.shape, shape)


#: What TensorFlow's tensors answer to, and ours do not.
TENSOR_METHODS: dict[str, Any] = {
    "get_shape": get_shape,
    "set_shape": set_shape,
    "ref": lambda self: Reference(self),
    "experimental_ref": lambda self: Reference(self),
    "device": property(lambda self: "/job:localhost/replica:0/task:0/device:CPU:0"),
    "eval": lambda self, *ignored, **ignored_too: self.numpy(),
}


class _TensorKind(type):
    """Which objects are tensors: elements of data sets and strings, too, which are arrays of NumPy's here."""

    def __instancecheck__(cls, value: Any) -> bool:
        if cls is not Tensor:
            return super().__instancecheck__(value)
        return isinstance(value, ArrayOfOurs) or (isinstance(value, Array) and not hasattr(value, "trainable"))

    def __subclasscheck__(cls, kind: type) -> bool:
        return super().__subclasscheck__(kind) or (cls is Tensor and issubclass(kind, ArrayOfOurs | Array))


class Tensor(ArrayOfOurs, metaclass=_TensorKind):
    """`tf.Tensor`.

    >>> from pronghorn.data.element import as_text
    >>> isinstance(as_text("a"), Tensor), isinstance(np.ones(2), Tensor)
    (True, False)
    """

    __slots__ = ()


def is_tensor(x: Any) -> bool:
    """`tf.is_tensor`: whether it is a tensor, dense or not, or a variable; NumPy's arrays are none."""
    return isinstance(x, (Tensor, Array, GraphVariable, RaggedTensor)) or hasattr(x, "dense_shape")


class VariableAggregation(enum.StrEnum):
    """`tf.VariableAggregation`: accepted, and of no meaning with one copy of each variable."""

    NONE, SUM, MEAN, ONLY_FIRST_REPLICA = "none", "sum", "mean", "only_first_replica"


class VariableSynchronization(enum.StrEnum):
    """`tf.VariableSynchronization`: accepted, and of no meaning with one copy of each variable."""

    AUTO, NONE, ON_WRITE, ON_READ = "auto", "none", "on_write", "on_read"


class IndexedSlices:
    """`tf.IndexedSlices`: some rows of an array, and which they are. Gradients here are always whole arrays.

    Args:
        values: the rows.
        indices: which they are.
        dense_shape: the extents of the array.
    """

    def __init__(self, values: Any, indices: Any, dense_shape: Any = None) -> None:
        self.values, self.indices, self.dense_shape = values, indices, dense_shape

    def __repr__(self) -> str:
        return f"IndexedSlices(indices={self.indices!r}, values={self.values!r}, dense_shape={self.dense_shape!r})"
