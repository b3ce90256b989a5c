"""A step in stages: programs that a process runs on its rows, with exchanges between them, and one on what is whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pronghorn.distribution.partition import loops, rules  # registers the rules
from pronghorn.distribution.partition.places import TOTAL, WHOLE, Place, RowsMeet, is_rows, of_total, rows
from pronghorn.distribution.partition.walk import Walk
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Aval, Graph, Node, Value
from pronghorn.engine.graph.primitives.registry import Primitive
from pronghorn.engine.graph.regions import open_regions
from pronghorn.engine.graph.trace import Traced
from pronghorn.engine.graph.variable import GraphVariable

__all__ = ["Exchange", "Program", "Stage", "Stages", "in_stages", "loops", "rules"]


_LIGHT = frozenset({"broadcast_in_dim", "reshape", "iota", "dynamic_slice"})


@dataclass
class Exchange:
    """A value of which each process has a part, and the whole that is made of the parts.

    Attributes:
        part: what a process has: a term, or its rows along axis 0.
        whole: the sum, or all rows; an input of later programs.
        is_sum: which of the two.
        result: the number of the step's result that the whole is; None where later programs use it.
    """

    part: Value
    whole: Value
    is_sum: bool
    result: int | None = None


@dataclass
class Program:
    """A function that is compiled, and what it takes and gives.

    Attributes:
        traced: the function; its arguments are those that `takes` names.
        takes: numbers of the step's arguments, or values of earlier exchanges and programs, in order; ``"total"`` is an
            array with as many (empty) rows as the batch, ``"start"`` the number of the process's first row.
        gives: the values that its results are.
    """

    traced: Traced
    takes: list[int | Value | str]
    gives: list[Value]


@dataclass
class Stage:
    """A program on a process's rows, and the exchanges that follow."""

    program: Program
    exchanges: list[Exchange]


@dataclass
class Stages:
    """A step for several processes.

    Attributes:
        stages: in order.
        last: the program on what is whole: it assigns the variables.
        results: for each result of the step the number of the result of `last`; None for those that exchanges give.
        row_arguments: numbers of the arguments that have rows.
    """

    stages: list[Stage]
    last: Program | None
    results: list[int | None]
    row_arguments: list[int]


class _Step(Walk):
    """The step's graph for a process, with inputs in the places of what is exchanged."""

    def __init__(self, name: str):
        super().__init__(Graph(name))
        self.levels: dict[Value, int] = {}  # how many exchanges lie before a value
        self.exchanges: list[Exchange] = []
        self.cheap: set[Value] = set()  # of arguments and what is whole, so easily that it is computed where it is used
        self._wholes: dict[Value, Value] = {}
        self.first_row = self.input(Aval((), "int32"), WHOLE)

    def input(self, aval: Aval, place: Place, level: int = 0) -> Value:
        """A further input."""
        value = self.graph.add_input(aval)
        self.places[value], self.levels[value] = place, level
        self.cheap.add(value)
        return value

    def emit(self, prim: Primitive, operands: Sequence[Value], params: dict[str, Any], place: Place) -> list[Value]:
        values = super().emit(prim, operands, params, place)
        level = max((self.levels[v] for v in operands), default=0)
        self.levels.update(dict.fromkeys(values, level))
        is_light = prim.elementwise or prim.name in _LIGHT
        if is_light and all(v in self.cheap or self.places[v].is_whole for v in operands):
            self.cheap.update(values)
        return values

    def start(self) -> Value:
        return self.first_row

    def collected(self, value: Value) -> Value:
        if value not in self._wholes:
            self._wholes[value] = self._collect(value)
        return self._wholes[value]

    def _collect(self, value: Value, result: int | None = None) -> Value:
        axis = self.places[value].axis
        if axis is None:
            return self._exchange(value, Aval(value.shape, value.dtype), True, result)
        if axis:
            order = (axis, *(i for i in range(len(value.shape)) if i != axis))
            (turned,) = self.emit(P.transpose, [value], {"perm": order}, rows(0))
            back = tuple(order.index(i) for i in range(len(order)))
            return self.emit(P.transpose, [self.collected(turned)], {"perm": back}, WHOLE)[0]
        return self._exchange(value, Aval((of_total(value.shape[0]), *value.shape[1:]), value.dtype), False, result)

    def _exchange(self, part: Value, aval: Aval, is_sum: bool, result: int | None) -> Value:
        whole = self.input(aval, WHOLE, self.levels[part] + 1)
        self.exchanges.append(Exchange(part, whole, is_sum, result))
        return whole


def in_stages(traced: Traced) -> Stages:
    """A traced step as stages for processes that have some of the rows each.

    Args:
        traced: the step, traced for any number of rows.

    Raises:
        RowsMeet: if the step cannot be cut so.
    """
    graph = open_regions(traced.graph)
    step = _Step(graph.name)
    inputs: list[Value] = []
    row_arguments: list[int] = []
    for i, value in enumerate(graph.inputs):
        has_rows = i < traced.num_args and bool(value.shape) and is_rows(value.shape[0])
        if has_rows:
            row_arguments.append(i)
        shape = (value.shape[0], *of_total(value.shape[1:])) if has_rows else of_total(value.shape)
        inputs.append(step.input(Aval(shape, value.dtype), rows(0) if has_rows else WHOLE))
    if not row_arguments:
        raise RowsMeet("no argument has rows")
    outputs = step.through(graph, inputs)
    count = traced.num_results
    lasts: list[Value] = []
    results: list[int | None] = []
    for i, value in enumerate(outputs[:count]):
        if step.axis(value) == 0:  # predictions, which nobody needs but the caller
            step._collect(value, i)
            results.append(None)
        else:
            results.append(len(lasts))
            lasts.append(step.whole(value))
    updates = [step.whole(value) for value in outputs[count:]]
    cutter = _Cutter(step, traced, inputs)
    last = cutter.program(None, [*lasts, *updates], traced.updated) if lasts or updates else None
    return Stages(cutter.stages(), last, results, row_arguments)


class _Cutter:
    """Cuts the graph of a process into programs."""

    def __init__(self, step: _Step, traced: Traced, inputs: Sequence[Value]):
        self._step, self._traced = step, traced
        self._arguments = {v: i for i, v in enumerate(inputs[: traced.num_args])}
        self._variables: dict[Value, GraphVariable] = dict(zip(inputs[traced.num_args :], traced.variables))
        self._kept: dict[Value, None] = {}  # what processes have that later programs use, in an order

    def stages(self) -> list[Stage]:
        """All programs on rows, with their exchanges."""
        levels, found = self._step.levels, []
        for level in sorted({levels[e.part] for e in self._step.exchanges}, reverse=True):
            found.append((level, [e for e in self._step.exchanges if levels[e.part] == level]))
        made: list[Stage] = []
        for level, exchanges in found:  # the last first, which says what it needs of those before
            parts = list(dict.fromkeys(e.part for e in exchanges))
            kept = [v for v in self._kept if levels[v] == level and v not in parts]
            made.append(Stage(self.program(level, [*parts, *kept]), exchanges))
        return made[::-1]

    def program(self, level: int | None, outputs: Sequence[Value], updated: Sequence[GraphVariable] = ()) -> Program:
        """What computes values, from inputs and what earlier programs have kept.

        Args:
            level: how many exchanges lie before it; None for the program on what is whole.
            outputs: the values.
            updated: variables that the last of them are assigned to.
        """
        step = self._step
        nodes: list[Node] = []
        borders: list[Value] = []
        seen: set[Value] = set()
        pending = list(outputs)
        while pending:
            value = pending.pop()
            if value in seen:
                continue
            seen.add(value)
            is_own = step.places[value].is_whole or value in step.cheap or step.levels[value] == level
            if value.node is None or not is_own:
                borders.append(value)
            else:
                nodes.append(value.node)
                pending += value.node.inputs
        wanted = set(map(id, nodes))
        order = [node for node in step.graph.nodes if id(node) in wanted]
        self._kept.update(dict.fromkeys(v for v in borders if v.node is not None))
        return self._written(order, borders, outputs, updated, level is not None)

    def _written(
        self,
        order: Sequence[Node],
        borders: Sequence[Value],
        outputs: Sequence[Value],
        updated: Sequence[GraphVariable],
        has_rows: bool,
    ) -> Program:
        """The program that runs nodes in an order, on what is at their borders."""
        graph = Graph(self._step.graph.name)
        known: dict[Value, Value] = {}
        takes: list[int | Value | str] = []
        variables: list[GraphVariable] = []
        arguments = sorted((v for v in borders if v in self._arguments), key=self._arguments.__getitem__)
        others = [v for v in borders if v not in self._arguments and v not in self._variables]
        if has_rows and not any(self._step.axis(v) == 0 for v in (*arguments, *others)):
            arguments.append(next(v for v in self._arguments if self._step.axis(v) == 0))  # which tells how many
        for value in (*arguments, *others):
            known[value] = graph.add_input(value.aval)
            first = value is self._step.first_row
            takes.append("start" if first else self._arguments.get(value, value))
        graph.add_input(Aval((TOTAL, 0), "int8"))
        takes.append("total")
        read, assigned = set(borders), {id(variable) for variable in updated}
        for value, variable in self._variables.items():
            if value in read or id(variable) in assigned:
                known[value] = graph.add_input(value.aval)
                variables.append(variable)
        for node in order:
            known.update(zip(node.outputs, graph.copy_node(node, [known[v] for v in node.inputs], node.params)))
        graph.outputs = [known[v] for v in outputs]
        traced = Traced(graph, len(takes), variables, list(updated), len(outputs) - len(updated))
        return Program(traced, takes, list(outputs[: traced.num_results]))
