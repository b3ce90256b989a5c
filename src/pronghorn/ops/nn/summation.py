"""Which convolutions are to be plain sums of products: those that are said to be, and those with masked kernels.

A gradient by the kernel that is made by minimal filtering holds, in a tap, the rounding of what other taps have met.
With a mask these have met what the kept taps must not know of, such as a sentinel. A mask is recognised by how the
kernel was made: see `is_masked`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pronghorn.engine.graph.active import active_tapes, current_trace
from pronghorn.engine.graph.dim import Shape
from pronghorn.engine.graph.exactness import exact_convolutions
from pronghorn.engine.graph.ir import Node, Value
from pronghorn.engine.graph.tensor import Tensor

__all__ = ["gaps", "is_masked", "summation"]

Axes = tuple[int, ...]


def summation(kernel: Tensor) -> dict[str, bool]:
    """The parameters that a convolution with a kernel ``[*window, c, d]`` needs beside the others: ``exact`` or none.

    >>> summation(Tensor(np.ones((3, 4, 4), "float32")))
    {}
    """
    return {"exact": True} if exact_convolutions() or _has_gaps(kernel) else {}


def _has_gaps(kernel: Tensor) -> bool:
    if isinstance(kernel.data, Value):
        return is_masked(kernel.data, tuple(range(kernel.ndim - 2)))
    if current_trace() is not None or not active_tapes():
        return False  # it is not trained, and results look for zeros themselves
    return gaps(np.asarray(kernel.data), tuple(range(kernel.ndim - 2)))


def is_masked(kernel: Value, taps: Axes) -> bool:
    """Whether some taps of a kernel in a graph are zero, or may be, by how it was made.

    That is a product of two arrays that both vary along the taps, but for a constant all or none of whose taps are zero
    for each pair of channels; a choice between an array and zeros, with a condition that varies along them; an array
    with zeros around it, beside it or written into it along the taps; or an array that is written into zeros there.
    Between it and the convolution there may be casts, other orders and shapes, factors and divisors that are the same
    for all taps, and functions that are zero at zero.

    Args:
        kernel: the value.
        taps: its axes of taps.
    """
    while taps:
        node = _made(kernel)
        if node is None:
            return False
        name = node.prim.name
        if name in _RULES:
            return _RULES[name](node, taps)
        if name in _ZERO_AT_ZERO or (name == "mul" and node.inputs[0] is node.inputs[1]):
            kernel = node.inputs[0]
            continue
        varying = [v for v in node.inputs if _varies(v, taps)] if name in ("mul", "div") else []
        if name == "mul" and len(varying) == 2:
            return all(_may_mask(v, taps) for v in varying)
        if len(varying) == 1 and (name == "mul" or varying == node.inputs[:1]):
            (kernel,) = varying
            continue
        before = _before(node, taps)
        if before is None:
            return False
        kernel, taps = before
    return False


def gaps(kernel: np.ndarray, taps: Axes) -> bool:
    """Whether some taps of a pair of channels are zero and others not.

    >>> gaps(np.array([[1.0, 0.0], [2.0, 0.0]]), (0,)), gaps(np.array([[1.0, 0.0], [0.0, 2.0]]), (0,))
    (False, True)
    """
    if kernel.all():
        return False
    zero = kernel == 0
    return bool((zero.any(axis=taps) & ~zero.all(axis=taps)).any())


def _made(value: Value) -> Node | None:
    """What made a value; of one that a loop's body takes from around it, there."""
    trace = current_trace()
    while value.node is None and trace is not None:
        if value.graph is trace.graph:
            outer = next((t.data for t, inner in trace.captures.values() if inner is value), None)
            if not isinstance(outer, Value):
                return None
            value = outer
        trace = trace.parent
    return value.node


def _before(node: Node, axes: Axes) -> tuple[Value, Axes] | None:
    """What a node moves or converts, and where its axes were; those along which it is repeated are left out."""
    name, value = node.prim.name, node.inputs[0] if node.inputs else None
    if value is None:
        return None
    if name in ("cast", "stop_gradient", "reverse"):
        return value, axes
    if name == "transpose":
        return value, tuple(node.params["perm"][i] for i in axes)
    if name == "broadcast_in_dim":
        places = {place: i for i, place in enumerate(node.params["dims"]) if value.shape[i] != 1}
        return value, tuple(places[i] for i in axes if i in places)
    if name == "reshape":
        found = _before_reshape(value.shape, node.outputs[0].shape, axes)
        return None if found is None else (value, found)
    return None


def _before_reshape(before: Shape, after: Shape, axes: Axes) -> Axes | None:
    """The axes before a reshape that hold what ``axes`` hold behind it; None if others are mixed in.

    >>> _before_reshape((9, 4, 4), (3, 3, 4, 4), (0, 1)), _before_reshape((9, 4), (3, 12), (0,))
    ((0,), None)
    """
    if all(before[: i + 1] == after[: i + 1] for i in axes):
        return axes
    if not all(isinstance(n, int) and n > 0 for n in (*before, *after)):
        return None
    found: list[int] = []
    i = j = 0
    while i < len(before) and j < len(after):  # a few axes before are a few axes behind
        first, begin, many, few = i, j, before[i], after[j]
        i, j = i + 1, j + 1
        while many != few:
            if many < few:
                many, i = many * before[i], i + 1
            else:
                few, j = few * after[j], j + 1
        inside = [n in axes for n in range(begin, j) if after[n] != 1]
        if any(inside):
            if not all(inside):
                return None
            found += range(first, i)
    return tuple(found)


def _source(value: Value, axes: Axes) -> tuple[Value, Axes]:
    """What a value is a copy of, and which of its axes are ``axes``, as far as they are known."""
    while axes and (node := _made(value)) is not None and (before := _before(node, axes)) is not None:
        value, axes = before
    return value, axes


def _varies(value: Value, taps: Axes) -> bool:
    """Whether a value may differ from tap to tap."""
    source, axes = _source(value, taps)
    return any(source.shape[i] != 1 for i in axes)


def _may_mask(value: Value, taps: Axes) -> bool:
    """Whether a factor may have zeros at some taps: where its numbers are known, whether it has."""
    known = _constant(value, taps)
    return known is None or gaps(*known)


def _constant(value: Value, taps: Axes) -> tuple[np.ndarray, Axes] | None:
    source, axes = _source(value, taps)
    node = _made(source)
    return (node.params["value"], axes) if node is not None and node.prim.name == "constant" else None


# -- what puts zeros at some taps -------------------------------------------------------------------------------------
def _pads(node: Node, taps: Axes) -> bool:
    return any(node.params[where][i] for where in ("low", "high", "interior") for i in taps)


def _chooses_zeros(node: Node, taps: Axes) -> bool:
    condition, *branches = node.inputs
    if not _varies(condition, taps):
        return False
    known = _constant(condition, taps)
    if known is not None and not (gaps(*known) or gaps(~known[0], known[1])):
        return False
    return any(_is_zero(branch) for branch in branches)


def _joins_zeros(node: Node, taps: Axes) -> bool:
    if node.params["axis"] in taps and any(map(_is_zero, node.inputs)):
        return True
    return any(is_masked(part, taps) for part in node.inputs)


def _updates(node: Node, taps: Axes) -> bool:
    x, update = node.inputs[:2]
    is_part = any(x.shape[i] != update.shape[i] for i in taps)
    return (is_part and (_is_zero(x) or _is_zero(update))) or is_masked(x, taps)


def _scatters(node: Node, taps: Axes) -> bool:
    x, _, updates = node.inputs  # along the first axis
    is_part = 0 in taps and x.shape[0] != updates.shape[0]
    zeros = _is_zero(x) or (node.params["mode"] == "set" and _is_zero(updates))
    return (is_part and zeros) or is_masked(x, taps)


def _multiplies(node: Node, taps: Axes) -> bool:
    (of_x, of_y), contract = node.params["batch"], node.params["contract"]
    if any(contract) or any(i >= len(of_x) for i in taps):
        return False
    x, y = node.inputs
    sides = (x, tuple(of_x[i] for i in taps)), (y, tuple(of_y[i] for i in taps))
    if all(_varies(*side) for side in sides):
        return all(_may_mask(*side) for side in sides)
    return any(_varies(*side) and is_masked(*side) for side in sides)


def _is_zero(value: Value) -> bool:
    node = _made(value)
    while node is not None and node.prim.name in ("broadcast_in_dim", "reshape", "cast", "transpose"):
        node = _made(node.inputs[0])
    if node is not None and node.prim.name == "concatenate":
        return all(map(_is_zero, node.inputs))
    return node is not None and node.prim.name == "constant" and not np.any(node.params["value"])


_RULES: dict[str, Callable[[Node, Axes], bool]] = {
    "pad": _pads,
    "select": _chooses_zeros,
    "concatenate": _joins_zeros,
    "dynamic_update_slice": _updates,
    "scatter": _scatters,
    "dot_general": _multiplies,
}
_ZERO_AT_ZERO = frozenset((
    "neg", "sign", "floor", "ceil", "round", "expm1", "log1p", "sqrt", "sin", "tan", "asin", "atan", "sinh", "tanh",
    "asinh", "atanh", "erf", "erfinv", "conj",
))  # fmt: skip
