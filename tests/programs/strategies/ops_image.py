"""Calls of the ops of images."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from strategies.ops_common import Call, covers, floats, optional, pick, shape


def _image(
    draw: Any, low: float = 0.0, high: float = 1.0, side: tuple[int, int] = (2, 8), channels: int = 0
) -> np.ndarray:
    """One image or a batch."""
    form = (*shape(draw, 2, 2, side), channels or draw(st.integers(1, 4)))
    return floats(draw, (draw(st.integers(1, 3)), *form) if draw(st.booleans()) else form, low, high)


def _format(draw: Any, x: np.ndarray) -> tuple[np.ndarray, dict[str, str]]:
    if draw(st.integers(0, 3)):
        return x, {"data_format": "channels_last"}
    return np.ascontiguousarray(np.moveaxis(x, -1, -3)), {"data_format": "channels_first"}


@covers("image.rgb_to_grayscale image.rgb_to_hsv image.hsv_to_rgb image.sobel_edges")
def colors(draw: Any, name: str) -> Call:
    x, form = _format(draw, _image(draw, channels=3))
    if name == "image.sobel_edges":
        x, form = _format(draw, floats(draw, (draw(st.integers(1, 3)), *shape(draw, 3, 3))))
    return Call(name, (x,), form, gradient=name in ("image.rgb_to_grayscale", "image.sobel_edges"))


@covers("image.resize")
def resize(draw: Any, name: str) -> Call:
    x, form = _format(draw, _image(draw))
    kwargs = {"interpolation": pick(draw, "nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")}
    kwargs |= optional(draw, {"antialias": st.booleans()})
    if draw(st.integers(0, 3)) == 0:
        kwargs[pick(draw, "crop_to_aspect_ratio", "pad_to_aspect_ratio")] = True
        kwargs |= optional(draw, {"fill_value": st.sampled_from((0.5, 2.0))})
    size = (draw(st.integers(1, 11)), draw(st.integers(1, 11)))
    if kwargs["interpolation"] == "nearest":
        size = tuple(n + 1 if n % 2 == 0 else n for n in size)
    return Call(name, (x, size), kwargs | form, tolerance=2e-5)


@covers("image.affine_transform image.perspective_transform")
def transform(draw: Any, name: str) -> Call:
    x, form = _format(draw, _image(draw, side=(3, 8)))
    kwargs = {"interpolation": pick(draw, "nearest", "bilinear")}
    count = x.shape[:1] if x.ndim == 4 else ()
    if name == "image.affine_transform":
        kwargs |= {"fill_mode": pick(draw, "constant", "nearest", "wrap", "mirror", "reflect")}
        kwargs |= optional(draw, {"fill_value": st.sampled_from((0.0, 0.5))})
        matrix = np.array([1, 0, 0, 0, 1, 0, 0, 0], "float32") + floats(draw, (*count, 8), -0.3, 0.3)
        matrix[..., 6:] = 0
        return Call(name, (x, matrix), kwargs | form, gradient=False, tolerance=5e-5)
    corners = np.array([[0, 0], [0, 6], [6, 0], [6, 6]], "float32")
    start = corners + floats(draw, (*count, 4, 2), -0.4, 0.4)
    end = corners + floats(draw, (*count, 4, 2), -0.4, 0.4)
    kwargs |= optional(draw, {"fill_value": st.sampled_from((0.0, 0.5))})
    return Call(name, (x, start, end), kwargs | form, gradient=False, tolerance=1e-4)


@covers("image.map_coordinates")
def map_coordinates(draw: Any, name: str) -> Call:
    extents = shape(draw, 1, 3, (2, 6))
    places = floats(draw, (len(extents), *shape(draw, 1, 2)), -3, 8)
    kwargs = {
        "order": draw(st.integers(0, 1)),
        "fill_mode": pick(draw, "constant", "nearest", "wrap", "mirror", "reflect"),
    }
    kwargs |= optional(draw, {"fill_value": st.sampled_from((0.0, 0.5))})
    return Call(name, (floats(draw, extents), places), kwargs, gradient=kwargs["order"] == 1, tolerance=2e-5)


@covers("image.extract_patches image.extract_patches_3d")
def extract_patches(draw: Any, name: str) -> Call:
    rank = 3 if name.endswith("3d") else 2
    size = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    spatial = shape(draw, rank, rank, (5, 7))
    x, form = (
        floats(draw, (draw(st.integers(1, 2)), *spatial, draw(st.integers(1, 3)))),
        {"data_format": "channels_last"},
    )
    if draw(st.integers(0, 3)) == 0:
        x, form = np.ascontiguousarray(np.moveaxis(x, -1, 1)), {"data_format": "channels_first"}
    kwargs = {"padding": pick(draw, "valid", "same")}
    kwargs |= (
        {"strides": draw(st.integers(1, 2))}
        if draw(st.booleans())
        else {"dilation_rate": draw(st.integers(1, 2)), "strides": 1}
    )
    return Call(name, (x, pick(draw, size, size[0])), kwargs | form)


@covers("image.crop_images image.pad_images")
def borders(draw: Any, name: str) -> Call:
    x, form = _format(draw, _image(draw, side=(4, 8)))
    most = 1 if name == "image.crop_images" else 3
    word = "cropping" if most == 1 else "padding"
    kwargs = {f"{side}_{word}": draw(st.integers(0, most)) for side in ("top", "left", "bottom", "right")}
    height, width = x.shape[-3:-1] if form["data_format"] == "channels_last" else x.shape[-2:]
    if draw(st.booleans()):
        del kwargs[f"bottom_{word}"]
        kwargs["target_height"] = height - 2 if most == 1 else height + 4
    if draw(st.booleans()):
        del kwargs[f"left_{word}"]
        kwargs["target_width"] = width - 2 if most == 1 else width + 4
    return Call(name, (x,), kwargs | form)


@covers("image.gaussian_blur image.ssim")
def filters(draw: Any, name: str) -> Call:
    if name == "image.ssim":
        extents = (2, *shape(draw, 2, 2, (11, 14)), draw(st.integers(1, 3)))
        images = floats(draw, extents, 0, 1), floats(draw, extents, 0, 1)
        kwargs = optional(draw, {"filter_size": st.sampled_from((5, 7)), "max_val": st.sampled_from((0.5, 2.0))})
        return Call(name, images, kwargs, tolerance=1e-4)
    x, form = _format(draw, _image(draw, side=(5, 8)))
    kernel = (draw(st.sampled_from((1, 3, 5))), draw(st.sampled_from((1, 3, 5))))
    return Call(name, (x,), {"kernel_size": kernel, "sigma": (draw(st.floats(0.5, 2)), draw(st.floats(0.5, 2)))} | form)


@covers("image.scale_and_translate")
def scale_and_translate(draw: Any, name: str) -> Call:
    x = floats(draw, shape(draw, 2, 2, (3, 7)))
    kwargs = {"spatial_dims": (0, 1), "method": pick(draw, "linear", "cubic", "lanczos3", "lanczos5")}
    kwargs |= optional(draw, {"antialias": st.booleans()})
    output = (draw(st.integers(2, 8)), draw(st.integers(2, 8)))
    return Call(
        name, (x, output, floats(draw, (2,), 0.6, 2), floats(draw, (2,), -1, 1)), kwargs, gradient=False, tolerance=5e-5
    )
