"""Running a whole graph node by node, by any table from primitive to function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pronghorn._wording import counted
from pronghorn.engine.graph.dim import Dim, FloorDiv, Shape, evaluate
from pronghorn.engine.graph.ir import Graph, Node, Value


class Bound(NamedTuple):
    """A subgraph with the extents that the graph around it knows."""

    graph: Graph
    extents: Mapping[str, int]


Table = Mapping[str, Callable[..., Any]]


def shape_of(array: Any) -> tuple[int, ...]:
    """The shape of an array of any library that says it with numbers."""
    return tuple(array.shape)


def run(
    graph: Graph | Bound,
    arrays: Sequence[Any],
    table: Table,
    extents: Mapping[str, int] | None = None,
    shape_of: Callable[[Any], Any] = shape_of,
    typed: Callable[[Any, Any], object] | None = None,
) -> list[Any]:
    """The graph's outputs for the given inputs.

    Symbolic extents take their values from the arrays' shapes.

    Args:
        graph: the graph, or the subgraph that a table's function of control flow was given.
        arrays: one array for each of its inputs, of the kind that the table computes with.
        table: a function for each primitive, from arrays and the primitive's parameters to an array, or to a tuple.
        extents: symbolic extents that are known already (of the graph around a loop's body).
        shape_of: the shape of an array.
        typed: is told each result and its shape, for libraries that do not always know it.

    Raises:
        ValueError: if the arrays do not fit the inputs.
    """
    if isinstance(graph, Bound):
        graph, extents = graph.graph, graph.extents
    if len(arrays) != len(graph.inputs):
        raise ValueError(f"{graph.name} takes {counted(len(graph.inputs), 'array')}, got {len(arrays)}.")
    env = bind_extents([v.shape for v in graph.inputs], [shape_of(a) for a in arrays], extents)
    values: dict[Value, Any] = dict(zip(graph.inputs, arrays))
    uses = _uses(graph)
    for node in graph.nodes:
        params = {k: concrete(p, env) for k, p in node.params.items()}
        try:
            result = table[node.prim.name](*(values[v] for v in node.inputs), **params)
        except Exception as error:
            failed_at(error, node)
            raise
        results = result if isinstance(result, (tuple, list)) else (result,)
        if typed is not None:
            for value, array in zip(node.outputs, results):
                typed(array, concrete(value.shape, env))
        values.update(zip(node.outputs, results))
        for value in node.inputs:  # let go of what nobody needs any more
            uses[value] -= 1
            if not uses[value]:
                del values[value]
    return [values[v] for v in graph.outputs]


def failed_at(error: BaseException, node: Node | None = None) -> Node | None:
    """The node in which an error arose, the innermost: what exports name.

    Args:
        error: the error, or one that was raised because of it.
        node: to be kept with the error, where it has none yet.
    """
    cause: BaseException | None = error
    while cause is not None:
        found = getattr(cause, "at_node", None)
        if found is not None:
            return found
        cause = cause.__cause__ or cause.__context__
    error.at_node = node  # type: ignore[attr-defined]
    return node


def is_region(true: Graph | Bound, false: Graph | Bound) -> bool:
    """Whether the branches of a `cond` are one graph: see `pronghorn.engine.graph.regions`."""
    one, other = (b.graph if isinstance(b, Bound) else b for b in (true, false))
    return one is other


def empty_results(body: Graph | Bound, num_carry: int) -> list[tuple[tuple[int, ...], str]]:
    """Shapes and types of the stacked results of a loop over no steps, behind its ``num_carry`` carried values."""
    graph, extents = (body.graph, body.extents) if isinstance(body, Bound) else (body, {})
    return [((0, *(evaluate(d, extents) for d in v.shape)), v.dtype) for v in graph.outputs[num_carry:]]


def _uses(graph: Graph) -> dict[Value, int]:
    uses: dict[Value, int] = {}
    for node in graph.nodes:
        for value in node.inputs:
            uses[value] = uses.get(value, 0) + 1
    for value in graph.outputs:
        uses[value] = uses.get(value, 0) + 1
    return uses


def concrete(param: Any, env: Mapping[str, int]) -> Any:
    """A parameter with numbers for its symbolic extents."""
    if isinstance(param, Dim):
        return param.evaluate(env)
    if isinstance(param, tuple):
        return tuple(concrete(p, env) for p in param)
    if isinstance(param, Graph):
        return Bound(param, env)
    return param


def bind_extents(
    declared: Sequence[Shape], actual: Sequence[tuple[int, ...]], known: Mapping[str, int] | None = None
) -> dict[str, int]:
    """The values of the symbols in ``declared`` shapes for which they are the ``actual`` shapes.

    Raises:
        ValueError: if there are none.

    >>> bind_extents([(Dim.symbol("n") * 2 + 1, 3)], [(9, 3)])
    {'n': 4}
    """
    env = dict(known or {})
    pairs = []
    for wanted, got in zip(declared, actual):
        if len(wanted) != len(got):
            raise ValueError(f"an array of shape {wanted} was expected, got {got}.")
        pairs += list(zip(wanted, got))
    symbolic = [(w, g) for w, g in pairs if isinstance(w, Dim)]
    progress = True
    while progress:  # an extent of several symbols may become solvable once others are
        progress = False
        for wanted, got in symbolic:
            progress |= _solve(wanted, got, env)
    for wanted, got in pairs:
        known_now = not isinstance(wanted, Dim) or wanted.symbols <= env.keys()
        if known_now and (wanted.evaluate(env) if isinstance(wanted, Dim) else wanted) != got:
            raise ValueError(f"an extent of {wanted} was expected, got {got}.")
    return env


def _solve(wanted: Dim, got: int, env: dict[str, int]) -> bool:
    """Add the one unknown symbol of ``wanted == got``, if it is linear in just one."""
    unknown = wanted.symbols - env.keys()
    if len(unknown) != 1:
        return False
    (name,) = unknown
    rest, factor = got, 0
    for monomial, coefficient in wanted.terms.items():
        count = sum(atom == name for atom in monomial)
        hidden = any(isinstance(atom, FloorDiv) and name in atom.dim.symbols for atom in monomial)
        if count > 1 or hidden:
            return False
        value = Dim({tuple(a for a in monomial if a != name): coefficient}).evaluate(env)
        if count:
            factor += value
        else:
            rest -= value
    if factor == 0:
        return False
    if rest % factor:
        raise ValueError(f"an extent of {wanted} was expected, got {got}.")
    env[name] = rest // factor
    return True
