"""Functions of `tf.sparse`, and `tf.edit_distance`, for `pronghorn run`: functions of values that are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.data.element import Text, as_text
from pronghorn.data.element_types import dtype_name
from pronghorn.data.ragged import taken
from pronghorn_tensorflow.rows.sparse import SparseTensor, from_dense, reorder, to_dense


def _made(indices: np.ndarray, values: Any, shape: Any) -> SparseTensor:
    return reorder(SparseTensor(indices, values, shape))


def _chosen(sp: SparseTensor, kept: np.ndarray) -> SparseTensor:
    places = np.flatnonzero(kept)
    return SparseTensor(sp.indices[places], taken(sp.values, places), sp.dense_shape)


def _joined(values: list[Any]) -> Any:
    if any(isinstance(part, Text) for part in values):
        return as_text(np.concatenate([np.asarray(part) for part in values]))
    return ops.concatenate(values, axis=0)


def add(a: Any, b: Any, threshold: Any = 0) -> Any:
    """`tf.sparse.add`: a sparse array, or a dense one where one of the two is.

    >>> one = SparseTensor([[0, 1]], [5.0], [2, 2])
    >>> to_dense(add(one, one)).tolist()
    [[0.0, 10.0], [0.0, 0.0]]
    """
    if not (isinstance(a, SparseTensor) and isinstance(b, SparseTensor)):
        return ops.add(to_dense(a), to_dense(b))
    return _combined(a, b, ops.add, threshold)


def maximum(sp_a: SparseTensor, sp_b: SparseTensor, name: str | None = None) -> SparseTensor:
    """`tf.sparse.maximum`; what is not there is 0."""
    return _combined(sp_a, sp_b, ops.maximum)


def minimum(sp_a: SparseTensor, sp_b: SparseTensor, name: str | None = None) -> SparseTensor:
    """`tf.sparse.minimum`; what is not there is 0."""
    return _combined(sp_a, sp_b, ops.minimum)


def _combined(a: SparseTensor, b: SparseTensor, op: Callable[..., Any], threshold: Any = 0) -> SparseTensor:
    places = np.unique(np.concatenate([a.indices, b.indices]), axis=0)
    values = op(*(ops.convert_to_tensor(to_dense(sp))[tuple(places.astype("int32").T)] for sp in (a, b)))
    found = SparseTensor(places, values, a.dense_shape)
    return _chosen(found, np.abs(np.asarray(values)) >= threshold) if threshold else found


def concat(axis: int, sp_inputs: Any, expand_nonconcat_dims: bool = False, name: str | None = None) -> SparseTensor:
    """`tf.sparse.concat`."""
    parts = list(sp_inputs)
    axis %= len(parts[0].shape)
    shapes = np.array([part.shape for part in parts])
    shape = shapes.max(axis=0)
    if not expand_nonconcat_dims and (np.delete(shapes, axis, 1) != np.delete(shape, axis)).any():
        raise ValueError(f"tf.sparse.concat: the shapes {[part.shape for part in parts]} differ beside axis {axis}.")
    shape[axis] = shapes[:, axis].sum()
    moved = []
    for part, start in zip(parts, np.cumsum([0, *shapes[:-1, axis]])):
        moved.append(part.indices.copy())
        moved[-1][:, axis] += start
    return _made(np.concatenate(moved), _joined([part.values for part in parts]), shape)


def split(
    sp_input: SparseTensor | None = None, num_split: int = 1, axis: int = 0, name: str | None = None
) -> list[SparseTensor]:
    """`tf.sparse.split`: equal parts along an axis, the first ones larger by one where they cannot be."""
    assert sp_input is not None
    extent = sp_input.shape[axis]
    sizes = [extent // num_split + (part < extent % num_split) for part in range(num_split)]
    found = []
    for start, size in zip(np.cumsum([0, *sizes]), sizes):
        begin, extents = [0] * len(sp_input.shape), list(sp_input.shape)
        begin[axis], extents[axis] = int(start), size
        found.append(slice_of(sp_input, begin, extents))
    return found


def slice_of(sp_input: SparseTensor, start: Any, size: Any, name: str | None = None) -> SparseTensor:
    """`tf.sparse.slice`."""
    start, end = np.asarray(start), np.minimum(np.asarray(start) + np.asarray(size), sp_input.shape)
    found = _chosen(sp_input, ((sp_input.indices >= start) & (sp_input.indices < end)).all(axis=1))
    return SparseTensor(found.indices - start, found.values, np.maximum(end - start, 0))


def reshape(sp_input: SparseTensor, shape: Any, name: str | None = None) -> SparseTensor:
    """`tf.sparse.reshape`; one extent may be -1."""
    wanted = np.array(shape, "int64")
    total = int(np.prod(sp_input.dense_shape))
    if (wanted == -1).any():
        wanted[wanted == -1] = total // max(int(np.prod(wanted[wanted != -1])), 1)
    if int(np.prod(wanted)) != total:
        raise ValueError(f"tf.sparse.reshape: {total} elements of shape {sp_input.shape} cannot have {list(shape)}.")
    flat = np.ravel_multi_index(tuple(sp_input.indices.T), sp_input.shape)
    return SparseTensor(np.stack(np.unravel_index(flat, tuple(wanted)), axis=1), sp_input.values, wanted)


def expand_dims(sp_input: SparseTensor, axis: int = -1, name: str | None = None) -> SparseTensor:
    """`tf.sparse.expand_dims`."""
    axis = axis if axis >= 0 else len(sp_input.shape) + 1 + axis
    return SparseTensor(
        np.insert(sp_input.indices, axis, 0, axis=1), sp_input.values, np.insert(sp_input.dense_shape, axis, 1)
    )


def transpose(sp_input: SparseTensor, perm: Any = None, name: str | None = None) -> SparseTensor:
    """`tf.sparse.transpose`."""
    order = list(range(len(sp_input.shape)))[::-1] if perm is None else [int(axis) for axis in np.asarray(perm)]
    return _made(sp_input.indices[:, order], sp_input.values, sp_input.dense_shape[order])


def eye(num_rows: int, num_columns: int | None = None, dtype: Any = "float32", name: str | None = None) -> SparseTensor:
    """`tf.sparse.eye`."""
    columns = num_rows if num_columns is None else num_columns
    count = min(int(num_rows), int(columns))
    return SparseTensor(np.stack([np.arange(count)] * 2, axis=1), ops.ones((count,), dtype), [num_rows, columns])


def retain(sp_input: SparseTensor, to_retain: Any) -> SparseTensor:
    """`tf.sparse.retain`: the values for which it is true."""
    return _chosen(sp_input, np.asarray(to_retain, bool))


def map_values(op: Callable[..., Any], *args: Any, **kwargs: Any) -> SparseTensor:
    """`tf.sparse.map_values`: what a function makes of the values."""
    like = next(x for x in (*args, *kwargs.values()) if isinstance(x, SparseTensor))

    def known(x: Any) -> Any:
        return x.values if isinstance(x, SparseTensor) else x

    found = op(*map(known, args), **{name: known(x) for name, x in kwargs.items()})
    return SparseTensor(like.indices, found, like.dense_shape)


def softmax(sp_input: SparseTensor, name: str | None = None) -> SparseTensor:
    """`tf.sparse.softmax`: along the last axis, of what is there."""
    values = np.asarray(sp_input.values)
    _, rows = np.unique(sp_input.indices[:, :-1], axis=0, return_inverse=True)
    rows = rows.reshape(-1)
    highest = np.full(int(rows.max(initial=-1)) + 1, -np.inf, values.dtype)
    np.maximum.at(highest, rows, values)
    exponentials = np.exp(values - highest[rows])
    found = exponentials / np.bincount(rows, exponentials)[rows].astype(values.dtype)
    return SparseTensor(sp_input.indices, found, sp_input.dense_shape)


def reduce_max(
    sp_input: SparseTensor,
    axis: Any = None,
    keepdims: bool = False,
    output_is_sparse: bool = False,
    name: str | None = None,
) -> Any:
    """`tf.sparse.reduce_max`: of what is there; 0 where nothing is.

    >>> reduce_max(from_dense([[0, -5], [0, 0]]), axis=1).numpy().tolist()
    [-5, 0]
    """
    values, places = np.asarray(sp_input.values), tuple(sp_input.indices.T)
    lowest = np.iinfo(values.dtype).min if np.issubdtype(values.dtype, np.integer) else -np.inf
    there, filled = np.zeros(sp_input.shape, bool), np.full(sp_input.shape, lowest, values.dtype)
    there[places], filled[places] = True, values
    axes = None if axis is None else tuple(np.atleast_1d(axis))
    found = np.where(
        there.any(axis=axes, keepdims=keepdims), filled.max(axis=axes, keepdims=keepdims, initial=lowest), 0
    )
    found = ops.convert_to_tensor(found, dtype=dtype_name(sp_input.dtype))
    return from_dense(found) if output_is_sparse else found


def to_indicator(sp_input: SparseTensor, vocab_size: int, name: str | None = None) -> Any:
    """`tf.sparse.to_indicator`: for each row, which numbers are in it."""
    found = np.zeros((*sp_input.shape[:-1], int(vocab_size)), bool)
    found[(*sp_input.indices[:, :-1].T, np.asarray(sp_input.values))] = True
    return ops.convert_to_tensor(found)


def fill_empty_rows(sp_input: SparseTensor, default_value: Any, name: str | None = None) -> tuple[SparseTensor, Any]:
    """`tf.sparse.fill_empty_rows`: a value in the first place of rows without any, and which these are."""
    empty = np.ones(sp_input.shape[0], bool)
    empty[sp_input.indices[:, 0]] = False
    places = np.zeros((int(empty.sum()), len(sp_input.shape)), "int64")
    places[:, 0] = np.flatnonzero(empty)
    is_text = isinstance(sp_input.values, Text)
    filling: Any = (
        as_text([default_value] * len(places)) if is_text else ops.full((len(places),), default_value, sp_input.dtype)
    )
    joined = _joined([sp_input.values, filling])
    filled = _made(np.concatenate([sp_input.indices, places]), joined, sp_input.dense_shape)
    return filled, ops.convert_to_tensor(empty)


def reset_shape(sp_input: SparseTensor, new_shape: Any = None) -> SparseTensor:
    """`tf.sparse.reset_shape`: as small as the values allow, or a larger one."""
    least = sp_input.indices.max(axis=0, initial=-1) + 1
    return SparseTensor(sp_input.indices, sp_input.values, least if new_shape is None else new_shape)


def edit_distance(hypothesis: SparseTensor, truth: SparseTensor, normalize: bool = True, name: str = "") -> Any:
    """`tf.edit_distance`: how many entries are to be changed, put in or taken out, of each row along the last axis.

    >>> one, other = SparseTensor([[0, 0]], [1], [1, 2]), SparseTensor([[0, 0], [0, 1]], [1, 2], [1, 2])
    >>> edit_distance(one, other).tolist()
    [0.5]
    """
    outer = np.maximum(hypothesis.dense_shape, truth.dense_shape)[:-1]
    found = np.zeros(outer, "float32")
    for place in np.ndindex(*outer):
        given, wanted = (_row(sp, place) for sp in (hypothesis, truth))
        steps = float(_distance(given, wanted))
        if normalize:
            steps = steps / len(wanted) if wanted else (np.inf if given else 0.0)
        found[place] = steps
    return ops.convert_to_tensor(found)


def _row(sp: SparseTensor, place: tuple[int, ...]) -> list[Any]:
    inside = (sp.indices[:, :-1] == np.asarray(place)).all(axis=1)
    return np.asarray(sp.values)[inside].tolist()


def _distance(given: list[Any], wanted: list[Any]) -> int:
    """Levenshtein's distance, row by row of its table."""
    costs = list(range(len(wanted) + 1))
    for i, one in enumerate(given, 1):
        before, costs[0] = costs[0], i
        for j, other in enumerate(wanted, 1):
            before, costs[j] = costs[j], min(costs[j] + 1, costs[j - 1] + 1, before + (one != other))
    return costs[-1]
