"""The general dot product, and convolutions as one product with what all taps read (PyTensor has none of images)."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytensor.tensor as pt

from pronghorn.engine.backends.pytensor.registry import Ints, constant_of, formulas, implements, shape_of, widened
from pronghorn.engine.backends.substitution import sums_plainly
from pronghorn.engine.graph.primitives.contraction import conv_shape

Pairs = tuple[tuple[int, int], ...]


@implements
@widened
def dot_general(x: Any, y: Any, *, contract: tuple[Ints, Ints], batch: tuple[Ints, Ints]) -> Any:
    """Output axes: the batch axes, the free axes of ``x``, the free axes of ``y``."""
    if x.type.dtype == "bool":
        x, y = (formulas.cast(a, dtype="int64") for a in (x, y))
        return pt.gt(dot_general(x, y, contract=contract, batch=batch), constant_of(0, "int64"))
    (xc, yc), (xb, yb) = contract, batch
    xs, ys = shape_of(x), shape_of(y)
    x_free = [i for i in range(len(xs)) if i not in xc and i not in xb]
    y_free = [i for i in range(len(ys)) if i not in yc and i not in yb]
    batches, rows, columns = [xs[i] for i in xb], [xs[i] for i in x_free], [ys[i] for i in y_free]
    k, lead = math.prod(xs[i] for i in xc), [math.prod(batches)] if xb and math.prod(batches) != 1 else []
    left = _matrix(x, [*xb, *x_free, *xc], [*lead, math.prod(rows), k])
    right = _matrix(y, [*yb, *yc, *y_free], [*lead, k, math.prod(columns)])
    out = pt.matmul(left, right) if lead else pt.dot(left, right)
    return _matrix(out, list(range(out.type.ndim)), [*batches, *rows, *columns])


def _matrix(x: Any, perm: list[int], shape: list[int]) -> Any:
    x = x if perm == list(range(len(perm))) else x.dimshuffle(perm)
    return x if x.type.shape == tuple(shape) else formulas.reshape(x, shape=tuple(shape))


def _patches(x: Any, kernel: Ints, out: Ints, strides: Ints, padding: Pairs, dilation: Ints) -> Any:
    """What all taps of a kernel read, ``[outputs, taps * channels]``: one product instead of one for each tap."""
    x = formulas.padded(x, [(0, 0), *padding, (0, 0)])
    channels = shape_of(x)[-1]
    reads = []
    for tap in itertools.product(*map(range, kernel)):
        start = tuple(t * d for t, d in zip(tap, dilation))
        limit = tuple(at + (n - 1) * s + 1 for at, n, s in zip(start, out[1:-1], strides))
        whole = {"start": (0, *start, 0), "limit": (out[0], *limit, channels), "stride": (1, *strides, 1)}
        reads.append(formulas.slice(x, **whole))
    together = formulas.concatenate(*reads, axis=len(out) - 1)
    return formulas.reshape(together, shape=(math.prod(out[:-1]), len(reads) * channels))


@implements
@widened
@sums_plainly
def conv(x: Any, w: Any, *, strides: Ints, padding: Pairs, dilation: Ints, groups: int) -> Any:
    kernel = shape_of(w)
    out = tuple(map(int, conv_shape(shape_of(x), kernel, strides, padding, dilation)))
    if groups > 1 or 0 in (*shape_of(x), *out):
        return formulas.conv(x, w, strides=strides, padding=padding, dilation=dilation, groups=groups)
    rows = _patches(x, kernel[:-2], out, strides, padding, dilation)
    weights = formulas.reshape(w, shape=(math.prod(kernel[:-1]), kernel[-1]))
    return formulas.reshape(pt.dot(rows, weights), shape=out)


@implements
@widened
@sums_plainly
def conv_input_grad(g: Any, w: Any, *, input_shape: Ints, **how: Any) -> Any:
    *window, _, _ = shape_of(w)
    if how["groups"] > 1 or any(s > 1 for s in how["strides"]) or max(window, default=1) == 1:
        return formulas.conv_input_grad(g, w, input_shape=input_shape, **how)
    rank = len(window)
    turned = formulas.reverse(w, axes=tuple(range(rank)))
    turned = formulas.transpose(turned, perm=(*range(rank), rank + 1, rank))
    reach = [(k - 1) * d for k, d in zip(window, how["dilation"])]
    return conv(g, turned, **{**how, "padding": tuple((r - lo, r - hi) for r, (lo, hi) in zip(reach, how["padding"]))})


@implements
@widened
@sums_plainly
def conv_filter_grad(x: Any, g: Any, *, kernel_shape: Ints, **how: Any) -> Any:
    out = shape_of(g)
    if how["groups"] > 1 or 0 in (*shape_of(x), *out):
        return formulas.conv_filter_grad(x, g, kernel_shape=kernel_shape, **how)
    rows = _patches(x, kernel_shape[:-2], out, how["strides"], how["padding"], how["dilation"])
    columns = formulas.reshape(g, shape=(math.prod(out[:-1]), out[-1]))
    return formulas.reshape(pt.dot(rows.T, columns), shape=kernel_shape)
