"""The record of a training run that `fit` returns."""

from __future__ import annotations

from typing import Any

from pronghorn.callbacks.callback import Callback, Logs


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


class History(Callback):
    """Keeps the results of each epoch; added to every `fit`, which returns it.

    Attributes:
        epoch: the numbers of the epochs that ran.
        history: name of a result to the list of its values, one an epoch.

    >>> record = History()
    >>> record.on_train_begin()
    >>> record.on_epoch_end(0, {"loss": 0.5})
    >>> record.history
    {'loss': [0.5]}
    """

    _kept = ("epoch", "history")

    def __init__(self) -> None:
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list[Any]] = {}

    def __repr__(self) -> str:
        last = ", ".join(f"{name}={values[-1]:.4g}" for name, values in self.history.items() if _is_number(values[-1]))
        count = len(self.epoch)
        return f"<History of {count} {'epoch' if count == 1 else 'epochs'}{f', the last: {last}' if last else ''}>"

    def on_train_begin(self, logs: Logs = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        if self.model is not None:
            self.model.history = self
