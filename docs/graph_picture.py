"""A printed graph as a picture: operations from top to bottom, coloured by where they come from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import matplotlib.pyplot as plt

from pronghorn.utils.layout import layered

_BOX = 0.65  # how much of a place in a row a node takes
#: Operations that are left out: what they are given goes straight to those that read them.
_THROUGH = {"broadcast_in_dim", "cast"}
_LEFT_OUT = {"constant", "extent"}
_LINE = re.compile(r"^  %(\d+):(\S+) = (\w+)\(([^)]*)\)[^#\n]*(?:# (.*))?$", re.MULTILINE)


@dataclass
class Node:
    """An operation, an input, or, without a label, a bend of an arrow on its way past a row."""

    label: str
    origin: str = ""
    reads: list[str] = field(default_factory=list)
    depth: int = 0
    place: float = 0.0


def parse(text: str, inputs: dict[str, str]) -> dict[str, Node]:
    """The operations of a printed graph, without those of scalars that come from nowhere, such as counters.

    Args:
        text: what `PRONGHORN_DEBUG=graph` prints.
        inputs: numbers of inputs to show, and what to call them.

    Returns:
        Nodes by their numbers, in the order of the graph.
    """
    nodes = {number: Node(label, "input") for number, label in inputs.items()}
    stands_for: dict[str, str] = {}
    for number, kind, operation, arguments, origin in _LINE.findall(text):
        reads = dict.fromkeys(stands_for.get(a, a) for a in re.findall(r"%(\d+)", arguments))
        shown = [r for r in reads if r in nodes]
        shape = kind[kind.index("[") :]
        if operation in _THROUGH and reads:
            stands_for[number] = next(iter(reads))
        elif operation not in _LEFT_OUT and (origin or (shape != "[]" and shown)):
            nodes[number] = Node(f"{operation}\n{shape}", origin or nodes[shown[0]].origin, shown)
    return nodes


def lay_out(nodes: dict[str, Node]) -> None:
    """Give every node a row below all that it reads, and a place in the row near them; bends are added to the nodes."""
    edges = [(read, number) for number, node in nodes.items() for read in node.reads]
    layout = layered(dict.fromkeys(nodes, _BOX), edges)
    for number, node in nodes.items():
        node.depth, node.place = layout.ranks[number], layout.across[number]
    for (read, number), places in layout.ways.items():
        reader, last = nodes[number], read
        for depth, place in enumerate(places, nodes[read].depth + 1):
            bend = f"{read}>{number}@{depth}"
            nodes[bend] = Node("", reads=[last], depth=depth, place=place)
            last = bend
        reader.reads[reader.reads.index(read)] = last


def draw(nodes: dict[str, Node], colours: dict[str, str], height: float = 0.6, width: float = 1.3) -> Any:
    """The picture.

    Args:
        nodes: what `lay_out` has placed.
        colours: origins, in the order of the legend, and their colours.
        height: of a row, in inches.
        width: of a place in a row, in inches.

    Returns:
        A figure.
    """
    rows = max(n.depth for n in nodes.values()) + 1
    left, right = min(n.place for n in nodes.values()) - 0.55, max(n.place for n in nodes.values()) + 0.55
    figure, ax = plt.subplots(figsize=((right - left) * width, rows * height + 0.6))
    for node in nodes.values():
        top = node.depth - (0.3 if node.label else 0)
        for number in node.reads:
            above = nodes[number]
            start = (above.place, above.depth + (0.3 if above.label else 0))
            ax.plot([start[0], node.place], [start[1], top], color="0.55", linewidth=0.9, zorder=1)
        if node.reads and node.label:
            ax.plot([node.place], [top - 0.04], marker="v", color="0.55", markersize=4, zorder=1)
        if node.label:
            box = {
                "boxstyle": "round,pad=0.35",
                "facecolor": colours[node.origin],
                "edgecolor": "0.35",
                "linewidth": 0.7,
            }
            where = {"ha": "center", "va": "center"}
            ax.text(node.place, node.depth, node.label, fontsize=7.5, linespacing=1.15, bbox=box, zorder=2, **where)
    ax.set_xlim(left, right)
    ax.set_ylim(rows - 0.4, -0.6)
    ax.axis("off")
    handles = [plt.Rectangle((0, 0), 1, 1, facecolor=colour, edgecolor="0.35") for colour in colours.values()]
    figure.legend(handles, list(colours), loc="lower center", ncols=len(colours), frameon=False, fontsize=8)
    return figure
