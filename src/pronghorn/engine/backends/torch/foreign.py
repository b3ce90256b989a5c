"""Modules of PyTorch as parts of our graphs."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.func import functional_call

from pronghorn.engine.backends.torch.engine import ENGINE
from pronghorn.engine.backends.torch.registry import NAMES, TYPES
from pronghorn.engine.graph.foreign_functions import ForeignFunction, GradientOf
from pronghorn.engine.graph.ir import Aval

Tensors = Sequence[torch.Tensor]


class TorchFunction(ForeignFunction):
    """A module's call, from its parameters and its arguments.

    The last result is a scalar that nobody computes with. The tensor that stands for it carries what PyTorch keeps for
    the backward pass to the gradient, so that a module runs once a step; where it does not come through, as out of the
    body of a loop, the module runs again.

    Args:
        name: what errors call it.
        fn: from the parameters and the arguments, in one list, to a list of tensors.
        without_values: the same without computing, of stand-ins that have no values.
    """

    engine = "torch"
    kept = 1

    def __init__(self, name: str, fn: Callable[[Tensors], Tensors], without_values: Callable[[Tensors], Tensors]):
        self.name, self._fn, self._without_values = name, fn, without_values

    def __call__(self, *arrays: torch.Tensor) -> tuple[torch.Tensor, ...]:
        ticket = torch.zeros((), dtype=torch.int32)
        if torch.is_grad_enabled():  # PyTorch differentiates by itself
            return (*self._fn(arrays), ticket)
        ticket.passed = passed = self._recorded(arrays)  # type: ignore[attr-defined]
        return (*(y.detach() for y in passed[1]), ticket)

    def _recorded(self, arrays: Tensors) -> tuple[Tensors, Tensors]:
        """Arguments and results, between which PyTorch has recorded what it did."""
        with torch.enable_grad():
            arguments = [x.detach().requires_grad_(x.is_floating_point() or x.is_complex()) for x in arrays]
            return arguments, self._fn(arguments)

    def types(self, *avals: Aval) -> list[Aval]:
        results = self._try("meta", avals)
        if results is None:  # code that asks for values, or makes tensors on a device that it names
            results = self._try("cpu", avals)
        return [*(Aval(tuple(y.shape), NAMES[y.dtype]) for y in results), Aval((), "int32")]

    def _try(self, device: str, avals: Sequence[Aval]) -> Any:
        """The results of zeros on a device; None for what "meta", where there are no values, cannot do."""
        try:
            with torch.no_grad():
                return self._without_values([torch.zeros(a.shape, dtype=TYPES[a.dtype], device=device) for a in avals])
        except (RuntimeError, NotImplementedError):
            if device != "meta":
                raise
            return None

    def gradient(self, wanted: Sequence[int], given: Sequence[int], count: int) -> ForeignFunction:
        return _Gradient(self, wanted, given, count)


class _Gradient(GradientOf):
    def __init__(self, function: TorchFunction, wanted: Sequence[int], given: Sequence[int], count: int):
        super().__init__(function, wanted, given, count)
        self._function = function

    def __call__(self, *arrays: torch.Tensor) -> tuple[torch.Tensor, ...]:
        passed = getattr(arrays[self._count], "passed", None) or self._function._recorded(arrays[: self._count])
        arguments, results = [passed[0][i] for i in self._wanted], [passed[1][k] for k in self._given]
        pairs = [(y, g) for y, g in zip(results, arrays[self._count + 1 :]) if y.requires_grad]
        if not pairs:
            return tuple(map(torch.zeros_like, arguments))
        found = torch.autograd.grad(
            [y for y, _ in pairs], arguments, [g for _, g in pairs], allow_unused=True, retain_graph=True
        )
        return tuple(torch.zeros_like(x) if g is None else g for x, g in zip(arguments, found))


class ModuleCall:
    """How a module is called in a graph: its parameters come first, then the tensors among its arguments.

    Args:
        module: the module.
        training: whether it is in training mode.
        pack: from the tensors among the arguments to the arguments.
    """

    def __init__(self, module: torch.nn.Module, training: bool, pack: Callable[[Tensors], tuple[Any, Any]]):
        self._module, self._training, self._pack = module, training, pack
        self._names = [name for name, _ in module.named_parameters()]
        self.structure: Any = None

    def _call(self, tensors: Tensors, buffers: dict[str, torch.Tensor]) -> Any:
        parameters = dict(zip(self._names, tensors))
        args, kwargs = self._pack(tensors[len(self._names) :])
        self._module.train(self._training)
        return functional_call(self._module, {**parameters, **buffers}, args, kwargs)

    def __call__(self, tensors: Tensors) -> list[torch.Tensor]:
        return flatten(self._call(tensors, {}))[0]

    def without_values(self, tensors: Tensors) -> list[torch.Tensor]:
        """The call of stand-ins, in which the module's own tensors are not touched."""
        device = tensors[0].device if tensors else torch.get_default_device()
        buffers = {name: b.to(device, copy=True) for name, b in self._module.named_buffers()}
        leaves, self.structure = flatten(self._call(tensors, buffers))
        return leaves


def flatten(nest: Any) -> tuple[list[Any], Any]:
    """The tensors of nested lists, tuples and dicts, and their structure."""
    return torch.utils._pytree.tree_flatten(nest)


def unflatten(structure: Any, leaves: Sequence[Any]) -> Any:
    """The nest of a structure with these leaves."""
    return torch.utils._pytree.tree_unflatten(list(leaves), structure)


def is_uninitialized(module: torch.nn.Module) -> bool:
    """Whether a module makes its parameters when it is first called, and has not been."""
    return isinstance(module, torch.nn.modules.lazy.LazyModuleMixin) and module.has_uninitialized_params()


def parameters(module: torch.nn.Module) -> list[tuple[str, torch.nn.Parameter]]:
    """A module's parameters by name."""
    return list(module.named_parameters())


def state(module: torch.nn.Module) -> dict[str, Any]:
    """The arrays of a module's state."""
    return {name: ENGINE.to_numpy(value).copy() for name, value in module.state_dict().items()}


def load_state(module: torch.nn.Module, arrays: dict[str, Any]) -> None:
    """Put arrays in the places of a module's state."""
    module.load_state_dict({name: ENGINE.from_numpy(value) for name, value in arrays.items()})


def to_bytes(module: torch.nn.Module) -> bytes:
    """A module as PyTorch writes it."""
    buffer = io.BytesIO()
    torch.save(module, buffer)
    return buffer.getvalue()


def from_bytes(data: bytes) -> torch.nn.Module:
    """The module that PyTorch has written; reading it can run any code."""
    return torch.load(io.BytesIO(data), weights_only=False)
