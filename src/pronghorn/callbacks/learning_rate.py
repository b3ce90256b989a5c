"""Callbacks that change the learning rate between epochs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn.callbacks.callback import Callback, Logs
from pronghorn.callbacks.monitor import MonitorCallback
from pronghorn.utils import io


def _read(model: Any, who: str) -> float:
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None or not hasattr(optimizer, "learning_rate"):
        raise ValueError(f"{who}: the model's optimizer has no learning_rate to change.")
    return float(np.asarray(optimizer.learning_rate))


class LearningRateScheduler(Callback):
    """Sets the learning rate at the start of each epoch.

    Args:
        schedule: a function of the epoch, counted from 0, and the current learning rate, or of the epoch alone;
            it returns the new learning rate as a float.
        verbose: 1 to print each change.

    Raises:
        ValueError: in training, if the function does not return a float.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        current = _read(self.model, "LearningRateScheduler")
        rate = self.schedule(epoch, current) if _takes_two(self.schedule) else self.schedule(epoch)
        try:
            rate = float(rate)
        except (TypeError, ValueError):
            raise ValueError(
                f"LearningRateScheduler: the schedule must return a float; it returned {rate!r}."
            ) from None
        self.model.optimizer.learning_rate = rate
        if self.verbose > 0:
            io.write(f"\nEpoch {epoch + 1}: the learning rate is {rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if isinstance(logs, dict):
            logs["learning_rate"] = _read(self.model, "LearningRateScheduler")


def _takes_two(schedule: Callable[..., float]) -> bool:
    import inspect

    try:
        inspect.signature(schedule).bind(0, 0.1)
    except TypeError:
        return False
    except ValueError:  # a built-in without a signature
        return True
    return True


class ReduceLROnPlateau(MonitorCallback):
    """Lowers the learning rate when a watched result has stopped getting better.

    Args:
        monitor: name of the result, such as `"val_loss"`.
        factor: what the learning rate is multiplied with, below 1.
        patience: how many epochs in a row may pass without an improvement.
        verbose: 1 to print each change.
        mode: `"min"`, `"max"` or `"auto"`.
        min_delta: how much better a value must be to count.
        cooldown: how many epochs after a change pass before watching again.
        min_lr: the lowest learning rate.

    Raises:
        ValueError: if `factor` is 1 or more.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        **kwargs: Any,
    ) -> None:
        if kwargs:
            raise TypeError(f"ReduceLROnPlateau: unknown arguments: {', '.join(kwargs)}.")
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau: factor={factor} would not lower the learning rate; use one below 1.")
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        self.best = None
        self.cooldown_counter = 0
        self.wait = 0

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if isinstance(logs, dict):
            logs["learning_rate"] = _read(self.model, "ReduceLROnPlateau")
        value = self.monitored(logs)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_improvement(value, self.best):
            self.best = value
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        old = _read(self.model, "ReduceLROnPlateau")
        if old <= np.float32(self.min_lr):
            return
        new = max(old * self.factor, self.min_lr)
        self.model.optimizer.learning_rate = new
        if self.verbose > 0:
            io.write(f"\nEpoch {epoch + 1}: no better {self.monitor}, the learning rate goes down to {new}.")
        self.cooldown_counter = self.cooldown
        self.wait = 0

    def in_cooldown(self) -> bool:
        """Return whether the last change is too recent for another."""
        return self.cooldown_counter > 0
