"""Columns of a region of which a mask hides those behind a bound, as in causal attention, so that they are all alike.

Where a comparison of places, such as row >= column, is known for all rows of a block and all columns behind a bound,
what it selects there is often one number, and so is what is made of it. Then these columns need not be computed: one
of them stands for all (`compiler.blocks.tails`). What is known is found by intervals: of the numbers that count rows
and columns, and of constants.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from pronghorn.engine.compiler.blocks.axes import OperandAxes, operand_axes, result_axis
from pronghorn.engine.compiler.blocks.region import Region, Unfit
from pronghorn.engine.compiler.costs import BAND_COLUMNS, LEAST_BAND_ROWS, MOST_BANDS
from pronghorn.engine.graph.dim import Extent, identical
from pronghorn.engine.graph.ir import Node, Value

_Ranges = Mapping[int, "tuple[int, int]"]
_COMPARED = {
    "ge": lambda a, b: _decided(a[0] >= b[1], a[1] < b[0]),
    "gt": lambda a, b: _decided(a[0] > b[1], a[1] <= b[0]),
    "le": lambda a, b: _decided(a[1] <= b[0], a[0] > b[1]),
    "lt": lambda a, b: _decided(a[1] < b[0], a[0] >= b[1]),
    "eq": lambda a, b: _decided(a[0] == a[1] == b[0] == b[1], a[1] < b[0] or b[1] < a[0]),
    "ne": lambda a, b: _decided(a[1] < b[0] or b[1] < a[0], a[0] == a[1] == b[0] == b[1]),
}
_EXACT = frozenset({"int32", "int64", "float32", "float64"})
_MOVED = frozenset({"broadcast_in_dim", "reshape", "transpose"})


class Band(NamedTuple):
    """Rows whose wide values are computed up to a bound.

    Attributes:
        first: the first row.
        rows: how many.
        columns: how many columns are computed; None: all there are.
        block: how many rows a block has; None: as many as suit the caches.
    """

    first: Extent
    rows: Extent
    columns: int | None = None
    block: int | None = None


class Bands(NamedTuple):
    """The columns of a region, where there are such bands, and all its bands."""

    columns: Columns | None
    bands: list[Band]


class Columns:
    """The columns of a region's values.

    Attributes:
        extent: how many columns there are.
        axes: of each value of the region that has columns, the axis that they lie along.
    """

    def __init__(self, region: Region, users: Mapping[Value, list[Node]], value: Value, axis: int):
        extent = value.shape[axis]
        assert isinstance(extent, int)
        self.extent, self.region, self.users = extent, region, users
        self.axes: dict[Value, int] = {}
        self._queue: deque[Value] = deque()
        self._tag(value, axis)
        while self._queue:
            self._follow(self._queue.popleft())

    def _tag(self, value: Value, axis: int) -> None:
        known = self.axes.get(value)
        if known == axis:
            return
        if known is not None or axis == self.region.axes.get(value) or not identical(value.shape[axis], self.extent):
            raise Unfit(f"columns of {value.aval} along axis {axis}")
        self.axes[value] = axis
        if value.node in self.region.phases:
            self._queue.append(value)

    def _follow(self, value: Value) -> None:
        node = value.node
        assert node is not None
        for operand, axis in zip(node.inputs, self._needed(node, self.axes[value])):
            if axis is not None and operand.node in self.region.phases:
                self._tag(operand, axis)
        for user in self.users.get(value, []):
            if user in self.region.phases:
                along = result_axis(user, [self.axes.get(v) for v in user.inputs])
                if along is not None:
                    self._tag(user.outputs[0], along)

    def _needed(self, node: Node, axis: int) -> OperandAxes:
        axes = operand_axes(node, axis)
        if axes is None:
            raise Unfit(f"{node.prim.name} has no rule for these columns")
        return axes

    def of_operands(self, node: Node, axis: int | None) -> OperandAxes:
        """The operands' axes along which their first columns are enough.

        Args:
            node: the node.
            axis: that of the result; None if it has no columns: then it has reduced those of its operands.
        """
        own = [self.axes.get(v) for v in node.inputs]
        if axis is not None:
            axes = self._needed(node, axis)
            if any(known is not None and known != wanted for known, wanted in zip(own, axes)):
                raise Unfit(f"{node.prim.name} needs all columns")
            return axes
        if all(known is None for known in own):
            return tuple(own)
        if node.prim.name in ("reduce_sum", "reduce_max", "reduce_min") and own[0] in node.params["axes"]:
            return tuple(own)
        if node.prim.name == "dot_general":
            for pair in zip(*node.params["contract"]):
                if all(known is None or known == wanted for known, wanted in zip(own, pair)):
                    return pair
        raise Unfit(f"{node.prim.name} mixes columns")


def bands_of(region: Region, users: Mapping[Value, list[Node]]) -> Bands | None:
    """The columns of a region of whose rows some see only the first of them, and bands of these rows."""
    if not isinstance(region.rows, int):
        return None
    count = min(MOST_BANDS, region.rows // LEAST_BAND_ROWS)
    if count < 2:
        return None
    for node in region.phases:
        if node.prim.name != "select" or node.outputs[0] not in region.wide:
            continue
        value = node.outputs[0]
        rows = region.axes[value]
        for axis in range(len(value.shape) - 1, -1, -1):
            bands = _bands(node.inputs[0], rows, axis, region.rows, value.shape[axis], count) if axis != rows else []
            if bands:
                try:
                    return Bands(Columns(region, users, value, axis), bands)
                except Unfit:
                    continue
    return None


def _bands(mask: Value, axis: int, cut: int, rows: int, columns: object, count: int) -> list[Band]:
    """Bands, of about as many rows each; none where no bound is below ``columns``."""
    if not isinstance(columns, int) or columns < 2 * BAND_COLUMNS:
        return []
    size = -(-rows // count // BAND_COLUMNS) * BAND_COLUMNS
    found = []
    for first in range(0, rows, size):
        last = min(first + size, rows)
        bounds = range(BAND_COLUMNS, columns, BAND_COLUMNS)
        low, high = 0, len(bounds)
        while low < high:
            middle = (low + high) // 2
            is_known = decided(mask, {axis: (first, last), cut: (bounds[middle], columns)}) is not None
            low, high = (low, middle) if is_known else (middle + 1, high)
        found.append(Band(first, last - first, bounds[low] if low < len(bounds) else None))
    return found if any(band.columns is not None for band in found) else []


def decided(value: Value, ranges: _Ranges) -> bool | None:
    """What a condition is within ranges of its axes, if it is one and the same everywhere."""
    span = _span(value, ranges)
    return bool(span[0]) if span is not None and span[0] == span[1] else None


def _decided(is_true: bool, is_false: bool) -> tuple[float, float]:
    return (1, 1) if is_true else (0, 0) if is_false else (0, 1)


def _span(value: Value, ranges: _Ranges) -> tuple[float, float] | None:
    """The least and the greatest number that a value may have within ranges of its axes, if that is known."""
    node = value.node
    if node is None:
        return None
    name = node.prim.name
    if name == "constant":
        return _span_of_array(node.params["value"], ranges)
    if name == "iota":
        if value.dtype not in _EXACT:  # narrower types round, or begin anew
            return None
        low, high = ranges.get(node.params["axis"], (0, value.shape[node.params["axis"]]))
        return (low, high - 1) if isinstance(high, int) else None
    if name not in _MOVED and not node.prim.elementwise:
        return None
    spans = [_span(v, _moved(node, ranges, number)) for number, v in enumerate(node.inputs)]
    if name in ("and", "or") and value.dtype == "bool":
        ends = [(0, 1) if s is None else s for s in spans]
        least, most = (min, min) if name == "and" else (max, max)
        return least(s[0] for s in ends), most(s[1] for s in ends)
    if name == "select" and spans[0] is not None and spans[0][0] == spans[0][1]:
        return spans[1 if spans[0][0] else 2]
    known = [s for s in spans if s is not None]
    if len(known) < len(spans):
        return None
    return _span_of_node(name, value.dtype, known)


def _span_of_node(name: str, dtype: str, spans: list[tuple[float, float]]) -> tuple[float, float] | None:
    a, b = spans[0], spans[-1]
    if name in _MOVED:
        return a
    if name in _COMPARED:
        return _COMPARED[name](a, b)
    if name == "not" and dtype == "bool":
        return 1 - a[1], 1 - a[0]
    if name == "select":
        return min(s[0] for s in spans[1:]), max(s[1] for s in spans[1:])
    if name == "cast" and dtype == "bool":
        return int(a[0] > 0 or a[1] < 0), int(a != (0, 0))
    if dtype in _EXACT and all(float(end).is_integer() for span in spans for end in span):
        found = a if name == "cast" else None
        if name == "add":
            found = a[0] + b[0], a[1] + b[1]
        elif name == "sub":
            found = a[0] - b[1], a[1] - b[0]
        elif name == "neg":
            found = -a[1], -a[0]
        elif name == "mul":
            ends = [x * y for x in a for y in b]
            found = min(ends), max(ends)
        if found is not None and max(map(abs, found)) < 1 << 23:  # where every type counts exactly
            return found
    return None


def _span_of_array(array: np.ndarray, ranges: _Ranges) -> tuple[float, float] | None:
    part = array[tuple(slice(*ranges.get(axis, (None, None))) for axis in range(array.ndim))]
    if part.size == 0 or part.dtype.kind not in "biuf":
        return None
    low, high = part.min().item(), part.max().item()
    return (low, high) if low == low and high == high and max(abs(low), abs(high)) < 1 << 23 else None


def _moved(node: Node, ranges: _Ranges, number: int) -> _Ranges:
    """Ranges of an operand's axes; of an axis that is not followed, all of it."""
    moved = {}
    for axis, limits in ranges.items():
        axes = operand_axes(node, axis)
        own = None if axes is None else axes[number]
        if own is not None:
            moved[own] = limits
    return moved
