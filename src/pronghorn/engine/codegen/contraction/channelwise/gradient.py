"""Gradients by the filter where channels stay apart: of each channel, a sum over all positions for each tap."""

from __future__ import annotations

from dataclasses import dataclass

from pronghorn.engine.codegen.contraction.channelwise.parts import MOST_COLUMNS, Parts, known, parts_of, tile_of
from pronghorn.engine.codegen.contraction.channelwise.plan import tile_cycles
from pronghorn.engine.codegen.contraction.plan import Kernel, Scratch
from pronghorn.engine.codegen.contraction.spec import Axis, Contraction
from pronghorn.engine.codegen.contraction.tiling import Machine
from pronghorn.engine.codegen.units import Count, Units
from pronghorn.engine.compiler.costs import MULTIPLY_ADDS, typical
from pronghorn.engine.graph.dim import product

__all__ = ["ChannelwiseGradient", "plan_gradient"]

MOST_CHUNKS = 32  # of the rows, shared out among threads: each has sums of its own
CHUNK_POSITIONS = 128  # of a chunk at least, or writing its sums and reading them again shows
BLOCK_CHANNELS = 256  # whose sums stay in the first-level cache, and whose numbers lie side by side
COMBINE = 2.0  # cycles of adding up a vector


@dataclass(frozen=True, slots=True)
class ChannelwiseGradient:
    """How such a gradient is computed; it stands in for a :class:`..plan.Plan`.

    The rows of all images are summed over in ``chunks``; a unit is a chunk and one of ``blocks`` blocks of ``width``
    channels. A tile has ``columns`` positions of a row; the sums of one outer tap are in registers at a time.
    """

    spec: Contraction
    parts: Parts
    columns: int
    blocks: int
    width: int
    lanes: int
    cycles: float
    chunks: Count
    kernels: tuple[Kernel, ...]
    scratch: tuple[Scratch, ...]
    dot: bool = False

    @property
    def vector(self) -> Axis:
        """The axis that the lanes run along."""
        return self.parts.channels

    @property
    def taps(self) -> int:
        """How many sums a channel has."""
        return self.parts.lines * self.parts.width


def plan_gradient(spec: Contraction, machine: Machine) -> ChannelwiseGradient | None:
    """Plans a contraction so, if it is such a gradient."""
    parts = parts_of(spec, gradient=True)
    lanes = machine.lanes("float32")
    if parts is None or spec.sum_dtype != "float32" or lanes == 1 or not parts.taps:
        return None
    taps = parts.lines * parts.width
    room = machine.registers - 2 - parts.width
    columns = tile_of(parts.columns.extent, min(MOST_COLUMNS, room))
    if columns is None:
        return None
    vectors = -(-known(parts.channels.extent) // lanes)
    blocks = -(-vectors * lanes // BLOCK_CHANNELS)
    width = -(-vectors // blocks) * lanes
    rows = product(tuple(axis.extent for axis in parts.rows))
    across = typical(parts.columns.extent)
    chunks = Count(rows, -(-CHUNK_POSITIONS // across), MOST_CHUNKS)
    of_row = -(-across // columns) * (tile_cycles(parts, columns) + 2 * taps) * (width // lanes)
    unit = of_row * -(-typical(rows) // chunks.typical)
    combine = COMBINE * chunks.typical * vectors
    kernels = (
        Kernel("main", Units.of(chunks, blocks), unit / MULTIPLY_ADDS),
        Kernel("combine", Units(taps), combine / MULTIPLY_ADDS),
    )
    cycles = of_row * blocks * typical(rows) + combine * taps
    scratch = (Scratch("partial sums", "float32", taps * width * blocks * chunks.most),)
    return ChannelwiseGradient(spec, parts, columns, blocks, width, lanes, cycles, chunks, kernels, scratch)
