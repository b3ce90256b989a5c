"""What networks trained on ImageNet take and give."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from pronghorn import config
from pronghorn._lazy import attach
from pronghorn._wording import shown
from pronghorn.engine.graph import dtypes
from pronghorn.utils import get_file

_CLASSES = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
_CLASSES_HASH = "c2c37ea517e94d9795004a39431a14cb"

# Mode to (means, standard deviations) of red, green and blue on the scale of the mode.
_STATISTICS = {
    "caffe": ((123.68, 116.779, 103.939), (1.0, 1.0, 1.0)),
    "torch": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Prepare images for a network trained on ImageNet.

    Args:
        x: RGB images, 0 to 255, of three or four axes.
        data_format: `"channels_last"`, `"channels_first"`, or None for the default.
        mode: `"caffe"` (blue, green, red, centred), `"tf"` (-1 to 1) or `"torch"` (normalized).

    Returns:
        An array or tensor like `x`.

    Raises:
        ValueError: for an unknown mode.

    >>> preprocess_input(np.array([[[0.0, 127.5, 255.0]]]), mode="tf").tolist()
    [[[-1.0, 0.0, 1.0]]]
    """
    if mode not in ("caffe", "tf", "torch"):
        raise ValueError(f"preprocess_input: mode={mode!r} is not known; it must be 'caffe', 'tf' or 'torch'.")
    return prepare(x, data_format, mode)


def prepare(x: Any, data_format: str | None = None, mode: str | None = None) -> Any:
    """`preprocess_input` with the mode None, which changes nothing."""
    if mode is None:
        return x
    channels_first = config.standardize_data_format(data_format) == "channels_first"
    _check_images(x, mode, channels_first)
    if isinstance(x, np.ndarray) and not np.issubdtype(x.dtype, np.floating):
        x = x.astype(config.floatx())
    if mode == "tf":
        return x / 127.5 - 1.0
    if mode == "torch":
        x = x / 255.0
    else:
        x = x[..., ::-1, :, :] if channels_first else x[..., ::-1]
    means, deviations = (np.asarray(values, dtype=dtypes.name_of(x.dtype)) for values in _STATISTICS[mode])
    if mode == "caffe":
        means = means[::-1].copy()
    if channels_first:
        means, deviations = means[:, None, None], deviations[:, None, None]
    return (x - means) / deviations if mode == "torch" else x - means


def _check_images(x: Any, mode: str, channels_first: bool) -> None:
    """Refuse what is no array, and colours that the means of red, green and blue do not go with."""
    shape = getattr(x, "shape", None)
    if shape is None:
        raise TypeError(
            f"preprocess_input: x must be an array or a tensor of images, got {shown(x)} of type {type(x).__name__}. "
            "Read a file with utils.load_img and make an array of it with utils.img_to_array."
        )
    if mode == "tf":
        return
    if len(shape) < 3 or shape[-3 if channels_first else -1] not in (3, None):
        wanted = "(3, height, width)" if channels_first else "(height, width, 3)"
        raise ValueError(
            f"preprocess_input: images are red, green and blue, of the shape {wanted}, with or without a batch in "
            f"front; got {tuple(shape)}."
        )


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """Return the likeliest classes of each prediction as (identifier, name, score).

    Args:
        preds: scores of shape `(batch, 1000)`.
        top: how many classes.

    Raises:
        ValueError: for another shape.
    """
    scores = np.asarray(preds)
    if scores.ndim != 2 or scores.shape[1] != 1000:
        raise ValueError(f"decode_predictions: preds must have the shape (batch, 1000); got {scores.shape}.")

    path = get_file("imagenet_class_index.json", _CLASSES, cache_subdir="models", file_hash=_CLASSES_HASH)
    with open(path, encoding="utf-8") as stream:
        names = json.load(stream)
    best = np.argsort(scores, axis=1)[:, : -top - 1 : -1]
    return [[(*names[str(index)], float(row[index])) for index in order] for row, order in zip(scores, best)]


attach(__name__)
