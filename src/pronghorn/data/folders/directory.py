"""Files in folders as labelled samples: what the `..._dataset_from_directory` functions have in common."""

from __future__ import annotations

import collections
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from pronghorn._wording import counted, shown
from pronghorn.data import formats
from pronghorn.data.dataset import Dataset
from pronghorn.data.lazy import Lazy
from pronghorn.data.tensor_spec import RaggedTensorSpec, TensorSpec
from pronghorn.utils import io
from pronghorn.utils.arguments import is_integer

_AHEAD = 32  # files read at the same time by a few threads, while the model trains
_READERS = 4


@dataclass
class Files:
    """Paths and their labels, in order; `labels` is None where there are none."""

    paths: list[str]
    labels: list[int] | None
    class_names: list[str] | None


def find(
    directory: str | os.PathLike[str],
    labels: Any,
    label_mode: str | None,
    class_names: Sequence[str] | None,
    endings: tuple[str, ...],
    follow_links: bool,
    who: str,
) -> Files:
    """Find the files below a folder, and their labels by their folders or from a list.

    Raises:
        ValueError: for arguments that do not fit together, or if there are no files.
        FileNotFoundError: if there is no such folder.
    """
    folder = os.fspath(directory)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{who}: there is no folder {folder}.")
    if label_mode not in ("int", "categorical", "binary", None):
        raise ValueError(
            f"{who}: the `label_mode` argument must be 'int', 'categorical', 'binary' or None; got "
            f"label_mode={label_mode!r}."
        )
    if labels is None or label_mode is None:
        labels = label_mode = None
    elif not isinstance(labels, list | tuple) and not (isinstance(labels, str) and labels == "inferred"):
        raise ValueError(
            f"{who}: the `labels` argument should be 'inferred', a list of integers or None; got labels={labels!r}."
        )
    if not isinstance(labels, str) and class_names:
        raise ValueError(
            f"{who}: `class_names` are the names of the folders that labels='inferred' takes labels from; got "
            f"labels={shown(labels)}."
        )
    if not isinstance(labels, str):
        paths = list(_walk(folder, endings, follow_links))
        return _with_list(paths, labels, label_mode, endings, folder, who)
    found = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))
    names = found if class_names is None else list(class_names)
    if not set(names) <= set(found):
        raise ValueError(
            f"{who}: `class_names` has other names than the folders in {folder}, {found}; got class_names={names}."
        )
    paths, numbers = [], []
    for number, name in enumerate(names):
        of_class = list(_walk(os.path.join(folder, name), endings, follow_links))
        paths += of_class
        numbers += [number] * len(of_class)
    _check(paths, numbers, len(names), label_mode, endings, folder, who)
    return Files(paths, numbers, names)


def _with_list(
    paths: list[str], labels: Any, label_mode: str | None, endings: tuple[str, ...], folder: str, who: str
) -> Files:
    numbers = None if labels is None else [int(label) for label in labels]
    if numbers is not None and len(numbers) != len(paths):
        raise ValueError(
            f"{who}: `labels` needs one entry for each file, but there are {len(numbers)} labels for the {len(paths)} "
            f"files in {folder}."
        )
    names = None if numbers is None else [str(number) for number in sorted(set(numbers))]
    _check(paths, numbers, len(names or ()), label_mode, endings, folder, who)
    return Files(paths, numbers, names)


def _check(
    paths: list[str], numbers: Any, classes: int, label_mode: Any, endings: tuple[str, ...], folder: str, who: str
) -> None:
    if not paths:
        kind = who.partition("_")[0]
        found = "No images found." if kind == "image" else f"No {kind} files found in directory {folder}."
        raise ValueError(f"{who}: {found} Nothing below {folder} ends with {', '.join(endings)}.")
    if numbers is not None and label_mode == "binary" and classes != 2:
        raise ValueError(f"{who}: label_mode='binary' is for two classes; found {classes}.")


def _walk(folder: str, endings: tuple[str, ...], follow_links: bool) -> Iterator[str]:
    for root, folders, files in sorted(os.walk(folder, followlinks=follow_links)):
        folders.sort()
        for name in sorted(files):
            if name.lower().endswith(endings) and not name.startswith("."):
                yield os.path.join(root, name)


def check_split(validation_split: float | None, subset: str | None, shuffle: bool, seed: int | None, who: str) -> None:
    """Check the arguments that reserve a part for validation.

    Raises:
        ValueError: if they do not fit together.
    """
    if seed is not None and not is_integer(seed):
        raise ValueError(f"{who}: `seed` must be an integer or None; got seed={seed!r}.")
    if validation_split is not None and validation_split != 0 and not 0 < validation_split < 1:
        raise ValueError(
            f"{who}: `validation_split` must be between 0 and 1, without these; got "
            f"validation_split={validation_split}."
        )
    if subset not in ("training", "validation", "both", None):
        raise ValueError(f'{who}: `subset` takes "training", "validation", "both" or None; got subset={subset!r}.')
    if bool(validation_split) != (subset is not None):
        missing, given = ("validation_split", "subset") if subset else ("subset", "validation_split")
        raise ValueError(f"{who}: `{missing}` must be set where `{given}` is; pass both or neither.")
    if validation_split and shuffle and seed is None and subset != "both":
        raise ValueError(
            f"{who}: to shuffle and split you must provide a `seed`, since the files are drawn once for training and "
            "once for validation, and would overlap."
        )


@dataclass(frozen=True)
class Samples:
    """How the files of a folder become samples.

    Attributes:
        load: from a path to a sample.
        spec: what a sample is like.
        gather: puts samples, with their labels, together to a batch of a Grain data set.
        pad: whether samples are padded to the longest of their batch.
    """

    load: Callable[[str], Any]
    spec: TensorSpec | RaggedTensorSpec
    gather: Callable[[Sequence[Any]], Any]
    pad: bool = False


def datasets(
    files: Files,
    samples: Samples,
    label_mode: str | None,
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
    validation_split: float | None,
    subset: str | None,
    verbose: bool,
    library: ModuleType | None = None,
) -> Any:
    """Return the data set of the files, or a pair of them where `subset` is `"both"`.

    Args:
        files: what `find` found.
        samples: what becomes of them.
        label_mode: see `image_dataset_from_directory`, also for the arguments until `subset`.
        batch_size: samples in a batch; None for samples one by one.
        shuffle: whether to shuffle.
        seed: of the shuffling.
        validation_split: the share of the files that is for validation.
        subset: which part to return.
        verbose: whether to say how many files there are.
        library: the one whose data set is wanted, see `formats.library`; None for ours.
    """
    seed = int(np.random.randint(10**6)) if seed is None else seed

    def dataset(order: np.ndarray, shuffle: bool) -> Any:
        rows = _Rows(files, order, samples, label_mode)
        found = _in_library(rows, batch_size, shuffle, int(seed or 0), library)
        found.class_names = files.class_names
        found.file_paths = [files.paths[index] for index in order]
        return found

    order = np.arange(len(files.paths))
    if shuffle:
        np.random.RandomState(seed).shuffle(order)  # Keras's generator: a seed splits files as it does there
    if verbose:
        classes = "" if files.class_names is None else f" of {counted(len(files.class_names), 'class', 'classes')}"
        io.write(f"Found {counted(len(files.paths), 'file')}{classes}.")
    if not validation_split:
        return dataset(order, shuffle)
    cut = len(order) - int(validation_split * len(order))
    if verbose:
        io.write(f"{cut} of them are for training, {len(order) - cut} for validation.")
    training, validation = dataset(order[:cut], shuffle), dataset(order[cut:], False)
    return {"training": training, "validation": validation, "both": (training, validation)}[str(subset)]


class _Rows:
    """Files as samples with their labels, each read when it is asked for.

    Args:
        files: which files.
        order: their numbers, in the order of the rows.
        samples: how they are read.
        label_mode: what labels are like.
    """

    def __init__(self, files: Files, order: np.ndarray, samples: Samples, label_mode: str | None):
        self.paths = [files.paths[index] for index in order]
        self.samples = samples
        self.labels = None
        if files.labels is not None:
            self.labels = _encoded([files.labels[index] for index in order], len(files.class_names or ()), label_mode)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Any:
        return self.labelled(self.samples.load(self.paths[index]), index)

    def labelled(self, sample: Any, index: int) -> Any:
        """Return a sample with the label of a row."""
        return sample if self.labels is None else (sample, self.labels[index])

    @property
    def spec(self) -> Any:
        """What a row is like."""
        if self.labels is None:
            return self.samples.spec
        return self.samples.spec, TensorSpec(self.labels.shape[1:], self.labels.dtype)


def _in_library(rows: _Rows, batch_size: int | None, shuffle: bool, seed: int, library: ModuleType | None) -> Any:
    """A data set of the rows, in batches; Grain's, as in Keras, has one order for all rounds."""
    if library is not None and library.__name__ == "grain":
        return formats.grain_dataset(library, rows, batch_size, rows.samples.gather)
    found = _dataset(rows, shuffle, seed)
    found._spec = rows.spec
    if batch_size is not None and rows.samples.pad:
        found = found.padded_batch(batch_size)
        found._spec = formats.batches_of(rows.spec)
    elif batch_size is not None:
        found = found.batch(batch_size)
    return formats.of_library(library, found)


def _dataset(rows: _Rows, shuffle: bool, seed: int) -> Dataset:
    rng = np.random.default_rng(seed)
    rounds = 0

    def indices() -> np.ndarray:
        nonlocal rounds
        rounds += 1
        return rng.permutation(len(rows)) if shuffle and rounds > 1 else np.arange(len(rows))

    def read() -> Iterator[Any]:
        numbers = indices()
        for index, sample in zip(numbers, _loaded(rows.samples.load, [rows.paths[index] for index in numbers])):
            yield rows.labelled(sample, index)

    def lazily() -> Iterator[Lazy]:
        pool = ThreadPoolExecutor(max_workers=min(_READERS, os.cpu_count() or 1))
        for index in indices():
            loading = _Loading(rows.samples.load, rows.paths[index], pool)
            yield Lazy(lambda loading=loading, index=index: rows.labelled(loading.result(), index), loading.begin)

    found = Dataset(read, len(rows), lazily)
    found._ahead = 1
    return found


class _Loading:
    """A file that is read when it is asked for, or before, in a thread."""

    def __init__(self, load: Callable[[str], Any], path: str, pool: ThreadPoolExecutor):
        self._load, self._path, self._pool = load, path, pool
        self._begun: Future[Any] | None = None

    def begin(self) -> None:
        if self._begun is None:
            self._begun = self._pool.submit(self._load, self._path)

    def result(self) -> Any:
        return self._load(self._path) if self._begun is None else self._begun.result()


def _loaded(load: Callable[[str], Any], paths: list[str]) -> Iterator[Any]:
    """The samples of files, in order; others are read meanwhile."""
    pool = ThreadPoolExecutor(max_workers=min(_READERS, os.cpu_count() or 1))
    try:
        waiting = collections.deque(pool.submit(load, path) for path in paths[:_AHEAD])
        for path in itertools.chain(paths[_AHEAD:], itertools.repeat(None)):
            if not waiting:
                return
            sample = waiting.popleft().result()
            if path is not None:
                waiting.append(pool.submit(load, path))
            yield sample
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _encoded(labels: list[int], classes: int, label_mode: str | None) -> np.ndarray:
    numbers = np.asarray(labels)
    if label_mode == "binary":
        return numbers.astype("float32")[:, None]
    if label_mode == "categorical":
        return np.eye(classes, dtype="float32")[numbers]
    return numbers.astype("int32")
