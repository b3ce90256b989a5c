"""Models as PyTorch's modules, and their variables as its parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch

from pronghorn import tree
from pronghorn._wording import counted
from pronghorn.engine.backends.torch import registry
from pronghorn.engine.backends.torch.engine import ENGINE
from pronghorn.engine.backends.torch.registry import TYPES
from pronghorn.engine.graph.ir import Graph
from pronghorn.export.signature import conversion, each_once, inference


def named_parameters(layer: Any, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """The weights of a layer or model, by their paths, as parameters."""
    for variable in layer.weights:
        yield f"{prefix}.{variable.path}" if prefix else variable.path, ENGINE.parameter(variable)


def parameters(layer: Any, recurse: bool = True) -> Iterator[torch.nn.Parameter]:
    """The weights of a layer or model as parameters, in the order of `weights`."""
    return (p for _, p in named_parameters(layer))


def torch_params(layer: Any) -> torch.nn.ParameterDict:
    """All variables of a layer or model by their paths, those of its random generators included, as parameters."""
    return torch.nn.ParameterDict([(v.path.replace(".", "_"), ENGINE.parameter(v)) for v in layer.variables])


def zero_grad(layer: Any, set_to_none: bool = True) -> None:
    """Forget the gradients of a layer's parameters."""
    for p in parameters(layer):
        if p.grad is not None:
            p.grad = None if set_to_none else torch.zeros_like(p.grad)


def state_dict(layer: Any) -> dict[str, torch.Tensor]:
    """The weights of a layer or model by their paths, for `torch.save`: the parameters' own memory."""
    return {name: p.detach() for name, p in named_parameters(layer)}


def load_state_dict(layer: Any, state: Mapping[str, torch.Tensor], strict: bool = True) -> Any:
    """Give a layer or model the weights that `state_dict` gave.

    Returns:
        What is missing and what is too much, as PyTorch's modules do: ``missing_keys`` and ``unexpected_keys``.

    Raises:
        RuntimeError: with ``strict``, where there is any.
    """
    variables = {v.path: v for v in layer.weights}
    missing, unexpected = [n for n in variables if n not in state], [n for n in state if n not in variables]
    if strict and (missing or unexpected):
        raise RuntimeError(
            f"load_state_dict: for {layer.name!r} there are no values of {missing}, and no weights for {unexpected}. "
            "The names are the weights' paths; strict=False takes those that there are."
        )
    for name, variable in variables.items():
        if name in state:
            variable.assign(state[name])
    return _Incompatible(missing, unexpected)


class _Incompatible(NamedTuple):
    missing_keys: list[str]
    unexpected_keys: list[str]


def train(layer: Any, mode: bool = True) -> Any:
    """The layer itself: whether it trains is said by ``training`` at each call, as everywhere in Keras."""
    return layer


def eval(layer: Any) -> Any:
    """See `train`."""
    return layer


def to(layer: Any, device: Any) -> Any:
    """The layer itself, if its weights are on the device.

    Raises:
        ValueError: they are on another one.
    """
    wanted, held = torch.device(device), registry.device()
    if wanted.type != held.type or wanted.index not in (None, held.index or 0):
        raise ValueError(
            f"to({str(wanted)!r}): the weights of {layer.name!r} are on {str(held)!r}, PyTorch's default device. Write "
            f"torch.set_default_device({str(wanted)!r}) before the model is made."
        )
    return layer


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
