"""Convolutions with two to five taps along an axis or two by Winograd's minimal filtering: fewer multiplications.

Along one axis, two neighbouring results of a filter of three taps take four multiplications instead of six:
``y = A (G g * B d)``, where the four inputs ``d`` and the taps ``g`` are first transformed by additions (Lavin and
Gray, 2015, arXiv:1509.09308, section 4.1). Along one axis alone, with many channels, these are four matrix products;
nested over two axes, a tile of 4x4 inputs gives 2x2 results, by sixteen products in place of 36. Where results are two
inputs apart, as with strides of two, the outer taps of neighbours share an input: five multiplications give two
results, not six, and tiles of 5x5 inputs 2x2. Four and five taps are groups of two or three, each filtered so: six and
seven multiplications in place of eight and ten. A result depends on the same inputs as ever, since no other enters its
sums: where they are zero it is zero, and a NaN elsewhere does not reach it.

:mod:`.plan` and :mod:`.kernels` are for any contraction of that shape, so for a convolution's gradient by its input,
too, and :mod:`.wide_plan` and :mod:`.wide_kernels` where these have many channels; :mod:`.gradient_plan` and
:mod:`.gradient_kernels` are for the gradient by its filter, which transposes the transforms.
"""

from __future__ import annotations

from collections.abc import Mapping

from pronghorn.engine.codegen.contraction.plan import Plan
from pronghorn.engine.codegen.contraction.spec import Contraction
from pronghorn.engine.codegen.contraction.tiling import Machine
from pronghorn.engine.codegen.contraction.winograd.gaps_plan import GAPS
from pronghorn.engine.codegen.contraction.winograd.gradient_plan import FilterGradientPlan, plan_filter_gradient
from pronghorn.engine.codegen.contraction.winograd.plan import WinogradPlan, plan_results
from pronghorn.engine.codegen.contraction.winograd.shape import STACK_BYTES
from pronghorn.engine.codegen.contraction.winograd.wide_plan import WidePlan

__all__ = ["GAPS", "FilterGradientPlan", "WidePlan", "WinogradPlan", "plan_winograd"]


def plan_winograd(
    spec: Contraction, machine: Machine, usual: Plan | None = None, multiples: Mapping[str, int] | None = None
) -> WinogradPlan | WidePlan | FilterGradientPlan | None:
    """Plans a contraction so, if it is of such a shape and the estimate is less than that of ``usual``.

    Without ``usual``, whatever the estimate. ``multiples`` (for an epilogue over whole tiles) is as in
    :func:`.plan.plan`. Buffers for transformed blocks are on the stack: there has to be room.
    """
    if machine.stack_bytes < STACK_BYTES:
        return None
    found = plan_results(spec, machine, usual, multiples)
    return found if found is not None or multiples else plan_filter_gradient(spec, machine, usual)
