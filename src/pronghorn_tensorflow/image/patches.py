"""`tf.image` of parts, edges, boxes and likenesses, for `pronghorn run`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pronghorn import ops, random
from pronghorn_tensorflow.image import basic as images
from pronghorn_tensorflow.math.random import stateless

_YUV = np.array([[0.299, 0.587, 0.114], [-0.14714119, -0.28886916, 0.43601035], [0.61497538, -0.51496512, -0.10001026]])
_YIQ = np.array([[0.299, 0.587, 0.114], [0.59590059, -0.27455667, -0.32134392], [0.2115, -0.52273617, 0.31119955]])
_FROM_YUV = np.array([[1, 0, 1.13988303], [1, -0.394642334, -0.58062185], [1, 2.03206185, 0]])
_FROM_YIQ = np.array([[1, 0.95598634, 0.6208248], [1, -0.27201283, -0.64720424], [1, -1.10674021, 1.70423049]])


def _times(matrix: np.ndarray) -> Callable[..., Any]:
    """A function of colours that multiplies them with a matrix."""

    def function(images: Any, name: str | None = None) -> Any:
        x = ops.convert_to_tensor(images)
        return ops.matmul(x, ops.convert_to_tensor(matrix.T.astype("float32"), dtype=x.dtype))

    return function


rgb_to_yuv, yuv_to_rgb = _times(_YUV), _times(_FROM_YUV)
rgb_to_yiq, yiq_to_rgb = _times(_YIQ), _times(_FROM_YIQ)


def extract_patches(images: Any, sizes: Any, strides: Any, rates: Any, padding: str, name: str | None = None) -> Any:
    """`tf.image.extract_patches`: `[batch, rows, columns, pixels of a patch]`."""
    return ops.image.extract_patches(
        ops.convert_to_tensor(images),
        tuple(sizes[1:3]),
        strides=tuple(strides[1:3]),
        dilation_rate=tuple(rates[1:3]),
        padding=padding.lower(),
        data_format="channels_last",
    )


def total_variation(images: Any, name: str | None = None) -> Any:
    """`tf.image.total_variation`: how much neighbours differ, in each image."""
    x = ops.convert_to_tensor(images)
    down = ops.abs(x[..., 1:, :, :] - x[..., :-1, :, :])
    right = ops.abs(x[..., :, 1:, :] - x[..., :, :-1, :])
    return ops.sum(down, axis=(-3, -2, -1)) + ops.sum(right, axis=(-3, -2, -1))


def image_gradients(image: Any) -> tuple[Any, Any]:
    """`tf.image.image_gradients`: the differences to the next row and the next column."""
    x = ops.convert_to_tensor(image)
    down = ops.pad(x[:, 1:] - x[:, :-1], [[0, 0], [0, 1], [0, 0], [0, 0]])
    right = ops.pad(x[:, :, 1:] - x[:, :, :-1], [[0, 0], [0, 0], [0, 1], [0, 0]])
    return down, right


def sobel_edges(image: Any) -> Any:
    """`tf.image.sobel_edges`: `[batch, height, width, channels, 2]`."""
    x = ops.convert_to_tensor(image)
    padded = ops.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="reflect")
    height, width = x.shape[1], x.shape[2]

    def part(row: int, column: int) -> Any:
        return padded[:, row : row + height, column : column + width]

    smooth, edge = (1, 2, 1), (-1, 0, 1)
    down = sum(edge[r] * smooth[c] * part(r, c) for r in (0, 2) for c in range(3))
    right = sum(smooth[r] * edge[c] * part(r, c) for r in range(3) for c in (0, 2))
    return ops.stack([down, right], axis=-1)


def ssim(
    img1: Any,
    img2: Any,
    max_val: float,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    return_index_map: bool = False,
) -> Any:
    """`tf.image.ssim`: how alike pairs of images are, up to 1."""
    a, b = (images.convert_image_dtype(ops.convert_to_tensor(x), "float32") for x in (img1, img2))
    kind = ops.convert_to_tensor(img1).dtype
    top = float(max_val) / np.iinfo(kind).max if "int" in kind else float(max_val)
    places = np.arange(filter_size) - (filter_size - 1) / 2
    line = np.exp(-0.5 * np.square(places / filter_sigma))
    kernel = np.outer(line, line)[:, :, None, None] / np.square(line.sum())
    channels = a.shape[-1]
    kernel = ops.convert_to_tensor(np.tile(kernel, (1, 1, channels, 1)).astype("float32"))
    lead = a.shape[:-3]
    a, b = (ops.reshape(x, (-1, *x.shape[-3:])) for x in (a, b))

    def blurred(x: Any) -> Any:
        return ops.depthwise_conv(x, kernel, padding="valid", data_format="channels_last")

    mean_a, mean_b = blurred(a), blurred(b)
    low, high = (k1 * top) ** 2, (k2 * top) ** 2
    products = mean_a * mean_b * 2.0
    squares = ops.square(mean_a) + ops.square(mean_b)
    brightness = (products + low) / (squares + low)
    contrast = (blurred(a * b) * 2.0 - products + high) / (blurred(ops.square(a) + ops.square(b)) - squares + high)
    found = brightness * contrast
    if return_index_map:
        return ops.reshape(ops.mean(found, axis=-1), (*lead, *found.shape[1:3]))
    return ops.reshape(ops.mean(found, axis=(1, 2, 3)), lead)


# -- boxes ------------------------------------------------------------------------------------------------------------
def _overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How much of the union of two boxes both cover."""
    top, left, bottom, right = np.split(others, 4, axis=1)
    high = np.maximum(0, np.minimum(box[2], bottom) - np.maximum(box[0], top))
    wide = np.maximum(0, np.minimum(box[3], right) - np.maximum(box[1], left))
    both = (high * wide)[:, 0]
    union = (box[2] - box[0]) * (box[3] - box[1]) + ((bottom - top) * (right - left))[:, 0] - both
    return np.divide(both, union, out=np.zeros_like(both), where=union > 0)


def non_max_suppression(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: float = 0.5,
    score_threshold: float = float("-inf"),
    name: str | None = None,
) -> Any:
    """`tf.image.non_max_suppression`: the boxes to keep, best first; how many depends on the values."""
    return non_max_suppression_with_scores(boxes, scores, max_output_size, iou_threshold, score_threshold)[0]


def non_max_suppression_with_scores(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: float = 0.5,
    score_threshold: float = float("-inf"),
    soft_nms_sigma: float = 0.0,
    name: str | None = None,
) -> tuple[Any, Any]:
    """`tf.image.non_max_suppression_with_scores`: the boxes to keep, best first, and their scores.

    With a ``soft_nms_sigma``, what overlaps a better box is not left out: its score is lowered, by
    N. Bodla et al., Soft-NMS, 2017.
    """
    corners = np.asarray(boxes, "float32").reshape(-1, 2, 2)
    places = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    values = np.array(scores, "float32")
    waiting = np.flatnonzero(values > score_threshold)
    kept: list[int] = []
    while len(waiting) and len(kept) < int(max_output_size):
        best = waiting[values[waiting].argmax()]
        kept.append(int(best))
        waiting = waiting[waiting != best]
        overlap = _overlap(places[best], places[waiting])
        if soft_nms_sigma > 0:
            values[waiting] *= np.exp(-0.5 / soft_nms_sigma * overlap**2)
            waiting = waiting[values[waiting] > score_threshold]
        else:
            waiting = waiting[~(overlap > iou_threshold)]
    return ops.convert_to_tensor(np.asarray(kept, "int32")), ops.convert_to_tensor(values[kept])


def non_max_suppression_padded(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: float = 0.5,
    score_threshold: float = float("-inf"),
    pad_to_max_output_size: bool = False,
    name: str | None = None,
    **ignored: Any,
) -> tuple[Any, Any]:
    """`tf.image.non_max_suppression_padded`: the boxes to keep, with zeros behind them, and how many they are."""
    if len(np.shape(boxes)) == 2:
        kept = non_max_suppression(boxes, scores, max_output_size, iou_threshold, score_threshold)
        missing = int(max_output_size) - len(kept) if pad_to_max_output_size else 0
        return ops.pad(kept, ((0, missing),)), ops.convert_to_tensor(len(kept), dtype="int32")
    found = [
        non_max_suppression_padded(own, values, max_output_size, iou_threshold, score_threshold, True)
        for own, values in zip(np.asarray(boxes), np.asarray(scores))
    ]
    kept, counts = (ops.stack(parts) for parts in zip(*found))
    return kept, counts


class KeptBoxes(NamedTuple):
    """The boxes that are kept of each image, best first, and what they show; there are zeros behind them."""

    nmsed_boxes: Any
    nmsed_scores: Any
    nmsed_classes: Any
    valid_detections: Any


def combined_non_max_suppression(
    boxes: Any,
    scores: Any,
    max_output_size_per_class: Any,
    max_total_size: Any,
    iou_threshold: float = 0.5,
    score_threshold: float = float("-inf"),
    pad_per_class: bool = False,
    clip_boxes: bool = True,
    name: str | None = None,
) -> KeptBoxes:
    """`tf.image.combined_non_max_suppression`: the boxes to keep of each class, for a batch of images.

    Args:
        boxes: `[batch, boxes, 1 or classes, 4]`.
        scores: `[batch, boxes, classes]`.
        max_output_size_per_class: at most so many boxes of a class are kept.
        max_total_size: at most so many of an image.
        iou_threshold: boxes of a class that share more are one.
        score_threshold: scores must be larger.
        pad_per_class: whether results have room for no more than all classes can give.
        clip_boxes: whether coordinates are kept from 0 to 1.
    """
    places, values = np.asarray(boxes, "float32"), np.asarray(scores, "float32")
    classes, room = values.shape[2], int(max_total_size)
    if pad_per_class:
        room = min(room, int(max_output_size_per_class) * classes)
    kept_boxes = np.zeros((len(places), room, 4), "float32")
    kept_scores, kept_classes = np.zeros((2, len(places), room), "float32")
    counts = np.zeros(len(places), "int32")
    for image, (own, points) in enumerate(zip(places, values)):
        found = []
        for kind in range(classes):
            of_kind = own[:, min(kind, own.shape[1] - 1)]
            chosen = non_max_suppression(
                of_kind, points[:, kind], max_output_size_per_class, iou_threshold, score_threshold
            )
            found += [(points[i, kind], kind, of_kind[i]) for i in np.asarray(chosen)]
        found = sorted(found, key=lambda entry: -entry[0])[:room]
        counts[image] = len(found)
        for place, (score, kind, box) in enumerate(found):
            kept_scores[image, place], kept_classes[image, place] = score, kind
            kept_boxes[image, place] = np.clip(box, 0, 1) if clip_boxes else box
    return KeptBoxes(*map(ops.convert_to_tensor, (kept_boxes, kept_scores, kept_classes, counts)))


def draw_bounding_boxes(images: Any, boxes: Any, colors: Any, name: str | None = None) -> Any:
    """`tf.image.draw_bounding_boxes`: one pixel wide; boxes are from 0 to 1."""
    pixels = np.array(images, dtype="float32")
    height, width = pixels.shape[1:3]
    palette = np.asarray(colors, "float32").reshape(-1, pixels.shape[-1])
    for image, own in zip(pixels, np.asarray(boxes)):
        for number, (top, left, bottom, right) in enumerate(own):
            rows = [int(top * (height - 1)), int(bottom * (height - 1))]
            columns = [int(left * (width - 1)), int(right * (width - 1))]
            if rows[0] > rows[1] or columns[0] > columns[1]:
                continue
            colour = palette[number % len(palette)]
            inside_rows = slice(max(0, rows[0]), rows[1] + 1)
            inside_columns = slice(max(0, columns[0]), columns[1] + 1)
            for row in (r for r in rows if 0 <= r < height):
                image[row, inside_columns] = colour
            for column in (c for c in columns if 0 <= c < width):
                image[inside_rows, column] = colour
    return ops.convert_to_tensor(pixels)


# -- random changes that a seed says ----------------------------------------------------------------------------------
def _drawn(seed: Any, low: Any, high: Any) -> Any:
    return random.uniform((), low, high, seed=stateless(seed))


def stateless_random_flip_left_right(image: Any, seed: Any) -> Any:
    """`tf.image.stateless_random_flip_left_right`."""
    return ops.where(_drawn(seed, 0.0, 1.0) < 0.5, images.flip_left_right(image), ops.convert_to_tensor(image))


def stateless_random_flip_up_down(image: Any, seed: Any) -> Any:
    """`tf.image.stateless_random_flip_up_down`."""
    return ops.where(_drawn(seed, 0.0, 1.0) < 0.5, images.flip_up_down(image), ops.convert_to_tensor(image))


def stateless_random_brightness(image: Any, max_delta: float, seed: Any) -> Any:
    """`tf.image.stateless_random_brightness`."""
    images.check_delta("stateless_random_brightness", max_delta)
    return images.adjust_brightness(image, _drawn(seed, -max_delta, max_delta))


def stateless_random_contrast(image: Any, lower: float, upper: float, seed: Any) -> Any:
    """`tf.image.stateless_random_contrast`."""
    images.check_factors("stateless_random_contrast", lower, upper)
    return images.adjust_contrast(image, _drawn(seed, lower, upper))


def stateless_random_saturation(image: Any, lower: float, upper: float, seed: Any = None) -> Any:
    """`tf.image.stateless_random_saturation`."""
    images.check_factors("stateless_random_saturation", lower, upper)
    return images.adjust_saturation(image, _drawn(seed, lower, upper))


def stateless_random_hue(image: Any, max_delta: float, seed: Any) -> Any:
    """`tf.image.stateless_random_hue`."""
    images.check_delta("stateless_random_hue", max_delta, 0.5)
    return images.adjust_hue(image, _drawn(seed, -max_delta, max_delta))


def stateless_random_crop(value: Any, size: Any, seed: Any, name: str | None = None) -> Any:
    """`tf.image.stateless_random_crop`."""
    x, size = ops.convert_to_tensor(value), tuple(int(n) for n in size)
    starts = [
        random.randint((), 0, whole - part + 1, seed=stateless(seed, i))
        for i, (part, whole) in enumerate(zip(size, x.shape))
    ]
    return ops.slice(x, starts, size)
