"""Stage *updates*: what a loop carries and updates in one place gets the new rows alone, where it lies.

A step of a loop that writes text computes one row of the keys and values of each layer, and returns all of them:

    layer = cache[:, 3]
    keys = dynamic_update_slice(layer[:, 0], new, start)          ... and values alike
    return concatenate(..., concatenate(keys, values), ...)

Parts are cut out of what is carried, updated, and joined again to the same whole. In place of that, each update becomes
a scatter of its rows into the whole, and what reads a part reads it from there:

    cache = scatter(cache, rows, new)
    keys = cache[:, 3, 0]

The scatters then write where the carried array lies (`outputs.change_rows_in_place`). That is done where every reader
finds the same numbers there: no update that comes before it in the body touches the part that it reads, but those that
it is to see.

A step that gives a variable, or an array that its caller gives up, a new value is like a body that carries it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pronghorn.engine.compiler.simplify import eliminate_dead
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim, Extent, Shape, product
from pronghorn.engine.graph.ir import Graph, Node, Value
from pronghorn.engine.graph.rewrite import Rewriter

#: An update is of no more than this share of the array.
SHARE = 2


@dataclass(frozen=True)
class _Part:
    """A part of an array that a loop carries, with or without updates.

    Attributes:
        source: the carried array, an input of the body.
        starts: where the part starts in it, by the array's axes.
        sizes: the part's extents there.
        axes: for each axis of the part, the array's; None for one of extent 1 that is none of the array's.
        updates: the nodes that have updated it.
    """

    source: Value
    starts: tuple[Extent, ...]
    sizes: tuple[Extent, ...]
    axes: tuple[int | None, ...]
    updates: tuple[Node, ...] = ()

    def meets(self, other: _Part) -> bool:
        """Whether parts of one array may share elements."""
        for a, n, b, m in zip(self.starts, self.sizes, other.starts, other.sizes):
            if all(isinstance(x, int) for x in (a, n, b, m)) and (a + n <= b or b + m <= a):
                return False
        return True

    def is_whole(self) -> bool:
        """Whether it is all of the array, axis for axis."""
        left = [axis for axis in range(len(self.sizes)) if axis not in self.axes]
        axes = [left.pop(0) if axis is None and left else axis for axis in self.axes]
        return axes == list(range(len(self.sizes))) and self.sizes == self.source.shape


def update_in_place(graph: Graph) -> Graph:
    """``graph`` with loops whose updates are scatters; the graph itself where no loop has an update."""
    return Rewriter(graph, {"while_loop": _loop, "scan": _loop}).run() if _may_have(graph) else graph


def update_inputs_in_place(graph: Graph, places: Sequence[int | None]) -> Graph:
    """``graph`` with scatters for the updates of inputs whose new values are outputs; itself where there are none.

    Args:
        graph: that of a step.
        places: for each output, the number of the input whose new value it is; None for others.
    """
    if not any(node.prim is P.dynamic_update_slice for node in graph.nodes):
        return graph
    for number, place in enumerate(places):
        if place is not None:
            graph = _Updates(graph, graph.inputs[place], graph.outputs[number]).rewritten()
    return graph


def _may_have(graph: Graph, is_body: bool = False) -> bool:
    if is_body and any(node.prim is P.dynamic_update_slice for node in graph.nodes):
        return True
    return any(
        _may_have(inner, is_body or node.prim.name in ("while_loop", "scan"))
        for node in graph.nodes
        for inner in node.params.values()
        if isinstance(inner, Graph)
    )


def _loop(rw: Rewriter, node: Node, inputs: list[Value]) -> list[Value]:
    p = node.params
    body = update_in_place(p["body"])
    first = p["num_body_consts"] if node.prim.name == "while_loop" else p["num_consts"]
    count = len(body.inputs) - first if node.prim.name == "while_loop" else p["num_carry"]
    for i in range(count):
        body = _Updates(body, body.inputs[first + i], body.outputs[i]).rewritten()
    return rw.add(node.prim, inputs, {**p, "body": body})


class _Updates(Rewriter):
    """Rewrites the updates of one array that a body carries.

    Args:
        graph: the body.
        source: the array as a step gets it.
        output: as it returns it.
    """

    def __init__(self, graph: Graph, source: Value, output: Value):
        super().__init__(graph, {})
        self._source, self._output = source, output
        self._parts = _parts_of(graph, source)
        found = self._parts.get(output)
        self._nodes = set(found.updates) if found is not None and found.is_whole() else set()
        self._parts = {v: part for v, part in self._parts.items() if self._nodes.issuperset(part.updates)}

    def rewritten(self) -> Graph:
        """The new graph; the old one where there is nothing to do."""
        if not self._nodes or not all(map(self._is_small, self._nodes)) or not self._all_see_theirs():
            return self.old
        for v in self.old.inputs:
            self.map[v] = self.graph.add_input(v.aval)
        self._now = self.map[self._source]
        for node in self.old.nodes:
            self._scope = node.scope
            if node in self._nodes:
                self._now = self._scattered(node)
            elif not self._is_of_parts(node):
                inputs = [self._read(v) for v in node.inputs]
                self.map.update(zip(node.outputs, self.again(node, inputs, node.params)))
        self._scope = ""
        self.graph.outputs = [self._now if v is self._output else self._read(v) for v in self.old.outputs]
        return eliminate_dead(self.graph)

    def _is_of_parts(self, node: Node) -> bool:
        return all(v in self._parts for v in node.outputs) and bool(node.outputs)

    def _is_small(self, node: Node) -> bool:
        """Whether an update is of a few rows, whose numbers are no larger than int32 has."""
        size = product(self._source.shape)
        if isinstance(size, int) and size > np.iinfo("int32").max:
            return False
        axes = zip(node.inputs[1].shape, node.outputs[0].shape)
        return any(isinstance(n, int) and (isinstance(m, Dim) or m >= SHARE * n) for n, m in axes)

    def _all_see_theirs(self) -> bool:
        """Whether every reader of a part sees the updates that it is to see, and no others, in the latest array."""
        done: list[Node] = []

        def sees(value: Value) -> bool:
            part = self._parts.get(value)
            if part is None:
                return True
            return all(node in part.updates or not part.meets(self._parts[node.outputs[0]]) for node in done)

        for node in self.old.nodes:
            if node in self._nodes:
                # the part itself is as it was, but for the updates that it has had
                if not all(map(sees, node.inputs)):
                    return False
                done.append(node)
            elif not self._is_of_parts(node) and not all(map(sees, node.inputs)):
                return False
        return all(v is self._output or sees(v) for v in self.old.outputs)

    def _read(self, value: Value) -> Value:
        """A value in the new graph; a part is cut out of the latest array."""
        part = self._parts.get(value)
        if part is None or (value is self._source and self._now is self.map[value]):
            return self.map[value]
        limits = tuple(start + size for start, size in zip(part.starts, part.sizes))
        found = self._now
        if part.sizes != part.source.shape:
            params = {"start": part.starts, "limit": limits, "stride": (1,) * len(limits)}
            [found] = self.add(P.slice, [found], params)
        return self._shaped(found, value.shape)

    def _shaped(self, value: Value, shape: Shape) -> Value:
        return value if value.shape == tuple(shape) else self.add(P.reshape, [value], {"shape": tuple(shape)})[0]

    def _scattered(self, node: Node) -> Value:
        """The array with the rows of an update."""
        x, update, *starts = node.inputs
        part = self._parts[x]
        whole = part.source.shape
        extents: list[Extent] = [1] * len(whole)
        places: list[Any] = list(part.starts)  # numbers, or with what is added to them at run time
        for axis, n in enumerate(update.shape):
            at = part.axes[axis]
            if at is None:
                continue
            extents[at] = n
            if n != x.shape[axis]:
                places[at] = part.starts[at], self._clamped(self.map[starts[axis]], x.shape[axis] - n)
        last = max(axis for axis, (n, m) in enumerate(zip(extents, whole)) if n != m)
        rows, inner = whole[: last + 1], whole[last + 1 :]
        indices = self._rows(extents[: last + 1], places[: last + 1], rows)
        count, width = product(tuple(extents[: last + 1])), product(inner)
        flat = self._shaped(self._now, (product(rows), width))
        new = self._shaped(self._read(update), (count, width))
        [flat] = self.add(P.scatter, [flat, self._shaped(indices, (count,)), new], {"mode": "set"})
        return self._shaped(flat, whole)

    def _clamped(self, start: Value, most: Extent) -> Value:
        start = self._cast(start)
        start = self._binary(P.max, start, self._number(0))
        return self._binary(P.min, start, self._number(most))

    def _rows(self, extents: Sequence[Extent], places: Sequence[Any], rows: Shape) -> Value:
        """The numbers of the rows of a block of such extents that starts at these places, of the block's shape."""
        shape = tuple(extents)
        total = self._number(0)
        parts: list[Value] = []
        for axis, (n, place) in enumerate(zip(extents, places)):
            step = self._number(product(rows[axis + 1 :]))
            known, added = place if isinstance(place, tuple) else (place, None)
            start = self._number(known)
            if added is not None:
                start = self._binary(P.add, start, added)
            total = self._binary(P.add, total, self._binary(P.mul, start, step))
            if n != 1:
                [along] = self.add(P.iota, [], {"shape": shape, "axis": axis, "dtype": "int32"})
                parts.append(self._binary(P.mul, along, self._filled(step, shape)))
        found = self._filled(total, shape)
        for part in parts:
            found = self._binary(P.add, found, part)
        return found

    def _filled(self, number: Value, shape: Shape) -> Value:
        return self.add(P.broadcast_in_dim, [number], {"shape": tuple(shape), "dims": ()})[0]

    def _number(self, extent: Extent) -> Value:
        if isinstance(extent, int):
            return self.add(P.constant, [], {"value": np.asarray(extent, "int32")})[0]
        return self._cast(self.add(P.extent, [], {"dim": extent})[0])

    def _cast(self, value: Value) -> Value:
        return value if value.dtype == "int32" else self.add(P.cast, [value], {"dtype": "int32"})[0]

    def _binary(self, prim: Any, a: Value, b: Value) -> Value:
        return self.add(prim, [a, b], {})[0]


def _parts_of(graph: Graph, source: Value) -> dict[Value, _Part]:
    """The values in a body that are parts of an array that it carries."""
    none = (0,) * len(source.shape)
    found = {source: _Part(source, none, source.shape, tuple(range(len(source.shape))))}
    for node in graph.nodes:
        rule = _RULES.get(node.prim.name)
        if rule is not None and node.inputs and node.inputs[0] in found:
            part = rule(node, found)
            if part is not None:
                found[node.outputs[0]] = part
    return found


def _slice(node: Node, parts: dict[Value, _Part]) -> _Part | None:
    part = parts[node.inputs[0]]
    if any(step != 1 for step in node.params["stride"]):
        return None
    starts, sizes = list(part.starts), list(part.sizes)
    for axis, start, n in zip(part.axes, node.params["start"], node.outputs[0].shape):
        if axis is not None:
            starts[axis], sizes[axis] = starts[axis] + start, n
        elif n != 1:
            return None
    return replace(part, starts=tuple(starts), sizes=tuple(sizes))


def _reshape(node: Node, parts: dict[Value, _Part]) -> _Part | None:
    """Axes of extent 1 come or go."""
    part, shape = parts[node.inputs[0]], node.outputs[0].shape
    old = list(zip(part.axes, node.inputs[0].shape))
    axes: list[int | None] = []
    for n in shape:
        if old and old[0][1] == n:
            axes.append(old.pop(0)[0])
            continue
        if n == 1:
            axes.append(None)
            continue
        while old and old[0][1] == 1:
            old.pop(0)
        if not old or old[0][1] != n:
            return None
        axes.append(old.pop(0)[0])
    return replace(part, axes=tuple(axes)) if all(n == 1 for _, n in old) else None


def _update(node: Node, parts: dict[Value, _Part]) -> _Part | None:
    part = parts[node.inputs[0]]
    if any(v in parts for v in node.inputs[1:]):
        return None
    return replace(part, updates=(*part.updates, node))


def _concatenate(node: Node, parts: dict[Value, _Part]) -> _Part | None:
    """Parts that follow on one another along one axis of the array."""
    pieces = [parts.get(v) for v in node.inputs]
    first = pieces[0]
    assert first is not None
    at = node.params["axis"]
    if any(p is None or p.axes != first.axes for p in pieces):
        return None
    known = [p for p in pieces if p is not None]
    axis = first.axes[at]
    if axis is None:
        differ = [a for a in range(len(first.starts)) if any(p.starts[a] != first.starts[a] for p in known)]
        if len(differ) != 1 or differ[0] in first.axes:
            return None
        axis = differ[0]
    start = first.starts[axis]
    updates: dict[Node, None] = {}
    for p in known:
        others = [a for a in range(len(p.starts)) if a != axis]
        if p.starts[axis] != start or any(
            (p.starts[a], p.sizes[a]) != (first.starts[a], first.sizes[a]) for a in others
        ):
            return None
        start = start + p.sizes[axis]
        updates.update(dict.fromkeys(p.updates))
    sizes = (*first.sizes[:axis], start - first.starts[axis], *first.sizes[axis + 1 :])
    axes = (*first.axes[:at], axis, *first.axes[at + 1 :])
    mapped = [a for a in axes if a is not None]
    if mapped != sorted(mapped):
        return None
    return _Part(first.source, first.starts, sizes, axes, tuple(updates))


_RULES = {"slice": _slice, "reshape": _reshape, "dynamic_update_slice": _update, "concatenate": _concatenate}
