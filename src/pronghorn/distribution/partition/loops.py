"""Loops and branches: their bodies are written for a process too, where nothing has to be exchanged in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pronghorn.distribution.partition.places import WHOLE, Place, RowsMeet, of_share, of_total, rows
from pronghorn.distribution.partition.rules import depends_on_rows
from pronghorn.distribution.partition.walk import Walk, rule
from pronghorn.engine.graph.dim import Extent
from pronghorn.engine.graph.ir import Aval, Graph, Node, Value

_MOST_ROUNDS = 8  # until what a loop carries is where it was


class Body(Walk):
    """Writes a loop's body or a branch; what it needs of the process's place in the batch comes in as an operand.

    Args:
        graph: the body.
        places: where its inputs are.
        zeros: for each input whether it is zeros when the loop begins, so that it may as well be a term there.
    """

    def __init__(self, graph: Graph, places: Sequence[Place], zeros: Sequence[bool] = ()):
        super().__init__(Graph(graph.name))
        self._start: Value | None = None
        self._zeros: set[Value] = set()
        self.guesses = False  # whether something whole has been taken for a term, since it begins with zeros
        for i, (value, place) in enumerate(zip(graph.inputs, places)):
            shape = of_share(value.shape, place.axis)
            made = self.graph.add_input(Aval(shape, value.dtype))
            self.places[made] = place
            if place.is_whole and i < len(zeros) and zeros[i]:
                self._zeros.add(made)
        self.results = self.through(graph, list(self.graph.inputs))

    def start(self) -> Value:
        """The number of the process's first row, as a further input."""
        if self._start is None:
            self._start = Value(Aval((), "int32"), self.graph)
            self.places[self._start] = WHOLE
        return self._start

    def collected(self, value: Value) -> Value:
        """Nothing is exchanged inside of a loop."""
        raise RowsMeet(f"a loop or branch needs rows of other processes ({value.aval})")

    def may_be_term(self, value: Value) -> bool:
        """Whether a whole value may be taken for a term, which a sum over the loop's steps begins as."""
        if value in self._zeros:
            self.guesses = True
            return True
        return super().may_be_term(value)

    def at(self, value: Value, place: Place) -> Value:
        """A result at a place.

        Raises:
            RowsMeet: if it is at another, and cannot get there.
        """
        if self.places[value] == place:
            return value
        if place.axis is not None:
            return self.share(value, place.axis)
        if place.is_term and self.is_zero(value):
            return value
        return self.whole(value)

    def finish(self, results: Sequence[Value], num_first: int) -> tuple[Graph, bool]:
        """The graph, and whether it takes the number of the first row, behind ``num_first`` inputs."""
        self.graph.outputs = list(results)
        if self._start is None:
            return self.graph, False
        self.graph.inputs.insert(num_first, self._start)
        return self.graph, True


def _met(one: Place, other: Place) -> Place:
    """The place of what is carried, where it begins at one place and the body gives it at another."""
    if one == other or other.is_whole:
        return one
    if one.is_whole:
        return other
    raise RowsMeet("what a loop carries has its rows along several axes")


def _settled(
    body: Graph, fixed: Sequence[Place], carry: list[Place], rest: Sequence[Place], zeros: Sequence[bool]
) -> tuple[Body, list[Place]]:
    """The body, written for where the loop's carried values are in the end.

    Args:
        body: the graph.
        fixed: where its first inputs are.
        carry: where the carried values begin.
        rest: where its other inputs are.
        zeros: for each carried value whether it begins with zeros.
    """
    for _ in range(_MOST_ROUNDS):
        walk = Body(body, [*fixed, *carry, *rest], [*(False for _ in fixed), *zeros])
        found = [_met(place, walk.place(v)) for place, v in zip(carry, walk.results)]
        if found == carry:
            if walk.guesses:  # what is whole in the end was taken for a term
                raise RowsMeet("a loop adds terms to what is whole")
            return walk, carry
        carry = found
    raise RowsMeet("what a loop carries does not settle")


def _begin(walk: Walk, value: Value, place: Place) -> Value:
    """The first of what a loop carries, where the loop has it."""
    if place.is_term:
        if not walk.is_zero(value):
            raise RowsMeet("a loop adds terms to what is whole")
        return value
    return walk.whole(value) if place.axis is None else walk.share(value, place.axis)


@rule("scan")
def _scan(
    walk: Walk,
    node: Node,
    xs: list[Value],
    *,
    body: Graph,
    num_consts: int,
    num_carry: int,
    length: Extent,
    reverse: bool,
) -> list[Value]:
    xs = walk.terms_collected(xs)
    fixed = num_consts + num_carry
    if depends_on_rows(length) or any(walk.axis(x) == 0 for x in xs[fixed:]):
        return walk.as_whole(node, xs)
    places = [walk.place(x) for x in xs]
    slices = [place if place.axis is None else rows(place.axis - 1) for place in places[fixed:]]
    try:
        zeros = [walk.is_zero(x) for x in xs[num_consts:fixed]]
        inner, carry = _settled(body, places[:num_consts], places[num_consts:fixed], slices, zeros)
        first = [_begin(walk, x, place) for x, place in zip(xs[num_consts:fixed], carry)]
        stacked = [inner.place(v) for v in inner.results[num_carry:]]
        results = [inner.at(v, place) for v, place in zip(inner.results, carry)]
    except RowsMeet:
        return walk.as_whole(node, xs)
    graph, starts = inner.finish([*results, *inner.results[num_carry:]], num_consts)
    consts = [*xs[:num_consts], *([walk.start()] if starts else [])]
    params = {
        "body": graph,
        "num_consts": len(consts),
        "num_carry": num_carry,
        "length": of_total(length),
        "reverse": reverse,
    }
    values = walk.emit(node.prim, [*consts, *first, *xs[fixed:]], params, WHOLE)
    found = [*carry, *(p if p.axis is None else rows(p.axis + 1) for p in stacked)]
    walk.places.update(zip(values, found))
    return values


@rule("while_loop")
def _while_loop(
    walk: Walk,
    node: Node,
    xs: list[Value],
    *,
    cond: Graph,
    body: Graph,
    num_cond_consts: int,
    num_body_consts: int,
) -> list[Value]:
    xs = walk.terms_collected(xs)
    before = num_cond_consts + num_body_consts
    places = [walk.place(x) for x in xs]
    try:
        zeros = [walk.is_zero(x) for x in xs[before:]]
        inner, carry = _settled(body, places[num_cond_consts:before], places[before:], [], zeros)
        first = [_begin(walk, x, place) for x, place in zip(xs[before:], carry)]
        test = Body(cond, [*places[:num_cond_consts], *carry])
        tested = [test.at(v, WHOLE) for v in test.results]
        results = [inner.at(v, place) for v, place in zip(inner.results, carry)]
    except RowsMeet:
        return walk.as_whole(node, xs)
    cond_graph, cond_starts = test.finish(tested, num_cond_consts)
    body_graph, body_starts = inner.finish(results, num_body_consts)
    cond_consts = [*xs[:num_cond_consts], *([walk.start()] if cond_starts else [])]
    body_consts = [*xs[num_cond_consts:before], *([walk.start()] if body_starts else [])]
    params = {
        "cond": cond_graph,
        "body": body_graph,
        "num_cond_consts": len(cond_consts),
        "num_body_consts": len(body_consts),
    }
    values = walk.emit(node.prim, [*cond_consts, *body_consts, *first], params, WHOLE)
    walk.places.update(zip(values, carry))
    return values


@rule("cond")
def _cond(walk: Walk, node: Node, xs: list[Value], *, true: Graph, false: Graph) -> list[Value]:
    pred, *operands = walk.terms_collected(xs)
    places = [walk.place(x) for x in operands]
    try:
        branches = [Body(graph, places) for graph in (true, false)]
        found = [_met(*(b.place(v) for b, v in zip(branches, pair))) for pair in zip(*(b.results for b in branches))]
        results = [[b.at(v, place) for v, place in zip(b.results, found)] for b in branches]
        for branch in branches:
            branch.start()  # both take the same operands
    except RowsMeet:
        return walk.as_whole(node, [pred, *operands])
    graphs = [b.finish(values, 0)[0] for b, values in zip(branches, results)]
    params = {"true": graphs[0], "false": graphs[1]}
    values = walk.emit(node.prim, [walk.whole(pred), walk.start(), *operands], params, WHOLE)
    walk.places.update(zip(values, found))
    return values


@rule("custom_vjp")
def _custom_vjp(walk: Walk, node: Node, xs: list[Value], *, num_args: int, num_outs: int, vjp: Any) -> list[Value]:
    return xs[num_args : num_args + num_outs]  # the gradient has been written
