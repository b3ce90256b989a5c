"""Elements of data sets: arrays, nested in tuples and dicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pronghorn.data.element import Array, Text, as_element, as_text, check_shape
from pronghorn.data.element_types import dtype_name
from pronghorn.data.ragged import RaggedTensor
from pronghorn.data.tensor_spec import RaggedTensorSpec, SparseTensorSpec, TensorSpec
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.active import mapping
from pronghorn.engine.graph.tensor import Tensor, may_change


def map_leaves(function: Callable[..., Any], *structures: Any) -> Any:
    """Apply a function to the leaves of equally nested tuples and dicts; the first says what a leaf is.

    >>> map_leaves(lambda name, shape: f"{name}{shape}", ("a", {"b": "c"}), ((2,), {"b": (3,)}))
    ('a(2,)', {'b': 'c(3,)'})
    """
    first = structures[0]
    if isinstance(first, dict):
        return {key: map_leaves(function, *(structure[key] for structure in structures)) for key in first}
    if isinstance(first, tuple) and not hasattr(first, "numpy"):  # a shape with that is an array
        parts = [map_leaves(function, *parts) for parts in zip(*structures)]
        return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
    return function(*structures)


def leaves(structure: Any) -> Iterator[Any]:
    """The arrays of an element."""
    if isinstance(structure, dict):
        for value in structure.values():
            yield from leaves(value)
    elif isinstance(structure, tuple):
        for value in structure:
            yield from leaves(value)
    else:
        yield structure


def row(structure: Any, index: int) -> Any:
    """The rows of an element's arrays."""
    return map_leaves(lambda leaf: leaf.row(index) if is_sparse(leaf) else leaf[index], structure)


def is_sparse(value: Any) -> bool:
    """Whether this is TensorFlow's `SparseTensor`, as `pronghorn run` has it."""
    return hasattr(value, "dense_shape") and hasattr(value, "stacked")


def nothing_of(leaf: Any) -> Any:
    """None of the rows of an array."""
    return leaf.cut(0) if is_sparse(leaf) else leaf[:0]


def count_of(leaf: Any) -> int:
    """How many rows an array has."""
    return int(leaf.shape[0]) if is_sparse(leaf) else len(leaf)


def array(value: Any) -> Any:
    """A value as an array; Python's floats are float32, and its integers int32 where they fit.

    >>> array([0.5]).dtype, array([np.float64(0.5)]).dtype
    (dtype('float32'), dtype('float64'))
    """
    if isinstance(value, RaggedTensor) or is_sparse(value):
        return value
    found = np.asarray(value)
    if found.dtype.kind in "US":
        return as_text(value)  # NumPy's own would lose zero bytes at the ends
    if found.dtype not in (np.int64, np.float64) or _has_dtype(value):
        return found
    if found.dtype == np.int64:
        return found.astype("int32") if _fits(found) else found
    return found.astype("float32")


def array_of_ones_own(value: Any) -> Any:
    """A value as an array that nobody else writes into; one that is mapped from a file stays there.

    >>> given = np.zeros(2)
    >>> own = array_of_ones_own(given)
    >>> given[:] = 1
    >>> own.tolist()
    [0.0, 0.0]
    """
    found = array(value)
    is_shared = isinstance(found, np.ndarray) and (found is value or found.base is not None) and may_change(found)
    return found.copy() if is_shared and not isinstance(value, np.memmap) else found


def _has_dtype(value: Any) -> bool:
    """Whether a value says what its type is, or the first one in nested lists does."""
    while isinstance(value, list | tuple) and value and not hasattr(value, "dtype"):
        value = value[0]
    return hasattr(value, "dtype")


def _fits(numbers: np.ndarray) -> bool:
    return not numbers.size or bool(numbers.min() >= -(2**31) and numbers.max() < 2**31)


def array_of(value: Any, spec: Any) -> Any:
    """A value as the array that a type or a `TensorSpec` describes.

    Raises:
        ValueError: where the shape is not that of the spec.
    """
    if isinstance(spec, SparseTensorSpec):
        return _checked_sparse(value, spec)
    if isinstance(spec, RaggedTensorSpec):
        return value if isinstance(value, RaggedTensor) else RaggedTensor.of(value, spec.dtype, spec.ragged_rank)
    name = spec.dtype if isinstance(spec, TensorSpec) else dtype_name(spec)
    found = as_element(np.asarray(value, object if name == "string" else dtypes.to_numpy(name)))
    if isinstance(spec, TensorSpec):
        found.set_shape(spec.shape)
    return found


def _checked_sparse(value: Any, spec: SparseTensorSpec) -> Any:
    if not is_sparse(value) or value.dtype != spec.dtype:
        raise TypeError(f"a SparseTensor of {spec.dtype} was expected, got {type(value).__name__}.")
    check_shape(value.shape, spec.shape)
    return value


def said_of_elements(types: Any, shapes: Any, signature: Any) -> Any:
    """What was said of a generator's elements: types, `TensorSpec`s, or None."""
    specs = types if signature is None else signature
    if signature is None and types is not None and shapes is not None:
        specs = map_leaves(lambda dtype, shape: TensorSpec(shape, dtype), types, shapes)
    return tuple(specs) if isinstance(specs, list) else specs


def as_described(element: Any, specs: Any, number: int) -> Any:
    """What a generator gave as its element of that number, as arrays of what was said of it.

    Raises:
        ValueError: where it is nested in another way, or an array is of another shape or no number.
    """
    if not _is_nested_as(element, specs):
        raise ValueError(
            f"from_generator: element {number} is {_kinds(element)}, nested in another way than said: {specs}"
        )
    try:
        return map_leaves(lambda spec, value: array_of(value, spec), specs, element)
    except (OverflowError, TypeError, ValueError) as error:
        reason = str(error).removeprefix("set_shape: ")
        raise ValueError(f"from_generator: element {number} is not what was said of it, {specs}: {reason}") from error


def _is_nested_as(element: Any, specs: Any) -> bool:
    if isinstance(specs, dict):
        is_alike = isinstance(element, dict) and element.keys() == specs.keys()
        return is_alike and all(_is_nested_as(element[key], spec) for key, spec in specs.items())
    if isinstance(specs, tuple):
        is_alike = isinstance(element, tuple | list) and len(element) == len(specs)
        return is_alike and all(map(_is_nested_as, element, specs))
    return not isinstance(element, dict)


def _kinds(element: Any) -> str:
    """The types of an element's arrays, nested as they are."""
    if isinstance(element, dict):
        return "{" + ", ".join(f"{key!r}: {_kinds(value)}" for key, value in element.items()) + "}"
    if isinstance(element, tuple):
        return "(" + ", ".join(map(_kinds, element)) + ("," if len(element) == 1 else "") + ")"
    return type(element).__name__


def result(value: Any) -> Any:
    """What a user's function gave, as an element: tensors become arrays, and so do lists that are parts of it."""
    value = tuple(value) if isinstance(value, list) else value
    return map_leaves(_plain, value)


def state_of(value: Any) -> Any:
    """What a user's function gave as a state: Python's and NumPy's numbers become elements, tensors stay."""
    return map_leaves(lambda leaf: as_element(array(leaf)) if isinstance(leaf, _NUMBERS) else leaf, value)


_NUMBERS = (bool, int, float, np.generic)


def _plain(leaf: Any) -> Any:
    if isinstance(leaf, list):
        return leaf if any(isinstance(part, RaggedTensor) for part in leaf) else array(leaf)
    if isinstance(leaf, _NUMBERS):
        return as_element(array(leaf))
    if isinstance(leaf, Array | RaggedTensor) or not hasattr(leaf, "numpy"):
        return leaf
    return np.asarray(leaf) if isinstance(leaf, Tensor) else leaf.numpy()


def spec_of(leaf: Any) -> Any:
    """A description of an array."""
    if isinstance(leaf, RaggedTensor):
        return RaggedTensorSpec(leaf.shape, leaf.dtype, leaf.ragged_rank)
    if is_sparse(leaf):
        return SparseTensorSpec(leaf.shape, leaf.dtype)
    if isinstance(leaf, Text):
        return TensorSpec(leaf.shape, "string")
    found = np.asarray(leaf)
    return TensorSpec(found.shape, "string" if found.dtype.kind in "OSU" else found.dtype)


def spec_of_rows(leaf: Any) -> Any:
    """A description of an array's rows. Those of a `RaggedTensor` stay rows that differ, also as arrays."""
    if isinstance(leaf, RaggedTensor):
        return RaggedTensorSpec(leaf.shape[1:], leaf.dtype, leaf.ragged_rank - 1)
    if is_sparse(leaf):
        return SparseTensorSpec(leaf.shape[1:], leaf.dtype)
    return TensorSpec(leaf.shape[1:], spec_of(leaf).dtype)


def spec_of_batches(spec: Any, extent: int | None) -> Any:
    """A description of batches of so many elements; None where that varies."""
    if isinstance(spec, RaggedTensorSpec):
        return RaggedTensorSpec((extent, *spec.shape), spec.dtype, (spec.ragged_rank or 0) + 1)
    return type(spec)((extent, *spec.shape), spec.dtype)


def spec_of_parts(spec: Any) -> Any:
    """A description of the rows of what this describes."""
    if isinstance(spec, RaggedTensorSpec) and spec.ragged_rank:
        return RaggedTensorSpec(spec.shape[1:], spec.dtype, spec.ragged_rank - 1)
    return (SparseTensorSpec if isinstance(spec, SparseTensorSpec) else TensorSpec)(spec.shape[1:], spec.dtype)


def has_shapes(spec: Any) -> bool:
    """Whether a description of elements, which may be None, is one of arrays whose axes are known."""
    return spec is not None and all(
        isinstance(leaf, TensorSpec | RaggedTensorSpec | SparseTensorSpec) and leaf.shape is not None
        for leaf in leaves(spec)
    )


def holds(predicate: Callable[..., Any], element: Any, method: str) -> bool:
    """Whether a user's condition is true of an element.

    Raises:
        ValueError: where it gives something else than a bool.
    """
    found = call(predicate, element)
    dtype = getattr(found, "dtype", type(found))
    if np.ndim(found) or dtype not in (bool, "bool"):
        said = f"{dtype_name(dtype)} of shape {np.shape(found)}" if hasattr(found, "dtype") else repr(found)
        raise ValueError(
            f"Dataset.{method}: `predicate` must give one bool for an element, got {said}. Compare, as in `x != 0`."
        )
    return bool(found)


def call(function: Callable[..., Any], element: Any) -> Any:
    """Apply a user's function to an element; of a tuple, the parts are the arguments."""
    with mapping():
        return function(*element) if type(element) is tuple else function(element)
