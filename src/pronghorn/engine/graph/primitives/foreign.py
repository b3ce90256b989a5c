"""A call of another library's function: the one primitive that is no mathematics of its own."""

from __future__ import annotations

from pronghorn.engine.graph.foreign_functions import ForeignFunction
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives import axes
from pronghorn.engine.graph.primitives.registry import primitive


@primitive("foreign", axes.none)
def foreign_call(*xs: Aval, call: ForeignFunction) -> list[Aval]:
    """``call(*xs)``, run by the engine to whose library the function belongs."""
    return call.results(*xs)
