"""The base class of callbacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pronghorn.utils.arguments import CheckedArguments
from pronghorn.utils.reprs import call_text

Logs = Mapping[str, Any] | None


class Callback(CheckedArguments):
    """Base class: override the methods for the moments you care about.

    Attributes:
        model: the model being trained, evaluated or asked to predict.
        params: a dict with `verbose`, `epochs` and `steps`, where known.

    The `logs` that methods get hold the loss and the metrics so far, as floats. Batch methods are called only
    where a callback overrides them, since they cost time in each step.

    >>> class Last(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(epoch, logs["loss"])
    >>> Last().on_epoch_end(0, {"loss": 0.5})
    0 0.5
    """

    #: Names of the attributes that `BackupAndRestore` backs up; None for callbacks that it knows nothing of. Those that
    #: it knows have done their part when it backs up, whatever the order they came in.
    _kept: tuple[str, ...] | None = None
    _makes_backups = False

    _takes_own_integers = True

    def __init__(self) -> None:
        self.params: Any = None
        self._model: Any = None

    def __repr__(self) -> str:
        return call_text(self, {name: value for name, value in vars(self).items() if name != "params"})

    def set_params(self, params: Any) -> None:
        """Take the parameters of the run; called before anything else."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Take the model; called before the first event."""
        self._model = model

    @property
    def model(self) -> Any:
        """The model this callback is attached to, or None before the run."""
        return getattr(self, "_model", None)

    def _state(self) -> dict[str, Any]:
        """What `BackupAndRestore` backs up: numbers, texts, arrays, and lists and dicts of them."""
        return {name: getattr(self, name) for name in self._kept or ()}

    def _set_state(self, state: Mapping[str, Any]) -> None:
        """Go on with what `_state` gave in an earlier run; called after `on_train_begin` of all callbacks."""
        values = {name: state[name] for name in self._kept or ()}
        for name, value in values.items():
            if not _is_alike(value, getattr(self, name)):
                raise TypeError(f"{name} cannot be {value!r:.80}")
        for name, value in values.items():
            setattr(self, name, value)

    def _label(self) -> str:
        """What tells this callback from others in the backup of a run."""
        return type(self).__name__

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """An older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """An older name of `on_train_batch_end`."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Called at the start of an epoch of `fit`; `epoch` counts from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Called at the end of an epoch of `fit`, after the validation, whose results have the prefix `val_`."""

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before a training step."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after a training step."""
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before a step of `evaluate`, or of the validation in `fit`."""

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after a step of `evaluate`, or of the validation in `fit`."""

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before a step of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after a step of `predict`; `logs["outputs"]` are the batch's predictions."""

    def on_train_begin(self, logs: Logs = None) -> None:
        """Called at the start of `fit`."""

    def on_train_end(self, logs: Logs = None) -> None:
        """Called at the end of `fit`."""

    def _on_train_failed(self) -> None:
        """Called instead of `on_train_end` where an exception or an interrupt ends the training, after all callbacks
        had their `on_train_begin`."""

    def on_test_begin(self, logs: Logs = None) -> None:
        """Called at the start of `evaluate` or of a validation."""

    def on_test_end(self, logs: Logs = None) -> None:
        """Called at the end of `evaluate` or of a validation."""

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Called at the start of `predict`."""

    def on_predict_end(self, logs: Logs = None) -> None:
        """Called at the end of `predict`."""


def _is_alike(value: Any, now: Any) -> bool:
    """Whether what a file has for an attribute is of the kind that the attribute has: numbers, a list or a dict."""
    if value is None or now is None:
        return True
    kinds = ((int, float, np.generic), (list, tuple), (dict,))
    return any(isinstance(value, kind) and isinstance(now, kind) for kind in kinds)


def overrides(callback: Any, *method_names: str) -> bool:
    """Return whether a callback has its own version of any of these methods.

    An object that is no `Callback` but has the methods counts as overriding them.

    >>> overrides(Callback(), "on_epoch_end")
    False
    """
    for name in method_names:
        method = getattr(callback, name, None)
        if method is not None and getattr(method, "__func__", method) is not getattr(Callback, name):
            return True
    return False
