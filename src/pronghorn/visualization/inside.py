"""What a network has learnt and what it sees: its filters, and the feature maps of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pronghorn import models
from pronghorn.visualization.figures import GREY, finished, grid_of, styled


def plot_filters(
    layer: Any,
    channel: int | None = None,
    count: int = 64,
    title: str | None = None,
    path: Any = None,
    show: bool | None = None,
) -> Any:
    """Show the filters of a convolution: red where the weight is positive, blue where it is negative.

    Filters over three channels are shown in colours; of others, each shows its mean over the channels, or one channel.

    Args:
        layer: a convolution over images, or a model, of which the first such layer is taken.
        channel: which channel of the inputs to show.
        count: how many filters at most.
        title: of the figure.
        path: a file to save the figure to.
        show: whether to show the figure; by default if there is no `path`. A notebook shows it below the cell.

    Returns:
        The Matplotlib figure, if it was neither shown nor saved.

    Raises:
        ValueError: if there is no such layer, or it has no weights yet.
        ImportError: if Matplotlib is not installed.

    >>> from pronghorn import layers
    >>> convolution = layers.Conv2D(4, 3, name="edges")
    >>> convolution.build((None, 8, 8, 1))
    >>> figure = plot_filters(convolution, show=False)
    >>> len([axes for axes in figure.axes if axes.images])
    4
    """
    layer = _convolution(layer)
    kernel = np.asarray(layer.kernel)
    if channel is not None and not -kernel.shape[2] <= channel < kernel.shape[2]:
        raise ValueError(f"plot_filters: layer {layer.name!r} has channels 0 to {kernel.shape[2] - 1}, got {channel}.")
    coloured = kernel.shape[2] == 3 and channel is None
    filters = kernel if coloured else kernel.mean(axis=2) if channel is None else kernel[:, :, channel]
    filters = np.moveaxis(filters.reshape(*kernel.shape[:2], *((3,) if coloured else ()), -1), -1, 0)
    shown = filters[:count]
    limit = float(np.abs(shown).max()) or 1.0
    rows, columns = grid_of(len(shown))
    which = ", mean over channels" if channel is None else f", channel {channel}"
    what = "" if coloured or kernel.shape[2] == 1 else which
    more = f", {len(shown)} of {len(filters)}" if len(shown) < len(filters) else ""
    with styled() as plt:
        figure, grid = plt.subplots(
            rows, columns, figsize=(columns * 0.95 + 0.6, rows * 0.95 + 0.6), squeeze=False, layout="constrained"
        )
        image = _fill(grid, [0.5 + x / (2 * limit) for x in shown] if coloured else shown, limit, coloured)
        if not coloured:
            _bar(figure, image, grid, rows)
        return finished(figure, path, show, title or f"filters of {layer.name}{what}{more}")


def plot_feature_maps(
    model: Any,
    image: Any,
    layers: Sequence[Any] | None = None,
    count: int = 16,
    title: str | None = None,
    path: Any = None,
    show: bool | None = None,
) -> Any:
    """Show what a network's convolutions make of an image: a row of maps for each layer.

    Args:
        model: a `Sequential` or functional model.
        image: one image, with or without a batch axis.
        layers: layers or their names; by default all convolutions and pools of images, 8 at most.
        count: how many maps of each layer at most: those with the strongest values.
        title: of the figure.
        path: a file to save the figure to.
        show: whether to show the figure; by default if there is no `path`. A notebook shows it below the cell.

    Returns:
        The Matplotlib figure, if it was neither shown nor saved.

    Raises:
        ValueError: if the model has no such layers, or the image does not fit it.
        ImportError: if Matplotlib is not installed.

    >>> import pronghorn as keras
    >>> model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(3, 3)])
    >>> figure = plot_feature_maps(model, np.zeros((8, 8, 1)), show=False)
    >>> len([axes for axes in figure.axes if axes.images])  # the image itself, and three maps
    4
    """
    chosen = _image_layers(model, layers)
    x = np.asarray(image, "float32")
    expected = len(model.inputs[0].shape)
    x = x[None] if x.ndim == expected - 1 else x
    if x.ndim != expected or len(x) != 1:
        raise ValueError(
            f"plot_feature_maps takes one image, of shape {tuple(model.inputs[0].shape[1:])}; got {np.shape(image)}."
        )
    parts = models.Model(model.inputs, [layer.output for layer in chosen])
    maps = parts.predict(x, verbose=0)
    maps = [np.asarray(m)[0] for m in (maps if isinstance(maps, list | tuple) else [maps])]
    columns = min(max(m.shape[-1] for m in maps), count)
    with styled() as plt:
        size = (1.6 + 0.85 * columns, 1.15 + 0.95 * len(maps) + (0.3 if title else 0))
        figure = plt.figure(figsize=size, layout="constrained")
        outer = figure.add_gridspec(len(maps) + 1, columns + 1, width_ratios=[1.5] + [1] * columns)
        picture = x[0, ..., 0] if x.shape[-1] == 1 else _shown(x[0])
        first = figure.add_subplot(outer[0, 0:2])
        first.imshow(picture, cmap="gray" if picture.ndim == 2 else None)
        first.axis("off")
        for row, (layer, values) in enumerate(zip(chosen, maps), 1):
            _name_row(figure.add_subplot(outer[row, 0]), layer, values)
            for column, number in enumerate(_strongest(values, count)):
                axes = figure.add_subplot(outer[row, column + 1])
                axes.imshow(values[..., number], cmap="viridis")
                axes.axis("off")
        return finished(figure, path, show, title)


def _name_row(axes: Any, layer: Any, values: np.ndarray) -> None:
    height, width, channels = values.shape
    axes.axis("off")
    axes.text(1, 0.55, layer.name, ha="right", va="bottom", fontsize=8.5, transform=axes.transAxes)
    text = f"{height}x{width}, {channels} {'map' if channels == 1 else 'maps'}"
    axes.text(1, 0.45, text, ha="right", va="top", fontsize=7.5, color=GREY, transform=axes.transAxes)


def _strongest(values: np.ndarray, count: int) -> list[int]:
    """The maps that differ most within themselves, in their order."""
    spread = values.std(axis=(0, 1))
    return sorted(np.argsort(-spread, kind="stable")[:count].tolist())


def _shown(picture: np.ndarray) -> np.ndarray:
    low, high = float(picture.min()), float(picture.max())
    picture = picture[..., :3] if picture.shape[-1] >= 3 else picture.mean(axis=-1)
    return (picture - low) / ((high - low) or 1.0)


def _convolution(layer: Any) -> Any:
    """The layer, or the first of a model, with filters over images."""
    if hasattr(layer, "layers"):
        found = next((inner for inner in layer.layers if _has_filters(inner)), None)
        if found is None:
            raise ValueError(f"plot_filters: the model {layer.name!r} has no convolution over images.")
        return found
    if not _has_filters(layer):
        raise ValueError(
            f"plot_filters: layer {layer.name!r} ({type(layer).__name__}) has no filters over images; it must be a "
            "Conv2D, DepthwiseConv2D or such, and built: call it, or build() it, first."
        )
    return layer


def _has_filters(layer: Any) -> bool:
    return len(getattr(getattr(layer, "kernel", None), "shape", ())) == 4


def _image_layers(model: Any, layers: Sequence[Any] | None) -> list[Any]:
    if not getattr(model, "inputs", None):
        raise ValueError(
            "plot_feature_maps needs a Sequential or functional model, whose layers' outputs are known; build it first."
        )
    if layers is not None:
        chosen = [model.get_layer(layer) if isinstance(layer, str) else layer for layer in layers]
    else:
        chosen = [layer for layer in model.layers if _has_filters(layer) or "Pooling2D" in type(layer).__name__]
        chosen = [layer for layer in chosen if len(layer.output.shape) == 4][:8]
    if not chosen or any(len(layer.output.shape) != 4 for layer in chosen):
        raise ValueError(
            f"plot_feature_maps: layers with feature maps of images, (batch, height, width, channels), are needed; got "
            f"{[layer.name for layer in chosen] or f'none in {model.name!r}'}."
        )
    return chosen


def _fill(grid: Any, pictures: Any, limit: float, coloured: bool) -> Any:
    image = None
    for axes in grid.flat:
        axes.axis("off")
    for axes, picture in zip(grid.flat, pictures):
        options = {} if coloured else {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
        image = axes.imshow(picture, interpolation="nearest", **options)
    return image


def _bar(figure: Any, image: Any, grid: Any, rows: int) -> None:
    bar = figure.colorbar(image, ax=grid, fraction=0.03 if rows > 1 else 0.02, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8)
