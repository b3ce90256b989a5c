"""Files in folders as labelled samples: what the `..._dataset_from_directory` functions have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from pronghorn.data.dataset import Dataset
from pronghorn.utils import io

_AHEAD = 32  # files read at the same time by a few threads, while the model trains


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
    """
    folder = os.fspath(directory)
    if not os.path.isdir(folder):
        raise ValueError(f"{who}: there is no folder {folder}.")
    if label_mode not in ("int", "categorical", "binary", None):
        raise ValueError(f"{who}: label_mode={label_mode!r}; it must be 'int', 'categorical', 'binary' or None.")
    if labels is None or label_mode is None:
        labels = label_mode = None
    elif not isinstance(labels, list | tuple) and not (isinstance(labels, str) and labels == "inferred"):
        raise ValueError(f"{who}: labels={labels!r}; it must be 'inferred', None or a list of integers.")
    if not isinstance(labels, str) and class_names:
        raise ValueError(f"{who}: class_names needs labels='inferred'.")
    if not isinstance(labels, str):
        paths = list(_walk(folder, endings, follow_links))
        return _with_list(paths, labels, label_mode, endings, folder, who)
    found = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))
    names = found if class_names is None else list(class_names)
    if class_names is not None and set(names) != set(found):
        raise ValueError(f"{who}: class_names {names} are not the folders in {folder}: {found}.")
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
        raise ValueError(f"{who}: labels has {len(numbers)} entries, but there are {len(paths)} files in {folder}.")
    names = None if numbers is None else [str(number) for number in sorted(set(numbers))]
    _check(paths, numbers, len(names or ()), label_mode, endings, folder, who)
    return Files(paths, numbers, names)


def _check(
    paths: list[str], numbers: Any, classes: int, label_mode: Any, endings: tuple[str, ...], folder: str, who: str
) -> None:
    if not paths:
        raise ValueError(f"{who}: there are no files that end with {', '.join(endings)} in {folder}.")
    if numbers is not None and label_mode == "binary" and classes != 2:
        raise ValueError(f"{who}: label_mode='binary' needs two classes; there are {classes}.")


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
    if validation_split is not None and not 0 < validation_split < 1:
        raise ValueError(f"{who}: validation_split={validation_split} must be greater than 0 and less than 1.")
    if (validation_split is None) != (subset is None):
        raise ValueError(f"{who}: validation_split and subset go together; pass both or neither.")
    if subset not in ("training", "validation", "both", None):
        raise ValueError(f"{who}: subset={subset!r}; it must be 'training', 'validation' or 'both'.")
    if validation_split and shuffle and seed is None and subset != "both":
        raise ValueError(f"{who}: pass a seed, else training and validation files are drawn twice and overlap.")


def datasets(
    files: Files,
    load: Callable[[str], Any],
    label_mode: str | None,
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
    validation_split: float | None,
    subset: str | None,
    verbose: bool,
) -> Any:
    """Return the data set of the files, or a pair of them where `subset` is `"both"`."""
    seed = int(np.random.randint(10**6)) if seed is None else seed
    order = np.random.default_rng(seed).permutation(len(files.paths)) if shuffle else np.arange(len(files.paths))
    if verbose:
        classes = "" if files.class_names is None else f" of {len(files.class_names)} classes"
        io.write(f"Found {len(files.paths)} files{classes}.")
    if not validation_split:
        return _dataset(files, order, load, label_mode, batch_size, shuffle, seed)
    cut = len(order) - int(validation_split * len(order))
    if verbose:
        io.write(f"{cut} of them are for training, {len(order) - cut} for validation.")
    training = _dataset(files, order[:cut], load, label_mode, batch_size, shuffle, seed)
    validation = _dataset(files, order[cut:], load, label_mode, batch_size, False, seed)
    return {"training": training, "validation": validation, "both": (training, validation)}[str(subset)]


def _dataset(
    files: Files,
    order: np.ndarray,
    load: Callable[[str], Any],
    label_mode: str | None,
    batch_size: int | None,
    shuffle: bool,
    seed: int,
) -> Dataset:
    labels = None if files.labels is None else _encoded(files.labels, len(files.class_names or ()), label_mode)
    rng = np.random.default_rng(seed)
    rounds = 0

    def read() -> Iterator[Any]:
        nonlocal rounds
        indices = rng.permutation(order) if shuffle and rounds else order
        rounds += 1
        with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
            for start in range(0, len(indices), _AHEAD):
                chunk = indices[start : start + _AHEAD]
                loaded = pool.map(load, [files.paths[index] for index in chunk])
                for index, sample in zip(chunk, loaded):
                    yield sample if labels is None else (sample, labels[index])

    dataset = Dataset(read, len(order))
    if batch_size is not None:
        dataset = dataset.batch(batch_size)
    dataset.class_names = files.class_names  # type: ignore[attr-defined]
    dataset.file_paths = [files.paths[index] for index in order]  # type: ignore[attr-defined]
    return dataset


def _encoded(labels: list[int], classes: int, label_mode: str | None) -> np.ndarray:
    numbers = np.asarray(labels)
    if label_mode == "binary":
        return numbers.astype("float32")[:, None]
    if label_mode == "categorical":
        return np.eye(classes, dtype="float32")[numbers]
    return numbers.astype("int32")
