"""PyTorch as an engine: steps run eagerly, each graph as a Python function of PyTorch's operations."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.checkpoint import checkpoint

from pronghorn import tree
from pronghorn.engine.backends import engine, interpreter
from pronghorn.engine.backends.engine import Step
from pronghorn.engine.backends.interpreter import Bound
from pronghorn.engine.backends.torch import plans, registry
from pronghorn.engine.backends.torch.compiled import CompiledStep
from pronghorn.engine.backends.torch.registry import NAMES, TABLE
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.ir import Graph
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.variable import GraphVariable


@contextlib.contextmanager
def _outside_inference_mode() -> Iterator[None]:
    with torch.inference_mode(False), torch.no_grad():
        yield


def _numbers() -> contextlib.AbstractContextManager[Any]:
    """No gradients are recorded inside. Others can be, later on, through what is made inside, even if the program is in
    `torch.inference_mode` now."""
    return _outside_inference_mode() if torch.is_inference_mode_enabled() else torch.no_grad()


@contextlib.contextmanager
def _without_autocast(kinds: Sequence[str]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for kind in kinds:
            stack.enter_context(torch.autocast(kind, enabled=False))
        yield


def _own_types() -> contextlib.AbstractContextManager[Any]:
    """Graphs say themselves in which types they compute, also where a program is in `torch.autocast`."""
    kinds = [kind for kind in ("cpu", "cuda") if torch.is_autocast_enabled(kind)]
    return _without_autocast(kinds) if kinds else contextlib.nullcontext()


class TorchEngine(engine.Engine):
    """PyTorch. Variables that were asked for as parameters are updated in place, the others get new tensors."""

    name = "torch"
    library = "torch"
    roots = ("torch",)
    table = TABLE
    has_programs = True
    shares_memory = True

    def from_numpy(self, array: np.ndarray) -> torch.Tensor:
        with _numbers():
            return registry.from_numpy(np.array(array, copy=True)).to(registry.device())

    def borrowed(self, array: np.ndarray) -> torch.Tensor:
        return registry.from_numpy(array).to(registry.device())

    def to_numpy(self, value: torch.Tensor) -> np.ndarray:
        return registry.to_numpy(value)

    def operand(self, value: torch.Tensor) -> torch.Tensor:
        return value if value.layout == torch.strided else value.to_dense()

    def dtype_of(self, value: torch.Tensor) -> str:
        """The name of a tensor's element type.

        Raises:
            TypeError: for one that is none of ours, such as those of quantized tensors.
        """
        name = NAMES.get(value.dtype)
        return dtypes.name_of(str(value.dtype).removeprefix("torch.")) if name is None else name

    def overwrite(self, value: torch.Tensor, new: torch.Tensor) -> None:
        with torch.no_grad():
            value.copy_(new)

    def lend(self, variable: GraphVariable) -> None:
        """Have the value of a variable that is trained be a parameter."""
        if variable.trainable and not dtypes.is_integer(variable.storage_dtype):
            self.parameter(variable)

    def parameter(self, variable: GraphVariable) -> torch.nn.Parameter:
        """A variable's value as a parameter, which is the value from now on: what changes one changes the other."""
        found = variable.lent_to(self)
        dtype = registry.TYPES[variable.storage_dtype]
        learns = variable.trainable and (dtype.is_floating_point or dtype.is_complex)
        if found is None:
            with _numbers():
                found = torch.nn.Parameter(variable.on(self).detach().clone(), requires_grad=learns)
            variable.lend(self, found)
        elif found.requires_grad != learns:
            found.requires_grad_(learns)  # which functions that PyTorch transforms may not call
        return found

    def kept(self, value: torch.Tensor) -> torch.Tensor:
        value = value.detach()
        if not value.is_inference():
            return value
        with _numbers():
            return value.clone()

    def arrays_have(self, name: str) -> bool:
        return hasattr(torch.Tensor, name)

    def is_concrete(self, value: torch.Tensor) -> bool:
        return registry.is_plain(value)

    def is_plain(self, value: torch.Tensor) -> bool:
        return self.is_concrete(value) and not (value.requires_grad and torch.is_grad_enabled())

    def run(self, graph: Graph | Bound, arrays: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        if torch.is_grad_enabled():  # a call of the user's own, of a graph that was made for it alone
            with _own_types(), registry.placing(arrays[0].device if arrays else None):
                return interpreter.run(graph, arrays, TABLE)
        return _planned(graph, arrays)

    def lasting(self, graph: Graph) -> Callable[[Sequence[torch.Tensor]], list[torch.Tensor]]:
        return functools.partial(_planned, graph)

    def checkpointed(self, fn: Callable[[], Any]) -> Any:
        return checkpoint(fn, use_reentrant=False) if torch.is_grad_enabled() else fn()

    def compile_further(self, step: Step) -> Step:
        return self.compile(CompiledStep(step))

    def compile(self, step: Step) -> Step:
        def run(arguments: Sequence[Any], read: Sequence[Any], updated: Sequence[Any]) -> tuple[list, list]:
            results, values = step(arguments, read, updated)
            parameters = [t for t in updated if isinstance(t, torch.nn.Parameter)]
            return _in_place(parameters, updated, results, values) if parameters else (results, values)

        return run

    def computing(self) -> contextlib.AbstractContextManager[Any]:
        return _numbers()

    def devices(self) -> list[str]:
        return ["cpu:0", *(f"gpu:{i}" for i in range(torch.cuda.device_count()))]


def _planned(graph: Graph | Bound, arrays: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    with _own_types():
        return plans.run(graph, arrays)


def _in_place(parameters: list[Any], old: Sequence[Any], results: list[Any], values: list[Any]) -> tuple[list, list]:
    """New values written into the parameters that have the old ones; the other values as they are."""
    held = {p.untyped_storage().data_ptr() for p in parameters}

    def apart(t: torch.Tensor) -> torch.Tensor:
        """A tensor that stays as it is when the parameters change."""
        return t.clone() if t.untyped_storage().data_ptr() in held else t

    results, values = list(map(apart, results)), list(map(apart, values))
    for i, (before, value) in enumerate(zip(old, values)):
        if isinstance(before, torch.nn.Parameter):
            values[i] = before.copy_(value)
    return results, values


ENGINE = TorchEngine()


def _torch_function(cls: type, fn: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """A function of PyTorch's that got arrays or variables of ours, with tensors in their places."""

    def tensor_of(x: Any) -> Any:
        if isinstance(x, GraphVariable):
            ENGINE.lend(x)
            return x.on(ENGINE)
        return ENGINE.borrowed(x.numpy()) if isinstance(x, Tensor) else x

    args, kwargs = tree.map_structure(tensor_of, (args, kwargs or {}))
    return fn(*args, **kwargs)


for _class in (Tensor, GraphVariable):
    _class.__torch_function__ = classmethod(_torch_function)  # type: ignore[attr-defined]
