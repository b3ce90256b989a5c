"""The drawing of a model's graph with Matplotlib, where Graphviz is not installed."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pronghorn._extras import install_command
from pronghorn.utils.layout import Layout, layered

if TYPE_CHECKING:
    from pronghorn.utils.dot import Dot

# In inches.
_FONT = 9.0 / 72
_PADDING, _BETWEEN, _MARGIN, _HEAD = 0.11, 0.34, 0.15, 0.08
_MOST_PIXELS = 30_000  # of a side

_KINDS = (  # by what a class's name contains: the colour of its boxes
    (("Input",), "#e8e8e8"),
    (("Conv",), "#d6e6f5"),
    (("Pool",), "#fbe5d0"),
    (("Dense", "Embedding"), "#d9efdf"),
    (("LSTM", "GRU", "RNN", "Attention", "Bidirectional"), "#eadff2"),
    (("Normalization", "Dropout"), "#fdf5d3"),
)


def draw(dot: Dot, path: str | os.PathLike[str], format: str = "png") -> None:
    """Draw a graph: boxes in ranks, and arrows that go between them.

    Args:
        dot: the graph.
        path: the file.
        format: such as `"png"`, `"svg"` or `"pdf"`.

    Raises:
        ImportError: if Matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.textpath import TextPath
    except ImportError:
        raise ImportError(
            f"Drawing a model needs Graphviz, or Matplotlib; to install it: {install_command('plot')}",
            name="matplotlib",
        ) from None

    def width(line: str) -> float:
        return TextPath((0, 0), line or " ", size=9).get_extents().width / 72

    boxes = {
        node.name: (max(map(width, node.lines)) + 2 * _PADDING, 1.32 * _FONT * len(node.lines) + 2 * _PADDING)
        for node in dot.nodes
    }
    sheet = _Sheet(dot, boxes)
    figure = Figure(figsize=sheet.size, dpi=min(dot.dpi, _MOST_PIXELS / max(sheet.size)))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, sheet.size[0]), ylim=(sheet.size[1], 0))
    axes.axis("off")
    _draw_clusters(axes, dot, sheet)
    for edge in dot.edges:
        if edge in sheet.layout.ways:
            _draw_arrow(axes, sheet.way(*edge), sheet.lengthwise)
    for node in dot.nodes:
        _draw_box(axes, sheet.box(node.name), node.lines)
    figure.savefig(path, format=format, facecolor="white")


class _Sheet:
    """Where everything is, in inches from the upper left corner.

    Attributes:
        lengthwise: whether ranks follow one another from left to right.
        size: of the sheet.
    """

    def __init__(self, dot: Dot, boxes: Mapping[str, tuple[float, float]]) -> None:
        self.lengthwise = dot.rankdir in ("LR", "RL")
        self._backwards = dot.rankdir in ("BT", "RL")
        self._boxes = boxes
        along, across = (0, 1) if self.lengthwise else (1, 0)
        self.layout: Layout = layered({name: box[across] for name, box in boxes.items()}, dot.edges)
        ranks = self.layout.ranks
        deep = [max(boxes[n][along] for n in boxes if ranks[n] == rank) for rank in range(1 + max(ranks.values()))]
        #: Where each rank begins and ends.
        self._bands: list[tuple[float, float]] = []
        place = _MARGIN
        for depth in deep:
            self._bands.append((place, place + depth))
            place += depth + _BETWEEN
        length = place - _BETWEEN + _MARGIN
        least = min(self.layout.across[n] - boxes[n][across] / 2 for n in boxes)
        most = max(self.layout.across[n] + boxes[n][across] / 2 for n in boxes)
        passed = [x for way in self.layout.ways.values() for x in way]
        least, most = min([least, *passed]), max([most, *passed])
        self._shift, breadth = _MARGIN - least, most - least + 2 * _MARGIN
        self._length = length
        self.size = (length, breadth) if self.lengthwise else (breadth, length)

    def _point(self, across: float, along: float) -> tuple[float, float]:
        across += self._shift
        along = self._length - along if self._backwards else along
        return (along, across) if self.lengthwise else (across, along)

    def box(self, name: str) -> tuple[float, float, float, float]:
        """Left, upper edge, width and height."""
        start, end = self._bands[self.layout.ranks[name]]
        x, y = self._point(self.layout.across[name], (start + end) / 2)
        width, height = self._boxes[name]
        return x - width / 2, y - height / 2, width, height

    def way(self, start: str, end: str) -> list[tuple[float, float]]:
        """The points of an arrow: pairs that lie on the edges of ranks, between which it may bend."""
        along = 0 if self.lengthwise else 1
        ranks, across = self.layout.ranks, self.layout.across
        half = {name: self._boxes[name][along] / 2 for name in (start, end)}
        middle = {name: sum(self._bands[ranks[name]]) / 2 for name in (start, end)}
        points = [(across[start], middle[start] + half[start]), (across[start], self._bands[ranks[start]][1])]
        for rank, place in enumerate(self.layout.ways[start, end], ranks[start] + 1):
            points += [(place, self._bands[rank][0]), (place, self._bands[rank][1])]
        points += [(across[end], self._bands[ranks[end]][0]), (across[end], middle[end] - half[end])]
        return [self._point(*point) for point in points]


def _draw_box(axes: Any, box: tuple[float, float, float, float], lines: list[str]) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y, width, height = box
    colour = next((c for words, c in _KINDS if any(word in lines[0] for word in words)), "#ffffff")
    style = {
        "boxstyle": "round,pad=0,rounding_size=0.06",
        "facecolor": colour,
        "edgecolor": "#7a7a7a",
        "linewidth": 0.8,
    }
    axes.add_patch(FancyBboxPatch((x, y), width, height, zorder=3, **style))
    step = 1.32 * _FONT
    for number, line in enumerate(lines):
        middle = y + height / 2 + (number - (len(lines) - 1) / 2) * step
        shade = "#1c1c1c" if number == 0 else "#555555"
        axes.text(x + width / 2, middle, line, ha="center", va="center", fontsize=9, color=shade, zorder=4)


def _draw_arrow(axes: Any, points: list[tuple[float, float]], lengthwise: bool) -> None:
    from matplotlib.patches import PathPatch, Polygon
    from matplotlib.path import Path

    vertices, codes = [points[0]], [Path.MOVETO]
    for number, ((x, y), (to_x, to_y)) in enumerate(itertools.pairwise(points)):
        if abs(x - to_x) + abs(y - to_y) < 1e-6:
            continue
        if number % 2 == 0:  # along a rank
            vertices.append((to_x, to_y))
            codes.append(Path.LINETO)
        else:
            middle_x, middle_y = (x + to_x) / 2, (y + to_y) / 2
            bends = [(middle_x, y), (middle_x, to_y)] if lengthwise else [(x, middle_y), (to_x, middle_y)]
            vertices += [*bends, (to_x, to_y)]
            codes += [Path.CURVE4] * 3
    axes.add_patch(PathPatch(Path(vertices, codes), facecolor="none", edgecolor="#7a7a7a", linewidth=1.0, zorder=2))
    (x, y), (before_x, before_y) = vertices[-1], vertices[-2]
    way = (np.sign(x - before_x), 0.0) if lengthwise else (0.0, np.sign(y - before_y))
    back = (x - _HEAD * way[0], y - _HEAD * way[1])
    side = (_HEAD / 2.2 * way[1], _HEAD / 2.2 * way[0])
    head = [(x, y), (back[0] + side[0], back[1] + side[1]), (back[0] - side[0], back[1] - side[1])]
    axes.add_patch(Polygon(head, closed=True, facecolor="#7a7a7a", linewidth=0, zorder=3))


def _draw_clusters(axes: Any, dot: Dot, sheet: _Sheet) -> None:
    from matplotlib.patches import FancyBboxPatch

    clusters = {node.cluster[:depth] for node in dot.nodes for depth in range(1, len(node.cluster) + 1)}
    for cluster in sorted(clusters, key=len):
        boxes = [sheet.box(node.name) for node in dot.nodes if node.cluster[: len(cluster)] == cluster]
        pad = 0.09
        left, upper = min(b[0] for b in boxes) - pad, min(b[1] for b in boxes) - pad
        right, lower = max(b[0] + b[2] for b in boxes) + pad, max(b[1] + b[3] for b in boxes) + pad
        style = {"boxstyle": "round,pad=0,rounding_size=0.08", "facecolor": "#00000008", "edgecolor": "#b5b5b5"}
        axes.add_patch(FancyBboxPatch((left, upper), right - left, lower - upper, linewidth=0.8, zorder=1, **style))
        axes.text(right - 0.04, upper + 0.03, cluster[-1], ha="right", va="top", fontsize=7, color="#777777", zorder=1)
