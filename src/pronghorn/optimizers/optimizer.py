"""The base class of optimizers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Unpack

from pronghorn import config, ops
from pronghorn._wording import counted
from pronghorn.engine.backends.foreign_calls import on_its_engine
from pronghorn.engine.graph.active import eager, scope
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.user_code import warn
from pronghorn.optimizers import clipping, schedules
from pronghorn.optimizers.arguments import OldArguments, check_shared_arguments, not_recognized
from pronghorn.optimizers.conditional import update_if
from pronghorn.optimizers.own_variables import OwnVariables
from pronghorn.optimizers.schedules import LearningRateSchedule
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object
from pronghorn.utils.arguments import RATE, CheckedArguments, arguments, check, is_number
from pronghorn.utils.naming import NameScope, auto_name
from pronghorn.utils.reprs import ShownByConfig
from pronghorn.variables import Variable


class Optimizer(OwnVariables, ShownByConfig, CheckedArguments):
    """An optimizer: override `update_step`, and `build` to create slot variables.

    Everything it does is ops on variables, so inside a compiled training step it becomes part of the step.

    Args:
        learning_rate: a number, a `schedules.LearningRateSchedule`, or a callable without arguments.
        weight_decay: if set, weights shrink by this share of the learning rate each step.
        clipnorm: limit of the norm of each gradient.
        clipvalue: limit of the size of each element of the gradients.
        global_clipnorm: limit of the common norm of all gradients. Only one of the three may be set.
        use_ema: whether to keep an exponential moving average of the weights.
        ema_momentum: weight of the old average, 0 to 1.
        ema_overwrite_frequency: every how many steps the weights become their average; by default at the end only.
        loss_scale_factor: the loss is multiplied by it and the gradients divided, against underflow.
        gradient_accumulation_steps: update only every so many steps, by the mean of their gradients.
        name: its name, the first part of its variables' paths.

    Raises:
        ValueError: for arguments that are unknown or do not fit together.

    Example:

    >>> from pronghorn import optimizers
    >>> weight = Variable([1.0, 2.0])
    >>> optimizers.SGD(learning_rate=0.1, clipvalue=0.2).apply([[0.5, -0.1]], [weight])
    >>> weight.numpy()
    array([0.98, 2.01], dtype=float32)
    """

    #: What a kind of optimizer has besides, in the order of the configuration.
    setting_names: tuple[str, ...] = ()

    _takes_own_integers = True

    def __init__(
        self,
        learning_rate: Any,
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
        if kwargs.pop("decay", None) is not None:
            warn("`decay` is not supported and is ignored; pass a learning-rate schedule.")
        if kwargs:
            raise ValueError(not_recognized(type(self), kwargs))
        check_shared_arguments(
            type(self).__name__, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            gradient_accumulation_steps,
        )  # fmt: skip
        self.name = name or auto_name(type(self).__name__)
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema, self.ema_momentum = use_ema, ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.built = False
        self._variables = []
        self._trainable_variables: list[Variable] = []
        self._placeholders: list[Variable] = []  # of `_variables`, those that nothing reads
        self._positions: dict[int, int] = {}
        self._no_decay: set[int] = set()
        self._no_decay_patterns: list[str] = []
        self._scalars: dict[Any, Any] | None = None  # per step; None outside of `apply`
        with NameScope(self.name, caller=self):
            self._iterations = Variable(0, dtype="int32", trainable=False, name="iteration")
            self._track(self._iterations)
            self._learning_rate: Any = self._as_learning_rate(learning_rate)

    # -- learning rate and step count -------------------------------------------------------------------------------
    def _as_learning_rate(self, value: Any) -> Any:
        if isinstance(value, LearningRateSchedule) or (callable(value) and not isinstance(value, Variable)):
            return value

        rate = Variable(float(value), dtype=config.floatx(), trainable=False, name="learning_rate")
        self._track(rate)
        return rate

    @property
    def learning_rate(self) -> Any:
        """The learning rate now. Assigning a number changes it; assigning a schedule replaces it."""
        rate = self._learning_rate
        if isinstance(rate, LearningRateSchedule):
            return rate(self._iterations)
        return rate if isinstance(rate, Variable) or not callable(rate) else rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        old = self._learning_rate
        if not is_number(value) and not callable(value) and getattr(value, "shape", None) is None:
            check(type(self).__name__, "learning_rate", value, RATE)
        if isinstance(value, LearningRateSchedule) or (callable(value) and not hasattr(value, "__array__")):
            self._learning_rate = value
            if isinstance(old, Variable):
                self._untrack(old)
        elif isinstance(old, LearningRateSchedule):
            raise TypeError(
                f"{type(self).__name__}: the learning rate cannot be set to the number {value!r}. This optimizer was "
                f"created with a `LearningRateSchedule`, {type(old).__name__}, which decides it. Create the optimizer "
                "with a number, leave out callbacks that change the rate, or assign another schedule."
            )
        elif isinstance(old, Variable):
            old.assign(value)
        else:
            with NameScope(self.name, caller=self):
                self._learning_rate = self._as_learning_rate(value)

    @property
    def iterations(self) -> Any:
        """How many times the weights were updated."""
        if self.gradient_accumulation_steps:
            return ops.floor_divide(self._iterations, self.gradient_accumulation_steps)
        return self._iterations

    def _get_current_learning_rate(self) -> Any:
        return self.learning_rate

    def once(self, key: Any, compute: Callable[[], Any]) -> Any:
        """Return a scalar of this step, such as a bias correction, computed for the first variable only."""
        if self._scalars is None:
            return compute()
        if key not in self._scalars:
            self._scalars[key] = compute()
        return self._scalars[key]

    def step_number(self, dtype: str) -> Tensor:
        """The number of this update as a scalar of type `dtype`, counted from 1."""
        return self.once(("step", dtype), lambda: ops.cast(self.iterations, dtype) + 1.0)

    def rate(self, learning_rate: Any, dtype: str) -> Tensor:
        """A learning rate as a scalar of type `dtype`."""
        return self.once(("rate", id(learning_rate), dtype), lambda: ops.cast(learning_rate, dtype))

    # -- variables --------------------------------------------------------------------------------------------------
    def build(self, variables: Sequence[Variable]) -> None:
        """Create the slots for the weights; subclasses call this first."""
        if self.built:
            return
        variables = list(variables)
        self._trainable_variables = variables
        self._positions = {id(v): i for i, v in enumerate(variables)}
        self._model_variables_moving_average: list[Variable] = []
        self._accumulated_gradients: list[Variable] = []
        if self.use_ema:
            self._model_variables_moving_average = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self._accumulated_gradients = [
                self.add_variable_from_reference(v, "gradient_accumulator") for v in variables
            ]
        self.built = True

    def _get_variable_index(self, variable: Variable) -> int:
        return self._positions[id(variable)]

    # -- the step ---------------------------------------------------------------------------------------------------
    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Any:
        """Update the weights of pairs (gradient, weight), such as `zip(gradients, weights)`; return the step count.

        Raises:
            ValueError: for what are no such pairs; see also `apply`.
        """
        pairs = list(grads_and_vars)
        if not all(isinstance(pair, tuple | list) and len(pair) == 2 and hasattr(pair[1], "assign") for pair in pairs):
            raise ValueError(
                f"{self.name}: apply_gradients takes pairs of a gradient and its weight; got a list of {len(pairs)} "
                f"whose first entry is {_kind_of(pairs[0])}. Write optimizer.apply_gradients(zip(gradients, "
                "model.trainable_variables)), or optimizer.apply(gradients, model.trainable_variables)."
            )
        if not pairs:
            raise ValueError(f"{self.name}: apply_gradients was given no pairs of a gradient and its weight.")
        grads, variables = zip(*pairs)
        self.apply(list(grads), list(variables))
        return self._iterations

    @on_its_engine
    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Update the weights.

        Args:
            grads: a gradient, or None, for each weight.
            trainable_variables: the weights; those of `build` by default.

        Raises:
            ValueError: if numbers differ, a weight is unknown, or no gradient is given.
        """
        grads = list(grads)
        variables = self._known_variables(grads, trainable_variables)
        pairs = self._with_gradient(list(zip(grads, variables)))
        if pairs:
            outer, self._scalars = self._scalars, {}
            try:
                with NameScope(self.name, caller=self), scope(self.name):
                    self._apply_pairs(pairs)
            finally:
                self._scalars = outer
        self._iterations.assign_add(1)

    def _known_variables(self, grads: list[Any], variables: Sequence[Variable] | None) -> list[Variable]:
        if variables is None:
            if not self.built:
                raise ValueError(f"{self.name}: the first call of `apply` needs `trainable_variables`.")
            if len(grads) != len(self._trainable_variables):
                raise ValueError(
                    f"{self.name}: {counted(len(grads), 'gradient')} came for {len(self._trainable_variables)} "
                    "trainable "
                    "variables; pass one, or None, for each."
                )
            return self._trainable_variables
        variables = list(variables)
        if len(grads) != len(variables):
            raise ValueError(
                f"{self.name}: {counted(len(grads), 'gradient')} came for {counted(len(variables), 'variable')}."
            )
        if not self.built:
            with eager(), NameScope(self.name, caller=self):  # eagerly: slots start once, not at every step
                self.build(variables)
            self.built = True
        for variable in variables:
            if id(variable) not in self._positions:
                raise ValueError(
                    f"Unknown variable {variable.path!r}: the optimizer {self.name!r} was built for other variables. "
                    "Create a new optimizer (or compile the model again) after changing what is trained."
                )
        return variables

    def _with_gradient(self, pairs: list[tuple[Any, Variable]]) -> list[tuple[Any, Variable]]:
        kept = [(g, v) for g, v in pairs if g is not None]
        if pairs and not kept:
            raise ValueError(
                f"{self.name}: no variable has a gradient, since the loss does not depend on the weights. "
                "Compute the loss from the model's output, with ops."
            )
        for gradient, variable in kept:
            shape = getattr(gradient, "shape", variable.shape)
            if tuple(shape) != tuple(variable.shape):
                raise ValueError(
                    f"{self.name}: the gradient for the variable {variable.path!r} of shape {variable.shape} has shape "
                    f"{tuple(shape)}; are the gradients in the order of the variables?"
                )
        missing = [v.path for g, v in pairs if g is None]
        if missing:
            warn(
                f"Gradients do not exist for the variables {', '.join(missing)}: the loss does not depend on them, "
                "and they stay as they are."
            )
        return kept

    def _apply_pairs(self, pairs: list[tuple[Any, Variable]]) -> None:
        direct = [(g, v) for g, v in pairs if _is_direct(v)]
        pairs = [(g, v) for g, v in pairs if not _is_direct(v)]
        if self.loss_scale_factor is not None:
            pairs = [(g / self.loss_scale_factor, v) for g, v in pairs]
        if self.gradient_accumulation_steps:
            self._accumulate(pairs, direct, self.gradient_accumulation_steps)
        else:
            self._update(pairs, direct)
        if not pairs:
            return
        if self.use_ema:
            self._update_average([v for v in self._trainable_variables if not _is_direct(v)])
        for _, variable in pairs:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable.tensor))

    def _accumulate(self, pairs: list[tuple[Any, Variable]], direct: list[tuple[Any, Variable]], steps: int) -> None:
        every = [v for _, v in (*pairs, *direct)]
        accumulators = {id(v): self._accumulated_gradients[self._get_variable_index(v)] for v in every}
        for grad, variable in pairs:
            accumulators[id(variable)].assign_add(grad)
        for value, variable in direct:  # of values, the greatest counts, as in Keras
            accumulators[id(variable)].assign(ops.maximum(accumulators[id(variable)].tensor, value))
        is_update = ops.equal(ops.mod(self._iterations + 1, steps), 0)

        def update() -> None:
            means = [(accumulators[id(v)].tensor / float(steps), v) for _, v in pairs]
            self._update(means, [(accumulators[id(v)].tensor, v) for _, v in direct])
            for accumulator in accumulators.values():
                accumulator.assign(ops.zeros_like(accumulator.tensor))

        touched = [v for v in self._variables if v is not self._iterations and v is not self._learning_rate]
        update_if(is_update, [*every, *touched], update)

    def _update(self, pairs: list[tuple[Any, Variable]], direct: list[tuple[Any, Variable]]) -> None:
        for value, variable in direct:
            variable.assign(value)
        if not pairs:
            return
        variables = [v for _, v in pairs]
        grads = self._clip_gradients([g for g, _ in pairs])
        self._apply_weight_decay(variables)
        self._backend_update_step(grads, variables, self._get_current_learning_rate())

    def _backend_update_step(self, grads: list[Any], trainable_variables: list[Variable], learning_rate: Any) -> None:
        for grad, variable in zip(grads, trainable_variables):
            self.update_step(grad, variable, learning_rate)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Update one weight; to be overridden."""
        raise NotImplementedError(f"{type(self).__name__}: an optimizer must define `update_step`.")

    def assign(self, variable: Variable, value: Any) -> None:
        """Assign to a weight or a slot."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Add to a weight or a slot."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtract from a weight or a slot."""
        variable.assign_sub(value)

    @on_its_engine
    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Compute an update from given values, leaving the variables as they are.

        Args:
            optimizer_variables: a value for each of `variables`.
            grads: a gradient for each weight.
            trainable_variables: a value for each weight.

        Returns:
            The new values of the weights and of `variables`.

        Raises:
            ValueError: if the optimizer is not built or a number of values differs.
        """
        if not self.built:
            raise ValueError(f"{self.name}: stateless_apply needs the slots; call build(variables) first.")
        weights, own = self._trainable_variables, self.variables
        if len(optimizer_variables) != len(own) or len(trainable_variables) != len(weights):
            raise ValueError(
                f"{self.name}: stateless_apply needs {len(own)} optimizer variables and {len(weights)} trainable "
                f"variables, got {len(optimizer_variables)} and {len(trainable_variables)}."
            )
        everything = [*weights, *own]
        saved = [v.tensor for v in everything]
        try:
            for variable, value in zip(everything, [*trainable_variables, *optimizer_variables]):
                variable.assign(value)
            self.apply(grads, weights)
            return [v.tensor for v in weights], [v.tensor for v in own]
        finally:
            for variable, value in zip(everything, saved):
                variable.assign(value)

    # -- loss scale, clipping, decay, average -----------------------------------------------------------------------
    def scale_loss(self, loss: Any) -> Any:
        """Multiply a loss by `loss_scale_factor`, if there is one."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def _set_up(self, values: dict[str, Any]) -> None:
        """What the constructor of a kind of optimizer does, given its ``locals()``: its signature says the rest."""
        given = arguments(values)
        own = {name: given.pop(name) for name in self.setting_names}
        Optimizer.__init__(self, **given)
        vars(self).update(own)

    def _clip_gradients(self, grads: list[Any]) -> list[Any]:
        """The gradients within the limit that was given: the constructor allows one."""
        if (self.global_clipnorm or 0) > 0:
            return clipping.clip_by_global_norm(grads, self.global_clipnorm)
        for limit, clip in ((self.clipnorm, clipping.clip_by_norm), (self.clipvalue, clipping.clip_by_value)):
            if (limit or 0) > 0:
                return [clip(gradient, limit) for gradient in grads]
        return grads

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Any = None) -> None:
        """Name weights that do not decay; before the first step.

        Args:
            var_list: the weights themselves.
            var_names: regular expressions of names or paths.

        Raises:
            ValueError: once the optimizer is built.
        """
        if self.built:
            raise ValueError(
                f"{self.name}: exclude_from_weight_decay comes too late: call it before the first training step, "
                "which builds the optimizer."
            )
        self._no_decay = {id(v) for v in var_list or []}
        self._no_decay_patterns = list(var_names or [])

    def _use_weight_decay(self, variable: Variable) -> bool:
        if id(variable) in self._no_decay:
            return False
        return not any(re.search(p, variable.name) or re.search(p, variable.path) for p in self._no_decay_patterns)

    def _apply_weight_decay(self, variables: Sequence[Variable]) -> None:
        if self.weight_decay is None:
            return
        learning_rate = self._get_current_learning_rate()
        for variable in variables:
            if self._use_weight_decay(variable):
                dtype = variable.dtype
                decay = self.once(
                    ("decay", dtype), lambda dtype=dtype: self.rate(learning_rate, dtype) * self.weight_decay
                )
                variable.assign(variable.tensor - variable.tensor * decay)

    def _update_average(self, variables: Sequence[Variable]) -> None:
        for variable in variables:
            average = self._model_variables_moving_average[self._get_variable_index(variable)]
            not_first = ops.cast(ops.not_equal(self.iterations, 0), average.dtype)
            momentum = not_first * self.ema_momentum
            average.assign(momentum * average.tensor + (1.0 - momentum) * variable.tensor)
        if self.ema_overwrite_frequency:
            due = ops.equal(ops.mod(self.iterations + 1, self.ema_overwrite_frequency), 0)
            for variable in variables:
                average = self._model_variables_moving_average[self._get_variable_index(variable)]
                variable.assign(ops.where(due, average.tensor, variable.tensor))

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """At the end of training: with `use_ema`, set weights to their moving averages.

        Args:
            var_list: the weights, with all that the optimizer was built for; others have no average, and stay as they
                are.

        Raises:
            ValueError: if some of those that the optimizer was built for are missing.
        """
        if not self.use_ema:
            return
        known = [v for v in var_list if id(v) in self._positions]
        if len(known) != len(self._trainable_variables):
            raise ValueError(
                f"{self.name}: finalize_variable_values needs the {len(self._trainable_variables)} weights that the "
                f"optimizer was built for, got {counted(len(list(var_list)), 'variable')}."
            )
        for variable in known:
            variable.assign(self._model_variables_moving_average[self._get_variable_index(variable)].tensor)

    # -- config -----------------------------------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this optimizer, its state excepted."""
        rate = self._learning_rate
        if isinstance(rate, LearningRateSchedule):
            shown: Any = schedules.serialize(rate)
        elif isinstance(rate, Variable):
            shown = float(rate.numpy())
        elif callable(rate):
            shown = serialize_keras_object(rate)
        else:
            shown = 0.5
        return {
            "name": self.name,
            "learning_rate": shown,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
            **{name: getattr(self, name) for name in self.setting_names},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Optimizer:
        """Build an optimizer from `get_config`'s result."""
        rate = config.get("learning_rate")
        if isinstance(rate, dict):
            config = {**config, "learning_rate": deserialize_keras_object(rate, custom_objects=custom_objects)}
        return cls(**config)


def _kind_of(x: Any) -> str:
    """What a value is, with its shape where it has one."""
    shape = getattr(x, "shape", None)
    return f"a {type(x).__name__}" if shape is None else f"a {type(x).__name__} of shape {tuple(shape)}"


def _is_direct(variable: Variable) -> bool:
    """Whether the variable's 'gradient' is its new value."""
    return getattr(variable, "overwrite_with_gradient", False)
