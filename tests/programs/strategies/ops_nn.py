"""Calls of the ops of networks: convolutions, pooling, normalisation, attention, losses."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from strategies.ops_common import Call, apart, axis, covers, floats, integers, optional, pick, shape

SPATIAL = {1: (1, 9), 2: (1, 6), 3: (1, 4)}


def _format(draw: Any, x: np.ndarray) -> tuple[np.ndarray, dict[str, str]]:
    """The same image with its channels last, or first and said so."""
    if draw(st.integers(0, 3)):
        return x, {} if draw(st.booleans()) else {"data_format": "channels_last"}
    return np.ascontiguousarray(np.moveaxis(x, -1, 1)), {"data_format": "channels_first"}


def _one_or_each(draw: Any, rank: int, low: int, high: int) -> Any:
    """A number for all dimensions, or a tuple."""
    if draw(st.booleans()):
        return draw(st.integers(low, high))
    return tuple(draw(st.integers(low, high)) for _ in range(rank))


def _strides_or_dilation(draw: Any, rank: int) -> dict[str, Any]:
    kind = pick(draw, "plain", "strides", "dilation")
    if kind == "strides":
        return {"strides": _one_or_each(draw, rank, 1, 3)}
    return {"dilation_rate": _one_or_each(draw, rank, 1, 2)} if kind == "dilation" else {}


@covers("conv depthwise_conv separable_conv")
def convolution(draw: Any, name: str) -> Call:
    rank = draw(st.integers(1, 3 if name == "conv" else 2))
    channels, groups = draw(st.integers(1, 3)), draw(st.integers(1, 2)) if name == "conv" else 1
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    kwargs = _strides_or_dilation(draw, rank) | {"padding": pick(draw, "valid", "same")}
    least = 5 if kwargs["padding"] == "valid" else 1
    spatial = tuple(least + draw(st.integers(0, SPATIAL[rank][1] - 1)) for _ in range(rank))
    x, form = _format(draw, floats(draw, (draw(st.integers(1, 3)), *spatial, channels * groups)))
    if name == "conv":
        return Call(name, (x, floats(draw, (*kernel, channels, groups * draw(st.integers(1, 3))))), kwargs | form)
    multiplier = draw(st.integers(1, 2))
    depthwise = floats(draw, (*kernel, channels, multiplier))
    if name == "depthwise_conv":
        return Call(name, (x, depthwise), kwargs | form)
    pointwise = floats(draw, (*[1] * rank, channels * multiplier, draw(st.integers(1, 3))))
    return Call(name, (x, depthwise, pointwise), kwargs | form)


@covers("conv_transpose")
def conv_transpose(draw: Any, name: str) -> Call:
    rank = draw(st.integers(1, 3))
    kernel = tuple(draw(st.integers(1, 4)) for _ in range(rank))
    spatial = shape(draw, rank, rank, (1, 4))
    kwargs = _strides_or_dilation(draw, rank) | {"padding": pick(draw, "valid", "same")}
    strides = kwargs.get("strides", 1)
    strides = (strides,) * rank if isinstance(strides, int) else strides
    if "strides" in kwargs and draw(st.booleans()):
        kwargs["output_padding"] = tuple(draw(st.integers(0, s - 1)) for s in strides)
    x, form = _format(draw, floats(draw, (draw(st.integers(1, 2)), *spatial, channels := draw(st.integers(1, 3)))))
    return Call(name, (x, floats(draw, (*kernel, draw(st.integers(1, 3)), channels))), kwargs | form)


@covers("max_pool average_pool")
def pool(draw: Any, name: str) -> Call:
    rank = draw(st.integers(1, 3))
    spatial = tuple(3 + draw(st.integers(0, 4)) for _ in range(rank))
    x, form = _format(draw, apart(draw, (draw(st.integers(1, 2)), *spatial, draw(st.integers(1, 3)))))
    kwargs = {"padding": pick(draw, "valid", "same")} | optional(draw, {"strides": st.integers(1, 3)})
    return Call(name, (x, _one_or_each(draw, rank, 1, 3)), kwargs | form)


@covers("adaptive_average_pool adaptive_max_pool")
def adaptive_pool(draw: Any, name: str) -> Call:
    rank = draw(st.integers(1, 3))
    # Up to 6: from 7 to 7, rounding makes Keras read outside of the image.
    spatial = tuple(draw(st.integers(1, 6)) for _ in range(rank))
    size = (
        draw(st.integers(1, min(spatial))) if draw(st.booleans()) else tuple(draw(st.integers(1, n)) for n in spatial)
    )
    x, form = _format(draw, apart(draw, (draw(st.integers(1, 2)), *spatial, draw(st.integers(1, 3)))))
    return Call(name, (x, size), form)


@covers("batch_normalization layer_normalization rms_normalization")
def normalization(draw: Any, name: str) -> Call:
    extents = shape(draw, 2, 4, (2, 4))
    where = axis(draw, len(extents)) if name == "batch_normalization" else -1
    x, n = floats(draw, extents), (extents[where],)
    parameters = [floats(draw, n) if draw(st.booleans()) else None for _ in range(2)]
    if name == "batch_normalization":
        kwargs = optional(draw, {"epsilon": st.sampled_from((1e-3, 0.1))})
        return Call(name, (x, floats(draw, n), floats(draw, n, 0.2, 2), where, *parameters), kwargs)
    kwargs = optional(draw, {"epsilon": st.sampled_from((1e-3, 0.1))})
    if name == "rms_normalization":
        return Call(name, (x, parameters[0]), kwargs | {"axis": where})
    if len(extents) > 2 and draw(st.booleans()):
        several = (-2, -1)
        parameters = [floats(draw, extents[-2:]) if p is not None else None for p in parameters]
        return Call(name, (x, *parameters), kwargs | {"axis": several, "epsilon": 0.01})
    return Call(name, (x, *parameters), kwargs | {"axis": where, "epsilon": kwargs.get("epsilon", 0.01)})


@covers("dot_product_attention")
def attention(draw: Any, name: str) -> Call:
    batch, asked, kept, groups, size = (draw(st.integers(1, 4)) for _ in range(5))
    heads = groups * draw(st.integers(1, 2))
    query, key, value = (
        floats(draw, form) for form in ((batch, asked, heads, size), *((batch, kept, groups, size),) * 2)
    )
    bias = floats(draw, (batch, heads, asked, kept)) if draw(st.booleans()) else None
    mask = integers(draw, (batch, heads, asked, kept), 0, 2, "bool") if draw(st.booleans()) else None
    if mask is not None:
        mask[..., 0] = True  # what sees nothing at all is no question of rounding
    causal = mask is None and draw(st.booleans())
    return Call(
        name, (query, key, value, bias, mask), {"is_causal": causal} | optional(draw, {"scale": st.floats(0.2, 2)})
    )


@covers("binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy")
def crossentropy(draw: Any, name: str) -> Call:
    extents = shape(draw, 1, 3, (2, 5))
    logits = draw(st.booleans())
    output = floats(draw, extents) if logits else floats(draw, extents, 0.05, 0.95)
    if name == "binary_crossentropy":
        return Call(name, (floats(draw, extents, 0, 1), output), {"from_logits": logits})
    where = pick(draw, -1, axis(draw, len(extents)))
    if name == "categorical_crossentropy":
        return Call(name, (floats(draw, extents, 0, 1), output), {"from_logits": logits, "axis": where})
    rows = list(extents)
    classes = rows.pop(where)
    target = integers(draw, rows, 0, classes)
    if where == -1 and draw(st.booleans()):
        target = target[..., None]
    return Call(name, (target, output), {"from_logits": logits, "axis": where})


@covers("depth_to_space space_to_depth")
def blocks(draw: Any, name: str) -> Call:
    block = draw(st.integers(1, 3))
    n, h, w, c = (draw(st.integers(1, 3)) for _ in range(4))
    extents = (n, h, w, c * block**2) if name == "depth_to_space" else (n, h * block, w * block, c)
    x, form = _format(draw, floats(draw, extents))
    return Call(name, (x, block), form)


@covers("unfold fold")
def patches(draw: Any, name: str) -> Call:
    kernel = _one_or_each(draw, 2, 1, 3)
    kwargs = {"dilation": pick(draw, 1, 2), "padding": draw(st.integers(0, 2)), "stride": _one_or_each(draw, 2, 1, 2)}
    n, c, h, w = draw(st.integers(1, 2)), draw(st.integers(1, 3)), draw(st.integers(5, 8)), draw(st.integers(5, 8))
    if name == "unfold":
        return Call(name, (floats(draw, (n, c, h, w)), kernel), kwargs)
    sizes = (kernel, kernel) if isinstance(kernel, int) else kernel
    # Where patches leave gaps, or the last one ends before the image does, JAX's image has another size.
    strides = kwargs["stride"] if isinstance(kwargs["stride"], tuple) else (kwargs["stride"],) * 2
    strides = kwargs["stride"] = tuple(min(s, kwargs["dilation"] * (k - 1) + 1) for s, k in zip(strides, sizes))
    places = [
        (extent + 2 * kwargs["padding"] - kwargs["dilation"] * (k - 1) - 1) // s + 1
        for extent, k, s in zip((h, w), sizes, strides)
    ]
    h, w = (
        (count - 1) * s + kwargs["dilation"] * (k - 1) + 1 - 2 * kwargs["padding"]
        for count, k, s in zip(places, sizes, strides)
    )
    x = floats(draw, (n, c * sizes[0] * sizes[1], places[0] * places[1]))
    return Call(name, (x, (h, w), kernel), kwargs)


@covers("ctc_loss ctc_decode")
def connectionist(draw: Any, name: str) -> Call:
    batch, steps, classes = draw(st.integers(1, 3)), draw(st.integers(3, 7)), draw(st.integers(2, 5))
    scores = apart(draw, (batch, steps, classes), 0.11)
    lengths = integers(draw, (batch,), min(3, steps), steps + 1)
    if name == "ctc_decode":
        kwargs = {"strategy": "greedy", "merge_repeated": draw(st.booleans()), "mask_index": pick(draw, 0, classes - 1)}
        return Call(name, (scores, lengths), kwargs, gradient=False)
    # Labels that differ from their neighbours always fit into the steps.
    longest = draw(st.integers(1, 3)) if classes > 2 else 1
    target = np.asarray([[1 + (i + b) % (classes - 1) for i in range(longest)] for b in range(batch)], "int32")
    return Call(name, (target, scores, integers(draw, (batch,), 1, longest + 1), lengths), tolerance=2e-5)
