"""Adam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from pronghorn import ops
from pronghorn.optimizers.arguments import OldArguments
from pronghorn.optimizers.optimizer import Optimizer
from pronghorn.variables import Variable


class Adam(Optimizer):
    """Adam: steps from moving means of the gradients and of their squares (arXiv 1412.6980).

    Args:
        learning_rate: see `Optimizer`.
        beta_1: how slowly the mean of the gradients changes.
        beta_2: how slowly the mean of their squares changes.
        epsilon: keeps the divisor from zero.
        amsgrad: whether the mean of the squares never falls (Reddi et al., 2018).
        **kwargs: see `Optimizer` for these and for the other arguments.

    Example:

    >>> from pronghorn import Variable
    >>> weight = Variable([1.0, 2.0])
    >>> optimizer = Adam(learning_rate=0.1)
    >>> optimizer.apply([[0.5, -0.5]], [weight])
    >>> weight.numpy().round(4)
    array([0.9, 2.1], dtype=float32)
    """

    setting_names = ("beta_1", "beta_2", "epsilon", "amsgrad")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        self._largest = self.add_optimizer_variables(variables, "velocity_hat") if self.amsgrad else []

    def _step_size(self, learning_rate: Any, dtype: str) -> Any:
        """The learning rate with both bias corrections, a scalar."""
        step = self.step_number(dtype)
        correction_1 = 1.0 - ops.power(ops.cast(self.beta_1, dtype), step)
        correction_2 = 1.0 - ops.power(ops.cast(self.beta_2, dtype), step)
        return self.rate(learning_rate, dtype) * ops.sqrt(correction_2) / correction_1

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Update one weight."""
        dtype = variable.dtype
        gradient = ops.cast(gradient, dtype)
        size = self.once(("adam", dtype), lambda: self._step_size(learning_rate, dtype))
        index = self._get_variable_index(variable)
        momentum, velocity = self._momentums[index], self._velocities[index]
        self.assign_add(momentum, (gradient - momentum.tensor) * (1.0 - self.beta_1))
        self.assign_add(velocity, (ops.square(gradient) - velocity.tensor) * (1.0 - self.beta_2))
        spread = velocity.tensor
        if self.amsgrad:
            largest = self._largest[index]
            self.assign(largest, ops.maximum(largest.tensor, spread))
            spread = largest.tensor
        self.assign_sub(variable, momentum.tensor * size / (ops.sqrt(spread) + self.epsilon))
