"""Callbacks that change the learning rate between epochs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pronghorn.callbacks.callback import Callback, Logs
from pronghorn.callbacks.monitor import MonitorCallback
from pronghorn.utils import io


def optimizers_by_name(model: Any) -> dict[str, Any]:
    """The model's optimizer, or those of a `MultiOptimizer`, by the name under which logs show the learning rate."""
    optimizer = getattr(model, "optimizer", None)
    single = getattr(getattr(optimizer, "inner_optimizer", optimizer), "optimizers", None)
    if single is None:
        return {"learning_rate": optimizer} if hasattr(optimizer, "learning_rate") else {}
    named: dict[str, Any] = {}
    for each in single:
        name, count = f"learning_rate_{each.name}", 0
        while name in named:
            count += 1
            name = f"learning_rate_{each.name}_{count}"
        named[name] = each
    return named


def learning_rates(model: Any) -> dict[str, float]:
    """The learning rates of the model's optimizers, by the names under which logs show them."""
    return {name: _read(optimizer) for name, optimizer in optimizers_by_name(model).items()}


def _read(optimizer: Any) -> float:
    return float(np.asarray(optimizer.learning_rate))


def _needed(model: Any, who: str) -> dict[str, Any]:
    found = optimizers_by_name(model)
    if not found:
        raise ValueError(f"{who}: the model's optimizer has no learning_rate to change.")
    return found


def _put_into(logs: Logs, model: Any, who: str) -> None:
    _needed(model, who)
    if isinstance(logs, dict):
        logs.update(learning_rates(model))


class LearningRateScheduler(Callback):
    """Sets the learning rate at the start of each epoch, of a `MultiOptimizer` that of each of its optimizers.

    Args:
        schedule: a function of the epoch, counted from 0, and the current learning rate, or of the epoch alone;
            it returns the new learning rate as a float.
        verbose: 1 to print each change.

    Raises:
        ValueError: in training, if the function does not return a float.

    Example:

    >>> import numpy as np
    >>> from pronghorn import layers, models
    >>> model = models.Sequential([layers.Input((1,)), layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> halve = LearningRateScheduler(lambda epoch, rate: 0.1 * 0.5**epoch)
    >>> history = model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=2, callbacks=[halve], verbose=0)
    >>> [round(rate, 4) for rate in history.history["learning_rate"]]
    [0.1, 0.05]
    """

    _kept = ("_begun",)

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose
        self._begun: int | None = None
        self._resumed: int | None = None

    def _set_state(self, state: Mapping[str, Any]) -> None:
        self._begun = self._resumed = state["_begun"]

    def on_train_begin(self, logs: Logs = None) -> None:
        self._begun = self._resumed = None

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        resumed, self._resumed, self._begun = self._resumed, None, epoch
        if epoch == resumed:  # in the middle: the restored rate is this epoch's, and may not be changed twice
            return
        for name, optimizer in _needed(self.model, "LearningRateScheduler").items():
            current = _read(optimizer)
            rate = self.schedule(epoch, current) if _takes_two(self.schedule) else self.schedule(epoch)
            try:
                rate = float(rate)
            except (TypeError, ValueError):
                raise ValueError(
                    f"LearningRateScheduler: the schedule must return a float; it returned {rate!r}."
                ) from None
            optimizer.learning_rate = rate
            if self.verbose > 0:
                io.write(f"\nEpoch {epoch + 1}: {_shown(name)} is {rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        _put_into(logs, self.model, "LearningRateScheduler")


def _shown(name: str) -> str:
    own = name.removeprefix("learning_rate").removeprefix("_")
    return f"the learning rate of {own}" if own else "the learning rate"


def _takes_two(schedule: Callable[..., float]) -> bool:
    try:
        inspect.signature(schedule).bind(0, 0.1)
    except TypeError:
        return False
    except ValueError:  # a built-in without a signature
        return True
    return True


class ReduceLROnPlateau(MonitorCallback):
    """Lowers the learning rate, or all of a `MultiOptimizer`, when a watched result has stopped getting better.

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

    Example:

    >>> import numpy as np
    >>> from pronghorn import layers, models, optimizers
    >>> model = models.Sequential([layers.Input((1,)), layers.Dense(1)])
    >>> model.compile(optimizers.SGD(0.1), "mse")
    >>> lower = ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, min_delta=100.0)
    >>> history = model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=3, callbacks=[lower], verbose=0)
    >>> [round(rate, 4) for rate in history.history["learning_rate"]]
    [0.1, 0.1, 0.05]
    """

    _kept = ("best", "wait", "cooldown_counter")

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
        _put_into(logs, self.model, "ReduceLROnPlateau")
        value = self.monitored(logs)
        if value is None:
            return
        self.cooldown_counter = max(0, self.cooldown_counter - 1)
        better = self.is_improvement(value, self.best)
        self.best = value if better else self.best
        self.wait = 0 if better or self.in_cooldown() else self.wait + 1
        if self.wait >= max(1, self.patience):
            self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        for name, optimizer in _needed(self.model, "ReduceLROnPlateau").items():
            old = _read(optimizer)
            if old <= np.float32(self.min_lr):
                continue
            new = max(old * self.factor, self.min_lr)
            optimizer.learning_rate = new
            if self.verbose > 0:
                io.write(f"\nEpoch {epoch + 1}: no better {self.monitor}, {_shown(name)} goes down to {new}.")
            self.cooldown_counter = self.cooldown
            self.wait = 0

    def in_cooldown(self) -> bool:
        """Return whether the last change is too recent for another."""
        return self.cooldown_counter > 0
