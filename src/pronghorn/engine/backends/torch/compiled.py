"""Steps that `torch.compile` makes into one program: where the user asks for it, since that takes long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.fx.experimental.proxy_tensor import make_fx

from pronghorn.engine.backends.engine import Step


class CompiledStep:
    """A step, compiled once for each set of shapes.

    Args:
        step: see `Engine.compile`.
    """

    def __init__(self, step: Step):
        self._step = step
        self._programs: dict[Any, Callable[..., Any]] = {}

    def __call__(
        self, arguments: Sequence[torch.Tensor], read: Sequence[torch.Tensor], updated: Sequence[torch.Tensor]
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        arrays = [*arguments, *read, *updated]
        key = tuple([(a.shape, a.device) for a in arrays])
        program = self._programs.get(key)
        if program is not None:
            found = program(*arrays)
        else:
            found = self._compiled(key, (len(arguments), len(read)), arrays)
        count = len(found) - len(updated)
        return list(found[:count]), list(found[count:])

    def _compiled(self, key: Any, sizes: tuple[int, int], arrays: list[torch.Tensor]) -> Sequence[torch.Tensor]:
        """Compile for these arrays, and the results for them."""
        first, second = sizes[0], sum(sizes)

        def flat(*xs: torch.Tensor) -> tuple[torch.Tensor, ...]:
            results, values = self._step(xs[:first], xs[first:second], xs[second:])
            return (*results, *values)

        plain = [a.detach() for a in arrays]
        try:
            graph = make_fx(flat, tracing_mode="fake", _allow_non_fake_inputs=True)(*plain)
            program = torch.compile(graph, dynamic=False)
            found = program(*arrays)
        except Exception as error:
            reason = (str(error) or type(error).__name__).strip().splitlines()[0]
            raise RuntimeError(
                f"jit_compile=True: torch.compile does not compile this step ({reason}). On the processor it needs a "
                "C++ compiler such as g++ or clang++. Leave jit_compile out to run the step's operations one by one."
            ) from error
        self._programs[key] = program
        return found
