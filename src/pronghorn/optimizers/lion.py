"""Lion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from pronghorn import ops
from pronghorn.optimizers.arguments import OldArguments
from pronghorn.optimizers.optimizer import Optimizer
from pronghorn.variables import Variable


class Lion(Optimizer):
    """The sign of a moving mean of the gradients (arXiv 2302.06675).

    Args:
        learning_rate: see `Optimizer`.
        beta_1: share of the moving mean in the step; greater than 0.
        beta_2: how slowly the moving mean changes.
        **kwargs: see `Optimizer` for these and for the other arguments.

    Example:

    >>> from pronghorn import Variable
    >>> weight = Variable([1.0, 2.0])
    >>> optimizer = Lion(learning_rate=0.1)
    >>> optimizer.apply([[0.5, -0.5]], [weight])
    >>> weight.numpy()
    array([0.9, 2.1], dtype=float32)
    """

    setting_names = ("beta_1", "beta_2")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        weight_decay: float | None = None,
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
        if beta_1 <= 0 or beta_1 > 1:
            raise ValueError(f"Lion: `beta_1` must be greater than 0 and at most 1 (it is not Adam's), got {beta_1}.")
        self._set_up(locals())

    def build(self, variables: Sequence[Variable]) -> None:
        """Create the slots."""
        if self.built:
            return
        super().build(variables)
        self._momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Update one weight."""
        rate = self.rate(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        momentum = self._momentums[self._get_variable_index(variable)]
        mean = momentum.tensor
        self.assign_sub(variable, rate * ops.sign(mean * self.beta_1 + gradient * (1.0 - self.beta_1)))
        self.assign(momentum, mean * self.beta_2 + gradient * (1.0 - self.beta_2))
