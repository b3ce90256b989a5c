"""Stopping when a result does not get better any more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pronghorn._wording import counted
from pronghorn.callbacks.callback import Logs
from pronghorn.callbacks.monitor import MonitorCallback
from pronghorn.utils import io


class EarlyStopping(MonitorCallback):
    """Stops training when a watched result has not got better for a while.

    Args:
        monitor: name of the result, such as `"val_loss"`.
        min_delta: how much better a value must be to count.
        patience: how many epochs in a row may pass without an improvement.
        verbose: 1 to say when it stops.
        mode: `"min"`, `"max"` or `"auto"`.
        baseline: training also stops if the result does not beat this value within `patience` epochs.
        restore_best_weights: whether the model gets back the weights of its best epoch.
        start_from_epoch: how many epochs to let pass before watching.

    Attributes:
        stopped_epoch: the epoch it stopped in, 0 if it did not.
        best, best_epoch: the best value and its epoch.

    Example:

    >>> import numpy as np
    >>> from pronghorn import layers, models
    >>> model = models.Sequential([layers.Input((1,)), layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> stop = EarlyStopping(monitor="loss", min_delta=10.0, patience=2)
    >>> history = model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=50, callbacks=[stop], verbose=0)
    >>> len(history.history["loss"])  # the first, and two that are no better
    3
    """

    _kept = ("best", "wait", "best_epoch", "stopped_epoch", "best_weights")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.wait = 0
        self.stopped_epoch = 0
        self.best_epoch = 0
        self.best_weights: Any = None

    def _set_state(self, state: Mapping[str, Any]) -> None:
        weights = state["best_weights"]
        if weights is not None and [np.shape(w) for w in weights] != [np.shape(w) for w in self.model.get_weights()]:
            raise ValueError("BackupAndRestore: the best weights that were backed up are those of another model.")
        super()._set_state(state)

    def on_train_begin(self, logs: Logs = None) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_epoch = 0
        self.best_weights = None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.find_direction(logs)  # so that a result that nobody knows is an error in the first epoch
        value = self.get_monitor_value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        better = self.is_improvement(value, self.best)
        if better:
            self.best, self.best_epoch = value, epoch
        # The first weights are kept also where no value ever counts as better, for example if all are NaN.
        if self.restore_best_weights and (better or self.best_weights is None):
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        # An improvement short of the baseline earns no new patience, but training does not stop at one.
        earned = better and self.is_improvement(value, self.baseline)
        self.wait = 0 if earned else self.wait + 1
        if not better and epoch > 0 and self.wait >= self.patience:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            io.write(
                f"Epoch {self.stopped_epoch + 1}: stopped early, no better {self.monitor} for "
                f"{counted(self.wait, 'epoch')}"
            )
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                io.write(f"The model has the weights of its best epoch again, epoch {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def get_monitor_value(self, logs: Logs) -> Any:
        """Return the watched result of an epoch, or None where it is not there."""
        return self.monitored(logs)
