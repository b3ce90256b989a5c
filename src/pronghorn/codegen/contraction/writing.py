"""Writes the kernels of any plan: the one door to :mod:`.emit` and to the plans that have kernels of their own."""

from __future__ import annotations

from collections.abc import Sequence

from pronghorn.codegen.builder import ModuleBuilder
from pronghorn.codegen.contraction.channelwise import ChannelwiseGradient, ChannelwisePlan
from pronghorn.codegen.contraction.channelwise.gradient_kernels import emit_chunk_sums, emit_sums
from pronghorn.codegen.contraction.channelwise.kernels import emit_results
from pronghorn.codegen.contraction.emit import emit as emit_tiled
from pronghorn.codegen.contraction.pairs import PairPlan
from pronghorn.codegen.contraction.plan import Plan
from pronghorn.codegen.contraction.tile import Epilogue, TileEpilogue
from pronghorn.codegen.contraction.winograd import FilterGradientPlan, WidePlan, WinogradPlan
from pronghorn.codegen.convert import HasFeatures
from pronghorn.codegen.slots import Tables

__all__ = ["AnyPlan", "emit"]

AnyPlan = Plan | PairPlan | WinogradPlan | WidePlan | FilterGradientPlan | ChannelwisePlan | ChannelwiseGradient


def emit(
    module: ModuleBuilder,
    name: str,
    plan: AnyPlan,
    machine: HasFeatures,
    tables: Tables,
    epilogue: Epilogue | None = None,
    tile_epilogue: TileEpilogue | None = None,
    scratch_slots: Sequence[int] = (),
    epilogue_code: int = 0,
    beside: Sequence[tuple[int, str, bool]] = (),
) -> list[str]:
    """Writes a plan's kernels into a module; returns their names. The arguments are those of :func:`.emit.emit`."""
    if isinstance(plan, ChannelwisePlan):
        emit_results(module, name, plan, machine, tables, epilogue, epilogue_code, beside)
        return [name]
    if isinstance(plan, ChannelwiseGradient):
        names = [f"{name}.{kernel.role}" for kernel in plan.kernels]
        emit_sums(module, names[0], plan, machine, tables, scratch_slots[0])
        emit_chunk_sums(module, names[1], plan, machine, tables, scratch_slots[0], epilogue)
        return names
    return emit_tiled(
        module, name, plan, machine, tables, epilogue, tile_epilogue, scratch_slots, epilogue_code, beside
    )
