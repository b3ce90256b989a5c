"""Muon."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Unpack

from pronghorn import ops
from pronghorn.optimizers.arguments import OptimizerArguments
from pronghorn.optimizers.clipping import norm
from pronghorn.optimizers.optimizer import Optimizer
from pronghorn.variables import Variable


class Muon(Optimizer):
    """Momentum made orthogonal, for matrices; AdamW for all other weights.

    See https://github.com/KellerJordan/Muon and arXiv 2502.16982. The output layer is better left to AdamW: name it in
    `exclude_layers`.

    Args:
        learning_rate: see `Optimizer`.
        adam_beta_1: AdamW's `beta_1`.
        adam_beta_2: AdamW's `beta_2`.
        adam_weight_decay: AdamW's weight decay.
        epsilon: AdamW's `epsilon`.
        weight_decay: the weight decay of the matrices.
        exclude_layers: regular expressions; weights whose path matches one are left to AdamW.
        exclude_embeddings: whether embeddings are left to AdamW.
        muon_a: first coefficient of the iteration that makes a matrix orthogonal.
        muon_b: its second coefficient.
        muon_c: its third coefficient.
        adam_lr_ratio: AdamW's learning rate as a share of the learning rate.
        momentum: how slowly the momentum changes.
        ns_steps: number of iterations.
        nesterov: whether to look ahead along the momentum.
        rms_rate: root mean square of a step, which makes AdamW's learning rates usable; None to leave it out.
        **kwargs: see `Optimizer` for these and for the other arguments.

    Example:

    >>> from pronghorn import Variable
    >>> weight = Variable([[1.0, 2.0], [3.0, 4.0]])
    >>> optimizer = Muon(learning_rate=0.1)
    >>> optimizer.apply([[[0.5, -0.5], [0.5, 0.5]]], [weight])
    >>> weight.shape
    (2, 2)
    """

    setting_names = (
        "adam_beta_1",
        "adam_beta_2",
        "epsilon",
        "exclude_layers",
        "muon_a",
        "muon_b",
        "muon_c",
        "adam_lr_ratio",
        "momentum",
        "ns_steps",
        "nesterov",
        "exclude_embeddings",
        "adam_weight_decay",
        "rms_rate",
    )

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        exclude_layers: list[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **kwargs: Unpack[OptimizerArguments],
    ):
        exclude_layers = exclude_layers or []
        self._set_up(locals())

    def _should_use_adamw(self, variable: Variable) -> bool:
        if len(variable.shape) != 2 or (self.exclude_embeddings and "embedding" in variable.path.lower()):
            return True
        return any(re.search(pattern, variable.path) for pattern in self.exclude_layers)

    def build(self, variables: Sequence[Variable]) -> None:
        """Create the slots: a momentum for all, the squares for AdamW's weights."""
        if self.built:
            return
        super().build(variables)
        self._moments: list[Variable] = []
        self._velocities: list[Variable | None] = []
        for variable in variables:
            self._moments.append(self.add_variable_from_reference(variable, "momentum"))
            adams = self._should_use_adamw(variable)
            self._velocities.append(self.add_variable_from_reference(variable, "velocity") if adams else None)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Update one weight."""
        gradient = ops.cast(gradient, variable.dtype)
        rate = self.rate(learning_rate, variable.dtype)
        index = self._get_variable_index(variable)
        if self._velocities[index] is None:
            self._muon_step(gradient, variable, self._moments[index], rate)
        else:
            self._adam_step(gradient, variable, self._moments[index], self._velocities[index], rate)

    def _muon_step(self, gradient: Any, variable: Variable, momentum: Variable, rate: Any) -> None:
        self.assign(momentum, momentum.tensor * self.momentum + gradient)
        direction = gradient + self.momentum * momentum.tensor if self.nesterov else momentum.tensor
        step = self.zeropower_via_newtonschulz5(direction, self.ns_steps)
        self.assign_sub(variable, rate * self.lr_adjust(step))

    def _adam_step(self, gradient: Any, variable: Variable, momentum: Variable, velocity: Any, rate: Any) -> None:
        dtype = variable.dtype
        size = self.once(("adam", dtype), lambda: self._adam_size(rate, dtype))
        self.assign_add(momentum, (gradient - momentum.tensor) * (1.0 - self.adam_beta_1))
        self.assign_add(velocity, (ops.square(gradient) - velocity.tensor) * (1.0 - self.adam_beta_2))
        self.assign_sub(variable, momentum.tensor * size / (ops.sqrt(velocity.tensor) + self.epsilon))

    def _adam_size(self, rate: Any, dtype: str) -> Any:
        step = self.step_number(dtype)
        correction_1 = 1.0 - ops.power(ops.cast(self.adam_beta_1, dtype), step)
        correction_2 = 1.0 - ops.power(ops.cast(self.adam_beta_2, dtype), step)
        return rate * self.adam_lr_ratio * ops.sqrt(correction_2) / correction_1

    def lr_adjust(self, x: Any) -> Any:
        """Scale an orthogonal matrix so that its root mean square is `rms_rate`."""
        return x if self.rms_rate is None else x * (self.rms_rate * max(x.shape) ** 0.5)

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """Bring the singular values of a matrix near 1, by Newton and Schulz's iteration."""
        tall = x.shape[0] > x.shape[1]
        if tall:
            x = ops.transpose(x)
        x = x / (norm(x) + 1e-7)
        for _ in range(steps):
            square = ops.matmul(x, ops.transpose(x))
            x = self.muon_a * x + ops.matmul(self.muon_b * square + self.muon_c * ops.matmul(square, square), x)
        return ops.transpose(x) if tall else x

    def _apply_weight_decay(self, variables: Sequence[Variable]) -> None:
        learning_rate = self._get_current_learning_rate()
        for variable in variables:
            decay = self.adam_weight_decay if self._should_use_adamw(variable) else self.weight_decay
            if decay is not None and self._use_weight_decay(variable):
                value = variable.tensor
                variable.assign(value - value * self.rate(learning_rate, variable.dtype) * decay)
