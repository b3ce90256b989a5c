"""Category numbers as one-hot, multi-hot, count and TF-IDF vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn.engine.graph.tensor import Tensor

MODES = ("int", "one_hot", "multi_hot", "count")


def encode(
    indices: Any, mode: str, depth: int, dtype: str, count_weights: Any = None, idf_weights: Any = None
) -> Tensor:
    """Vectors for category numbers; numbers outside of ``range(depth)`` count for nothing.

    Args:
        indices: integers ``[..., n]``.
        mode: ``"int"`` (as they are), ``"one_hot"`` (a vector for each), ``"multi_hot"`` (which occur in a row),
            ``"count"`` (how often) or ``"tf_idf"`` (how often, times ``idf_weights``).
        depth: the vectors' length.
        dtype: their element type.
        count_weights: what each occurrence counts for, of the shape of ``indices``.
        idf_weights: the factor of each category ``[depth]``.
    """
    indices = ops.convert_to_tensor(indices)
    if mode == "int":
        return ops.cast(indices, dtype)
    if len(indices.shape) == 0:
        indices = ops.reshape(indices, (1,))
    if mode == "one_hot":
        if len(indices.shape) > 1 and indices.shape[-1] == 1:
            indices = ops.squeeze(indices, axis=-1)
        return ops.one_hot(indices, depth, dtype=dtype)
    vectors = ops.one_hot(indices, depth, dtype=dtype)
    axis = 1 if len(indices.shape) > 1 else 0
    if mode == "multi_hot":
        return ops.max(vectors, axis=axis, initial=0)  # of rows without categories, too
    if count_weights is not None:
        weights = ops.cast(count_weights, dtype)
        vectors = vectors * ops.expand_dims(ops.reshape(weights, indices.shape), -1)
    counts = ops.sum(vectors, axis=axis)
    return counts if mode == "count" else counts * ops.cast(idf_weights, dtype)


def encode_rows(
    indices: np.ndarray, bounds: np.ndarray, mode: str, depth: int, dtype: str, idf_weights: Any = None
) -> Tensor:
    """A vector for each of some rows of different lengths, ``[rows, depth]``; see `encode`.

    Args:
        indices: those of all rows, one row after the other, ``[n]``.
        bounds: where rows begin and end, ``[rows + 1]``.
        mode: ``"multi_hot"``, ``"count"`` or ``"tf_idf"``.
        depth: the vectors' length.
        dtype: their element type.
        idf_weights: the factor of each category ``[depth]``.

    >>> encode_rows(np.array([0, 2, 2]), np.array([0, 3, 3]), "count", 3, "float32").tolist()
    [[1.0, 0.0, 2.0], [0.0, 0.0, 0.0]]
    """
    rows = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    inside = (indices >= 0) & (indices < depth)
    places = rows[inside] * depth + indices[inside]
    counts = np.bincount(places, minlength=(len(bounds) - 1) * depth).reshape(len(bounds) - 1, depth)
    vectors = ops.cast(np.minimum(counts, 1) if mode == "multi_hot" else counts, dtype)
    return vectors * ops.cast(idf_weights, dtype) if mode == "tf_idf" else vectors


def encoded_shape(shape: Any, mode: str, depth: int | None) -> tuple[Any, ...]:
    """The shape that `encode` gives for indices of ``shape``."""
    shape = tuple(shape)
    if mode == "int":
        return shape
    if mode == "one_hot":
        if len(shape) > 1 and shape[-1] == 1:
            shape = shape[:-1]
        return (*shape, depth)
    return (*shape[:1], *shape[2:], depth) if len(shape) > 1 else (depth,)


def check_sparse(layer: Any, sparse: bool, mode: str) -> bool:
    """Return whether `sparse=True` was given, which changes nothing: the vectors are the same, in dense arrays.

    Raises:
        ValueError: if there are no vectors, but integers.
    """
    if sparse and mode == "int":
        raise ValueError(
            f"{type(layer).__name__}: `sparse=True` is for vectors, such as those of output_mode='multi_hot'; got "
            "output_mode='int'."
        )
    return bool(sparse)
