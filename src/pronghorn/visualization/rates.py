"""What a test of learning rates found, as a curve."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn.visualization.figures import COLOURS, GREY, finished, styled


def plot_learning_rates(finder: Any, title: str | None = None, path: Any = None, show: bool | None = None) -> Any:
    """Plot the loss against the learning rate of each step, and the rate that is suggested.

    Look for the part where the curve falls steadily. What is suggested is its steepest place; behind the lowest point
    the rate is too large.

    Args:
        finder: a `callbacks.LearningRateFinder` after `fit`.
        title: of the figure.
        path: a file to save the figure to.
        show: whether to show the figure; by default if there is no `path`. A notebook shows it below the cell.

    Returns:
        The Matplotlib figure, if it was neither shown nor saved.

    Raises:
        ValueError: if it has not run.
        ImportError: if Matplotlib is not installed.

    >>> from pronghorn.callbacks import LearningRateFinder
    >>> finder = LearningRateFinder()
    >>> finder.rates, finder.losses = [0.001, 0.01, 0.1, 1.0, 10.0], [1.0, 0.9, 0.4, 0.3, 2.0]
    >>> figure = plot_learning_rates(finder, show=False)
    >>> figure.axes[0].get_xlabel()
    'learning rate'
    """
    losses = np.array(getattr(finder, "losses", []), "float64")
    if not losses.size:
        raise ValueError(
            "plot_learning_rates takes a callbacks.LearningRateFinder after fit(..., callbacks=[finder]); this one has "
            "no losses yet."
        )
    rates, smoothed = np.array(finder.rates[: len(losses)]), np.array(finder.smoothed)
    finite, suggestion = smoothed[np.isfinite(smoothed)], finder.suggestion
    with styled() as plt:
        figure, axes = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
        axes.plot(rates, losses, color=GREY, linewidth=0.9, alpha=0.6, label="each step")
        axes.plot(rates, smoothed, color=COLOURS[0], linewidth=2, label="smoothed")
        if suggestion is not None:
            place = list(finder.rates).index(suggestion)
            axes.plot(
                suggestion, smoothed[place], "o", color=COLOURS[1], markersize=8, label=f"suggested: {suggestion:.2g}"
            )
            axes.axvline(suggestion, color=COLOURS[1], linewidth=0.9, linestyle=":")
        if finite.size:  # what is beyond is divergence, and would flatten all the rest
            space = 0.25 * (finite[0] - finite.min() or 1.0)
            axes.set_ylim(finite.min() - space, max(finite[0], finite[: len(finite) // 2 + 1].max()) + 2 * space)
        axes.set_xscale("log")
        axes.set_xlabel("learning rate")
        axes.set_ylabel("loss")
        axes.legend(loc="upper left" if suggestion is None else "best")
        return finished(figure, path, show, title)
