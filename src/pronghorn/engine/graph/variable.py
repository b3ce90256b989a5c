"""Variables: arrays that persist between calls and that training updates."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np

from pronghorn.engine.graph import dlpack, dtypes
from pronghorn.engine.graph.active import active_tapes, current_trace, state
from pronghorn.engine.graph.classes import add_class
from pronghorn.engine.graph.derived import written
from pronghorn.engine.graph.dim import Shape, equal_extents
from pronghorn.engine.graph.foreign import without_framework
from pronghorn.engine.graph.libraries import ArrayLibrary
from pronghorn.engine.graph.operators import Operators
from pronghorn.engine.graph.tensor import Tensor, as_tensor, tensor_of
from pronghorn.engine.runtime.arena import aligned_copy


class _Overlays(threading.local):
    """The stateless scopes that this thread is in: they give and take the values of variables instead of the
    storage."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.engine: str | None = None  # whose arrays one of them has put into the variables
        self.noted: dict[GraphVariable, np.ndarray] | None = None  # what `noted_assignments` gives


overlays = _Overlays()


class _Reshaped:
    """How often some variable has got another shape: what is compiled holds for the shapes that variables had."""

    count = 0


def times_reshaped() -> int:
    """How often variables have got another shape."""
    return _Reshaped.count


class _Moves:
    """When the value of some variable last got another place: whoever keeps addresses looks at them again then.

    Attributes:
        last: another number each time. It is set after the place, so who finds the number finds the place.
    """

    last = 0
    _numbers = itertools.count(1)

    @classmethod
    def note(cls) -> None:
        """Some value has got another place."""
        cls.last = next(cls._numbers)


moves = _Moves


class GraphVariable(Operators):
    """What the engine knows of a variable: an array with a name that traced functions read and assign.

    Args:
        array: its value, which becomes the variable's own.
        path: its name, for errors.
        trainable: whether gradient tapes watch it by themselves.
    """

    def __init__(self, array: np.ndarray, path: str = "variable", trainable: bool = True):
        self._host, self._path, self._trainable = array, path, bool(trainable)
        self._dtype = dtypes.name_of(array.dtype)
        self._shared = False  # an eager Tensor may look at the storage
        # The newest value where an engine holds it, with that engine; None where NumPy's array is the newest.
        self._away: tuple[ArrayLibrary, Any] | None = None
        # The same value on an engine as in NumPy's array, so that what is only read is not sent again and again.
        self._copy: tuple[ArrayLibrary, Any] | None = None
        # A library's own array that is the value from now on, and that the library may change at any time.
        self._lent: tuple[ArrayLibrary, Any] | None = None
        # Whether its value is another for a while, which may be one that a library traces.
        self.is_substituted = False
        # How it lies on the devices of an engine that has several; None for whole, where the engine puts arrays.
        self._layout: Any = None
        self.laid_like: GraphVariable | None = None  # a variable of the same shape that it has to lie as

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        add_class(cls)

    # -- where its value is -----------------------------------------------------------------------------------------
    @property
    def _array(self) -> np.ndarray:
        """The value as NumPy's array, brought from the engine that holds it."""
        if self._lent is not None:
            engine, value = self._lent
            self._host = engine.to_numpy(value)
        if self._away is not None:
            self._copy, self._away = self._away, None
            engine, value = self._copy
            with engine.computing():
                self._host = aligned_copy(engine.to_numpy(value))
            self._shared = False
            moves.note()
        return self._host

    @_array.setter
    def _array(self, array: np.ndarray) -> None:
        if self._lent is not None:
            engine, value = self._lent
            engine.overwrite(value, engine.borrowed(array))
            return
        self._host, self._away, self._copy = array, None, None
        moves.note()

    def on(self, engine: ArrayLibrary) -> Any:
        """The value as an array of an engine, which stays there until the value changes."""
        held = self._lent or self._away or self._copy
        if held is not None and held[0] is engine:
            return engine.operand(held[1]) if held is self._lent else held[1]
        if self._lent is not None:  # what is copied of it may be old at any time
            return engine.from_numpy(self._array)
        array, layout = self._array, self._layout
        self._copy = (engine, engine.from_numpy(array) if layout is None else engine.placed(array, layout))
        return self._copy[1]

    def give_to(self, engine: ArrayLibrary, value: Any) -> None:
        """Replace the value by an engine's array. NumPy's array is made of it when somebody reads it."""
        if self._lent is not None:
            if self._lent[0] is not engine:
                self._array = engine.to_numpy(value)
            elif self._lent[1] is not value:
                engine.overwrite(self._lent[1], value)
            return
        if self._layout is not None:
            value = engine.relaid(value, self._layout)
        self._away, self._copy = (engine, value), None
        moves.note()

    def lay_out(self, layout: Any) -> None:
        """Have the value lie on an engine's devices as a layout says, from the next time that it goes there."""
        if layout is not self._layout:
            self._array = self._array  # brought from where it lay
            self._layout = layout

    def lend(self, engine: ArrayLibrary, value: Any) -> None:
        """Have a library's array, which its own code may change, be the value: it has the value now."""
        self._lent, self._away, self._copy, self._shared = (engine, value), None, None, False
        moves.note()

    def substitute(self, engine: ArrayLibrary, value: Any) -> tuple[Any, ...]:
        """Have an engine's array be the value for a while; gives what `restore` takes."""
        before = (self._host, self._away, self._copy, self._lent, self._shared, self.is_substituted)
        self._away, self._copy, self._lent, self.is_substituted = (engine, value), None, None, True
        moves.note()
        return before

    def restore(self, before: tuple[Any, ...]) -> None:
        """Have the value that there was when `substitute` gave ``before``."""
        self._host, self._away, self._copy, self._lent, self._shared, self.is_substituted = before
        moves.note()

    def lent_to(self, engine: ArrayLibrary) -> Any:
        """The library's array that is the value; None where it is not lent to this library."""
        return self._lent[1] if self._lent is not None and self._lent[0] is engine else None

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles hold: the value as NumPy's array, wherever it is."""
        return {**self.__dict__, "_host": self._array, "_copy": None, "_away": None, "_lent": None}

    # -- what it is -------------------------------------------------------------------------------------------------
    @property
    def path(self) -> str:
        return self._path

    @property
    def shape(self) -> Shape:
        return self._host.shape

    @property
    def dtype(self) -> str:
        """The element type in which it is read."""
        return self._dtype

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

    # -- its value --------------------------------------------------------------------------------------------------
    @property
    def tensor(self) -> Tensor:
        """The value now; inside a traced function, its traced value at this point. Cast in an autocast scope."""
        tensor = self._raw()
        return tensor if self.dtype == self._dtype else tensor.astype(self.dtype)

    @property
    def value(self) -> Any:
        """`tensor`, for programs."""
        return self.tensor

    def eager_value(self) -> Tensor:
        """The stored array as a Tensor, known to the gradient tapes as this variable."""
        tensor = tensor_of(self._array if self._lent is None else self._array.copy())
        self._shared = self._lent is None
        for tape in active_tapes():
            tensor = tape.variable_value(self, tensor)
        return tensor

    def assign(self, value: Any) -> Self:
        """Replace the value.

        Raises:
            ValueError: if the shape differs.
            ExtentsMayDiffer: if that is not known yet.
        """
        if not isinstance(value, Tensor) and state.foreign is None:
            value = without_framework(value)
        tensor = as_tensor(value)
        if tensor.ndim != len(self.shape) or not all(map(equal_extents, tensor.shape, self.shape)):
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
            if overlays.noted is not None and self not in overlays.noted:
                overlays.noted[self] = self._array.copy()
            self._array = aligned_copy(np.asarray(tensor))
            self._shared = False
        return self

    def replace(self, array: np.ndarray) -> None:
        """Have a copy of an array be the value, which may have another shape."""
        if array.shape != self.shape:
            _Reshaped.count += 1
        self._array = aligned_copy(array)
        self._shared = False

    def assign_add(self, value: Any) -> Self:
        """Add ``value`` in place."""
        return self.assign(self._raw() + value)

    def assign_sub(self, value: Any) -> Self:
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
        self.tensor.numpy()  # raises while traced
        return self._array.copy()

    def storage(self) -> np.ndarray:
        """The array that compiled code updates in place; a new one if an eager Tensor still looks at the old."""
        if self._lent is not None:
            return self._array if self._lent[0].shares_memory else aligned_copy(self._array)
        if self._shared or self._away is not None or self._copy is not None:
            array = self._array
            self._array = aligned_copy(array) if self._shared else array
            self._shared = False
        return self._host

    @property
    def is_lent(self) -> bool:
        """Whether the value is a library's array, which that library may change or replace at any time."""
        return self._lent is not None

    def readable(self) -> np.ndarray:
        """The array that compiled code reads, but does not write to: eager Tensors may look at it, too."""
        return self._array if self._lent is None else self.storage()

    def stored(self, array: np.ndarray) -> None:
        """Called when ``array``, which `storage` gave, has a new value: a library may hold the value elsewhere."""
        written((self,))
        if self._lent is not None and not self._lent[0].shares_memory:
            self._array = array

    def __pronghorn_tensor__(self) -> Tensor:
        return self.tensor

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.tensor.__array__(dtype, copy=True)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """The value now, as `Tensor.__array_interface__` has it, in memory of its own."""
        interface = self.tensor.__array_interface__
        return interface | {"data": interface["data"].copy()}

    def __dlpack__(self, **wishes: Any) -> Any:
        """The value now in a DLPack capsule; it stays as it is when the variable changes."""
        return self.tensor.__dlpack__(**wishes)

    def __dlpack_device__(self) -> tuple[int, int]:
        return dlpack.CPU

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        shown = f", value={self._array!r}" if current_trace() is None else ""
        return f"<Variable path={self._path}, shape={self.shape}, dtype={self._dtype}{shown}>"


@contextlib.contextmanager
def substituted(pairs: Sequence[tuple[GraphVariable, Any]]) -> Iterator[None]:
    """Let variables have other values inside this context; afterwards they have those of before."""
    trace = current_trace()

    def value_of(variable: GraphVariable) -> Any:
        if trace is not None:
            return trace.read_storage(variable)
        return variable._array if variable._lent is None else variable._array.copy()

    before = [(variable, value_of(variable)) for variable, _ in pairs]
    try:
        for variable, value in pairs:
            variable.assign(as_tensor(value))
        yield
    finally:
        for variable, value in before:
            if trace is not None:
                trace.write(variable, value)
            else:
                variable._array, variable._shared = value, True


@contextlib.contextmanager
def noted_assignments() -> Iterator[dict[GraphVariable, np.ndarray]]:
    """Note which variables code in this thread assigns, wherever it holds them, with the values of before.

    What is noted inside of this is noted outside, too. Assignments of compiled functions are not: `Traced.updated`
    names those.

    >>> v = GraphVariable(np.zeros(2, "float32"))
    >>> with noted_assignments() as noted:
    ...     _ = v.assign([1.0, 2.0])
    >>> noted[v]
    array([0., 0.], dtype=float32)
    """
    noted: dict[GraphVariable, np.ndarray] = {}
    outer, overlays.noted = overlays.noted, noted
    try:
        yield noted
    finally:
        overlays.noted = outer
        if outer is not None:
            outer.update({v: value for v, value in noted.items() if v not in outer})
