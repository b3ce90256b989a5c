"""Tracing: how calls of primitives become a graph.

Traces nest: a loop's body is a trace of its own that captures what it uses from outside.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pronghorn.engine.graph.active import TraceError, current_trace, state
from pronghorn.engine.graph.concrete import at_line, kept_beyond
from pronghorn.engine.graph.guards import Guards, guarding
from pronghorn.engine.graph.ir import Aval, Graph, Value
from pronghorn.engine.graph.primitives.structure import constant
from pronghorn.engine.graph.tensor import Tensor, as_tensor, aval_of, tensor_of
from pronghorn.engine.runtime.garbage import uncollected

if TYPE_CHECKING:
    from pronghorn.engine.graph.variable import GraphVariable


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
        self.variables: dict[GraphVariable, Tensor] = {}  # captured: the value at entry
        self.current: dict[GraphVariable, Tensor] = {}  # the value now
        self.host_inputs: list[tuple[Value, Callable[..., np.ndarray]]] = []  # see pronghorn.engine.graph.strings

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
        return self._capture(tensor_of(self.parent.lift(tensor)))

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
            (value,) = self.graph.add_node(constant, [], {"value": array})
            self.constants[id(array)] = known = (array, value)
        return known[1]

    def add_host_input(self, aval: Aval, compute: Callable[..., np.ndarray]) -> Tensor:
        """An input of the graph that ``compute`` makes from a batch's strings in front of every call."""
        value = self.graph.add_input(aval)
        self.host_inputs.append((value, compute))
        return tensor_of(value)

    def read_storage(self, variable: GraphVariable) -> Tensor:
        """The variable's value at this point of the traced function, in its own element type."""
        if not self.own_state:
            return self.parent.read_storage(variable) if self.parent is not None else variable.eager_value()
        if variable not in self.current:
            value = tensor_of(self.graph.add_input(Aval(variable.shape, variable.storage_dtype)))
            self.variables[variable] = self.current[variable] = value
        return self.current[variable]

    def write(self, variable: GraphVariable, value: Tensor) -> None:
        """Record an assignment."""
        if not self.own_state:
            raise TraceError(
                f"Variable {variable.path!r} cannot be assigned inside the body of a loop or branch{at_line()}. Carry "
                "its value through the loop and assign it afterwards."
            )
        self.read_storage(variable)
        self.current[variable] = tensor_of(self.lift(value))


@dataclass
class Traced:
    """A traced function: ``graph`` takes the arguments, what ``host`` makes of a batch's strings, and then
    ``variables``; it returns the results and then the new values of ``updated``. It is the function that was traced
    for those extents for which ``guards`` hold. ``donated`` has, for the numbers of some results, those of arguments of
    the same type, whose arrays the caller gives up: an engine may write these results there, or leave it."""

    graph: Graph
    num_args: int
    variables: list[GraphVariable]
    updated: list[GraphVariable]
    num_results: int = 0
    host: list[Callable[..., np.ndarray]] = field(default_factory=list)
    guards: Guards = field(default_factory=lambda: Guards({}))
    donated: dict[int, int] = field(default_factory=dict)


@dataclass
class Subgraph:
    """A traced body: ``graph`` takes ``captures`` (arrays of the trace around it), the values at entry of
    ``variables``, and then its arguments; it returns the results and then the new values of ``updated``."""

    graph: Graph
    captures: list[Tensor] = field(default_factory=list)
    variables: list[GraphVariable] = field(default_factory=list)
    updated: list[GraphVariable] = field(default_factory=list)


@contextlib.contextmanager
def _tracing(name: str, own_state: bool) -> Iterator[Trace]:
    trace = Trace(name, own_state, current_trace())
    state.traces.append(trace)
    try:
        yield trace
    finally:
        state.traces.pop()


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

    >>> from pronghorn.engine.graph import primitives as P
    >>> t = trace(lambda x: [P.add(x, 1.0)], [Aval((2,), "float32")])
    >>> [n.prim.name for n in t.graph.nodes]
    ['constant', 'broadcast_in_dim', 'add']
    """
    guards = Guards(hints or {})
    with uncollected(), _tracing(name, own_state=True) as tr, guarding(guards if hints else None):
        results = fn(*(tensor_of(tr.graph.add_input(a)) for a in avals))
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
        results = fn(*(tensor_of(tr.graph.add_input(a)) for a in avals))
        return [aval_of(t) for t in map(as_tensor, results)]


def inline(graph: Graph, inputs: Sequence[Any]) -> list[Tensor]:
    """Apply a graph's nodes to ``inputs``, eagerly or into the active trace.

    With concrete inputs the graph must have static shapes (see `backends.numpy.run` for the general case).
    """
    env: dict[Value, Tensor] = dict(zip(graph.inputs, map(as_tensor, inputs)))
    for node in graph.nodes:
        out = node.prim(*(env[v] for v in node.inputs), **node.params)
        for value, tensor in zip(node.outputs, out if isinstance(out, tuple) else (out,)):
            env[value] = tensor
    return [env[v] for v in graph.outputs]
