"""Calls that PyTorch does as one: rectified values and their gradients, biases, and max-pooling with its gradient."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from pronghorn.backends.torch import contraction, window
from pronghorn.graph.dim import evaluate
from pronghorn.graph.ir import Graph, Value

Constants = dict[Value, torch.Tensor]


@dataclass
class Call:
    """A function with its operands and results, and with numbers for its parameters."""

    name: str
    fn: Callable[..., Any]
    params: dict[str, Any]
    inputs: list[Value]
    outputs: list[Value]
    has_several: bool

    def bound(self) -> Callable[..., Any]:
        """The function of the operands alone."""
        return functools.partial(self.fn, **self.params) if self.params else self.fn

    def becomes(self, fn: Callable[..., Any], inputs: Sequence[Value], **params: Any) -> None:
        """Compute the results by ``fn`` of other operands."""
        self.name, self.fn, self.inputs, self.params = "joined", fn, list(inputs), params


class _View:
    """Who makes and who uses a value."""

    def __init__(self, graph: Graph, calls: Sequence[Call], constants: Constants, extents: dict[str, int]):
        self.constants, self.extents = constants, extents
        self.results = frozenset(graph.outputs)
        self.rectified: dict[Value, Value] = {}  # by what is rectified at zero
        self.maker = {v: call for call in calls for v in call.outputs}
        self.users: dict[Value, list[Call]] = {}
        for call in calls:
            for v in dict.fromkeys(call.inputs):
                self.users.setdefault(v, []).append(call)

    def shape(self, value: Value) -> tuple[int, ...]:
        """A value's shape in numbers."""
        return tuple(evaluate(d, self.extents) for d in value.shape)

    def made_by(self, value: Value, *names: str) -> Call | None:
        call = self.maker.get(value)
        return call if call is not None and call.name in names else None

    def number(self, value: Value) -> float | None:
        """The number of which a constant consists; None for anything else."""
        tensor = self.constants.get(value)
        if tensor is None or tensor.numel() == 0 or any(n > 1 and s for n, s in zip(tensor.shape, tensor.stride())):
            return None
        return tensor[(0,) * tensor.ndim].item()


def fuse(graph: Graph, calls: list[Call], constants: Constants, extents: dict[str, int]) -> list[Call]:
    """The calls with some joined, and without those that nobody needs."""
    view = _View(graph, calls, constants, extents)
    for call in calls:
        if (rule := _RULES.get(call.name)) is not None:
            rule(call, view)
    return _needed(graph, calls)


def _needed(graph: Graph, calls: Sequence[Call]) -> list[Call]:
    wanted, kept = set(graph.outputs), []
    for call in reversed(calls):
        if wanted.intersection(call.outputs):
            wanted.update(call.inputs)
            kept.append(call)
    return kept[::-1]


def _rectify(call: Call, view: _View) -> None:
    """``select(x <= c, 0, y)``: a rectified value where ``y`` is ``x``, else a gradient through one."""
    pred, zero, y = call.inputs
    compared = view.made_by(pred, "le")
    if compared is None or y.dtype not in ("float32", "float64") or compared.inputs[0].dtype != y.dtype:
        return
    x, limit, nothing = compared.inputs[0], view.number(compared.inputs[1]), view.number(zero)
    if limit is None or nothing != 0 or math.copysign(1, nothing) < 0:
        return
    if x is y:
        call.becomes(torch.threshold, [x], threshold=limit, value=0.0)
        if limit == 0:
            view.rectified[x] = call.outputs[0]
    else:
        # What is positive is so when it has been rectified, too; and then nobody needs what it was before.
        call.becomes(torch.ops.aten.threshold_backward, [y, view.rectified.get(x, x)], threshold=limit)


def _add_bias(call: Call, view: _View) -> None:
    """A vector added along the last axis to what a convolution or product gives, which nobody else needs."""
    for total, other in (call.inputs, call.inputs[::-1]):
        made, spread = view.made_by(total, "conv", "dot_general"), view.made_by(other, "broadcast_in_dim")
        if made is None or spread is None or total.dtype not in ("float32", "float64") or total in view.results:
            continue
        vector = spread.inputs[0]
        if len(view.users[total]) > 1 or spread.params["dims"] != (len(total.shape) - 1,):
            continue
        if view.shape(vector) != view.shape(total)[-1:]:
            continue
        if contraction.takes_bias(made.name, made.params, [view.shape(v) for v in made.inputs]):
            call.becomes(contraction.WITH_BIAS[made.name], [*made.inputs, vector], **made.params)
            return


def _pool(call: Call, view: _View) -> None:
    """Positions of maxima that gradients alone need: those that PyTorch's own max-pooling gives, with the maxima."""
    (x,), (places,), how = call.inputs, call.outputs, call.params
    gradients = view.users.get(places, [])
    maxima = [c for c in view.users[x] if c.name == "window_max" and c.params == how]
    if x.dtype not in ("float32", "float64") or places in view.results or not maxima:
        return
    wanted = {"input_shape": view.shape(x), **how}
    if any(c.name != "unpool" or c.params != wanted or c.inputs[1] is not places for c in gradients):
        return
    if window.pooling_of_images(view.shape(x), **how) is None:
        return
    maxima[0].becomes(window.max_and_index, [x], **how)
    maxima[0].outputs, maxima[0].has_several = [maxima[0].outputs[0], places], True
    call.outputs = []
    for c in gradients:
        c.becomes(window.unpool_at_index, c.inputs, **wanted)


_RULES: dict[str, Callable[[Call, _View], None]] = {"select": _rectify, "add": _add_bias, "window_argmax": _pool}
