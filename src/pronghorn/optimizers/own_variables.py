"""The variables that an optimizer has of its own: the number of steps, the learning rate, slots for each weight."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from pronghorn._wording import counted
from pronghorn.engine.graph.user_code import warn
from pronghorn.placement.active import distribution
from pronghorn.utils.naming import NameScope
from pronghorn.variables import Variable


class OwnVariables:
    """Makes the variables of an optimizer, lists them in the order of their creation, and saves and loads them."""

    name: str
    built: bool
    _variables: list[Variable]

    @property
    def variables(self) -> list[Variable]:
        """The step count, the learning rate and the slots, in the order of their creation."""
        return self._variables[:]

    def _track(self, variable: Variable) -> None:
        self._variables.append(variable)

    def _untrack(self, variable: Variable) -> None:
        self._variables = [v for v in self._variables if v is not variable]

    def add_variable(
        self,
        shape: Any,
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Create and track a variable of the optimizer.

        Args:
            shape: its shape.
            initializer: as for any variable.
            dtype: its element type.
            aggregation: kept for compatibility.
            layout: how it lies on several devices; whole on each by default.
            name: its name.
        """
        if layout is None and (found := distribution()) is not None:
            layout = found.whole(len(shape))
        with NameScope(self.name, caller=self):
            variable = Variable(
                initializer,
                shape=tuple(shape),
                dtype=dtype,
                trainable=False,
                aggregation=aggregation,
                layout=layout,
                name=name,
            )
        self._track(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """Create and track a slot with the shape and type of a weight.

        Args:
            reference_variable: the weight.
            name: the slot's role, such as `"momentum"`; the weight's own path comes before it.
            initializer: as for any variable.
        """
        path = getattr(reference_variable, "path", reference_variable.name).replace("/", "_")
        dtype = getattr(reference_variable, "storage_dtype", reference_variable.dtype)
        layout = getattr(reference_variable, "layout", None)
        slot = self.add_variable(
            reference_variable.shape, initializer, dtype=dtype, layout=layout, name=f"{path}_{name or 'slot'}"
        )
        slot.laid_like = reference_variable  # also where that is laid out later
        return slot

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """Create a slot for each weight; a list of names gives a tuple of such lists.

        Args:
            trainable_variables: the weights.
            name: the slot's role, or a list of roles.
            initializer: for all of them, or one for each role.
        """
        names = [name] if isinstance(name, str) else list(name)
        initializers = (
            [initializer] * len(names) if isinstance(name, str) or isinstance(initializer, str) else initializer
        )
        if len(names) != len(initializers):
            raise ValueError(
                f"add_optimizer_variables: {counted(len(names), 'name')} but "
                f"{counted(len(initializers), 'initializer')}."
            )
        slots: tuple[list[Variable | None], ...] = tuple([] for _ in names)
        for variable in trainable_variables:
            for slot, role, init in zip(slots, names, initializers):
                direct = getattr(variable, "overwrite_with_gradient", False)
                slot.append(None if direct else self.add_variable_from_reference(variable, role, init))
        return slots[0] if isinstance(name, str) else slots

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Assign all of `variables`.

        Raises:
            ValueError: if the number or a shape does not fit, or the optimizer has no slots yet.
        """
        if not self.built:
            raise ValueError(
                f"You are calling set_weights() of {self.name!r} before its slot variables exist; they are created at "
                "the first step, or by build(model.trainable_variables)."
            )
        if len(weights) != len(self.variables):
            raise ValueError(
                f"{self.name} has {counted(len(self.variables), 'variable')}, but "
                f"{counted(len(weights), 'weight')} came."
            )
        for variable, weight in zip(self.variables, weights):
            variable.assign(weight)

    def save_own_variables(self, store: Any) -> None:
        """Write the variables to a store, under `"0"`, `"1"`, ..."""
        for i, variable in enumerate(self.variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Read the variables from a store; it warns and reads nothing if their number differs."""

        def read(index: int) -> Any:
            return store[str(index)]

        saved = len(store.keys())
        left_out = self._left_out(saved, read)
        if saved + len(left_out) != len(self.variables):
            hint = "" if self.built else " It has no slots yet: train or build the model before loading."
            warn(
                f"Skipping the variables of the optimizer {self.name!r}: it has {len(self.variables)}, and "
                f"{saved} are saved.{hint}"
            )
            return
        for variable, value in zip(self.variables, itertools.chain(map(read, range(saved)), left_out)):
            variable.assign(value)

    def _left_out(self, saved: int, read: Callable[[int], Any]) -> list[Any]:
        """The values of the last variables, where files that do not hold them have what they follow from.

        Args:
            saved: how many a file holds.
            read: gives the value of one of them.
        """
        return []
