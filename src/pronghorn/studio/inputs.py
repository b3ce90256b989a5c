"""Inputs that the page looks into a model with: an example of the data, a drawing, or pixels of the camera."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from pronghorn._wording import counted
from pronghorn.studio.data_sets import DataSet, count_of, rows_of
from pronghorn.studio.drawing import centred
from pronghorn.studio.from_pages import check_type


def read_input(data: DataSet, source: dict[str, Any]) -> Any:
    """One input, shape `(1, ...)`; a list or dict of such for a model with several inputs.

    Args:
        data: whose form it has.
        source: `{"example": number}` of the test examples (or with `"train": True` of the others),
            `{"drawing": base64, "width": w}`, or `{"pixels": base64}` of the input's own shape.

    Raises:
        ValueError: for anything else.
    """
    if "example" in source:
        x = data.x if source.get("train") else data.x_test
        number = check_type("'example'", source["example"], int)
        if not 0 <= number < count_of(x):
            raise ValueError(f"There is no example {number}; there are {count_of(x):,}, counted from 0.")
        return rows_of(x, slice(number, number + 1))
    kind = "drawing" if "drawing" in source else "pixels"
    if data.kind != "images" or kind not in source:
        raise ValueError("What is looked at must be an example, a drawing or pixels of the size of the images.")
    flat = np.frombuffer(base64.b64decode(check_type(f"{kind!r}", source[kind], str)), np.uint8)
    height, width, channels = data.shape
    if kind == "drawing":
        drawn = check_type("'width'", source.get("width"), int)
        if drawn < 1 or len(flat) % drawn or not len(flat):
            raise ValueError("The drawing is no rectangle.")
        image = np.repeat(centred(flat.reshape(-1, drawn), (height, width))[..., None], channels, axis=-1)
    else:
        if len(flat) != height * width * channels:
            raise ValueError(f"Pixels of shape {data.shape} were expected, got {counted(len(flat), 'number')}.")
        image = flat.reshape(data.shape).astype(np.float32)
    image = image if data.largest > 1 else image / 255
    return (np.round(image) if data.x.dtype.kind in "iu" else image).astype(data.x.dtype)[None]


def picture_of(data: DataSet, example: Any) -> dict[str, Any] | None:
    """An input, or the test example of a number, as a picture; None where the data set holds no images."""
    if data.kind != "images":
        return None
    return picture(data.x_test[example] if isinstance(example, int) else example, data.largest)


def picture(x: np.ndarray, largest: float = 255.0) -> dict[str, Any]:
    """An image, shape `(h, w)` or `(h, w, 1 or 3)`, for the page: its bytes in base64."""
    array = np.asarray(x, np.float32) * (255.0 / largest)
    array = array[..., None] if array.ndim == 2 else array
    array = array[..., :3] if array.shape[-1] > 2 else array[..., :1]
    data = np.clip(np.nan_to_num(array), 0, 255).astype(np.uint8)
    return {"h": data.shape[0], "w": data.shape[1], "c": data.shape[2], "data": base64.b64encode(data).decode("ascii")}
