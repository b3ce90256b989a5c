"""Constructor arguments of layers to attributes and back to configurations, by the kind their name tells."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from pronghorn import activations, config, constraints, initializers, regularizers
from pronghorn.utils.arguments import arguments as arguments
from pronghorn.utils.arguments import is_integer

#: Settings that the constructor of `Layer` takes by itself.
OF_EVERY_LAYER = ("activity_regularizer",)


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
    """Put arguments on a layer, checked and converted by what their name tells.

    Names of initializers, regularizers, constraints and activations become objects; `_KINDS` lists numbers and choices.

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
        elif name in _KINDS:
            value = _KINDS[name](layer, name, value)
        setattr(layer, name, value)


def names(constructor: Callable[..., None], without: Iterable[str] = ()) -> tuple[str, ...]:
    """The names of a constructor's own arguments, in order.

    Args:
        constructor: it may hand others on, as ``**kwargs``.
        without: names to leave out.
    """
    parameters = list(inspect.signature(constructor).parameters.values())[1:]
    return tuple(p.name for p in parameters if p.kind is not p.VAR_KEYWORD and p.name not in without)


def take_named(layer: Any, values: dict[str, Any], names: Iterable[str]) -> None:
    """Put those of a constructor's arguments on a layer that are named, given the constructor's ``locals()``."""
    take(layer, **{name: values[name] for name in names if name not in OF_EVERY_LAYER})


def weight(layer: Any, name: str, shape: Any, of: str | None = None, **options: Any) -> Any:
    """A new weight of a layer, as the layer's settings have it.

    Args:
        layer: it has ``kernel_initializer``, ``kernel_regularizer`` and ``kernel_constraint``, for a ``"kernel"``.
        name: the weight's name.
        shape: its shape.
        of: the settings' prefix, where it is not the name.
        options: what ``add_weight`` takes besides, or takes in place of a setting.
    """
    kinds = ("initializer", "regularizer", "constraint")
    return layer.add_weight(
        name=name, shape=shape, **{**{kind: getattr(layer, f"{of or name}_{kind}") for kind in kinds}, **options}
    )


def bias(layer: Any, shape: Any, **options: Any) -> Any:
    """A `weight` named ``"bias"``; None for a layer without ``use_bias``."""
    return weight(layer, "bias", shape, **options) if layer.use_bias else None


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


def _count(layer: Any, name: str, value: Any) -> int:
    return positive(value, type(layer).__name__, name)


def _extents(layer: Any, name: str, value: Any) -> tuple[int, ...]:
    return numbers(value, layer.rank, layer, name)


def _padding(layer: Any, name: str, value: Any) -> str:
    return one_of(str(value).lower(), getattr(layer, "paddings", ("valid", "same")), type(layer).__name__, name)


def _share(layer: Any, name: str, value: float) -> float:
    return min(1.0, max(0.0, value))


# What `take` makes of a setting, by its name.
_KINDS: dict[str, Callable[[Any, str, Any], Any]] = {
    **dict.fromkeys(("units", "filters", "groups", "depth_multiplier", "input_dim", "output_dim"), _count),
    **dict.fromkeys(("kernel_size", "strides", "dilation_rate"), _extents),
    **dict.fromkeys(("dropout", "recurrent_dropout"), _share),
    "output_padding": lambda layer, name, value: (
        None if value is None else numbers(value, layer.rank, layer, name, allow_zero=True)
    ),
    "padding": _padding,
    "data_format": lambda layer, name, value: config.standardize_data_format(value),
}
