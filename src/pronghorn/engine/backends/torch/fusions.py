"""Calls that PyTorch does as one: rectified values and their gradients, biases, and max-pooling with its gradient."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from pronghorn.engine.backends.torch import contraction, structure, window
from pronghorn.engine.backends.torch.registry import TYPES
from pronghorn.engine.graph.dim import evaluate
from pronghorn.engine.graph.ir import Graph, Value

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


class Softmax(NamedTuple):
    """A softmax, the denominators (of the same shape), and its axis."""

    result: Value
    total: Value
    axis: int


class _View:
    """Who makes and who uses a value."""

    def __init__(self, graph: Graph, calls: Sequence[Call], constants: Constants, extents: dict[str, int]):
        self.constants, self.extents = constants, extents
        self.results = frozenset(graph.outputs)
        self.rectified: dict[Value, Value] = {}  # by what is rectified at zero
        self.softmax: dict[Value, Softmax] = {}  # by its numerators
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

    def reduced(self, value: Value, name: str) -> tuple[Value, int] | None:
        """What is reduced along one axis and the axis, for a reduction that is spread along this axis again."""
        spread = self.made_by(value, "broadcast_in_dim")
        kept = None if spread is None else self.made_by(spread.inputs[0], "reshape")
        if spread is None or (made := self.made_by((kept or spread).inputs[0], name)) is None:
            return None
        x, axes, shape = made.inputs[0], made.params["axes"], self.shape(made.inputs[0])
        if len(axes) != 1 or self.shape(value) != shape:
            return None
        others = tuple(i for i in range(len(shape)) if i not in axes)
        if kept is None:
            return (x, axes[0]) if spread.params["dims"] == others else None
        ones = tuple(1 if i in axes else n for i, n in enumerate(shape))
        all_axes = spread.params["dims"] == tuple(range(len(shape)))
        return (x, axes[0]) if all_axes and self.shape(spread.inputs[0]) == ones else None

    def number(self, value: Value) -> float | None:
        """The number of which a constant consists; None for anything else."""
        tensor = self.constants.get(value)
        if tensor is None or tensor.numel() == 0 or any(n > 1 and s for n, s in zip(tensor.shape, tensor.stride())):
            return None
        return tensor[(0,) * tensor.ndim].item()


def fuse(graph: Graph, calls: list[Call], constants: Constants, extents: dict[str, int]) -> list[Call]:
    """The calls with some joined, and without those that nobody needs."""
    view = _View(graph, calls, constants, extents)
    for rules in (_JOINED, _FOR_SHAPES):
        for call in calls:
            if (rule := rules.get(call.name)) is not None:
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


def _add(call: Call, view: _View) -> None:
    if not _add_bias(call, view):
        _concatenate(call, view)


def _add_bias(call: Call, view: _View) -> bool:
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
            return True
    return False


def _concatenate(call: Call, view: _View) -> None:
    """The sum of two arrays that zeros bring to one shape, at different ends of one axis."""
    pads = [view.made_by(v, "pad") for v in call.inputs]
    if any(p is None or view.number(p.inputs[1]) != 0 or any(p.params["interior"]) for p in pads):
        return
    for first, second in (pads, pads[::-1]):
        before, behind = first.params["high"], second.params["low"]  # type: ignore[union-attr]
        axes = [i for i, n in enumerate(behind) if n]
        if any(first.params["low"]) or any(second.params["high"]) or len(axes) != 1:  # type: ignore[union-attr]
            continue
        x, y = first.inputs[0], second.inputs[0]  # type: ignore[union-attr]
        if [i for i, n in enumerate(before) if n] == axes and view.shape(x)[axes[0]] == behind[axes[0]]:
            call.becomes(structure.concatenate, [x, y], axis=axes[0])
            return


def _softmax(call: Call, view: _View) -> None:
    """``e / sum(e)`` with ``e = exp(x - max(x))``."""
    e, total = call.inputs
    summed, made = view.reduced(total, "reduce_sum"), view.made_by(e, "exp")
    shifted = None if made is None else view.made_by(made.inputs[0], "sub")
    if summed is None or shifted is None or summed[0] is not e or e.dtype not in ("float32", "float64"):
        return
    x, greatest = shifted.inputs
    if view.reduced(greatest, "reduce_max") == (x, summed[1]):
        call.becomes(torch.softmax, [x], dim=summed[1])
        view.softmax[e] = Softmax(call.outputs[0], total, summed[1])


def _gradient_of_softmax(call: Call, view: _View) -> bool:
    """``(q + sum(-q * y)) * e`` with ``q = g / total``, for a softmax ``y = e / total``."""
    for factor, e in (call.inputs, call.inputs[::-1]):
        known, added = view.softmax.get(e), view.made_by(factor, "add")
        if known is None or added is None:
            continue
        for q, rest in (added.inputs, added.inputs[::-1]):
            quotient, summed = view.made_by(q, "div"), view.reduced(rest, "reduce_sum")
            if quotient is None or summed is None or quotient.inputs[1] is not known.total or summed[1] != known.axis:
                continue
            negated = view.made_by(summed[0], "neg")
            product = None if negated is None else view.made_by(negated.inputs[0], "mul")
            if product is not None and {*product.inputs} == {q, known.result}:
                inputs, dtype = [quotient.inputs[0], known.result], TYPES[e.dtype]
                call.becomes(torch.ops.aten._softmax_backward_data, inputs, dim=known.axis, input_dtype=dtype)
                return True
    return False


def _multiply(call: Call, view: _View) -> None:
    if not _gradient_of_softmax(call, view):
        _gradient_of_saturation(call, view)


def _gradient_of_saturation(call: Call, view: _View) -> None:
    """``g * (s * (1 - s))`` and ``g * (1 - t * t)``: gradients through `logistic` and `tanh`."""
    for g, slope in (call.inputs, call.inputs[::-1]):
        if (made := view.made_by(slope, "mul", "sub")) is None or slope.dtype not in ("float32", "float64"):
            continue
        a, b = made.inputs
        if made.name == "mul":
            for s, rest in ((a, b), (b, a)):
                less = view.made_by(rest, "sub")
                if less is not None and less.inputs[1] is s and view.number(less.inputs[0]) == 1:
                    call.becomes(torch.ops.aten.sigmoid_backward, [g, s])
                    return
        elif view.number(a) == 1 and (square := view.made_by(b, "mul")) and square.inputs[0] is square.inputs[1]:
            call.becomes(torch.ops.aten.tanh_backward, [g, square.inputs[0]])
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


# -- one call of PyTorch, where it is known what for ------------------------------------------------------------------
def _narrow(call: Call, view: _View) -> None:
    (x,), how = call.inputs, call.params
    shape, result = view.shape(x), view.shape(call.outputs[0])
    axes = [i for i, (a, b) in enumerate(zip(shape, result)) if a != b]
    if len(axes) == 1 and all(s == 1 for s in how["stride"]):
        (axis,) = axes
        call.fn, call.params = torch.narrow, {"dim": axis, "start": how["start"][axis], "length": result[axis]}


def _constant_pad(call: Call, view: _View) -> None:
    (x, fill), how = call.inputs, call.params
    number = view.number(fill)
    if x.dtype == "float32" and number is not None and not any(how["interior"]) and min(*how["low"], *how["high"]) >= 0:
        ends = [n for pair in zip(reversed(how["low"]), reversed(how["high"])) for n in pair]
        call.becomes(torch.constant_pad_nd, [x], pad=ends, value=number)


def _product(call: Call, view: _View) -> None:
    x, y = call.inputs
    if x.dtype in ("float32", "float64"):
        how = call.params
        call.becomes(contraction.product(view.shape(x), view.shape(y), how["contract"], how["batch"]), call.inputs)


def _sum(call: Call, view: _View) -> None:
    if call.inputs[0].dtype in ("float32", "float64") and call.params["axes"]:
        call.becomes(torch.sum, call.inputs, dim=call.params["axes"])


_Rules = dict[str, Callable[[Call, _View], None]]
_JOINED: _Rules = {"select": _rectify, "add": _add, "mul": _multiply, "div": _softmax, "window_argmax": _pool}
_FOR_SHAPES: _Rules = {"slice": _narrow, "pad": _constant_pad, "dot_general": _product, "reduce_sum": _sum}
