"""Contractions: the general dot product, convolution and its two gradients.

Convolutions have one layout: ``x[n, *spatial, cin]``, ``w[*kernel, cin / groups, cout]``. The three of them are closed
under differentiation, and a transposed convolution is `conv_input_grad`. Those that are ``exact`` are plain sums of
products also in our own compiled code, which computes others by minimal filtering where that is faster.
"""

from __future__ import annotations

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Extent, Shape, comparable
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives import axes as passing
from pronghorn.engine.graph.primitives.registry import fail, primitive

Pairs = tuple[tuple[int, int], ...]


@primitive("contraction", passing.dot_general)
def dot_general(x: Aval, y: Aval, *, contract: tuple, batch: tuple) -> Aval:
    (xc, yc), (xb, yb) = contract, batch
    agree = all(x.shape[i] == y.shape[j] for i, j in [*zip(xc, yc), *zip(xb, yb)])
    if x.dtype != y.dtype or len(xc) != len(yc) or len(xb) != len(yb) or not agree:
        raise fail("dot_general", f"{x} and {y} do not fit contract={contract} batch={batch}.")
    free_x = [d for i, d in enumerate(x.shape) if i not in xc and i not in xb]
    free_y = [d for i, d in enumerate(y.shape) if i not in yc and i not in yb]
    return Aval((*(x.shape[i] for i in xb), *free_x, *free_y), x.dtype)


def conv_extent(size: Extent, kernel: int, stride: int, padding: tuple[int, int], dilation: int) -> Extent:
    """The output extent of a convolution or window along one axis."""
    return (size + padding[0] + padding[1] - ((kernel - 1) * dilation + 1)) // stride + 1


def conv_shape(x: Shape, w: Shape, strides: tuple[int, ...], padding: Pairs, dilation: tuple[int, ...]) -> Shape:
    """The output shape of `conv`."""
    kernel = map(int, w[:-2])
    spatial = [conv_extent(*a) for a in zip(x[1:-1], kernel, strides, padding, dilation)]
    return (x[0], *spatial, w[-1])


def input_grad_border(
    x: Shape, g: Shape, w: Shape, strides: tuple[int, ...], padding: Pairs, dilation: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How much zero border a gradient has before and after each spatial axis: every tap then finds an element there."""
    low, high = [], []
    for size, count, k, s, (lo, hi), d in zip(x[1:-1], g[1:-1], map(int, w), strides, padding, dilation):
        low.append(max(0, ((k - 1) * d - lo) // s))
        missing = (size - 1 + lo) // s - (count - 1)
        # of an extent that is not known at most so many, sometimes one less
        high.append(max(0, missing if isinstance(missing, int) else -((hi - (k - 1) * d) // s)))
    return tuple(low), tuple(high)


def _check_conv(name: str, x: Shape, w: Shape, strides: tuple, padding: Pairs, dilation: tuple, groups: int) -> Shape:
    rank = len(x) - 2
    if len(w) != rank + 2 or not len(strides) == len(padding) == len(dilation) == rank:
        raise fail(name, f"x {x} and kernel {w} need the same number of spatial axes, strides, padding and dilation.")
    if x[-1] != w[-2] * groups or w[-1] % groups:
        raise fail(name, f"x has {x[-1]} channels; a kernel {w} in {groups} groups needs {w[-2] * groups}.")
    out = conv_shape(x, w, strides, padding, dilation)
    if any(comparable(d) and d < 0 for d in out[1:-1]):  # no step at all may come of an axis without elements
        raise fail(name, f"a kernel {w[:-2]} (dilation {dilation}) is larger than its padded input {x[1:-1]}.")
    return out


def _check_type(name: str, a: Aval, b: Aval) -> None:
    if a.dtype != b.dtype or not (dtypes.is_float(a.dtype) or dtypes.is_integer(a.dtype)):
        raise fail(name, f"needs two operands of one real type, got {a} and {b}.")


@primitive("contraction", passing.conv)
def conv(
    x: Aval, w: Aval, *, strides: tuple, padding: Pairs, dilation: tuple, groups: int, exact: bool = False
) -> Aval:
    _check_type("conv", x, w)
    return Aval(_check_conv("conv", x.shape, w.shape, strides, padding, dilation, groups), x.dtype)


@primitive("contraction", passing.conv_input_grad)
def conv_input_grad(
    g: Aval,
    w: Aval,
    *,
    input_shape: Shape,
    strides: tuple,
    padding: Pairs,
    dilation: tuple,
    groups: int,
    exact: bool = False,
) -> Aval:
    # An element is the sum over all taps of the gradient with a border of zeros (`input_grad_border`). As in the
    # padding of `conv`, these count: times an infinity they are NaN.
    _check_type("conv_input_grad", g, w)
    out = _check_conv("conv_input_grad", input_shape, w.shape, strides, padding, dilation, groups)
    if out != g.shape:
        raise fail("conv_input_grad", f"a gradient of shape {out} was expected, got {g}.")
    return Aval(input_shape, g.dtype)


@primitive("contraction", passing.conv_filter_grad)
def conv_filter_grad(
    x: Aval,
    g: Aval,
    *,
    kernel_shape: Shape,
    strides: tuple,
    padding: Pairs,
    dilation: tuple,
    groups: int,
    exact: bool = False,
) -> Aval:
    _check_type("conv_filter_grad", x, g)
    out = _check_conv("conv_filter_grad", x.shape, kernel_shape, strides, padding, dilation, groups)
    if out != g.shape:
        raise fail("conv_filter_grad", f"a gradient of shape {out} was expected, got {g}.")
    return Aval(kernel_shape, x.dtype)
