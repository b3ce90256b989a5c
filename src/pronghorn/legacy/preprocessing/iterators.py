"""What `ImageDataGenerator` returns: batches without end, out of arrays, folders and tables."""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np

from pronghorn import config
from pronghorn._wording import counted
from pronghorn.data.folders.image import array_to_img, img_to_array, load_img
from pronghorn.engine.graph.user_code import warn
from pronghorn.utils.io import write
from pronghorn.utils.py_dataset import PyDataset

FORMATS = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")
_CHANNELS = {"rgb": 3, "rgba": 4, "grayscale": 1}


class Iterator(PyDataset):
    """Batches by number, and one after the other without end.

    Args:
        n: samples.
        batch_size: samples in a batch.
        shuffle: whether their order changes from epoch to epoch.
        seed: of order and changes; None for whatever NumPy's generator gives.
    """

    white_list_formats = FORMATS

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n, self.batch_size, self.shuffle, self.seed = n, batch_size, shuffle, seed
        self.batch_index = self.total_batches_seen = 0
        self.index_array: Any = None
        self.lock = threading.Lock()

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def _draw_order(self) -> None:
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _begin_batch(self) -> None:
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)
        self.total_batches_seen += 1

    def __getitem__(self, idx: int) -> Any:
        if idx >= len(self):
            raise ValueError(f"There is no batch {idx}; there are {len(self)}.")
        self._begin_batch()
        if self.index_array is None:
            self._draw_order()
        return self._get_batches_of_transformed_samples(
            self.index_array[self.batch_size * idx : self.batch_size * (idx + 1)]
        )

    def on_epoch_end(self) -> None:
        """Draw another order."""
        self._draw_order()

    def reset(self) -> None:
        """Begin with the first batch again."""
        self.batch_index = 0

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        with self.lock:
            if not self.n:
                raise ValueError("There are no samples to take batches of.")
            self._begin_batch()
            if self.batch_index == 0:
                self._draw_order()
            start = self.batch_index * self.batch_size
            rows = self.index_array[start : start + self.batch_size]
            self.batch_index = 0 if start + self.batch_size >= self.n else self.batch_index + 1
        return self._get_batches_of_transformed_samples(rows)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        raise NotImplementedError


def _split_of(generator: Any, subset: str | None) -> tuple[float, float] | None:
    """The share of the samples, from where to where, that a subset is."""
    share = generator._validation_split
    if subset is None:
        return None
    if subset not in ("training", "validation"):
        raise ValueError(f"subset={subset!r}; it must be 'training' or 'validation'.")
    return (0, share) if subset == "validation" else (share, 1)


class _Saving:
    """Where the images that are given are written, too."""

    def __init__(self, folder: Any, prefix: str, kind: str, data_format: str) -> None:
        self.folder, self.prefix, self.kind, self.data_format = folder, prefix, kind, data_format

    def write(self, images: np.ndarray, rows: np.ndarray) -> None:
        if not self.folder:
            return
        for image, row in zip(images, rows):
            picture = array_to_img(image, self.data_format, scale=True)
            name = f"{self.prefix}_{row}_{np.random.randint(10**7)}.{self.kind}"
            picture.save(os.path.join(self.folder, name))


class NumpyArrayIterator(Iterator):
    """Batches of arrays; see `ImageDataGenerator.flow`.

    Raises:
        ValueError: if the arrays' lengths differ, images have not four axes, or the labels of training and validation
            are different ones.
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
        dtype: str | None = None,
    ) -> None:
        dtype = config.floatx() if dtype is None else dtype
        further: list[Any] = []
        if isinstance(x, tuple | list):
            others = x[1] if isinstance(x[1], list | tuple) else [x[1]]
            x, further = x[0], [np.asarray(other) for other in others]
        x = np.asarray(x, dtype)
        if x.ndim != 4:
            raise ValueError(f"Images must have 4 axes, (samples, height, width, channels); got shape {x.shape}.")
        y, sample_weight = (None if part is None else np.asarray(part) for part in (y, sample_weight))
        for name, part in [("y", y), ("sample_weight", sample_weight), *(("x", other) for other in further)]:
            if part is not None and len(part) != len(x):
                raise ValueError(
                    f"x has {counted(len(x), 'image')} and {name} {counted(len(part), 'entry', 'entries')}; they need "
                    "the same number."
                )
        part = _split_of(image_data_generator, subset)
        if part is not None:
            border = int(len(x) * image_data_generator._validation_split)
            if y is not None and not ignore_class_split and set(np.unique(y[:border])) != set(np.unique(y[border:])):
                raise ValueError(
                    "Training and validation have different labels: shuffle the data before it is split, or pass "
                    "ignore_class_split=True."
                )
            chosen = slice(None, border) if subset == "validation" else slice(border, None)
            x, further = x[chosen], [other[chosen] for other in further]
            y, sample_weight = (None if rest is None else rest[chosen] for rest in (y, sample_weight))
        self.x, self.x_misc, self.y, self.sample_weight = x, further, y, sample_weight
        self.image_data_generator, self.dtype = image_data_generator, dtype
        self.data_format = config.image_data_format() if data_format is None else data_format
        self._saving = _Saving(save_to_dir, save_prefix, save_format, self.data_format)
        super().__init__(len(x), batch_size, shuffle, seed)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        images = np.zeros((len(index_array), *self.x.shape[1:]), self.dtype)
        for place, row in enumerate(index_array):
            image = self.image_data_generator.random_transform(self.x[row].astype(self.dtype))
            images[place] = self.image_data_generator.standardize(image)
        self._saving.write(images, index_array)
        found: Any = [images, *(other[index_array] for other in self.x_misc)] if self.x_misc else images
        if self.y is None:
            return found
        rest = () if self.sample_weight is None else (self.sample_weight[index_array],)
        return (found, self.y[index_array], *rest)


class _Pictures(Iterator):
    """Batches of pictures in files. Subclasses set `filepaths`, `class_mode` and `labels` first."""

    filepaths: list[str]
    class_mode: str | None
    labels: Any
    sample_weight: Any = None
    class_indices: dict[Any, int]

    def _look(
        self, generator: Any, target_size: Any, color_mode: str, data_format: str | None, saving: Any, subset: Any,
        interpolation: str, keep_aspect_ratio: bool, dtype: str | None,
    ) -> None:  # fmt: skip
        """Set how pictures are read."""
        if color_mode not in _CHANNELS:
            raise ValueError(f"color_mode={color_mode!r}; it must be one of {', '.join(_CHANNELS)}.")
        self.image_data_generator, self.target_size, self.color_mode = generator, tuple(target_size), color_mode
        self.data_format = config.image_data_format() if data_format is None else data_format
        self.dtype = config.floatx() if dtype is None else dtype
        channels = (_CHANNELS[color_mode],)
        last = self.data_format == "channels_last"
        self.image_shape = (*self.target_size, *channels) if last else (*channels, *self.target_size)
        self.interpolation, self.keep_aspect_ratio = interpolation, keep_aspect_ratio
        self._saving = _Saving(*saving, self.data_format)
        self.split, self.subset = _split_of(generator, subset), subset

    def _read(self, path: str) -> np.ndarray:
        picture = load_img(
            path,
            color_mode=self.color_mode,
            target_size=self.target_size,
            interpolation=self.interpolation,
            keep_aspect_ratio=self.keep_aspect_ratio,
        )
        image = self.image_data_generator.random_transform(img_to_array(picture, self.data_format))
        return self.image_data_generator.standardize(image)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        images = np.zeros((len(index_array), *self.image_shape), self.dtype)
        for place, row in enumerate(index_array):
            images[place] = self._read(self.filepaths[row])
        self._saving.write(images, index_array)
        if self.class_mode is None:
            return images
        labels = self._labels(images, index_array)
        return (images, labels) if self.sample_weight is None else (images, labels, self.sample_weight[index_array])

    def _labels(self, images: np.ndarray, rows: np.ndarray) -> Any:
        if self.class_mode == "input":
            return images.copy()
        if self.class_mode == "multi_output":
            return [output[rows] for output in self.labels]
        if self.class_mode == "raw":
            return self.labels[rows]
        if self.class_mode in ("binary", "sparse"):
            return np.array([self.labels[row] for row in rows], self.dtype)
        found = np.zeros((len(rows), len(self.class_indices)), self.dtype)
        for place, row in enumerate(rows):
            found[place, self.labels[row]] = 1
        return found


class DirectoryIterator(_Pictures):
    """Batches of pictures in a folder with a folder for each class; see `ImageDataGenerator.flow_from_directory`.

    Attributes:
        class_indices: the number of each class.
        classes: the number of each sample's class.
        filenames: the files, from the folder on.
        samples: how many there are.

    Raises:
        ValueError: for another `class_mode` or `color_mode`.
    """

    allowed_class_modes = ("categorical", "binary", "sparse", "input", None)

    def __init__(
        self,
        directory: Any,
        image_data_generator: Any,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Any = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: str | None = None,
    ) -> None:
        self._look(
            image_data_generator, target_size, color_mode, data_format, (save_to_dir, save_prefix, save_format),
            subset, interpolation, keep_aspect_ratio, dtype,
        )  # fmt: skip
        if class_mode not in self.allowed_class_modes:
            raise ValueError(f"class_mode={class_mode!r}; it must be one of {self.allowed_class_modes}.")
        self.directory, self.class_mode = directory, class_mode
        folders = classes or sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
        self.num_classes = len(folders)
        self.class_indices = {name: number for number, name in enumerate(folders)}
        self.filenames: list[str] = []
        numbers: list[int] = []
        for name, number in self.class_indices.items():
            found = self._files(name, follow_links)
            self.filenames += found
            numbers += [number] * len(found)
        self.classes = np.array(numbers, "int32")
        self.samples = len(self.filenames)
        self.filepaths = [os.path.join(directory, name) for name in self.filenames]
        write(f"Found {counted(self.samples, 'image')} belonging to {counted(self.num_classes, 'class', 'classes')}.")
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _files(self, folder: str, follow_links: bool) -> list[str]:
        """The pictures of a class, in order, and of them the part that the subset is."""
        found = []
        for where, _, names in sorted(os.walk(os.path.join(self.directory, folder), followlinks=follow_links)):
            pictures = sorted(name for name in names if name.lower().endswith(FORMATS))
            found += [os.path.relpath(os.path.join(where, name), self.directory) for name in pictures]
        if self.split is None:
            return found
        first, last = (int(share * len(found)) for share in self.split)
        return found[first:last]

    @property
    def labels(self) -> Any:
        """The number of each sample's class."""
        return self.classes


class DataFrameIterator(_Pictures):
    """Batches of the pictures that a table of pandas names; see `ImageDataGenerator.flow_from_dataframe`.

    Attributes:
        class_indices: the number of each class.
        classes: the number of each sample's class.
        filenames: what the table names.
        samples: how many there are.

    Raises:
        ValueError: for another `class_mode` or `color_mode`, or columns that do not fit it.
    """

    allowed_class_modes = ("binary", "categorical", "input", "multi_output", "raw", "sparse", None)

    def __init__(
        self,
        dataframe: Any,
        directory: Any = None,
        image_data_generator: Any = None,
        x_col: str = "filename",
        y_col: Any = "class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Any = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = "channels_last",
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: str | None = "float32",
        validate_filenames: bool = True,
    ) -> None:
        self._look(
            image_data_generator, target_size, color_mode, data_format, (save_to_dir, save_prefix, save_format),
            subset, interpolation, keep_aspect_ratio, dtype,
        )  # fmt: skip
        self.directory, self.class_mode = directory or "", class_mode
        columns = list(y_col) if isinstance(y_col, list | tuple) else [y_col]
        self._check(dataframe, x_col, columns, weight_col)
        table = self._with_files(dataframe, x_col) if validate_filenames else dataframe
        by_class = class_mode in ("binary", "categorical", "sparse")
        if by_class:
            table, labels = self._with_classes(table, columns[0], classes)
        if self.split is not None:
            first, last = (int(share * len(table)) for share in self.split)
            table = table.iloc[first:last]
            labels = labels[first:last] if by_class else None
        if by_class:
            self.classes = self.labels = labels
        elif class_mode == "raw":
            self.labels = table[y_col].values
        elif class_mode == "multi_output":
            self.labels = [np.array(table[column].tolist()) for column in columns]
        self.sample_weight = None if weight_col is None else np.asarray(table[weight_col])
        self.filenames = table[x_col].tolist()
        self.filepaths = [os.path.join(self.directory, name) for name in self.filenames]
        self.samples = len(self.filenames)
        kind = "validated" if validate_filenames else "non-validated"
        write(
            f"Found {self.samples} {kind} image filenames"
            + (f" belonging to {counted(len(self.class_indices), 'class', 'classes')}." if by_class else ".")
        )
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _check(self, table: Any, x_col: str, columns: list[Any], weight_col: str | None) -> None:
        mode = self.class_mode
        if mode not in self.allowed_class_modes:
            raise ValueError(f"class_mode={mode!r}; it must be one of {self.allowed_class_modes}.")
        if mode == "multi_output" and len(columns) < 2:
            raise ValueError(f"class_mode='multi_output' needs a list of columns in y_col; got {columns[0]!r}.")
        needed = [x_col, weight_col, *(columns if mode not in (None, "input") else [])]
        absent = [column for column in needed if column is not None and column not in table]
        if absent:
            raise ValueError(f"The table has no columns {absent}; it has {list(table.columns)}.")
        if not all(isinstance(name, str) for name in table[x_col]):
            raise TypeError(f"Column x_col={x_col!r} must have names of files, which are strings.")

    def _with_files(self, table: Any, x_col: str) -> Any:
        paths = (os.path.join(self.directory, name) for name in table[x_col])
        there = np.array([path.lower().endswith(FORMATS) and os.path.isfile(path) for path in paths], bool)
        if not there.all():
            warn(
                f"{(~there).sum()} files that the column {x_col!r} names are not there or are no pictures; they are "
                "left out.",
            )
        return table[there]

    def _with_classes(self, table: Any, y_col: str, classes: Any) -> tuple[Any, list[Any]]:
        """The rows that have a class, and the numbers of their classes."""
        entries = [list(entry) if isinstance(entry, list | tuple) else [entry] for entry in table[y_col]]
        if self.class_mode != "categorical" and any(isinstance(entry, list | tuple) for entry in table[y_col]):
            raise TypeError(f"class_mode={self.class_mode!r}: each entry of column {y_col!r} must be one class.")
        known = list(dict.fromkeys(classes)) if classes is not None else sorted({c for entry in entries for c in entry})
        if self.class_mode == "binary" and len(known) != 2:
            raise ValueError(f"class_mode='binary' needs two classes; there are {len(known)}: {known}.")
        self.class_indices = {name: number for number, name in enumerate(known)}
        numbers = [[self.class_indices[c] for c in entry if c in self.class_indices] for entry in entries]
        kept = np.array([bool(found) for found in numbers], bool)
        several = any(isinstance(entry, list | tuple) for entry in table[y_col])
        return table[kept], [found if several else found[0] for found in numbers if found]
