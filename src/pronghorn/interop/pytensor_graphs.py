"""Models as functions of PyTensor's variables."""

from __future__ import annotations

from typing import Any

import pytensor
import pytensor.tensor as pt

from pronghorn import tree
from pronghorn._wording import counted
from pronghorn.engine.backends.pytensor.engine import ENGINE
from pronghorn.engine.backends.pytensor.registry import formulas
from pronghorn.engine.graph.ir import Graph
from pronghorn.export.signature import conversion, each_once, inference


class GraphFunction:
    """A graph with its weights: what a model computes in inference, of variables.

    Args:
        graph: takes the inputs and then the weights.
        dtypes: the element types of the inputs, to which what comes is converted.
        weights: shared variables, by name.
        structure: the nested results, with their numbers in the places of variables.
    """

    def __init__(self, graph: Graph, dtypes: list[str], weights: dict[str, Any], structure: Any):
        self.weights = weights
        self._graph, self._dtypes, self._structure = graph, dtypes, structure

    def __call__(self, *inputs: Any) -> Any:
        given = tree.flatten(inputs)
        if len(given) != len(self._dtypes):
            raise ValueError(f"{self._graph.name} takes {counted(len(self._dtypes), 'variable')}, got {len(given)}.")
        variables = [pt.as_tensor_variable(x) for x in given]
        converted = [formulas.cast(x, dtype=dtype) for x, dtype in zip(variables, self._dtypes)]
        results = ENGINE.run(self._graph, [*converted, *self.weights.values()])
        return tree.map_structure(lambda i: results[i], self._structure)


def to_pytensor(model: Any) -> GraphFunction:
    """See `pronghorn.interop.to_pytensor`."""
    found = inference(model, purpose=conversion("to_pytensor"))
    found.refuse_states()
    found.refuse_strings("PyTensor")
    traced = found.traced
    ENGINE.check(traced.graph)
    weights: dict[str, Any] = {}
    for name, variable in zip(each_once(v.path for v in traced.variables), traced.variables):
        value = variable.on(ENGINE)
        weights[name] = pytensor.shared(value.copy(), name=name, shape=value.shape)
    return GraphFunction(traced.graph, [v.dtype for v in found.given], weights, found.numbered)
