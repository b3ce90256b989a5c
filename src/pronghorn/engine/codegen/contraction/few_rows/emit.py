"""The kernels of a plan for few rows."""

from __future__ import annotations

from collections.abc import Sequence

from pronghorn.engine.codegen.builder import ModuleBuilder
from pronghorn.engine.codegen.contraction.combine import emit_combine
from pronghorn.engine.codegen.contraction.few_rows.half_bytes_across import AcrossHalves
from pronghorn.engine.codegen.contraction.few_rows.half_bytes_along import AlongHalves
from pronghorn.engine.codegen.contraction.few_rows.kernels import Unit
from pronghorn.engine.codegen.contraction.few_rows.plan import FewRowsPlan
from pronghorn.engine.codegen.contraction.tile import Epilogue
from pronghorn.engine.codegen.convert import HasFeatures
from pronghorn.engine.codegen.slots import Tables

__all__ = ["emit_few_rows"]


def emit_few_rows(
    module: ModuleBuilder,
    name: str,
    plan: FewRowsPlan,
    machine: HasFeatures,
    tables: Tables,
    epilogue: Epilogue | None,
    scratch_slots: Sequence[int],
) -> list[str]:
    """Writes the kernels; the arguments are those of :func:`..emit.emit`."""
    unit = Unit if plan.halves is None else AlongHalves if plan.along else AcrossHalves
    if plan.chunks is None:
        unit(module, f"{name}.main", plan, machine, tables, epilogue).write()
        return [f"{name}.main"]
    (slot,) = scratch_slots
    unit(module, f"{name}.main", plan, machine, tables, None, slot).write()
    emit_combine(module, f"{name}.combine", plan.partial(), machine, tables, slot, epilogue)
    return [f"{name}.main", f"{name}.combine"]
