"""Names of Keras 2's optimizers: as in Keras 3, they say which to use."""

from __future__ import annotations

from typing import Any

from pronghorn._lazy import attach

_NAMES = ("Adagrad", "Adam", "Ftrl", "Optimizer", "RMSprop", "SGD")


def _make(name: str) -> type:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        raise ImportError(f"optimizers.legacy.{name} is of Keras 2; use optimizers.{name} instead.")

    doc = f"Raises an ImportError that names `optimizers.{name}`."
    return type(name, (), {"__init__": __init__, "__doc__": doc, "__module__": __name__})


Adagrad, Adam, Ftrl, Optimizer, RMSprop, SGD = map(_make, _NAMES)

attach(__name__)
