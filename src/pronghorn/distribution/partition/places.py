"""Where a value of a step is, when several processes compute it together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pronghorn.engine.graph.axes import RowsMeet
from pronghorn.engine.graph.dim import BATCH, SAMPLES, Dim, Extent, Shape, substitute
from pronghorn.engine.graph.ir import Aval, Graph
from pronghorn.engine.graph.rewrite import with_graphs

SHARE = SAMPLES
"""The number of rows that a process has, in its programs; in the graph of the step, that of the whole batch."""

TOTAL = Dim.symbol("total")
"""The number of rows of the whole batch, in the programs."""


@dataclass(frozen=True)
class Place:
    """Where a value is.

    Attributes:
        axis: the axis along which each process has its rows alone; None where it has no rows, or all of them.
        is_term: whether the value is the sum of what the processes have.
    """

    axis: int | None = None
    is_term: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether every process has all of it."""
        return self.axis is None and not self.is_term


WHOLE = Place()
TERM = Place(is_term=True)


def rows(axis: int) -> Place:
    """The place of a value of which each process has its rows, along an axis."""
    return Place(axis)


def is_rows(extent: Extent) -> bool:
    """Whether an extent is the number of rows, or a multiple of it."""
    return isinstance(extent, Dim) and list(extent.terms) == [(BATCH,)]


def steps_of_row(extent: Any) -> int:
    """How many steps of an axis belong to each row."""
    return extent.terms[(BATCH,)]


def of_total(param: Any) -> Any:
    """A parameter of a node, or an extent, with the whole batch's number of rows."""
    if isinstance(param, Dim):
        return substitute(param, {BATCH: TOTAL})
    return tuple(map(of_total, param)) if isinstance(param, tuple) else param


def of_share(shape: Shape, axis: int | None) -> Shape:
    """A shape with the process's number of rows along one axis, and that of the whole batch elsewhere."""
    return tuple(extent if i == axis else of_total(extent) for i, extent in enumerate(shape))


def share_of(shape: Shape, axis: int) -> Shape:
    """A shape of the programs with the process's rows along an axis that has those of the whole batch.

    Raises:
        RowsMeet: if the extent there does not go with the rows.
    """
    extent = shape[axis]
    if not isinstance(extent, Dim) or list(extent.terms) != [("total",)]:
        raise RowsMeet(f"an extent of {extent} does not go with the rows of the batch")
    return (*shape[:axis], extent.terms[("total",)] * SHARE, *shape[axis + 1 :])


def of_total_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of a node with the whole batch's number of rows."""
    return with_graphs({k: of_total(p) for k, p in params.items()}, of_total_graph)


def of_total_graph(graph: Graph) -> Graph:
    """A loop's body or a branch, for the whole batch."""
    new = Graph(graph.name)
    known = {v: new.add_input(Aval(of_total(v.shape), v.dtype)) for v in graph.inputs}
    for node in graph.nodes:
        inputs = [known[v] for v in node.inputs]
        known.update(zip(node.outputs, new.add_node(node.prim, inputs, of_total_params(node.params))))
    new.outputs = [known[v] for v in graph.outputs]
    return new
