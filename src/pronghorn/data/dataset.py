"""A data set that can be iterated over again and again, each time anew, and refined step by step.

It has the methods of TensorFlow's `tf.data.Dataset` that Keras scripts use, on NumPy arrays. What the functions
`image_dataset_from_directory` and its neighbours return is one.
"""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from pronghorn.data.element import as_element, as_plain
from pronghorn.data.tensor_spec import TensorSpec, dtype_name
from pronghorn.graph import dtypes

#: The number of parallel calls or of batches to prepare ahead: chosen for you.
AUTOTUNE = -1


def _map(function: Callable[..., Any], *structures: Any) -> Any:
    """Apply a function to the leaves of equally nested tuples and dicts."""
    first = structures[0]
    if isinstance(first, dict):
        return {key: _map(function, *(structure[key] for structure in structures)) for key in first}
    if isinstance(first, tuple):
        return tuple(_map(function, *parts) for parts in zip(*structures))
    return function(*structures)


def _leaves(structure: Any) -> Iterator[Any]:
    if isinstance(structure, dict):
        for value in structure.values():
            yield from _leaves(value)
    elif isinstance(structure, tuple):
        for value in structure:
            yield from _leaves(value)
    else:
        yield structure


def _row(structure: Any, index: int) -> Any:
    return _map(lambda leaf: leaf[index], structure)


def _array(value: Any) -> np.ndarray:
    array = np.asarray(value)
    return array if array.dtype != np.float64 or hasattr(value, "dtype") else array.astype("float32")


def _spec_of(leaf: Any) -> TensorSpec:
    array = np.asarray(leaf)
    return TensorSpec(array.shape, "string" if array.dtype.kind in "OSU" else array.dtype)


def _array_of(value: Any, dtype: Any) -> Any:
    name = dtype_name(dtype)
    return np.asarray(value, object if name == "string" else dtypes.to_numpy(name))


class Dataset:
    """A data set: elements that are arrays, or tuples and dicts of arrays, in an order.

    Args:
        source: gives a new iterator of the elements at each call.
        length: how many there are, or None where that is not known before they were read.

    >>> data = Dataset.from_tensor_slices([1, 2, 3, 4]).map(lambda x: x * x).batch(3)
    >>> [batch.tolist() for batch in data]
    [[1, 4, 9], [16]]
    """

    def __init__(self, source: Callable[[], Iterator[Any]], length: int | None = None) -> None:
        self._source = source
        self._length = length

    # -- making one ---------------------------------------------------------------------------------------------------
    @staticmethod
    def from_tensor_slices(tensors: Any) -> Dataset:
        """Return the rows of arrays that are equally long.

        Raises:
            ValueError: if they are not.
        """
        arrays = _map(_array, tensors)
        lengths = {len(leaf) for leaf in _leaves(arrays)}
        if len(lengths) != 1:
            raise ValueError(f"from_tensor_slices: the arrays have different lengths: {sorted(lengths)}.")
        (length,) = lengths

        def rows() -> Iterator[Any]:
            for index in range(length):
                yield _row(arrays, index)

        return Dataset(rows, length)

    @staticmethod
    def from_tensors(tensors: Any) -> Dataset:
        """Return one element."""
        return Dataset(lambda: iter([_map(_array, tensors)]), 1)

    @staticmethod
    def from_generator(
        generator: Callable[..., Iterable[Any]],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = None,
        output_signature: Any = None,
    ) -> Dataset:
        """Return what a function's generators give.

        Args:
            generator: called with `args` for each round; returns an iterable of elements.
            output_types: the types of an element's arrays, to which they are converted; as they come by default.
            output_shapes: accepted; shapes are those that come.
            args: arguments for `generator`.
            output_signature: instead of types and shapes, `TensorSpec`s for an element's arrays.
        """
        types = output_types if output_signature is None else _map(lambda spec: spec.dtype, output_signature)

        def elements() -> Iterator[Any]:
            for element in generator(*(args or ())):
                element = tuple(element) if isinstance(element, list) and isinstance(types, tuple) else element
                yield _map(_array, element) if types is None else _map(_array_of, element, types)

        return Dataset(elements)

    @staticmethod
    def range(*arguments: int) -> Dataset:
        """Return numbers like Python's `range`."""
        numbers = range(*arguments)
        return Dataset(lambda: (np.int64(number) for number in numbers), len(numbers))

    @staticmethod
    def zip(*datasets: Any) -> Dataset:
        """Return tuples of the elements of several data sets, as many as the shortest has."""
        parts = datasets[0] if len(datasets) == 1 and isinstance(datasets[0], tuple) else datasets
        lengths = [part._length for part in parts]
        length = None if None in lengths else min(lengths)
        return Dataset(lambda: iter(zip(*parts)), length)

    # -- reading it ---------------------------------------------------------------------------------------------------
    def __iter__(self) -> Iterator[Any]:
        return (_map(as_element, element) for element in self._source())

    def __len__(self) -> int:
        if self._length is None:
            raise TypeError("The length of this data set is not known before it was read.")
        return self._length

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Return an iterator over plain NumPy arrays and numbers."""
        return (_map(as_plain, element) for element in self)

    def cardinality(self) -> int:
        """Return the number of elements, or -2 where it is not known."""
        return -2 if self._length is None else self._length

    @property
    def element_spec(self) -> Any:
        """`TensorSpec`s of the first element."""
        return _map(_spec_of, next(iter(self)))

    # -- refining it --------------------------------------------------------------------------------------------------
    def map(self, function: Callable[..., Any], num_parallel_calls: int | None = None, **ignored: Any) -> Dataset:
        """Apply a function to each element; of a tuple, its parts are the arguments."""

        def mapped() -> Iterator[Any]:
            for element in self:
                result = function(*element) if isinstance(element, tuple) else function(element)
                result = tuple(result) if isinstance(result, list) else result
                yield _map(lambda leaf: leaf.numpy() if hasattr(leaf, "numpy") else leaf, result)

        return Dataset(mapped, self._length)

    def filter(self, predicate: Callable[..., Any]) -> Dataset:
        """Keep the elements for which a function is true."""

        def kept() -> Iterator[Any]:
            for element in self:
                if bool(predicate(*element) if isinstance(element, tuple) else predicate(element)):
                    yield element

        return Dataset(kept)

    def batch(self, batch_size: int, drop_remainder: bool = False, **ignored: Any) -> Dataset:
        """Stack elements into batches; the last may be smaller, or is dropped.

        Raises:
            ValueError: if `batch_size` is not positive, or, when reading, if elements differ in shape.
        """
        return self._batched(batch_size, drop_remainder, _stack)

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = 0,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Stack elements into batches, each padded at its ends to the largest extents in the batch.

        Args:
            batch_size: elements in a batch.
            padded_shapes: accepted as in TensorFlow; the extents are those of the largest element either way.
            padding_values: what is put there.
            drop_remainder: whether a last, smaller batch is dropped.
            name: accepted as in TensorFlow.

        >>> rows = Dataset.from_generator(lambda: iter([np.ones(1), np.ones(3)]))
        >>> [batch.tolist() for batch in rows.padded_batch(2)]
        [[[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]]
        """

        def stack(*leaves: Any) -> np.ndarray:
            return _stack_padded(leaves, padding_values or 0)

        return self._batched(batch_size, drop_remainder, stack)

    def _batched(self, batch_size: int, drop_remainder: bool, stack: Callable[..., Any]) -> Dataset:
        if batch_size < 1:
            raise ValueError(f"batch: batch_size={batch_size} must be 1 or more.")

        def batches() -> Iterator[Any]:
            elements = iter(self)
            while chunk := list(itertools.islice(elements, batch_size)):
                if len(chunk) == batch_size or not drop_remainder:
                    yield _map(stack, *chunk)

        length = self._length
        if length is not None:
            length = length // batch_size if drop_remainder else -(-length // batch_size)
        return Dataset(batches, length)

    def unbatch(self) -> Dataset:
        """Take batches apart into their rows."""

        def rows() -> Iterator[Any]:
            for batch in self:
                for index in range(len(next(_leaves(batch)))):
                    yield _row(batch, index)

        return Dataset(rows)

    def shuffle(self, buffer_size: int, seed: int | None = None, reshuffle_each_iteration: bool = True) -> Dataset:
        """Draw elements at random out of a buffer of the next `buffer_size`; another order in each round."""
        rng = np.random.default_rng(seed if seed is not None else np.random.randint(2**31))
        fixed = None if reshuffle_each_iteration else int(rng.integers(2**31))

        def shuffled() -> Iterator[Any]:
            draw = rng if fixed is None else np.random.default_rng(fixed)
            buffer: list[Any] = []
            for element in self:
                buffer.append(element)
                if len(buffer) > buffer_size:
                    yield buffer.pop(int(draw.integers(len(buffer))))
            for index in draw.permutation(len(buffer)):
                yield buffer[index]

        return Dataset(shuffled, self._length)

    def repeat(self, count: int | None = None) -> Dataset:
        """Repeat the data set, without end where `count` is None or -1."""
        endless = count is None or count < 0

        def repeated() -> Iterator[Any]:
            rounds = itertools.count() if endless else range(int(count or 0))
            for _ in rounds:
                yield from self

        return Dataset(repeated, None if endless or self._length is None else self._length * int(count or 0))

    def take(self, count: int) -> Dataset:
        """Keep the first `count` elements."""
        if count < 0:
            return self
        length = None if self._length is None else min(count, self._length)
        return Dataset(lambda: itertools.islice(iter(self), count), length)

    def skip(self, count: int) -> Dataset:
        """Leave out the first `count` elements."""
        length = None if self._length is None else max(self._length - count, 0)
        return Dataset(lambda: itertools.islice(iter(self), count, None), length)

    def concatenate(self, other: Dataset) -> Dataset:
        """Append another data set."""
        known = self._length is not None and other._length is not None
        return Dataset(lambda: itertools.chain(self, other), self._length + other._length if known else None)

    def enumerate(self, start: int = 0) -> Dataset:
        """Number the elements."""
        return Dataset(lambda: iter(enumerate(self, start)), self._length)

    def cache(self, filename: str | None = None) -> Dataset:
        """Keep the elements in memory after the first round."""
        kept: list[Any] = []
        complete = False

        def cached() -> Iterator[Any]:
            nonlocal complete
            if complete:
                yield from kept
                return
            fresh = []
            for element in self:
                fresh.append(element)
                yield element
            kept[:] = fresh
            complete = True

        return Dataset(cached, self._length)

    def prefetch(self, buffer_size: int = AUTOTUNE) -> Dataset:
        """Read ahead in a thread, `buffer_size` elements, while the model trains."""
        size = buffer_size if buffer_size > 0 else 2
        return Dataset(lambda: _read_ahead(iter(self), size), self._length)

    def with_options(self, options: Any) -> Dataset:
        """Accept options, of which there are none."""
        return self


def _stack(*leaves: Any) -> np.ndarray:
    shapes = {np.shape(leaf) for leaf in leaves}
    if len(shapes) > 1:
        raise ValueError(
            f"batch: the elements have different shapes ({', '.join(map(str, sorted(shapes)))}); pad or resize them "
            "to one shape first."
        )
    if isinstance(leaves[0], str):
        return np.array(leaves, dtype=object)
    return np.stack([np.asarray(leaf) for leaf in leaves])


def _stack_padded(leaves: Sequence[Any], value: Any) -> np.ndarray:
    arrays = [np.asarray(leaf) for leaf in leaves]
    if len({array.ndim for array in arrays}) > 1 or arrays[0].dtype.kind not in "biufc":
        return _stack(*leaves)
    extents = [max(array.shape[axis] for array in arrays) for axis in range(arrays[0].ndim)]
    result = np.full((len(arrays), *extents), value, dtype=arrays[0].dtype)
    for number, array in enumerate(arrays):
        result[(number, *(slice(extent) for extent in array.shape))] = array
    return result


def _read_ahead(elements: Iterator[Any], size: int) -> Iterator[Any]:
    ready: queue.Queue[tuple[str, Any]] = queue.Queue(maxsize=size)
    abandoned = threading.Event()

    def put(kind: str, value: Any) -> bool:
        while not abandoned.is_set():
            try:
                ready.put((kind, value), timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def read() -> None:
        try:
            for element in elements:
                if not put("element", element):
                    return
            put("end", None)
        except BaseException as error:  # raised again where the elements are wanted
            put("error", error)

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            kind, value = ready.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        abandoned.set()
