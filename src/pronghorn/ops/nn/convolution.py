"""Convolutions; all of them over one primitive and its gradient."""

from __future__ import annotations

from typing import Any

from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim, Extent, comparable
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.nn.geometry import (
    Pairs,
    channels_first,
    from_channels_last,
    leaves_empty,
    padding_pairs,
    per_axis,
    spatial_rank,
    to_channels_last,
)
from pronghorn.ops.nn.summation import summation


def _operands(name: str, inputs: Any, kernel: Any) -> tuple[Tensor, Tensor, int]:
    dtype = B.result_dtype(inputs, kernel)
    if dtype in ("bool", "int8"):
        dtype = "int32"
    x, w = B.cast(inputs, dtype), B.cast(kernel, dtype)
    rank = spatial_rank(name, x)
    if w.ndim != rank + 2:
        raise ValueError(
            f"{name}: inputs of shape {x.shape} need a kernel with {rank + 2} axes, {rank} of them spatial; got a "
            f"kernel of shape {w.shape}."
        )
    return x, w, rank


@symbolic_aware
def conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Tensor:
    """A convolution over 1 to 3 spatial axes.

    Args:
        inputs: ``[n, *spatial, cin]``; ``[n, cin, *spatial]`` for "channels_first".
        kernel: ``[*window, cin / groups, cout]``; the number of groups follows from the channels of both.
        strides: step between windows: one number, or one an axis.
        padding: "valid" (none), "same" (zeros, so that only strides shrink the output) or "causal" (zeros before).
        data_format: "channels_last" or "channels_first"; the configured one by default.
        dilation_rate: step between the elements of a window.

    Returns:
        ``[n, *spatial, cout]`` in the same data format.

    Raises:
        ValueError: if the channels do not fit, or the window is larger than the padded inputs.

    >>> import numpy as np
    >>> conv(np.ones((1, 5, 1), "float32"), np.ones((3, 1, 2), "float32")).shape
    (1, 3, 2)
    """
    x, w, rank = _operands("conv", inputs, kernel)
    first = channels_first(data_format)
    x = to_channels_last(x, first)
    channels, per_group = x.shape[-1], w.shape[-2]
    if isinstance(channels, Dim) and B.equal_extents(channels, per_group):
        channels = per_group
    if not per_group or not channels or channels % per_group:
        raise ValueError(
            f"conv: input channels must match the kernel: there are {channels} in inputs {x.shape} (channels last), "
            f"and kernel {w.shape} is for {per_group}, its second to last extent, or a multiple of that."
        )
    groups = channels // per_group
    if w.shape[-1] % groups:
        raise ValueError(f"conv: {w.shape[-1]} filters do not divide into the {groups} groups of kernel {w.shape}.")
    strides, dilation = _steps("conv", strides, dilation_rate, rank)
    pairs = padding_pairs("conv", padding, x.shape[1:-1], w.shape[:-2], strides, dilation, causal=True)
    _check_window("conv", x.shape[1:-1], w.shape[:-2], dilation, padding, pairs)
    out = _convolved(x, w, pairs, strides=strides, dilation=dilation, groups=groups)
    return from_channels_last(out, first)


def _convolved(x: Tensor, w: Tensor, pairs: Pairs, **params: Any) -> Tensor:
    """`P.conv`. Where the padding is not known yet, it is made beforehand: which taps of a kernel an input meets at
    strides, for its gradient, depends on it."""
    if not all(isinstance(n, int) for pair in pairs for n in pair):
        low, high = ((0, *(pair[side] for pair in pairs), 0) for side in (0, 1))
        x = P.pad(x, B.full((), 0, x.dtype), low=low, high=high, interior=(0,) * x.ndim)
        pairs = ((0, 0),) * len(pairs)
    return P.conv(x, w, padding=pairs, **params, **summation(w))


def filled_conv(
    inputs: Any, kernel: Any, fill: Any, strides: Any, padding: str, data_format: str | None, dilation_rate: Any
) -> Tensor:
    """`conv` of integers, channels last, where ``fill`` stands for 0, also around the inputs."""
    rank = inputs.ndim - 2
    steps, dilation = _steps("conv", strides, dilation_rate, rank)
    pairs = padding_pairs("conv", padding, inputs.shape[1:-1], kernel.shape[:-2], steps, dilation, causal=True)
    if any(n != 0 for pair in pairs for n in pair):
        low, high = ((0, *(pair[side] for pair in pairs), 0) for side in (0, 1))
        inputs = P.pad(inputs, B.cast(fill, inputs.dtype), low=low, high=high, interior=(0,) * inputs.ndim)
    return conv(inputs, kernel, strides, "valid", data_format, dilation_rate)


def conv_gradient(
    upstream: Any, kernel: Any, inputs: Any, strides: Any, padding: str, data_format: str | None, dilation_rate: Any
) -> Tensor:
    """The gradient of `conv`, channels last, for its inputs."""
    rank = inputs.ndim - 2
    steps, dilation = _steps("conv", strides, dilation_rate, rank)
    pairs = padding_pairs("conv", padding, inputs.shape[1:-1], kernel.shape[:-2], steps, dilation, causal=True)
    return P.conv_input_grad(
        upstream, kernel,
        input_shape=inputs.shape, strides=steps, padding=pairs, dilation=dilation, groups=1, **summation(kernel),
    )  # fmt: skip


def _steps(name: str, strides: Any, dilation_rate: Any, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return per_axis(strides, rank, name, "strides"), per_axis(dilation_rate, rank, name, "dilation_rate")


def _check_window(name: str, sizes: Any, window: Any, dilation: Any, padding: str, pairs: Pairs) -> None:
    for axis, (size, k, d, (low, high)) in enumerate(zip(sizes, window, dilation, pairs)):
        if comparable(size) and (k - 1) * d + 1 > size + low + high and not leaves_empty(size, padding):
            reach = f"{(k - 1) * d + 1} (window {k}, dilation {d})" if d > 1 else str(k)
            raise ValueError(
                f"{name}: along spatial axis {axis} the kernel reaches over {reach} elements, but the inputs have "
                f"only {size + low + high}. Use a smaller kernel, padding='same', or larger inputs."
            )


@symbolic_aware
def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Tensor:
    """A convolution of each channel by itself.

    Args:
        inputs: ``[n, *spatial, cin]``; ``[n, cin, *spatial]`` for "channels_first".
        kernel: ``[*window, cin, multiplier]``.
        strides: see `conv`.
        padding: see `conv`.
        data_format: see `conv`.
        dilation_rate: see `conv`.

    Returns:
        ``[n, *spatial, cin * multiplier]``.

    Example:

    >>> depthwise_conv([[[1.0], [2.0], [4.0]]], [[[1.0]], [[-1.0]]]).numpy().ravel()
    array([-1., -2.], dtype=float32)
    """
    x, w, rank = _operands("depthwise_conv", inputs, kernel)
    first = channels_first(data_format)
    x = to_channels_last(x, first)
    channels = w.shape[-2]
    if not B.equal_extents(x.shape[-1], channels):
        raise ValueError(
            f"depthwise_conv: input channels must match the kernel: there are {x.shape[-1]} in the inputs, and kernel "
            f"{w.shape} is for {channels}, its second to last extent."
        )
    w = P.reshape(w, shape=(*w.shape[:-2], 1, channels * w.shape[-1]))
    strides, dilation = _steps("depthwise_conv", strides, dilation_rate, rank)
    pairs = padding_pairs("depthwise_conv", padding, x.shape[1:-1], w.shape[:-2], strides, dilation, causal=True)
    _check_window("depthwise_conv", x.shape[1:-1], w.shape[:-2], dilation, padding, pairs)
    out = _convolved(x, w, pairs, strides=strides, dilation=dilation, groups=channels)
    return from_channels_last(out, first)


@symbolic_aware
def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Tensor:
    """A `depthwise_conv` and then a convolution with windows of one element.

    Args:
        inputs: ``[n, *spatial, cin]``; ``[n, cin, *spatial]`` for "channels_first".
        depthwise_kernel: ``[*window, cin, multiplier]``.
        pointwise_kernel: ``[1..., cin * multiplier, cout]``.
        strides: see `conv`.
        padding: see `conv`.
        data_format: see `conv`.
        dilation_rate: see `conv`.

    Example:

    >>> from pronghorn import ops
    >>> x, depthwise, pointwise = ops.ones((1, 5, 2)), ops.ones((3, 2, 1)), ops.ones((1, 2, 4))
    >>> separable_conv(x, depthwise, pointwise).shape
    (1, 3, 4)
    """
    x = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(x, pointwise_kernel, 1, "same", data_format, 1)  # windows of one element need no padding


@symbolic_aware
def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Tensor:
    """A transposed convolution: each input element adds the kernel, times itself, to a window of the output.

    Args:
        inputs: ``[n, *spatial, cin]``; ``[n, cin, *spatial]`` for "channels_first".
        kernel: ``[*window, cout, cin]``.
        strides: step between windows of the output.
        padding: "valid" or "same" (the output has ``strides`` times the extent of the inputs).
        output_padding: how many elements more the output has at its end; by default what ``padding`` implies.
        data_format: see `conv`.
        dilation_rate: see `conv`; may not be above 1 together with strides.

    Returns:
        ``[n, *spatial, cout]``.

    Example:

    >>> x = [[[1.0], [2.0]]]  # one sample, two steps, one channel
    >>> conv_transpose(x, [[[1.0]], [[1.0]]], strides=2).numpy().ravel()
    array([1., 1., 2., 2.], dtype=float32)
    """
    x, w, rank = _operands("conv_transpose", inputs, kernel)
    first = channels_first(data_format)
    x = to_channels_last(x, first)
    if not B.equal_extents(x.shape[-1], w.shape[-1]):
        raise ValueError(
            f"conv_transpose: input channels must match the kernel: there are {x.shape[-1]} in the inputs, and kernel "
            f"{w.shape} is for {w.shape[-1]}, its last extent."
        )
    strides, dilation = _steps("conv_transpose", strides, dilation_rate, rank)
    extra = (None,) * rank if output_padding is None else _output_padding(output_padding, rank, strides)
    kind = padding.lower() if isinstance(padding, str) else padding
    if kind not in ("valid", "same"):
        raise ValueError(f"conv_transpose: padding={padding!r}; it must be 'valid' or 'same'.")
    plan = [transposed_axis(*axis, kind) for axis in zip(x.shape[1:-1], w.shape[:-2], strides, dilation, extra)]
    shape = (x.shape[0], *(size for size, _ in plan), w.shape[-2])
    out = P.conv_input_grad(
        x, w,
        input_shape=shape, strides=strides, padding=tuple(pair for _, pair in plan), dilation=dilation, groups=1,
        **summation(w),
    )  # fmt: skip
    return from_channels_last(out, first)


def _output_padding(value: Any, rank: int, strides: tuple[int, ...]) -> tuple[Any, ...]:
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank
    if len(values) != rank:
        raise ValueError(f"conv_transpose: output_padding={value!r} needs one number for each of {rank} axes.")
    for extra, stride in zip(values, strides):
        if extra is not None and extra >= stride:
            raise ValueError(
                f"conv_transpose: output_padding={value!r} must be less than strides={strides} along each axis."
            )
    return values


def transposed_axis(
    size: Extent, kernel: int, stride: int, dilation: int, extra: int | None, padding: str
) -> tuple[Extent, tuple[int, int]]:
    """The output extent of a transposed convolution along an axis, and the padding of the convolution it inverts."""
    reach = (kernel - 1) * dilation + 1
    if extra is None:
        if padding == "valid":
            return size * stride + max(reach - stride, 0), (0, 0)
        total = max(reach - stride, 0)
        return size * stride, (total // 2, total - total // 2)
    if padding == "valid":
        return (size - 1) * stride + reach + extra, (0, 0)
    total = 2 * (reach // 2) - extra
    low = max(total // 2, 0)  # what is added, and not taken away, all comes at the end
    return (size - 1) * stride + reach - total, (low, total - low)
