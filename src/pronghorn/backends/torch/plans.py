"""Graphs as Python functions: one line a node, for extents in numbers, made once and kept.

What holds for all calls is done in advance: parameters get their numbers, constants are made, and decorators that do
nothing for a node's element types are left out.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch

from pronghorn.backends.interpreter import Bound, bind_extents, concrete
from pronghorn.backends.torch.registry import TYPES, placing, without_decorators
from pronghorn.graph.dim import evaluate, product
from pronghorn.graph.ir import Graph, Node, Value

Plan = Callable[..., list[torch.Tensor]]

_plans: weakref.WeakKeyDictionary[Graph, dict[Any, Plan]] = weakref.WeakKeyDictionary()

_SMALL = 4096
"""Elements up to which what is the same in every call is kept."""

_NEVER_KEPT = frozenset({"random_bits", "scan", "while_loop", "cond", "custom_vjp"})


def run(graph: Graph | Bound, arrays: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """The graph's outputs for the given inputs. Symbolic extents take their values from the tensors' shapes.

    Raises:
        ValueError: if the tensors do not fit the inputs.
    """
    return plan(graph, arrays)(*arrays)


def plan(graph: Graph | Bound, arrays: Sequence[torch.Tensor]) -> Plan:
    """The function that computes a graph's outputs from tensors of the shapes of these."""
    known: dict[str, int] = {}
    if isinstance(graph, Bound):
        graph, known = graph.graph, dict(graph.extents)
    device = arrays[0].device if arrays else None
    key = (device, tuple(known.items()), tuple([a.shape for a in arrays]))
    kept = _plans.get(graph)
    if kept is None:
        kept = _plans[graph] = {}
    found = kept.get(key)
    if found is None:
        if len(arrays) != len(graph.inputs):
            raise ValueError(f"{graph.name} takes {len(graph.inputs)} tensors, got {len(arrays)}.")
        extents = bind_extents([v.shape for v in graph.inputs], [tuple(a.shape) for a in arrays], known)
        with placing(device):
            found = kept[key] = _Writer(graph, extents).plan()
    return found


class _Writer:
    """Writes one graph as a function."""

    def __init__(self, graph: Graph, extents: dict[str, int]):
        self.graph, self.extents = graph, extents
        self.names: dict[Value, str] = {v: f"x{i}" for i, v in enumerate(graph.inputs)}
        self.known: dict[Value, torch.Tensor] = {}
        self.globals: dict[str, Any] = {}
        self.lines: list[str] = []

    def plan(self) -> Plan:
        last = self._last_uses()
        for i, node in enumerate(self.graph.nodes):
            call = self._call(node)
            if not self._keeps(node, call):
                self._write(node, call)
                self._free([v for v in {*node.inputs, *node.outputs} if last.get(v, i) == i])
        results = ", ".join(map(self._name, self.graph.outputs))
        inputs = ", ".join(self.names[v] for v in self.graph.inputs)
        source = "\n    ".join([f"def plan({inputs}):", *self.lines, f"return [{results}]"])
        exec(compile(source, f"<{self.graph.name}>", "exec"), self.globals)
        return self.globals["plan"]

    def _last_uses(self) -> dict[Value, int]:
        """The number of the node that uses a value last; beyond all for what is needed to the end."""
        last = {v: i for i, node in enumerate(self.graph.nodes) for v in node.inputs}
        last.update(dict.fromkeys(self.graph.outputs, len(self.graph.nodes)))
        return last

    def _call(self, node: Node) -> Callable[..., Any]:
        """The node's function with its parameters."""
        dtype = TYPES[node.inputs[0].dtype] if node.inputs else None
        fn = without_decorators(node.prim.name, dtype)
        params = {k: concrete(p, self.extents) for k, p in node.params.items()}
        return functools.partial(fn, **params) if params else fn

    def _keeps(self, node: Node, call: Callable[..., Any]) -> bool:
        """Compute what is the same in every call, if it is small."""
        if node.prim.name in _NEVER_KEPT or not all(v in self.known for v in node.inputs):
            return False
        is_view = node.prim.name in ("constant", "iota", "broadcast_in_dim")
        if not is_view and any(evaluate(product(v.shape), self.extents) > _SMALL for v in node.outputs):
            return False
        out = call(*(self.known[v] for v in node.inputs))
        self.known.update(zip(node.outputs, out if isinstance(out, tuple) else (out,)))
        return True

    def _name(self, value: Value) -> str:
        """A value's name in the function; what is known gets one when it is needed first."""
        if value not in self.names:
            self.names[value] = name = f"k{len(self.names)}"
            self.globals[name] = self.known[value]
        return self.names[value]

    def _write(self, node: Node, call: Callable[..., Any]) -> None:
        function = f"f{len(self.lines)}"
        self.globals[function] = call
        for v in node.outputs:
            self.names[v] = f"v{len(self.names)}"
        targets = ", ".join(self.names[v] for v in node.outputs) + ("," if node.prim.has_several else "")
        self.lines.append(f"{targets} = {function}({', '.join(map(self._name, node.inputs))})")

    def _free(self, values: Sequence[Value]) -> None:
        """Let go of what nobody needs any more."""
        if names := [self.names[v] for v in values if v not in self.known]:
            self.lines.append(f"del {', '.join(names)}")
