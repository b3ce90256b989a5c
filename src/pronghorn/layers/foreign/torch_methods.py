"""The methods of PyTorch's modules that layers and models have where PyTorch is the engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch

from pronghorn.engine.backends.torch import registry
from pronghorn.engine.backends.torch.engine import ENGINE


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
