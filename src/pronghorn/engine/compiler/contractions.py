"""Contractions as loop nests: dot products, convolutions and their gradients are one kind of kernel.

Each rule gives the loops of a contraction with their strides. Convolution needs nothing special: an output row and a
kernel row are two loops that both move through the input.
"""

from __future__ import annotations

from itertools import product as cartesian
from math import gcd

from pronghorn.engine.compiler.expr import Index, Load, LoopVar
from pronghorn.engine.compiler.half_bytes import HalfBytes, half_bytes
from pronghorn.engine.compiler.kernels import Axis, Part
from pronghorn.engine.compiler.lowering import Lowering
from pronghorn.engine.compiler.storage import Storage
from pronghorn.engine.graph.dim import Extent, SymbolicDimError
from pronghorn.engine.graph.ir import Node, Value
from pronghorn.engine.runtime.host import dtype_bits


class View:
    """A stored value seen through moves: its buffer, an offset and a stride for each axis, in elements."""

    def __init__(self, value: Value, offset: Extent, strides: tuple[Extent, ...]):
        self.value, self.offset, self.strides = value, offset, strides


def strided_view(value: Value, stored: Storage) -> View | None:
    """``value`` as a strided view of a stored value, where it is one."""
    value = narrower(value, stored)
    prim = None if value in stored or value.node is None else value.node.prim
    if prim is not None and prim.elementwise and prim.name not in ("cast", "stop_gradient"):
        return None  # computed, so in no buffer
    lowering = Lowering(value.graph, stored)
    vars = tuple(LoopVar(f"a{i}", e) for i, e in enumerate(value.shape))
    expr = lowering.element(value, tuple(map(Index.of, vars)))
    if not isinstance(expr, Load):
        return None
    if any(not isinstance(t, LoopVar) for t in expr.offset.terms):
        return None
    return View(expr.value, expr.offset.const, tuple(expr.offset.terms.get(v, 0) for v in vars))


def narrower(value: Value, stored: Storage) -> Value:
    """The array of integers that ``value`` was widened from, if it was: contractions widen what they load."""
    node = value.node
    while node is not None and node.prim.name == "cast" and value not in stored and widens(node.inputs[0], value):
        value = node.inputs[0]
        node = value.node
    return value


def widens(source: Value, value: Value) -> bool:
    """Whether all numbers of a type are also those of a wider one, both of integers."""
    if not all("int" in kind for kind in (source.dtype, value.dtype)):
        return False
    keeps_signs = source.dtype.startswith("u") or not value.dtype.startswith("u")
    return keeps_signs and dtype_bits(source.dtype) < dtype_bits(value.dtype)


def parts_of(node: Node, stored: Storage) -> list[Part] | None:
    """The node as contractions that together fill its output, or None where a plain reduction serves better."""
    return _RULES[node.prim.name](node, stored)


def _dot_general(node: Node, stored: Storage) -> list[Part] | None:
    x, y = node.inputs
    (xc, yc), (xb, yb) = node.params["contract"], node.params["batch"]
    vx, x_halves = _view_or_halves(node, x, stored)
    vy, y_halves = _view_or_halves(node, y, stored)
    xf = [i for i in range(len(x.shape)) if i not in xc and i not in xb]
    yf = [i for i in range(len(y.shape)) if i not in yc and i not in yb]
    if not yf or not xc:
        return None
    out = stored.strides(node.outputs[0])
    axes = []
    axis = 0
    for i, j in zip(xb, yb):
        axes.append(Axis(f"o{axis}", x.shape[i], vx.strides[i], vy.strides[j], out[axis], axis))
        axis += 1
    for i in xf:
        axes.append(Axis(f"o{axis}", x.shape[i], vx.strides[i], 0, out[axis], axis))
        axis += 1
    for j in yf:
        axes.append(Axis(f"o{axis}", y.shape[j], 0, vy.strides[j], out[axis], axis))
        axis += 1
    for k, (i, j) in enumerate(zip(xc, yc)):
        axes.append(Axis(f"k{k}", x.shape[i], vx.strides[i], vy.strides[j]))
    origin = stored.origin(node.outputs[0])
    if x_halves is not None:
        return [Part(vy.value, vx.value, [axis.swapped() for axis in axes], vy.offset, 0, origin, x_halves)]
    return [Part(vx.value, vy.value, axes, vx.offset, vy.offset, origin, y_halves)]


def _view_or_halves(node: Node, value: Value, stored: Storage) -> tuple[View, HalfBytes | None]:
    """An operand as a view of a buffer; or as that of the array that it would be, and how it is computed from bytes."""
    view = strided_view(value, stored)
    if view is not None:
        return view, None
    halves = half_bytes(node, value, stored)
    assert halves is not None
    outer = 0 if halves.strides[0] >= halves.strides[1] else 1
    strides = (value.shape[1], 1) if outer == 0 else (1, value.shape[0])
    return View(halves.source, 0, strides), halves


def _grouped(cin: int, cout: int, groups: int) -> tuple[int, int]:
    return cin // groups, cout // groups


def _conv(node: Node, stored: Storage) -> list[Part] | None:
    """``out[n, o, g*co] = sum x[n, o * stride + k * dilation, g*ci] * w[k, ci, g*co]``."""
    x, w = node.inputs
    p, out = node.params, node.outputs[0]
    vx, vw = strided_view(x, stored), strided_view(w, stored)
    assert vx is not None and vw is not None
    ci, co = _grouped(int(x.shape[-1]), int(out.shape[-1]), p["groups"])
    c = stored.strides(out)
    axes = [Axis("o0", out.shape[0], vx.strides[0], 0, c[0], 0)]
    for i, s in enumerate(p["strides"], 1):
        axes.append(Axis(f"o{i}", out.shape[i], vx.strides[i] * s, 0, c[i], i))
    last = len(out.shape) - 1
    axes += _channels(last, p["groups"], co, ci * vx.strides[-1], co * vw.strides[-1], 0, vw.strides[-1])
    for i, (k, d) in enumerate(zip(w.shape[:-2], p["dilation"])):
        axes.append(Axis(f"k{i}", k, vx.strides[i + 1] * d, vw.strides[i]))
    axes.append(Axis("ki", ci, vx.strides[-1], vw.strides[-2]))
    return [Part(vx.value, vw.value, axes, vx.offset, vw.offset, stored.origin(out))]


def _channels(axis: int, groups: int, size: int, a_group: Extent, b_group: Extent, a: Extent, b: Extent) -> list[Axis]:
    """The loops over the output's channels: groups (in all three) and the channels of a group."""
    if groups == 1:
        return [Axis(f"o{axis}", size, a, b, 1, axis)]
    return [
        Axis(f"g{axis}", groups, a_group, b_group, size, axis, group=True),
        Axis(f"o{axis}", size, a, b, 1, axis),
    ]


def _conv_filter_grad(node: Node, stored: Storage) -> list[Part] | None:
    """``dw[k, ci, g*co] = sum over n, o of x[n, o * stride + k * dilation, g*ci] * g[n, o, g*co]``."""
    x, g = node.inputs
    p, out = node.params, node.outputs[0]
    vx, vg = strided_view(x, stored), strided_view(g, stored)
    assert vx is not None and vg is not None
    ci, co = _grouped(int(x.shape[-1]), int(out.shape[-1]), p["groups"])
    c = stored.strides(out)
    axes = []
    for i, (k, d) in enumerate(zip(out.shape[:-2], p["dilation"])):
        axes.append(Axis(f"o{i}", k, vx.strides[i + 1] * d, 0, c[i], i))
    last = len(out.shape) - 1
    axes.append(Axis(f"o{last - 1}", ci, vx.strides[-1], 0, c[-2], last - 1))
    axes += _channels(last, p["groups"], co, ci * vx.strides[-1], co * vg.strides[-1], 0, vg.strides[-1])
    axes.append(Axis("kn", g.shape[0], vx.strides[0], vg.strides[0]))
    for i, s in enumerate(p["strides"]):
        axes.append(Axis(f"k{i}", g.shape[i + 1], vx.strides[i + 1] * s, vg.strides[i + 1]))
    return [Part(vx.value, vg.value, axes, vx.offset, vg.offset, stored.origin(out))]


def _conv_input_grad(node: Node, stored: Storage) -> list[Part] | None:
    """``dx[n, i, ci] = sum over k, co of g[n, (i + pad - k * dilation) / stride, co] * w[k, ci, co]``.

    Inputs ``i = stride * q + r`` of one residue r meet the same taps k, so each residue class is a contraction of its
    own with affine strides. The gradient comes with a border, so that every tap stays inside (see `decompose`).
    """
    g, w = node.inputs
    p, out = node.params, node.outputs[0]
    vg, vw = strided_view(g, stored), strided_view(w, stored)
    assert vg is not None and vw is not None
    ci, co = _grouped(int(out.shape[-1]), int(w.shape[-1]), p["groups"])
    c = stored.strides(out)
    last = len(out.shape) - 1
    parts = []
    moves = list(zip(range(1, last), w.shape[:-2], p["strides"], p["padding"], p["dilation"]))
    for residues in cartesian(*(range(s) for _, _, s, _, _ in moves)):
        axes = [Axis("o0", out.shape[0], vg.strides[0], 0, c[0], 0)]
        reduced = []
        a_offset, b_offset = vg.offset, vw.offset
        c_offset = stored.origin(out)
        for (axis, kernel, s, (lo, _), d), r in zip(moves, residues):
            if s > 1 and not isinstance(lo, int):
                raise SymbolicDimError(f"Which taps an input meets at strides of {s} depends on its padding, {lo}.")
            step = s // gcd(s, d)
            first = next((k for k in range(min(step, kernel)) if (r + lo - k * d) % s == 0), None)
            count = 0 if first is None else -((first - kernel) // step)
            extent = (out.shape[axis] - r + s - 1) // s
            axes.append(Axis(f"o{axis}", extent, vg.strides[axis], 0, c[axis] * s, axis, first=r, step=s))
            reduced.append(Axis(f"k{axis}", count, -(step * d // s) * vg.strides[axis], step * vw.strides[axis - 1]))
            a_offset += (r + lo - (first or 0) * d) // s * vg.strides[axis]
            b_offset += (first or 0) * vw.strides[axis - 1]
            c_offset += r * c[axis]
        if any(axis.extent == 0 for axis in (*axes, *reduced)):
            continue
        axes += _channels(last, p["groups"], ci, co * vg.strides[-1], co * vw.strides[-1], 0, vw.strides[-2])
        reduced.append(Axis("ko", co, vg.strides[-1], vw.strides[-1]))
        parts.append(Part(vg.value, vw.value, axes + reduced, a_offset, b_offset, c_offset))
    return parts


def covers(node: Node) -> bool:
    """Whether every element of an input gradient is reached by some tap (else the rest has to be zeroed)."""
    p, w = node.params, node.inputs[1]
    return all(k >= s // gcd(s, d) and gcd(s, d) == 1 for k, s, d in zip(w.shape, p["strides"], p["dilation"]))


_RULES = {
    "dot_general": _dot_general,
    "conv": _conv,
    "conv_input_grad": _conv_input_grad,
    "conv_filter_grad": _conv_filter_grad,
}
