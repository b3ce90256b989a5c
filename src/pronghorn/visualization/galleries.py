"""Galleries: many images in one figure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pronghorn import config
from pronghorn.visualization import figures
from pronghorn.visualization.drawing import Color, draw_bounding_boxes, draw_segmentation_masks


def _prepared(images: Any, value_range: tuple[float, float], data_format: str | None) -> np.ndarray:
    """The images as channels-last floats from 0 to 255."""
    values = np.asarray(images.numpy() if hasattr(images, "numpy") else images, dtype="float32")
    if values.ndim != 4:
        raise ValueError(f"A gallery takes images of shape (batch, height, width, channels); got {values.shape}.")
    if config.standardize_data_format(data_format) == "channels_first":
        values = np.moveaxis(values, 1, -1)
    low, high = value_range
    return np.clip((values - low) / (high - low) * 255, 0, 255)


def plot_image_gallery(
    images: Any,
    y_true: Any = None,
    y_pred: Any = None,
    label_map: Mapping[int, str] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    value_range: tuple[float, float] = (0, 255),
    scale: float = 2,
    path: Any = None,
    show: bool | None = None,
    transparent: bool = True,
    dpi: int = 60,
    legend_handles: Any = None,
    data_format: str | None = None,
    title: str | None = None,
) -> Any:
    """Show images side by side, with their labels if there are any.

    Args:
        images: images of shape `(batch, height, width, channels)`.
        y_true, y_pred: labels and predicted labels, shown below the images.
        label_map: names of the labels.
        rows, cols: of the gallery; by default about a square.
        value_range: the lowest and the highest value of the images.
        scale: inches of an image.
        path: a file to save the figure to.
        show: whether to show the figure; by default if there is no `path`.
        transparent: whether the saved figure has no background.
        dpi: resolution of the saved figure.
        legend_handles: for a legend.
        data_format: `"channels_last"`, `"channels_first"`, or None for the default.
        title: of the figure.

    Returns:
        The Matplotlib figure, if it was neither shown nor saved.

    Raises:
        ValueError: if the figure is to be both saved and shown.

    >>> import numpy as np
    >>> images = np.random.default_rng(0).uniform(0, 255, size=(4, 8, 8, 3))
    >>> figure = plot_image_gallery(images, y_true=[0, 1, 1, 0], label_map={0: "cat", 1: "dog"}, show=False)
    >>> len(figure.axes)
    4
    """
    if path is not None and show:
        raise ValueError("plot_image_gallery: pass path to save the figure, or show=True to show it, not both.")
    pyplot = figures.pyplot()
    pictures = _prepared(images, value_range, data_format) / 255
    count = len(pictures)
    cols = cols or (math.ceil(count / rows) if rows else math.ceil(math.sqrt(count)))
    rows = rows or math.ceil(count / cols)
    figure, grid = pyplot.subplots(
        rows, cols, figsize=(cols * scale, rows * scale), squeeze=False, layout="constrained"
    )
    for index, axes in enumerate(grid.flat):
        axes.axis("off")
        if index < count:
            picture = pictures[index]
            axes.imshow(picture[..., 0] if picture.shape[-1] == 1 else picture, cmap="gray", vmin=0, vmax=1)
            axes.set_title(_title(index, y_true, y_pred, label_map), fontsize=4 * scale)
    if legend_handles:
        figure.legend(handles=legend_handles, loc="outside lower center")
    return figures.finished(figure, path, show, title, transparent=transparent, dpi=dpi)


def _title(index: int, y_true: Any, y_pred: Any, label_map: Mapping[int, str] | None) -> str:
    lines = []
    for name, labels in (("", y_true), ("predicted: ", y_pred)):
        if labels is not None:
            label = np.asarray(labels)[index].item() if np.ndim(np.asarray(labels)[index]) == 0 else labels[index]
            lines.append(name + str((label_map or {}).get(label, label)))
    return "\n".join(lines)


def plot_bounding_box_gallery(
    images: Any,
    bounding_box_format: str,
    y_true: Mapping[str, Any] | None = None,
    y_pred: Mapping[str, Any] | None = None,
    value_range: tuple[float, float] = (0, 255),
    true_color: Color = (0, 188, 212),
    pred_color: Color = (255, 235, 59),
    line_thickness: int = 2,
    font_scale: float = 1.0,
    text_thickness: int | None = None,
    class_mapping: Mapping[int, str] | None = None,
    ground_truth_mapping: Mapping[int, str] | None = None,
    prediction_mapping: Mapping[int, str] | None = None,
    legend: bool = False,
    legend_handles: Any = None,
    rows: int | None = None,
    cols: int | None = None,
    data_format: str | None = None,
    **kwargs: Any,
) -> Any:
    """Show images with their true and predicted boxes; see `draw_bounding_boxes` and `plot_image_gallery`.

    >>> import numpy as np
    >>> boxes = {"boxes": np.array([[[4.0, 4.0, 20.0, 20.0]]]), "labels": np.array([[0]])}
    >>> images = np.zeros((1, 32, 32, 3))
    >>> figure = plot_bounding_box_gallery(images, "xyxy", y_true=boxes, value_range=(0, 255), show=False)
    >>> len(figure.axes)
    1
    """
    pictures = _prepared(images, value_range, data_format)
    handles = list(legend_handles or ())
    sets = (
        ("ground truth", y_true, true_color, ground_truth_mapping),
        ("predictions", y_pred, pred_color, prediction_mapping),
    )
    for title, boxes, color, mapping in sets:
        if boxes is None:
            continue
        pictures = draw_bounding_boxes(
            pictures,
            boxes,
            bounding_box_format,
            class_mapping=mapping or class_mapping,
            color=color,
            line_thickness=line_thickness,
            font_scale=font_scale,
            data_format="channels_last",
        )
        if legend:
            from matplotlib import patches

            handles.append(patches.Patch(color=np.asarray(color) / 255, label=title))
    return plot_image_gallery(
        pictures, rows=rows, cols=cols, legend_handles=handles, data_format="channels_last", **kwargs
    )


def plot_segmentation_mask_gallery(
    images: Any,
    num_classes: int,
    value_range: tuple[float, float] = (0, 255),
    y_true: Any = None,
    y_pred: Any = None,
    color_mapping: Mapping[int, Color] | None = None,
    blend: bool = True,
    alpha: float = 0.8,
    ignore_index: int = -1,
    data_format: str | None = None,
    **kwargs: Any,
) -> Any:
    """Show images, then the images with their true and predicted masks; see `draw_segmentation_masks`.

    >>> import numpy as np
    >>> images, masks = np.zeros((1, 8, 8, 3)), np.ones((1, 8, 8, 1), "int64")
    >>> figure = plot_segmentation_mask_gallery(images, num_classes=2, value_range=(0, 255), y_true=masks, show=False)
    >>> len(figure.axes)
    2
    """
    pictures = _prepared(images, value_range, data_format)
    shown = [pictures]
    for masks in (y_true, y_pred):
        if masks is not None:
            drawn = draw_segmentation_masks(
                pictures,
                masks,
                num_classes=num_classes,
                color_mapping=color_mapping,
                alpha=alpha,
                blend=blend,
                ignore_index=ignore_index,
                data_format="channels_last",
            )
            shown.append(drawn.astype("float32"))
    rows = np.stack(shown, axis=1).reshape(-1, *pictures.shape[1:])
    return plot_image_gallery(rows, cols=len(shown), data_format="channels_last", **kwargs)
