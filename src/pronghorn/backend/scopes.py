"""Contexts that change what variables and calls do inside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pronghorn.graph.tensor import Tensor, as_tensor
from pronghorn.graph.variable import overlays
from pronghorn.variables import Variable


class StatelessScope:
    """A context in which variables have given values, and assignments change no variable.

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
        self.state_mapping: dict[int, Tensor] = {}
        for variable, value in state_mapping or ():
            if not isinstance(variable, Variable):
                raise ValueError(f"StatelessScope: the keys of state_mapping must be variables; got {variable!r}.")
            tensor = as_tensor(value)
            if tuple(tensor.shape) != tuple(variable.shape):
                raise ValueError(
                    f"StatelessScope: {variable.path!r} has shape {variable.shape}; its value in state_mapping has "
                    f"shape {tuple(tensor.shape)}."
                )
            self.state_mapping[id(variable)] = tensor

    def __enter__(self) -> StatelessScope:
        overlays.stack.append(self)
        return self

    def __exit__(self, *exception: Any) -> None:
        overlays.stack.pop()

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

    def get_current_value(self, variable: Variable) -> Tensor | None:
        """Return the value that a variable has in this scope, or None where it was neither given nor assigned."""
        return self.state_mapping.get(id(variable))


def in_stateless_scope() -> bool:
    """Return whether the caller is inside a `StatelessScope`."""
    return bool(overlays.stack)


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
