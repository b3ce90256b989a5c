"""AdamW."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn.optimizers.adam import Adam
from pronghorn.optimizers.arguments import OldArguments
from pronghorn.utils.arguments import arguments


class AdamW(Adam):
    """Adam with decoupled weight decay (arXiv 1711.05101).

    Args:
        learning_rate: see `Optimizer`.
        weight_decay: share of the learning rate by which weights shrink each step; not None.
        beta_1: see `Adam`.
        beta_2: see `Adam`.
        epsilon: see `Adam`.
        amsgrad: see `Adam`.
        **kwargs: see `Optimizer` for these and for the other arguments.

    Raises:
        ValueError: if `weight_decay` is None.

    Example:

    >>> from pronghorn import Variable
    >>> weight = Variable([1.0, 2.0])
    >>> optimizer = AdamW(learning_rate=0.1)
    >>> optimizer.apply([[0.5, -0.5]], [weight])
    >>> weight.numpy().round(4)
    array([0.8996, 2.0992], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Unpack[OldArguments],
    ):
        if weight_decay is None:
            raise ValueError(
                "AdamW: it is Adam with `weight_decay`, a number, which is None here. Use Adam for training without it."
            )
        super().__init__(**arguments(locals()))
