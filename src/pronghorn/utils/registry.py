"""Finding an object of one kind (initializers, regularizers, constraints) by name or configuration."""

from __future__ import annotations

import inspect
from typing import Any

from pronghorn._lazy import nearest_clause
from pronghorn.utils.naming import to_snake_case


class Registry:
    """The classes of one kind by all names that `get` takes: ``"HeNormal"`` and ``"he_normal"``.

    Args:
        kind: what error messages call one of them.
        base: the base class.
        classes: those that names stand for.
        extra: further names.
    """

    def __init__(self, kind: str, base: type, classes: tuple[type, ...], extra: dict[str, type] | None = None) -> None:
        self.kind, self.base = kind, base
        self.objects: dict[str, Any] = {c.__name__: c for c in classes}
        self.objects.update({to_snake_case(c.__name__): c for c in classes})
        self.objects.update(extra or {})

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
            from pronghorn.saving import get_registered_object

            found = get_registered_object(identifier, module_objects=self.objects)
            if found is None:
                raise ValueError(
                    f"Could not interpret the {self.kind} {identifier!r}: there is no {self.kind} of that name"
                    f"{nearest_clause(identifier, self.objects)}."
                )
        if inspect.isclass(found):
            found = found()
        if not callable(found):
            raise ValueError(f"Could not interpret the {self.kind} {identifier!r}: it is neither a name nor callable.")
        return found

    def serialize(self, obj: Any) -> Any:
        """The configuration of ``obj``."""
        from pronghorn.saving import serialize_keras_object

        return serialize_keras_object(obj)

    def deserialize(self, config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
        """The object of a configuration or a name."""
        from pronghorn.saving import deserialize_keras_object

        return deserialize_keras_object(config, module_objects=self.objects, custom_objects=custom_objects)
