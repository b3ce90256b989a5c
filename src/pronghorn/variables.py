"""Variables as users know them: with initializers, names, constraints, and Python's operators."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np

import pronghorn.ops  # noqa: F401  (it gives arrays their methods)
from pronghorn import config
from pronghorn._wording import shown
from pronghorn.engine.backends import choice
from pronghorn.engine.backends.engine import meet_imported
from pronghorn.engine.backends.foreign_calls import on_its_engine
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.active import eager, is_plain_code
from pronghorn.engine.graph.dim import Shape
from pronghorn.engine.graph.tensor import LOGICAL_OPERATORS, Tensor, as_tensor
from pronghorn.engine.graph.variable import GraphVariable, overlays
from pronghorn.engine.runtime.arena import aligned_copy, aligned_zeros
from pronghorn.placement.active import distribution as in_force
from pronghorn.serialization import budget, public_names
from pronghorn.serialization.objects import tagged, value_config
from pronghorn.utils.arguments import CheckedArguments
from pronghorn.utils.autocast import autocast_dtype
from pronghorn.utils.naming import auto_name, current_path

if TYPE_CHECKING:
    from pronghorn.engine.backends.engine import Engine


class Variable(CheckedArguments, GraphVariable):
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
        layout: how it lies on several devices of an engine, a `distribution.TensorLayout`; by default what the
            distribution in force says of its path.

    Raises:
        ValueError: if it cannot lie as its layout says.

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
        layout: Any = None,
        **kwargs: Any,
    ):
        self._name = name or auto_name(type(self).__name__)
        if not isinstance(self._name, str) or "/" in self._name:
            raise ValueError(f"Variable: `name` is a string without `/`, which parts paths; got name={name!r}.")
        self._autocast = bool(autocast)
        self.aggregation, self.synchronization = aggregation, synchronization
        self._regularizer: Callable[..., Any] | None = None
        self._constraint: Callable[..., Any] | None = None
        self._overwrite_with_gradient = False
        path = current_path()
        # Storage starts on a cache line: a vector that lies across two takes twice as long to load.
        with eager():
            array = self._initial(initializer, shape, dtype)
        GraphVariable.__init__(self, array, f"{path}/{self._name}" if path else self._name, trainable)
        meet_imported()
        self._layout = layout
        if (distribution := in_force()) is not None:
            self._layout = distribution.layout_of(self)

    def _initial(self, initializer: Any, shape: Any, dtype: Any) -> np.ndarray:
        if isinstance(initializer, str):
            initializer = public_names.namespace("initializers").get(initializer)
        if dtype is not None:
            dtype = dtypes.name_of(dtype)
        if shape is not None:
            shape = _checked_shape(shape)
        if callable(initializer) and not isinstance(initializer, (Tensor, Variable)):
            if shape is None:
                raise ValueError("Variable: a callable initializer needs `shape`, for example shape=(3, 4).")
            dtype = dtype or config.floatx()
            budget.charge(shape, dtype)
            # Fresh memory is zeros: large slots need no page before a step. Classes below `Zeros` may make others.
            if vars(type(initializer)).get("makes_zeros"):
                return aligned_zeros(shape, dtypes.to_numpy(dtype))
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

    @property
    def name(self) -> str:
        return self._name

    @property
    def layout(self) -> Any:
        """How it lies on several devices of an engine, a `distribution.TensorLayout`, or None."""
        return self._layout

    @layout.setter
    def layout(self, layout: Any) -> None:
        self.lay_out(layout)

    @property
    def value(self) -> Any:
        """The value now; inside a traced function, its traced value at this point. Cast in an autocast scope.

        Where an engine with programs of its own is chosen, their lines get that library's array: one that `backward()`
        or a tape differentiates, if the variable is trained.
        """
        engine = self._programs_engine()
        if engine is None:
            return self.tensor
        lent = self.lent_to(engine)
        return self.on(engine) if lent is None else lent

    def _programs_engine(self) -> Engine | None:
        """The engine whose library's own program this is, to which the variable is lent; None in any other code."""
        if overlays.stack or not is_plain_code():
            return None
        engine = choice.current_engine()
        if engine is None or not engine.has_programs:
            return None
        engine.lend(self)
        return engine

    # Also with another library's arrays, and where it traces the program.
    @on_its_engine
    def assign(self, value: Any) -> Self:
        return super().assign(value)

    @on_its_engine
    def assign_add(self, value: Any) -> Self:
        return super().assign_add(value)

    @on_its_engine
    def assign_sub(self, value: Any) -> Self:
        return super().assign_sub(value)

    @property
    def dtype(self) -> str:
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
    def handle(self) -> Any:
        """Itself; in programs of TensorFlow what its tapes know the variable by."""
        engine = self._programs_engine()
        return self if engine is None else getattr(self.lent_to(engine), "handle", self)

    @property
    def _should_act_as_resource_variable(self) -> bool:
        """There in programs of TensorFlow, whose tapes then ask for the `handle`."""
        if self.handle is self:
            raise AttributeError("_should_act_as_resource_variable")
        return True

    @property
    def _id(self) -> Any:
        """What TensorFlow's tapes ask for where they know no handle."""
        raise AttributeError(
            f"A tape of TensorFlow was asked for the gradient of {self.path!r}, a variable of Pronghorn's. It knows "
            "these where TensorFlow is the engine: keras.config.set_backend('tensorflow'). keras.GradientTape knows "
            "them anyway."
        )

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


def _checked_shape(shape: Any) -> tuple[int, ...]:
    try:
        extents = tuple(operator.index(d) for d in shape)
    except TypeError:
        extents = (-1,)
    if any(d < 0 for d in extents):
        raise ValueError(f"Variable: `shape` is a tuple of extents, none of them negative; got shape={shape!r}.")
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


@value_config.register
def _(variable: Variable) -> dict[str, Any]:
    return tagged("tensor", value=variable.numpy().tolist(), dtype=variable.dtype)
