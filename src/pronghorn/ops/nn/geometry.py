"""Arguments of convolutions and pooling: one number an axis, and the padding they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pronghorn import config
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Extent, SymbolicDimError, comparable
from pronghorn.engine.graph.tensor import Tensor

Pairs = tuple[tuple[int, int], ...]


def per_axis(value: Any, rank: int, name: str, what: str) -> tuple[int, ...]:
    """One positive integer for each of ``rank`` axes.

    Raises:
        ValueError: if there are others, or more or fewer.
    """
    if isinstance(value, np.ndarray) or (isinstance(value, Tensor) and not value.is_traced):
        value = value.tolist()
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank
    if len(values) == 1 and rank > 1:
        values = values * rank
    if len(values) != rank or any(not hasattr(v, "__index__") or isinstance(v, bool) or int(v) < 1 for v in values):
        raise ValueError(
            f"{name}: {what}={value!r}; it must be a positive integer, or one for each of the {rank} spatial axes."
        )
    return tuple(int(v) for v in values)


def same_padding(size: Extent, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """What "same" adds before and after an axis, so that one output comes from each ``stride`` inputs."""
    reach = (kernel - 1) * dilation + 1
    if stride == 1:
        total = reach - 1
    elif comparable(size):
        outputs = -(-size // stride)
        total = max((outputs - 1) * stride + reach - size, 0)
    else:
        raise SymbolicDimError(f"The padding 'same' of an axis of {size} is not known before the extent is.")
    return total // 2, total - total // 2


def padding_pairs(
    name: str,
    padding: Any,
    sizes: Sequence[Extent],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    causal: bool = False,
) -> Pairs:
    """Padding before and after each axis for "valid", "same" or, where it makes sense, "causal"."""
    kind = padding.lower() if isinstance(padding, str) else padding
    if kind == "valid":
        return ((0, 0),) * len(sizes)
    if kind == "same":
        return tuple(same_padding(*axis) for axis in zip(sizes, kernel, strides, dilation))
    if kind == "causal" and causal:
        return tuple(((k - 1) * d, 0) for k, d in zip(kernel, dilation))
    known = "'valid', 'same' or 'causal'" if causal else "'valid' or 'same'"
    raise ValueError(f"{name}: padding={padding!r}; it must be {known}.")


def leaves_empty(size: Extent, padding: str) -> bool:
    """Whether an axis without elements stays one: of padding alone nothing is computed, unlike with "valid", where even
    one window needs elements."""
    return size == 0 and padding.lower() != "valid"


def channels_first(data_format: Any) -> bool:
    """Whether channels come right after the batch axis."""
    return config.standardize_data_format(data_format) == "channels_first"


def to_channels_last(x: Tensor, first: bool) -> Tensor:
    """``[n, c, *spatial]`` to ``[n, *spatial, c]`` if ``first``."""
    return P.transpose(x, perm=(0, *range(2, x.ndim), 1)) if first else x


def from_channels_last(x: Tensor, first: bool) -> Tensor:
    """``[n, *spatial, c]`` to ``[n, c, *spatial]`` if ``first``."""
    return P.transpose(x, perm=(0, x.ndim - 1, *range(1, x.ndim - 1))) if first else x


def spatial_rank(name: str, x: Tensor) -> int:
    """How many spatial axes a batch of samples has.

    Raises:
        ValueError: if it is not 1, 2 or 3.
    """
    if not 3 <= x.ndim <= 5:
        raise ValueError(
            f"{name}: inputs must have a batch axis, 1 to 3 spatial axes and a channel axis; got shape {x.shape}. "
            "A single sample needs a batch axis in front: ops.expand_dims(x, 0)."
        )
    return x.ndim - 2
