"""One register-tiled contraction behind dense layers, batched matrix products and all convolutions.

Describe the sum of products by axes and strides (:mod:`.spec`), plan it for a machine (:mod:`.plan`, which chooses the
register tile by the model in :mod:`.tiling`), and write its kernels: :mod:`.pack`, then :mod:`.emit` (the loops) with
:mod:`.tile` (the register tile), then :mod:`.combine`. Some shapes have plans and kernels of their own
(:mod:`.winograd`, :mod:`.channelwise`, :mod:`.few_filters`, :mod:`.few_rows`, :mod:`.pairs`); :mod:`.emit` writes them,
too.
"""

from pronghorn.engine.codegen.contraction.channelwise import ChannelwiseGradient, ChannelwisePlan, plan_channelwise
from pronghorn.engine.codegen.contraction.emit import AnyPlan, emit
from pronghorn.engine.codegen.contraction.few_filters import FewFiltersPlan, plan_few_filters
from pronghorn.engine.codegen.contraction.few_rows import (
    MOST_ROWS,
    UNPACKED,
    FewRowsPlan,
    Halves,
    emit_unpacked,
    plan_few_rows,
    plan_halves,
    unpacks,
)
from pronghorn.engine.codegen.contraction.nest import Place
from pronghorn.engine.codegen.contraction.pairs import (
    PACKED,
    PairPlan,
    multiplies_pairs,
    pairs_for_few_rows,
    plan_pairs,
)
from pronghorn.engine.codegen.contraction.plan import FEW_ROWS, Kernel, Plan, Scratch, for_few_rows, plan
from pronghorn.engine.codegen.contraction.spec import Array, Axis, Contraction
from pronghorn.engine.codegen.contraction.tile import Epilogue, TileEpilogue, TileResult
from pronghorn.engine.codegen.contraction.winograd import (
    GAPS,
    FilterGradientPlan,
    WidePlan,
    WinogradPlan,
    plan_winograd,
)

__all__ = [
    "FEW_ROWS",
    "GAPS",
    "MOST_ROWS",
    "PACKED",
    "UNPACKED",
    "AnyPlan",
    "Array",
    "Axis",
    "ChannelwiseGradient",
    "ChannelwisePlan",
    "Contraction",
    "Epilogue",
    "FewFiltersPlan",
    "FewRowsPlan",
    "FilterGradientPlan",
    "Halves",
    "Kernel",
    "PairPlan",
    "Place",
    "Plan",
    "Scratch",
    "TileEpilogue",
    "TileResult",
    "WidePlan",
    "WinogradPlan",
    "emit",
    "emit_unpacked",
    "for_few_rows",
    "multiplies_pairs",
    "pairs_for_few_rows",
    "plan",
    "plan_channelwise",
    "plan_few_filters",
    "plan_few_rows",
    "plan_halves",
    "plan_pairs",
    "plan_winograd",
    "unpacks",
]
