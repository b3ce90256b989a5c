"""Tracing: how calls of primitives become a graph.

`bind` is the one door through which every primitive goes. With no trace active it runs the primitive's NumPy meaning at
once (and tells the gradient tapes); inside a trace it appends a node. Traces nest: a loop's body is a trace of its own
that captures what it uses from outside.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pronghorn.graph import budget, dtypes
from pronghorn.graph.concrete import at_line, kept_beyond
from pronghorn.graph.dim import SymbolicDimError
from pronghorn.graph.guards import Guards, guarding
from pronghorn.graph.ir import Aval, Graph, Value
from pronghorn.graph.tensor import Tensor

if TYPE_CHECKING:
    from pronghorn.graph.primitives.registry import Primitive
    from pronghorn.graph.variable import Variable


class TraceError(RuntimeError):
    """A traced array used where only a concrete one can be, or outside of its trace."""


class _State(threading.local):
    def __init__(self) -> None:
        self.traces: list[Trace | None] = []  # None: an eager island inside a trace
        self.tapes: list[Any] = []
        self.scopes: list[str] = []


_state = _State()


class Trace:
    """A graph under construction.

    ``own_state``: whether this trace keeps variables' values itself (a traced function) or leaves them to the trace
    around it (the body of a loop).
    """

    def __init__(self, name: str, own_state: bool, parent: Trace | None):
        self.graph = Graph(name)
        self.own_state = own_state
        self.parent = parent
        self.captures: dict[int, tuple[Tensor, Value]] = {}  # by identity of the outer value
        self.constants: dict[int, tuple[np.ndarray, Value]] = {}
        self.variables: dict[Variable, Tensor] = {}  # captured: the value at entry
        self.current: dict[Variable, Tensor] = {}  # the value now
        self.host_inputs: list[tuple[Value, Callable[..., np.ndarray]]] = []  # see pronghorn.graph.strings

    def lift(self, tensor: Tensor) -> Value:
        """The value in this graph that stands for ``tensor``."""
        if not isinstance(tensor.data, Value):
            if not self._in_eager_code():
                return self._constant(tensor.data)
            return self._capture(tensor)  # gradients may be asked for what it uses
        if tensor.data.graph is self.graph:
            return tensor.data
        if self.parent is None:
            raise kept_beyond(tensor.data.aval)
        return self._capture(Tensor(self.parent.lift(tensor)))

    def _in_eager_code(self) -> bool:
        """Whether this is a loop, or a loop within loops, that is no part of a traced function."""
        return not self.own_state and (self.parent is None or self.parent._in_eager_code())

    def _capture(self, outer: Tensor) -> Value:
        known = self.captures.get(id(outer.data))
        if known is None:
            known = (outer, self.graph.add_input(Aval(outer.shape, outer.dtype)))
            self.captures[id(outer.data)] = known
        return known[1]

    def _constant(self, array: np.ndarray) -> Value:
        known = self.constants.get(id(array))
        if known is None:
            from pronghorn.graph.primitives.structure import constant

            (value,) = self.graph.add_node(constant, [], {"value": array})
            self.constants[id(array)] = known = (array, value)
        return known[1]

    def add_host_input(self, aval: Aval, compute: Callable[..., np.ndarray]) -> Tensor:
        """An input of the graph that ``compute`` makes from a batch's strings in front of every call."""
        value = self.graph.add_input(aval)
        self.host_inputs.append((value, compute))
        return Tensor(value)

    def read_storage(self, variable: Variable) -> Tensor:
        """The variable's value at this point of the traced function, in its own element type."""
        if not self.own_state:
            return self.parent.read_storage(variable) if self.parent is not None else variable.eager_value()
        if variable not in self.current:
            value = Tensor(self.graph.add_input(Aval(variable.shape, variable.storage_dtype)))
            self.variables[variable] = self.current[variable] = value
        return self.current[variable]

    def write(self, variable: Variable, value: Tensor) -> None:
        """Record an assignment."""
        if not self.own_state:
            raise TraceError(
                f"Variable {variable.path!r} cannot be assigned inside the body of a loop or branch{at_line()}. Carry "
                "its value through the loop and assign it afterwards."
            )
        self.read_storage(variable)
        self.current[variable] = Tensor(self.lift(value))


def current_scope() -> str:
    """The layers whose calls are going on, such as ``"sequential/dense"``; empty outside of them."""
    return "/".join(_state.scopes)


def current_trace() -> Trace | None:
    """The innermost active trace, or None where primitives run at once."""
    return _state.traces[-1] if _state.traces else None


def active_tapes() -> list[Any]:
    """The gradient tapes that record what runs eagerly."""
    return _state.tapes


def push_tape(tape: Any) -> None:
    """Have ``tape.record(prim, inputs, params, outputs)`` called for what runs eagerly."""
    _state.tapes.append(tape)


def pop_tape(tape: Any) -> None:
    """End what `push_tape` began."""
    _state.tapes.remove(tape)


@contextlib.contextmanager
def eager() -> Iterator[None]:
    """Run primitives at once even inside a trace (initialisers of variables that a traced call creates)."""
    _state.traces.append(None)
    try:
        yield
    finally:
        _state.traces.pop()


@contextlib.contextmanager
def scope(name: str) -> Iterator[None]:
    """Mark nodes made inside with the name of the layer that makes them."""
    _state.scopes.append(name)
    try:
        yield
    finally:
        _state.scopes.pop()


@contextlib.contextmanager
def scope_at(path: str) -> Iterator[None]:
    """Mark nodes made inside with ``path``, whatever scopes are open: work done later on a layer's behalf."""
    outer, _state.scopes = _state.scopes, [path] if path else []
    try:
        yield
    finally:
        _state.scopes = outer


def as_tensor(x: Any, dtype: str | None = None) -> Tensor:
    """``x`` as a Tensor; Python numbers become ``dtype`` (by default int32, float32 or bool)."""
    if isinstance(x, Tensor):
        return x
    if hasattr(x, "__pronghorn_tensor__"):
        return x.__pronghorn_tensor__()
    if isinstance(x, (bool, int, float)):
        return Tensor(np.asarray(x, dtypes.to_numpy(dtype or dtypes.name_of(type(x)))))
    array = np.asarray(x)
    if dtype is not None:
        array = dtypes.converted(array, dtype)
    dtypes.name_of(array.dtype)
    return Tensor(array)


def _operands(prim: Primitive, inputs: Sequence[Any]) -> list[Tensor]:
    """Inputs as Tensors; in elementwise primitives Python scalars take the shape and type of the others."""
    if not prim.elementwise or not any(isinstance(x, (bool, int, float)) for x in inputs):
        return [as_tensor(x) for x in inputs]
    arrays = {i: as_tensor(x) for i, x in enumerate(inputs) if not isinstance(x, (bool, int, float))}
    if not arrays:
        return [as_tensor(x) for x in inputs]
    like = arrays[max(arrays)]  # the last: select's first operand is its predicate
    from pronghorn.graph.primitives.structure import broadcast_in_dim

    def fill(x: Any) -> Tensor:
        scalar = Tensor(np.asarray(x, dtypes.to_numpy(like.dtype)))
        return broadcast_in_dim(scalar, shape=like.shape, dims=()) if like.shape else scalar

    return [arrays[i] if i in arrays else fill(x) for i, x in enumerate(inputs)]


def bind(prim: Primitive, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """Apply ``prim``: eagerly, or as a node of the active trace. One Tensor, or a tuple where it has several
    outputs."""
    tensors = _operands(prim, inputs)
    trace = current_trace()
    if trace is not None:
        budget.count_operation()
        values = trace.graph.add_node(prim, [trace.lift(t) for t in tensors], params, current_scope())
        outputs = tuple(Tensor(v) for v in values)
    else:
        outputs = _run_eagerly(prim, tensors, params)
    return outputs if prim.has_several else outputs[0]


def _run_eagerly(prim: Primitive, tensors: list[Tensor], params: dict[str, Any]) -> tuple[Tensor, ...]:
    from pronghorn.backends import eager as eager_kernels
    from pronghorn.backends.numpy import IMPLEMENTATIONS

    for t in tensors:
        if isinstance(t.data, Value):
            raise kept_beyond(t.data.aval)
    try:
        avals = prim.infer([Aval(t.shape, t.dtype) for t in tensors], params)
        operands: list[Any] = [t.data for t in tensors]
        result = eager_kernels.run(prim, operands, params, avals[0]) if len(avals) == 1 else None
        if result is None:
            result = IMPLEMENTATIONS[prim.name](*operands, **params)
    except SymbolicDimError as error:
        if _state.traces:
            raise  # whoever traces can do so again with numbers
        raise kept_beyond() from error
    arrays = result if isinstance(result, (tuple, list)) else (result,)
    outputs = tuple(Tensor(np.asarray(a)) for a in arrays)
    for tape in _state.tapes:
        tape.record(prim, tensors, params, outputs)
    return outputs


@dataclass
class Traced:
    """A traced function: ``graph`` takes the arguments, what ``host`` makes of a batch's strings, and then
    ``variables``; it returns the results and then the new values of ``updated``. It is the function that was traced
    for those extents for which ``guards`` hold."""

    graph: Graph
    num_args: int
    variables: list[Variable]
    updated: list[Variable]
    num_results: int = 0
    host: list[Callable[..., np.ndarray]] = field(default_factory=list)
    guards: Guards = field(default_factory=lambda: Guards({}))


@dataclass
class Subgraph:
    """A traced body: ``graph`` takes ``captures`` (arrays of the trace around it), the values at entry of
    ``variables``, and then its arguments; it returns the results and then the new values of ``updated``."""

    graph: Graph
    captures: list[Tensor] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    updated: list[Variable] = field(default_factory=list)


@contextlib.contextmanager
def _tracing(name: str, own_state: bool) -> Iterator[Trace]:
    trace = Trace(name, own_state, current_trace())
    _state.traces.append(trace)
    try:
        yield trace
    finally:
        _state.traces.pop()


def trace(
    fn: Callable[..., Sequence[Any]],
    avals: Sequence[Aval],
    name: str = "graph",
    hints: Mapping[str, int] | None = None,
) -> Traced:
    """Trace ``fn(*tensors) -> sequence of tensors``.

    Variables that it reads become inputs of the graph, those that it assigns outputs.

    Args:
        fn: the function.
        avals: the types of its arguments.
        name: the graph's name.
        hints: a number for each symbol in ``avals``, by which comparisons of extents are decided; `Traced.guards`
            says what was decided.

    Raises:
        SymbolicDimError: if ``fn`` needs to know an extent that is symbolic.

    >>> from pronghorn.graph import primitives as P
    >>> t = trace(lambda x: [P.add(x, 1.0)], [Aval((2,), "float32")])
    >>> [n.prim.name for n in t.graph.nodes]
    ['constant', 'broadcast_in_dim', 'add']
    """
    guards = Guards(hints or {})
    with _tracing(name, own_state=True) as tr, guarding(guards if hints else None):
        results = fn(*(Tensor(tr.graph.add_input(a)) for a in avals))
        results = [tr.lift(as_tensor(r)) for r in results]
        captured = list(tr.variables)
        updated = [v for v in captured if tr.current[v].data is not tr.variables[v].data]
        tr.graph.outputs = [*results, *(tr.lift(tr.current[v]) for v in updated)]
        arguments = tr.graph.inputs[: len(avals)]
        host = [value for value, _ in tr.host_inputs]
        tr.graph.inputs = [*arguments, *host, *(tr.lift(tr.variables[v]) for v in captured)]
    if guards.needs_numbers is not None:  # though something caught it
        raise guards.needs_numbers
    computes = [compute for _, compute in tr.host_inputs]
    return Traced(tr.graph, len(avals) + len(host), captured, updated, len(results), computes, guards)


def trace_body(
    fn: Callable[..., Sequence[Any]], avals: Sequence[Aval], name: str = "body", own_state: bool = False
) -> Subgraph:
    """Trace the body of a loop or a branch; what it uses from outside becomes leading inputs.

    Args:
        fn: takes Tensors, returns Tensors.
        avals: the types of its arguments.
        name: the graph's name.
        own_state: whether it may assign variables: those that it uses are then inputs, and their new values outputs.
    """
    with _tracing(name, own_state) as tr:
        arguments = [tr.graph.add_input(a) for a in avals]
        results = [tr.lift(as_tensor(r)) for r in fn(*map(Tensor, arguments))]
        variables = list(tr.variables)
        entries = [tr.lift(tr.variables[v]) for v in variables]
        updated = [v for v in variables if tr.current[v].data is not tr.variables[v].data]
        tr.graph.outputs = [*results, *(tr.lift(tr.current[v]) for v in updated)]
    tr.graph.inputs = [*(inner for _, inner in tr.captures.values()), *entries, *arguments]
    return Subgraph(tr.graph, [outer for outer, _ in tr.captures.values()], variables, updated)


def abstract_eval(fn: Callable[..., Sequence[Any]], *avals: Aval) -> list[Aval]:
    """Shapes and types of ``fn``'s results, with nothing computed and no variable changed."""
    with _tracing("abstract", own_state=True) as tr:
        results = fn(*(Tensor(tr.graph.add_input(a)) for a in avals))
        return [Aval(t.shape, t.dtype) for t in map(as_tensor, results)]


def inline(graph: Graph, inputs: Sequence[Any]) -> list[Tensor]:
    """Apply a graph's nodes to ``inputs``, eagerly or into the active trace.

    With concrete inputs the graph must have static shapes (see `pronghorn.backends.numpy.run` for the general case).
    """
    env: dict[Value, Tensor] = dict(zip(graph.inputs, map(as_tensor, inputs)))
    for node in graph.nodes:
        out = bind(node.prim, [env[v] for v in node.inputs], node.params)
        for value, tensor in zip(node.outputs, out if isinstance(out, tuple) else (out,)):
            env[value] = tensor
    return [env[v] for v in graph.outputs]
