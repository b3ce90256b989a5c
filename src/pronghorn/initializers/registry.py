"""Initializers by name and configuration."""

from typing import Any

from pronghorn import ops
from pronghorn.initializers.constant import STFT, Constant, Identity, Ones, Zeros
from pronghorn.initializers.initializer import Initializer
from pronghorn.initializers.random import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)
from pronghorn.utils.arguments import cannot_take
from pronghorn.utils.registry import Registry, names_of

_registry = Registry(
    "initializer",
    {
        **names_of(
            (
                Constant,
                Identity,
                Initializer,
                Ones,
                Zeros,
                STFT,
                GlorotNormal,
                GlorotUniform,
                HeNormal,
                HeUniform,
                LecunNormal,
                LecunUniform,
                Orthogonal,
                RandomNormal,
                RandomUniform,
                TruncatedNormal,
                VarianceScaling,
            )
        ),
        "IdentityInitializer": Identity,
        "OrthogonalInitializer": Orthogonal,
        "STFTInitializer": STFT,
        "normal": RandomNormal,
        "uniform": RandomUniform,
        "one": Ones,
        "zero": Zeros,
    },
)


def get(identifier: Any) -> Any:
    """An initializer from its name, its configuration, a class, a callable or an array; None for None.

    Raises:
        ValueError: if there is none of that name, with the nearest names.

    >>> get("he_normal").__class__.__name__
    'HeNormal'
    """
    if hasattr(identifier, "shape") and hasattr(identifier, "dtype") and not callable(identifier):
        return _FromArray(identifier)
    found = _registry.get(identifier)
    if found is not None and not isinstance(found, Initializer):
        _check_function(found)
    return found


def _check_function(function: Any) -> None:
    """Raise an error for a function that cannot be called as an initializer is."""
    reason = cannot_take(function, (1,), dtype="float32")
    if reason:
        raise ValueError(
            f"{function!r} is no initializer, which must take (shape, dtype=None) and return an array: {reason}."
        )


class _FromArray(Initializer):
    """Starts a weight as a given array."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        if tuple(shape) != tuple(self.value.shape):
            raise ValueError(
                f"An array was given as the initializer of a weight. Expected `shape` to be that of the array, "
                f"{tuple(self.value.shape)}, but the weight has shape {tuple(shape)}."
            )
        return ops.cast(ops.convert_to_tensor(self.value), dtype)

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


def serialize(initializer: Any) -> Any:
    """The configuration of an initializer.

    >>> serialize(Constant(2.0))["config"]
    {'value': 2.0}
    """
    return _registry.serialize(initializer)


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """The initializer of a configuration.

    >>> deserialize({"class_name": "Constant", "config": {"value": 2.0}}).value
    2.0
    """
    return _registry.deserialize(config, custom_objects)
