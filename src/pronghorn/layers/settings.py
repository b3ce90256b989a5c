"""Constructor arguments of layers to attributes and back to configurations, by the kind their name tells."""

from __future__ import annotations

from typing import Any

from pronghorn import activations, constraints, initializers, regularizers
from pronghorn.utils.arguments import is_integer


def _module(name: str) -> Any:
    """The module whose ``get`` and ``serialize`` go with an argument's name, or None."""
    if name.endswith("_initializer"):
        return initializers
    if name.endswith("_regularizer"):
        return regularizers
    if name.endswith("_constraint"):
        return constraints
    if name == "activation" or name.endswith("_activation"):
        return activations
    return None


def take(layer: Any, **settings: Any) -> None:
    """Put arguments on a layer: names of initializers, regularizers, constraints and activations become objects.

    Raises:
        ValueError: if there is none of a name; the message says which layer and argument it was for.
    """
    for name, value in settings.items():
        module = _module(name)
        if module is not None:
            try:
                value = module.get(value)
            except ValueError as error:
                raise ValueError(f"Layer {layer.name!r} ({type(layer).__name__}), argument {name}: {error}") from None
        setattr(layer, name, value)


def give(layer: Any, *names: str) -> dict[str, Any]:
    """The configuration of what `take` put on a layer."""
    config: dict[str, Any] = {}
    for name in names:
        value = getattr(layer, name)
        module = _module(name)
        config[name] = module.serialize(value) if module is not None and value is not None else value
    return config


def numbers(value: Any, count: int, layer: Any, name: str, allow_zero: bool = False) -> tuple[int, ...]:
    """An argument that is one integer for all axes, or one for each, as a tuple.

    Raises:
        ValueError: for another number of entries, or for entries that are not positive.
    """
    entries = (value,) * count if not isinstance(value, (list, tuple)) else tuple(value)
    least = 0 if allow_zero else 1
    fits = len(entries) == count and all(map(is_integer, entries))
    if not fits or any(int(e) < least for e in entries):
        raise ValueError(
            f"{type(layer).__name__}: `{name}` must be an integer of at least {least}, or a tuple of {count} of them, "
            f"got {name}={value!r}."
        )
    return tuple(int(e) for e in entries)


def positive(value: Any, layer: str, name: str) -> int:
    """A positive integer argument.

    Raises:
        ValueError: for anything else.
    """
    if not is_integer(value) or int(value) <= 0:
        raise ValueError(f"{layer}: argument `{name}` must be a positive integer, got {name}={value!r}.")
    return int(value)


def positive_integer(value: Any, layer: str, name: str) -> int:
    """A positive integer argument, where Keras tells a wrong type from a wrong number.

    Raises:
        TypeError: for what is no integer.
        ValueError: for an integer that is not positive.
    """
    if not is_integer(value):
        raise TypeError(
            f"{layer}: Expected an integer value for `{name}`, got {name}={value!r} of type {type(value).__name__}."
        )
    if int(value) <= 0:
        raise ValueError(f"{layer}: `{name}` should be a positive integer, got {name}={value!r}.")
    return int(value)


def check_axes(layer: Any, axes: Any, shape: Any, name: str = "axis") -> None:
    """Check that an input has the axes that an argument names.

    Raises:
        ValueError: if one is beyond them.
    """
    beyond = [axis for axis in axes if not -len(shape) <= axis < len(shape)]
    if beyond:
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}): `{name}` names the axis {beyond[0]}, but the input of "
            f"shape {tuple(shape)} has {len(shape)} axes, 0 to {len(shape) - 1}."
        )


def one_of(value: Any, allowed: tuple[Any, ...], layer: str, name: str) -> Any:
    """An argument with few allowed values.

    Raises:
        ValueError: for another one.
    """
    if not any(value is choice or (isinstance(value, str) and value == choice) for choice in allowed):
        raise ValueError(f"{layer}: argument `{name}` must be one of {allowed}, got {name}={value!r}.")
    return value


def not_there(layer: Any, **settings: Any) -> None:
    """Refuse arguments for what is not there (quantization).

    Raises:
        NotImplementedError: if one of them is not None.
    """
    for name, value in settings.items():
        if value is not None:
            raise NotImplementedError(
                f"{type(layer).__name__}: `{name}` is for quantized layers, which are not there. Use "
                "dtype='mixed_bfloat16' for smaller and faster computations."
            )
