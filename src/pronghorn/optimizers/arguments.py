"""What constructors of optimizers take beside what their signatures say, for type checkers and editors (PEP 692)."""

from __future__ import annotations

from typing import Any, TypedDict


class OldArguments(TypedDict, total=False):
    """Of Keras 2, and ignored."""

    decay: Any


class OptimizerArguments(OldArguments, total=False):
    """Those of every optimizer but the learning rate and the decay of the weights, where the signature has these."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    name: str | None
