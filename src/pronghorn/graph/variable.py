"""Variables: arrays that persist between calls and that training updates."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pronghorn.graph import budget, dtypes
from pronghorn.graph.active import active_tapes, current_trace, eager
from pronghorn.graph.dim import Shape
from pronghorn.graph.tensor import LOGICAL_OPERATORS, Tensor, as_tensor
from pronghorn.runtime.arena import aligned_copy
from pronghorn.utils.arguments import CheckedArguments, shown

if TYPE_CHECKING:
    from pronghorn.backends.engine import Engine


class _Overlays(threading.local):
    """The stateless scopes that this thread is in: they give and take the values of variables instead of the
    storage."""

    def __init__(self) -> None:
        self.stack: list[Any] = []


overlays = _Overlays()


class Variable(CheckedArguments):
    """A named array with a value that can be assigned.

    Args:
        initializer: an array, or a callable ``(shape, dtype) -> array``, or an initializer's name.
        shape: needed when ``initializer`` is callable.
        dtype: element type; the array's own or the default float type if None.
        trainable: whether optimizers update it.
        autocast: whether layers in mixed precision see it in their compute type.
        aggregation: how replicas are combined (kept for compatibility).
        synchronization: when replicas are combined (kept for compatibility).
        name: its name.

    Example:

    >>> import numpy as np
    >>> v = Variable(np.zeros(2, "float32"), name="w")
    >>> v.assign([1.0, 2.0]).numpy()
    array([1., 2.], dtype=float32)
    """

    def __init__(
        self,
        initializer: Any,
        shape: Shape | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str = "none",
        synchronization: str = "auto",
        name: str | None = None,
        **kwargs: Any,
    ):
        from pronghorn.utils.naming import auto_name, current_path

        self._name = name or auto_name(type(self).__name__)
        if not isinstance(self._name, str) or "/" in self._name:
            raise ValueError(
                f"Variable: Argument `name` must be a string; it cannot contain character `/`. Got: name={name!r}."
            )
        path = current_path()
        self._path = f"{path}/{self._name}" if path else self._name
        self._trainable = bool(trainable)
        self._autocast = bool(autocast)
        self.aggregation, self.synchronization = aggregation, synchronization
        self._regularizer: Callable[..., Any] | None = None
        self._constraint: Callable[..., Any] | None = None
        self._overwrite_with_gradient = False
        self.layout: Any = None
        self._shared = False  # an eager Tensor may look at the storage
        # The newest value where an engine holds it, with that engine; None where NumPy's array is the newest.
        self._away: tuple[Engine, Any] | None = None
        # The same value on an engine as in NumPy's array, so that what is only read is not sent again and again.
        self._copy: tuple[Engine, Any] | None = None
        # Storage starts on a cache line: a vector that lies across two takes twice as long to load.
        with eager():
            self._array = self._initial(initializer, shape, dtype)
        self._dtype = dtypes.name_of(self._array.dtype)

    def _initial(self, initializer: Any, shape: Any, dtype: Any) -> np.ndarray:
        from pronghorn import config

        if isinstance(initializer, str):
            from pronghorn import initializers

            initializer = initializers.get(initializer)
        if dtype is not None:
            dtype = dtypes.name_of(dtype)
        if shape is not None:
            shape = _checked_shape(shape)
        if callable(initializer) and not isinstance(initializer, (Tensor, Variable)):
            if shape is None:
                raise ValueError("Variable: a callable initializer needs `shape`, for example shape=(3, 4).")
            dtype = dtype or config.floatx()
            budget.charge(shape, dtype)
            value = initializer(shape, dtype=dtype)
        else:
            value = initializer
        array = _as_array(value)
        if dtype is None:
            dtype = config.floatx() if array.dtype == np.float64 else dtypes.name_of(array.dtype)
        own = aligned_copy(dtypes.converted(array, dtypes.name_of(dtype)))
        if shape is not None and not callable(initializer) and shape != own.shape:
            raise ValueError(f"Variable: the initial value has shape {own.shape}, but shape={shape} was given.")
        return own

    # -- where its value is -----------------------------------------------------------------------------------------
    @property
    def _array(self) -> np.ndarray:
        """The value as NumPy's array, brought from the engine that holds it."""
        if self._away is not None:
            self._copy, self._away = self._away, None
            engine, value = self._copy
            with engine.computing():
                self._host = aligned_copy(engine.to_numpy(value))
            self._shared = False
        return self._host

    @_array.setter
    def _array(self, array: np.ndarray) -> None:
        self._host, self._away, self._copy = array, None, None

    def on(self, engine: Engine) -> Any:
        """The value as an array of an engine, which stays there until the value changes."""
        held = self._away or self._copy
        if held is not None and held[0] is engine:
            return held[1]
        self._copy = (engine, engine.from_numpy(self._array))
        return self._copy[1]

    def give_to(self, engine: Engine, value: Any) -> None:
        """Replace the value by an engine's array. NumPy's array is made of it when somebody reads it."""
        self._away, self._copy = (engine, value), None

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles hold: the value as NumPy's array, wherever it is."""
        return {**self.__dict__, "_host": self._array, "_copy": None, "_away": None}

    # -- what it is -------------------------------------------------------------------------------------------------
    @property
    def name(self) -> str:
        return self._name

    @property
    def path(self) -> str:
        return self._path

    @property
    def shape(self) -> Shape:
        return self._host.shape

    @property
    def dtype(self) -> str:
        from pronghorn.utils.autocast import autocast_dtype

        target = autocast_dtype() if self._autocast and dtypes.is_float(self._dtype) else None
        return target or self._dtype

    @property
    def regularizer(self) -> Callable[..., Any] | None:
        """What its value adds to the loss, or None."""
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value: Callable[..., Any] | None) -> None:
        self._regularizer = _callable_or_none("regularizer", value)

    @property
    def constraint(self) -> Callable[..., Any] | None:
        """What is applied to its value after each update, or None."""
        return self._constraint

    @constraint.setter
    def constraint(self, value: Callable[..., Any] | None) -> None:
        self._constraint = _callable_or_none("constraint", value)

    @property
    def overwrite_with_gradient(self) -> bool:
        """Whether an update replaces its value with the gradient."""
        return self._overwrite_with_gradient

    @overwrite_with_gradient.setter
    def overwrite_with_gradient(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise TypeError(f"Variable: `overwrite_with_gradient` must be a boolean. Got: {value!r}")
        self._overwrite_with_gradient = value

    @property
    def storage_dtype(self) -> str:
        """The element type of the stored value, whatever an autocast scope shows."""
        return self._dtype

    @property
    def ndim(self) -> int:
        return self._host.ndim

    @property
    def size(self) -> int:
        return self._host.size

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)

    @property
    def handle(self) -> Variable:
        return self

    # -- its value --------------------------------------------------------------------------------------------------
    @property
    def value(self) -> Tensor:
        """The value now; inside a traced function, its traced value at this point. Cast in an autocast scope."""
        tensor = self._raw()
        return tensor if self.dtype == self._dtype else tensor.astype(self.dtype)

    def eager_value(self) -> Tensor:
        """The stored array as a Tensor, known to the gradient tapes as this variable."""
        tensor = Tensor(self._array)
        self._shared = True
        for tape in active_tapes():
            tensor = tape.variable_value(self, tensor)
        return tensor

    def assign(self, value: Any) -> Variable:
        """Replace the value.

        Raises:
            ValueError: if the shape differs.
        """
        tensor = as_tensor(value)
        if tuple(tensor.shape) != self.shape:
            raise ValueError(
                f"Variable {self._path!r} has shape {self.shape}; a value of shape {tuple(tensor.shape)} cannot be "
                "assigned to it."
            )
        if tensor.dtype != self._dtype:
            tensor = tensor.astype(self._dtype)
        trace = current_trace()
        if overlays.stack:
            overlays.stack[-1].write(self, tensor)
        elif trace is not None:
            trace.write(self, tensor)
        else:
            self._array = aligned_copy(tensor.numpy())
            self._shared = False
        return self

    def assign_add(self, value: Any) -> Variable:
        """Add ``value`` in place."""
        return self.assign(self._raw() + value)

    def assign_sub(self, value: Any) -> Variable:
        """Subtract ``value`` in place."""
        return self.assign(self._raw() - value)

    def _raw(self) -> Tensor:
        for scope in reversed(overlays.stack):
            value = scope.read(self)
            if value is not None:
                return value
        trace = current_trace()
        return trace.read_storage(self) if trace is not None else self.eager_value()

    def numpy(self) -> np.ndarray:
        """A copy of the value."""
        self.value.numpy()  # raises while traced
        return self._array.copy()

    def storage(self) -> np.ndarray:
        """The array that compiled code updates in place; a new one if an eager Tensor still looks at the old."""
        if self._shared or self._away is not None or self._copy is not None:
            array = self._array
            self._array = aligned_copy(array) if self._shared else array
            self._shared = False
        return self._host

    def __pronghorn_tensor__(self) -> Tensor:
        return self.value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.value.__array__(dtype, copy=True)

    def __getitem__(self, key: Any) -> Tensor:
        return self.value[key]

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Any:
        return iter(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __index__(self) -> int:
        return self.value.__index__()

    def __bool__(self) -> bool:
        return bool(self.value)

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        shown = f", value={self._array!r}" if current_trace() is None else ""
        return f"<Variable path={self._path}, shape={self.shape}, dtype={self._dtype}{shown}>"


def _checked_shape(shape: Any) -> tuple[int, ...]:
    try:
        extents = tuple(operator.index(d) for d in shape)
    except TypeError:
        extents = (-1,)
    if any(d < 0 for d in extents):
        raise ValueError(f"Variable: `shape` must be a tuple of integers that are not negative, got shape={shape!r}.")
    return extents


def _as_array(value: Any) -> np.ndarray:
    """An initial value as an array of numbers."""
    try:
        array = np.asarray(as_tensor(value).numpy() if hasattr(value, "__array__") else value)
    except ValueError:  # nested lists of different lengths
        array = np.asarray(None)
    if array.dtype.kind in "OUSmM":
        raise ValueError(
            f"Variable: `initializer` must be an array of numbers, an initializer or the name of one, got "
            f"initializer={shown(value)}."
        )
    return array


def _callable_or_none(what: str, value: Any) -> Any:
    if value is not None and not callable(value):
        raise ValueError(f"Variable: `{what}` must be callable or None. Got: {what}={value!r}")
    return value


def _delegate(method: Any) -> Any:
    return lambda self, *args: method(self.value, *args)


for _name, _method in LOGICAL_OPERATORS.items():
    setattr(Variable, _name, _delegate(_method))
