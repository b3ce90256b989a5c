"""`tf.nn` where its arguments or defaults are not those of `pronghorn.ops`, for `pronghorn run`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.nn.geometry import from_channels_last, padding_pairs, per_axis, to_channels_last
from pronghorn.ops.nn.summation import summation
from pronghorn_tensorflow.arrays.basic import renamed

elu = renamed(ops.elu, features="x")
leaky_relu = renamed(ops.leaky_relu, features="x", alpha="negative_slope")
log_softmax = renamed(ops.log_softmax, logits="x")
relu = renamed(ops.relu, features="x")
selu = renamed(ops.selu, features="x")
softmax = renamed(ops.softmax, logits="x")
softplus = renamed(ops.softplus, features="x")
softsign = renamed(ops.softsign, features="x")


def silu(features: Any, beta: Any = 1.0) -> Any:
    """`tf.nn.silu` and `tf.nn.swish`."""
    if isinstance(beta, int | float) and beta == 1:
        return ops.silu(features)
    return ops.multiply(features, ops.sigmoid(ops.multiply(features, beta)))


def bias_add(value: Any, bias: Any, data_format: str | None = None, name: str | None = None) -> Any:
    """`tf.nn.bias_add`."""
    if _format(data_format) == "channels_first":
        bias = ops.reshape(bias, (-1, *[1] * (ops.ndim(value) - 2)))
    return ops.add(value, bias)


def relu6(features: Any, name: str | None = None) -> Any:
    """`tf.nn.relu6`: of integers too, which stay integers."""
    features = ops.convert_to_tensor(features)
    return ops.cast(ops.relu6(features), features.dtype)


def gelu(features: Any, approximate: bool = False, name: str | None = None) -> Any:
    """`tf.nn.gelu`: exact unless told otherwise."""
    return ops.gelu(features, approximate=approximate)


def crelu(features: Any, axis: int = -1, name: str | None = None) -> Any:
    """`tf.nn.crelu`: the positive parts of `x` and of `-x` side by side."""
    features = ops.convert_to_tensor(features)
    return ops.relu(ops.concatenate([features, -features], axis=axis))


def l2_loss(t: Any, name: str | None = None) -> Any:
    """`tf.nn.l2_loss`: half of the sum of squares."""
    return ops.sum(ops.square(t)) / 2


def batch_normalization(
    x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: float, name: str | None = None
) -> Any:
    """`tf.nn.batch_normalization`: along whatever axes the moments broadcast."""
    factor = ops.rsqrt(ops.add(variance, variance_epsilon))
    if scale is not None:
        factor = factor * scale
    found = ops.subtract(x, mean) * factor
    return found if offset is None else found + offset


def _format(data_format: str | None) -> str:
    return "channels_first" if data_format and data_format.startswith("NC") else "channels_last"


def spatial_extents(value: Any, rank: int, data_format: str | None) -> Any:
    """The extents of the `rank` spatial axes, where TensorFlow may also list batch and channels.

    Raises:
        ValueError: if those of the batch or the channels are not 1.
    """
    spatial, batch, channels = split_extents(value, rank, data_format)
    if (batch, channels) != (1, 1):
        raise ValueError(
            f"The windows, strides and dilations of the batch and the channels must be 1 in tf.nn; got {tuple(value)}"
            f"{'' if data_format is None else f' with data_format={data_format!r}'}."
        )
    return spatial


def split_extents(value: Any, rank: int, data_format: str | None) -> tuple[Any, int, int]:
    """The extents of the `rank` spatial axes, of the batch and of the channels, which are 1 where they are not listed.

    >>> split_extents((1, 2, 3, 4), 2, "NHWC"), split_extents([2], 2, None)
    (((2, 3), 1, 4), (2, 1, 1))
    """
    if isinstance(value, int):
        return value, 1, 1
    value = tuple(int(extent) for extent in value)
    if len(value) == rank + 2:
        if _format(data_format) == "channels_first":
            return value[2:], value[0], value[1]
        return value[1:-1], value[0], value[-1]
    return (value[0] if len(value) == 1 else value), 1, 1


def _convolution(rank: int) -> Callable[..., Any]:
    def function(
        input: Any,
        filters: Any,
        strides: Any = 1,
        padding: Any = "VALID",
        data_format: str | None = None,
        dilations: Any = 1,
        name: str | None = None,
        stride: Any = None,
    ) -> Any:
        input, padding = _with_ends(input, padding, 0)
        return ops.conv(
            input,
            filters,
            strides=spatial_extents(strides if stride is None else stride, rank, data_format),
            padding=padding,
            data_format=_format(data_format),
            dilation_rate=spatial_extents(dilations or 1, rank, data_format),
        )

    return function


def _with_ends(input: Any, padding: Any, fill: Any) -> tuple[Any, str]:
    """The input, padded where numbers for the ends of each axis are given, and how `ops` are to pad it further."""
    if isinstance(padding, str):
        return input, padding.lower()
    return ops.pad(input, [list(map(int, pair)) for pair in padding], constant_values=fill), "valid"


conv1d = _convolution(1)
conv2d = _convolution(2)
conv3d = _convolution(3)


@symbolic_aware
def _transposed(
    x: Any, kernel: Any, sizes: tuple[int, ...], strides: Any, padding: str, first: bool, dilation: Any
) -> Any:
    """The transposed convolution whose outputs have these extents; `ops.conv_transpose` decides them itself."""
    dtype = B.result_dtype(x, kernel)
    x, kernel, rank = B.cast(x, dtype), B.cast(kernel, dtype), len(sizes)
    name = f"tf.nn.conv{rank}d_transpose"
    if x.ndim != rank + 2 or kernel.ndim != rank + 2:
        raise ValueError(
            f"{name}: the input and the filters must have {rank + 2} axes; their shapes are {tuple(x.shape)} and "
            f"{tuple(kernel.shape)}."
        )
    x = to_channels_last(x, first)
    if x.shape[-1] != kernel.shape[-1]:
        raise ValueError(
            f"{name}: the input has {x.shape[-1]} channels, but filters of shape "
            f"{tuple(kernel.shape)} are for {kernel.shape[-1]}, their last extent."
        )
    strides, dilation = per_axis(strides, rank, name, "strides"), per_axis(dilation, rank, name, "dilations")
    pairs = padding_pairs(name, padding, sizes, kernel.shape[:-2], strides, dilation)
    for axis, (size, window) in enumerate(zip(sizes, kernel.shape)):
        reach = (window - 1) * dilation[axis] + 1
        found = (size + sum(pairs[axis]) - reach) // strides[axis] + 1
        if not B.equal_extents(found, x.shape[1 + axis]):
            raise ValueError(
                f"{name}: output_shape has the spatial extents {sizes}, from which a convolution "
                f"with strides {strides} and padding {padding!r} makes {found} elements along spatial axis {axis}; "
                f"the input has {x.shape[1 + axis]}."
            )
    shape = (x.shape[0], *sizes, kernel.shape[-2])
    options = {"strides": strides, "padding": pairs, "dilation": dilation, "groups": 1, **summation(kernel)}
    return from_channels_last(P.conv_input_grad(x, kernel, input_shape=shape, **options), first)


def _transposed_convolution(rank: int) -> Callable[..., Any]:
    def function(
        input: Any,
        filters: Any,
        output_shape: Any,
        strides: Any,
        padding: str = "SAME",
        data_format: str | None = None,
        dilations: Any = None,
        name: str | None = None,
    ) -> Any:
        first = _format(data_format) == "channels_first"
        wanted = list(output_shape)  # the batch may be a tensor, of which the value is not known
        if len(wanted) != rank + 2:
            raise ValueError(
                f"tf.nn.conv{rank}d_transpose: output_shape must have {rank + 2} entries, the batch and the channels "
                f"too; got {wanted}."
            )
        sizes = tuple(map(int, wanted[2:] if first else wanted[1:-1]))
        steps, dilation = (
            spatial_extents(strides, rank, data_format),
            spatial_extents(dilations or 1, rank, data_format),
        )
        return _transposed(input, filters, sizes, steps, padding.lower(), first, dilation)

    return function


conv1d_transpose = _transposed_convolution(1)
conv2d_transpose = _transposed_convolution(2)
conv3d_transpose = _transposed_convolution(3)


def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: str,
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """`tf.nn.depthwise_conv2d`."""
    input, padding = _with_ends(input, padding, 0)
    return ops.depthwise_conv(
        input,
        filter,
        strides=spatial_extents(strides, 2, data_format),
        padding=padding,
        data_format=_format(data_format),
        dilation_rate=spatial_extents(dilations or 1, 2, data_format),
    )


def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: str,
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """`tf.nn.separable_conv2d`."""
    return ops.separable_conv(
        input,
        depthwise_filter,
        pointwise_filter,
        strides=spatial_extents(strides, 2, data_format),
        padding=padding.lower(),
        data_format=_format(data_format),
        dilation_rate=spatial_extents(dilations or 1, 2, data_format),
    )


def _pooling(op: Callable[..., Any], rank: int | None) -> Callable[..., Any]:
    def function(
        input: Any, ksize: Any, strides: Any, padding: Any, data_format: str | None = None, name: str | None = None
    ) -> Any:
        axes = rank or ops.convert_to_tensor(input).ndim - 2
        if op is ops.max_pool and split_extents(ksize, axes, data_format)[2] > 1:
            return _max_of_channels(input, ksize, strides, axes, data_format)
        if op is ops.max_pool:
            input, padding = _with_ends(input, padding, _least(input))
        elif not isinstance(padding, str):
            raise ValueError(
                f"tf.nn.avg_pool: padding={padding!r}; it must be 'VALID' or 'SAME'. Pad with tf.pad: its zeros count."
            )
        return op(
            input,
            spatial_extents(ksize, axes, data_format),
            strides=spatial_extents(strides, axes, data_format),
            padding=padding.lower(),
            data_format=_format(data_format),
        )

    return function


def _least(x: Any) -> Any:
    """What no element of an array is below: minus infinity, or the least integer."""
    dtype = ops.convert_to_tensor(x).dtype
    return -np.inf if dtypes.is_float(dtype) else dtypes.limits(dtype)[0]


def _max_of_channels(input: Any, ksize: Any, strides: Any, rank: int, data_format: str | None) -> Any:
    """The maximum of each group of channels that follow one another.

    Raises:
        ValueError: if the groups overlap or leave channels out, or a window has more than one place.
    """
    x = ops.convert_to_tensor(input)
    window, batch, size = split_extents(ksize, rank, data_format)
    steps, batch_step, step = split_extents(strides, rank, data_format)
    axis = 1 if _format(data_format) == "channels_first" else rank + 1
    spatial = {batch, batch_step, *np.atleast_1d(window).tolist(), *np.atleast_1d(steps).tolist()}
    if step != size or x.shape[axis] % size or spatial != {1}:
        raise ValueError(
            "tf.nn.max_pool over channels takes groups that do not overlap, at one place each: ksize and strides must "
            f"be equal, 1 along all other axes, and divide the {x.shape[axis]} channels. Got ksize={tuple(ksize)} and "
            f"strides={tuple(strides) if not isinstance(strides, int) else strides}."
        )
    groups = (x.shape[axis] // size, size)
    return ops.max(ops.reshape(x, (*x.shape[:axis], *groups, *x.shape[axis + 1 :])), axis=axis + 1)


max_pool, avg_pool = _pooling(ops.max_pool, None), _pooling(ops.average_pool, None)
max_pool1d, avg_pool1d = _pooling(ops.max_pool, 1), _pooling(ops.average_pool, 1)
max_pool2d, avg_pool2d = _pooling(ops.max_pool, 2), _pooling(ops.average_pool, 2)
max_pool3d, avg_pool3d = _pooling(ops.max_pool, 3), _pooling(ops.average_pool, 3)


def depth_to_space(input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None) -> Any:
    """`tf.nn.depth_to_space`."""
    return ops.depth_to_space(input, block_size, data_format=_format(data_format))


def space_to_depth(input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None) -> Any:
    """`tf.nn.space_to_depth`."""
    return ops.space_to_depth(input, block_size, data_format=_format(data_format))
