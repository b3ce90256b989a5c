"""A data set that can be iterated over again and again, each time anew, and refined step by step.

It has the methods of TensorFlow's `tf.data.Dataset` that Keras scripts use, on NumPy arrays. What the functions
`image_dataset_from_directory` and its neighbours return is one.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from pronghorn._wording import counted
from pronghorn.data import storing
from pronghorn.data.batching import checked_size, gathered, padded_elements, ragged
from pronghorn.data.element import as_element, as_plain
from pronghorn.data.gathering import GatheringSteps
from pronghorn.data.kept import Kept, from_file, read_ahead
from pronghorn.data.lazy import Lazy, LazyBatch, Made, Mapped
from pronghorn.data.names import NamesNearest
from pronghorn.data.structure import (
    array,
    array_of_ones_own,
    as_described,
    call,
    count_of,
    has_shapes,
    holds,
    leaves,
    map_leaves,
    result,
    row,
    said_of_elements,
    spec_of,
    spec_of_batches,
    spec_of_parts,
    spec_of_rows,
)
from pronghorn.data.tensor_spec import SparseTensorSpec, TensorSpec
from pronghorn.engine.graph.tensor import may_change

#: The number of parallel calls or of batches to prepare ahead: chosen for you.
AUTOTUNE = -1
#: What `cardinality` is where there is no end, and where it is not known.
INFINITE_CARDINALITY, UNKNOWN_CARDINALITY = -1, -2


class Dataset(GatheringSteps, NamesNearest):
    """A data set: elements that are arrays, or tuples and dicts of arrays, in an order.

    Args:
        source: gives a new iterator of the elements at each call.
        length: how many there are, or None where that is not known before they were read; infinity for no end.
        lazily: gives a new iterator of the same elements that are not made yet, see `lazily`.

    >>> data = Dataset.from_tensor_slices([1, 2, 3, 4]).map(lambda x: x * x).batch(3)
    >>> [batch.tolist() for batch in data]
    [[1, 4, 9], [16]]
    """

    def __init__(
        self,
        source: Callable[[], Iterator[Any]],
        length: float | None = None,
        lazily: Callable[[], Iterator[Lazy]] | None = None,
    ) -> None:
        self._source = source
        self._length = length
        self._lazily = lazily
        self._ahead = 0  # elements to read ahead in a thread
        self._spec: Any = None
        self._batch_size: int | None = None  # where the last batch may have fewer elements

    # -- making one ---------------------------------------------------------------------------------------------------
    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> Dataset:
        """Return the rows of arrays that are equally long, as they are now: what is written there later does not count.

        Raises:
            ValueError: if they are not.
        """
        arrays = map_leaves(array_of_ones_own, tensors)
        lengths = {count_of(leaf) for leaf in leaves(arrays)}
        if len(lengths) != 1:
            raise ValueError(f"from_tensor_slices: the arrays have different lengths: {sorted(lengths)}.")
        (length,) = lengths

        def rows() -> Iterator[Any]:
            for index in range(length):
                yield row(arrays, index)

        found = Dataset(rows, length)
        found._spec = map_leaves(spec_of_rows, arrays)
        return found

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Dataset:
        """Return one element."""
        arrays = map_leaves(array_of_ones_own, tensors)
        return Dataset(lambda: iter([arrays]), 1)

    @staticmethod
    def from_generator(
        generator: Callable[..., Iterable[Any]],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """Return what a function's generators give.

        Args:
            generator: called with `args` for each round; returns an iterable of elements.
            output_types: the types of an element's arrays, to which they are converted; as they come by default.
            output_shapes: with types, the shapes that they must have; None for extents that vary.
            args: arguments for `generator`.
            output_signature: instead of types and shapes, `TensorSpec`s for an element's arrays.
            name: accepted as in TensorFlow.

        Raises:
            TypeError: where `generator` is no function.
            ValueError: when reading, for an element that is nested in another way, or an array of another shape.
        """
        if not callable(generator):
            raise TypeError(
                f"from_generator: generator must be a function that returns an iterable, got one of type "
                f"{type(generator).__name__}; pass lambda: it."
            )
        specs = said_of_elements(output_types, output_shapes, output_signature)

        def elements() -> Iterator[Any]:
            for number, element in enumerate(generator(*(args or ()))):
                element = map_leaves(_kept, element)
                yield map_leaves(array, element) if specs is None else as_described(element, specs, number)

        found = Dataset(elements)
        found._spec = output_signature
        return found

    @staticmethod
    def range(*arguments: Any, output_type: Any = "int64", name: str | None = None) -> Dataset:
        """Return numbers like Python's `range`."""
        numbers, kind = range(*map(int, arguments)), np.dtype(output_type).type
        found = Dataset(lambda: (kind(number) for number in numbers), len(numbers))
        found._spec = TensorSpec((), kind)
        return found

    @staticmethod
    def zip(*datasets: Any, name: str | None = None) -> Dataset:
        """Return tuples of the elements of several data sets, as many as the shortest has; a dict gives dicts."""
        parts = datasets[0] if len(datasets) == 1 and isinstance(datasets[0], tuple | dict) else datasets
        sets = list(leaves(parts))
        other = next((part for part in sets if not isinstance(part, Dataset)), None)
        if other is not None or not sets:
            got = "none" if other is None else f"a {type(other).__name__}"
            mend = "; pass them one by one, or in a tuple" if isinstance(other, list) else ""
            raise TypeError(f"Dataset.zip: data sets, or tuples and dicts of them, are zipped; got {got}{mend}.")

        def zipped() -> Iterator[Any]:
            for elements in zip(*sets):
                yield _like_parts(parts, iter(elements))

        found = Dataset(zipped, _least(part._length for part in sets))
        specs = [part._spec for part in sets]
        found._spec = None if None in specs else _like_parts(parts, iter(specs))
        return found

    # -- reading it ---------------------------------------------------------------------------------------------------
    def __iter__(self) -> Elements:
        return Elements(self)

    def lazily(self) -> Iterator[Lazy]:
        """Return an iterator of elements that are made when they are asked for, by `value()`.

        A process that trains with others makes only those that it needs: of a `LazyBatch`, some `rows`. The order is
        that of `iter`, whatever is made.
        """
        return map(Made, iter(self)) if self._lazily is None else self._lazily()

    def ahead(self, made: Iterator[Any]) -> Iterator[Any]:
        """Return what is made of elements, beforehand in a thread where the data set is one that reads ahead."""
        return read_ahead(made, self._ahead) if self._ahead else made

    def __len__(self) -> int:
        if self._length is None:
            raise TypeError("The length of this data set is not known before it was read.")
        if self._length == math.inf:
            raise TypeError("This data set is infinite: it is repeated without end. Use take() for a part of it.")
        return int(self._length)

    def __bool__(self) -> bool:
        return True

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Return an iterator over plain NumPy arrays, numbers and bytes."""
        return PlainElements(self)

    def cardinality(self) -> Any:
        """Return the number of elements, -1 where there is no end, or -2 where it is not known."""
        if self._length is None:
            return as_element(np.int64(UNKNOWN_CARDINALITY))
        return as_element(np.int64(INFINITE_CARDINALITY if self._length == math.inf else int(self._length)))

    @property
    def element_spec(self) -> Any:
        """What an element is like: what a generator's signature says, or what the first is.

        The extent of batches is None where the last may have fewer elements.

        >>> Dataset.from_tensor_slices([1.0, 2.0, 3.0]).batch(2).element_spec
        TensorSpec(shape=(None,), dtype='float32', name=None)
        """
        if self._spec is not None:
            return self._spec
        first = next(iter(self), None)
        if first is None:
            raise ValueError(
                "element_spec: the data set has no elements that would show what they are like. One made by "
                "from_generator(..., output_signature=...) or from_tensor_slices knows without them."
            )
        spec = map_leaves(spec_of, first)
        if self._batch_size is None:
            return spec
        extents = [leaf.shape[0] for leaf in leaves(spec) if len(leaf.shape)]
        batch = next((n for n in extents if isinstance(n, int) and n <= self._batch_size), None)
        return map_leaves(lambda leaf: _open_batch(leaf, batch), spec)

    def __repr__(self) -> str:
        words = [_count_text(self._length)]
        if self._spec is not None:  # else an element would have to be read
            words.append(_spec_text(self._spec))
        elif self._batch_size is not None:
            words.append(f"batches of {self._batch_size}")
        return f"<Dataset: {', '.join(words)}>"

    # -- refining it --------------------------------------------------------------------------------------------------
    def map(
        self, map_func: Callable[..., Any], num_parallel_calls: Any = None, deterministic: Any = None, **ignored: Any
    ) -> Dataset:
        """Apply a function to each element; of a tuple, its parts are the arguments."""

        def mapped() -> Iterator[Any]:
            return Mapped(lambda element: result(call(map_func, element)), iter(self))

        def lazily() -> Iterator[Lazy]:
            return (each.then(lambda element: result(call(map_func, element))) for each in self.lazily())

        return Dataset(mapped, self._length, lazily)

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """Keep the elements for which a function is true."""

        def kept() -> Iterator[Any]:
            for element in self:
                if holds(predicate, element, "filter"):
                    yield element

        return Dataset(kept)

    def batch(self, batch_size: int, drop_remainder: bool = False, **ignored: Any) -> Dataset:
        """Stack elements into batches; the last may be smaller, or is dropped. Rows of `RaggedTensor`s become such.

        Raises:
            ValueError: if `batch_size` is not positive, or, when reading, if elements differ in shape.
        """
        found = self._batched(batch_size, drop_remainder, lambda chunk: gathered(chunk, self._spec), are_rows=True)
        if has_shapes(self._spec):
            extent = int(batch_size) if drop_remainder else None
            found._spec = map_leaves(lambda leaf: spec_of_batches(leaf, extent), self._spec)
        return found

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Stack elements into batches, each padded at its ends to the largest extents in the batch.

        Args:
            batch_size: elements in a batch.
            padded_shapes: the extents to pad to, nested as the elements are; None for the largest.
            padding_values: what is put there, nested as the elements are; 0 or an empty string by default.
            drop_remainder: whether a last, smaller batch is dropped.
            name: accepted as in TensorFlow.

        Raises:
            ValueError: when reading, if an element is larger than the shape.

        >>> rows = Dataset.from_generator(lambda: iter([np.ones(1), np.ones(3)]))
        >>> [batch.tolist() for batch in rows.padded_batch(2)]
        [[[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]]
        """

        def gather(chunk: list[Any]) -> Any:
            return padded_elements(chunk, padded_shapes, padding_values)

        return self._batched(batch_size, drop_remainder, gather)

    def ragged_batch(self, batch_size: int, drop_remainder: bool = False, **ignored: Any) -> Dataset:
        """Stack elements into batches: those that vary in their first extent become `RaggedTensor`s.

        >>> rows = Dataset.from_generator(lambda: iter([np.ones(1), np.ones(3)]))
        >>> [batch.to_list() for batch in rows.ragged_batch(2)]
        [[[1.0], [1.0, 1.0, 1.0]]]
        """
        return self._batched(batch_size, drop_remainder, lambda chunk: map_leaves(ragged, *chunk))

    def _batched(
        self, batch_size: Any, drop_remainder: bool, gather: Callable[[list[Any]], Any], are_rows: bool = False
    ) -> Dataset:
        batch_size = checked_size(batch_size)

        def chunks(elements: Iterator[Any]) -> Iterator[list[Any]]:
            while chunk := list(itertools.islice(elements, batch_size)):
                if len(chunk) == batch_size or not drop_remainder:
                    yield chunk

        def batches() -> Iterator[Any]:
            for chunk in chunks(iter(self)):
                yield gather(chunk)

        def lazily() -> Iterator[Lazy]:
            for chunk in chunks(self.lazily()):
                batch = LazyBatch(chunk, gather)
                yield batch if are_rows else Lazy(batch.value)  # what is padded depends on all of them

        length = self._length
        if isinstance(length, int):
            length = length // batch_size if drop_remainder else -(-length // batch_size)
        found = Dataset(batches, length, lazily)
        found._batch_size = None if drop_remainder else batch_size
        found._ahead = self._ahead
        return found

    def unbatch(self, name: str | None = None) -> Dataset:
        """Take batches apart into their rows."""

        def rows() -> Iterator[Any]:
            for batch in self:
                for index in range(count_of(next(leaves(batch)))):
                    yield row(batch, index)

        found = Dataset(rows)
        found._spec = map_leaves(spec_of_parts, self._spec) if has_shapes(self._spec) else None
        return found

    def shuffle(
        self, buffer_size: Any, seed: int | None = None, reshuffle_each_iteration: bool = True, name: str | None = None
    ) -> Dataset:
        """Draw elements at random out of a buffer of the next `buffer_size`; another order in each round.

        Args:
            buffer_size: how many elements wait at a time; -2 for all of them.
            seed: of the draws.
            reshuffle_each_iteration: whether each round has another order.
            name: ignored.

        Raises:
            ValueError: for another number below one.
        """
        if buffer_size < 1 and buffer_size != UNKNOWN_CARDINALITY:
            raise ValueError(
                f"Dataset.shuffle: `buffer_size` is how many elements wait to be drawn from, one at least, or "
                f"{UNKNOWN_CARDINALITY} for all; got {buffer_size}."
            )
        places = math.inf if buffer_size < 0 else buffer_size
        rng = np.random.default_rng(seed if seed is not None else np.random.randint(2**31))
        fixed = None if reshuffle_each_iteration else int(rng.integers(2**31))

        def shuffled(elements: Iterator[Any]) -> Iterator[Any]:
            draw = rng if fixed is None else np.random.default_rng(fixed)
            buffer: list[Any] = []
            for element in elements:
                buffer.append(element)
                if len(buffer) >= places:
                    yield buffer.pop(int(draw.integers(len(buffer))))
            for index in draw.permutation(len(buffer)):
                yield buffer[index]

        return self._reordered(shuffled, self._length)

    def repeat(self, count: int | None = None, name: str | None = None) -> Dataset:
        """Repeat the data set, without end where `count` is None or -1."""
        endless = count is None or count < 0

        def repeated(begin: Callable[[], Iterator[Any]]) -> Iterator[Any]:
            rounds = itertools.count() if endless else range(int(count or 0))
            for _ in rounds:
                empty = True
                for element in begin():
                    empty = False
                    yield element
                if empty:
                    return

        length: float | None
        if endless:
            length = 0 if self._length == 0 else math.inf
        else:
            length = None if self._length is None else self._length * int(count or 0) if count else 0
        return Dataset(lambda: repeated(self.__iter__), length, lambda: repeated(self.lazily))

    def take(self, count: int, name: str | None = None) -> Dataset:
        """Keep the first `count` elements."""
        count = int(count)
        if count < 0:
            return self
        length = None if self._length is None else min(count, self._length)
        return self._reordered(lambda elements: itertools.islice(elements, count), length)

    def skip(self, count: int, name: str | None = None) -> Dataset:
        """Leave out the first `count` elements; all where it is -1."""
        count = int(count)
        if count < 0:
            return self.take(0)
        length = None if self._length is None else max(self._length - count, 0)
        return self._reordered(lambda elements: itertools.islice(elements, count, None), length)

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """Append another data set."""
        known = self._length is not None and dataset._length is not None
        found = Dataset(
            lambda: itertools.chain(self, dataset),
            self._length + dataset._length if known else None,  # type: ignore[operator]
            lambda: itertools.chain(self.lazily(), dataset.lazily()),
        )
        found._spec = self._spec if self._spec == dataset._spec else None
        return found

    def _reordered(self, order: Callable[[Iterator[Any]], Iterator[Any]], length: float | None) -> Dataset:
        """A data set of some of the elements, in some order, whatever they are."""
        return Dataset(lambda: order(iter(self)), length, lambda: order(self.lazily()))

    def enumerate(self, start: int = 0, name: str | None = None) -> Dataset:
        """Number the elements."""
        found = Dataset(lambda: ((np.int64(i), element) for i, element in enumerate(self, int(start))), self._length)
        found._spec = None if self._spec is None else (TensorSpec((), "int64"), self._spec)
        return found

    def cache(self, filename: Any = "", name: str | None = None) -> Dataset:
        """Keep the elements after the first round: in memory, or in a file that later programs read, too."""
        if filename:
            path = storing.file_of(filename)
            return Dataset(lambda: from_file(self, path), self._length)
        return Dataset(Kept(self.__iter__), self._length, Kept(self.lazily))

    def prefetch(self, buffer_size: int = AUTOTUNE, name: str | None = None) -> Dataset:
        """Read ahead in a thread, `buffer_size` elements, while the model trains."""
        size = buffer_size if buffer_size > 0 else 2
        found = Dataset(lambda: read_ahead(iter(self), size), self._length, self.lazily)
        found._ahead = size
        return found

    def with_options(self, options: Any, name: str | None = None) -> Dataset:
        """Accept options, of which there are none."""
        return self


#: What says that there is no next element.
_end: Callable[[], Exception] = StopIteration


def use_end(kind: Callable[[], Exception]) -> None:
    """Have `get_next` raise another error at the end: TensorFlow's, in scripts that are written for it."""
    global _end
    _end = kind


class Elements(Iterator[Any]):
    """One round through a data set."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._elements = dataset._source()

    def __next__(self) -> Any:
        return map_leaves(as_element, next(self._elements))

    def get_next(self, name: str | None = None) -> Any:
        """Return the next element.

        Raises:
            StopIteration: if there is none (`tf.errors.OutOfRangeError`).
        """
        try:
            return next(self)
        except StopIteration:
            raise _end() from None

    def next(self) -> Any:
        """Return the next element; at the end there is a StopIteration."""
        return next(self)

    def close(self) -> None:
        """End the round; what reads ahead for it stops."""
        if hasattr(self._elements, "close"):
            self._elements.close()

    @property
    def element_spec(self) -> Any:
        """What an element is like."""
        return self._dataset.element_spec


class PlainElements(Elements):
    """One round through a data set, of plain NumPy arrays, numbers and bytes."""

    def __next__(self) -> Any:
        return map_leaves(as_plain, super().__next__())


def _kept(leaf: Any) -> Any:
    """A leaf that stays as it is, whatever a generator does with its array later."""
    return leaf.copy() if isinstance(leaf, np.ndarray) and may_change(leaf) else leaf


def _open_batch(leaf: Any, batch: int | None) -> Any:
    """A description of an array, with None for the extent of the batch."""
    if (
        batch is None
        or type(leaf) not in (TensorSpec, SparseTensorSpec)
        or not len(leaf.shape)
        or leaf.shape[0] != batch
    ):
        return leaf
    return type(leaf)((None, *leaf.shape[1:]), leaf.dtype)


def _count_text(length: float | None) -> str:
    if length is None:
        return "an unknown number of elements"
    if length == math.inf:
        return "elements without end"
    return counted(int(length), "element")


def _spec_text(spec: Any) -> str:
    """Types and shapes in few words."""
    if isinstance(spec, dict):
        return "{" + ", ".join(f"{key!r}: {_spec_text(value)}" for key, value in spec.items()) + "}"
    if isinstance(spec, tuple | list) and not hasattr(spec, "as_list"):
        return "(" + ", ".join(map(_spec_text, spec)) + ("," if len(spec) == 1 else "") + ")"
    return f"{spec.dtype} {tuple(spec.shape)}" if hasattr(spec, "shape") else repr(spec)


def _keeping(method: Callable[..., Dataset], spec: bool) -> Callable[..., Dataset]:
    """A method whose result has the batches of the data set, and elements that are like its."""

    @functools.wraps(method)
    def kept(self: Dataset, *args: Any, **kwargs: Any) -> Dataset:
        found = method(self, *args, **kwargs)
        if found is not self:
            found._batch_size = self._batch_size
            found._ahead = found._ahead or self._ahead
            found._spec = self._spec if spec else found._spec
        return found

    return kept


_SAME_ELEMENTS = (
    *("filter", "shuffle", "repeat", "take", "skip", "cache", "prefetch"),
    *("with_options", "shard", "take_while", "ignore_errors"),
)
for _name in _SAME_ELEMENTS:
    setattr(Dataset, _name, _keeping(getattr(Dataset, _name), spec=True))
Dataset.map = _keeping(Dataset.map, spec=False)  # type: ignore[method-assign]


def _like_parts(parts: Any, elements: Iterator[Any]) -> Any:
    """Elements in the places of data sets."""
    return map_leaves(lambda _: next(elements), parts)


def _least(lengths: Iterable[Any]) -> Any:
    known = list(lengths)
    return None if None in known else min(known)
