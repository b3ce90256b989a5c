"""Folders of images as a data set."""

from __future__ import annotations

import math
import os
import threading
from typing import Any

import numpy as np

from pronghorn import config, ops
from pronghorn._lazy import nearest_clause
from pronghorn.data import formats
from pronghorn.data.batching import stacked
from pronghorn.data.folders import directory as folders
from pronghorn.data.folders.image import pixels, why_unreadable
from pronghorn.data.tensor_spec import TensorSpec
from pronghorn.ops.image import shares
from pronghorn.ops.image.resizing import METHODS, taps
from pronghorn.utils.arguments import is_integer

_ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_COLOR_MODES = {"grayscale": 1, "rgb": 3, "rgba": 4}  # their channels


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: int | tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str | None = None,
    verbose: bool = True,
) -> Any:
    """Return a data set of the images below a folder, labelled by their folders.

    Args:
        directory: the folder; with `labels="inferred"` it has a folder for each class.
        labels: `"inferred"`, None, or a list of class numbers for the files in alphabetical order.
        label_mode: `"int"`, `"categorical"` (one-hot), `"binary"` (0.0 or 1.0) or None.
        class_names: the folders in the order of their numbers, by default alphabetical.
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`.
        batch_size: images in a batch; None for images one by one.
        image_size: `(height, width)` that all are resized to; one number for squares.
        shuffle: whether to shuffle, anew in each round.
        seed: of the shuffling.
        validation_split: fraction reserved for validation; `subset` says which part is wanted.
        subset: `"training"`, `"validation"` or `"both"`.
        interpolation: how images are resized: `"nearest"`, `"bilinear"`, `"bicubic"`, `"lanczos3"`, `"lanczos5"`,
            `"area"`, `"gaussian"` or `"mitchellcubic"`.
        follow_links: whether to follow symbolic links to folders.
        crop_to_aspect_ratio: whether to cut images to the shape of `image_size` instead of stretching them.
        pad_to_aspect_ratio: whether to put zeros around them instead, when they are as large as fits; with
            `format="grain"`, as in Keras, before they are resized, as `ops.image.resize` does.
        data_format: `"channels_last"`, `"channels_first"`, or None for the default.
        format: None for a `pronghorn.data.Dataset`, which has the methods of a `tf.data.Dataset`; `"tf"` for a
            `tf.data.Dataset`, where TensorFlow is installed (elsewhere, and under `pronghorn run`, ours stands in for
            it); `"grain"` for a `grain.IterDataset`, which has one order for all epochs; `"torch"` for a
            `torch.utils.data.DataLoader`.
        verbose: whether to say how many files there are.

    Returns:
        A data set of float32 images of shape `(batch, height, width, channels)`, 0 to 255, with their labels; it has
        the attributes `class_names` and `file_paths`. A pair of them where `subset` is `"both"`.

    Raises:
        ValueError: for arguments that do not fit together, or if there are no images; when reading, for a file that is
            no image, with its path.
        ImportError: if a Grain data set is asked for and Grain is not installed.

    Example:

    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from pronghorn.utils import save_img
    >>> place = tempfile.TemporaryDirectory()
    >>> folder = pathlib.Path(place.name)
    >>> for kind in ("cats", "dogs"):
    ...     (folder / kind).mkdir()
    ...     save_img(folder / kind / "1.png", np.zeros((8, 8, 3)))
    >>> data = image_dataset_from_directory(folder, image_size=(4, 4), verbose=False)
    >>> images, labels = next(iter(data))
    >>> images.shape, data.class_names
    ((2, 4, 4, 3), ['cats', 'dogs'])
    """
    who = "image_dataset_from_directory"
    if color_mode not in _COLOR_MODES:
        raise ValueError(
            f"{who}: `color_mode` must be one of {', '.join(_COLOR_MODES)}; got color_mode={color_mode!r}."
        )
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(f"{who}: crop_to_aspect_ratio and pad_to_aspect_ratio exclude each other.")
    data_format = config.standardize_data_format(data_format)
    size = (image_size, image_size) if is_integer(image_size) else image_size
    if not isinstance(size, tuple | list) or len(size) != 2 or not all(is_integer(n) and n > 0 for n in size):
        raise ValueError(
            f"{who}: `image_size` must be two positive integers, (height, width); got image_size={image_size!r}."
        )
    height, width = size
    method = interpolation.lower() if isinstance(interpolation, str) else interpolation
    if method not in METHODS:
        raise ValueError(
            f"{who}: `interpolation` must be one of {', '.join(METHODS)}; got interpolation={interpolation!r}"
            f"{nearest_clause(str(method), METHODS)}."
        )
    library = formats.library(format, who)
    folders.check_split(validation_split, subset, shuffle, seed, who)
    files = folders.find(directory, labels, label_mode, class_names, _ENDINGS, follow_links, who)

    def load(path: str) -> np.ndarray:
        try:
            image = pixels(path, color_mode)
        except (OSError, SyntaxError, ValueError) as error:  # of a file that is cut off, or no image; not which
            raise ValueError(
                f"{who}: {path} cannot be read as an image: {why_unreadable(error)}. Replace the file or take it away."
            ) from error
        image = image[:, :, None] if image.ndim == 2 else image
        if image.shape[:2] != (height, width) or method in shares.METHODS:  # those are filters
            if pad_to_aspect_ratio and format != "grain":
                image = _within_border(image, (height, width), method)
            else:
                image = resize(image, (height, width), method, crop_to_aspect_ratio, pad_to_aspect_ratio)
        image = np.asarray(image, "float32")
        return np.transpose(image, (2, 0, 1)) if data_format == "channels_first" else image

    channels = _COLOR_MODES[color_mode]
    shape = (channels, height, width) if data_format == "channels_first" else (height, width, channels)
    samples = folders.Samples(load, TensorSpec(shape), stacked)
    return folders.datasets(
        files, samples, label_mode, batch_size, shuffle, seed, validation_split, subset, verbose, library
    )


def resize(image: np.ndarray, size: tuple[int, int], interpolation: str, crop: bool, pad: bool) -> np.ndarray:
    """Resize one image; see `image_dataset_from_directory`."""
    if interpolation in ("bilinear", "bicubic") and not crop and not pad:
        rows = _picked(image, 0, size[0], interpolation, keep=image.shape[1] == size[1])
        return _picked(rows, 1, size[1], interpolation, keep=True)
    resized = ops.image.resize(
        ops.convert_to_tensor(image.astype("float32")),
        tuple(size),
        interpolation=interpolation,
        data_format="channels_last",
        crop_to_aspect_ratio=crop,
        pad_to_aspect_ratio=pad,
    )
    return np.asarray(resized)


def _within_border(image: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    """Resize one image to the largest that fits with its proportions kept, with zeros around it: float32."""
    extents, outer = np.asarray(image.shape[:2], "float32"), np.asarray(size, "float32")
    inner = extents / (extents / outer).max()  # in float32, as Keras on TensorFlow rounds it
    high, wide = np.maximum(inner, 1).astype(int)
    top, left = np.maximum((outer - inner) / 2, 0).astype(int)
    found = np.zeros((*size, image.shape[2]), "float32")
    found[top : top + high, left : left + wide] = resize(image, (high, wide), interpolation, False, False)
    return found


def _picked(image: np.ndarray, axis: int, new: int, interpolation: str, keep: bool) -> np.ndarray:
    """Resize one axis: what `ops.image.resize` gives, out of the bytes of the pixels that count.

    Args:
        image: float32, or whole numbers.
        axis: which one.
        new: its extent.
        interpolation: how.
        keep: whether the result is for others; where not, it lies in memory that the thread's next image takes.
    """
    if image.shape[axis] == new:
        return image
    places, shares = taps(image.shape[axis], new, interpolation)
    shape = (*image.shape[:axis], new, *image.shape[axis + 1 :])
    if axis == 1:  # levels of one row, not pixels: NumPy's loops are long then
        channels = np.arange(image.shape[2])
        places = (places[:, :, None] * image.shape[2] + channels).reshape(len(places), -1)
        shares = np.repeat(shares, image.shape[2], axis=1)
    else:
        shares = shares[:, :, None]
    flat = image.reshape(image.shape[0], -1)
    rows = (shape[0], shape[1] * shape[2])
    total = np.empty(rows, "float32") if keep else _scratch.array("total", rows, "float32")
    chosen = _scratch.array(f"chosen {axis}", rows, image.dtype)
    for number, (place, share) in enumerate(zip(places, shares.astype("float32"))):
        np.take(flat, place, axis=axis, out=chosen, mode="clip")  # no place is outside; else NumPy copies once more
        part = _scratch.array("part", rows, "float32") if number else total
        np.multiply(chosen, share, out=part)
        if number:
            np.add(total, part, out=total)
    return total.reshape(shape)


class _Scratch(threading.local):
    """Memory that a thread's images take one after another: fresh pages for each would cost more than the sums."""

    def __init__(self) -> None:
        self._held: dict[str, np.ndarray] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """An array with anything in it, until the thread asks for one of this name again."""
        size = math.prod(shape)
        held = self._held.get(name)
        if held is None or held.size < size or held.dtype != dtype:
            held = self._held[name] = np.empty(size, dtype)
        return held[:size].reshape(shape)


_scratch = _Scratch()
