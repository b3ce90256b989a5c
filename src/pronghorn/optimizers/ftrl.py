"""FTRL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from pronghorn import initializers, ops
from pronghorn.optimizers.arguments import OldArguments
from pronghorn.optimizers.optimizer import Optimizer
from pronghorn.variables import Variable


class Ftrl(Optimizer):
    """Follow the regularised leader (McMahan et al., 2013): sparse linear models.

    Args:
        learning_rate: see `Optimizer`.
        learning_rate_power: how the rate falls with the sum of the squared gradients; 0 or less.
        initial_accumulator_value: what the sums start from; 0 or more.
        l1_regularization_strength: penalty of the size of the weights; makes small ones exactly zero.
        l2_regularization_strength: penalty of the squares of the weights.
        l2_shrinkage_regularization_strength: like L2, but part of the gradient.
        beta: added to the root of the sums.
        **kwargs: see `Optimizer` for these and for the other arguments.

    Example:

    >>> from pronghorn import Variable
    >>> weight = Variable([1.0, 2.0])
    >>> optimizer = Ftrl(learning_rate=0.1)
    >>> optimizer.apply([[0.5, -0.5]], [weight])
    >>> weight.numpy().round(4)
    array([0.381 , 1.0155], dtype=float32)
    """

    setting_names = (
        "learning_rate_power",
        "initial_accumulator_value",
        "l1_regularization_strength",
        "l2_regularization_strength",
        "l2_shrinkage_regularization_strength",
        "beta",
    )

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
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
        for argument in self.setting_names[1:5]:
            if getattr(self, argument) < 0.0:
                raise ValueError(f"Ftrl: `{argument}` must be 0 or more, got {getattr(self, argument)}.")
        if learning_rate_power > 0.0:
            raise ValueError(f"Ftrl: `learning_rate_power` must be 0 or less, got {learning_rate_power}.")

    def build(self, variables: Sequence[Variable]) -> None:
        """Create the slots."""
        if self.built:
            return
        super().build(variables)
        start = initializers.Constant(self.initial_accumulator_value)
        # In turn, variable by variable: the order of Keras's files.
        self._accumulators, self._linears = self.add_optimizer_variables(
            variables, ["accumulator", "linear"], initializer=[start, "zeros"]
        )

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Update one weight."""
        dtype = variable.dtype
        rate = self.rate(learning_rate, dtype)
        gradient = ops.cast(gradient, dtype)
        index = self._get_variable_index(variable)
        accumulator, linear = self._accumulators[index], self._linears[index]
        l2 = self.l2_regularization_strength + self.beta / (2.0 * rate)
        shrunk = gradient + 2.0 * self.l2_shrinkage_regularization_strength * variable.tensor
        old, new = accumulator.tensor, accumulator.tensor + ops.square(gradient)
        old_scale = ops.power(old, -self.learning_rate_power)
        new_scale = ops.power(new, -self.learning_rate_power)
        self.assign_add(linear, shrunk - (new_scale - old_scale) / rate * variable.tensor)
        self.assign(accumulator, new)
        l1 = self.l1_regularization_strength
        inside = ops.clip(linear.tensor, -l1, l1)
        self.assign(variable, (inside - linear.tensor) / (new_scale / rate + 2.0 * l2))
