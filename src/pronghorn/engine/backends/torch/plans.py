"""Graphs as Python functions: one line a call, for extents in numbers, made once and kept.

What holds for all calls is done in advance: parameters get their numbers, constants are made, decorators that do
nothing for a node's element types are left out, and calls that PyTorch does as one are joined (`fusions`).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch

from pronghorn._wording import counted
from pronghorn.engine.backends import interpreter
from pronghorn.engine.backends.interpreter import Bound, bind_extents, concrete
from pronghorn.engine.backends.torch.fusions import Call, fuse
from pronghorn.engine.backends.torch.memory import own_memory, written_into
from pronghorn.engine.backends.torch.registry import TABLE, TYPES, is_plain, placing, without_decorators
from pronghorn.engine.graph.dim import evaluate, product
from pronghorn.engine.graph.ir import Graph, Node, Value

Plan = Callable[..., list[torch.Tensor]]

_plans: weakref.WeakKeyDictionary[Graph, dict[Any, Plan]] = weakref.WeakKeyDictionary()

_SMALL = 4096
"""Elements up to which what is the same in every call is kept."""

_NEVER_KEPT = frozenset({"random_bits", "scan", "while_loop", "cond", "custom_vjp", "foreign_call"})
_VIEWS = frozenset({"constant", "iota", "broadcast_in_dim"})


def run(graph: Graph | Bound, arrays: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """The graph's outputs for the given inputs. Symbolic extents take their values from the tensors' shapes.

    Raises:
        ValueError: if the tensors do not fit the inputs.
    """
    return plan(graph, arrays)(*arrays)


def plan(graph: Graph | Bound, arrays: Sequence[torch.Tensor]) -> Plan:
    """The function that computes a graph's outputs from tensors of the shapes of these."""
    if not all(map(is_plain, arrays)):  # stand-ins, whose constants would be stand-ins too
        return lambda *xs: interpreter.run(graph, xs, TABLE)
    known: dict[str, int] = {}
    if isinstance(graph, Bound):
        graph, known = graph.graph, dict(graph.extents)
    device = arrays[0].device if arrays else None
    reuses = not torch.is_grad_enabled()
    key = (device, reuses, tuple(known.items()), tuple([a.shape for a in arrays]))
    kept = _plans.get(graph)
    if kept is None:
        kept = _plans[graph] = {}
    found = kept.get(key)
    if found is None:
        if len(arrays) != len(graph.inputs):
            raise ValueError(f"{graph.name} takes {counted(len(graph.inputs), 'tensor')}, got {len(arrays)}.")
        extents = bind_extents([v.shape for v in graph.inputs], [tuple(a.shape) for a in arrays], known)
        with placing(device), torch.no_grad():
            calls, constants = _calls(graph, extents)
        calls = fuse(graph, calls, constants, extents)
        found = kept[key] = _written(graph, calls, constants, own_memory(calls) if reuses else frozenset())
    return found


def _calls(graph: Graph, extents: dict[str, int]) -> tuple[list[Call], dict[Value, torch.Tensor]]:
    """A call for each node, and the values of those nodes that are the same in every call and small."""
    constants: dict[Value, torch.Tensor] = {}
    calls = []
    for node in graph.nodes:
        dtype = TYPES[node.inputs[0].dtype] if node.inputs else None
        params = {k: concrete(p, extents) for k, p in node.params.items()}
        fn = without_decorators(node.prim.name, dtype)
        call = Call(node.prim.name, fn, params, list(node.inputs), list(node.outputs), node.prim.has_several)
        if _is_kept(node, extents, constants):
            out = call.bound()(*(constants[v] for v in call.inputs))
            constants.update(zip(call.outputs, out if isinstance(out, tuple) else (out,)))
        else:
            calls.append(call)
    return calls, constants


def _is_kept(node: Node, extents: dict[str, int], constants: dict[Value, torch.Tensor]) -> bool:
    if node.prim.name in _NEVER_KEPT or not all(v in constants for v in node.inputs):
        return False
    return node.prim.name in _VIEWS or all(evaluate(product(v.shape), extents) <= _SMALL for v in node.outputs)


def _written(
    graph: Graph, calls: Sequence[Call], constants: dict[Value, torch.Tensor], owned: frozenset[Value]
) -> Plan:
    """The calls as a Python function, which lets go of values where they are used last, and writes over ``owned``."""
    names = {v: f"x{i}" for i, v in enumerate(graph.inputs)}
    scope: dict[str, Any] = {}

    def name(value: Value) -> str:
        if value not in names:
            names[value] = f"v{len(names)}"
            if value in constants:
                scope[names[value]] = constants[value]
        return names[value]

    last: dict[Value, int] = {v: i for i, call in enumerate(calls) for v in (*call.outputs, *call.inputs)}
    last.update(dict.fromkeys((*graph.outputs, *constants), len(calls)))
    inputs = ", ".join(names.values())
    lines = []
    for i, call in enumerate(calls):
        free = [v for v in call.inputs if last[v] == i and v in owned and v not in constants]
        into = written_into(call, free)
        scope[f"f{i}"] = call.bound() if into is None else into.function
        arguments = ", ".join(map(name, call.inputs)) + ("" if into is None else f", {into.keyword}{name(into.value)}")
        targets = ", ".join(map(name, call.outputs)) + ("," if call.has_several else "")
        lines.append(f"{targets} = f{i}({arguments})")
        if done := [name(v) for v in dict.fromkeys((*call.inputs, *call.outputs)) if last[v] == i]:
            lines.append(f"del {', '.join(done)}")
    results = ", ".join(map(name, graph.outputs))
    source = "\n    ".join([f"def plan({inputs}):", *lines, f"return [{results}]"])
    exec(compile(source, f"<{graph.name}>", "exec"), scope)
    return scope["plan"]
