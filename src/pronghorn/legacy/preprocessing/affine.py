"""Images turned, moved, sheared and zoomed in NumPy, as in Keras 2."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn.data.folders.image import _pillow, array_to_img, img_to_array

FILL_MODES = ("constant", "nearest", "reflect", "wrap")


def apply_affine_transform(
    x: np.ndarray,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> np.ndarray:
    """Return an image turned, moved, sheared and zoomed around its centre.

    Args:
        x: the image, of three axes.
        theta: degrees by which it is turned.
        tx: pixels by which it is moved along its width.
        ty: pixels by which it is moved along its height.
        shear: degrees by which it is sheared.
        zx: zoom along its width; below 1 it becomes larger.
        zy: zoom along its height.
        row_axis: the axis of the rows.
        col_axis: the axis of the columns.
        channel_axis: the axis of the channels.
        fill_mode: what is beyond the image: ``"constant"`` (`cval`), ``"nearest"``, ``"reflect"`` or ``"wrap"``.
        cval: the value beyond it.
        order: 0 takes the nearest pixel, 1 interpolates; higher ones, splines, need SciPy.

    Raises:
        ValueError: for another `fill_mode`.
        ImportError: for splines without SciPy.

    >>> image = np.arange(4.0).reshape(1, 2, 2)
    >>> apply_affine_transform(image, theta=90)[0].round(6).tolist()
    [[1.0, 3.0], [0.0, 2.0]]
    """
    matrix = _matrix(theta, tx, ty, shear, zx, zy)
    if matrix is None:
        return x
    if fill_mode not in FILL_MODES:
        raise ValueError(f"fill_mode={fill_mode!r}; it must be one of {', '.join(FILL_MODES)}.")
    channels = np.moveaxis(x, (channel_axis, col_axis, row_axis), (0, 1, 2))  # coordinates are x, y, as in geometry
    width, height = channels.shape[1:]
    centre = np.array([height / 2 - 0.5, width / 2 - 0.5])
    linear = matrix[:2, :2]
    offset = matrix[:2, 2] + centre - linear @ centre
    if order > 1:
        moved = _by_splines(channels, linear, offset, fill_mode, cval, order)
    else:
        places = np.tensordot(linear, np.mgrid[:width, :height].astype("float64"), 1) + offset[:, None, None]
        moved = _sampled(channels, *places, fill_mode, cval, order)
    return np.moveaxis(moved.astype(x.dtype, copy=False), (0, 1, 2), (channel_axis, col_axis, row_axis))


def _matrix(theta: float, tx: float, ty: float, shear: float, zx: float, zy: float) -> np.ndarray | None:
    """Where each pixel comes from, seen from the centre; None if from where it is."""
    parts = []
    if theta:
        angle = np.deg2rad(theta)
        parts.append([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    if tx or ty:
        parts.append([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    if shear:
        angle = np.deg2rad(shear)
        parts.append([[1, -np.sin(angle), 0], [0, np.cos(angle), 0], [0, 0, 1]])
    if zx != 1 or zy != 1:
        parts.append([[zx, 0, 0], [0, zy, 0], [0, 0, 1]])
    if not parts:
        return None
    found = np.eye(3)
    for part in parts:
        found = found @ np.array(part, "float64")
    return found


def _sampled(x: np.ndarray, across: np.ndarray, along: np.ndarray, mode: str, cval: float, order: int) -> np.ndarray:
    """The channels at coordinates: the nearest pixel, or between four."""
    width, height = x.shape[1:]
    across, along = _wrapped(across, width, mode), _wrapped(along, height, mode)
    if order == 0:
        found = x[:, _nearest(across, width, mode), _nearest(along, height, mode)]
    else:
        left, top = np.floor(across), np.floor(along)
        right, down = across - left, along - top
        before, after = _within(left, width, mode), _within(left + 1, width, mode)
        above, below = _within(top, height, mode), _within(top + 1, height, mode)
        first = x[:, before, above] * (1 - down) + x[:, before, below] * down
        second = x[:, after, above] * (1 - down) + x[:, after, below] * down
        found = first * (1 - right) + second * right
    if mode != "constant":
        return found
    outside = (across < 0) | (across > width - 1) | (along < 0) | (along > height - 1)
    return np.where(outside, cval, found)


def _wrapped(places: np.ndarray, extent: int, mode: str) -> np.ndarray:
    """Coordinates within the image where it repeats itself: the last pixel lies on the first."""
    if mode != "wrap" or extent < 2:
        return places
    period = extent - 1
    outside = (places < 0) | (places > period)
    return np.where(outside, places - period * np.floor(places / period), places)


def _nearest(places: np.ndarray, extent: int, mode: str) -> np.ndarray:
    if mode == "reflect":
        places = places % (2 * extent)
        places = np.where(places < extent, places, 2 * extent - 1 - places)
    return _within(np.floor(places + 0.5), extent, "nearest")


def _within(places: np.ndarray, extent: int, mode: str) -> np.ndarray:
    places = places.astype("int64")
    if mode == "reflect":
        places = places % (2 * extent)
        return np.where(places < extent, places, 2 * extent - 1 - places)
    return np.clip(places, 0, extent - 1)


def _by_splines(
    x: np.ndarray, linear: np.ndarray, offset: np.ndarray, mode: str, cval: float, order: int
) -> np.ndarray:
    try:
        from scipy import ndimage
    except ImportError:
        raise ImportError(
            f"Interpolation of order {order} needs SciPy: pip install scipy. Orders 0 and 1 need nothing.", name="scipy"
        ) from None
    return np.stack(
        [ndimage.affine_transform(channel, linear, offset, order=order, mode=mode, cval=cval) for channel in x]
    )


def apply_channel_shift(x: np.ndarray, intensity: float, channel_axis: int = 0) -> np.ndarray:
    """Return an image to all of whose channels a number is added, within the range that it has."""
    return np.clip(x + intensity, x.min(), x.max()).astype(x.dtype, copy=False)


def apply_brightness_shift(x: np.ndarray, brightness: float, scale: bool = True) -> np.ndarray:
    """Return an image that is brighter, by Pillow.

    Args:
        x: the image, ``[height, width, channels]``.
        brightness: 1 leaves it as it is, 0 makes it black.
        scale: whether its range is stretched to 0 to 255.
    """
    low, high = x.min(), x.max()
    beyond = bool(low < 0 or high > 255)
    picture = array_to_img(x, scale=scale or beyond)
    _pillow()
    from PIL import ImageEnhance

    found = img_to_array(ImageEnhance.Brightness(picture).enhance(brightness))
    return found / 255 * (high - low) + low if beyond and not scale else found


def random_rotation(
    x: np.ndarray,
    rg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Return an image turned by up to `rg` degrees; see `apply_affine_transform`."""
    axes = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, np.random.uniform(-rg, rg), 0, 0, 0, 1, 1, *axes)


def random_shift(
    x: np.ndarray,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Return an image moved by up to the shares `wrg` of its width and `hrg` of its height."""
    axes = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    return apply_affine_transform(x, 0, tx, ty, 0, 1, 1, *axes)


def random_shear(
    x: np.ndarray,
    intensity: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Return an image sheared by up to `intensity` degrees."""
    axes = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, 0, 0, 0, np.random.uniform(-intensity, intensity), 1, 1, *axes)


def random_zoom(
    x: np.ndarray,
    zoom_range: Any,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Return an image zoomed by a number from the range `(low, high)`, along each axis another.

    Raises:
        ValueError: if the range is no pair.
    """
    if np.shape(zoom_range) != (2,):
        raise ValueError(f"random_zoom: zoom_range should be a pair (low, high); got {zoom_range!r}.")
    low, high = zoom_range
    zx, zy = (1, 1) if low == high == 1 else np.random.uniform(low, high, 2)
    axes = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, 0, 0, 0, 0, zx, zy, *axes)


def random_channel_shift(x: np.ndarray, intensity_range: float, channel_axis: int = 0) -> np.ndarray:
    """Return an image to which a number of up to `intensity_range` is added."""
    return apply_channel_shift(x, np.random.uniform(-intensity_range, intensity_range), channel_axis)


def random_brightness(x: np.ndarray, brightness_range: Any, scale: bool = True) -> np.ndarray:
    """Return an image made brighter by a number from the range `(low, high)`.

    Raises:
        ValueError: if the range is no pair.
    """
    if np.shape(brightness_range) != (2,):
        raise ValueError(f"random_brightness: brightness_range should be a pair (low, high); got {brightness_range!r}.")
    return apply_brightness_shift(x, np.random.uniform(*brightness_range), scale)
