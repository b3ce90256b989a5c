"""Adadelta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from pronghorn import ops
from pronghorn.optimizers.arguments import OldArguments
from pronghorn.optimizers.optimizer import Optimizer
from pronghorn.variables import Variable


class Adadelta(Optimizer):
    """Steps scaled by the moving mean of the steps before (arXiv 1212.5701).

    Args:
        learning_rate: see `Optimizer`.
        rho: how slowly the means change.
        epsilon: keeps the divisor from zero.
        **kwargs: see `Optimizer` for these and for the other arguments.

    Example:

    >>> from pronghorn import Variable
    >>> weight = Variable([1.0, 2.0])
    >>> optimizer = Adadelta(learning_rate=0.1)
    >>> optimizer.apply([[0.5, -0.5]], [weight])
    >>> weight.numpy().round(4)
    array([0.9999, 2.0001], dtype=float32)
    """

    setting_names = ("rho", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
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
        self._accumulated_grads, self._accumulated_delta_vars = self.add_optimizer_variables(
            variables, ["accumulated_grad", "accumulated_delta_var"]
        )

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Update one weight."""
        rate = self.rate(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        index = self._get_variable_index(variable)
        squares, steps = self._accumulated_grads[index], self._accumulated_delta_vars[index]
        self.assign(squares, self.rho * squares.tensor + (1.0 - self.rho) * ops.square(gradient))
        step = gradient * ops.sqrt(steps.tensor + self.epsilon) / ops.sqrt(squares.tensor + self.epsilon)
        self.assign(steps, self.rho * steps.tensor + (1.0 - self.rho) * ops.square(step))
        self.assign_sub(variable, rate * step)
