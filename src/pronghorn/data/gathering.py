"""The steps of a data set that gather, mix and store elements; `Dataset` has them besides its own."""

from __future__ import annotations

import bisect
import itertools
import math
import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pronghorn.data import storing
from pronghorn.data.batching import checked_size, gathered
from pronghorn.data.element import as_plain
from pronghorn.data.options import Options
from pronghorn.data.structure import call, holds, map_leaves, result, state_of

if TYPE_CHECKING:
    from pronghorn.data.dataset import Dataset


class GatheringSteps:
    """See `Dataset`."""

    _length: float | None
    _spec: Any

    def _new(self, source: Callable[[], Iterator[Any]], length: float | None = None) -> Dataset:
        return type(self)(source, length)  # type: ignore[call-arg,return-value]

    def __iter__(self) -> Any:
        raise NotImplementedError

    # -- data sets of data sets ---------------------------------------------------------------------------------------
    def flat_map(self, map_func: Callable[..., Any], name: str | None = None) -> Dataset:
        """Return the elements of the data sets that a function makes of elements, one after the other."""
        return self._new(lambda: itertools.chain.from_iterable(call(map_func, element) for element in self))

    def interleave(
        self,
        map_func: Callable[..., Any],
        cycle_length: int | None = None,
        block_length: int = 1,
        num_parallel_calls: Any = None,
        deterministic: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """Return the elements of the data sets that a function makes of elements, in turns.

        Args:
            map_func: makes a data set.
            cycle_length: how many are read in turns; by default and for -1 as many as there are cores.
            block_length: how many elements each gives in a turn.
            num_parallel_calls: accepted as in TensorFlow.
            deterministic: accepted as in TensorFlow.
            name: accepted as in TensorFlow.

        Raises:
            ValueError: for numbers below 1.
        """
        for name, number in (("cycle_length", cycle_length), ("block_length", block_length)):
            if number is not None and number < 1 and (name, number) != ("cycle_length", -1):
                raise ValueError(f"interleave: {name} must be at least 1, got {number}.")
        width = cycle_length if cycle_length is not None and cycle_length > 0 else os.cpu_count() or 1

        def mixed() -> Iterator[Any]:
            inputs = iter(self)
            places: list[Iterator[Any] | None] = []

            def opened() -> Iterator[Any] | None:
                for element in inputs:
                    return iter(call(map_func, element))
                return None

            places = [opened() for _ in range(width)]
            while any(place is not None for place in places):
                for i in range(width):
                    current = places[i]
                    if current is None:
                        continue
                    block = list(itertools.islice(current, block_length))
                    yield from block
                    if len(block) < block_length:
                        places[i] = opened()

        return self._new(mixed)

    def window(
        self, size: int, shift: int | None = None, stride: int = 1, drop_remainder: bool = False, name: Any = None
    ) -> Dataset:
        """Return windows of `size` elements, each a data set; of tuples and dicts, one of data sets.

        Args:
            size: elements in a window.
            shift: how many elements further the next begins; by default `size`.
            stride: how far apart the elements of a window lie.
            drop_remainder: whether windows that are not full are dropped.
            name: accepted as in TensorFlow.
        """
        shift = size if shift is None else int(shift)
        reach = (size - 1) * stride + 1

        def windows() -> Iterator[Any]:
            elements = iter(self)
            buffer = list(itertools.islice(elements, reach))
            while buffer:
                if len(buffer) < reach and drop_remainder:
                    return
                chosen = buffer[:reach:stride]
                yield map_leaves(lambda *parts: self._new(lambda: iter(parts), len(parts)), *chosen)
                if shift < len(buffer):
                    buffer = buffer[shift:] + list(itertools.islice(elements, shift))
                else:
                    list(itertools.islice(elements, shift - len(buffer)))
                    buffer = list(itertools.islice(elements, reach))

        length: float | None = self._length
        if isinstance(length, int):
            length = max(0, (length - reach) // shift + 1) if drop_remainder else -(-length // shift)
        return self._new(windows, length)

    # -- batches of another size --------------------------------------------------------------------------------------
    def rebatch(
        self, batch_size: int | Sequence[int], drop_remainder: bool = False, name: str | None = None
    ) -> Dataset:
        """Return the rows of batches in batches of another size, or of several sizes in turn.

        >>> from pronghorn.data import Dataset
        >>> [batch.tolist() for batch in Dataset.range(6).batch(4).rebatch([1, 2]).as_numpy_iterator()]
        [[0], [1, 2], [3], [4, 5]]
        """
        rows = self.unbatch()
        if not isinstance(batch_size, list | tuple | np.ndarray):
            return rows.batch(batch_size, drop_remainder)  # type: ignore[attr-defined,no-any-return]
        sizes = [checked_size(size) for size in batch_size]
        if not sizes:
            raise ValueError("rebatch: batch_size=[] has no size; pass an integer above 0, or a list of such.")

        def batches() -> Iterator[Any]:
            elements = iter(rows)
            for size in itertools.cycle(sizes):
                chosen = list(itertools.islice(elements, size))
                if not chosen or (drop_remainder and len(chosen) < size):
                    return
                yield gathered(chosen, rows._spec)

        return self._new(batches)

    def group_by_window(
        self,
        key_func: Callable[..., Any],
        reduce_func: Callable[..., Any],
        window_size: int | None = None,
        window_size_func: Callable[..., Any] | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Gather elements by a key, and return the elements of what a function makes of each group.

        Args:
            key_func: gives an element's key, an integer.
            reduce_func: of a key and a data set of elements that have it; returns a data set.
            window_size: so many elements make a group.
            window_size_func: or a function of the key that says how many.
            name: accepted as in TensorFlow.

        Raises:
            ValueError: unless one of the sizes is given.
        """
        if (window_size is None) == (window_size_func is None):
            raise ValueError("group_by_window: pass one of window_size and window_size_func.")

        def group(key: int, chosen: list[Any]) -> Any:
            return reduce_func(np.int64(key), self._new(lambda: iter(chosen), len(chosen)))

        def grouped() -> Iterator[Any]:
            waiting: dict[int, list[Any]] = {}
            for element in self:
                key = int(call(key_func, element))
                waiting.setdefault(key, []).append(element)
                size = window_size if window_size_func is None else window_size_func(np.int64(key))
                if len(waiting[key]) == int(size):  # type: ignore[arg-type]
                    yield from group(key, waiting.pop(key))
            for key in sorted(waiting):
                yield from group(key, waiting[key])

        return self._new(grouped)

    def bucket_by_sequence_length(
        self,
        element_length_func: Callable[..., Any],
        bucket_boundaries: Sequence[int],
        bucket_batch_sizes: Sequence[int],
        padded_shapes: Any = None,
        padding_values: Any = None,
        pad_to_bucket_boundary: bool = False,
        no_padding: bool = False,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Return padded batches of elements that are about equally long.

        Args:
            element_length_func: gives an element's length.
            bucket_boundaries: lengths at which the next bucket begins.
            bucket_batch_sizes: elements in a batch, for each of the buckets, which are one more.
            padded_shapes: see `padded_batch`.
            padding_values: see `padded_batch`.
            pad_to_bucket_boundary: whether the extents that vary become as large as the bucket allows.
            no_padding: whether elements of a bucket are equally long already.
            drop_remainder: whether batches that are not full are dropped.
            name: accepted as in TensorFlow.

        Raises:
            ValueError: unless there is one more batch size than there are boundaries, or, when reading, for an element
                beyond the last boundary where it is to be padded to it.
        """
        bounds, sizes = [int(n) for n in bucket_boundaries], [int(n) for n in bucket_batch_sizes]
        if len(sizes) != len(bounds) + 1:
            raise ValueError(
                f"bucket_by_sequence_length: {len(bounds)} bucket_boundaries need {len(bounds) + 1} "
                f"bucket_batch_sizes; got {len(sizes)}."
            )

        def key(*parts: Any) -> int:
            return bisect.bisect_right(bounds, int(element_length_func(*parts)))

        def batches(bucket: Any, group: Dataset) -> Dataset:
            size = sizes[int(bucket)]
            if no_padding:
                return group.batch(size, drop_remainder)
            shapes = padded_shapes
            if pad_to_bucket_boundary:
                if int(bucket) == len(bounds):
                    raise ValueError(
                        "bucket_by_sequence_length: with pad_to_bucket_boundary no element may be as long as the last "
                        f"boundary, {bounds[-1]}."
                    )
                most = bounds[int(bucket)] - 1
                first = next(iter(group))
                if shapes is None:
                    shapes = map_leaves(lambda leaf: (None,) * np.ndim(leaf), first)
                shapes = map_leaves(
                    lambda _, shape: tuple(most if n in (None, -1) else n for n in shape), first, shapes
                )
            return group.padded_batch(size, shapes, padding_values, drop_remainder)

        return self.group_by_window(key, batches, window_size_func=lambda bucket: sizes[int(bucket)])

    # -- mixing -------------------------------------------------------------------------------------------------------
    @classmethod
    def sample_from_datasets(
        cls,
        datasets: Sequence[Any],
        weights: Any = None,
        seed: Any = None,
        stop_on_empty_dataset: bool = False,
        rerandomize_each_iteration: Any = None,
    ) -> Dataset:
        """Return elements of several data sets, the next one's drawn at random.

        Args:
            datasets: the data sets.
            weights: how probable each is; all alike by default.
            seed: of the drawing.
            stop_on_empty_dataset: whether it ends with the first that has no more, rather than with the last.
            rerandomize_each_iteration: whether each round draws anew.

        Raises:
            ValueError: unless there is a weight for each, none negative and one above zero.
        """
        if not datasets:
            raise ValueError("sample_from_datasets: datasets=[] has no data set.")
        shares = np.ones(len(datasets)) if weights is None else np.asarray(weights, "float64")
        if shares.shape != (len(datasets),) or not np.isfinite(shares).all() or shares.min() < 0 or not shares.any():
            raise ValueError(
                f"sample_from_datasets: weights={weights!r} must be {len(datasets)} numbers, one for each data set, "
                "none negative and at least one above zero."
            )
        seed = int(np.random.randint(2**31)) if seed is None else seed
        fixed = np.random.default_rng(seed)

        def choices(ended: set[int]) -> Iterator[int]:
            draw = fixed if rerandomize_each_iteration else np.random.default_rng(seed)
            left = shares.copy()
            while left.any():
                yield int(draw.choice(len(datasets), p=left / left.sum()))
                left[list(ended)] = 0

        return cls._chosen(datasets, choices, stop_on_empty_dataset)

    @classmethod
    def choose_from_datasets(
        cls, datasets: Sequence[Any], choice_dataset: Any, stop_on_empty_dataset: bool = True
    ) -> Dataset:
        """Return elements of several data sets, the next one's as a data set of numbers says."""
        return cls._chosen(datasets, lambda ended: map(int, choice_dataset), stop_on_empty_dataset)

    @classmethod
    def _chosen(cls, datasets: Sequence[Any], choices: Callable[[set[int]], Iterator[int]], stop: bool) -> Dataset:
        def chosen() -> Iterator[Any]:
            rounds = [iter(dataset) for dataset in datasets]
            ended: set[int] = set()
            for choice in choices(ended):
                if not 0 <= choice < len(rounds):
                    raise ValueError(f"choose_from_datasets: {choice} is no number of one of {len(rounds)} data sets.")
                if choice in ended:
                    continue
                try:
                    yield next(rounds[choice])
                except StopIteration:
                    ended.add(choice)
                    if stop or len(ended) == len(rounds):
                        return

        return cls(chosen)  # type: ignore[call-arg,return-value]

    @classmethod
    def random(cls, seed: int | None = None, rerandomize_each_iteration: Any = None, name: Any = None) -> Dataset:
        """Return random integers without end."""
        own = int(np.random.randint(2**31)) if seed is None else seed

        def numbers() -> Iterator[Any]:
            draw = np.random.default_rng(own)
            while True:
                yield np.int64(draw.integers(2**32))

        return cls(numbers, math.inf)  # type: ignore[call-arg,return-value]

    @classmethod
    def counter(cls, start: int = 0, step: int = 1, dtype: Any = "int64", name: str | None = None) -> Dataset:
        """Return numbers without end."""
        numbers = start, start + step * 2**62, step
        endless: Dataset = cls.range(*numbers, output_type=dtype)  # type: ignore[attr-defined]
        endless._length = math.inf
        return endless

    def rejection_resample(
        self,
        class_func: Callable[..., Any],
        target_dist: Any,
        initial_dist: Any = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Leave elements out so that of each class there is the share that is wanted.

        Args:
            class_func: gives the number of an element's class.
            target_dist: the share of each class that is wanted.
            initial_dist: the share of each class as it is; None counts while elements come.
            seed: of the drawing.
            name: ignored.

        Returns:
            A data set of pairs: the class and the element.
        """
        wanted = np.asarray(target_dist, "float64")
        own = int(np.random.randint(2**31)) if seed is None else int(seed)

        def kept() -> Iterator[Any]:
            draw = np.random.default_rng(own)
            counts = np.zeros(len(wanted)) if initial_dist is None else np.asarray(initial_dist, "float64")
            for element in self:
                number = int(as_plain(call(class_func, element)))
                if initial_dist is None:
                    counts[number] += 1
                rarity = np.divide(wanted, counts, out=np.zeros(len(wanted)), where=counts > 0)
                if draw.random() * rarity.max() < rarity[number]:
                    yield np.int64(number), element

        return self._new(kept)

    def options(self) -> Options:
        """Return options, which have no meaning here."""
        return Options()

    # -- parts --------------------------------------------------------------------------------------------------------
    def shard(self, num_shards: int, index: int, name: str | None = None) -> Dataset:
        """Keep every `num_shards`th element, from `index` on."""
        if not 0 <= index < num_shards:
            raise ValueError(f"shard: index={index} must be from 0 to below num_shards={num_shards}.")
        length = -(-(self._length - index) // num_shards) if isinstance(self._length, int) else self._length
        return self._reordered(lambda elements: itertools.islice(elements, index, None, num_shards), length)  # type: ignore[attr-defined,no-any-return]

    def take_while(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """Keep elements up to the first for which a function is false."""
        return self._new(lambda: itertools.takewhile(lambda element: holds(predicate, element, "take_while"), self))

    def unique(self, name: str | None = None) -> Dataset:
        """Keep the first of equal elements."""

        def kept() -> Iterator[Any]:
            seen: set[Hashable] = set()
            for element in self:
                key = as_plain(element)
                key = key.tobytes() if isinstance(key, np.ndarray) else key
                if key not in seen:
                    seen.add(key)
                    yield element

        return self._new(kept)

    def ignore_errors(self, log_warning: bool = False, name: str | None = None) -> Dataset:
        """Leave out elements at which reading fails, where what reads them can go on."""

        def kept() -> Iterator[Any]:
            elements = iter(self)
            while True:
                try:
                    yield next(elements)
                except StopIteration:
                    return
                except (ValueError, OSError):
                    continue

        return self._new(kept)

    # -- results ------------------------------------------------------------------------------------------------------
    def reduce(self, initial_state: Any, reduce_func: Callable[..., Any], name: str | None = None) -> Any:
        """Return what a function of a state and an element makes of all elements."""
        state = state_of(initial_state)
        for element in self:
            state = state_of(reduce_func(state, element))
        return state

    def scan(self, initial_state: Any, scan_func: Callable[..., Any], name: str | None = None) -> Dataset:
        """Return what a function of a state and an element gives besides the next state."""

        def scanned() -> Iterator[Any]:
            state = state_of(initial_state)
            for element in self:
                state, output = scan_func(state, element)
                state = state_of(state)
                yield result(output)

        return self._new(scanned, self._length)

    def get_single_element(self, name: str | None = None) -> Any:
        """Return the only element.

        Raises:
            ValueError: if there are others, or none.
        """
        found = list(itertools.islice(iter(self), 2))
        if len(found) != 1:
            raise ValueError(f"get_single_element: the data set has {'more than one element' if found else 'none'}.")
        return found[0]

    def apply(self, transformation_func: Callable[..., Any]) -> Any:
        """Return what a function makes of the data set."""
        return transformation_func(self)

    @classmethod
    def list_files(cls, file_pattern: Any, shuffle: Any = None, seed: Any = None, name: Any = None) -> Dataset:
        """Return the paths that match patterns, shuffled unless told otherwise.

        Raises:
            ValueError: if there are none.
        """
        found = storing.matching(file_pattern)
        if not found:
            raise ValueError(f"Dataset.list_files: no file matches {', '.join(storing.paths_of(file_pattern))}.")
        data = cls(lambda: iter(found), len(found))  # type: ignore[call-arg]
        return data.shuffle(len(found), seed=seed) if shuffle is None or shuffle else data  # type: ignore[attr-defined,no-any-return]

    # -- files --------------------------------------------------------------------------------------------------------
    def save(self, path: Any, compression: str | None = None, **ignored: Any) -> None:
        """Write all elements into a folder, for `load`; `compression="GZIP"` makes them smaller."""
        storing.write(storing.file_of(os.path.join(storing.path_of(path), "dataset")), self, compression)

    @classmethod
    def load(cls, path: Any, element_spec: Any = None, compression: str | None = None, **ignored: Any) -> Dataset:
        """Return the elements that `save` wrote.

        Raises:
            FileNotFoundError: if there are none.
            ValueError: when reading, if they were saved with another `compression`.
        """
        file = storing.file_of(os.path.join(storing.path_of(path), "dataset"))
        if not file.exists():
            raise FileNotFoundError(f"Dataset.load: no data set was saved in {storing.path_of(path)}.")
        return cls(lambda: storing.read(file, compression))  # type: ignore[call-arg,return-value]

    def snapshot(self, path: Any, *args: Any, **ignored: Any) -> Dataset:
        """Write the elements into a folder in the first round, and read them there in others."""
        return self.cache(os.path.join(storing.path_of(path), "snapshot"))  # type: ignore[attr-defined,no-any-return]
