"""Contexts that change what variables and calls do inside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.engine.backends.engine import Engine, engine
from pronghorn.engine.backends.foreign_calls import engine_of
from pronghorn.engine.graph.tensor import Tensor, as_tensor
from pronghorn.engine.graph.variable import overlays
from pronghorn.variables import Variable


class StatelessScope:
    """A context in which variables have given values, and assignments change no variable.

    Where JAX traces one of the values, as in functions for `jax.grad` and `jax.jit`, what is computed inside is JAX's.

    Args:
        state_mapping: pairs of a variable and its value inside the scope.
        collect_losses: whether losses that layers add are kept in `losses`.
        initialize_variables: accepted; variables have their values from the start.

    Attributes:
        losses: what was added with `add_loss`.

    Raises:
        ValueError: if a key is no variable, or a value's shape is another.

    >>> import numpy as np
    >>> from pronghorn import Variable
    >>> v = Variable(np.zeros(2, "float32"))
    >>> with StatelessScope([(v, np.ones(2, "float32"))]) as scope:
    ...     _ = v.assign(v + 1.0)
    >>> scope.get_current_value(v).numpy(), v.numpy()
    (array([2., 2.], dtype=float32), array([0., 0.], dtype=float32))
    """

    def __init__(
        self,
        state_mapping: Iterable[tuple[Variable, Any]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ) -> None:
        self.collect_losses = collect_losses
        self.initialize_variables = initialize_variables
        self.losses: list[Any] = []
        self.state_mapping: dict[int, Any] = {}
        pairs = list(state_mapping or ())
        self._engine = _tracing_engine([value for _, value in pairs])
        self._variables: dict[int, Variable] = {}
        self._before: list[tuple[Any, ...]] = []
        self._outer: str | None = None
        for variable, value in pairs:
            if not isinstance(variable, Variable):
                raise ValueError(f"StatelessScope: the keys of state_mapping must be variables; got {variable!r}.")
            held = as_tensor(value) if self._engine is None else _array_of(self._engine, value)
            if tuple(held.shape) != tuple(variable.shape):
                raise ValueError(
                    f"StatelessScope: {variable.path!r} has shape {variable.shape}; its value in state_mapping has "
                    f"shape {tuple(held.shape)}."
                )
            self._variables[id(variable)] = variable
            self.state_mapping[id(variable)] = held

    def __enter__(self) -> StatelessScope:
        if self._engine is None:
            overlays.stack.append(self)
        else:
            of_engine = self._engine
            self._before = [v.substitute(of_engine, self.state_mapping[key]) for key, v in self._variables.items()]
            self._outer, overlays.engine = overlays.engine, of_engine.name
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._engine is None:
            overlays.stack.pop()
            return
        overlays.engine = self._outer
        for (key, variable), before in zip(self._variables.items(), self._before):
            self.state_mapping[key] = variable.on(self._engine)
            variable.restore(before)
        self._before = []

    def read(self, variable: Variable) -> Tensor | None:
        """Return the value of a variable inside the scope, or None where it has its own."""
        return self.state_mapping.get(id(variable))

    def write(self, variable: Variable, value: Tensor) -> None:
        """Keep an assignment."""
        self.state_mapping[id(variable)] = value

    def add_loss(self, loss: Any) -> None:
        """Keep a loss."""
        self.losses.append(loss)

    def add_update(self, update: tuple[Variable, Any]) -> None:
        """Keep an assignment given as a pair."""
        self.write(update[0], as_tensor(update[1]))

    def get_current_value(self, variable: Variable) -> Any:
        """Return the value that a variable has in this scope, or None where it was neither given nor assigned."""
        if self._before and self._engine is not None and id(variable) in self.state_mapping:
            return variable.on(self._engine)
        return self.state_mapping.get(id(variable))


def _tracing_engine(values: list[Any]) -> Engine | None:
    """The engine that traces one of the values, if its programs hand their state on as JAX's do."""
    for value in tree.flatten(values):
        name = engine_of([value])
        if name is not None and engine(name).takes_state and not engine(name).is_plain(value):
            return engine(name)
    return None


def _array_of(of_engine: Engine, value: Any) -> Any:
    return value if engine_of([value]) == of_engine.name else of_engine.from_numpy(np.asarray(value))


def in_stateless_scope() -> bool:
    """Return whether the caller is inside a `StatelessScope`."""
    return bool(overlays.stack or overlays.engine is not None)


class SymbolicScope:
    """A context that marks the symbolic building of a model; shapes are inferred the same way inside and outside.

    >>> from pronghorn import layers
    >>> with SymbolicScope():
    ...     outputs = layers.Dense(3)(layers.Input((2,)))
    >>> outputs.shape
    (None, 3)
    """

    def __enter__(self) -> SymbolicScope:
        return self

    def __exit__(self, *exception: Any) -> None:
        return None
