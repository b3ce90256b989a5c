"""Window reductions over all axes, as pooling needs them, and their gradients.

``window``, ``strides``, ``padding`` (pairs) and ``dilation`` have one entry an axis; axes that are not pooled have 1,
1, (0, 0) and 1. Padding is neutral: zero for sums, never chosen for maxima.
"""

from __future__ import annotations

from pronghorn.engine.graph.dim import Shape, comparable
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives import axes
from pronghorn.engine.graph.primitives.contraction import Pairs, conv_extent
from pronghorn.engine.graph.primitives.registry import Primitive, define, fail, primitive


def window_shape(x: Shape, window: tuple, strides: tuple, padding: Pairs, dilation: tuple) -> Shape:
    """The output shape of a window reduction."""
    return tuple(conv_extent(*a) for a in zip(x, window, strides, padding, dilation))


def _windowed(name: str, x: Shape, window: tuple, strides: tuple, padding: Pairs, dilation: tuple) -> Shape:
    if not len(window) == len(strides) == len(padding) == len(dilation) == len(x):
        raise fail(name, f"window, strides, padding and dilation need one entry for each axis of {x}.")
    out = window_shape(x, window, strides, padding, dilation)
    if any(comparable(d) and d < 0 for d in out):  # an axis may be empty, that of the rows or one that is pooled
        raise fail(name, f"a window {window} (dilation {dilation}) is larger than its padded input {x}.")
    return out


def _reduction(name: str, dtype: str | None = None) -> Primitive:
    def rule(x: Aval, *, window: tuple, strides: tuple, padding: Pairs, dilation: tuple) -> Aval:
        return Aval(_windowed(name, x.shape, window, strides, padding, dilation), dtype or x.dtype)

    return define(name, "window", rule, axes.window)


window_sum = _reduction("window_sum")
window_max = _reduction("window_max")
window_argmax = _reduction("window_argmax", "int32")


@primitive("window", axes.window)
def window_sum_grad(
    g: Aval, *, input_shape: Shape, window: tuple, strides: tuple, padding: Pairs, dilation: tuple
) -> Aval:
    out = _windowed("window_sum_grad", input_shape, window, strides, padding, dilation)
    if out != g.shape:
        raise fail("window_sum_grad", f"a gradient of shape {out} was expected, got {g}.")
    return Aval(input_shape, g.dtype)


@primitive("window", axes.window)
def unpool(
    g: Aval, argmax: Aval, *, input_shape: Shape, window: tuple, strides: tuple, padding: Pairs, dilation: tuple
) -> Aval:
    out = _windowed("unpool", input_shape, window, strides, padding, dilation)
    if g.shape != out or argmax != Aval(out, "int32"):
        raise fail("unpool", f"gradient and int32 positions of shape {out} were expected, got {g} and {argmax}.")
    return Aval(input_shape, g.dtype)


@primitive("window", axes.window)
def pool_gather(x: Aval, argmax: Aval, *, window: tuple, strides: tuple, padding: Pairs, dilation: tuple) -> Aval:
    out = _windowed("pool_gather", x.shape, window, strides, padding, dilation)
    if argmax != Aval(out, "int32"):
        raise fail("pool_gather", f"int32 positions of shape {out} were expected, got {argmax}.")
    return Aval(out, x.dtype)
