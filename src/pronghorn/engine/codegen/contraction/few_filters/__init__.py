"""Convolutions of many channels to a few filters, and gradients by an input of a few channels.

The few filters fill no vector, so the lanes run along the channels, which are summed over. The general tile
(:mod:`..tile`) then loads a vector of the input for nearly each of its multiply-adds, and ends with code for each
single result. Here a tile is some neighbouring columns of one row: a vector of the input is loaded once for all taps
along the row that meet it, and the sums' lanes are added up many results at a time, which leaves them side by side in
vectors. Meanwhile lines are asked for that the row behind reads, and this one has not.

:mod:`.plan` says when and how, :mod:`.kernels` writes the code, :mod:`.folding` the sums of lanes.
"""

from pronghorn.engine.codegen.contraction.few_filters.plan import FewFiltersPlan, plan_few_filters

__all__ = ["FewFiltersPlan", "plan_few_filters"]
