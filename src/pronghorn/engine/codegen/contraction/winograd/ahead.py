"""Products of a block of tiles, and meanwhile lines of memory that arrive for the next block's transforms."""

from __future__ import annotations

from collections.abc import Callable

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, size_of
from pronghorn.engine.codegen.contraction.nest import ask_for
from pronghorn.engine.codegen.contraction.winograd.inputs import origin_of
from pronghorn.engine.codegen.contraction.winograd.shape import Tiled, static
from pronghorn.engine.codegen.convert import storage_type
from pronghorn.engine.compiler.costs import LINE_BYTES

__all__ = ["ask_for_inputs", "ask_for_lines", "multiply"]

LOCALITY = 2  # the second-level cache: in the first, they would be in the product's way
PARTS = 16  # of a product, between which lines are asked for


def ask_for_inputs(fb: FunctionBuilder, plan: Tiled, image: str, at: tuple[Operand, Operand]) -> None:
    """Asks for those inputs of a tile that the tiles before it, along both axes, have not read."""
    fresh = []
    for pair in plan.pairs:
        step = abs(static(pair.taps.a))
        fresh.append([number * step for number in range(pair.window - pair.step * pair.stride, pair.window)])
    offsets: list[Operand] = [i + j for i in fresh[0] for j in fresh[1]]
    source = fb.gep(storage_type(plan.spec.a.dtype), image, origin_of(fb, plan, at), inbounds=False)
    ask_for_lines(fb, plan.spec.a.dtype, source, offsets, static(plan.channels.extent))


def ask_for_lines(fb: FunctionBuilder, dtype: str, source: str, offsets: list[Operand], extent: int) -> None:
    """Asks for ``extent`` adjacent elements at each of some offsets, which need not be there."""
    scalar = storage_type(dtype)
    with fb.loop(0, extent, LINE_BYTES // size_of(scalar)) as first:
        here = fb.opaque(fb.gep(scalar, source, first, inbounds=False))
        for offset in offsets:
            ask_for(fb, fb.gep(scalar, here, offset, inbounds=False), locality=LOCALITY)


def multiply(
    fb: FunctionBuilder,
    plan: Tiled,
    product: str,
    table: str,
    ask: Callable[[Operand], None] | None = None,
    turn: tuple[int, int] = (0, 1),
) -> None:
    """Calls the kernel of the plan's product, part by part; before each, ``ask`` is told some numbers of tiles.

    It asks for what tiles of those numbers read in the next block: so few lines at a time arrive meanwhile, whereas
    transforms wait for theirs. Where a block takes several such calls, ``turn`` is which it is and how many: each is
    told its share of the tiles.
    """
    units = static(plan.product.kernels[0].units.evaluate({}))
    begin_tile, end_tile = (plan.tiles * (turn[0] + k) // turn[1] for k in (0, 1))
    parts = 1 if ask is None else min(units, end_tile - begin_tile, PARTS)
    with fb.loop(0, parts) as part:
        begin, end = (fb.div(fb.mul(fb.add(part, k), units), parts) for k in (0, 1))
        if ask is not None:
            first, behind = (fb.div(fb.mul(fb.add(part, k), end_tile - begin_tile), parts) for k in (0, 1))
            with fb.loop(fb.add(first, begin_tile), fb.add(behind, begin_tile)) as number:
                ask(number)
        fb.call(product, "void", [("ptr", table), ("ptr", "%dims"), ("i64", begin), ("i64", end)])
