"""Arrays: the whole data set is in memory, batches are row numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn._wording import counted
from pronghorn.calls.batch import Batch, as_array, batch_key
from pronghorn.calls.layout import take_apart
from pronghorn.data.padded_rows import PaddedRows
from pronghorn.data.ragged import RaggedTensor
from pronghorn.engine.graph.user_code import defined_in
from pronghorn.trainers import validation
from pronghorn.trainers.arguments import BATCH_SIZE, check_batch_size
from pronghorn.trainers.data_adapters.adapter import DataAdapter, class_weights
from pronghorn.utils.data_tuple import pack_x_y_sample_weight


def to_arrays(data: Any, name: str) -> Any:
    """Nested arrays from what users have: NumPy, pandas, tensors, lists of numbers.

    Args:
        data: an array, or a list, tuple or dict of them.
        name: what it is called in errors; inputs, whose name begins with x, may be strings.
    """
    text = name.startswith("x")
    if data is None:
        return None
    data = _from_pandas(data, name)
    if isinstance(data, list | tuple) and not hasattr(data, "_fields") and _is_of_numbers(data):
        return as_array(data, name, text)
    if isinstance(data, dict) and hasattr(data, "toarray"):  # SciPy's dictionary of keys
        data = data.toarray()
    if isinstance(data, dict):
        return {key: to_arrays(value, f"{name}[{key!r}]") for key, value in data.items()}
    if isinstance(data, list | tuple):
        parts = [to_arrays(value, f"{name}[{i}]") for i, value in enumerate(data)]
        return type(data)(*parts) if hasattr(data, "_fields") else type(data)(parts)
    if isinstance(data, RaggedTensor) and text:
        return data
    is_array = hasattr(data, "shape") or hasattr(data, "__array__")
    if isinstance(data, str | bytes) or not (is_array or np.isscalar(data)):
        raise ValueError(
            f"`{name}` is a {type(data).__name__}, which is no data: pass NumPy arrays, lists or dicts of them, a "
            "pandas table, a generator, a PyDataset, a tf.data data set or a torch DataLoader."
        )
    array = as_array(data, name, text)
    return np.ascontiguousarray(array) if array.ndim else array


def _from_pandas(data: Any, name: str) -> Any:
    if defined_in(type(data)).split(".")[0] != "pandas":
        return data
    values = data.to_numpy()
    if values.dtype == object:  # columns of several types
        numbers = data.apply(_numeric) if hasattr(data, "columns") else _numeric(data)
        values = numbers.to_numpy()
        if hasattr(data, "columns"):
            _check_columns(data, numbers, values, name)
    # A column is one number a sample, shape (n, 1), like a table of one column and the output of one unit.
    return values[:, None] if values.ndim == 1 and values.dtype.kind in "biuf" else values


def _check_columns(data: Any, numbers: Any, values: np.ndarray, name: str) -> None:
    """Raise a ValueError that names a table's columns that hold no numbers, where others do, or labels are wanted."""
    kinds = {str(column): numbers[column].dtype.kind for column in data.columns if data.columns.is_unique}
    wrong = [column for column, kind in kinds.items() if kind not in "biuf"]
    if values.dtype != object or not wrong or (name.startswith("x") and len(wrong) == len(kinds)):
        return
    listed = ", ".join(f"{column!r} (such as {data[column].iloc[0]!r})" for column in wrong if len(data)) or repr(wrong)
    raise ValueError(
        f"`{name}`: the table has {'a column' if len(wrong) == 1 else 'columns'} without numbers: {listed}. Leave such "
        f"columns out, data.drop(columns={wrong}), or make numbers of them with pandas.get_dummies(data), a "
        "StringLookup layer or utils.FeatureSpace."
    )


def _numeric(column: Any) -> Any:
    return column.astype("float32") if column.dtype.kind in "biuf" else column


def _is_of_numbers(data: Any) -> bool:
    """Whether a list is rows of numbers, rather than a list of arrays for several inputs."""
    if len(data) == 0:
        return True
    first = data[0]
    while isinstance(first, list | tuple) and len(first):
        first = first[0]
    return isinstance(first, bool | int | float | np.generic | str | bytes)


class ArrayAdapter(DataAdapter):
    """Batches from arrays in memory.

    Args:
        x: nested arrays of inputs.
        y: nested arrays of targets.
        sample_weight: nested arrays of weights.
        batch_size: samples a batch.
        shuffle: whether each epoch has another order; `"batch"` only within the batches.
        class_weight: weights of classes.
        check: whether to look for NaN and infinities.
        steps: number of batches, where there is no `batch_size`.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        shuffle: bool | str = False,
        class_weight: dict[int, float] | None = None,
        check: bool = True,
        steps: int | None = None,
    ):
        x, y = to_arrays(x, "x"), to_arrays(y, "y")
        sample_weight = to_arrays(sample_weight, "sample_weight")
        validation.check_class_weight(class_weight, sample_weight, y)
        if sample_weight is not None and tree.is_nested(y) and not tree.is_nested(sample_weight):
            sample_weight = tree.map_structure(lambda _: sample_weight, y)  # the same for all outputs
        parts = [("x", x), ("y", y), ("sample_weight", sample_weight)]
        named = [
            (part + "".join(f"[{key!r}]" for key in path), array)
            for part, value in parts
            if value is not None
            for path, array in tree.flatten_with_path(value)
            if array is not None
        ]
        self.num_samples = validation.check_lengths(named)
        if class_weight is not None:
            sample_weight = class_weights(y, class_weight)
        x = tree.map_structure(lambda v: PaddedRows.of(v) if isinstance(v, RaggedTensor) else v, x)
        self._inputs, self._labels = tree.map_structure(_without_rows, x), y
        self._layout, self._arrays = take_apart(pack_x_y_sample_weight(x, y, sample_weight))
        self._arrays = [as_array(array, text=True) for array in self._arrays]
        if check:
            self.nan = self._look_through(named)
        self.batch_size = _checked_batch_size(batch_size, self.num_samples, steps)
        self.num_batches = -(-self.num_samples // self.batch_size)
        self._shuffle = shuffle
        self._key = batch_key(self._layout, self._arrays, bool(shuffle))

    def _look_through(self, named: list[tuple[str, Any]]) -> dict[int, str]:
        """Warn of infinities; return the names of what holds NaN, and where, by the places of the arrays."""
        validation.warn_of_infinities(named)
        found, place = {}, 0
        for name, array in named:
            values = np.asarray(array.flat_values) if isinstance(array, RaggedTensor) else array
            if validation.has_nan(values):
                found[place] = f"`{name}` holds {validation.where_nan(values)}"
            place += 2 if isinstance(array, RaggedTensor) else 1  # rows of different lengths are two arrays
        return found

    def labels(self) -> Any:
        return self._labels

    def inputs(self) -> Any:
        return self._inputs

    def batches(self) -> Iterator[Batch]:
        size, total = self.batch_size, self.num_samples
        if not self._shuffle:
            whole = Batch(self._layout, self._arrays, key=self._key)
            for start in range(0, total, size):
                yield whole.window(start, start + size)
            return
        rows = epoch_order(total, size if self._shuffle == "batch" else None)
        for start in range(0, total, size):
            yield Batch(self._layout, self._arrays, rows[start : start + size], key=self._key)

    def skip_first(self) -> None:
        if self._shuffle:
            epoch_order(min(self.batch_size, self.num_samples) if self._shuffle == "batch" else self.num_samples)

    def first(self) -> Batch:
        size = min(self.batch_size, self.num_samples)
        return self.batch_of(np.arange(size) if self._shuffle else slice(size))

    def at_hand(self) -> Batch:
        return self.first()

    def batch_with_nan(self) -> Batch:
        """A batch like those of an epoch that has some samples with NaN, where there are any, and else whole ones."""
        return self.batch_of(_rows_to_try([self._arrays[place] for place in self.nan or ()], self.batch_size))

    def batch_of(self, rows: Any) -> Batch:
        """A batch of some of the samples, like those of an epoch.

        Args:
            rows: their numbers; without shuffling it may be a slice.
        """
        if not self._shuffle:
            return Batch(self._layout, [a[rows] for a in self._arrays], key=self._key)
        return Batch(self._layout, self._arrays, rows, key=self._key)


def _rows_to_try(arrays: Sequence[np.ndarray], size: int) -> np.ndarray:
    """Numbers of so many rows: for each place, such as a column, one with NaN there, of each array as many; and whole
    rows.

    >>> _rows_to_try([np.array([[1, 2], [np.nan, 2], [np.nan, 2], [1, np.nan], [1, 2], [1, 2]])], 4)
    array([0, 1, 3, 4])
    """
    gaps = [np.isnan(array).reshape(len(array), -1) for array in arrays]
    most = max(1, size // (2 * len(gaps)))
    wanted = [np.unique(each.argmax(axis=0)[each.any(axis=0)])[:most] for each in gaps]
    is_whole = ~np.logical_or.reduce([each.any(axis=1) for each in gaps])
    wanted += [np.flatnonzero(is_whole)[:size], np.flatnonzero(~is_whole)]
    return np.sort(np.array(list(dict.fromkeys(np.concatenate(wanted).tolist()))[:size]))


def _without_rows(x: Any) -> Any:
    return x.padded.numpy() if isinstance(x, PaddedRows) else x


def epoch_order(total: int, chunk: int | None = None) -> np.ndarray:
    """A random order of row numbers, int64, drawn from NumPy's own generator as Keras draws it.

    Args:
        total: number of rows.
        chunk: rows are shuffled within so many; all of them by default.
    """
    if chunk is None or chunk >= total:
        return np.random.permutation(total)
    starts = range(0, total, chunk)
    return np.concatenate([start + np.random.permutation(min(chunk, total - start)) for start in starts])


def _checked_batch_size(batch_size: Any, samples: int, steps: int | None) -> int:
    """The samples of a batch: 32 by default, or as many as make all samples one epoch of that many steps."""
    if batch_size is None:
        return -(-samples // steps) if steps else BATCH_SIZE
    check_batch_size("batch_size", batch_size)
    return int(batch_size)


def split_arrays(arrays: Any, validation_split: float) -> tuple[Any, Any]:
    """Split nested arrays into the first part, for training, and the last, for validation.

    Args:
        arrays: a tuple such as (x, y, sample_weight); None stays None.
        validation_split: share of the last part, between 0 and 1.

    Raises:
        ValueError: if there is nothing to split, or a part would be empty.
    """
    if not 0 < validation_split < 1:
        raise ValueError(f"validation_split must lie between 0 and 1, got {validation_split}.")
    names = ("x", "y", "sample_weight")
    x = arrays[0]
    if not isinstance(x, list | tuple | dict) and not hasattr(x, "shape") and hasattr(x, "__iter__"):
        raise ValueError(
            f"validation_split is only supported for arrays, since it counts their samples; x is a {type(x).__name__}. "
            "Pass validation_data, another of the kind."
        )
    converted = tuple(to_arrays(part, name) for part, name in zip(arrays, names))
    named = [
        (name, array)
        for name, part in zip(names, converted)
        if part is not None
        for array in tree.flatten(part)
        if array is not None
    ]
    total = validation.check_lengths(named)
    cut = int(np.floor(total * (1.0 - validation_split)))
    if cut == 0 or cut == total:
        raise ValueError(
            f"The training data has {counted(total, 'sample')}, which cannot be split with "
            f"validation_split={validation_split}: "
            "one of the two parts would be empty. Give more data or another share."
        )

    def part(rows: slice) -> Any:
        return tree.map_structure(lambda a: None if a is None else a[rows], converted)

    return part(slice(0, cut)), part(slice(cut, None))
