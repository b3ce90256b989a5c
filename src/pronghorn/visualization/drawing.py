"""Drawing boxes and masks into images."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pronghorn import config
from pronghorn.data.folders.image import _pillow
from pronghorn.utils.bounding_boxes import convert_format

Color = Sequence[int]


def _images_of(images: Any, data_format: str | None, who: str) -> np.ndarray:
    """The images as a batch of channels-last uint8 arrays of their own."""
    values = np.asarray(images.numpy() if hasattr(images, "numpy") else images)
    if values.ndim == 3:
        values = values[None]
    if values.ndim != 4:
        raise ValueError(f"{who}: images must have 3 or 4 axes; got shape {values.shape}.")
    if config.standardize_data_format(data_format) == "channels_first":
        values = np.moveaxis(values, 1, -1)
    return np.array(np.clip(values, 0, 255).astype("uint8"))


def draw_bounding_boxes(
    images: Any,
    bounding_boxes: Mapping[str, Any],
    bounding_box_format: str,
    class_mapping: Mapping[int, str] | None = None,
    color: Color = (128, 128, 128),
    line_thickness: int = 2,
    text_thickness: int = 1,
    font_scale: float = 1.0,
    data_format: str | None = None,
) -> np.ndarray:
    """Return images with boxes, and the names of what is in them, drawn into them.

    Args:
        images: images of shape `(batch, height, width, 3)`, or one of them, 0 to 255.
        bounding_boxes: a dict of `boxes` `(batch, n, 4)`, `labels` `(batch, n)`, and maybe `confidences`; a label of
            -1 stands for no box.
        bounding_box_format: see `utils.bounding_boxes`.
        class_mapping: names of the labels.
        color: red, green and blue, 0 to 255.
        line_thickness: in pixels.
        text_thickness: accepted; the font has one thickness.
        font_scale: size of the names.
        data_format: `"channels_last"`, `"channels_first"`, or None for the default.

    Returns:
        A uint8 array of shape `(batch, height, width, 3)`.

    >>> boxes = {"boxes": np.array([[[4.0, 4.0, 20.0, 20.0]]]), "labels": np.array([[0]])}
    >>> drawn = draw_bounding_boxes(np.zeros((1, 32, 32, 3)), boxes, "xyxy", class_mapping={0: "cat"})
    >>> drawn.shape, drawn.dtype
    ((1, 32, 32, 3), dtype('uint8'))
    """
    who = "draw_bounding_boxes"
    pictures = _images_of(images, data_format, who)
    for name in ("boxes", "labels"):
        if name not in bounding_boxes:
            raise ValueError(f"{who}: bounding_boxes must have the entry {name!r}; it has {', '.join(bounding_boxes)}.")
    height, width = pictures.shape[1:3]
    corners = convert_format(bounding_boxes["boxes"], bounding_box_format, "xyxy", height=height, width=width)
    boxes = np.asarray(corners).reshape(len(pictures), -1, 4)
    labels = np.asarray(bounding_boxes["labels"]).reshape(len(pictures), -1)
    scores = bounding_boxes.get("confidences")
    pillow = _pillow()
    for index, picture in enumerate(pictures):
        image = pillow.fromarray(picture)
        for place, (box, label) in enumerate(zip(boxes[index], labels[index])):
            if label == -1:
                continue
            text = "" if class_mapping is None else str(class_mapping.get(int(label), int(label)))
            if scores is not None:
                text = f"{text} {np.asarray(scores).reshape(len(pictures), -1)[index, place]:.2f}".strip()
            _draw_box(image, box, tuple(color), line_thickness, text, font_scale)
        pictures[index] = np.asarray(image)
    return pictures


def _draw_box(image: Any, box: np.ndarray, color: tuple[int, ...], thickness: int, text: str, scale: float) -> None:
    from PIL import ImageDraw, ImageFont

    pen = ImageDraw.Draw(image)
    left, top, right, bottom = (round(float(value)) for value in box)
    if right < left or bottom < top:
        return
    pen.rectangle((left, top, right, bottom), outline=color, width=thickness)
    if text:
        font = ImageFont.load_default(size=max(8, 12 * scale))
        pen.text((left + thickness, max(top - 14 * scale, 0)), text, fill=color, font=font)


def draw_segmentation_masks(
    images: Any,
    segmentation_masks: Any,
    num_classes: int | None = None,
    color_mapping: Mapping[int, Color] | None = None,
    alpha: float = 0.8,
    blend: bool = True,
    ignore_index: int = -1,
    data_format: str | None = None,
) -> np.ndarray:
    """Return images with what each pixel belongs to laid over them in colours.

    Args:
        images: images of shape `(batch, height, width, 3)`, or one of them, 0 to 255.
        segmentation_masks: class numbers of shape `(batch, height, width)` or with a last axis of 1.
        num_classes: by default the largest number plus one.
        color_mapping: colours of the classes; by default far apart on the colour circle, and black for class 0.
        alpha: how strong the colours are, 0 to 1.
        blend: whether the images show through; else the colours alone are returned, times `alpha`.
        ignore_index: a class that is not coloured.
        data_format: `"channels_last"`, `"channels_first"`, or None for the default.

    Returns:
        A uint8 array of shape `(batch, height, width, 3)`.

    Raises:
        ValueError: if the masks do not fit the images.

    >>> mask = np.zeros((1, 8, 8, 1), "int64"); mask[:, :4] = 1
    >>> drawn = draw_segmentation_masks(np.zeros((1, 8, 8, 3)), mask, num_classes=2)
    >>> (drawn[0, 0, 0] == drawn[0, 7, 7]).all()
    np.False_
    """
    who = "draw_segmentation_masks"
    pictures = _images_of(images, data_format, who)
    masks = np.asarray(segmentation_masks)
    if masks.ndim == 4 and config.standardize_data_format(data_format) == "channels_first":
        masks = np.moveaxis(masks, 1, -1)
    masks = masks.reshape(len(pictures), *pictures.shape[1:3]) if masks.size == pictures[..., 0].size else masks
    if masks.shape != pictures.shape[:3]:
        raise ValueError(f"{who}: masks of shape {masks.shape} do not fit images of shape {pictures.shape}.")
    if not np.issubdtype(masks.dtype, np.integer):
        masks = masks.astype("int32")
    classes = int(masks.max()) + 1 if num_classes is None else num_classes
    colors = color_mapping or _circle(classes)
    overlay = np.zeros_like(pictures)
    colored = np.zeros(masks.shape, bool)
    for number in range(classes):
        if number == ignore_index or number not in colors:
            continue
        chosen = masks == number
        overlay[chosen] = colors[number]
        colored |= chosen
    mixed = overlay * alpha + (pictures * (1 - alpha) if blend else 0)
    result = np.where(colored[..., None], mixed, pictures if blend else 0)
    return result.astype("uint8")


def _circle(count: int) -> dict[int, tuple[int, int, int]]:
    colors = {0: (0, 0, 0)}
    for number in range(1, count):
        # Steps of the golden ratio: neighbours in number are far apart in colour, however many there are.
        red, green, blue = colorsys.hsv_to_rgb(number * 0.61803 % 1, 0.75, 1.0)
        colors[number] = (int(red * 255), int(green * 255), int(blue * 255))
    return colors
