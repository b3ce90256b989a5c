"""What a contraction need not compute: products with rows of zeros, such as the gradients of a text's padding.

Whether rows are zeros shows at run time alone. Two kinds of contraction look:

*tiles*: sums along rows of A, as a dense layer's result and the gradient of its input are. A register tile whose rows
of A are all zeros has results that are zeros, or NaN where B has an infinity or a NaN: the same for each of its rows.

*steps*: sums over rows of A and B, as the gradient of a dense layer's kernel is. Steps for which one of both has zeros
only, and the other nothing but finite numbers, add nothing.

Neither changes a bit, but for the sign of a zero that products too small for a float have added up to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pronghorn.engine.codegen.contraction.spec import Axis, Contraction
from pronghorn.engine.codegen.convert import FLOATS
from pronghorn.engine.compiler.costs import LEAST_TILE_STEPS, LEAST_ZERO_CYCLES, LEAST_ZERO_STEPS, typical

__all__ = ["RUN_BLOCK", "RUN_STEPS", "Zeros", "skipped"]

Zeros = Literal["none", "tiles", "steps"]

RUN_STEPS = 8  # of a sum that are left out together, or not
RUN_BLOCK = 256  # steps of which a unit of work says which are left out


def skipped(
    spec: Contraction, vector: Axis, rows: Sequence[str], depth: Sequence[Axis], cycles: float, packed: bool
) -> Zeros:
    """Which rows of zeros a contraction looks for.

    Args:
        spec: the contraction.
        vector: the axis that vectors run along.
        rows: the axes that a register tile extends along besides.
        depth: the axes that are summed over, outermost first.
        cycles: an estimate of what it takes.
        packed: whether A is copied, so that a row's elements are no longer adjacent.
    """
    floats = spec.sum_dtype in FLOATS and spec.a.dtype in FLOATS and spec.b.dtype in FLOATS
    if not floats or cycles < LEAST_ZERO_CYCLES or len(depth) != 1 or vector.a != 0 or vector is depth[0]:
        return "none"
    (step,) = depth
    free = [axis for axis in spec.axes if not axis.reduced]
    if step.a == 1 and isinstance(step.extent, int) and step.extent >= LEAST_TILE_STEPS:
        along = [axis for axis in free if axis.name in rows]
        return "tiles" if along and not packed and all(axis.b == 0 for axis in along) else "none"
    own = [axis for axis in free if axis.a != 0], [axis for axis in free if axis.b != 0]
    if own[1] != [vector] or vector.b != 1 or len(own[0]) != 1 or own[0][0].a != 1 or 0 in (step.a, step.b):
        return "none"
    return "steps" if typical(step.extent) >= LEAST_ZERO_STEPS else "none"
