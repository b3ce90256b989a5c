"""Elements of data sets as batches: stacked, padded to one shape, or as rows of different lengths."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from pronghorn.data.element import Array, as_element, as_text, encoded, text_of
from pronghorn.data.ragged import RaggedTensor, values_of
from pronghorn.data.structure import is_sparse, leaves, map_leaves
from pronghorn.data.tensor_spec import RaggedTensorSpec


def checked_size(batch_size: Any) -> int:
    """How many elements a batch has.

    Raises:
        TypeError: if it is no integer.
        ValueError: if it is less than 1.
    """
    try:
        count = operator.index(batch_size)
    except TypeError:
        raise TypeError(f"batch: batch_size={batch_size!r} must be an integer.") from None
    if count < 1:
        raise ValueError(f"batch: batch_size={count} must be 1 or more.")
    return count


def stack(*parts: Any) -> Any:
    """Stack arrays of one shape.

    Raises:
        ValueError: for arrays of different shapes.
    """
    if isinstance(parts[0], RaggedTensor):
        return ragged(*parts)
    if is_sparse(parts[0]):
        return parts[0].stacked(parts)
    shapes = {np.shape(part) for part in parts}
    if len(shapes) > 1:
        raise ValueError(
            f"batch: the elements have different shapes ({', '.join(map(str, sorted(shapes)))}); pad or resize them "
            "to one shape first."
        )
    if isinstance(parts[0], str | bytes):
        return text_of([encoded(part) for part in parts])
    return np.stack([np.asarray(part) for part in parts])


def stacked(rows: Sequence[Any]) -> Any:
    """Stack elements, tuples and dicts of arrays.

    >>> stacked([(1.0, "a"), (2.0, "b")])
    (array([1., 2.]), <Text shape=(2,) array([b'a', b'b'], dtype=object)>)
    """
    return map_leaves(stack, *rows)


def ragged(*parts: Any) -> Any:
    """Arrays that differ in their first extent, each a row; numbers and arrays without axes are stacked."""
    if isinstance(parts[0], RaggedTensor):
        lengths = [len(part) for part in parts]
        rows = np.concatenate([np.diff(part.splits) for part in parts])
        inner = ragged(*(part.values for part in parts)).values
        return RaggedTensor.from_row_lengths(RaggedTensor.from_row_lengths(inner, rows), lengths)
    if not np.ndim(parts[0]):
        return stack(*parts)
    arrays = [np.asarray(as_element(part)) for part in parts]
    joined = np.concatenate(arrays)
    return RaggedTensor.from_row_lengths(
        as_text(joined) if joined.dtype == object else values_of(joined), [len(a) for a in arrays]
    )


def gathered(elements: Sequence[Any], spec: Any) -> Any:
    """Stack elements; arrays that a description says to be rows of a `RaggedTensor` become one, of whatever lengths."""
    if spec is None or not any(isinstance(leaf, RaggedTensorSpec) for leaf in leaves(spec)):
        return map_leaves(stack, *elements)

    def gather(first: Any, described: Any, *rest: Any) -> Any:
        return (ragged if isinstance(described, RaggedTensorSpec) else stack)(first, *rest)

    return map_leaves(gather, elements[0], spec, *elements[1:])


def padded(parts: Sequence[Any], shape: Any, value: Any) -> Any:
    """Stack arrays, each padded at its ends.

    Args:
        parts: the arrays; they have one number of axes.
        shape: the extents to pad to; None or -1 for the largest, or None for all of them.
        value: what is put there; by default 0 or an empty string.

    Raises:
        ValueError: for arrays larger than the shape.
    """
    if isinstance(parts[0], str | bytes):
        return stack(*parts)
    if is_sparse(parts[0]):
        raise TypeError(
            "padded_batch: SparseTensors are not padded; batch(), or map tf.sparse.to_dense over them first."
        )
    arrays = [np.asarray(as_element(part)) for part in parts]
    if len({array.ndim for array in arrays}) > 1:
        return stack(*parts)
    largest = [max(array.shape[axis] for array in arrays) for axis in range(arrays[0].ndim)]
    wanted = largest if shape is None else [b if a in (None, -1) else int(a) for a, b in zip(shape, largest)]
    if len(wanted) != len(largest) or any(a < b for a, b in zip(wanted, largest)):
        raise ValueError(f"padded_batch: elements of extents {largest} are larger than padded_shapes={tuple(shape)}.")
    if arrays[0].dtype == object:
        value = as_text(value or "").item()
    elif isinstance(value, Array):
        value = value.numpy()
    result = np.full((len(arrays), *wanted), 0 if value is None else value, dtype=arrays[0].dtype)
    for number, array in enumerate(arrays):
        result[(number, *(slice(extent) for extent in array.shape))] = array[()]  # of one string, the bytes
    return result


def padded_elements(elements: Sequence[Any], shapes: Any = None, values: Any = None) -> Any:
    """Pad and stack the arrays of elements; shapes and values are nested as elements are, or one for all."""
    first = elements[0]
    if isinstance(first, tuple | dict):
        shapes = shapes if isinstance(shapes, type(first)) else None
        values = values if isinstance(values, type(first)) else map_leaves(lambda _: values, first)
    return _padded(elements, shapes, values)


def _padded(elements: Sequence[Any], shapes: Any, values: Any) -> Any:
    first = elements[0]
    if isinstance(first, dict):
        return {k: _padded([e[k] for e in elements], shapes and shapes[k], values and values[k]) for k in first}
    if isinstance(first, tuple):
        rest = zip(shapes or [None] * len(first), values or [None] * len(first))
        return tuple(_padded([e[i] for e in elements], *pair) for i, pair in enumerate(rest))
    return padded(elements, shapes, values)
