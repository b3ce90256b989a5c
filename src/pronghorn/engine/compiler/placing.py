"""Arrays that are written straight into the padded or joined array that others read.

A convolution reads its input with a border of zeros. Where that input is an array that some kernel writes, the kernel
can write it there, inside of the padded one, and all who read it read it there; the border is filled apart. So no pass
copies it. Where the input is a concatenation, its pieces are written next to one another.

So are those of a concatenation that is stored, where they are computed element by element and have one shape: the
gradients of a recurrent cell's gates, say. One loop computes them all, from what they share, where one over the whole
would choose among them at every element.

Where a concatenation has more pieces than two or three, such as the embeddings of many columns, each is written by a
loop of its own: choosing among them takes as long as reading all of them, everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pronghorn.engine.compiler.contractions import covers
from pronghorn.engine.compiler.costs import FEWEST_PIECES, FEWEST_PLACED, MOST_STORES, SHORTEST_PLACED_ROW, typical
from pronghorn.engine.compiler.lowering import CONTRACTIONS, REDUCTIONS, is_virtual
from pronghorn.engine.compiler.pooled import pooled_operands
from pronghorn.engine.compiler.storage import Frame, Place, Storage
from pronghorn.engine.graph.dim import Extent, may_be_positive, product
from pronghorn.engine.graph.ir import Aval, Graph, Node, Value, users_of
from pronghorn.engine.runtime.host import Target

LOOKED_THROUGH = frozenset({"reshape", "stop_gradient"})  # whose results are the same buffer
JOINED = LOOKED_THROUGH | {"pad", "concatenate", "constant"}


def place_parts(graph: Graph, stored: Storage, target: Target) -> None:
    """Give places inside of padded arrays to what these are made of, where no reader minds."""
    if not any(node.prim.name in ("pad", "concatenate") for node in graph.nodes):
        return
    placing = _Placing(graph, stored, target)
    for node in graph.nodes:
        if node.outputs[0] not in stored:
            continue
        if node.prim.name == "pad":
            placing.place(node)
        elif node.prim.name == "concatenate":
            placing.place_joined(node)


class _Placing:
    def __init__(self, graph: Graph, stored: Storage, target: Target) -> None:
        self.graph, self.stored, self.target = graph, stored, target
        self.users: Mapping[Value, list[Node]] = users_of(graph)
        self.fixed = {*graph.inputs, *graph.outputs}  # lie where they are asked for
        for node in graph.nodes:
            self.fixed.update(self._whole_operands(node))

    def _whole_operands(self, node: Node) -> list[Value]:
        """The operands that a node's kernel reads as arrays of their own."""
        name = node.prim.name
        if name in LOOKED_THROUGH:
            return node.inputs
        if name in CONTRACTIONS:
            pooled = pooled_operands(node, self.target)
            return pooled.arrays() if pooled is not None else []
        return [] if is_virtual(node) or name in REDUCTIONS or name == "unpool" else node.inputs

    def place(self, node: Node) -> None:
        """Place what a padded array consists of."""
        (whole,) = node.outputs
        if whole in self.fixed or not _is_bordered(node):
            return
        pieces = list(_pieces(node.inputs[0], node.params["low"], self.stored))
        taken = [value for value, _ in pieces if self._may_lie_inside(value)]
        if not taken:
            return
        self._put(whole, pieces, taken, tuple(self._borders(node)))

    def place_joined(self, node: Node) -> None:
        """Place the pieces of a concatenation, where one loop can compute them all, or there are many."""
        (whole,) = node.outputs
        if whole in self.stored.places or whole in self.stored.frames or any(e == 0 for e in whole.shape):
            return
        pieces = list(_pieces_of(node, (0,) * len(whole.shape), self.stored))
        if self._are_joined(pieces):
            self._put(whole, pieces, [value for value, _ in pieces], ())
        elif len(pieces) >= FEWEST_PIECES and typical(product(whole.shape)) >= FEWEST_PLACED:
            self._put(whole, pieces, [], ())

    def _are_joined(self, pieces: list[tuple[Value, tuple[Extent, ...]]]) -> bool:
        """Whether one loop can compute all pieces where they are to lie."""
        if len(pieces) > MOST_STORES or len({value.shape for value, _ in pieces}) > 1:
            return False  # each would be written by code of its own
        if not all(value.node is not None and value.node.prim.elementwise for value, _ in pieces):
            return False
        return all(value not in self.fixed and value not in self.stored.frames for value, _ in pieces)

    def _put(
        self,
        whole: Value,
        pieces: list[tuple[Value, tuple[Extent, ...]]],
        taken: list[Value],
        borders: tuple[tuple[Value, ...], ...],
    ) -> None:
        """Give ``pieces`` their places in ``whole``: themselves if they are ``taken``, or else copies of them."""
        copies = []
        for value, start in pieces:
            part = value
            if value not in taken or value in self.stored.places:  # the same piece twice, for one
                part = Value(value.aval, self.graph)
                copies.append((part, value))
            self.stored.put(part, Place(whole, start))
        self.stored.frames[whole] = Frame(borders, tuple(copies))

    def _may_lie_inside(self, value: Value) -> bool:
        """Whether a kernel can write ``value`` with gaps between its rows, and all others read it so."""
        node = value.node
        if node is None or value in self.fixed or value in self.stored.places or value in self.stored.frames:
            return False
        if typical(product(value.shape)) < FEWEST_PLACED or typical(product(value.shape[-2:])) < SHORTEST_PLACED_ROW:
            return False
        if value not in self.stored:
            return self._ends_a_contraction(value)
        name = node.prim.name
        if name in CONTRACTIONS:
            return self._writes_rows(node)
        return name not in JOINED and (is_virtual(node) or name in REDUCTIONS)

    def _writes_rows(self, node: Node) -> bool:
        if node.prim.name not in CONTRACTIONS or pooled_operands(node, self.target) is not None:
            return False
        return node.prim.name != "conv_input_grad" or covers(node)

    def _ends_a_contraction(self, value: Value) -> bool:
        """Whether a contraction's result is there for ``value`` alone, which is computed element by element from it
        and from smaller arrays: it then has no need of a buffer itself."""
        found = self._made_of(value)
        if found is None:
            return False
        source, between = found

        def leads_here(x: Value) -> bool:
            return x is value or (
                x not in self.fixed
                and all(u.outputs[0] in between and leads_here(u.outputs[0]) for u in self.users.get(x, ()))
            )

        return leads_here(source)

    def _made_of(self, value: Value) -> tuple[Value, set[Value]] | None:
        """The one contraction's result of its size that ``value`` is computed from, and what lies between."""
        between: set[Value] = set()
        source: Value | None = None
        waiting = [value]
        while waiting:
            x = waiting.pop()
            node = x.node
            if x in between or x is source:
                continue
            if node is not None and x not in self.stored and is_virtual(node):
                between.add(x)
                if node.prim.elementwise:
                    waiting.extend(node.inputs)
                elif node.prim.name != "broadcast_in_dim" or node.inputs[0].shape == x.shape:
                    return None
            elif x.shape == value.shape:
                if source is not None or node is None or not self._writes_rows(node):
                    return None
                source = x
        return None if source is None else (source, between)

    def _borders(self, node: Node) -> Iterator[tuple[Value, ...]]:
        """What is around the inside, in groups of one shape: axis by axis, within those of the axes before."""
        (whole,), x = node.outputs, node.inputs[0]
        shape, start = list(whole.shape), [0] * len(whole.shape)
        for axis, (low, high) in enumerate(zip(node.params["low"], node.params["high"])):
            sides: list[tuple[Extent, int]] = [(0, low), (x.shape[axis] + low, high)]
            groups: dict[int, list[Value]] = {}
            for first, size in sides:
                if size:
                    side = Value(Aval((*shape[:axis], size, *shape[axis + 1 :]), whole.dtype), self.graph)
                    self.stored.put(side, Place(whole, (*start[:axis], first, *start[axis + 1 :])))
                    groups.setdefault(size, []).append(side)
            yield from map(tuple, groups.values())
            shape[axis], start[axis] = x.shape[axis], low


def _is_bordered(node: Node) -> bool:
    """Whether a padding only adds zeros around its operand."""
    low, high, interior = (node.params[name] for name in ("low", "high", "interior"))
    fill = node.inputs[1].node
    zeros = fill is not None and fill.prim.name == "constant" and not any(fill.params["value"].tobytes())
    return zeros and not any(interior) and not any(may_be_positive(-n) for n in (*low, *high))


def _pieces(value: Value, start: tuple[Extent, ...], stored: Storage) -> Iterator[tuple[Value, tuple[Extent, ...]]]:
    """What a value is joined of, and where each piece begins."""
    node = value.node
    if value in stored or node is None or node.prim.name != "concatenate":
        yield value, start
    else:
        yield from _pieces_of(node, start, stored)


def _pieces_of(node: Node, start: tuple[Extent, ...], stored: Storage) -> Iterator[tuple[Value, tuple[Extent, ...]]]:
    """The same of a concatenation."""
    axis, at = node.params["axis"], start[node.params["axis"]]
    for piece in node.inputs:
        yield from _pieces(piece, (*start[:axis], at, *start[axis + 1 :]), stored)
        at = at + piece.shape[axis]
