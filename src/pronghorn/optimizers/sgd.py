"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from pronghorn import ops
from pronghorn.optimizers.arguments import OldArguments
from pronghorn.optimizers.optimizer import Optimizer
from pronghorn.variables import Variable


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked for.

    Args:
        learning_rate: see `Optimizer`.
        momentum: share of the last step that is taken again.
        nesterov: whether to look ahead along the momentum.
        **kwargs: see `Optimizer` for these and for the other arguments.

    Example:

    >>> from pronghorn import Variable
    >>> weight = Variable([1.0, 2.0])
    >>> optimizer = SGD(learning_rate=0.1)
    >>> optimizer.apply([[0.5, -0.5]], [weight])
    >>> weight.numpy()
    array([0.95, 2.05], dtype=float32)
    """

    setting_names = ("momentum", "nesterov")

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
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
        if not isinstance(momentum, int | float) or not 0 <= momentum <= 1:
            raise ValueError(f"SGD: `momentum` is a share of the last step, from 0 to 1; got {momentum!r}.")
        self._set_up(locals())

    def build(self, variables: Sequence[Variable]) -> None:
        """Create the slots."""
        if self.built:
            return
        super().build(variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum") if self.momentum else []

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Update one weight."""
        rate = self.rate(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        if not self.momentum:
            self.assign_sub(variable, gradient * rate)
            return
        slot = self.momentums[self._get_variable_index(variable)]
        step = self.momentum * slot.tensor - gradient * rate
        self.assign(slot, step)
        if self.nesterov:
            step = self.momentum * step - gradient * rate
        self.assign_add(variable, step)
