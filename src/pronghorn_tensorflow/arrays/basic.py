"""TensorFlow's functions that build, cut, order and index arrays, for `pronghorn run`.

They are here, and not plain names of `pronghorn.ops`, because TensorFlow calls the arguments otherwise or means
another thing when they are left out: `tf.argmax` and `tf.cumsum` go along the first axis, `tf.gather` takes rows, and
`tf.split` is given sizes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import ops, tree
from pronghorn.data import RaggedTensor
from pronghorn.data.tensor_spec import RaggedTensorSpec
from pronghorn.engine.graph.tensor import Tensor


def renamed(op: Callable[..., Any], **names: str) -> Callable[..., Any]:
    """An op that takes TensorFlow's names of its arguments; the names given to nodes (`name=`) are ignored.

    >>> renamed(ops.tile, input="x", multiples="repeats")(input=[1], multiples=[2]).shape
    (2,)
    """

    def function(*args: Any, name: str | None = None, **kwargs: Any) -> Any:
        return op(*args, **{names.get(key, key): value for key, value in kwargs.items()})

    function.__name__ = function.__qualname__ = op.__name__
    function.__doc__ = f"`pronghorn.ops.{op.__name__}`, by the names that TensorFlow gives its arguments."
    return function


def _position(op: Callable[..., Any]) -> Callable[..., Any]:
    """`tf.argmax` and `tf.argmin`: along the first axis unless told otherwise, int64."""

    def function(input: Any, axis: int | None = None, output_type: Any = "int64", name: str | None = None) -> Any:
        return ops.cast(op(input, axis=0 if axis is None else axis), output_type)

    return function


argmax = _position(ops.argmax)
argmin = _position(ops.argmin)
broadcast_to = renamed(ops.broadcast_to, input="x")
cast = renamed(ops.cast)
clip_by_value = renamed(ops.clip, t="x", clip_value_min="x_min", clip_value_max="x_max")
concat = renamed(ops.concatenate, values="xs")
expand_dims = renamed(ops.expand_dims, input="x")
ones_like = renamed(ops.ones_like, input="x")
repeat = renamed(ops.repeat, input="x")
reshape = renamed(ops.reshape, tensor="x", shape="newshape")
reverse = renamed(ops.flip, tensor="x")
roll = renamed(ops.roll, input="x")
squeeze = renamed(ops.squeeze, input="x")
stack = renamed(ops.stack, values="x")
unstack = renamed(ops.unstack, value="x")
zeros_like = renamed(ops.zeros_like, input="x")


def boolean_mask(tensor: Any, mask: Any, axis: int = 0, name: str | None = None) -> Any:
    """`tf.boolean_mask`: the parts that a mask along leading axes marks; how many depends on the values."""
    tensor, mask = ops.convert_to_tensor(tensor), ops.convert_to_tensor(mask)
    if axis:
        return ops.take(tensor, ops.nonzero(mask)[0], axis=axis)
    return tensor[ops.nonzero(mask)]


def tile(input: Any, multiples: Any, name: str | None = None) -> Any:
    """`tf.tile`: `multiples` has a number for each axis.

    >>> tile([1, 2], [2]).tolist()
    [1, 2, 1, 2]

    Raises:
        ValueError: if it has not.
    """
    check_multiples(ops.ndim(input), multiples)
    return ops.tile(input, multiples)


def check_multiples(rank: int, multiples: Any) -> None:
    """Refuse numbers that are not one for each axis: NumPy would make axes, or take the last ones."""
    shape = (len(multiples),) if isinstance(multiples, list | tuple) else tuple(ops.shape(multiples))
    if shape not in ((rank,), (None,)):
        said = list(multiples) if isinstance(multiples, list | tuple) else f"an array of shape {shape}"
        raise ValueError(
            f"tf.tile: multiples must be a vector with a number for each of the {rank} axes of input; got {said}. "
            "Write 1 for axes that stay."
        )


def eye(
    num_rows: int,
    num_columns: int | None = None,
    batch_shape: Any = None,
    dtype: Any = "float32",
    name: str | None = None,
) -> Any:
    """`tf.eye`."""
    one = ops.eye(num_rows, num_columns, dtype=dtype)
    return one if batch_shape is None else ops.broadcast_to(one, (*batch_shape, *one.shape))


def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Any:
    """`tf.ensure_shape`: `x`, if its shape is this one.

    Raises:
        ValueError: if it is not.
    """
    x = ops.convert_to_tensor(x)
    if len(shape) != x.ndim or any(want not in (None, have) for want, have in zip(shape, x.shape)):
        raise ValueError(f"tf.ensure_shape: x has shape {x.shape}, which is not {tuple(shape)}.")
    return x


def _check_places(indices: Any, extent: Any) -> None:
    """Refuse indices that are known to be none of an axis: `ops.take` would take another element."""
    places = getattr(indices, "data", None)
    if not isinstance(places, np.ndarray) or not isinstance(extent, int):
        return
    wrong = places[(places < 0) | (places >= extent)]
    if wrong.size:
        raise ValueError(
            f"tf.gather: index {wrong.flat[0]} is not within an axis of {extent}, whose indices begin at 0."
        )


def gather(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    axis: int | None = None,
    batch_dims: int = 0,
    name: Any = None,
) -> Any:
    """`tf.gather`: rows, or what lies at the indices of another axis.

    >>> gather([[1, 2], [3, 4]], [1]).numpy()
    array([[3, 4]], dtype=int32)

    Raises:
        ValueError: for indices that are known to be out of range.
    """
    params, indices = ops.convert_to_tensor(params), ops.convert_to_tensor(indices)
    if axis is not None and not -params.ndim <= axis < params.ndim:
        raise ValueError(f"gather: axis={axis} is out of range for params of {params.ndim} axes.")
    axis = batch_dims if axis is None else axis % params.ndim
    if not batch_dims:
        _check_places(indices, params.shape[axis])
        return ops.take(params, indices, axis=axis)
    inner = gather

    def one(pair: Any) -> Any:
        return inner(pair[0], pair[1], axis=axis - 1, batch_dims=batch_dims - 1)

    return ops.vectorized_map(one, (params, indices))


def gather_nd(params: Any, indices: Any, batch_dims: int = 0, name: str | None = None) -> Any:
    """`tf.gather_nd`: the last axis of `indices` holds coordinates along the first axes of `params`."""
    params, indices = ops.convert_to_tensor(params), ops.convert_to_tensor(indices)
    if batch_dims:
        return ops.vectorized_map(lambda pair: gather_nd(pair[0], pair[1], batch_dims - 1), (params, indices))
    return params[tuple(indices[..., i] for i in range(indices.shape[-1]))]


def one_hot(
    indices: Any,
    depth: int,
    on_value: Any = None,
    off_value: Any = None,
    axis: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Any:
    """`tf.one_hot`."""
    given = [v for v in (on_value, off_value) if v is not None]
    dtype = dtype or (ops.convert_to_tensor(given[0]).dtype if given else "float32")
    on_value, off_value = 1 if on_value is None else on_value, 0 if off_value is None else off_value
    hot = ops.one_hot(indices, depth, axis=-1 if axis is None else axis, dtype="bool")
    return ops.where(hot, ops.cast(on_value, dtype), ops.cast(off_value, dtype))


def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0, name: str | None = None) -> Any:
    """`tf.pad`."""
    mode = mode.lower()
    return ops.pad(tensor, paddings, mode=mode, constant_values=constant_values if mode == "constant" else None)


def arange(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str = "range") -> Any:
    """`tf.range`."""
    return ops.arange(0, start, delta, dtype=dtype) if limit is None else ops.arange(start, limit, delta, dtype=dtype)


def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Any:
    """`tf.scatter_nd`: zeros to which values are added."""
    return ops.scatter(indices, updates, tuple(int(n) for n in shape))


def _scatter_with(reduction: str | None) -> Callable[..., Any]:
    def function(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Any:
        return ops.scatter_update(tensor, indices, updates, reduction=reduction)

    return function


tensor_scatter_nd_update = _scatter_with(None)
tensor_scatter_nd_add = _scatter_with("add")
tensor_scatter_nd_max = _scatter_with("max")
tensor_scatter_nd_min = _scatter_with("min")


def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = "bool", name: str | None = None) -> Any:
    """`tf.sequence_mask`: for each length, that many ones and then zeros."""
    lengths = ops.convert_to_tensor(lengths)
    if maxlen is None:
        maxlen = int(ops.max(lengths))
    return ops.cast(ops.arange(maxlen) < ops.expand_dims(lengths, -1), dtype)


def _backwards(direction: str) -> bool:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(f"direction must be 'ASCENDING' or 'DESCENDING', got {direction!r}.")
    return direction == "DESCENDING"


def sort(values: Any, axis: int = -1, direction: str = "ASCENDING", name: str | None = None) -> Any:
    """`tf.sort`."""
    found = ops.sort(values, axis=axis)
    return ops.flip(found, axis=axis) if _backwards(direction) else found


def argsort(values: Any, axis: int = -1, direction: str = "ASCENDING", stable: bool = False, name: Any = None) -> Any:
    """`tf.argsort`; equal values keep their order in both directions."""
    if not _backwards(direction):
        return ops.argsort(values, axis=axis)
    found = ops.flip(ops.argsort(ops.flip(values, axis=axis), axis=axis), axis=axis)
    return ops.convert_to_tensor(values).shape[axis] - 1 - found


def split(value: Any, num_or_size_splits: Any, axis: int = 0, num: int | None = None, name: str = "split") -> list[Any]:
    """`tf.split`: into so many equal parts, or into parts of these sizes; one size may be -1.

    >>> [part.shape for part in split(ops.zeros((5, 2)), [1, -1])]
    [(1, 2), (4, 2)]

    Raises:
        ValueError: if the sizes do not add up to the axis.
    """
    value = ops.convert_to_tensor(value)
    if np.ndim(num_or_size_splits) == 0:
        return list(ops.split(value, int(num_or_size_splits), axis=axis))
    sizes, extent = [int(n) for n in num_or_size_splits], value.shape[axis]
    if -1 in sizes:
        sizes[sizes.index(-1)] = extent - sum(sizes) - 1
    if sum(sizes) != extent or min(sizes) < 0:
        raise ValueError(f"tf.split: sizes {list(num_or_size_splits)} do not add up to axis {axis} of {value.shape}.")
    return list(ops.split(value, list(itertools.accumulate(sizes))[:-1], axis=axis))


def slice_of(input_: Any, begin: Any, size: Any, name: str | None = None) -> Any:
    """`tf.slice`: so many elements of each axis from a place on; -1 for all that there are.

    >>> slice_of([1, 2, 3, 4], [1], [-1]).tolist()
    [2, 3, 4]

    Raises:
        ValueError: if there are not so many.
    """
    x, begin, size = ops.convert_to_tensor(input_), list(begin), list(map(int, size))
    if len(begin) != x.ndim or len(size) != x.ndim:
        raise ValueError(f"tf.slice: begin={begin} and size={size} must have a number for each axis of {x.shape}.")
    if any(isinstance(start, Tensor) and start.is_traced for start in begin):
        return ops.slice(x, ops.stack(begin), size)
    starts = list(map(int, begin))
    ends = [extent if n == -1 else start + n for start, n, extent in zip(starts, size, x.shape)]
    for start, end, extent in zip(starts, ends, x.shape):
        if isinstance(extent, int) and not 0 <= start <= end <= extent:
            raise ValueError(f"tf.slice: begin={starts} and size={size} reach outside of an array of shape {x.shape}.")
    return x[tuple(map(slice, starts, ends))]


def transpose(a: Any, perm: Any = None, conjugate: bool = False, name: str | None = None) -> Any:
    """`tf.transpose`."""
    found = ops.transpose(a, axes=perm)
    return ops.conj(found) if conjugate else found


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """`tf.where`: a choice, or, without `x` and `y`, the coordinates of what is true."""
    if x is None and y is None:
        return ops.cast(ops.stack(ops.nonzero(condition), axis=-1), "int64")
    return ops.where(condition, x, y)


def map_fn(
    fn: Callable[[Any], Any], elems: Any, dtype: Any = None, fn_output_signature: Any = None, **ignored: Any
) -> Any:
    """`tf.map_fn`: rows of different lengths where `fn_output_signature` says so."""
    if isinstance(fn_output_signature, RaggedTensorSpec):
        elems = tree.map_structure(ops.convert_to_tensor, elems)
        count = len(tree.flatten(elems)[0])
        rows = [fn(tree.map_structure(lambda x: x[i], elems)) for i in range(count)]  # noqa: B023
        return RaggedTensor.of([np.asarray(row).tolist() for row in rows], fn_output_signature.dtype)
    return ops.map(fn, tree.map_structure(ops.convert_to_tensor, elems))


def scan(
    fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, reverse: bool = False, **ignored: Any
) -> Any:
    """`tf.scan`: every intermediate result; without an initializer the first element is the first result."""
    elems = tree.map_structure(ops.convert_to_tensor, elems)

    def step(carry: Any, element: Any) -> Any:
        found = fn(carry, element)
        return found, found

    if initializer is not None:
        return ops.scan(step, initializer, elems, reverse=reverse)[1]
    at = -1 if reverse else 0
    first = tree.map_structure(lambda x: x[at], elems)
    rest = tree.map_structure(lambda x: x[:-1] if reverse else x[1:], elems)
    _, found = ops.scan(step, first, rest, reverse=reverse)

    def joined(one: Any, others: Any) -> Any:
        one = ops.expand_dims(one, 0)
        return ops.concatenate([others, one] if reverse else [one, others], axis=0)

    return tree.map_structure(joined, first, found)


def foldl(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, **ignored: Any) -> Any:
    """`tf.foldl`: the last result of `scan`."""
    return tree.map_structure(lambda x: x[-1], scan(fn, elems, initializer))
