"""Reverse-mode differentiation: one rule a primitive, and what applies the rules.

`rules` holds the table, in modules named like the families of primitives. Rules are written with primitives, so one
rule serves an eager tape, a traced function, and derivatives of derivatives. `backward` differentiates the graph that
is being traced, `tape.GradientTape` what runs eagerly as well.
"""

from pronghorn.engine.autodiff import rules
from pronghorn.engine.autodiff.tape import GradientTape

__all__ = ["GradientTape"]
