"""Convolutions whose channels stay apart (depthwise ones), and their gradients: vectors along the channels.

A result there is a sum over a few taps, so that what takes time is memory, and loads. A tile of the general contraction
(:mod:`..tile`) has one vector of channels of many rows of an image, each of its own page, and loads each input once for
every tap. Here it has neighbouring columns of one row: what a tap reads of one column, the next tap reads of its
neighbour, from a register; the next vector of channels is the next line of memory; and the lines of the row that
follows are asked for meanwhile.

:mod:`.plan` and :mod:`.kernels` are for results and for gradients by the input, :mod:`.gradient` for those by the
filter; :mod:`.parts` finds the parts that axes play.
"""

from __future__ import annotations

from collections.abc import Sequence

from pronghorn.engine.codegen.contraction.channelwise.gradient import ChannelwiseGradient, plan_gradient
from pronghorn.engine.codegen.contraction.channelwise.plan import ChannelwisePlan, plan_results
from pronghorn.engine.codegen.contraction.spec import Contraction
from pronghorn.engine.codegen.contraction.tiling import Machine

__all__ = ["ChannelwiseGradient", "ChannelwisePlan", "plan_channelwise"]


def plan_channelwise(
    spec: Contraction, machine: Machine, apart: Sequence[str] = ()
) -> ChannelwisePlan | ChannelwiseGradient | None:
    """Plans a contraction so, if it is of such a shape; ``apart`` names axes that are not merged with others."""
    spec = spec.simplified(keep=apart)
    return plan_results(spec, machine) or plan_gradient(spec, machine) or plan_gradient(spec.swapped(), machine)
