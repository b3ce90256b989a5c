"""The record of a training run that `fit` returns."""

from __future__ import annotations

from typing import Any

from pronghorn.callbacks.callback import Callback, Logs


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

    def on_train_begin(self, logs: Logs = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        if self.model is not None:
            self.model.history = self
