"""What `tensorflow.keras` has besides Keras 3: names of older versions that scripts for TensorFlow still use."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

from pronghorn_tensorflow.calls import called_as_there
from pronghorn_tensorflow.keras_backend import basic, layers

_SHORT = {
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
    "kld": "kl_divergence",
}
_FUNCTIONS = {
    **_SHORT,
    **{short.upper(): long for short, long in _SHORT.items()},
    "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh",
}
_METRICS = {name: f"pronghorn.losses:{long}" for name, long in _FUNCTIONS.items()}
_LOSSES = _METRICS | {"Reduction": "pronghorn.legacy.losses:Reduction"}

_LEGACY = "pronghorn.legacy.preprocessing"
_SEQUENCE = ("TimeseriesGenerator", "make_sampling_table", "skipgrams")
_IMAGE = (
    *("DirectoryIterator", "ImageDataGenerator", "Iterator", "NumpyArrayIterator"),
    *("apply_affine_transform", "apply_brightness_shift", "apply_channel_shift"),
    *(f"random_{change}" for change in ("brightness", "channel_shift", "rotation", "shear", "shift", "zoom")),
)

#: What is called otherwise today: names without the root, and what to write.
MOVED = {
    f"{where}.{name}": f"use keras.{where}.{long}"
    for where in ("losses", "metrics")
    for name, long in _FUNCTIONS.items()
}


def _backend() -> dict[str, str]:
    table = {}
    for entry in basic.OPS.split():
        name, _, ours = entry.partition(":")
        table[name] = f"pronghorn.ops:{ours or name}"
    for module in (basic, layers):
        own = [name for name, value in vars(module).items() if callable(value) and name[:1].islower()]
        table |= {name: f"{module.__name__}:{name}" for name in own if name != "floatx"}
    return table | {"name_scope": "pronghorn:name_scope"}


_TABLES: dict[str, Any] = {
    "backend": _backend,
    "losses": lambda: _LOSSES,
    "metrics": lambda: _METRICS,
    "preprocessing": lambda: {
        name: f"tensorflow.keras.preprocessing.{name}:" for name in ("image", "sequence", "text")
    },
    "preprocessing.image": lambda: {name: f"{_LEGACY}.image:{name}" for name in _IMAGE},
    "preprocessing.sequence": lambda: {name: f"{_LEGACY}.sequence:{name}" for name in _SEQUENCE},
}
#: What Keras 3 itself has nothing of.
_WHOLE = {"preprocessing.text": f"{_LEGACY}.text"}


class _WithOlderNames(ModuleType):
    """One of Pronghorn's modules, and the older names of its functions."""

    def __init__(self, inner: ModuleType, table: dict[str, str]) -> None:
        super().__init__(inner.__name__, inner.__doc__)
        self.__path__: list[str] = []  # so that a name that is missing gets the words of Pronghorn's finder
        self.__all__ = sorted({*inner.__all__, *table})
        self._inner, self._table = inner, table

    def __getattr__(self, name: str) -> Any:
        if name in self._table:
            where, _, attribute = self._table[name].partition(":")
            found = importlib.import_module(where)
            if not attribute:
                return found
            value = getattr(found, attribute)
            return called_as_there(value) if where == "pronghorn.ops" else value
        return getattr(self._inner, name)

    def __reduce__(self) -> Any:
        return _of_this_process, (self._inner.__name__.removeprefix("pronghorn."),)

    def __dir__(self) -> list[str]:
        return sorted({*dir(self._inner), *self._table})


def _of_this_process(name: str) -> ModuleType:
    """What a pickled module becomes: the one that is imported here, or a new one where TensorFlow is another."""
    present = sys.modules.get(f"tensorflow.keras.{name}")
    return present if isinstance(present, _WithOlderNames) else module(name)


def has(name: str) -> bool:
    """Return whether `tensorflow.keras.<name>` is more than Pronghorn's own module."""
    return name in _TABLES or name in _WHOLE


def module(name: str) -> ModuleType:
    """Return `tensorflow.keras.<name>`.

    >>> module("losses").mse.__name__
    'mean_squared_error'
    """
    if name in _WHOLE:
        return importlib.import_module(_WHOLE[name])
    return _WithOlderNames(importlib.import_module(f"pronghorn.{name}"), _TABLES[name]())
