"""Loss scaling, for training in float16."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Unpack

from pronghorn import ops
from pronghorn.engine.graph.active import eager
from pronghorn.optimizers.arguments import OldArguments
from pronghorn.optimizers.conditional import update_if
from pronghorn.optimizers.optimizer import Optimizer
from pronghorn.optimizers.registry import deserialize, serialize
from pronghorn.utils.arguments import is_number
from pronghorn.variables import Variable

# The arguments that belong to the inner optimizer, with the values that old configs hold.
_INNER = {
    "weight_decay": None,
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}


class LossScaleOptimizer(Optimizer):
    """An optimizer around another that multiplies the loss, so that small gradients do not become zero in float16.

    A step whose gradients are not finite is left out and halves the scale; after `dynamic_growth_steps` finite ones the
    scale doubles.

    Args:
        inner_optimizer: the optimizer that updates the weights.
        initial_scale: the first scale.
        dynamic_growth_steps: see above.
        name: its name.
        **kwargs: none of `Optimizer`'s other arguments may be set; they belong to the inner optimizer.

    Raises:
        ValueError: for such an argument.

    Example:

    >>> from pronghorn import Variable, optimizers
    >>> weight = Variable([1.0])
    >>> optimizer = LossScaleOptimizer(optimizers.SGD(0.1), initial_scale=8.0)
    >>> loss = optimizer.scale_loss(0.5)
    >>> float(loss)
    4.0
    >>> optimizer.apply([[8.0]], [weight])
    >>> weight.numpy()
    array([0.9], dtype=float32)
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Unpack[OldArguments],
    ):
        if not isinstance(inner_optimizer, Optimizer):
            raise ValueError(f"LossScaleOptimizer: inner_optimizer must be an Optimizer, got {inner_optimizer!r}.")
        if not kwargs.pop("dynamic", True):
            raise ValueError("LossScaleOptimizer: for a fixed scale set `loss_scale_factor` of the inner optimizer.")
        unknown = [f"`{option}`" for option in kwargs if option not in _INNER]
        if unknown:
            raise ValueError(f"LossScaleOptimizer does not know the arguments: {', '.join(unknown)}.")
        for option, value in kwargs.items():
            if value is not _INNER[option] and not (is_number(value) and value == _INNER[option]):
                raise ValueError(
                    f"LossScaleOptimizer only scales: set `{option}` on the `inner_optimizer`, as in "
                    f"LossScaleOptimizer(Adam({option}={value!r}))."
                )
        super().__init__(learning_rate=0.0, name=name)
        inner_optimizer.loss_scale_factor = None  # this optimizer scales instead
        self.inner_optimizer = inner_optimizer
        self.initial_scale, self.dynamic_growth_steps = initial_scale, dynamic_growth_steps
        # made here and not in `build`, since the first loss is scaled before the first update
        self.step_counter = self.add_variable((), dtype="int32", name="step_counter")
        self.dynamic_scale = self.add_variable((), "ones", dtype="float32", name="dynamic_scale")
        self.dynamic_scale.assign(initial_scale)

    def build(self, variables: Sequence[Variable]) -> None:
        """Build the inner optimizer."""
        if self.built:
            return
        inner = self.inner_optimizer
        if not inner.built:
            inner.build(variables)
            for placeholder in inner._placeholders:  # in Keras's files they are there only without a loss scale
                inner._untrack(placeholder)
        super().build(variables)

    @property
    def variables(self) -> list[Variable]:
        """The own variables and those of the inner optimizer."""
        return self._variables + self.inner_optimizer.variables

    def _left_out(self, saved: int, read: Callable[[int], Any]) -> list[Any]:
        own = len(self._variables)
        return self.inner_optimizer._left_out(saved - own, lambda index: read(own + index))

    @property
    def learning_rate(self) -> Any:
        """The inner optimizer's learning rate."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    @property
    def iterations(self) -> Any:
        """How many times the inner optimizer updated the weights."""
        return self.inner_optimizer.iterations

    def scale_loss(self, loss: Any) -> Any:
        """Multiply a loss by the scale."""
        loss = ops.convert_to_tensor(loss)
        return loss * ops.cast(self.dynamic_scale.tensor, loss.dtype)

    def check_finite(self, grads: Sequence[Any]) -> Any:
        """Return whether all gradients are finite, a boolean scalar."""
        finite = [ops.all(ops.isfinite(g)) for g in grads if g is not None]
        result = finite[0]
        for one in finite[1:]:
            result = ops.logical_and(result, one)
        return result

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Update the weights unless a gradient is not finite; adapt the scale."""
        if not self.built:
            with eager():
                self.build(list(trainable_variables or []))
        variables = list(trainable_variables or self._trainable_variables)
        if all(g is None for g in grads):
            raise ValueError(f"{self.name}: no variable has a gradient.")
        finite = self.check_finite(grads)
        scale = self.dynamic_scale.tensor
        unscaled = [
            g if g is None or getattr(v, "overwrite_with_gradient", False) else g / ops.cast(scale, g.dtype)
            for g, v in zip(map(_tensor, grads), variables)
        ]
        update_if(
            finite,
            [*variables, *self.inner_optimizer.variables],
            lambda: self.inner_optimizer.apply(unscaled, variables),
        )
        grown = ops.equal(self.step_counter.tensor, self.dynamic_growth_steps - 1)
        count = ops.where(grown, 0, self.step_counter.tensor + 1)
        self.step_counter.assign(ops.where(finite, count, 0))
        self.dynamic_scale.assign(ops.where(finite, ops.where(grown, scale * 2.0, scale), scale / 2.0))

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """See `Optimizer.finalize_variable_values`."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this optimizer."""
        return {
            "name": self.name,
            "inner_optimizer": serialize(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> LossScaleOptimizer:
        """Build an optimizer from `get_config`'s result."""
        inner = deserialize(config["inner_optimizer"], custom_objects=custom_objects)
        return cls(**{**config, "inner_optimizer": inner})


def _tensor(grad: Any) -> Any:
    return None if grad is None else ops.convert_to_tensor(grad)
