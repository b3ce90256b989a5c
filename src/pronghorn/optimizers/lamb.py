"""LAMB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from pronghorn import ops
from pronghorn.optimizers.arguments import OldArguments
from pronghorn.optimizers.clipping import norm
from pronghorn.optimizers.optimizer import Optimizer
from pronghorn.variables import Variable


class Lamb(Optimizer):
    """Adam's steps, scaled layer by layer to the size of the weights (arXiv 1904.00962).

    Args:
        learning_rate: see `Optimizer`.
        beta_1: how slowly the mean of the gradients changes.
        beta_2: how slowly the mean of their squares changes.
        epsilon: keeps the divisor from zero.
        **kwargs: see `Optimizer` for these and for the other arguments.

    Example:

    >>> from pronghorn import Variable
    >>> weight = Variable([1.0, 2.0])
    >>> optimizer = Lamb(learning_rate=0.1)
    >>> optimizer.apply([[0.5, -0.5]], [weight])
    >>> weight.numpy().round(4)
    array([0.8419, 2.1581], dtype=float32)
    """

    setting_names = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
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
        self._set_up(locals())

    def build(self, variables: Sequence[Variable]) -> None:
        """Create the slots."""
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])

    def _corrections(self, dtype: str) -> tuple[Any, Any]:
        step = self.step_number(dtype)
        betas = (ops.cast(beta, dtype) for beta in (self.beta_1, self.beta_2))
        first, second = (1.0 / (1.0 - ops.power(beta, step)) for beta in betas)
        return first, second

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Update one weight."""
        dtype = variable.dtype
        rate = self.rate(learning_rate, dtype)
        gradient = ops.cast(gradient, dtype)
        index = self._get_variable_index(variable)
        momentum, velocity = self._momentums[index], self._velocities[index]
        correction_1, correction_2 = self.once(("lamb", dtype), lambda: self._corrections(dtype))
        self.assign_add(momentum, (gradient - momentum.tensor) * (1.0 - self.beta_1))
        self.assign_add(velocity, (ops.square(gradient) - velocity.tensor) * (1.0 - self.beta_2))
        spread = ops.sqrt(velocity.tensor * correction_2) + self.epsilon
        step = momentum.tensor * correction_1 / spread
        of_weights, of_step = norm(variable.tensor), norm(step)
        usable = ops.logical_and(of_weights > 0, of_step > 0)
        ratio = ops.where(usable, of_weights / ops.where(usable, of_step, 1.0), 1.0)
        self.assign_sub(variable, ratio * rate * step)
