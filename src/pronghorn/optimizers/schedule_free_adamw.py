"""Schedule-free AdamW."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from pronghorn import ops
from pronghorn.optimizers.arguments import OldArguments
from pronghorn.optimizers.optimizer import Optimizer
from pronghorn.variables import Variable


class ScheduleFreeAdamW(Optimizer):
    """AdamW that needs no schedule: it averages its own path (arXiv 2405.15682).

    Args:
        learning_rate: see `Optimizer`.
        beta_1: share of the average in the point where gradients are taken.
        beta_2: how slowly the mean of the squares changes.
        epsilon: keeps the divisor from zero.
        warmup_steps: steps of a linear rise of the learning rate.
        **kwargs: see `Optimizer` for these and for the other arguments.

    Example:

    >>> from pronghorn import Variable
    >>> weight = Variable([1.0, 2.0])
    >>> optimizer = ScheduleFreeAdamW(learning_rate=0.1)
    >>> optimizer.apply([[0.5, -0.5]], [weight])
    >>> weight.numpy().round(4)
    array([0.9, 2.1], dtype=float32)
    """

    setting_names = ("beta_1", "beta_2", "epsilon", "warmup_steps")

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
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
        if not isinstance(warmup_steps, int) or warmup_steps < 0:
            raise ValueError(f"ScheduleFreeAdamW: warmup_steps must be an integer of 0 or more, got {warmup_steps!r}.")
        self._set_up(locals())

    def build(self, variables: Sequence[Variable]) -> None:
        """Create the slots: the path, which starts at the weights, and the squares."""
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])
        for path, variable in zip(self._momentums, variables):
            if path is not None:
                path.assign(variable.tensor)

    def _factors(self, learning_rate: Any, dtype: str) -> tuple[Any, Any, Any]:
        """Scalars: the rate, the weight of the newest point in the average, the bias correction of the squares."""
        step = self.step_number(dtype)
        rate = self.rate(learning_rate, dtype)
        if self.warmup_steps > 0:
            rate = rate * ops.minimum(step / float(self.warmup_steps), 1.0)
        return rate, 1.0 / step, 1.0 / (1.0 - ops.power(ops.cast(self.beta_2, dtype), step))

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Update one weight."""
        dtype = variable.dtype
        gradient = ops.cast(gradient, dtype)
        rate, newest, correction = self.once(("factors", dtype), lambda: self._factors(learning_rate, dtype))
        index = self._get_variable_index(variable)
        path, velocity = self._momentums[index], self._velocities[index]
        self.assign_add(velocity, (ops.square(gradient) - velocity.tensor) * (1.0 - self.beta_2))
        step = rate * gradient / (ops.sqrt(velocity.tensor * correction) + self.epsilon)
        # the weights are beta_1 of the average and the rest of the path; both move, the average is never stored
        weights = variable.tensor
        weights = weights + (path.tensor - weights) * newest
        self.assign(variable, weights + step * (self.beta_1 * (1.0 - newest) - 1.0))
        self.assign_sub(path, step)
