"""What is computed in blocks: a set of nodes that make and use wide values, and where the rows of each value lie."""

from __future__ import annotations

from dataclasses import dataclass, field

from pronghorn.engine.compiler.blocks.axes import OperandAxes, operand_axes
from pronghorn.engine.graph.dim import Extent
from pronghorn.engine.graph.ir import Node, Value


class Unfit(Exception):
    """A product cannot be computed in blocks of an axis."""


@dataclass
class Region:
    """Nodes that are computed a block of rows at a time.

    Attributes:
        rows: how many rows there are; where that is not known, samples of as many rows as `sample` says.
        row: elements of the widest value in a row, without axes of unknown extent.
        size: elements of the product that it was found from, at a typical batch.
        axes: of each value that has rows, the axis that they lie along.
        sums: the values that are sums over all rows, each with the axes of its node's operands.
        phases: of each node of the region, the number of the loop that it belongs to.
        chain: the small nodes, which were taken in since they lie between others.
        returns: the nodes to which the way leads back from outside: their phase is none of what they read along rows.
        wide: the wide values, and some of other regions.
        cheap: values of which a block is rather made anew than cut out, in the whole graph.
        taken: the nodes of this region and those that are put into blocks with it.
        sample: how often the product has a row of its columns for one of ``rows``.
    """

    rows: Extent
    row: int
    size: int
    axes: dict[Value, int] = field(default_factory=dict)
    sums: dict[Value, OperandAxes] = field(default_factory=dict)
    phases: dict[Node, int] = field(default_factory=dict)
    chain: set[Node] = field(default_factory=set)
    returns: set[Node] = field(default_factory=set)
    wide: set[Value] = field(default_factory=set)
    cheap: set[Value] = field(default_factory=set)
    taken: set[Node] = field(default_factory=set)
    sample: int = 1

    @property
    def last_phase(self) -> int:
        """The number of the last loop."""
        return max(self.phases.values())

    def is_remade(self, value: Value) -> bool:
        """Whether a block of a value that another loop makes, or none, is rather made anew than cut out."""
        return value in self.cheap and (value.node in self.phases or value.node not in self.taken)

    def read_along(self, node: Node) -> OperandAxes:
        """For each operand the axis along which a node of the region reads its rows; None: as a whole."""
        (value,) = node.outputs
        axes = self.sums.get(value) or operand_axes(node, self.axes[value])
        assert axes is not None
        return axes
