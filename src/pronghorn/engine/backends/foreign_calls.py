"""Calls with arrays of other libraries: what is called is traced, and their own engine runs the graph.

The result is of that library too and differentiable there, so that `jax.grad` and `jax.jit` go through a layer, and
`backward()` through a loss. This happens at the outermost call that gets such an array (of an op, a layer, a loss):
inside of it there are traced tensors of our own, as in any compiled step.

Where a user asks for an array of ours, or calls a model that was compiled for another engine, arrays that are numbers
alone are converted. What a library traces or differentiates stays there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from pronghorn import tree
from pronghorn.engine.backends import choice
from pronghorn.engine.backends.engine import ROOTS, Engine, engine, meet_imported
from pronghorn.engine.backends.foreign_values import Values
from pronghorn.engine.backends.kept import Kept, KeptByObject
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.active import current_trace, state
from pronghorn.engine.graph.dim import SymbolicDimError
from pronghorn.engine.graph.ir import Aval, Value, needed
from pronghorn.engine.graph.layout import Layout, take_apart, take_call_apart
from pronghorn.engine.graph.messages import shorten
from pronghorn.engine.graph.opening import Alike, Opening, first_that_fits
from pronghorn.engine.graph.tensor import Tensor, as_tensor, tensor_of
from pronghorn.engine.graph.trace import Traced, trace
from pronghorn.engine.graph.user_code import defined_in, warn
from pronghorn.engine.graph.variable import GraphVariable, overlays

F = TypeVar("F", bound=Callable[..., Any])
X = TypeVar("X")


@functools.lru_cache(maxsize=4096)
def _engine_of_type(kind: type) -> str | None:
    """The engine to whose arrays a type belongs, by the name of its module: nothing is imported to tell."""
    name = ROOTS.get(defined_in(kind).partition(".")[0])
    return name if name is not None and hasattr(kind, "shape") and hasattr(kind, "dtype") else None


def is_of_chosen_engine(x: Any) -> bool:
    """Whether ``x`` is an array of the library whose engine is chosen."""
    name = choice.named()
    return name is not None and _engine_of_type(type(x)) == name


def engine_of(nest: Iterable[Any]) -> str | None:
    """The engine of the first array of another library in nested arguments; None where there is none."""
    for x in nest:
        kind = type(x)
        if kind is np.ndarray or issubclass(kind, Tensor):
            continue
        if kind is dict:
            x = x.values()
        elif kind is not list and kind is not tuple:
            found = _engine_of_type(kind)
            if found is not None:
                return found
            if not isinstance(x, (list, tuple)):
                continue
        found = engine_of(x)
        if found is not None:
            return found
    return None


def keeping(state_of: Callable[[Any], Hashable | None]) -> Callable[[F], F]:
    """Mark a method whose calls can be kept: their graphs serve later calls of the same kind.

    Args:
        state_of: what a call depends on besides its arguments, by the object that is called; None where that cannot be
            told.
    """

    def mark(fn: F) -> F:
        fn.state_of = state_of  # type: ignore[attr-defined]
        return fn

    return mark


def as_it_is(x: X) -> X:
    """Have TensorFlow's AutoGraph call a function, or the objects of a class, as they are.

    It finds this on whatever it meets, so that it holds before TensorFlow is imported here.
    """
    x.autograph_info__ = None  # type: ignore[attr-defined]
    return x


def on_its_engine(fn: F) -> F:
    """Have ``fn`` run on the engine of its arguments where they are another library's arrays."""
    converts = getattr(fn, "gives_ours", False)

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            if state.traces or state.tapes:
                return fn(*args, **kwargs)
            name = engine_of(args) or (engine_of(kwargs.values()) if kwargs else None)
            if name is None and (not TRACING or (name := traced_by()) is None):
                meet_imported()  # which may be given the result
                return fn(*args, **kwargs)
            if converts and name != choice.chosen() and _are_numbers((args, kwargs)):
                return fn(*args, **kwargs)
            return run(name, fn, args, kwargs)
        except (TypeError, ValueError) as error:
            shorten(error)
            raise

    return as_it_is(call)  # type: ignore[return-value]


TRACING: dict[str, Callable[[], bool]] = {}
"""By the names of engines whose libraries may trace a program: whether one does so in this thread."""


def tell_of_tracing(name: str, is_tracing: Callable[[], bool]) -> None:
    """Have calls without a library's arrays be that library's too while it traces a program that it is the engine of.

    Args:
        name: the engine's name.
        is_tracing: whether its library traces a function in this thread.
    """
    TRACING[name] = is_tracing


def _is_tracing(name: str | None) -> bool:
    return name in TRACING and TRACING[name]()


def traced_by() -> str | None:
    """The engine whose library traces a program in this thread, if calls without its arrays belong to it, too."""
    if overlays.engine is not None:
        return overlays.engine
    for name, is_tracing in TRACING.items():
        if is_tracing() and choice.named() == name:
            return name
    return None


def gives_ours(fn: F) -> F:
    """Mark a conversion: of another library's numbers it gives our array, unless that library is the engine chosen."""
    fn.gives_ours = True  # type: ignore[attr-defined]
    return fn


def _are_numbers(nest: Any) -> bool:
    """Whether no library traces or differentiates one of its arrays among nested arguments."""
    names = [(x, _engine_of_type(type(x))) for x in tree.flatten(nest)]
    return all(engine(name).is_plain(x) for x, name in names if name is not None)


_warned: set[tuple[str, str, str]] = set()


def brought_to(name: str, nest: Any, what: str) -> Any:
    """Nested arguments with arrays of an engine in the places of those of other libraries.

    It warns of that, once. Where a library traces or differentiates one of them, all stay as they are: converting
    would lose what it is after.

    Args:
        name: the engine's name, or ``llvm`` or ``numpy`` for our own.
        nest: nested arguments.
        what: who was called, for the warning.
    """
    if engine_of(nest) is None:
        return nest
    others = {n for x in tree.flatten(nest) if (n := _engine_of_type(type(x))) not in (None, name)}
    if not others or not _are_numbers(nest):
        return nest
    ours = name in choice.OWN_WAYS
    for other in others:
        if (what, other, name) not in _warned:
            _warned.add((what, other, name))
            words = choice.OWN if ours else name
            warn(
                f"{what} was compiled for the engine {words!r} and got an array of {other}: it is converted, and the "
                f"result is of {words}. Convert it yourself (np.asarray(x)), or compile with backend={other!r}."
            )

    def convert(x: Any) -> Any:
        other = _engine_of_type(type(x))
        if other in (None, name) or engine(other).dtype_of(x) not in dtypes.ALL:
            return x
        array = engine(other).to_numpy(x)
        if ours:
            return tensor_of(array)
        with engine(name).computing():
            return engine(name).from_numpy(array)

    return tree.map_structure(convert, nest)


class _Call(NamedTuple):
    """A call that is kept.

    Attributes:
        traced: its graph.
        results: their layout.
        run: what runs it, from arrays and the variables' values.
    """

    traced: Traced
    results: Layout
    run: Callable[[Sequence[Any]], list[Any]]


#: Calls of objects whose methods say that they can be kept (`keeping`).
_kept = KeptByObject(32)


def run(name: str, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``fn(*args, **kwargs)`` by an engine whose arrays are among the arguments.

    Raises:
        TypeError: there are arrays of two libraries among them.
        RuntimeError: a variable was assigned while the library traces, where it can have no value.
    """
    found = engine(name)
    state_of = getattr(fn, "state_of", None)
    called = () if state_of is None else args[:1]
    layout, arrays = take_call_apart(args[len(called) :], kwargs, lambda x: _engine_of_type(type(x)) == name, once=True)
    kept, key = _known_calls(found, called, layout, arrays, state_of)
    if kept is not None and key in kept:
        (traced, structure, compute), left = kept[key], []
        arrays = [found.operand(x) for x in arrays]
    else:
        given = len(arrays)
        traced, structure, left, inputs = _traced(found, fn, called, layout, arrays)
        arrays = inputs.arrays
        found.check(traced.graph)
        compute = functools.partial(found.run_open if inputs.is_open else found.run, traced.graph)
        if kept is not None and len(arrays) == given and not inputs.gave_values and state_of(*called) is not None:
            traced = replace(traced, host=[])  # which hold the arrays of this call
            kept.keep(key, _Call(traced, structure, found.lasting(traced.graph)))
    with found.computing():
        # A function that the library traces can assign what is lent to it, each time that it runs.
        lent = traced.variables if choice.chosen() == name else traced.updated if _is_tracing(name) else ()
        for variable in lent:
            found.lend(variable)
        variables = [v.on(found) for v in traced.variables]
    # Outside of it: what the user's own function computes follows the user's settings.
    results = compute([*arrays, *map(found.for_programs, variables)])
    _assign(found, traced, results[traced.num_results :], _name_of(fn))
    for tensors, i, place in left:
        tensors[i] = results[place]
    return structure.pack(results)


def _known_calls(
    found: Engine,
    called: Sequence[Any],
    layout: Layout,
    arrays: Sequence[Any],
    state_of: Callable[[Any], Hashable | None] | None,
) -> tuple[Kept[_Call] | None, Hashable]:
    """The calls that are kept for an object, and the key of this one; None where it cannot be kept."""
    state = None if state_of is None else state_of(*called)
    if state is None or not layout.is_plain:  # what other arguments say to a call cannot be compared
        return None, None
    types = tuple(map(found.dtype_of, arrays))
    if not set(types) <= set(dtypes.ALL):
        return None, None
    opening = Opening(Alike.SAME_AXIS)
    shapes = tuple([found.open_shape(x, lambda axis: opening.extent(axis, 0)) for x in arrays])
    return (None, None) if opening.symbols else (_kept.of(called[0], state), (found.name, layout.key, types, shapes))


class _Inputs:
    """Arrays of a library as inputs of a trace, each once: arguments, and what the function uses from around it.

    Args:
        found: their engine.
        what: what is called, for errors.
        opening: gives symbols to extents that are not known.

    Attributes:
        arrays: the inputs.
        trace: the trace whose inputs they become, once it has begun.
        lists: lists of tensors that outlive the call, such as the losses of a layer.
        gave_values: whether the library's own functions were called with what the function computes.
    """

    def __init__(self, found: Engine, what: str, opening: Opening):
        self._engine, self._what, self._opening = found, what, opening
        self.arrays: list[Any] = []
        self.gave_values = False
        self._values = Values(found, self._given)
        self._known: dict[int, Tensor] = {}
        self.trace: Any = None
        self.lists: list[list[Any]] = []

    @property
    def is_open(self) -> bool:
        """Whether there are extents that are not known."""
        return bool(self._opening.symbols)

    def keep(self, tensors: list[Any]) -> None:
        """Have the traced tensors that are in a list at the end be the library's arrays once the call is over."""
        if not any(tensors is known for known in self.lists):
            self.lists.append(tensors)

    def __call__(self, x: Any) -> Tensor | None:
        name = _engine_of_type(type(x))
        if name is None:
            return None
        if name != self._engine.name:
            raise TypeError(
                f"{self._what}: arrays of {self._engine.name} and of {name} came in one call. Convert one first, "
                "for example with NumPy: np.asarray(x)."
            )
        known = self._known.get(id(x))
        if known is None and self.trace is not None:
            dtype = self._engine.dtype_of(x)
            if dtype not in dtypes.ALL:  # strings, which layers read as they are
                return None
            place = len(self.arrays)
            aval = Aval(self._engine.open_shape(x, lambda axis: self._opening.extent(axis, place)), dtype)
            known = self._known[id(x)] = self.trace.add_host_input(aval, lambda strings: x)
            self.arrays.append(self._engine.operand(x))
        return known

    def array_of(self, x: Any) -> Any:
        """The library's array for a traced tensor or a variable; None where there is none yet, as in a loop's body."""
        tensor = as_tensor(x)
        if not tensor.is_traced or tensor.data.graph is not self.trace.graph or self.is_open:
            return None
        self.gave_values = True
        return self._values.of(tensor.data, self.trace.graph)

    def numbers_of(self, x: Tensor) -> np.ndarray | None:
        """The values of a traced tensor, on which a program may branch; None where the library traces it as well."""
        array = self.array_of(x)
        return None if array is None or not self._engine.is_concrete(array) else self._engine.to_numpy(array)

    def while_loop(
        self, cond: Callable[..., Any], body: Callable[..., Any], start: Sequence[Tensor], limit: Any
    ) -> Sequence[Any] | None:
        """A loop by the library, in whose body its own functions want values; None where that cannot be done.

        Args:
            cond: from the library's arrays to a truth value.
            body: from the library's arrays to a sequence of new ones, or of tensors.
            start: what the loop begins with.
            limit: the most rounds; None for any number.
        """
        return self._by_library(lambda arrays: self._engine.while_loop(cond, body, arrays, limit), start)

    def fori_loop(
        self, lower: int, upper: int, body: Callable[..., Any], start: Sequence[Tensor]
    ) -> Sequence[Any] | None:
        """`while_loop` with a known number of rounds, from ``body``'s first argument ``lower`` up to ``upper``."""
        return self._by_library(lambda arrays: self._engine.fori_loop(lower, upper, body, arrays), start)

    def _by_library(self, loop: Callable[[list[Any]], Any], start: Sequence[Tensor]) -> Sequence[Any] | None:
        arrays = [self._engine.from_numpy(t.data) if not t.is_traced else self.array_of(t) for t in start]
        if any(array is None for array in arrays):
            return None
        traces, state.traces, state.foreign = state.traces, [], None
        try:
            return loop(arrays)
        finally:
            state.traces, state.foreign = traces, self

    def _given(self, value: Value) -> Any:
        """The array of an input of the trace."""
        for (own, _), array in zip(self.trace.host_inputs, self.arrays):
            if own is value:
                return array
        variable = next(v for v, tensor in self.trace.variables.items() if tensor.data is value)
        with self._engine.computing():
            array = variable.on(self._engine)
        return self._engine.for_programs(array)

    def forget(self) -> None:
        """Leave no traced tensors of a trace that came to nothing in lists that outlive it."""
        for held in self.lists:
            held[:] = [t for t in held if not (isinstance(t, Tensor) and t.is_traced)]


def _traced(
    found: Engine, fn: Callable[..., Any], called: Sequence[Any], layout: Layout, arrays: Sequence[Any]
) -> tuple[Traced, Layout, list[tuple[list[Any], int, int]], _Inputs]:
    """A call as a graph of the library's arrays.

    Extents that are not known are each one of its own, since the library does not say that they are the same; where
    that does not fit, those along the same axis are.

    Returns:
        The graph, the results' layout, the arrays that lists keep (list, position, number), and what the arrays were
        to it.

    Raises:
        TypeError: what is called needs to know one of these.
    """
    tried: list[_Inputs] = []

    def attempt(opening: Opening) -> tuple[Traced, Layout, list[tuple[list[Any], int, int]], _Inputs]:
        tried.append(_Inputs(found, _name_of(fn), opening))
        try:
            return (*_traced_once(tried[-1], fn, called, layout, arrays), tried[-1])
        except Exception:
            tried[-1].forget()
            raise

    try:
        return first_that_fits(map(Opening, (Alike.NONE, Alike.SAME_AXIS)), attempt)
    except SymbolicDimError as problem:
        if not tried[-1].is_open:
            raise
        raise TypeError(
            f"{_name_of(fn)} needs an extent that {found.name} does not know where it traces a function ({problem}). "
            f"{found.unknown_extents}"
        ) from problem


def _traced_once(
    inputs: _Inputs, fn: Callable[..., Any], called: Sequence[Any], layout: Layout, arrays: Sequence[Any]
) -> tuple[Traced, Layout, list[tuple[list[Any], int, int]]]:
    structure: Any = None
    left: list[tuple[list[Any], int, int]] = []

    def tensor(x: Any) -> Any:
        return x if (found := inputs(x)) is None else found

    def flat() -> list[Tensor]:
        nonlocal structure
        inputs.trace = current_trace()
        outer, state.foreign = state.foreign, inputs
        try:
            for constant in layout.constants:
                inputs(constant.value)  # which may be another library's
            args, kwargs = layout.pack([tensor(x) for x in arrays])
            structure, results = take_apart(fn(*called, *args, **kwargs), lambda x: not isinstance(x, _OURS))
            for held in inputs.lists:
                for i, t in enumerate(held):
                    if isinstance(t, Tensor) and t.is_traced:
                        left.append((held, i, len(results)))
                        results.append(t)
            return [as_tensor(x) for x in results]
        finally:
            state.foreign = outer

    traced = trace(flat, [], _name_of(fn))
    if inputs.gave_values:  # what the library took from there may stand for values of a function that it has left since
        traced.graph.nodes = needed(traced.graph.nodes, traced.graph.outputs)
    return traced, structure, left


_OURS = (Tensor, GraphVariable)


def _assign(found: Engine, traced: Traced, values: list[Any], what: str) -> None:
    for variable, value in zip(traced.updated, values):
        if not variable.is_substituted and not found.can_give(variable, value):
            raise RuntimeError(
                f"{what} assigns the variable {variable.path!r} while {found.name} traces a function, where it has no "
                "value to keep. Use stateless_call() and its like, which take the variables' values and return the "
                "new ones."
            )
        if found.is_concrete(value) and found.dtype_of(value) != variable.storage_dtype:
            with found.computing():
                value = found.table["cast"](value, dtype=variable.storage_dtype)
        variable.give_to(found, found.kept(value))


def _name_of(fn: Callable[..., Any]) -> str:
    return getattr(fn, "__qualname__", None) or type(fn).__name__
