"""Several optimizers for one model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from pronghorn._wording import shown
from pronghorn.optimizers.loss_scale_optimizer import LossScaleOptimizer
from pronghorn.optimizers.optimizer import Optimizer
from pronghorn.optimizers.registry import deserialize, serialize
from pronghorn.serialization import budget
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object
from pronghorn.variables import Variable


class OptimizerMap(MutableMapping):
    """Optimizers by regular expressions that match whole variable paths.

    Args:
        default_optimizer: for variables that no expression matches.
        optimizer_map: expressions and optimizers.

    >>> from pronghorn.optimizers import SGD, Adam
    >>> optimizers = OptimizerMap(SGD(), {"encoder/.*": Adam()})
    >>> len(optimizers)
    1
    """

    def __init__(self, default_optimizer: Optimizer, optimizer_map: dict[str, Optimizer] | None = None):
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(f"OptimizerMap: default_optimizer must be an Optimizer, got {shown(default_optimizer)}.")
        if optimizer_map is not None and not isinstance(optimizer_map, Mapping):
            raise TypeError(
                "OptimizerMap: optimizer_map must be a dictionary from expressions to optimizers, got "
                f"{shown(optimizer_map)}."
            )
        self._default_optimizer = default_optimizer
        self._optimizer_map: dict[str, Optimizer] = {}
        for expression, optimizer in (optimizer_map or {}).items():
            budget.check_pattern(expression)
            self[expression] = optimizer

    @property
    def default_optimizer(self) -> Optimizer:
        """The optimizer of what no expression matches."""
        return self._default_optimizer

    def __getitem__(self, key: str) -> Optimizer:
        if key in self._optimizer_map:
            return self._optimizer_map[key]
        matching = [pattern for pattern in self._optimizer_map if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(
                f"OptimizerMap: the path {key!r} matches {len(matching)} expressions, {', '.join(matching)}; make them "
                "exclude each other."
            )
        return self._optimizer_map[matching[0]] if matching else self._default_optimizer

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if key in self._optimizer_map:
            raise ValueError(f"OptimizerMap: {key!r} has an optimizer already; delete it first.")
        if not isinstance(optimizer, Optimizer):
            raise ValueError(f"OptimizerMap: {key!r} needs an Optimizer, got {optimizer!r}.")
        if _is_wrapper(optimizer):
            raise ValueError(
                f"OptimizerMap: an optimizer cannot be {type(optimizer).__name__}. Wrap the whole instead."
            )
        self._optimizer_map[key] = optimizer

    def __delitem__(self, key: str) -> None:
        del self._optimizer_map[key]

    def __len__(self) -> int:
        return len(self._optimizer_map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._optimizer_map)

    def __call__(self, variable: Variable) -> Optimizer:
        return self[variable.path]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this map."""
        return {
            "default_optimizer": serialize(self._default_optimizer),
            "optimizer_map": {key: serialize(value) for key, value in self._optimizer_map.items()},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> OptimizerMap:
        """Build a map from `get_config`'s result."""
        default = deserialize(config["default_optimizer"], custom_objects=custom_objects)
        others = {k: deserialize(v, custom_objects=custom_objects) for k, v in config["optimizer_map"].items()}
        return cls(default, others)


def _is_wrapper(optimizer: Any) -> bool:
    return isinstance(optimizer, MultiOptimizer | LossScaleOptimizer)


class MultiOptimizer(Optimizer):
    """An optimizer that gives each weight to the one of several optimizers that is meant for it.

    Args:
        optimizer_map: an `OptimizerMap`, or a callable from a variable to an optimizer.
        loss_scale_factor: takes the place of that of the single optimizers, also if it is None.
        name: its name.

    Example:

    >>> from pronghorn import optimizers
    >>> slow, fast = optimizers.SGD(0.01), optimizers.Adam(0.1)
    >>> optimizer = MultiOptimizer(lambda variable: slow if "embedding" in variable.path else fast, name="two_rates")
    >>> optimizer.name
    'two_rates'
    """

    def __init__(
        self,
        optimizer_map: OptimizerMap | Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ):
        if isinstance(optimizer_map, Optimizer):
            optimizer_map = OptimizerMap(optimizer_map)
        if not callable(optimizer_map):
            raise ValueError(
                f"MultiOptimizer: optimizer_map must be an OptimizerMap or a callable from a variable to an optimizer, "
                f"got {optimizer_map!r}."
            )
        super().__init__(learning_rate=0.0, loss_scale_factor=None, name=name)
        self.optimizer_map = optimizer_map
        self._loss_scale_factor = loss_scale_factor
        self._optimizers: list[Optimizer] = []
        self._owner: dict[int, Optimizer] = {}

    @property
    def loss_scale_factor(self) -> float | None:
        """The factor of the loss."""
        return getattr(self, "_loss_scale_factor", None)

    @loss_scale_factor.setter
    def loss_scale_factor(self, value: float | None) -> None:
        self._loss_scale_factor = value
        for optimizer in getattr(self, "_optimizers", []):
            optimizer.loss_scale_factor = value

    @property
    def optimizers(self) -> list[Optimizer]:
        """The single optimizers; where they come from a function, once built."""
        if self._optimizers or not isinstance(self.optimizer_map, OptimizerMap):
            return list(self._optimizers)
        return self._mapped()

    def _mapped(self) -> list[Optimizer]:
        every = (*self.optimizer_map.values(), self.optimizer_map.default_optimizer)
        return list({id(optimizer): optimizer for optimizer in every}.values())

    def build(self, variables: Sequence[Variable]) -> None:
        """Ask for the optimizer of each weight, and build them."""
        if self.built:
            return
        groups: dict[int, tuple[Optimizer, list[Variable]]] = {}
        if isinstance(self.optimizer_map, OptimizerMap):
            groups = {id(optimizer): (optimizer, []) for optimizer in self._mapped()}
        for variable in variables:
            optimizer = self.optimizer_map(variable)
            if _is_wrapper(optimizer):
                raise ValueError(
                    f"A MultiOptimizer takes no {type(optimizer).__name__}; give it the optimizer that this one wraps."
                )
            groups.setdefault(id(optimizer), (optimizer, []))[1].append(variable)
            self._owner[id(variable)] = optimizer
        for optimizer, own in groups.values():
            optimizer.build(own)
            optimizer.loss_scale_factor = self._loss_scale_factor
            self._optimizers.append(optimizer)
        super().build(variables)

    @property
    def variables(self) -> list[Variable]:
        """The own variables and those of the single optimizers."""
        return [*self._variables, *(v for o in self._optimizers for v in o.variables)]

    @property
    def learning_rate(self) -> Any:
        """Not defined: each of `optimizers` has its own."""
        raise AttributeError(
            "MultiOptimizer has no learning rate of its own; read or set it on its single optimizers, in `optimizers`."
        )

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise AttributeError(
            "MultiOptimizer has no learning rate of its own; read or set it on its single optimizers, in `optimizers`."
        )

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Update the weights, each by its own optimizer."""
        grads = list(grads)
        variables = self._known_variables(grads, trainable_variables)
        for optimizer in self._optimizers:
            own = [(g, v) for g, v in zip(grads, variables) if self._owner[id(v)] is optimizer]
            if own:
                optimizer.apply([g for g, _ in own], [v for _, v in own])
        self._iterations.assign_add(1)

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """See `Optimizer.finalize_variable_values`."""
        for optimizer in self._optimizers:
            optimizer.finalize_variable_values([v for v in var_list if self._owner.get(id(v)) is optimizer])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this optimizer."""
        return {
            "optimizer_map": serialize_keras_object(self.optimizer_map),
            "loss_scale_factor": self._loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> MultiOptimizer:
        """Build an optimizer from `get_config`'s result."""
        config = {**config, "optimizer_map": deserialize_keras_object(config["optimizer_map"], custom_objects)}
        return cls(**config)
