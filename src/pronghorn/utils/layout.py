"""Where the boxes of a directed graph go, in layers, so that arrows run one way and through no box.

Sugiyama's way (Sugiyama, Tagawa and Toda 1981): ranks by the longest way from a source; an arrow over several ranks
gets a place in each of them, as if it were a narrow box; the order within ranks by the means of the neighbours, which
makes few crossings; and then places near the neighbours' that keep their distance.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_SWEEPS = 8
_GAP = 0.35  # between neighbours of a rank, in the sizes' unit; a passing arrow needs no more
_STRAIGHT = 4.0  # how much more a passing arrow wants to be straight than a box to be centred


@dataclass(frozen=True)
class Layout:
    """Places of boxes and ways of arrows, along the ranks and across them.

    Attributes:
        ranks: the rank of each box.
        across: the middle of each box, across.
        ways: for each arrow the places across at which it passes the ranks between its ends.
    """

    ranks: dict[str, int]
    across: dict[str, float]
    ways: dict[tuple[str, str], list[float]]


def layered(sizes: Mapping[str, float], edges: Sequence[tuple[str, str]]) -> Layout:
    """Place boxes.

    Args:
        sizes: of each box, across.
        edges: pairs of boxes; a circle is broken somewhere.

    >>> layout = layered({"a": 1.0, "b": 1.0, "c": 1.0}, [("a", "b"), ("b", "c"), ("a", "c")])
    >>> layout.ranks
    {'a': 0, 'b': 1, 'c': 2}
    >>> abs(layout.ways["a", "c"][0] - layout.across["b"]) > 0.5  # it passes beside b
    True
    """
    ranks = _ranks(list(sizes), edges)
    widths: dict[str, float] = dict(sizes)
    links: list[tuple[str, str]] = []
    passing: dict[tuple[str, str], list[str]] = {}
    rank_of = dict(ranks)
    for start, end in edges:
        if ranks[end] <= ranks[start]:
            continue
        chain = [f"{start}\0{end}\0{rank}" for rank in range(ranks[start] + 1, ranks[end])]
        for rank, name in enumerate(chain, ranks[start] + 1):
            widths[name], rank_of[name] = 0.0, rank
        passing[start, end] = chain
        links += zip([start, *chain], [*chain, end])
    rows: list[list[str]] = [[] for _ in range(1 + max(rank_of.values(), default=-1))]
    for name, rank in rank_of.items():
        rows[rank].append(name)
    above: dict[str, list[str]] = {name: [] for name in widths}
    below: dict[str, list[str]] = {name: [] for name in widths}
    for start, end in links:
        below[start].append(end)
        above[end].append(start)
    _order(rows, above, below)
    across = _place(rows, widths, above, below)
    ways = {edge: [across[name] for name in chain] for edge, chain in passing.items()}
    return Layout(ranks, {name: across[name] for name in sizes}, ways)


def _ranks(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    following: dict[str, list[str]] = {name: [] for name in names}
    waiting = dict.fromkeys(names, 0)
    for start, end in edges:
        following[start].append(end)
        waiting[end] += 1
    ranks = dict.fromkeys(names, 0)
    ready = [name for name in names if not waiting[name]]
    while ready:
        name = ready.pop()
        for after in following[name]:
            ranks[after] = max(ranks[after], ranks[name] + 1)
            waiting[after] -= 1
            if not waiting[after]:
                ready.append(after)
    sources = [name for name in names if following[name] and not ranks[name]]
    for name in sources:  # an input stands right before what takes it first
        ranks[name] = max(0, min(ranks[after] for after in following[name]) - 1)
    return ranks


def _order(rows: list[list[str]], above: Mapping[str, list[str]], below: Mapping[str, list[str]]) -> None:
    best, least = [list(row) for row in rows], _crossings(rows, below)
    for sweep in range(_SWEEPS):
        if not least:
            break
        down = sweep % 2 == 0
        for row in rows[1:] if down else rows[-2::-1]:
            near = above if down else below
            places = {name: i for other in rows for i, name in enumerate(other)}
            around = {name: [places[n] for n in near[name] or [name]] for name in row}
            row.sort(key=lambda name, around=around: sum(around[name]) / len(around[name]))
        count = _crossings(rows, below)
        if count < least:
            best, least = [list(row) for row in rows], count
    rows[:] = best


def _crossings(rows: list[list[str]], below: Mapping[str, list[str]]) -> int:
    count = 0
    for upper, lower in itertools.pairwise(rows):
        places = {name: i for i, name in enumerate(lower)}
        ends = [sorted(places[n] for n in below[name]) for name in upper]
        flat = [end for group in ends for end in group]
        count += sum(1 for i, a in enumerate(flat) for b in flat[i + 1 :] if b < a)
    return count


def _place(
    rows: list[list[str]], widths: Mapping[str, float], above: Mapping[str, list[str]], below: Mapping[str, list[str]]
) -> dict[str, float]:
    across: dict[str, float] = {}
    for row in rows:
        offsets = _offsets(row, widths)
        across.update({name: offset - offsets[-1] / 2 for name, offset in zip(row, offsets)})
    for sweep in range(6 * _SWEEPS):
        near = [above, below, None][sweep % 3]
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            wanted, weights = [], []
            for name in row:
                others = near[name] if near is not None else above[name] + below[name]
                wanted.append(sum(across[n] for n in others) / len(others) if others else across[name])
                weights.append(_STRAIGHT if not widths[name] else 1.0 if others else 0.1)
            across.update(zip(row, _apart(wanted, weights, _offsets(row, widths))))
    return across


def _offsets(row: Sequence[str], widths: Mapping[str, float]) -> list[float]:
    """The least distances of the boxes of a rank from its first."""
    offsets = [0.0]
    for before, name in itertools.pairwise(row):
        offsets.append(offsets[-1] + (widths[before] + widths[name]) / 2 + _GAP)
    return offsets


def _apart(wanted: Sequence[float], weights: Sequence[float], offsets: Sequence[float]) -> list[float]:
    """The places nearest to those wanted, by least squares, that keep the order and the distances.

    Without the distances the places only must not decrease, and where they would, neighbours share their mean.
    """
    blocks: list[list[float]] = []  # sum of weighted places, sum of weights, how many
    for place, weight, offset in zip(wanted, weights, offsets):
        blocks.append([weight * (place - offset), weight, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last)]
    means = [total / weight for total, weight, count in blocks for _ in range(int(count))]
    return [mean + offset for mean, offset in zip(means, offsets)]
