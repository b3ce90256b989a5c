"""Tiles of the input, as both algorithms take them: where one lies, and its transform into a buffer."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack

from pronghorn.engine.codegen.builder import FunctionBuilder, Operand, vec
from pronghorn.engine.codegen.contraction.nest import load_elements
from pronghorn.engine.codegen.contraction.winograd.shape import Taps, Tiled, static
from pronghorn.engine.codegen.contraction.winograd.transforms import ALL, Transforms, Vectors
from pronghorn.engine.codegen.convert import HasFeatures, storage_type

__all__ = ["last_step", "origin_of", "position", "store_planes", "transform_inputs"]


def position(fb: FunctionBuilder, plan: Tiled, tile: Operand) -> tuple[Operand, Operand]:
    """The first result of a tile of an image, along both axes."""
    across = plan.columns.tiles
    return _first_result(fb, plan.rows, fb.div(tile, across)), _first_result(fb, plan.columns, fb.rem(tile, across))


def _first_result(fb: FunctionBuilder, pair: Taps, tile: Operand) -> Operand:
    """The first result of the axis's tile of that number; neighbouring tiles lie between another's results."""
    if pair.apart == 1:
        return fb.mul(tile, pair.step)
    group, inside = fb.div(tile, pair.apart), fb.rem(tile, pair.apart)
    return fb.add(fb.mul(group, pair.step * pair.apart), inside)


def last_step(fb: FunctionBuilder, pair: Taps, first: Operand) -> Operand:
    """How many results a tile has behind its ``first``: none at the end of an odd extent."""
    if not pair.uneven:
        return pair.step - 1
    return fb.min(fb.div(fb.sub(pair.extent - 1, first), pair.apart), pair.step - 1)


def transform_inputs(
    fb: FunctionBuilder,
    plan: Tiled,
    machine: HasFeatures,
    image: str,
    at: tuple[Operand, Operand],
    target: str,
    groups: slice = ALL,
    gap: Operand | None = None,
) -> None:
    """Transforms the tile of an ``image`` whose first result is ``at``, all channels, into the planes of ``target``.

    If not all ``groups`` of the rows' taps are asked for, these planes are only those of their points. Where there is a
    ``gap`` in the filters, the tile's inputs are stored as they are: as many planes as its window has places.
    """
    dtype, lanes, extent = plan.spec.a.dtype, plan.lanes, static(plan.channels.extent)
    scalar = storage_type(dtype)
    ty = vec("float", lanes)
    transforms = Transforms(fb, ty, plan.pairs)
    offsets: list[list[Operand]] = []
    for pair, first in zip(plan.pairs, at, strict=True):
        step = abs(static(pair.taps.a))
        # The last tile of an odd extent has results that are not wanted; what they alone would read is not there.
        last = fb.add(fb.mul(last_step(fb, pair, first), pair.stride), pair.size - 1)
        offsets.append(
            [fb.mul(fb.min(number, last) if number >= pair.size else number, step) for number in range(pair.window)]
        )
    source = fb.gep(scalar, image, origin_of(fb, plan, at))
    with fb.loop(0, plan.depth, lanes) as channel:
        mask = fb.mask_first(fb.sub(extent, channel), lanes) if extent % lanes else None
        here = fb.opaque(fb.gep(scalar, source, channel))

        def load(i: int, j: int, here: str = here, mask: Operand | None = mask) -> str:
            at = fb.gep(scalar, here, fb.add(offsets[0][i], offsets[1][j]))
            return str(load_elements(fb, at, dtype, "float32", lanes, machine, mask))

        out = fb.gep("float", target, channel)
        with ExitStack() as stack:
            if gap is not None:
                yes, no = stack.enter_context(fb.if_else(gap))
                with yes:
                    rows, columns = (range(pair.window) for pair in plan.pairs)
                    store_planes(fb, ty, ([load(i, j) for j in columns] for i in rows), out, plan.input_plane)
                stack.enter_context(no)
            store_planes(fb, ty, transforms.inputs(load, groups), out, plan.input_plane)


def origin_of(fb: FunctionBuilder, plan: Tiled, at: tuple[Operand, Operand]) -> Operand:
    """Elements from an image's first to the first input of the tile whose first result is ``at``."""
    origin: Operand = 0
    for pair, first in zip(plan.pairs, at, strict=True):
        origin = fb.add(origin, fb.mul(first, static(pair.results.a)))
        if pair.backward:
            origin = fb.add(origin, (pair.size - 1) * static(pair.taps.a))
    return origin


def store_planes(fb: FunctionBuilder, ty: str, lines: Iterable[Vectors], out: str, plane: int) -> None:
    """Stores transformed lines of points, each vector ``plane`` elements from the last."""
    out = fb.opaque(out)
    for i, line in enumerate(lines):
        for j, value in enumerate(line):
            fb.store(ty, value, fb.gep("float", out, (len(line) * i + j) * plane))
