"""The ONNX graph while it is made: plain records, from which `files` makes the protocol buffers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pronghorn.engine.graph.dim import Shape


class Tensor(NamedTuple):
    """A name with its element type and shape: an input or an output of a graph."""

    name: str
    dtype: str
    shape: Shape


@dataclass
class Op:
    """One ONNX node. Attributes may be graphs, the bodies of loops and branches."""

    kind: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)

    def bodies(self) -> Iterator[OpGraph]:
        """The graphs among the attributes."""
        return (a for a in self.attributes.values() if isinstance(a, OpGraph))

    def reads(self) -> Iterator[str]:
        """The names that it reads, those in its bodies included."""
        yield from self.inputs
        for body in self.bodies():
            for op in body.ops:
                yield from op.reads()
            yield from (t.name for t in body.outputs)


@dataclass
class OpGraph:
    """Nodes in order, between inputs and outputs; a body also reads names of the graph around it."""

    inputs: list[Tensor]
    ops: list[Op] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)

    def count(self) -> int:
        """The number of nodes, those in bodies included."""
        return len(self.ops) + sum(body.count() for op in self.ops for body in op.bodies())
