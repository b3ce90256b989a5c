"""What a classifier gets right and wrong: the matrix of confusions, and images with their predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pronghorn.visualization.figures import GREEN, GREY, RED, finished, grid_of, styled

_MOST_NUMBERS = 25  # classes; with more, the cells are too small for numbers


def plot_confusion_matrix(
    y_true: Any,
    y_pred: Any,
    labels: Sequence[str] | Mapping[int, str] | None = None,
    normalize: bool = False,
    title: str | None = None,
    path: Any = None,
    show: bool | None = None,
) -> Any:
    """Plot how often each class was taken for which.

    A row is a true class, a column what the model said; the colour is the share of the row.

    Args:
        y_true: class numbers of shape `(n,)`, or one-hot rows.
        y_pred: what the model gave: probabilities or logits `(n, classes)`, or `(n, 1)` of yes or no, where more than
            0.5 is yes; or class numbers `(n,)`.
        labels: the classes' names, in order or by number.
        normalize: whether to write the shares of the rows, in per cent, and not the counts.
        title: of the figure; by default the accuracy.
        path: a file to save the figure to.
        show: whether to show the figure; by default if there is no `path`. A notebook shows it below the cell.

    Returns:
        The Matplotlib figure, if it was neither shown nor saved.

    Raises:
        ValueError: if the lengths differ, or there are no samples.
        ImportError: if Matplotlib is not installed.

    >>> figure = plot_confusion_matrix([0, 1, 1], [0, 1, 0], labels=["cat", "dog"], show=False)
    >>> figure.axes[0].get_title("left")
    'accuracy 66.7 % (2 of 3)'
    """
    true, predicted = class_numbers(y_true), class_numbers(y_pred)
    if true.shape != predicted.shape or not true.size:
        raise ValueError(
            f"plot_confusion_matrix: y_true and y_pred must have the same number of samples, one at least; got "
            f"{len(true)} and {len(predicted)}."
        )
    count = max(true.max(), predicted.max(), len(labels or ()) - 1) + 1
    matrix = np.zeros((count, count), "int64")
    np.add.at(matrix, (true, predicted), 1)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    names = [_name(number, labels) for number in range(count)]
    longest = max(map(len, names))
    side = min(max(0.55 * count, 3.0), 11.0)
    with styled() as plt:
        figure, axes = plt.subplots(figsize=(side + 1.4 + 0.07 * longest, side + 1.0), layout="constrained")
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.grid(False)
        for spine in axes.spines.values():
            spine.set_visible(False)
        step = max(count // 40, 1)
        ticks = range(0, count, step)
        size = float(np.clip(9.5 - 0.06 * count, 5, 9))
        turned = longest > 3 and longest * 0.09 > side / count
        axes.set_xticks(
            ticks, names[::step], fontsize=size, rotation=45 if turned else 0, ha="right" if turned else "center"
        )
        axes.set_yticks(ticks, names[::step], fontsize=size)
        axes.tick_params(length=0)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        if count <= _MOST_NUMBERS:
            _write_numbers(axes, matrix, shares, normalize)
        bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03)
        bar.set_label("share of the true class")
        bar.outline.set_visible(False)
        right = int(np.trace(matrix))
        axes.set_title(title or f"accuracy {100 * right / true.size:.1f} % ({right:,} of {true.size:,})")
        return finished(figure, path, show)


def _write_numbers(axes: Any, matrix: np.ndarray, shares: np.ndarray, normalize: bool) -> None:
    size = float(np.clip(11 - 0.25 * len(matrix), 4.5, 10))
    for (row, column), number in np.ndenumerate(matrix):
        if number:
            share = shares[row, column]
            text = f"{number:,}" if not normalize else "<1" if share < 0.005 else f"{100 * share:.0f}"
            colour = "white" if share > 0.55 else "#333333"
            axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)


def plot_predictions(
    images: Any,
    y_pred: Any,
    y_true: Any = None,
    labels: Sequence[str] | Mapping[int, str] | None = None,
    count: int = 16,
    most_wrong: bool = False,
    title: str | None = None,
    path: Any = None,
    show: bool | None = None,
) -> Any:
    """Show images with what a classifier says they are, and, where that is wrong, what they are.

    Args:
        images: of shape `(n, height, width)`, or with 1 or 3 channels at the end; of any range of values.
        y_pred: probabilities `(n, classes)`, of yes or no `(n, 1)`, or class numbers `(n,)`.
        y_true: the true class numbers, or one-hot rows, if they are known.
        labels: the classes' names, in order or by number.
        count: how many images at most: the first ones.
        most_wrong: whether to show those instead for which the true class got the least probability.
        title: of the figure.
        path: a file to save the figure to.
        show: whether to show the figure; by default if there is no `path`. A notebook shows it below the cell.

    Returns:
        The Matplotlib figure, if it was neither shown nor saved.

    Raises:
        ValueError: if the lengths differ, or `most_wrong` is asked for without `y_true`.
        ImportError: if Matplotlib is not installed.

    >>> figure = plot_predictions(np.zeros((2, 4, 4)), [[0.9, 0.1], [0.2, 0.8]], [0, 0], ["cat", "dog"], show=False)
    >>> [axes.get_title() for axes in figure.axes]
    ['cat (90 %)', 'dog (80 %)\\ntrue: cat']
    """
    pictures = as_pictures(images)
    scores = np.asarray(y_pred)
    predicted = class_numbers(scores)
    true = None if y_true is None else class_numbers(y_true)
    if len(predicted) != len(pictures) or (true is not None and len(true) != len(pictures)):
        raise ValueError(
            f"plot_predictions: images, y_pred and y_true must have as many samples; got {len(pictures)}, "
            f"{len(predicted)}{'' if true is None else f' and {len(true)}'}."
        )
    if most_wrong and true is None:
        raise ValueError("plot_predictions: most_wrong=True needs y_true.")
    order = np.arange(len(pictures))
    if most_wrong and true is not None:
        order = np.argsort(_probability(scores, true), kind="stable")
    order = order[:count]
    rows, columns = grid_of(len(order))
    longest = max((len(_name(int(predicted[i]), labels)) for i in order), default=0)
    with styled() as plt:
        size = (columns * max(1.25, 0.11 * (longest + 5)), rows * 1.75 + (0.4 if title else 0))
        figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
        chances = _probability(scores, predicted)
        for axes in grid.flat:
            axes.axis("off")
        for axes, i in zip(grid.flat, order):
            axes.imshow(pictures[i], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            text = _name(int(predicted[i]), labels)
            if np.isfinite(chances[i]):
                text += f" ({100 * chances[i]:.0f} %)"
            wrong = true is not None and true[i] != predicted[i]
            if wrong and true is not None:
                text += f"\ntrue: {_name(int(true[i]), labels)}"
            colour = GREY if true is None else RED if wrong else GREEN
            axes.set_title(text, fontsize=9, color=colour, loc="center")
        return finished(figure, path, show, title)


def class_numbers(values: Any) -> np.ndarray:
    """Class numbers of scores, one-hot rows or class numbers.

    >>> class_numbers([[0.1, 0.9]]), class_numbers([[0.7], [0.2]]), class_numbers([3, 1])
    (array([1]), array([1, 0]), array([3, 1]))
    """
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] > 1:
        return array.argmax(axis=1)
    array = array.reshape(-1)
    return (array > 0.5).astype("int64") if array.dtype.kind == "f" and _are_shares(array) else array.astype("int64")


def _are_shares(array: np.ndarray) -> bool:
    """Whether floats are probabilities of yes, and not class numbers as floats."""
    return bool(((array >= 0) & (array <= 1)).all())


def _probability(scores: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """What the scores say of one class of each sample; NaN where they are no probabilities."""
    if scores.ndim == 2 and scores.shape[1] > 1:
        if not (_are_shares(scores.reshape(-1)) and np.allclose(scores.sum(axis=1), 1, atol=0.02)):
            scores = np.exp(scores - scores.max(axis=1, keepdims=True))  # logits
            scores = scores / scores.sum(axis=1, keepdims=True)
        return scores[np.arange(len(scores)), classes]
    flat = scores.reshape(-1)
    if flat.dtype.kind == "f" and _are_shares(flat):
        return np.where(classes == 1, flat, 1 - flat)
    return np.full(len(flat), np.nan)


def _name(number: int, labels: Any) -> str:
    if labels is None:
        return str(number)
    if isinstance(labels, Mapping):
        return str(labels.get(number, number))
    return str(labels[number]) if number < len(labels) else str(number)


def as_pictures(images: Any) -> np.ndarray:
    """Images as floats from 0 to 1, grey of shape `(n, height, width)` or coloured.

    Raises:
        ValueError: for another shape.
    """
    array = np.asarray(images)
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[-1] not in (3, 4)):
        raise ValueError(
            "Images have the shape (n, height, width), or (n, height, width, channels) with 1, 3 or 4 channels; got "
            f"{array.shape}."
        )
    values = array.astype("float32")
    if not values.size:
        return values
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if low >= 0 and high <= 1:
        return values
    if low >= 0 and high <= 255:
        return values / 255
    return (values - low) / ((high - low) or 1.0)
