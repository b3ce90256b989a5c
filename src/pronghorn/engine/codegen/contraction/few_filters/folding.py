"""Adding up the lanes of many vectors at a time, so that the sums stand side by side in one."""

from __future__ import annotations

from collections.abc import Sequence

from pronghorn.engine.codegen.builder import FunctionBuilder, vec

__all__ = ["FOLD", "fold", "groups_of"]

FOLD = 3.0  # cycles of a sum: two shuffles and an addition, of most
BLOCK = 4  # lanes of 128 bits, within which a shuffle of two vectors costs least


def groups_of(many: int, lanes: int, masked: bool) -> list[tuple[int, int, int]]:
    """How ``many`` results make vectors: the first of each, how many it has, and its width.

    ``masked``: a vector may be wider than what it holds. Else there are more of them, which are full.

    >>> groups_of(14, 16, True), groups_of(14, 8, False)
    ([(0, 14, 16)], [(0, 8, 8), (8, 4, 4), (12, 2, 2)])
    """
    groups, first = [], 0
    while first < many:
        left = min(many - first, lanes)
        width = 1 << (left - 1).bit_length() if masked else 1 << (left.bit_length() - 1)
        groups.append((first, min(left, width), width))
        first += min(left, width)
    return groups


def fold(fb: FunctionBuilder, sums: Sequence[str], lanes: int, width: int) -> str:
    """A vector of ``width`` lanes (a scalar, if that is 1): the sum of the lanes of each of ``sums``.

    There may be fewer sums. ``lanes``, like ``width``, is a power of two.
    """
    halved = [_halved(fb, value, lanes, width) for value in sums]
    if width == 1:
        return halved[0]
    halved += halved[-1:] * (width - len(halved))
    block = min(width, BLOCK)
    size = 1
    while size < width:
        # In blocks of four lanes every other lane is added to that behind it; then every other block.
        unit, span = (1, block) if size < block else (block, width)
        halved = [_pairs(fb, x, y, width, unit, span) for x, y in zip(halved[::2], halved[1::2], strict=True)]
        size *= 2
    return halved[0]


def _halved(fb: FunctionBuilder, value: str, lanes: int, width: int) -> str:
    """The upper half of the lanes added to the lower, until there are ``width``."""
    while lanes > width:
        half = lanes // 2
        ty = vec("float", half)
        low, high = (
            fb.shuffle(vec("float", lanes), value, "poison", range(first, first + half)) for first in (0, half)
        )
        if half == 1:
            low, high = (fb.extract(vec("float", lanes), value, lane) for lane in (0, 1))
        value, lanes = fb.op("fadd", ty, low, high), half
    return value


def _pairs(fb: FunctionBuilder, x: str, y: str, width: int, unit: int, span: int) -> str:
    """Within each ``span`` lanes of two vectors, every other ``unit`` lanes of both added to those behind them."""
    ty = vec("float", width)
    either = [lane for lane in range(2 * span) if not lane // unit % 2]  # of x and y side by side
    patterns = [
        [
            width * ((lane + behind) // span) + start + (lane + behind) % span
            for start in range(0, width, span)
            for lane in either
        ]
        for behind in (0, unit)
    ]
    low, high = (fb.shuffle(ty, x, y, pattern) for pattern in patterns)
    return fb.op("fadd", ty, low, high)
