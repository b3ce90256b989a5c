"""Finding an object of one kind (initializers, losses, metrics, ...) by name or configuration."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from pronghorn._lazy import nearest_clause
from pronghorn._wording import shown
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object
from pronghorn.serialization.registration import get_registered_object
from pronghorn.utils.arguments import cannot_take
from pronghorn.utils.naming import to_snake_case

#: The short names of losses, which metrics have as well; capital letters are as good.
SHORT = {
    "bce": "BinaryCrossentropy",
    "kld": "KLDivergence",
    "mae": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "mse": "MeanSquaredError",
    "msle": "MeanSquaredLogarithmicError",
}


def names_of(classes: Iterable[type]) -> dict[str, Any]:
    """Classes by their names: ``"HeNormal"`` and ``"he_normal"``."""
    return {name: c for c in classes for name in (c.__name__, to_snake_case(c.__name__))}


class Registry:
    """The objects of one kind by all names that `get` takes.

    Args:
        kind: what error messages call one of them.
        objects: classes and functions by name.
        what: what error messages say that one of them is given as.
        own_first: whether these names come before those of registered classes.
        further: names that another place knows, to be near to what somebody wrote.
    """

    def __init__(
        self,
        kind: str,
        objects: Mapping[str, Any],
        what: str = "a name or a callable",
        own_first: bool = False,
        further: tuple[str, ...] = (),
    ) -> None:
        self.kind, self.objects, self.what = kind, dict(objects), what
        self.own_first, self.further = own_first, further

    def get(self, identifier: Any) -> Any:
        """The object of a name or configuration; a callable as it is, an instance of a class, None for None.

        Raises:
            ValueError: if there is none of that name, with the nearest names.
        """
        if identifier is None:
            return None
        found = identifier
        if isinstance(identifier, dict):
            found = self.deserialize(identifier)
        elif isinstance(identifier, str):
            found = self._by_name(identifier)
        if not callable(found):
            raise ValueError(f"Could not interpret {self.kind} identifier {shown(identifier)}: it must be {self.what}.")
        return found() if inspect.isclass(found) else found

    def _by_name(self, name: str) -> Any:
        found = self.objects.get(name) if self.own_first else None
        if found is None:
            found = get_registered_object(name, module_objects=self.objects)
        if found is None:
            near = nearest_clause(name, [*self.objects, *self.further])
            raise ValueError(
                f"Could not interpret {self.kind} identifier {shown(name)}: there is no {self.kind} of that name{near}."
            )
        return found

    def serialize(self, obj: Any) -> Any:
        """The configuration of ``obj``."""
        return serialize_keras_object(obj)

    def deserialize(self, config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
        """The object of a configuration or a name."""
        return deserialize_keras_object(config, module_objects=self.objects, custom_objects=custom_objects)


class ScoreRegistry(Registry):
    """A `Registry` of losses or metrics, which can also be functions of ``(y_true, y_pred)``."""

    def get(self, identifier: Any) -> Any:
        """As in `Registry`.

        Raises:
            ValueError: if there is none of that name, with the nearest names.
            TypeError: for a function that takes other arguments.
        """
        found = super().get(identifier)
        reason = cannot_take(found, None, None) if inspect.isfunction(found) else None
        if reason:
            raise TypeError(f"The {self.kind} {found.__name__!r} must be a function of (y_true, y_pred), but {reason}.")
        return found
