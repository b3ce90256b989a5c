"""Models in the hands of other libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pronghorn.backends import engine as engines

if TYPE_CHECKING:
    import torch

    from pronghorn.interop.pytensor_graphs import GraphFunction


def to_torch(model: Any) -> torch.nn.Module:
    """A model's inference as a module of PyTorch, with weights of its own.

    It takes tensors as the model takes arrays, with any number of rows, and gives what the model gives with
    `training=False`; weights that the model trains are its parameters, the others its buffers. It needs none of the
    model's layers: it is a graph of primitives, each of which is an operation of PyTorch.

    Args:
        model: a model that has been built, so that the shapes of its inputs are known.

    Returns:
        A `torch.nn.Module`, differentiable in its inputs and parameters.

    Raises:
        ImportError: PyTorch is not installed; the message says the command that installs it.
        ValueError: the shapes of the inputs are not known.
        NotImplementedError: the model takes strings, or assigns variables when it is called.
    """
    return _torch("to_torch")(model)


def torch_parameters(model: Any) -> dict[str, torch.nn.Parameter]:
    """The weights of a layer or model as parameters of PyTorch, by their paths.

    From then on the parameter is the weight: what PyTorch's optimizers do to it, the layer sees, and what `fit`,
    `set_weights` and `load_weights` do to the weight, PyTorch sees. Weights that are not trained have
    `requires_grad=False`. With the engine torch chosen, `model.parameters()` gives the same.

    Args:
        model: a layer or model that has been built.

    Raises:
        ImportError: PyTorch is not installed; the message says the command that installs it.
    """
    return dict(_torch("named_parameters")(model))


def to_pytensor(model: Any) -> GraphFunction:
    """A model's inference as a function of PyTensor's variables, for example inside a model of PyMC.

    What it gives is a graph that `pytensor.grad` differentiates, in its inputs and in its weights, which are shared
    variables of its own (`weights` of the result, by their names). Inputs are variables whose types say their shapes in
    numbers, or arrays.

    Args:
        model: a model that has been built, so that the shapes of its inputs are known.

    Returns:
        A function from variables, as the model takes arrays, to what the model gives with `training=False`.

    Raises:
        ImportError: PyTensor is not installed; the message says the command that installs it.
        ValueError: the shapes of the inputs are not known.
        NotImplementedError: the model takes strings, assigns variables when it is called, or has a type that PyTensor
            lacks.
    """
    engines.engine("pytensor")
    from pronghorn.interop import pytensor_graphs

    return pytensor_graphs.to_pytensor(model)


def _torch(name: str) -> Callable[..., Any]:
    engines.engine("torch")
    from pronghorn.interop import torch_modules

    return getattr(torch_modules, name)


__all__ = ["to_pytensor", "to_torch", "torch_parameters"]
