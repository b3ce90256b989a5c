"""Moments, and arrays brought to a mean and a variance."""

from __future__ import annotations

from typing import Any

from pronghorn import config
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.user_code import warn
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.numpy.reductions import mean_of


@symbolic_aware
def moments(x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False) -> tuple[Tensor, Tensor]:
    """The mean and the variance over ``axes``; computed in float32 at least.

    Args:
        x: the array.
        axes: the axes that the results lack.
        keepdims: whether they stay, with extent 1.
        synchronized: must not be true; there is one device.

    >>> mean, variance = moments([1.0, 3.0], axes=0)
    >>> float(mean), float(variance)
    (2.0, 1.0)
    """
    if synchronized:
        raise NotImplementedError("moments: synchronized=True is for several devices; there is one. Leave it out.")
    x = B.to_float(x)
    axes = B.axes_of(axes, x.ndim)
    wide = P.cast(x, dtype="float32") if x.dtype in ("float16", "bfloat16") else x
    mean = mean_of(wide, axes, keepdims=True)
    apart = P.sub(wide, B.broadcast_to(mean, wide.shape))
    variance = mean_of(P.mul(apart, apart), axes, keepdims)
    if not keepdims:
        mean = P.reshape(mean, shape=variance.shape)
    return tuple(_narrowed(t, x.dtype) for t in (mean, variance))  # type: ignore[return-value]


def _narrowed(x: Tensor, dtype: str) -> Tensor:
    if dtype != "float16" or x.dtype == dtype:
        return B.cast(x, dtype)
    limit = 65504.0  # a float16 variance must not become infinite
    return P.cast(P.min(P.max(x, -limit), limit), dtype=dtype)


@symbolic_aware
def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    axis: int,
    offset: Any = None,
    scale: Any = None,
    epsilon: float = 1e-3,
) -> Tensor:
    """``(x - mean) / sqrt(variance + epsilon) * scale + offset``, with one value of each along ``axis``.

    Args:
        x: the array.
        mean: ``[x.shape[axis]]``.
        variance: ``[x.shape[axis]]``.
        axis: the axis of the channels.
        offset: ``[x.shape[axis]]``, or None.
        scale: ``[x.shape[axis]]``, or None.
        epsilon: added to the variance.

    Example:

    >>> batch_normalization([[1.0, 2.0]], mean=[0.0, 2.0], variance=[1.0, 4.0], axis=-1).numpy().round(4)
    array([[0.9995, 0.    ]], dtype=float32)
    """
    x = B.to_float(x)
    axis = B.axis_of(axis, x.ndim)

    def channel(v: Any, name: str) -> Tensor:
        v = B.cast(v, x.dtype)
        if v.ndim != 1 or v.shape[0] != x.shape[axis]:
            raise ValueError(
                f"batch_normalization: `{name}` has one number for each of the {x.shape[axis]} along axis {axis} of x; "
                f"got shape {v.shape}."
            )
        return v

    factor = P.rsqrt(P.add(channel(variance, "variance"), float(epsilon)))
    if scale is not None:
        factor = P.mul(factor, channel(scale, "scale"))
    shift = P.neg(P.mul(channel(mean, "mean"), factor))
    if offset is not None:
        shift = P.add(shift, channel(offset, "offset"))
    wide = [P.broadcast_in_dim(v, shape=x.shape, dims=(axis,)) for v in (factor, shift)]
    return P.add(P.mul(x, wide[0]), wide[1])


@symbolic_aware
def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None, **kwargs: Any
) -> Tensor:
    """``(x - mean) / sqrt(variance + epsilon) * gamma + beta``, with mean and variance over ``axis`` of ``x`` itself.

    Args:
        x: the array.
        gamma: scale, of the shape of ``axis``, or None.
        beta: offset, of the shape of ``axis``, or None.
        axis: the axes that are normalised.
        epsilon: added to the variance; the configured one by default.

    Example:

    >>> layer_normalization([[1.0, 3.0]]).numpy().round(2)
    array([[-1.,  1.]], dtype=float32)
    """
    rms_scaling = kwargs.pop("rms_scaling", False)
    if rms_scaling:
        warn("layer_normalization: for rms_scaling=True use rms_normalization.")
    if kwargs:
        raise ValueError(f"layer_normalization: unknown arguments {sorted(kwargs)}.")
    x = B.to_float(x)
    axes = B.axes_of(axis, x.ndim)
    wide = P.cast(x, dtype="float32") if x.dtype in ("float16", "bfloat16") else x
    epsilon = config.epsilon() if epsilon is None else epsilon
    if rms_scaling:
        apart = wide
        variance = _variance_for_scaling(wide, axes)
    else:
        apart = P.sub(wide, B.broadcast_to(mean_of(wide, axes, keepdims=True), wide.shape))
        variance = mean_of(P.mul(apart, apart), axes, keepdims=True)
    factor = P.rsqrt(P.add(variance, float(epsilon)))
    out = P.mul(apart, B.broadcast_to(factor, wide.shape))
    if gamma is not None:
        out = P.mul(out, _along(gamma, wide, axes, "gamma"))
    if beta is not None and not rms_scaling:
        out = P.add(out, _along(beta, wide, axes, "beta"))
    return B.cast(out, x.dtype)


def _variance_for_scaling(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    apart = P.sub(x, B.broadcast_to(mean_of(x, axes, keepdims=True), x.shape))
    return mean_of(P.mul(apart, apart), axes, keepdims=True)


def _along(v: Any, x: Tensor, axes: tuple[int, ...], name: str) -> Tensor:
    """A scale or offset, given in the shape of the normalised axes, broadcast to ``x``."""
    v = B.cast(v, x.dtype)
    wanted = tuple(x.shape[a] for a in axes)
    if v.shape == wanted:
        order = sorted(range(len(axes)), key=lambda i: axes[i])
        if order != list(range(len(axes))):
            v = P.transpose(v, perm=tuple(order))
        return P.broadcast_in_dim(v, shape=x.shape, dims=tuple(sorted(axes)))
    try:
        return B.broadcast_to(v, B.broadcast_shapes(v.shape, x.shape))
    except ValueError:
        raise ValueError(f"{name} of shape {v.shape} does not fit the normalised axes, of shape {wanted}.") from None


@symbolic_aware
def rms_normalization(x: Any, scale: Any = None, axis: Any = -1, epsilon: float | None = None) -> Tensor:
    """``x / sqrt(mean(x**2) + epsilon) * scale``, with the mean over ``axis``.

    >>> rms_normalization([3.0, 4.0, 0.0, 0.0]).numpy().round(3)
    array([1.2, 1.6, 0. , 0. ], dtype=float32)
    """
    x = B.to_float(x)
    axes = B.axes_of(axis, x.ndim)
    wide = P.cast(x, dtype="float32") if x.dtype in ("float16", "bfloat16") else x
    epsilon = config.epsilon() if epsilon is None else epsilon
    factor = P.rsqrt(P.add(mean_of(P.mul(wide, wide), axes, keepdims=True), float(epsilon)))
    out = P.mul(wide, B.broadcast_to(factor, wide.shape))
    if scale is not None:
        out = P.mul(out, _along(scale, wide, axes, "scale"))
    return B.cast(out, x.dtype)
