"""Reverse-mode differentiation: one rule a primitive, and what applies the rules.

`rules` holds the table, in modules named like the families of primitives. Rules are written with primitives, so one
rule serves an eager tape, a traced function, and derivatives of derivatives. `backward` differentiates the graph that
is being traced, `tape.GradientTape` what runs eagerly as well, `api` has what users call.
"""

from pronghorn._lazy import attach

attach(
    __name__,
    {
        "GradientTape": ".tape",
        "backward": ".backward:backward",
        "grad": ".api",
        "value_and_grad": ".api",
        "vjp_rule": ".registry",
    },
)

import pronghorn.autodiff.rules  # noqa: E402  (importing registers them)
