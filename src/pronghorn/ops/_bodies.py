"""Bodies of loops and branches that read and assign variables, while a function is traced.

What a body assigns is carried through the loop, or returned by all branches, and assigned to the variables behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pronghorn.engine.graph.active import current_trace
from pronghorn.engine.graph.ir import Aval, Value
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.trace import Subgraph, trace_body


def stateful_body(fn: Callable[..., Any], avals: Sequence[Aval], name: str, carried: Sequence[Any] = ()) -> Subgraph:
    """A body that may assign variables.

    Its graph takes the captures, among them variables that it only reads, then the arguments, and then the values at
    entry of the variables in ``updated``: those that it assigns, and those in ``carried``. It returns the results, and
    then their new values.
    """
    body = trace_body(fn, avals, name, own_state=True)
    graph, start = body.graph, len(body.captures)
    arguments = graph.inputs[start + len(body.variables) :]
    entries = dict(zip(body.variables, graph.inputs[start:]))
    kept = dict.fromkeys([*body.updated, *carried])  # no list: variables compare elementwise
    read = [v for v in body.variables if v not in kept]
    inner = [*graph.inputs[:start], *(entries[v] for v in read)]
    graph.inputs = [*inner, *arguments, *(entries[v] for v in body.updated)]
    result = Subgraph(graph, [*body.captures, *entry_values(read)], [], body.updated)
    carry(result, list(kept), entries)
    return result


def carry(body: Subgraph, state: Sequence[Any], entries: Mapping[Any, Value] = MappingProxyType({})) -> None:
    """Have a body take and return the variables ``state``, in this order; those that it does not assign as they are."""
    graph, count = body.graph, len(body.updated)
    first, rest = len(graph.inputs) - count, len(graph.outputs) - count
    known = dict(zip(body.updated, zip(graph.inputs[first:], graph.outputs[rest:])))
    for variable in state:
        if variable not in known:
            aval = Aval(variable.shape, variable.storage_dtype)
            entry = entries.get(variable) or Value(aval, graph)
            known[variable] = (entry, entry)
    graph.inputs = [*graph.inputs[:first], *(known[v][0] for v in state)]
    graph.outputs = [*graph.outputs[:rest], *(known[v][1] for v in state)]
    body.updated = list(state)


def entry_values(variables: Sequence[Any]) -> list[Tensor]:
    """What variables hold where the loop or branch begins."""
    trace = current_trace()
    return [trace.read_storage(v) for v in variables] if trace is not None else []


def assign_last(variables: Sequence[Any], outputs: Sequence[Tensor]) -> list[Tensor]:
    """Assign the last outputs of a loop or branch to variables; the other outputs."""
    trace = current_trace()
    count = len(outputs) - len(variables)
    for variable, value in zip(variables, outputs[count:]):
        trace.write(variable, value)  # type: ignore[union-attr]  # variables are assigned in traces only
    return list(outputs[:count])
