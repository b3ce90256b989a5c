"""Models as PyTorch's modules, and their variables as its parameters."""

from __future__ import annotations

from typing import Any

import torch

from pronghorn import tree
from pronghorn._wording import counted
from pronghorn.engine.backends.torch.engine import ENGINE
from pronghorn.engine.backends.torch.registry import TYPES
from pronghorn.engine.graph.ir import Graph
from pronghorn.export.signature import conversion, each_once, inference


class GraphModule(torch.nn.Module):
    """A graph with its weights: what a model computes in inference, of tensors with any number of rows.

    Args:
        graph: takes the inputs and then the weights.
        dtypes: the element types of the inputs, to which what comes is converted.
        weights: the values, by name, and whether each is trainable.
        structure: the nested results, with their numbers in the places of tensors.
    """

    def __init__(self, graph: Graph, dtypes: list[str], weights: dict[str, tuple[torch.Tensor, bool]], structure: Any):
        super().__init__()
        self._graph, self._structure = graph, structure
        self._dtypes = [TYPES[name] for name in dtypes]
        self._weights = list(weights)
        for name, (value, trainable) in weights.items():
            if trainable and value.is_floating_point():
                self.register_parameter(name, torch.nn.Parameter(value))
            else:
                self.register_buffer(name, value)

    def forward(self, *inputs: Any) -> Any:
        arrays = tree.flatten(inputs)
        if len(arrays) != len(self._dtypes):
            raise ValueError(f"{self._graph.name} takes {counted(len(self._dtypes), 'tensor')}, got {len(arrays)}.")
        tensors = [torch.as_tensor(x).to(dtype) for x, dtype in zip(arrays, self._dtypes)]
        weights = [getattr(self, name) for name in self._weights]
        for name, weight, value in zip(self._weights, weights, self._graph.inputs[len(tensors) :]):
            if weight.dtype != TYPES[value.dtype]:
                raise TypeError(
                    f"{self._graph.name}: the weight {name} is {weight.dtype} now, and what the module computes is "
                    f"fixed to {value.dtype}. Convert it back with .to({TYPES[value.dtype]}), or make it of a model of "
                    "another dtype, such as keras.config.set_dtype_policy('float16') before its layers are made."
                )
        results = ENGINE.run(self._graph, [*tensors, *weights])
        return tree.map_structure(lambda i: results[i], self._structure)


def to_torch(model: Any) -> GraphModule:
    """See `pronghorn.interop.to_torch`."""
    found = inference(model, purpose=conversion("to_torch"))
    found.refuse_states()
    found.refuse_strings("PyTorch")
    traced = found.traced
    ENGINE.check(traced.graph)
    names = each_once(v.path.replace(".", "_").replace("/", "_") for v in traced.variables)
    weights = {n: (v.on(ENGINE).detach().clone(), v.trainable) for n, v in zip(names, traced.variables)}
    return GraphModule(traced.graph, [v.dtype for v in found.given], weights, found.numbered)
