"""Adafactor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from pronghorn import ops
from pronghorn.optimizers.arguments import OldArguments
from pronghorn.optimizers.optimizer import Optimizer
from pronghorn.variables import Variable


def _root_mean_square(x: Any) -> Any:
    return ops.sqrt(ops.mean(ops.square(x)))


class Adafactor(Optimizer):
    """Adam with little memory: squares kept by rows and columns (arXiv 1804.04235).

    Args:
        learning_rate: see `Optimizer`.
        beta_2_decay: the power of the step by which the means of the squares slow down.
        epsilon_1: added to the squares.
        epsilon_2: least size of a weight, for steps relative to it.
        clip_threshold: limit of the root mean square of a step.
        relative_step: accepted; the rate never exceeds one by the root of the step.
        **kwargs: see `Optimizer` for these and for the other arguments.

    Example:

    >>> from pronghorn import Variable
    >>> weight = Variable([1.0, 2.0])
    >>> optimizer = Adafactor(learning_rate=0.1)
    >>> optimizer.apply([[0.5, -0.5]], [weight])
    >>> weight.numpy().round(4)
    array([0.8419, 2.1581], dtype=float32)
    """

    setting_names = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
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
        """Create the slots: rows and columns for matrices, all squares for vectors."""
        if self.built:
            return
        super().build(variables)
        self._r: list[Variable] = []
        self._c: list[Variable] = []
        self._v: list[Variable] = []
        for variable in variables:
            shape = variable.shape
            factored = len(shape) >= 2
            dtype = variable.storage_dtype if factored else "int32"  # as in Keras's files, where nothing is kept
            rows, columns = (shape[:-1], (*shape[:-2], shape[-1])) if factored else ((), ())
            self._r.append(self.add_variable(rows, dtype=dtype, name=f"{variable.name}_rows"))
            self._c.append(self.add_variable(columns, dtype=dtype, name=f"{variable.name}_columns"))
            if not factored:
                self._placeholders += [self._r[-1], self._c[-1]]
            self._v.append(self.add_variable_from_reference(variable, "velocity"))

    def _mixing(self, dtype: str) -> Any:
        return 1.0 - ops.power(self.step_number(dtype), self.beta_2_decay)

    def _base_rate(self, learning_rate: Any, dtype: str) -> Any:
        return ops.minimum(self.rate(learning_rate, dtype), ops.rsqrt(self.step_number(dtype)))

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Update one weight."""
        dtype = variable.dtype
        gradient = ops.cast(gradient, dtype)
        rate = self.once(("adafactor rate", dtype), lambda: self._base_rate(learning_rate, dtype))
        mixing = self.once(("adafactor mixing", dtype), lambda: self._mixing(dtype))
        index = self._get_variable_index(variable)
        rows, columns, velocity = self._r[index], self._c[index], self._v[index]
        squares = ops.square(gradient) + self.epsilon_1
        if len(variable.shape) >= 2:
            self.assign(rows, mixing * rows.tensor + (1.0 - mixing) * ops.mean(squares, axis=-1))
            self.assign(columns, mixing * columns.tensor + (1.0 - mixing) * ops.mean(squares, axis=-2))
            share = rows.tensor / ops.mean(rows.tensor, axis=-1, keepdims=True)
            self.assign(velocity, ops.expand_dims(share, -1) * ops.expand_dims(columns.tensor, -2))
        else:
            self.assign(velocity, mixing * velocity.tensor + (1.0 - mixing) * squares)
        step = gradient * ops.rsqrt(velocity.tensor)
        step = step / ops.maximum(1.0, _root_mean_square(step) / self.clip_threshold)
        size = rate * ops.maximum(self.epsilon_2, _root_mean_square(variable.tensor))
        self.assign_sub(variable, size * step)
