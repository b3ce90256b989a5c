"""The types of elements, as data sets describe them: names that answer as TensorFlow's types do."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from pronghorn.engine.graph import dtypes

#: What stands for strings beside the name: arrays of them hold Python's objects.
_OF_STRINGS = (str, object, np.object_, np.str_, np.bytes_)

#: The numbers by which TensorFlow's files call the types.
_ENUMS = {
    "float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int16": 5, "int8": 6, "string": 7, "complex64": 8,
    "int64": 9, "bool": 10, "bfloat16": 14, "uint16": 17, "complex128": 18, "float16": 19, "uint32": 22, "uint64": 23,
}  # fmt: skip


class DType(str):
    """The name of an element type, which answers as TensorFlow's types do: `tf.DType` in scripts for it.

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


def type_of(name: str) -> DType:
    """Return a type by its name."""
    return OF_NAME.get(name) or DType(name)


def dtype_name(dtype: Any) -> str:
    """The name of a type that was given as a name, a NumPy type or a Python one.

    >>> dtype_name(np.float32), dtype_name(np.dtype(object)), dtype_name("string")
    ('float32', 'string', 'string')
    """
    if isinstance(dtype, str):
        return "string" if str.__str__(dtype) == "string" else dtypes.name_of(dtype)
    is_text = dtype.kind in "OSU" if isinstance(dtype, np.dtype) else dtype in _OF_STRINGS
    return "string" if is_text else dtypes.name_of(dtype)
