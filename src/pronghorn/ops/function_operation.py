"""Functions as operations: what an op that is applied to symbolic tensors becomes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from pronghorn.serialization import public_names
from pronghorn.serialization.keras_operations import WithSettings
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object
from pronghorn.symbolic.operation import Operation
from pronghorn.utils.naming import auto_name


class FunctionOperation(Operation):
    """A function of arrays as an operation: what `pronghorn.ops.*` on KerasTensors and ``x + y`` become.

    Args:
        fn: the function; called with Tensors in place of the KerasTensors.
        name: the prefix of its automatic name, the function's own name if None.
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None) -> None:
        self.fn = fn
        self.function_name = name or getattr(fn, "__name__", "function")
        super().__init__(name=auto_name(self.function_name))

    def call(self, *args: Any, **kwargs: Any) -> Any:
        return self.fn(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        if isinstance(self.fn, WithSettings):
            path = public_function_name(self.fn.fn, self.function_name)
            return {"name": self.name, "function": path, "settings": serialize_keras_object(self.fn.settings)}
        return {"name": self.name, "function": public_function_name(self.fn, self.function_name)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FunctionOperation:
        path = config["function"]
        function = _public_function(path)
        settings = deserialize_keras_object(config.get("settings") or {})
        return cls.from_keras(function, {"name": config["name"], **settings})

    @classmethod
    def from_keras(cls, fn: Callable[..., Any], config: dict[str, Any]) -> FunctionOperation:
        """An operation from the configuration that Keras writes, which keeps constant arguments in it."""
        parameters = inspect.signature(fn).parameters
        takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
        constants = {k: v for k, v in config.items() if (k in parameters or takes_any) and k != "name"}
        operation = cls(WithSettings(fn, constants) if constants else fn, fn.__name__)
        operation.name = config.get("name", operation.name)
        return operation


# The only places a saved function may come from: a file must not name arbitrary code.
_PUBLIC_MODULES = ("ops", "random", "activations")


def public_function_name(fn: Callable[..., Any], name: str) -> str:
    """Where ``fn`` is found again, such as ``"ops.add"``.

    Raises:
        NotImplementedError: if it is none of Pronghorn's public functions.
    """
    for module in _PUBLIC_MODULES:
        found = getattr(public_names.namespace(module), name, None)
        if found is fn or getattr(found, "__wrapped__", None) in (fn, getattr(fn, "__wrapped__", fn)):
            return f"{module}.{name}"
    raise NotImplementedError(
        f"The function {name!r} in a functional model is none of pronghorn.ops and cannot be saved. Put it into a "
        "Layer with a get_config() method."
    )


def _public_function(path: str) -> Callable[..., Any]:
    module, _, name = path.rpartition(".")
    found = getattr(public_names.namespace(module), name, None) if module in _PUBLIC_MODULES else None
    if not callable(found) or isinstance(found, type) or name.startswith("_"):
        raise ValueError(f"The saved function {path!r} is none of Pronghorn's public functions.")
    return found
