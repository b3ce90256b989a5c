"""The general dot product, convolution and its two gradients, by TensorFlow's own where it has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from pronghorn.engine.backends.substitution import sums_plainly
from pronghorn.engine.backends.tensorflow.extents import declared, extent, extents, is_empty, shape_of
from pronghorn.engine.backends.tensorflow.registry import formulas, implements, shaped, signed, tracing, widened
from pronghorn.engine.graph.dim import Dim, Extent, Shape, product
from pronghorn.engine.graph.primitives.contraction import conv_shape

Ints = tuple[int, ...]
Pairs = Sequence[tuple[int, int]]


@implements
@widened
@signed
def dot_general(x: Any, y: Any, *, contract: tuple[Ints, Ints], batch: tuple[Ints, Ints]) -> Any:
    """Output axes: the batch axes, the free axes of ``x``, the free axes of ``y``."""
    if x.dtype == tf.bool:
        return dot_general(tf.cast(x, tf.int64), tf.cast(y, tf.int64), contract=contract, batch=batch) > 0
    (xc, yc), (xb, yb) = contract, batch
    x_free = [i for i in range(len(x.shape)) if i not in xc and i not in xb]
    y_free = [i for i in range(len(y.shape)) if i not in yc and i not in yb]
    xs, ys = shape_of(x), shape_of(y)
    batches = [xs[i] for i in xb]
    rows, columns = [xs[i] for i in x_free], [ys[i] for i in y_free]
    k, lead = product(tuple(xs[i] for i in xc)), [product(tuple(batches))] if xb else []
    left = shaped(_permuted(x, [*xb, *x_free, *xc]), (*lead, product(tuple(rows)), k))
    right = shaped(_permuted(y, [*yb, *yc, *y_free]), (*lead, k, product(tuple(columns))))
    return shaped(tf.matmul(left, right), (*batches, *rows, *columns))


def _permuted(x: Any, perm: list[int]) -> Any:
    return x if perm == list(range(len(perm))) else tf.transpose(x, perm)


class _Kind:
    """A convolution as one of TensorFlow's: of images or volumes, or depthwise; and what has to be done around it.

    Args:
        x: the shape of the input.
        w: the shape of the kernel.
        how: the primitive's parameters.
    """

    def __init__(self, x: Shape, w: Ints, strides: Ints, padding: Pairs, dilation: Ints, groups: int):
        self.rank = len(strides)
        self.x, self.w, self.groups = x, w, groups
        self.strides, self.dilation, self.padding = tuple(strides), tuple(dilation), tuple(padding)
        self.is_depthwise = groups > 1 and groups == x[-1] and self.rank <= 2
        flat = self.rank == 1  # a line is an image of one row
        lead = 1 if flat else 0
        self.is_same = self.padding == _same(x[1:-1], w[:-2], strides, dilation)
        border = [(0, 0)] * self.rank if self.is_same else padding
        self.border = [(0, 0), *border, (0, 0)]
        self.image = (x[0], *[1] * lead, *(n + lo + hi for n, (lo, hi) in zip(x[1:-1], border)), x[-1])
        kernel = (*[1] * lead, *w[:-2])
        self.kernel = (*kernel, x[-1], w[-1] // groups) if self.is_depthwise else (*kernel, *w[-2:])
        self.how: dict[str, Any] = {
            "strides": (1, *[self.strides[0] if self.is_depthwise else 1] * lead, *self.strides, 1),
            "padding": "SAME" if self.is_same else "VALID",
        }
        if self.rank == 3 or self.is_depthwise or any(d != 1 for d in dilation):
            self.how["dilations"] = (1, *[1] * lead, *self.dilation, 1)

    def suits(self, x: Any, gradient: bool) -> bool:
        """Whether TensorFlow's processor code has it."""
        if not (x.dtype.is_floating and 1 <= self.rank <= 3):
            return False
        dilated = any(d != 1 for d in self.dilation)
        if self.groups > 1:
            # Dilated ones it has with oneDNN only, which it takes where there is AVX-512.
            return self.is_depthwise and len(set(self.strides)) == 1 and not dilated
        return not (dilated and (gradient or self.rank == 3))

    def padded(self, x: Any) -> Any:
        """The input with the border that TensorFlow does not add by itself, as an image or a volume."""
        return shaped(formulas.padded(x, self.border), self.image)

    def unpadded(self, x: Any) -> Any:
        """The transpose of `padded`."""
        whole = shaped(x, tuple(n + lo + hi for n, (lo, hi) in zip(self.x, self.border)))
        return formulas.padded(whole, [(-lo, -hi) for lo, hi in self.border])

    def flat(self, g: Any) -> Any:
        """The gradient of the result, as an image or a volume."""
        return tf.expand_dims(g, 1) if self.rank == 1 else g


def _same(x: Sequence[Extent], w: Sequence[int], strides: Ints, dilation: Ints) -> tuple[tuple[Any, Any], ...] | None:
    """What TensorFlow adds on each side where it is told "SAME"; None where that depends on an extent that is open."""
    found = []
    for n, k, s, d in zip(x, w, strides, dilation):
        if isinstance(n, Dim) and s > 1:
            return None
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        found.append((total // 2, total - total // 2))
    return tuple(found)


def _is_slow(kind: _Kind) -> bool:
    """Whether XLA is ten times slower than sums of products."""
    return kind.is_depthwise and tracing().is_fused


_FORWARD = (tf.raw_ops.Conv2D, tf.raw_ops.DepthwiseConv2dNative, tf.raw_ops.Conv3D)
_INPUT = (
    tf.raw_ops.Conv2DBackpropInput,
    tf.raw_ops.DepthwiseConv2dNativeBackpropInput,
    tf.raw_ops.Conv3DBackpropInputV2,
)
_FILTER = (
    tf.raw_ops.Conv2DBackpropFilter,
    tf.raw_ops.DepthwiseConv2dNativeBackpropFilter,
    tf.raw_ops.Conv3DBackpropFilterV2,
)


def _which(kind: _Kind) -> int:
    return 2 if kind.rank == 3 else int(kind.is_depthwise)


@implements
@widened
@signed
@sums_plainly
def conv(x: Any, w: Any, *, strides: Ints, padding: Pairs, dilation: Ints, groups: int) -> Any:
    settings = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
    out = conv_shape(shape_of(x), tuple(w.shape), strides, tuple(padding), dilation)
    if is_empty(x) or is_empty(w):
        return tf.zeros(extents(out), x.dtype)
    kind = _Kind(shape_of(x), tuple(w.shape), **settings)
    if not kind.suits(x, gradient=False) or _is_slow(kind):
        return formulas.conv(x, w, **settings)
    result = _FORWARD[_which(kind)](input=kind.padded(x), filter=tf.reshape(w, kind.kernel), **kind.how)
    return shaped(_in_its_shape(result, out) if kind.rank > 1 else result, out)


def _in_its_shape(x: Any, shape: Shape) -> Any:
    """The result of a convolution with an open extent, where oneDNN gives one of no elements its input's shape.

    The second extent is written so that TensorFlow does not know it, and takes the reshape for needless.
    """
    unknown = next((extent(n) for n in shape if isinstance(n, Dim)), None)
    if unknown is None:
        return x
    first, second, *rest = extents(shape)
    return declared(tf.reshape(x, [first, second + tf.minimum(unknown, 0), *rest]), shape)


@implements
@widened
@signed
@sums_plainly
def conv_input_grad(g: Any, w: Any, *, input_shape: Ints, **settings: Any) -> Any:
    if is_empty(g) or is_empty(w):
        return tf.zeros(extents(input_shape), g.dtype)
    kind = _Kind(tuple(input_shape), tuple(w.shape), **settings)
    if not kind.suits(g, gradient=True) or _is_slow(kind):
        return formulas.conv_input_grad(g, w, input_shape=input_shape, **settings)
    out = _INPUT[_which(kind)](
        input_sizes=extents(kind.image), filter=tf.reshape(w, kind.kernel), out_backprop=kind.flat(g), **kind.how
    )
    return kind.unpadded(out)


@implements
@widened
@signed
@sums_plainly
def conv_filter_grad(x: Any, g: Any, *, kernel_shape: Ints, **settings: Any) -> Any:
    if is_empty(g) or is_empty(x):
        return tf.zeros(kernel_shape, g.dtype)
    kind = _Kind(shape_of(x), tuple(kernel_shape), **settings)
    if not kind.suits(x, gradient=True):
        return formulas.conv_filter_grad(x, g, kernel_shape=kernel_shape, **settings)
    out = _FILTER[_which(kind)](input=kind.padded(x), filter_sizes=kind.kernel, out_backprop=kind.flat(g), **kind.how)
    return tf.reshape(out, kernel_shape)
