"""Nadam."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Unpack

import numpy as np

from pronghorn import ops
from pronghorn.optimizers.arguments import OldArguments
from pronghorn.optimizers.optimizer import Optimizer
from pronghorn.variables import Variable


class Nadam(Optimizer):
    """Adam with Nesterov's momentum (Dozat, 2015).

    Args:
        learning_rate: see `Optimizer`.
        beta_1: how slowly the mean of the gradients changes.
        beta_2: how slowly the mean of their squares changes.
        epsilon: keeps the divisor from zero.
        **kwargs: see `Optimizer` for these and for the other arguments.

    Example:

    >>> from pronghorn import Variable
    >>> weight = Variable([1.0, 2.0])
    >>> optimizer = Nadam(learning_rate=0.1)
    >>> optimizer.apply([[0.5, -0.5]], [weight])
    >>> weight.numpy().round(4)
    array([0.8937, 2.1063], dtype=float32)
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
        self._u_product = self.add_variable(
            (), "ones", dtype=variables[0].dtype if variables else None, name="momentum_product"
        )

    def _left_out(self, saved: int, read: Callable[[int], Any]) -> list[Any]:
        """Keras writes no product of the momenta where it scales the loss; it follows from the number of steps."""
        if not self.built or saved != len(self.variables) - 1:
            return []
        return [self._product(int(np.asarray(read(0)).item()))]

    def _product(self, step_count: int) -> np.ndarray:
        """The product of the momenta of the first steps."""
        last = min(max(step_count, 0), 1_000)  # by then the momentum is beta_1 in every digit
        factors = self.beta_1 * (1.0 - 0.5 * 0.96 ** np.arange(1.0, last + 1.0))
        later = float(self.beta_1) ** max(step_count - last, 0)
        return np.asarray(np.prod(factors) * later, self._u_product.dtype)

    def _momentum_at(self, step: Any) -> Any:
        """The schedule of the momentum, a scalar."""
        return self.beta_1 * (1.0 - 0.5 * ops.power(ops.cast(0.96, step.dtype), step))

    def _backend_update_step(self, grads: list[Any], trainable_variables: list[Variable], learning_rate: Any) -> None:
        step = self.step_number(self._u_product.dtype)
        self.assign(self._u_product, self._u_product.tensor * self._momentum_at(step))
        super()._backend_update_step(grads, trainable_variables, learning_rate)

    def _factors(self, learning_rate: Any, dtype: str) -> tuple[Any, Any, Any]:
        """Scalars: of the momentum, of the gradient, and of the squares."""
        step = self.step_number(dtype)
        now, following = self._momentum_at(step), self._momentum_at(step + 1.0)
        product = ops.cast(self._u_product.tensor, dtype)
        rate = self.rate(learning_rate, dtype)
        of_momentum = rate * following / (1.0 - product * following)
        of_gradient = rate * (1.0 - now) / (1.0 - product)
        return of_momentum, of_gradient, 1.0 / (1.0 - ops.power(ops.cast(self.beta_2, dtype), step))

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Update one weight."""
        dtype = variable.dtype
        gradient = ops.cast(gradient, dtype)
        index = self._get_variable_index(variable)
        momentum, velocity = self._momentums[index], self._velocities[index]
        of_momentum, of_gradient, of_squares = self.once(("nadam", dtype), lambda: self._factors(learning_rate, dtype))
        self.assign_add(momentum, (gradient - momentum.tensor) * (1.0 - self.beta_1))
        self.assign_add(velocity, (ops.square(gradient) - velocity.tensor) * (1.0 - self.beta_2))
        direction = of_momentum * momentum.tensor + of_gradient * gradient
        self.assign_sub(variable, direction / (ops.sqrt(of_squares * velocity.tensor) + self.epsilon))
