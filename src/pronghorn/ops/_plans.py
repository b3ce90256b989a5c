"""What a call of an op comes to on small arrays: a few functions of NumPy's, found by tracing the op."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn.engine.backends.eager.worth import LEAST, is_worth_it
from pronghorn.engine.backends.numpy.registry import meaning_for
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import product
from pronghorn.engine.graph.ir import Graph, Node, Value
from pronghorn.engine.graph.tensor import Tensor, aval_of
from pronghorn.engine.graph.trace import Traced, trace
from pronghorn.engine.graph.variable import GraphVariable

Plan = Callable[..., np.ndarray]


def plan_of(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Plan | None:
    """How ``fn`` is computed from arrays of the shapes and types of those among the arguments.

    None where NumPy would not compute all of it: a result on the way is large, or a primitive has several.
    """
    given = [x.__pronghorn_tensor__() if isinstance(x, GraphVariable) else x for x in (*args, *kwargs.values())]
    tensors = [x for x in given if isinstance(x, Tensor)]
    avals = [aval_of(x) for x in tensors]
    if not all(aval.dtype in ("float32", "float64") for aval in avals):
        return None

    def call(*traced: Tensor) -> list[Tensor]:
        left = iter(traced)
        put = [next(left) if isinstance(x, Tensor) else x for x in given]
        return [fn(*put[: len(args)], **dict(zip(kwargs, put[len(args) :])))]

    try:
        traced = trace(call, avals, name="op")
    except (TypeError, ValueError, RuntimeError):  # the call says itself what is wrong
        return None
    return _plan(traced)


def _plan(traced: Traced) -> Plan | None:
    graph = traced.graph
    if traced.variables or not all(map(_stays_with_numpy, graph.nodes)):
        return None
    known: dict[Value, np.ndarray] = {}
    steps: list[tuple[Callable[..., np.ndarray], list[Value], Value]] = []
    for node in graph.nodes:
        function, (out,) = meaning_for(node.prim.name, [v.aval for v in node.inputs], node.params), node.outputs
        if all(v in known for v in node.inputs):
            known[out] = function(*(known[v] for v in node.inputs))
        else:
            steps.append((function, node.inputs, out))
    if not steps or graph.outputs != [steps[-1][2]]:  # an operand as it is: the same Tensor
        return None
    if len(steps) == 1 and steps[0][1] == graph.inputs:
        return steps[0][0]
    return _in_order(graph.inputs, known, steps)


def _in_order(
    inputs: list[Value],
    known: dict[Value, np.ndarray],
    steps: list[tuple[Callable[..., np.ndarray], list[Value], Value]],
) -> Plan:
    places = {value: i for i, value in enumerate([*known, *inputs, *(out for _, _, out in steps)])}
    constants = list(known.values())
    numbered = [(function, [places[v] for v in operands]) for function, operands, _ in steps]

    def run(*arrays: np.ndarray) -> np.ndarray:
        values = [*constants, *arrays]
        for function, operands in numbered:
            values.append(function(*[values[i] for i in operands]))
        return values[-1]

    return run


def _stays_with_numpy(node: Node) -> bool:
    """Whether an eager call of a node's primitive would be NumPy's, and can be one step of a plan."""
    if node.prim.has_several or any(isinstance(p, Graph) for p in node.params.values()):
        return False
    (out,) = node.outputs
    shown = [np.broadcast_to(np.zeros((), dtypes.to_numpy(v.dtype)), v.shape) for v in node.inputs]  # type: ignore[arg-type]
    return product(out.shape) < LEAST and not is_worth_it(node.prim.name, shown, out.shape, node.params)
