"""The array that users hold: a NumPy array, or a value of the graph that is being traced.

The engine makes arrays by `tensor_of`, and asks by ``isinstance`` whether something is one. So a package that stands in
for another library may have them be of a class of its own, by `make_tensors`: its arrays answer as that library's do,
and no access to `Tensor` asks or knows whose array it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pronghorn.engine.graph import dlpack, dtypes
from pronghorn.engine.graph.active import state
from pronghorn.engine.graph.classes import add_class
from pronghorn.engine.graph.concrete import values_needed
from pronghorn.engine.graph.dim import Shape, product
from pronghorn.engine.graph.ir import Aval, Value
from pronghorn.engine.graph.operators import Operators

_operations: Any = None


def use_operations(operations: Any) -> None:
    """Have the methods and operators of arrays be those functions: the package `pronghorn.ops`, when it is imported."""
    global _operations
    _operations = operations


def _ops() -> Any:
    return _operations


class ArrayMethods(Operators):
    """The methods that arrays and descriptions of arrays have: functions of `pronghorn.ops`."""

    __slots__ = ()

    @property
    def T(self) -> Any:
        return _ops().transpose(self)

    def astype(self, dtype: str) -> Any:
        """The same elements in another type."""
        return _ops().cast(self, dtype)

    def reshape(self, *shape: Any) -> Any:
        """The same elements in another shape."""
        return _ops().reshape(self, shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)

    def squeeze(self, axis: Any = None) -> Any:
        """Without the axes of extent one."""
        return _ops().squeeze(self, axis)

    def __getitem__(self, key: Any) -> Any:
        return _ops().get_item(self, key)


class Tensor(ArrayMethods):
    """An n-dimensional array.

    Attributes:
        data: the NumPy array, or the graph's `Value` while a function is traced.

    Example:

    >>> import numpy as np
    >>> t = Tensor(np.arange(3.0, dtype="float32"))
    >>> t.shape, t.dtype
    ((3,), 'float32')
    """

    __slots__ = ("__weakref__", "data")
    __array_priority__ = 100  # so that ndarray + Tensor comes to us

    def __init__(self, data: np.ndarray | Value):
        self.data = data

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        add_class(cls)

    @property
    def shape(self) -> Shape:
        return self.data.shape

    @property
    def dtype(self) -> str:
        return self.data.dtype if isinstance(self.data, Value) else dtypes.name_of(self.data.dtype)

    @property
    def ndim(self) -> int:
        return len(self.data.shape)

    @property
    def size(self) -> Any:
        return product(self.shape)

    @property
    def is_traced(self) -> bool:
        """Whether this stands for a value that will exist only when the traced graph runs."""
        return isinstance(self.data, Value)

    def numpy(self) -> Any:
        """The values as a NumPy array, a copy; of one without axes a NumPy number, which can be a dictionary's key.

        Raises:
            TraceError: while the function that makes this array is being traced.
        """
        values = self._values("array")
        return values.copy() if values.ndim else values[()]

    def _values(self, use: str) -> np.ndarray:
        """The values; the error that there are none yet says what to write instead of this use of them."""
        if not isinstance(self.data, Value):
            return self.data
        known = None if state.foreign is None else state.foreign.numbers_of(self)
        if known is None:
            raise values_needed(self.data.aval, use)
        return known

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self._values("array")
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise ValueError(
                    f"A Tensor of dtype {self.dtype} cannot be an array of {np.dtype(dtype)} without a copy."
                )
            return array.astype(dtype)
        return array.copy() if copy else array

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """The same memory for NumPy, which asks here before it calls `__array__`.

        So NumPy knows the dtype before it converts, and refuses where it refuses its own arrays: ``np.take`` and
        ``np.repeat`` take no floats as indices. `__array__` is called while a function is traced, and for dtypes that
        are not NumPy's own.

        >>> import numpy as np
        >>> np.take(np.arange(3), Tensor(np.array([1.5])))
        Traceback (most recent call last):
        ...
        TypeError: Cannot cast array data from dtype('float64') to dtype('int64') according to the rule 'same_kind'
        """
        if isinstance(self.data, Value) or self.data.dtype.isbuiltin != 1:
            raise AttributeError("__array_interface__")
        return interface_of(self.data)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """NumPy's functions, called on Tensors: they give NumPy's arrays, as they do for TensorFlow's tensors.

        Without this some would call the method of the same name, and give a Tensor. While a function is traced there
        are no values, and the method is what can be had.

        >>> import numpy as np
        >>> type(np.squeeze(Tensor(np.ones((1, 2))))).__name__
        'ndarray'
        """
        if self.is_traced:
            return function._implementation(*args, **kwargs)
        return _apart(function(*_with_arrays(args), **_with_arrays(kwargs)))

    def __dlpack__(
        self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
    ) -> Any:
        """The array in a DLPack capsule, which other libraries' ``from_dlpack`` takes: the same memory, or a copy where
        it may not be written to and the taker cannot be told so."""
        if dl_device not in (None, dlpack.CPU):
            raise BufferError(f"The array is in the processor's memory, and DLPack's device {dl_device} was asked for.")
        return dlpack.capsule(self._values("array"), max_version, copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        return dlpack.CPU

    def item(self, *args: int) -> Any:
        return self._values("number").item(*args)

    def tolist(self) -> Any:
        return self.numpy().tolist()

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a scalar array")
        return int(self.shape[0])

    def __iter__(self) -> Iterator[Tensor]:
        """The rows. Those of known integers stay known while a function is traced, so a loop can count with them."""
        count = len(self)
        if state.traces and not isinstance(self.data, Value) and self.data.dtype.kind in "iub":
            return (tensor_of(self.data[i, ...].copy()) for i in range(count))
        return (self[i] for i in range(count))

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError(
            "A Tensor cannot be changed in place: make a new one, with ops.where(condition, value, x), "
            "ops.slice_update(x, start, value) or ops.scatter_update(x, indices, values); a Variable has assign()."
        )

    def __getattr__(self, name: str) -> Any:
        hint = f": write ops.{name}(x)" if not name.startswith("_") and name in dir(_ops()) else ""
        raise AttributeError(f"A Tensor has no attribute {name!r}{hint}.", name=name, obj=self)

    def __float__(self) -> float:
        return float(self._values("number"))

    def __int__(self) -> int:
        return int(self._values("number"))

    def __index__(self) -> int:
        return self._values("index").__index__()

    def __bool__(self) -> bool:
        return bool(self._values("truth"))

    def __complex__(self) -> complex:
        return complex(self._values("number"))

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        if isinstance(self.data, Value):
            return f"<Tensor traced {self.data.aval}>"
        return f"<Tensor shape={self.shape} dtype={self.dtype}\n{self.data!r}>"

    def __format__(self, spec: str) -> str:
        if self.shape != () or (self.is_traced and not spec):
            return format(repr(self), spec)
        return format(self._values("number").item(), spec)


add_class(Tensor)
_made: type[Tensor] = Tensor


def make_tensors(kind: type[Tensor]) -> None:
    """Have all arrays that are made from now on be of a class below `Tensor`, of the same layout in memory.

    What there is already keeps its class. A process chooses once, before it computes: `pronghorn_tensorflow` does.
    """
    global _made
    _made = kind


def tensor_of(data: np.ndarray | Value) -> Tensor:
    """An array over NumPy's array or a graph's value, which it holds: of the class that arrays have in this process.

    >>> tensor_of(np.zeros(2)).shape
    (2,)
    """
    return _made(data)


def aval_of(tensor: Tensor) -> Aval:
    """The shape and the element type of an array as the graph knows them, whatever its class makes of them for users.

    >>> aval_of(tensor_of(np.zeros(2, "float32")))
    float32[2]
    """
    data = tensor.data
    return data.aval if isinstance(data, Value) else Aval(data.shape, dtypes.name_of(data.dtype))


def _with_arrays(nest: Any) -> Any:
    """Nested arguments with arrays in place of Tensors whose values are known; nobody can write into these arrays."""
    if isinstance(nest, Tensor) and not isinstance(nest.data, Value):
        array = nest.data.view()
        array.flags.writeable = False
        return array
    if type(nest) in (list, tuple):
        return type(nest)(map(_with_arrays, nest))
    if type(nest) is dict:
        return {name: _with_arrays(entry) for name, entry in nest.items()}
    return nest


def _apart(found: Any) -> Any:
    """What a function of NumPy's gave, with copies of views into which nobody can write: they may show a Tensor."""
    if type(found) is np.ndarray and found.base is not None and not found.flags.writeable:
        return found.copy()
    if type(found) in (list, tuple):
        return type(found)(map(_apart, found))
    return found


def interface_of(array: np.ndarray) -> dict[str, Any]:
    """The description of an array for NumPy's ``__array_interface__``; what is made of it keeps the array alive."""
    whole = np.ascontiguousarray(array) if array.ndim else array  # a buffer has no gaps
    return {"version": 3, "shape": array.shape, "typestr": array.dtype.str, "data": whole}


def may_change(array: np.ndarray) -> bool:
    """Whether somebody may write into an array: its owner, or that of the array which it is a view of.

    >>> array = np.zeros(2)
    >>> array.flags.writeable = False
    >>> may_change(array), may_change(array[:1]), may_change(np.zeros(2))
    (False, True, True)
    """
    return array.flags.writeable or array.base is not None


def as_tensor(x: Any, dtype: str | None = None) -> Tensor:
    """``x`` as a Tensor; Python numbers become ``dtype`` (by default int32, float32 or bool)."""
    if isinstance(x, Tensor):
        return x
    if hasattr(x, "__pronghorn_tensor__"):
        return x.__pronghorn_tensor__()
    if state.foreign is not None and (tensor := state.foreign(x)) is not None:
        return tensor
    if isinstance(x, (bool, int, float)):
        return tensor_of(np.asarray(x, dtypes.to_numpy(dtype or dtypes.name_of(type(x)))))
    array = np.asarray(x)
    if dtype is not None:
        array = dtypes.converted(array, dtype)
    dtypes.name_of(array.dtype)
    return tensor_of(array)


def _binary(name: str, swap: bool = False) -> Any:
    def method(self: Any, other: Any) -> Any:
        if isinstance(other, str) or other is None:
            return NotImplemented
        op = getattr(_operations, name)
        return op(other, self) if swap else op(self, other)

    return method


def _unary(name: str) -> Any:
    return lambda self: getattr(_operations, name)(self)


OPERATORS = {
    "__add__": _binary("add"), "__radd__": _binary("add", True),
    "__sub__": _binary("subtract"), "__rsub__": _binary("subtract", True),
    "__mul__": _binary("multiply"), "__rmul__": _binary("multiply", True),
    "__truediv__": _binary("true_divide"), "__rtruediv__": _binary("true_divide", True),
    "__floordiv__": _binary("floor_divide"), "__rfloordiv__": _binary("floor_divide", True),
    "__mod__": _binary("mod"), "__rmod__": _binary("mod", True),
    "__pow__": _binary("power"), "__rpow__": _binary("power", True),
    "__matmul__": _binary("matmul"), "__rmatmul__": _binary("matmul", True),
    "__and__": _binary("bitwise_and"), "__rand__": _binary("bitwise_and", True),
    "__or__": _binary("bitwise_or"), "__ror__": _binary("bitwise_or", True),
    "__xor__": _binary("bitwise_xor"), "__rxor__": _binary("bitwise_xor", True),
    "__lshift__": _binary("left_shift"), "__rlshift__": _binary("left_shift", True),
    "__rshift__": _binary("right_shift"), "__rrshift__": _binary("right_shift", True),
    "__lt__": _binary("less"), "__le__": _binary("less_equal"),
    "__gt__": _binary("greater"), "__ge__": _binary("greater_equal"),
    "__eq__": _binary("equal"), "__ne__": _binary("not_equal"),
    "__neg__": _unary("negative"), "__abs__": _unary("abs"), "__invert__": _unary("bitwise_not"),
    "__pos__": lambda self: self, "__round__": lambda self, ndigits=0: _ops().round(self, ndigits),
}  # fmt: skip
"""Python's operators, as methods over `pronghorn.ops`."""

LOGICAL_OPERATORS = {
    **OPERATORS,
    "__and__": _binary("logical_and"), "__rand__": _binary("logical_and", True),
    "__or__": _binary("logical_or"), "__ror__": _binary("logical_or", True),
    "__xor__": _binary("logical_xor"), "__rxor__": _binary("logical_xor", True),
    "__invert__": _unary("logical_not"),
}  # fmt: skip
"""The same for Variable and KerasTensor, where Keras gives ``& | ^ ~`` the meaning of logic for all dtypes."""

for _name, _method in OPERATORS.items():
    setattr(Tensor, _name, _method)
