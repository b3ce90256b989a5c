"""`tf.ragged`, and TensorFlow's functions of arrays where an argument is a `RaggedTensor`, for `pronghorn run`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.data.element import Text, as_text
from pronghorn.data.padded_rows import PaddedRows
from pronghorn.data.ragged import RaggedTensor, elementwise, map_flat_values, taken, values_of
from pronghorn.data.row_parts import joined
from pronghorn.engine.graph.dtypes import is_integer, limits
from pronghorn_tensorflow.printing.print import tf_print
from pronghorn_tensorflow.rows.ragged_functions import axis_of, map_fn, softmax, squeeze, tile
from pronghorn_tensorflow.rows.sparse import SparseTensor

__all__ = ["constant", "map_flat_values", "with_ragged"]


def constant(
    pylist: Any,
    dtype: Any = None,
    ragged_rank: int | None = None,
    name: str | None = None,
    inner_shape: Any = None,
    row_splits_dtype: Any = "int64",
) -> Any:
    """`tf.ragged.constant`: nested lists.

    >>> constant([["a"], []]).to_list()
    [[b'a'], []]
    """
    rows = RaggedTensor.of(pylist, dtype, ragged_rank)
    return rows.with_row_splits_dtype(row_splits_dtype) if isinstance(rows, RaggedTensor) else rows


def stack(values: Any, axis: int = 0, name: str | None = None) -> Any:
    """`tf.ragged.stack`: arrays of different lengths, each a row.

    >>> stack([[[1, 2], [3, 4]], [[5]]]).to_list()
    [[[1, 2], [3, 4]], [[5]]]
    """
    if axis:
        raise ValueError(f"tf.ragged.stack: axis={axis}; the first axis is the one that is there.")
    values = [values_of(x) for x in values]
    if len({tuple(x.shape[1:]) for x in values}) > 1:
        values = [x if isinstance(x, RaggedTensor) else RaggedTensor.from_tensor(x) for x in values]
    return RaggedTensor.from_row_lengths(_joined(values), [len(x) for x in values])


def concat(values: Any, axis: Any, name: str | None = None) -> Any:
    """`tf.concat`, where arrays may be rows of different lengths."""
    values = [x if isinstance(x, RaggedTensor) else RaggedTensor.from_tensor(x) for x in values]
    axis = int(axis) % values[0].ndim
    if axis == 0:
        lengths = np.concatenate([np.diff(x.splits) for x in values])
        return RaggedTensor.from_row_lengths(_joined([x.values for x in values]), lengths)
    if axis > 1:
        return values[0].with_values(concat([x.values for x in values], axis - 1))
    count = len(values[0])
    together = concat(values, 0)
    order = [i * count + row for row in range(count) for i in range(len(values))]
    mixed = together.take(order)
    return RaggedTensor(mixed.values, mixed.splits[:: len(values)])


def _joined(values: list[Any]) -> Any:
    """Arrays, one behind the other."""
    if isinstance(values[0], RaggedTensor):
        return concat(values, 0)
    if isinstance(values[0], Text):
        return as_text(np.concatenate([np.asarray(x) for x in values]))
    return ops.concatenate(values, axis=0)


def arange(starts: Any, limits: Any = None, deltas: Any = 1, **ignored: Any) -> RaggedTensor:
    """`tf.ragged.range`: a row of numbers for each limit."""
    starts, limits = (0, starts) if limits is None else (starts, limits)
    rows = [np.arange(*entry) for entry in np.broadcast(np.asarray(starts), np.asarray(limits), np.asarray(deltas))]
    flat = np.concatenate([*rows, np.zeros(0, rows[0].dtype if rows else "int32")])
    is_double = any(getattr(x, "dtype", "") == "float64" for x in (starts, limits, deltas))
    dtype = "int32" if flat.dtype.kind == "i" else "float64" if is_double else "float32"
    return RaggedTensor.from_row_lengths(flat.astype(dtype), [len(r) for r in rows])


def boolean_mask(data: Any, mask: Any, name: str | None = None) -> Any:
    """`tf.ragged.boolean_mask`: the entries of each row that a mask marks."""
    data, mask = (x if isinstance(x, RaggedTensor) else np.asarray(values_of(x)) for x in (data, mask))
    if isinstance(mask, np.ndarray):
        if mask.ndim == 1:
            return _marked(data, mask)
        mask = RaggedTensor.from_tensor(mask)
    data = data if isinstance(data, RaggedTensor) else RaggedTensor.from_tensor(data)
    if not np.array_equal(data.splits, mask.splits):
        raise ValueError(f"tf.ragged.boolean_mask: the rows of {data.shape} and of the mask differ in length.")
    if isinstance(mask.values, RaggedTensor) or len(mask.values.shape) > 1:
        return data.with_values(boolean_mask(data.values, mask.values))
    before = np.concatenate([[0], np.cumsum(np.asarray(mask.values, bool))])
    return RaggedTensor(_marked(data.values, np.asarray(mask.values)), before[data.splits])


def _marked(data: Any, mask: np.ndarray) -> Any:
    """The rows that a vector marks."""
    if len(data) != len(mask):
        raise ValueError(f"tf.ragged.boolean_mask: a mask of {len(mask)} for {len(data)} rows.")
    return taken(values_of(data), np.flatnonzero(mask))


# -- functions of arrays ----------------------------------------------------------------------------------------------
def _reduction(name: str) -> Callable[..., Any]:
    """A reduction: of all entries, along the rows, or across them."""
    whole = getattr(ops, name)

    def of_segments(flat: Any, ids: np.ndarray, count: int) -> Any:
        ids = ids.astype("int32")
        if name in ("all", "any"):
            hits = ops.segment_sum(ops.cast(flat if name == "any" else ops.logical_not(flat), "int32"), ids, count)
            return hits > 0 if name == "any" else ops.equal(hits, 0)
        if name == "max":
            found = ops.segment_max(flat, ids, count)
            return found if is_integer(flat.dtype) else ops.maximum(found, limits(flat.dtype)[0])  # of none: finite
        if name == "min":
            turn = ops.bitwise_not if is_integer(flat.dtype) else ops.negative  # the least has no negative
            found = turn(ops.segment_max(turn(flat), ids, count))
            return found if is_integer(flat.dtype) else ops.minimum(found, limits(flat.dtype)[1])
        total = ops.segment_sum(flat, ids, count)
        if name == "sum":
            return total
        lengths = np.bincount(ids, minlength=count).reshape(-1, *[1] * (len(flat.shape) - 1))
        return total / ops.cast(ops.convert_to_tensor(lengths), total.dtype)

    def function(input_tensor: Any, axis: Any = None, keepdims: bool = False, **ignored: Any) -> Any:
        rows = input_tensor
        if name == "mean" and is_integer(rows.dtype):
            rows = rows.mapped(lambda x: ops.cast(x, "float64"))
        if isinstance(rows, PaddedRows):
            return _of_padded(rows, name, axis, keepdims)
        if axis is None:
            return whole(rows.flat_values)
        if np.size(axis) > 1:
            return _along_several(rows, name, np.reshape(axis, -1).tolist(), keepdims)
        axis = axis_of(axis, rows, f"reduce_{name}")
        if axis < 2 and not isinstance(rows.values, RaggedTensor):
            if name == "prod":
                found = ops.prod(rows.to_tensor(1), axis=axis)
            else:
                ids, count = rows._rows(), len(rows)
                if axis == 0:
                    ids, count = np.arange(len(ids)) - rows.splits[ids], int(np.diff(rows.splits).max(initial=0))
                found = of_segments(rows.values, ids, count)
            return ops.expand_dims(found, axis) if keepdims else found
        if axis > 1:
            inner = rows.values
            found = (
                function(inner, axis - 1, keepdims) if isinstance(inner, RaggedTensor) else whole(inner, axis=axis - 1)
            )
            return rows.with_values(found)
        if rows.ragged_rank > 2:
            raise ValueError(
                f"tf.reduce_{name}: axis={axis} of a RaggedTensor of shape {rows.shape}; use to_tensor() first."
            )
        lengths, ids = _met(rows, axis)
        if name == "prod":
            found = RaggedTensor.from_tensor(ops.prod(rows.to_tensor(1), axis=axis), lengths)
        else:
            found = RaggedTensor.from_row_lengths(of_segments(rows.flat_values, ids, int(lengths.sum())), lengths)
        return _expand_dims(found, axis) if keepdims else found

    return function


def _met(rows: RaggedTensor, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the values of rows of rows meet, without axis 0 or 1: the lengths of the rows, and each value's place."""
    inner = rows.values
    outer = rows._rows()
    group = outer if axis == 1 else np.arange(len(inner)) - rows.splits[outer]
    lengths = np.zeros(len(rows) if axis == 1 else np.diff(rows.splits).max(initial=0), "int64")
    np.maximum.at(lengths, group, np.diff(inner.splits))
    row = inner._rows()
    return lengths, (np.cumsum(lengths) - lengths)[group[row]] + np.arange(len(row)) - inner.splits[row]


def _spread(name: str) -> Callable[..., Any]:
    """A variance, or its root: what the mean of squares has more than the square of the mean."""

    def function(input_tensor: Any, axis: Any = None, keepdims: bool = False, **ignored: Any) -> Any:
        rows = input_tensor
        if is_integer(rows.dtype):
            rows = rows.mapped(lambda x: ops.cast(x, "float64"))
        mean = _HANDLERS["reduce_mean"]
        of_squares, of_rows = (mean(x, axis=axis, keepdims=keepdims) for x in (rows.mapped(ops.square), rows))

        def result(of_squares: Any, of_rows: Any) -> Any:
            found = ops.maximum(ops.subtract(of_squares, ops.square(of_rows)), 0)
            return ops.sqrt(found) if name == "std" else found

        is_ragged = isinstance(of_rows, RaggedTensor)
        return elementwise(result, of_squares, of_rows) if is_ragged else result(of_squares, of_rows)

    return function


def _along_several(rows: Any, name: str, axes: list[int], keepdims: bool) -> Any:
    """A reduction along several axes, one after the other; a mean is a sum and a number of values."""
    if name == "mean":
        count = _along_several(map_flat_values(ops.ones_like, rows), "sum", axes, keepdims)
        return _along_several(rows, "sum", axes, keepdims) / count
    for axis in sorted({axis_of(axis, rows, f"reduce_{name}") for axis in axes}, reverse=True):
        reduce = _HANDLERS[f"reduce_{name}"] if isinstance(rows, RaggedTensor) else getattr(ops, name)
        rows = reduce(rows, axis=axis, keepdims=keepdims)
    return rows


def _of_padded(rows: PaddedRows, name: str, axis: Any, keepdims: bool) -> Any:
    """A reduction of rows in a step that is being compiled."""
    axis = axis_of(axis, rows, f"reduce_{name}")
    if axis > 1:
        return rows.mapped(lambda x: getattr(ops, name)(x, axis=axis, keepdims=keepdims))
    if axis == 0:
        raise ValueError(f"tf.reduce_{name}: axis=0 of a RaggedTensor in a model; use to_tensor() first.")
    return rows.reduced(name, keepdims)


def _expand_dims(input: Any, axis: int, name: str | None = None) -> Any:
    axis = axis % (input.ndim + 1)
    if axis == 0:
        return RaggedTensor(input, [0, len(input)])
    if axis == 1:
        return RaggedTensor(input, np.arange(len(input) + 1))
    inner = input.values
    return input.with_values(
        _expand_dims(inner, axis - 1) if isinstance(inner, RaggedTensor) else _expanded(inner, axis - 1)
    )


def _expanded(values: Any, axis: int) -> Any:
    return as_text(np.expand_dims(values, axis)) if isinstance(values, Text) else ops.expand_dims(values, axis)


def _gather(
    params: Any, indices: Any, validate_indices: Any = None, axis: Any = 0, batch_dims: Any = 0, name: Any = None
) -> Any:
    if axis or batch_dims:
        raise ValueError(
            f"tf.gather: axis={axis!r} and batch_dims={batch_dims!r} with a RaggedTensor; here it takes whole rows, "
            "axis=0. Use to_tensor() first."
        )
    if isinstance(indices, RaggedTensor):
        return indices.with_flat_values(_gather(params, indices.flat_values))
    if not isinstance(params, RaggedTensor):
        return ops.take(params, indices, axis=0)
    places = np.asarray(indices)
    return params[int(places)] if places.ndim == 0 else params.take(places)


def _reverse(tensor: Any, axis: Any, name: str | None = None) -> Any:
    axes = [int(a) % tensor.ndim for a in np.atleast_1d(axis)]
    if 0 in axes:
        tensor = tensor.take(np.arange(len(tensor))[::-1])
    if 1 in axes:
        places = [np.arange(a, b)[::-1] for a, b in zip(tensor.splits, tensor.splits[1:])]
        tensor = tensor.with_values(taken(tensor.values, joined(places)))
    return tensor


def _one_hot(indices: Any, depth: int, **kwargs: Any) -> Any:
    return indices.with_flat_values(ops.one_hot(indices.flat_values, depth, dtype=kwargs.get("dtype") or "float32"))


def _where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    if (x is None) != (y is None):
        raise ValueError("tf.where: pass both x and y, or neither of them.")
    if x is not None:
        return elementwise(ops.where, condition, x, y)
    places = np.asarray(list(_places(condition)), "int64").reshape(-1, condition.ndim)
    return ops.convert_to_tensor(places[np.asarray(condition.flat_values, bool).reshape(-1)], dtype="int64")


_HANDLERS: dict[str, Callable[..., Any]] = {
    **{f"reduce_{name}": _reduction(name) for name in ("all", "any", "max", "mean", "min", "prod", "sum")},
    **{f"reduce_{name}": _spread(name) for name in ("std", "variance")},
    "boolean_mask": boolean_mask,
    "concat": concat,
    "convert_to_tensor": lambda value, *a, **k: value,
    "embedding_lookup": _gather,
    "expand_dims": _expand_dims,
    "gather": _gather,
    "identity": lambda x, *a, **k: x,
    "map_fn": map_fn,
    "one_hot": _one_hot,
    "rank": lambda x, **k: x.ndim,
    "reverse": _reverse,
    "shape": lambda x, *a, **k: tuple(x.bounding_shape().tolist()),
    "size": lambda x, *a, **k: int(np.size(np.asarray(x.flat_values))),
    "softmax": softmax,
    "squeeze": squeeze,
    "stack": stack,
    "tile": tile,
    "where": _where,
    "print": tf_print,
}
_ELEMENTWISE = frozenset(
    [
        "abs",
        "add",
        "cast",
        "ceil",
        "clip_by_value",
        "cos",
        "divide",
        "divide_no_nan",
        "equal",
        "exp",
        "floor",
        "floordiv",
        "floormod",
        "greater",
        "greater_equal",
        "is_finite",
        "is_inf",
        "is_nan",
        "less",
        "less_equal",
        "log",
        "log1p",
        "logical_and",
        "logical_not",
        "logical_or",
        "maximum",
        "minimum",
        "mod",
        "multiply",
        "negative",
        "not_equal",
        "ones_like",
        "pow",
        "relu",
        "round",
        "rsqrt",
        "sigmoid",
        "sign",
        "sin",
        "sqrt",
        "square",
        "squared_difference",
        "subtract",
        "tanh",
        "truediv",
        "zeros_like",
        "dropout",
        "gelu",
    ]
)


def _to_sparse(self: RaggedTensor, name: str | None = None) -> SparseTensor:
    """Return the values and where they would stand in `to_tensor()`."""
    places = [list(place) for place in _places(self)]
    return SparseTensor(np.array(places, "int64").reshape(-1, self.ndim), self.flat_values, self.bounding_shape())


def _places(rows: Any) -> Iterator[tuple[int, ...]]:
    """The coordinates of all entries, in order."""
    if not isinstance(rows, RaggedTensor):
        yield from np.ndindex(*rows.shape)
        return
    for index in range(len(rows)):
        yield from ((index, *place) for place in _places(rows[index]))


RaggedTensor.to_sparse = _to_sparse  # type: ignore[attr-defined]


def _has(values: Any) -> bool:
    return any(isinstance(x, RaggedTensor) or (isinstance(x, list | tuple) and _has(x)) for x in values)


def with_ragged(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of arrays that takes a `RaggedTensor`, too.

    Raises:
        TypeError: when called with one, where there is no such function.
    """

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if not _has(args) and not _has(kwargs.values()):
            return function(*args, **kwargs)
        if name in _HANDLERS:
            return _HANDLERS[name](*args, **kwargs)
        if name in _ELEMENTWISE:
            return elementwise(function, *args, **kwargs)
        raise TypeError(f"tf.{name} takes no RaggedTensor here: make it an array first, with x.to_tensor().")

    return wrapper
