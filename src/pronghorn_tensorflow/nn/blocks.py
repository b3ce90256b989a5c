"""Functions of `tf` and `tf.nn` that cut arrays into blocks and windows, and of shapes, for `pronghorn run`."""

from __future__ import annotations

import functools
import time
from typing import Any, NamedTuple

import numpy as np

from pronghorn import ops
from pronghorn.data.element import Text, as_text
from pronghorn.data.element_types import dtype_name
from pronghorn.data.tensor_spec import TensorShape
from pronghorn.engine.graph.strings import holds_text
from pronghorn_tensorflow.math.basic import unique
from pronghorn_tensorflow.nn.basic import conv2d, spatial_extents


class UniqueWithCounts(NamedTuple):
    """What `tf.unique_with_counts` returns."""

    y: Any
    idx: Any
    count: Any


def unique_with_counts(x: Any, out_idx: Any = "int32", name: str | None = None) -> UniqueWithCounts:
    """`tf.unique_with_counts`, for values that are known.

    >>> unique_with_counts([1, 1, 3]).count.tolist()
    [2, 1]
    """
    if holds_text(x):
        order = list(dict.fromkeys(as_text(x).tolist()))
        places = np.array([order.index(entry) for entry in as_text(x).tolist()])
        values: Any = as_text(order)
    else:
        values, found = unique(x)
        places = np.asarray(found)
    counts = np.bincount(places, minlength=len(values))
    return UniqueWithCounts(values, *(ops.convert_to_tensor(part, dtype=str(out_idx)) for part in (places, counts)))


def strided_slice(
    input_: Any, begin: Any, end: Any, strides: Any = None, begin_mask: int = 0, end_mask: int = 0,
    ellipsis_mask: int = 0, new_axis_mask: int = 0, shrink_axis_mask: int = 0, var: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """`tf.strided_slice`: what `x[begin:end:stride]` gives, with bits that say for which axes that is otherwise."""
    begin, end = (np.asarray(part).tolist() for part in (begin, end))
    strides = [1] * len(begin) if strides is None else np.asarray(strides).tolist()
    key: list[Any] = []
    for axis, (first, last, step) in enumerate(zip(begin, end, strides)):
        bit = 1 << axis
        if ellipsis_mask & bit:
            key.append(...)
        elif new_axis_mask & bit:
            key.append(None)
        elif shrink_axis_mask & bit:
            key.append(first)
        else:
            start, stop = (None if begin_mask & bit else first), (None if end_mask & bit else last)
            key.append(slice(start, stop, step))
    if holds_text(input_):
        return as_text(input_)[tuple(key)]
    return ops.convert_to_tensor(input_)[tuple(key)]


# -- shapes -----------------------------------------------------------------------------------------------------------
def broadcast_static_shape(shape_x: Any, shape_y: Any) -> TensorShape:
    """`tf.broadcast_static_shape`.

    Raises:
        ValueError: if the shapes do not go together.
    """
    x, y = TensorShape(shape_x), TensorShape(shape_y)
    rank = max(len(x), len(y))
    pairs = zip([1] * (rank - len(x)) + list(x), [1] * (rank - len(y)) + list(y))
    found = []
    for a, b in pairs:
        if None not in (a, b) and a != b and 1 not in (a, b):
            raise ValueError(f"tf.broadcast_static_shape: the shapes {x} and {y} do not go together.")
        found.append(b if a == 1 else a if b in (1, a) else a if b is None else b)
    return TensorShape(found)


def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Any:
    """`tf.broadcast_dynamic_shape`."""
    shapes = (np.asarray(shape).tolist() for shape in (shape_x, shape_y))
    return ops.convert_to_tensor(np.array(broadcast_static_shape(*shapes), "int32"))


def shape_n(input: Any, out_type: Any = "int32", name: str | None = None) -> list[Any]:
    """`tf.shape_n`."""
    dtype = dtype_name(out_type)
    return [ops.convert_to_tensor(np.array(np.shape(x), dtype), dtype=dtype) for x in input]


def tensors(tensors: Any, control_inputs: Any = None, name: str | None = None) -> list[Any]:
    """`tf.tuple`."""
    return [x if x is None or isinstance(x, Text) else ops.convert_to_tensor(x) for x in tensors]


def timestamp(name: str | None = None) -> Any:
    """`tf.timestamp`: seconds since 1970."""
    return ops.convert_to_tensor(np.float64(time.time()), dtype="float64")


# -- blocks -----------------------------------------------------------------------------------------------------------
def space_to_batch(input: Any, block_shape: Any, paddings: Any, name: str | None = None) -> Any:
    """`tf.space_to_batch`: every so manieth element of the axes behind the first becomes a sample of its own.

    >>> space_to_batch([[[[1], [2]], [[3], [4]]]], [2, 2], [[0, 0], [0, 0]]).shape
    (4, 1, 1, 1)
    """
    x, blocks = ops.convert_to_tensor(input), np.atleast_1d(np.asarray(block_shape)).tolist()
    around = np.asarray(paddings).tolist()
    count = len(around)
    blocks = blocks * count if len(blocks) == 1 else blocks
    x = ops.pad(x, [[0, 0], *around, *[[0, 0]] * (x.ndim - 1 - count)])
    batch, rest = x.shape[0], tuple(x.shape[1 + count :])
    cut = [part for extent, block in zip(x.shape[1:], blocks) for part in (extent // block, block)]
    x = ops.reshape(x, (batch, *cut, *rest))
    inner, outer = range(2, 2 * count + 1, 2), range(1, 2 * count + 1, 2)
    x = ops.transpose(x, (*inner, 0, *outer, *range(2 * count + 1, x.ndim)))
    return ops.reshape(x, (batch * int(np.prod(blocks)), *cut[::2], *rest))


def batch_to_space(input: Any, block_shape: Any, crops: Any, name: str | None = None) -> Any:
    """`tf.batch_to_space`: the other way round of `space_to_batch`."""
    x, blocks = ops.convert_to_tensor(input), np.atleast_1d(np.asarray(block_shape)).tolist()
    cut = np.asarray(crops).tolist()
    count = len(cut)
    blocks = blocks * count if len(blocks) == 1 else blocks
    batch, extents, rest = x.shape[0] // int(np.prod(blocks)), x.shape[1 : 1 + count], tuple(x.shape[1 + count :])
    x = ops.reshape(x, (*blocks, batch, *extents, *rest))
    order = [axis for place in range(count) for axis in (count + 1 + place, place)]
    x = ops.transpose(x, (count, *order, *range(2 * count + 1, x.ndim)))
    x = ops.reshape(x, (batch, *(extent * block for extent, block in zip(extents, blocks)), *rest))
    return x[(slice(None), *(slice(first, extent - last) for (first, last), extent in zip(cut, x.shape[1:])))]


# -- windows ----------------------------------------------------------------------------------------------------------
class MaxPoolWithArgmax(NamedTuple):
    """What `tf.nn.max_pool_with_argmax` returns."""

    output: Any
    argmax: Any


def max_pool_with_argmax(
    input: Any, ksize: Any, strides: Any, padding: str, data_format: str = "NHWC", output_dtype: Any = "int64",
    include_batch_in_index: bool = False, name: str | None = None,
) -> MaxPoolWithArgmax:  # fmt: skip
    """`tf.nn.max_pool_with_argmax`: the maxima of windows, and where in the flat image (or batch) each stands."""
    x = ops.convert_to_tensor(input)
    size, steps = _pair(ksize, data_format), _pair(strides, data_format)
    batch, height, width, channels = x.shape
    around = [_around(extent, k, s, padding) for extent, k, s in zip((height, width), size, steps)]
    low = -np.inf
    wide = ops.pad(ops.cast(x, "float32"), [[0, 0], *around, [0, 0]], constant_values=low)
    numbers = np.arange(height * width * channels).reshape(1, height, width, channels)
    numbers = np.pad(numbers, [[0, 0], *around, [0, 0]])
    rows, columns = (np.arange(0, n + sum(p) - k + 1, s) for n, p, k, s in zip((height, width), around, size, steps))
    rows = rows[:, None] + np.arange(size[0])
    columns = columns[:, None] + np.arange(size[1])
    places = (rows[:, None, :, None], columns[None, :, None, :])
    windows = wide[
        (slice(None), *(np.broadcast_to(p, np.broadcast_shapes(*(q.shape for q in places))) for p in places))
    ]
    shape = (windows.shape[1], windows.shape[2], size[0] * size[1], channels)
    windows = ops.reshape(windows, (batch, *shape))
    numbered = numbers[0][places].reshape(shape)
    best = ops.argmax(windows, axis=3)
    found = ops.max(windows, axis=3)
    index = ops.take_along_axis(
        ops.broadcast_to(ops.convert_to_tensor(numbered.astype("int32")), (batch, *shape)),
        ops.expand_dims(best, 3), axis=3,
    )[:, :, :, 0]  # fmt: skip
    if include_batch_in_index:
        index = index + ops.reshape(ops.arange(batch) * (height * width * channels), (-1, 1, 1, 1))
    return MaxPoolWithArgmax(ops.cast(found, x.dtype), ops.cast(index, dtype_name(output_dtype)))


def _pair(sizes: Any, data_format: str | None) -> tuple[int, int]:
    """The extents along height and width, of one, two or four numbers."""
    spatial = spatial_extents(sizes, 2, data_format)
    return (spatial, spatial) if isinstance(spatial, int) else spatial


def _around(extent: int, size: int, step: int, padding: str) -> tuple[int, int]:
    if padding.upper() == "VALID":
        return 0, 0
    total = max((-(-extent // step) - 1) * step + size - extent, 0)
    return total // 2, total - total // 2


def pool(
    input: Any, window_shape: Any, pooling_type: str, strides: Any = None, padding: str = "VALID",
    data_format: Any = None, dilations: Any = None, name: str | None = None,
) -> Any:  # fmt: skip
    """`tf.nn.pool`: `"MAX"` or `"AVG"` of windows, in which dilations leave elements out.

    Raises:
        ValueError: for another kind, and for dilations with strides or with padding.
    """
    kinds = {"MAX": ops.max_pool, "AVG": ops.average_pool}
    if pooling_type not in kinds:
        raise ValueError(f"tf.nn.pool: pooling_type={pooling_type!r}; it must be 'MAX' or 'AVG'.")
    first = bool(data_format) and data_format.startswith("NC")
    size, steps, spread = (_numbers(given, window_shape) for given in (window_shape, strides, dilations))
    if set(spread) == {1}:
        layout = "channels_first" if first else "channels_last"
        return kinds[pooling_type](input, size, steps, padding.lower(), data_format=layout)
    if set(steps) != {1} or padding.upper() != "VALID":
        raise ValueError(
            f"tf.nn.pool: dilations={dilations!r} go with strides of 1 and padding='VALID'; got strides={strides!r}, "
            f"padding={padding!r}."
        )
    x, axis = ops.convert_to_tensor(input), 2 if first else 1
    counts = [extent - (k - 1) * d for extent, k, d in zip(x.shape[axis:], size, spread)]
    if min(counts) < 1:
        raise ValueError(
            f"tf.nn.pool: a window of {size} with dilations={spread} is larger than the {tuple(x.shape)} that it is in."
        )
    parts = [
        x[(slice(None),) * axis + tuple(slice(i * d, i * d + n) for i, d, n in zip(place, spread, counts))]
        for place in np.ndindex(*size)
    ]
    return functools.reduce(ops.maximum, parts) if pooling_type == "MAX" else sum(parts[1:], parts[0]) / len(parts)


def _numbers(given: Any, like: Any) -> tuple[int, ...]:
    """A number for each axis of a window; ones if none are given."""
    count = np.size(like)
    return (1,) * count if given is None else tuple(np.broadcast_to(np.asarray(given, int), (count,)).tolist())


def convolution(
    input: Any, filters: Any, strides: Any = 1, padding: str = "VALID", data_format: Any = None, dilations: Any = 1,
    name: str | None = None,
) -> Any:  # fmt: skip
    """`tf.nn.convolution`, along as many axes as the filters have."""
    layout = "channels_first" if data_format and data_format.startswith("NC") else "channels_last"
    steps, spread = (1 if given is None else given for given in (strides, dilations))
    return ops.conv(input, filters, strides=steps, padding=padding.lower(), data_format=layout, dilation_rate=spread)


def atrous_conv2d(value: Any, filters: Any, rate: int, padding: str, name: str | None = None) -> Any:
    """`tf.nn.atrous_conv2d`: a convolution whose window has gaps."""
    return conv2d(value, filters, 1, padding.upper(), dilations=rate)
