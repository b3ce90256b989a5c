"""What the pictures have in common: Matplotlib where it is installed, a style, and where a finished figure goes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from pronghorn._extras import install_command
from pronghorn.engine.graph.user_code import warn

# Okabe and Ito's colours, which people who see few colours can tell apart.
BLUE, ORANGE, GREEN, PINK, SKY, RED = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"
COLOURS = (BLUE, ORANGE, GREEN, PINK, SKY, RED)
GREY = "#6b6b6b"

_STYLE = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9a9a9a",
    "axes.labelcolor": "#333333",
    "axes.titlelocation": "left",
    "axes.titlesize": "medium",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "legend.frameon": False,
    "font.size": 10,
    "figure.titlesize": "large",
    "savefig.dpi": 150,
}
# Matplotlib's own backends that open no window; 'inline', of notebooks, is none of them.
_WITHOUT_DISPLAY = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")
_SAVING = {"facecolor": "white", "bbox_inches": "tight", "pad_inches": 0.12}


def pyplot() -> Any:
    """Matplotlib's pyplot.

    Raises:
        ImportError: if it is not installed, with the command that mends it.
    """
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ImportError(
            f"Pictures need Matplotlib; to install it: {install_command('plot')}", name="matplotlib"
        ) from None
    return pyplot


@contextlib.contextmanager
def styled() -> Iterator[Any]:
    """pyplot, with the style of the pictures while the body runs."""
    plt = pyplot()
    with plt.rc_context(_STYLE):
        yield plt


def finished(figure: Any, path: Any, show: bool | None, title: str | None = None, **saving: Any) -> Any:
    """Give a figure its title, and save it, or show it, or return it.

    Args:
        figure: the figure.
        path: a file to save it to, if not None.
        show: whether to show it; by default if there is no `path`. Without a display there is a warning instead.
        title: of the whole figure.
        **saving: how to save it, other than the pictures are saved.

    Returns:
        The figure if it was neither saved nor shown.

    Raises:
        ValueError: if it is to be both.
    """
    if path is not None and show:
        raise ValueError("Pass path to save the figure, or show=True to show it, not both.")
    plt = pyplot()
    if title:
        figure.suptitle(title, x=0.02, ha="left")
    if path is not None:
        figure.savefig(path, **(saving or _SAVING))
    elif not (show is None or show):
        return figure
    elif _cannot_show():
        plt.close(figure)  # which can still be saved
        return figure
    else:
        plt.show()
    plt.close(figure)
    return None


def _cannot_show() -> bool:
    """Whether Matplotlib draws into files alone here; warns then."""
    import matplotlib

    name = matplotlib.get_backend()
    if name.lower() not in _WITHOUT_DISPLAY:
        return False
    warn(
        f"The figure is not shown: Matplotlib finds no display here, and its backend {name!r} draws into files alone. "
        "Pass path='figure.png' to write it to a file, or show=False to get the figure without this warning."
    )
    return True


def grid_of(count: int, widest: int = 8) -> tuple[int, int]:
    """How many rows and columns so many small pictures have.

    >>> grid_of(16), grid_of(7), grid_of(40)
    ((2, 8), (1, 7), (5, 8))
    """
    columns = max(min(widest, count), 1)
    return -(-count // columns), columns
