"""`ImageDataGenerator`: pictures that are changed at random while a model trains, as in Keras 2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import config
from pronghorn.engine.graph.user_code import warn
from pronghorn.legacy.preprocessing import affine
from pronghorn.legacy.preprocessing.iterators import (
    DataFrameIterator,
    DirectoryIterator,
    NumpyArrayIterator,
)

_EPSILON = 1e-6
_AXES = {"channels_last": (1, 2, 3), "channels_first": (2, 3, 1)}  # of rows, columns and channels in a batch


class ImageDataGenerator:
    """Batches of images that are changed at random.

    New programs take `utils.image_dataset_from_directory` and the layers for augmentation, which run in the model.

    Args:
        featurewise_center: whether the mean of the data (see `fit`) is subtracted.
        samplewise_center: whether each image's mean is subtracted.
        featurewise_std_normalization: whether images are divided by the data's standard deviation.
        samplewise_std_normalization: whether each image is divided by its standard deviation.
        zca_whitening: whether images are decorrelated.
        zca_epsilon: what keeps that from dividing by zero.
        rotation_range: degrees by which images are turned at most.
        width_shift_range: the share of the width by which images are moved at most; from 1 on, or if it is an integer,
            pixels; or pixels to choose from.
        height_shift_range: the same for the height.
        brightness_range: two numbers, between which the brightness is drawn.
        shear_range: degrees by which images are sheared at most.
        zoom_range: two numbers, between which the zoom is drawn, or how far it may be from 1.
        channel_shift_range: what is added to all channels at most.
        fill_mode: what is beyond the image: ``"constant"``, ``"nearest"``, ``"reflect"`` or ``"wrap"``.
        cval: the value beyond it for ``"constant"``.
        horizontal_flip: whether half of the images are mirrored.
        vertical_flip: whether half of the images are turned upside down.
        rescale: a factor, or None.
        preprocessing_function: a function of an image, before it is rescaled.
        data_format: ``"channels_last"`` or ``"channels_first"``; None for the setting of `config`.
        validation_split: the share of the data that is for validation.
        interpolation_order: 0 for the nearest pixel, 1 for interpolation.
        dtype: the type of the images; None for the setting of `config`.

    Raises:
        ValueError: for settings that are out of range.

    >>> batches = ImageDataGenerator(rescale=1 / 255).flow(np.full((3, 2, 2, 1), 255.0), np.arange(3), batch_size=2)
    >>> x, y = next(batches)
    >>> x.shape, x.max(), len(batches)
    ((2, 2, 2, 1), np.float32(1.0), 2)
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Any = 0.0,
        height_shift_range: Any = 0.0,
        brightness_range: Any = None,
        shear_range: float = 0.0,
        zoom_range: Any = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[np.ndarray], np.ndarray] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: str | None = None,
    ) -> None:
        self.data_format = config.image_data_format() if data_format is None else data_format
        _check(self.data_format, validation_split, zoom_range, brightness_range)
        self.row_axis, self.col_axis, self.channel_axis = _AXES[self.data_format]
        self.featurewise_center, self.samplewise_center = featurewise_center, samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.rotation_range, self.shear_range = rotation_range, shear_range
        self.width_shift_range, self.height_shift_range = width_shift_range, height_shift_range
        self.zoom_range = (1 - zoom_range, 1 + zoom_range) if np.ndim(zoom_range) == 0 else tuple(zoom_range)
        self.brightness_range, self.channel_shift_range = brightness_range, channel_shift_range
        self.fill_mode, self.cval, self.interpolation_order = fill_mode, cval, interpolation_order
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self._validation_split = validation_split
        self.dtype = config.floatx() if dtype is None else dtype
        self.mean: Any = None
        self.std: Any = None
        self.zca_whitening_matrix: Any = None
        self._settle()

    def _settle(self) -> None:
        """Set what settings ask for besides themselves, and say so."""
        wanted = (
            ("zca_whitening", "featurewise_center", True),
            ("zca_whitening", "featurewise_std_normalization", False),
            ("featurewise_std_normalization", "featurewise_center", True),
            ("samplewise_std_normalization", "samplewise_center", True),
        )
        for setting, other, value in wanted:
            if getattr(self, setting) and getattr(self, other) is not value:
                setattr(self, other, value)
                warn(f"ImageDataGenerator: with {setting}=True, {other} is {value}.")

    # -- where images come from ---------------------------------------------------------------------------------------
    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Return batches of arrays, without end.

        Args:
            x: images, ``[samples, height, width, channels]``; or a pair of them and of further inputs.
            y: labels, or None.
            batch_size: samples in a batch.
            shuffle: whether their order changes from epoch to epoch.
            sample_weight: a weight for each sample, or None.
            seed: of order and changes.
            save_to_dir: a folder into which the images that are given are written, too.
            save_prefix: the beginning of their files' names.
            save_format: their format.
            ignore_class_split: whether training and validation may have different labels.
            subset: ``"training"`` or ``"validation"``, with `validation_split`.
        """
        return NumpyArrayIterator(
            x, y, self, batch_size, shuffle, sample_weight, seed, self.data_format, save_to_dir, save_prefix,
            save_format, subset, ignore_class_split, self.dtype,
        )  # fmt: skip

    def flow_from_directory(
        self,
        directory: Any,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Any = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:
        """Return batches of pictures in a folder that has a folder for each class, without end.

        Args:
            directory: the folder.
            target_size: height and width of the images.
            color_mode: ``"rgb"``, ``"rgba"`` or ``"grayscale"``.
            classes: the folders, in the order of the classes; None for all, in alphabetical order.
            class_mode: what labels are: ``"categorical"`` (one-hot), ``"binary"`` or ``"sparse"`` (numbers),
                ``"input"`` (the images), or None for none.
            batch_size: samples in a batch.
            shuffle: whether their order changes from epoch to epoch.
            seed: of order and changes.
            save_to_dir: see `flow`.
            save_prefix: see `flow`.
            save_format: see `flow`.
            follow_links: whether links to folders are followed.
            subset: ``"training"`` or ``"validation"``, with `validation_split`.
            interpolation: how pictures are resized; see `utils.load_img`.
            keep_aspect_ratio: whether they are cropped rather than distorted.
        """
        return DirectoryIterator(
            directory, self, target_size, color_mode, classes, class_mode, batch_size, shuffle, seed, self.data_format,
            save_to_dir, save_prefix, save_format, follow_links, subset, interpolation, keep_aspect_ratio, self.dtype,
        )  # fmt: skip

    def flow_from_dataframe(
        self,
        dataframe: Any,
        directory: Any = None,
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
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
        **kwargs: Any,
    ) -> DataFrameIterator:
        """Return batches of the pictures that a table of pandas names, without end.

        Args:
            dataframe: the table.
            directory: the folder that the names begin at; None if they are whole paths.
            x_col: the column of the names.
            y_col: the column of the labels, or several.
            weight_col: the column of weights, or None.
            target_size: see `flow_from_directory`.
            color_mode: see `flow_from_directory`.
            classes: labels, in the order of the classes; None for all, in alphabetical order.
            class_mode: as for `flow_from_directory`, or ``"raw"`` (what the column has) or ``"multi_output"`` (what
                several columns have).
            batch_size: samples in a batch.
            shuffle: whether their order changes from epoch to epoch.
            seed: of order and changes.
            save_to_dir: see `flow`.
            save_prefix: see `flow`.
            save_format: see `flow`.
            subset: ``"training"`` or ``"validation"``, with `validation_split`.
            interpolation: how pictures are resized; see `utils.load_img`.
            validate_filenames: whether rows whose file is not there, or no picture, are left out.
            **kwargs: `keep_aspect_ratio`.
        """
        return DataFrameIterator(
            dataframe, directory, self, x_col, y_col, weight_col, target_size, color_mode, classes, class_mode,
            batch_size, shuffle, seed, self.data_format, save_to_dir, save_prefix, save_format, subset, interpolation,
            kwargs.get("keep_aspect_ratio", False), self.dtype, validate_filenames,
        )  # fmt: skip

    # -- what becomes of them -----------------------------------------------------------------------------------------
    def get_random_transform(self, img_shape: tuple[int, ...], seed: int | None = None) -> dict[str, Any]:
        """Draw what is to become of an image of a shape; for `apply_transform`."""
        if seed is not None:
            np.random.seed(seed)
        theta = np.random.uniform(-self.rotation_range, self.rotation_range) if self.rotation_range else 0
        tx = _drawn_shift(self.height_shift_range, img_shape[self.row_axis - 1])
        ty = _drawn_shift(self.width_shift_range, img_shape[self.col_axis - 1])
        shear = np.random.uniform(-self.shear_range, self.shear_range) if self.shear_range else 0
        zx, zy = (1, 1) if self.zoom_range == (1, 1) else np.random.uniform(*self.zoom_range, 2)
        horizontal = (np.random.random() < 0.5) * self.horizontal_flip
        vertical = (np.random.random() < 0.5) * self.vertical_flip
        most = self.channel_shift_range
        shift = np.random.uniform(-most, most) if most else None
        brightness = None if self.brightness_range is None else np.random.uniform(*self.brightness_range)
        return {
            **{"theta": theta, "tx": tx, "ty": ty, "shear": shear, "zx": zx, "zy": zy},
            **{"flip_horizontal": horizontal, "flip_vertical": vertical},
            **{"channel_shift_intensity": shift, "brightness": brightness},
        }

    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
        """Return an image changed as `get_random_transform` says; what it leaves out stays.

        Args:
            x: the image, of three axes.
            transform_parameters: `theta`, `tx`, `ty`, `shear`, `zx`, `zy`, `channel_shift_intensity`,
                `flip_horizontal`, `flip_vertical`, `brightness`.
        """
        wanted = transform_parameters
        rows, columns, channels = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1
        moves = {name: wanted[name] for name in ("theta", "tx", "ty", "shear", "zx", "zy") if name in wanted}
        x = affine.apply_affine_transform(
            x, **moves, row_axis=rows, col_axis=columns, channel_axis=channels, fill_mode=self.fill_mode,
            cval=self.cval, order=self.interpolation_order,
        )  # fmt: skip
        if wanted.get("channel_shift_intensity") is not None:
            x = affine.apply_channel_shift(x, wanted["channel_shift_intensity"], channels)
        if wanted.get("flip_horizontal", False):
            x = np.flip(x, columns)
        if wanted.get("flip_vertical", False):
            x = np.flip(x, rows)
        if wanted.get("brightness") is not None:
            x = affine.apply_brightness_shift(x, wanted["brightness"], False)
        return x

    def random_transform(self, x: np.ndarray, seed: int | None = None) -> np.ndarray:
        """Return an image changed at random."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def standardize(self, x: np.ndarray) -> np.ndarray:
        """Return an image, or a batch of them, normalized as the settings say."""
        if self.preprocessing_function is not None:
            x = self.preprocessing_function(x)
        if self.rescale:
            x = x * self.rescale
        if self.samplewise_center:
            x = x - np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x = x / (np.std(x, keepdims=True) + _EPSILON)
        if self.featurewise_center and self._is_fitted(self.mean, "featurewise_center"):
            x = x - self.mean
        if self.featurewise_std_normalization and self._is_fitted(self.std, "featurewise_std_normalization"):
            x = x / (self.std + _EPSILON)
        if self.zca_whitening and self._is_fitted(self.zca_whitening_matrix, "zca_whitening"):
            x = (x.reshape(-1, int(np.prod(x.shape[-3:]))) @ self.zca_whitening_matrix).reshape(x.shape)
        return x

    def _is_fitted(self, value: Any, setting: str) -> bool:
        if value is None:
            warn(f"ImageDataGenerator: {setting} needs a look at the data: call fit(x) first.")
        return value is not None

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Look at data for `featurewise_center`, `featurewise_std_normalization` and `zca_whitening`.

        Args:
            x: images, ``[samples, height, width, channels]``.
            augment: whether it is looked at as it becomes by random changes.
            rounds: how often, if so.
            seed: of these changes.

        Raises:
            ValueError: for other than four axes.
        """
        x = np.array(x, self.dtype)
        if x.ndim != 4:
            raise ValueError(f"ImageDataGenerator.fit: x must have 4 axes; got shape {x.shape}.")
        if seed is not None:
            np.random.seed(seed)
        if augment:
            x = np.stack([self.random_transform(image) for _ in range(rounds) for image in x]).astype(self.dtype)
        axes = (0, self.row_axis, self.col_axis)
        if self.featurewise_center:
            self.mean = np.mean(x, axis=axes, keepdims=True)[0]
            x = x - self.mean
        if self.featurewise_std_normalization:
            self.std = np.std(x, axis=axes, keepdims=True)[0]
            x = x / (self.std + _EPSILON)
        if self.zca_whitening:
            rows = x.reshape(len(x), -1)
            vectors, sizes, _ = np.linalg.svd(rows.T, full_matrices=False)
            self.zca_whitening_matrix = (vectors * (np.sqrt(len(x)) / (sizes + self.zca_epsilon))) @ vectors.T


def _drawn_shift(wanted: Any, extent: int) -> float:
    """Pixels by which an image is moved along an axis."""
    if np.ndim(wanted) == 0 and not wanted:
        return 0
    if np.ndim(wanted) or isinstance(wanted, int | np.integer):
        return float(np.random.choice(wanted) * np.random.choice([-1, 1]))
    return float(np.random.uniform(-wanted, wanted) * (extent if wanted < 1 else 1))


def _check(data_format: Any, validation_split: Any, zoom_range: Any, brightness_range: Any) -> None:
    who = "ImageDataGenerator"
    if data_format not in _AXES:
        raise ValueError(f"{who}: data_format={data_format!r}; it must be one of {', '.join(_AXES)}.")
    if validation_split and not 0 < validation_split < 1:
        raise ValueError(f"{who}: validation_split={validation_split!r}; it must be between 0 and 1.")
    if np.shape(zoom_range) not in ((), (2,)) or np.asarray(zoom_range).dtype.kind not in "iuf":
        raise ValueError(f"{who}: zoom_range={zoom_range!r}; it must be a number or a pair.")
    if brightness_range is not None and np.shape(brightness_range) != (2,):
        raise ValueError(f"{who}: brightness_range={brightness_range!r}; it must be a pair.")
