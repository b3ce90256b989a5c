"""Images as arrays, and arrays as images, through Pillow."""

from __future__ import annotations

import io
import os
from typing import Any

import numpy as np

from pronghorn import config, ops
from pronghorn._extras import install_command
from pronghorn._lazy import nearest_clause
from pronghorn.data.folders.jpeg_colors import with_smooth_colors
from pronghorn.engine.graph.user_code import warn

_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
_GRAY_SHARES = np.array([9797, 19234, 3737], "int32")  # of 2 ** 15: 0.299, 0.587 and 0.114
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(f"Images need Pillow; to install it: {install_command('images')}") from None
    return Image


def why_unreadable(error: Exception) -> str:
    """What Pillow says against a picture's bytes."""
    return "its bytes begin like no kind of picture" if type(error).__name__ == "UnidentifiedImageError" else str(error)


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None) -> Any:
    """Make a Pillow image of an array.

    Args:
        x: an array of one image, `(height, width, channels)` or `(channels, height, width)`, of 1, 3 or 4 channels.
        data_format: `"channels_last"`, `"channels_first"`, or None for the default.
        scale: whether to stretch the values to 0 to 255; else they are taken as they are.
        dtype: dtype to compute in.

    Raises:
        ValueError: for another shape.

    Example:

    >>> import numpy as np
    >>> array_to_img(np.zeros((8, 6, 3))).size
    (6, 8)
    """
    images = _pillow()
    data_format = config.standardize_data_format(data_format)
    values = np.asarray(x.numpy() if hasattr(x, "numpy") else x, dtype=dtype or config.floatx())
    if values.ndim != 3:
        raise ValueError(f"array_to_img: an image has 3 axes, height, width and channels; got shape {values.shape}.")
    if data_format == "channels_first":
        values = np.transpose(values, (1, 2, 0))
    if scale:
        values = values - values.min()
        top = values.max()
        values = values / top * 255 if top else values
    channels = values.shape[2]
    if channels in (3, 4):
        return images.fromarray(values.astype("uint8"), "RGB" if channels == 3 else "RGBA")
    if channels == 1:
        plane = values[:, :, 0]
        # More than a byte holds: 32-bit integers.
        return images.fromarray(plane.astype("int32" if plane.max(initial=0) > 255 else "uint8"))
    raise ValueError(f"array_to_img: an image has 1, 3 or 4 channels; got {channels} in shape {np.shape(x)}.")


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray:
    """Make an array of a Pillow image.

    Args:
        img: the image.
        data_format: `"channels_last"`, `"channels_first"`, or None for the default.
        dtype: dtype of the array, by default the default float type.

    Returns:
        An array of three axes; the channels are an axis also where there is one.

    Example:

    >>> import numpy as np
    >>> from pronghorn.utils import array_to_img
    >>> img_to_array(array_to_img(np.zeros((8, 6, 3)))).shape
    (8, 6, 3)
    """
    data_format = config.standardize_data_format(data_format)
    values = np.asarray(img, dtype=dtype or config.floatx())
    if values.ndim == 2:
        values = values[:, :, None]
    if values.ndim != 3:
        raise ValueError(f"img_to_array: an image has 2 or 3 axes; got shape {values.shape}.")
    return np.transpose(values, (2, 0, 1)) if data_format == "channels_first" else values


def save_img(
    path: Any, x: Any, data_format: str | None = None, file_format: str | None = None, scale: bool = True, **kwargs: Any
) -> None:
    """Save an array as an image file.

    Args:
        path: the file, or an open binary one.
        x: see `array_to_img`.
        file_format: such as `"png"`; by default what the file's name says.
        **kwargs: for Pillow's `save`.

    Example:

    >>> import os, tempfile
    >>> import numpy as np
    >>> place = tempfile.TemporaryDirectory()
    >>> path = os.path.join(place.name, "black.png")
    >>> save_img(path, np.zeros((8, 6, 3)))
    >>> os.path.exists(path)
    True
    """
    image = array_to_img(x, data_format=config.standardize_data_format(data_format), scale=scale)
    ending = os.path.splitext(path)[1] if isinstance(path, str | os.PathLike) else ""
    kind = file_format or ending.lstrip(".").lower()
    if image.mode == "RGBA" and kind in ("jpg", "jpeg"):
        warn("save_img: JPEG has no transparency; saving without it.")
        image = image.convert("RGB")
    image.save(path, format={"jpg": "jpeg"}.get(file_format or "", file_format), **kwargs)


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """Load an image file as a Pillow image.

    Args:
        path: the file's path, or an open binary file such as `io.BytesIO`.
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`.
        target_size: `(height, width)` to resize to.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"hamming"`, `"box"` or `"lanczos"`.
        keep_aspect_ratio: whether to crop the middle first, so that nothing is stretched.

    Raises:
        ValueError: for an unknown mode or interpolation.
        TypeError: if `path` is no path and no file.

    Example:

    >>> import os, tempfile
    >>> import numpy as np
    >>> from pronghorn.utils import save_img
    >>> place = tempfile.TemporaryDirectory()
    >>> path = os.path.join(place.name, "black.png")
    >>> save_img(path, np.zeros((8, 6, 3)))
    >>> load_img(path, target_size=(4, 4)).size
    (4, 4)
    """
    images = _pillow()
    if color_mode not in _MODES:
        raise ValueError(f"load_img: color_mode={color_mode!r} is none of {', '.join(_MODES)}.")
    if not isinstance(path, str | bytes | os.PathLike | io.IOBase):
        raise TypeError(f"load_img: path must be a path or an open binary file; got {type(path).__name__}.")
    if isinstance(path, io.IOBase):
        image = images.open(path)
        image.load()
    else:
        with open(path, "rb") as stream:
            image = images.open(io.BytesIO(stream.read()))
    if color_mode != "grayscale" or image.mode not in ("I;16", "I", "L"):
        image = image.convert(_MODES[color_mode]) if image.mode != _MODES[color_mode] else image
    return image if target_size is None else _resized(image, target_size, interpolation, keep_aspect_ratio)


def high_bytes(image: Any, color_mode: str) -> np.ndarray:
    """The higher byte of the levels of a picture that has 16 bits of gray, as often as there are colors."""
    gray = (np.asarray(image) >> 8).astype("uint8")
    if color_mode == "grayscale":
        return gray
    parts = [gray] * 3 + [np.full_like(gray, 255)] * (color_mode == "rgba")
    return np.stack(parts, axis=-1)


def cut_off_gray(image: Any) -> np.ndarray:
    """Levels of gray of a colored picture, weighted in whole numbers and cut off, as libpng does."""
    return (np.asarray(image.convert("RGB"), "int32") @ _GRAY_SHARES >> 15).astype("uint8")


#: What Pillow calls JPEGs; the second kind, of telephones, has more pictures behind the first.
JPEGS = ("JPEG", "MPO")


def decoded_jpeg(image: Any, gray: bool, ratio: int = 1, fancy_upscaling: bool = True, accurate: bool = False) -> Any:
    """A JPEG as TensorFlow decodes it: by the quick inverse transform, and of a gray one the luminance.

    Pillow ties to that transform that colors stored at half the size are spread plainly. They are spread smoothly here;
    where the picture is to be smaller at once, the accurate transform is taken, which differs less than the spreading.

    Args:
        image: what Pillow opened and has not read yet.
        gray: whether its luminance alone is wanted.
        ratio: by how much it is to be smaller.
        fancy_upscaling: whether colors stored at half the size are to be spread smoothly.
        accurate: whether the accurate transform is asked for.

    Returns:
        A picture of Pillow's, which has been read.
    """
    whole = len({(across, down) for _, across, down, _ in image.layer}) == 1  # colors of the full size
    if gray or ratio > 1:
        image.draft("L" if gray else image.mode, (max(1, image.width // ratio), max(1, image.height // ratio)))
    factors = None
    if not accurate and not whole and fancy_upscaling and ratio == 1:
        factors = _color_factors(image)
    if factors is not None:
        image.draft("YCbCr", image.size)
    if factors is not None or (not accurate and (whole or image.mode == "L" or not fancy_upscaling)):
        image.decoderconfig = (*(image.decoderconfig[:1] or (1,)), 1)
    image.load()
    if factors is None:
        return image
    return _pillow().fromarray(with_smooth_colors(np.asarray(image), *factors))


def _color_factors(image: Any) -> tuple[int, int] | None:
    """How many columns and rows have one color, in a picture of luminance and colors as most are; else None."""
    factors = [(across, down) for _, across, down, _ in image.layer]
    is_usual = image.mode == "RGB" and [number for number, *_ in image.layer] == [1, 2, 3]
    is_usual = is_usual and image.info.get("adobe_transform", 1) == 1
    return factors[0] if is_usual and factors[0] in ((2, 1), (2, 2)) and factors[1:] == [(1, 1)] * 2 else None


def pixels(path: Any, color_mode: str) -> np.ndarray:
    """Read an image file as the decoders do with which Keras reads folders of images: bytes, whatever the file has.

    Levels of gray of a JPEG are the luminance that the file holds.
    """
    with open(path, "rb") as stream:
        image = _pillow().open(io.BytesIO(stream.read()))
    if image.mode.startswith("I"):
        return high_bytes(image, color_mode)
    if image.format in JPEGS:
        image = decoded_jpeg(image, gray=color_mode == "grayscale")
    if color_mode != "grayscale":
        mode = _MODES[color_mode]
        return np.asarray(image if image.mode == mode else image.convert(mode))
    if image.mode not in ("RGB", "RGBA", "P"):
        return np.asarray(image if image.mode == "L" else image.convert("L"))
    return cut_off_gray(image)


def _resized(image: Any, target_size: tuple[int, int], interpolation: str, keep_aspect_ratio: bool) -> Any:
    size = (target_size[1], target_size[0])
    if image.size == size:
        return image
    if interpolation not in _INTERPOLATIONS:
        raise ValueError(
            f"load_img: interpolation={interpolation!r} is none of {', '.join(_INTERPOLATIONS)}"
            f"{nearest_clause(interpolation, _INTERPOLATIONS)}."
        )
    resample = getattr(_pillow().Resampling, interpolation.upper())
    if not keep_aspect_ratio:
        return image.resize(size, resample)
    width, height = image.size
    target_width, target_height = size
    crop_height = min(height, int(width * target_height / target_width))
    crop_width = min(width, int(height * target_width / target_height))
    left, top = (width - crop_width) // 2, (height - crop_height) // 2
    return image.resize(size, resample, box=(left, top, left + crop_width, top + crop_height))


def smart_resize(
    x: Any, size: tuple[int, int], interpolation: str = "bilinear", data_format: str = "channels_last", **kwargs: Any
) -> np.ndarray:
    """Resize images without stretching them: the middle is cut out in the shape of the result first.

    Args:
        x: an image of three axes, or a batch of four.
        size: `(height, width)`.
        interpolation: see `ops.image.resize`.
        data_format: `"channels_last"` or `"channels_first"`.

    Returns:
        A NumPy array where `x` is one, else a tensor.

    Raises:
        ValueError: for another rank or size.
    """
    if len(size) != 2:
        raise ValueError(f"smart_resize: size must be (height, width); got {size}.")
    if len(x.shape) not in (3, 4):
        raise ValueError(f"smart_resize: an image has 3 axes and a batch has 4; got shape {tuple(x.shape)}.")
    resized = ops.image.resize(
        ops.convert_to_tensor(x, config.floatx()),
        tuple(size),
        interpolation=interpolation,
        data_format=data_format,
        crop_to_aspect_ratio=True,
    )
    return np.asarray(resized) if isinstance(x, np.ndarray) else resized
