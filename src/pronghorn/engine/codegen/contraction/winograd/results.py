"""From products to a tile's results, and to what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from pronghorn.engine.codegen.arguments import base_pointer
from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, vec
from pronghorn.engine.codegen.contraction.nest import Place
from pronghorn.engine.codegen.contraction.spec import Axis
from pronghorn.engine.codegen.contraction.tile import Epilogue, TileEpilogue, TileResult
from pronghorn.engine.codegen.contraction.unit_rows import RowSums, finish
from pronghorn.engine.codegen.contraction.winograd.places import place_at
from pronghorn.engine.codegen.contraction.winograd.shape import SINGLE, STEP, Tiled
from pronghorn.engine.codegen.contraction.winograd.transforms import ALL, Transforms, Vectors
from pronghorn.engine.codegen.convert import HasFeatures
from pronghorn.engine.codegen.slots import Slots

__all__ = ["ResultWriter"]


class ResultWriter:
    """Transforms vectors of products back in registers, where the epilogue takes them.

    Args:
        fb: the function being written.
        slots: where run-time extents are found.
        plan: of the contraction, whose results run along ``vector``.
        vector: the axis of the result's channels.
        machine: for which it is planned.
        epilogue: what becomes of a result; it is stored if None.
        tile_epilogue: what becomes of the four results of a tile, in place of that.
        row_sums: what keeps sums of what the epilogue takes, if anything does.
    """

    def __init__(
        self,
        fb: FunctionBuilder,
        slots: Slots,
        plan: Tiled,
        vector: Axis,
        machine: HasFeatures,
        epilogue: Epilogue | None,
        tile_epilogue: TileEpilogue | None = None,
        row_sums: RowSums | None = None,
    ) -> None:
        self.fb, self.slots, self.plan, self.vector, self.machine = fb, slots, plan, vector, machine
        self.epilogue, self.tile_epilogue, self.row_sums = epilogue, tile_epilogue, row_sums
        self.ty = vec("float", plan.lanes)
        self.transforms = Transforms(fb, self.ty, plan.pairs)
        self.c_base = base_pointer(fb, plan.spec.c.slot)

    def write(self, source: str, plane: int, at: Sequence[Operand], values: dict[str, Operand], valid: Operand) -> None:
        """A vector's results of the tile whose first result is ``at``.

        ``source`` has the first of the products, the others ``plane`` elements apart; ``valid`` lanes of them count.
        """
        self.give(self.read(source, plane), at, values, valid)

    def read(self, source: str, plane: int, groups: slice = ALL) -> list[Vectors]:
        """A tile's results, from their products, or what some ``groups`` of the rows' taps, whose products these are,
        add to them."""
        fb, width = self.fb, self.plan.columns.points
        source = fb.opaque(source)

        def load(i: int, j: int) -> str:
            return fb.load(self.ty, fb.gep("float", source, (width * i + j) * plane))

        return self.transforms.results(load, groups)

    def give(self, results: list[Vectors], at: Sequence[Operand], values: dict[str, Operand], valid: Operand) -> None:
        """Hands a tile's results to the epilogue, or stores them; those beyond an odd extent are dropped."""
        fb, pairs = self.fb, self.plan.pairs
        at = [fb.opaque_number(first) for first in at]
        values = {name: fb.opaque_number(value) for name, value in values.items()}

        def place(i: int, j: int, _: int = 0) -> Place:
            here = dict(values)
            for pair, first, step in zip(pairs, at, (i, j), strict=True):
                if pair is not SINGLE:
                    here[pair.results.name] = fb.add(first, step * pair.apart)
            lanes = self.plan.lanes
            return place_at(fb, self.plan.spec, self.slots, here, self.vector, lanes, valid, self.c_base, self.machine)

        if self.tile_epilogue is not None:
            sums = {(i, j, 0): results[i][j] for i in range(STEP) for j in range(STEP)}
            axes = (pairs[0].results, pairs[1].results)
            self.tile_epilogue(fb, TileResult(axes, (STEP, STEP, 1), sums, self.ty, place))
            return
        total: list[str] = []
        for i in range(pairs[0].step):
            for j in range(pairs[1].step):
                limited = [
                    (pair, first, step)
                    for pair, first, step in zip(pairs, at, (i, j), strict=True)
                    if step and pair.uneven
                ]
                with ExitStack() as stack:
                    for pair, first, step in limited:
                        inside = fb.cmp("slt", "i64", fb.add(first, step * pair.apart), pair.extent)
                        stack.enter_context(fb.if_(inside))
                    row_sums = None if limited else self.row_sums
                    total = finish(fb, self.epilogue, row_sums, results[i][j], self.ty, place(i, j), total)
        if self.row_sums is not None:
            lanes = self.plan.lanes
            mask = None if valid == lanes else fb.mask_first(valid, lanes)
            self.row_sums.add(fb, total, values[self.vector.name], lanes, mask)
