"""The course of a training as curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pronghorn.visualization.figures import COLOURS, GREY, finished, grid_of, styled

_VALIDATION = "val_"
# Metrics of which less is better, by parts of their names; more is better of all others.
_LESS = ("loss", "error", "entropy", "divergence", "perplexity", "hinge", "poisson", "mse", "mae", "mape", "msle")


def plot_history(
    history: Any,
    metrics: Sequence[str] | None = None,
    title: str | None = None,
    path: Any = None,
    show: bool | None = None,
) -> Any:
    """Plot loss and metrics against the epochs; those of the validation beside them, with their best epoch marked.

    Args:
        history: what `fit` returned, its dictionary of lists, or a dictionary of several of these by name, to compare.
        metrics: which to show, such as `["loss", "accuracy"]`; by default all.
        title: of the figure.
        path: a file to save the figure to.
        show: whether to show the figure; by default if there is no `path`. A notebook shows it below the cell.

    Returns:
        The Matplotlib figure, if it was neither shown nor saved.

    Raises:
        ValueError: if there is nothing to plot, or none of the metrics.
        ImportError: if Matplotlib is not installed.

    >>> figure = plot_history({"loss": [2.0, 1.0], "val_loss": [1.5, 1.2]}, show=False)
    >>> [axes.get_title("left") for axes in figure.axes]
    ['loss']
    """
    runs = _runs(history)
    names = _names(runs, metrics)
    rows, columns = grid_of(len(names), 2 if len(names) in (2, 4) else 3)
    with styled() as plt:
        size = (1.2 + 4.1 * columns, 0.5 + 2.9 * rows)
        figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
        for axes, name in zip(grid.flat, names):
            for number, (run, values) in enumerate(runs.items()):
                _plot_run(axes, name, run, values, COLOURS[number % len(COLOURS)])
            _finish_axes(axes, name)
        for axes in grid.flat[len(names) :]:
            axes.axis("off")
        _add_legend(figure, grid.flat[0], runs)
        return finished(figure, path, show, title)


def _runs(history: Any) -> dict[str, tuple[list[int], dict[str, list[Any]]]]:
    """Each run by its name: the numbers of its epochs, from 1, and its values."""
    if isinstance(history, Mapping) and history and all(_is_run(value) for value in history.values()):
        return {str(name): _run(value) for name, value in history.items()}
    return {"": _run(history)}


def _is_run(value: Any) -> bool:
    return isinstance(value, Mapping) or hasattr(value, "history")


def _run(history: Any) -> tuple[list[int], dict[str, list[Any]]]:
    values = getattr(history, "history", history)
    if not isinstance(values, Mapping):
        raise ValueError(
            f"plot_history takes what fit() returned, or a dictionary of lists such as its .history; got a "
            f"{type(history).__name__}."
        )
    length = max((len(column) for column in values.values()), default=0)
    if not length:
        raise ValueError("plot_history: there is no epoch to plot; fit() has not run yet, or ran for no epoch.")
    epochs = list(getattr(history, "epoch", ())) or list(range(length))
    return [epoch + 1 for epoch in epochs], dict(values)


def _names(runs: Mapping[str, Any], metrics: Sequence[str] | None) -> list[str]:
    there = list(dict.fromkeys(name for _, values in runs.values() for name in values))
    bases = dict.fromkeys(name.removeprefix(_VALIDATION) for name in there)
    if metrics is not None:
        metrics = [metrics] if isinstance(metrics, str) else list(metrics)
        unknown = [name for name in metrics if name not in bases]
        if unknown or not metrics:
            raise ValueError(f"plot_history: no metric {', '.join(unknown)}; there are {', '.join(bases)}.")
        return metrics
    return sorted(bases, key=lambda name: (name != "loss", name == "learning_rate"))


def _plot_run(axes: Any, name: str, run: str, of_run: tuple[list[int], dict[str, list[Any]]], colour: str) -> None:
    epochs, values = of_run
    trained, validated = values.get(name), values.get(_VALIDATION + name)
    marker = "o" if len(epochs) < 25 else None
    for column, label, style in (
        (trained, run or "training", {"linestyle": "-"}),
        (validated, f"{run}, validation" if run else "validation", {"linestyle": "-" if not run else "--"}),
    ):
        if column is None:
            continue
        numbers = np.array([_number(value) for value in column])
        # Where there is one run, the colour tells training and validation apart; else the line does.
        shade = COLOURS[1] if column is validated and not run else colour
        where = epochs[-len(numbers) :] if len(numbers) <= len(epochs) else range(1, len(numbers) + 1)
        if column is validated and len(numbers) < len(epochs):  # validation_freq
            where = np.linspace(epochs[0], epochs[-1], len(numbers) + 1)[1:]
        axes.plot(where, numbers, color=shade, label=label, marker=marker, markersize=3.5, linewidth=1.8, **style)
        if column is validated and np.isfinite(numbers).any() and len(numbers) > 1:
            _mark_best(axes, name, list(where), numbers, shade, not run)


def _mark_best(axes: Any, name: str, where: list[Any], numbers: np.ndarray, colour: str, told: bool) -> None:
    less = any(part in name for part in _LESS)
    filled = np.where(np.isfinite(numbers), numbers, np.inf if less else -np.inf)
    best = int(np.argmin(filled) if less else np.argmax(filled))
    axes.plot(where[best], numbers[best], "o", color=colour, markersize=8, markerfacecolor="none", markeredgewidth=1.6)
    if not told:  # the numbers of several runs would lie on one another
        return
    late = best > 0.7 * len(numbers)
    axes.annotate(
        f"{numbers[best]:.4g}",
        (where[best], numbers[best]),
        xytext=(-6 if late else 6, 8 if less else -12),
        textcoords="offset points",
        ha="right" if late else "left",
        color=GREY,
        fontsize="small",
    )


def _number(value: Any) -> float:
    number = float(np.mean(np.asarray(value, dtype="float64")))
    return number if math.isfinite(number) else math.nan


def _finish_axes(axes: Any, name: str) -> None:
    axes.set_title(name)
    axes.margins(x=0.03, y=0.12)
    axes.set_xlabel("epoch")
    axes.locator_params(axis="x", integer=True)
    if all(len(line.get_xdata()) < 2 for line in axes.lines):
        axes.set_xticks([line.get_xdata()[0] for line in axes.lines])
    positive = [line.get_ydata() for line in axes.lines]
    spread = np.concatenate([np.asarray(data, "float64").ravel() for data in positive]) if positive else np.array([])
    spread = spread[np.isfinite(spread)]
    if name == "learning_rate" or (spread.size and spread.min() > 0 and spread.max() / spread.min() > 200):
        axes.set_yscale("log")


def _add_legend(figure: Any, axes: Any, runs: Mapping[str, Any]) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) > 1 or len(runs) > 1:
        figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 2 * len(figure.axes)))
