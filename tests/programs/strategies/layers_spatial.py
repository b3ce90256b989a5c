"""Convolutions, pooling, and what crops, pads and enlarges."""

from __future__ import annotations

from typing import Any

import numpy as np

from strategies.layers_base import Draw, Sample, samples_of

KERNEL = ("kernel_regularizer", "bias_regularizer", "activity_regularizer")


def rank_of(name: str) -> int:
    """The number in a layer's name: Conv2DTranspose -> 2."""
    return int(next(c for c in name if c.isdigit()))


def spatial(d: Draw, sizes: tuple[int, ...], channels: int, kwargs: dict[str, Any]) -> np.ndarray:
    """An array of images in one of the two data formats, which is written into ``kwargs``."""
    data_format = d.one(None, "channels_last", "channels_first")
    if data_format:
        kwargs["data_format"] = data_format
    batch = d.int(1, 2)
    shape = (batch, channels, *sizes) if data_format == "channels_first" else (batch, *sizes, channels)
    return d.array(*shape)


def per_axis(d: Draw, values: tuple[int, ...]) -> Any:
    """Numbers for each axis as Keras takes them: one number where all are alike, or a tuple."""
    return values[0] if len(set(values)) == 1 and d.bool() else values


def sliding(d: Draw, rank: int, paddings: tuple[str, ...], *, dilates: bool = True) -> tuple[dict[str, Any], tuple]:
    """Kernel, strides, dilation and padding, and sizes of an image that is large enough for them."""
    kernel = d.ints(rank, 1, 3)
    strides, dilation = (1,) * rank, (1,) * rank
    if d.bool():
        strides = d.ints(rank, 1, 3)
    elif dilates and d.bool():
        dilation = d.ints(rank, 1, 3)
    sizes = tuple((k - 1) * r + d.int(1, 7 - 2 * rank if rank < 3 else 3) for k, r in zip(kernel, dilation))
    kwargs: dict[str, Any] = {"kernel_size": per_axis(d, kernel), "padding": d.one(*paddings)}
    if max(strides) > 1:
        kwargs["strides"] = per_axis(d, strides)
    if max(dilation) > 1:
        kwargs["dilation_rate"] = per_axis(d, dilation)
    return kwargs, sizes


def activity(d: Draw, x: np.ndarray) -> dict[str, Any]:
    return d.activation() | d.settings(use_bias=(False,)) | d.regularizers(*KERNEL)


@samples_of("Conv1D", "Conv2D", "Conv3D")
def conv(d: Draw, name: str) -> Sample:
    rank = rank_of(name)
    kwargs, sizes = sliding(d, rank, ("valid", "same", *(["causal"] if rank == 1 else [])))
    groups = d.one(1, 1, 2, 3)
    kwargs["filters"] = groups * d.int(1, 3)
    if groups > 1:
        kwargs["groups"] = groups
    x = spatial(d, sizes, groups * d.int(1, 2), kwargs)
    return Sample(name, kwargs | activity(d, x), [x])


@samples_of("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
def conv_transpose(d: Draw, name: str) -> Sample:
    rank = rank_of(name)
    kwargs, _ = sliding(d, rank, ("valid", "same"))
    if d.rarely() and "dilation_rate" not in kwargs:
        strides = kwargs.get("strides", 1)
        strides = (strides,) * rank if isinstance(strides, int) else strides
        extra = tuple(d.int(0, s - 1) for s in strides)
        kwargs["output_padding"] = extra[0] if rank == 1 else extra
    kwargs["filters"] = d.int(1, 3)
    x = spatial(d, d.ints(rank, 1, 4 if rank < 3 else 2), d.int(1, 3), kwargs)
    return Sample(name, kwargs | activity(d, x), [x])


@samples_of("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D")
def depthwise(d: Draw, name: str) -> Sample:
    rank = rank_of(name)
    kwargs, sizes = sliding(d, rank, ("valid", "same"))
    if "strides" in kwargs and not isinstance(kwargs["strides"], int):
        kwargs["strides"] = kwargs["strides"][0]  # Keras's are the same along both axes
    if d.bool():
        kwargs["depth_multiplier"] = d.int(1, 3)
    if name.startswith("Separable"):
        kwargs["filters"] = d.int(1, 4)
    x = spatial(d, sizes, d.int(1, 3), kwargs)
    return Sample(name, kwargs | d.activation() | d.settings(use_bias=(False,)), [x])


# -- pooling ----------------------------------------------------------------------------------------------------------
@samples_of(*(f"{kind}Pooling{rank}D" for kind in ("Max", "Average") for rank in (1, 2, 3)))
def pooling(d: Draw, name: str) -> Sample:
    rank = rank_of(name)
    window = d.ints(rank, 1, 3)
    kwargs: dict[str, Any] = {"pool_size": per_axis(d, window), "padding": d.one("valid", "same")}
    if d.bool():
        kwargs["strides"] = per_axis(d, d.ints(rank, 1, 3))
    x = spatial(d, tuple(w + d.int(0, 4 if rank < 3 else 2) for w in window), d.int(1, 3), kwargs)
    return Sample(name, kwargs, [x])


@samples_of(*(f"Global{kind}Pooling{rank}D" for kind in ("Max", "Average") for rank in (1, 2, 3)))
def global_pooling(d: Draw, name: str) -> Sample:
    rank = rank_of(name)
    kwargs: dict[str, Any] = d.settings(keepdims=(True, False))
    x = spatial(d, d.ints(rank, 1, 4), d.int(1, 3), kwargs)
    named = {}
    if name == "GlobalAveragePooling1D" and d.bool():
        steps = x.shape[2 if kwargs.get("data_format") == "channels_first" else 1]
        named["mask"] = d.mask(x.shape[0], steps)
        named["mask"][:, 0] = True  # the mean of nothing is no number
    return Sample(name, kwargs, [x], named)


@samples_of(*(f"Adaptive{kind}Pooling{rank}D" for kind in ("Max", "Average") for rank in (1, 2, 3)))
def adaptive_pooling(d: Draw, name: str) -> Sample:
    rank = rank_of(name)
    kwargs: dict[str, Any] = {"output_size": per_axis(d, d.ints(rank, 1, 3))}
    return Sample(name, kwargs, [spatial(d, d.ints(rank, 1, 6 if rank < 3 else 4), d.int(1, 3), kwargs)])


# -- shapes -----------------------------------------------------------------------------------------------------------
def _pairs(d: Draw, rank: int, high: int) -> tuple[Any, tuple[tuple[int, int], ...]]:
    """Amounts before and after each axis, in one of the forms that Keras takes, and what they mean."""
    form = d.one("number", "tuple", "pairs")
    if form == "number":
        n = d.int(0, high)
        return n, ((n, n),) * rank
    if rank == 1:
        pair = d.ints(2, 0, high)
        return pair, (pair,)
    if form == "tuple":
        each = d.ints(rank, 0, high)
        return each, tuple((n, n) for n in each)
    pairs = tuple(d.ints(2, 0, high) for _ in range(rank))
    return pairs, pairs


@samples_of("Cropping1D", "Cropping2D", "Cropping3D")
def cropping(d: Draw, name: str) -> Sample:
    amounts, pairs = _pairs(d, rank_of(name), 2)
    kwargs: dict[str, Any] = {"cropping": amounts}
    sizes = tuple(a + b + d.int(1, 3) for a, b in pairs)
    x = d.array(d.int(1, 3), *sizes, 2) if name.endswith("1D") else spatial(d, sizes, d.int(1, 2), kwargs)
    return Sample(name, kwargs, [x])


@samples_of("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")
def zero_padding(d: Draw, name: str) -> Sample:
    amounts, pairs = _pairs(d, rank_of(name), 2)
    kwargs: dict[str, Any] = {"padding": amounts}
    return Sample(name, kwargs, [spatial(d, d.ints(len(pairs), 1, 3), d.int(1, 2), kwargs)])


@samples_of("UpSampling1D", "UpSampling2D", "UpSampling3D")
def up_sampling(d: Draw, name: str) -> Sample:
    rank = rank_of(name)
    kwargs: dict[str, Any] = {"size": d.int(1, 3) if rank == 1 else per_axis(d, d.ints(rank, 1, 3))}
    if rank == 1:
        return Sample(name, kwargs, [d.array(d.int(1, 3), d.int(1, 4), d.int(1, 3))])
    if rank == 2:
        kwargs |= d.settings(interpolation=("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"))
    return Sample(name, kwargs, [spatial(d, d.ints(rank, 1, 4), d.int(1, 2), kwargs)])
