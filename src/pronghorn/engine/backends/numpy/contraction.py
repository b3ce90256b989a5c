"""The general dot product, convolution and its two gradients. Floats of fewer than 32 bits accumulate in float32."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pronghorn.engine.backends.numpy.geometry import Pairs, padded, taps, unpadded
from pronghorn.engine.backends.numpy.registry import implements, quiet, shortens, widened
from pronghorn.engine.backends.substitution import sums_plainly
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives.contraction import conv_shape, input_grad_border

Ints = tuple[int, ...]


@implements("dot_general")
@widened
def dot_general(x: np.ndarray, y: np.ndarray, *, contract: tuple[Ints, Ints], batch: tuple[Ints, Ints]) -> np.ndarray:
    """Output axes: the batch axes, the free axes of ``x``, the free axes of ``y``."""
    (xc, yc), (xb, yb) = contract, batch
    x_free = [i for i in range(x.ndim) if i not in xc and i not in xb]
    y_free = [i for i in range(y.ndim) if i not in yc and i not in yb]
    batches, k = [x.shape[i] for i in xb], math.prod(x.shape[i] for i in xc)
    rows, columns = [x.shape[i] for i in x_free], [y.shape[i] for i in y_free]
    left = x.transpose(*xb, *x_free, *xc).reshape(*batches, math.prod(rows), k)
    right = y.transpose(*yb, *yc, *y_free).reshape(*batches, k, math.prod(columns))
    if x.dtype.kind == "b":
        return (left.astype(np.int64) @ right.astype(np.int64) > 0).reshape([*batches, *rows, *columns])
    product = np.matmul(left, right) if xc else left * right  # which NumPy would add to 0.0
    return product.reshape([*batches, *rows, *columns])


@shortens("dot_general")
def _of_matrices(avals: Sequence[Aval], params: dict[str, Any]) -> Any:
    """NumPy's own product of two matrices of wide floats."""
    plain = params["contract"] == ((1,), (0,)) and all(len(v.shape) == 2 for v in avals)
    return quiet(np.matmul) if plain and avals[0].dtype in ("float32", "float64") else None


def _spatial(padding: Pairs) -> Pairs:
    """Padding of the spatial axes as padding of all: rows and channels have none."""
    return [(0, 0), *padding, (0, 0)]


def _grouped(x: np.ndarray, groups: int) -> np.ndarray:
    """``[..., groups * c]`` as ``[groups, elements, c]``."""
    return x.reshape(-1, groups, x.shape[-1] // groups).transpose(1, 0, 2)


def _tap_weights(w: np.ndarray, tap: Ints, groups: int) -> np.ndarray:
    """One tap of a kernel ``[*k, ci, groups * co]`` as ``[groups, ci, co]``."""
    at = w[tap]
    return at.reshape(at.shape[0], groups, at.shape[1] // groups).transpose(1, 0, 2)


def _mix_channels(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """``[groups, elements, a] @ [groups, a, b]`` as ``[elements, groups * b]``."""
    shape = (x.shape[1], w.shape[0] * w.shape[-1])  # in numbers: there may be no elements to infer it from
    if x.shape[-1] == 1:  # depthwise: a product of millions of 1 x 1 matrices is slow
        return (x * w).transpose(1, 0, 2).reshape(shape)
    return np.matmul(x, w).transpose(1, 0, 2).reshape(shape)


@implements("conv")
@widened
@sums_plainly
def conv(x: np.ndarray, w: np.ndarray, *, strides: Ints, padding: Pairs, dilation: Ints, groups: int) -> np.ndarray:
    """The cross-correlation of ``x[n, *s, cin]`` with ``w[*k, cin / groups, cout]``: a matrix product for each tap."""
    shape = conv_shape(x.shape, w.shape, strides, padding, dilation)
    x = padded(x, _spatial(padding))
    total = np.zeros((math.prod(shape[:-1]), shape[-1]), x.dtype)
    for tap, where in taps(w.shape[:-2], shape[1:-1], strides, dilation):
        total += _mix_channels(_grouped(x[(slice(None), *where)], groups), _tap_weights(w, tap, groups))
    return total.reshape(shape)


@implements("conv_input_grad")
@widened
@sums_plainly
def conv_input_grad(
    g: np.ndarray, w: np.ndarray, *, input_shape: Ints, strides: Ints, padding: Pairs, dilation: Ints, groups: int
) -> np.ndarray:
    """The transpose of `conv` in its input: what each tap read takes its share of the gradient and of its border."""
    low, high = input_grad_border(input_shape, g.shape, w.shape, strides, padding, dilation)
    g = padded(g, _spatial(list(zip(low, high))))
    padding = [(lo + s * a, hi + s * b) for (lo, hi), s, a, b in zip(padding, strides, low, high)]
    whole = [n + lo + hi for n, (lo, hi) in zip(input_shape, _spatial(padding))]
    total = np.zeros(whole, g.dtype)
    rows = _grouped(g, groups)
    for tap, where in taps(w.shape[:-2], g.shape[1:-1], strides, dilation):
        share = _mix_channels(rows, _tap_weights(w, tap, groups).transpose(0, 2, 1))
        total[(slice(None), *where)] += share.reshape(*g.shape[:-1], input_shape[-1])
    return unpadded(total, _spatial(padding))


@implements("conv_filter_grad")
@widened
@sums_plainly
def conv_filter_grad(
    x: np.ndarray, g: np.ndarray, *, kernel_shape: Ints, strides: Ints, padding: Pairs, dilation: Ints, groups: int
) -> np.ndarray:
    """The transpose of `conv` in its kernel: for each tap, what it read times the gradient."""
    x = padded(x, _spatial(padding))
    out = np.empty(kernel_shape, x.dtype)
    rows = _grouped(g, groups)
    for tap, where in taps(kernel_shape[:-2], g.shape[1:-1], strides, dilation):
        read = _grouped(x[(slice(None), *where)], groups).transpose(0, 2, 1)
        out[tap] = np.matmul(read, rows).transpose(1, 0, 2).reshape(kernel_shape[-2:])
    return out
