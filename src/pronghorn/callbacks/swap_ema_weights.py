"""Evaluating with averaged weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pronghorn.callbacks.callback import Callback, Logs


class SwapEMAWeights(Callback):
    """Puts the optimizer's moving averages of the weights into the model while it is evaluated.

    The optimizer must have been made with `use_ema=True`.

    Args:
        swap_on_epoch: whether to swap from the end of an epoch to the start of the next, so that callbacks such as
            `ModelCheckpoint` after this one see the averages too. The model keeps them after the last epoch.

    Example:

    >>> import numpy as np
    >>> from pronghorn import layers, models, optimizers
    >>> model = models.Sequential([layers.Input((1,)), layers.Dense(1)])
    >>> model.compile(optimizers.SGD(0.1, use_ema=True), "mse")
    >>> history = model.fit(np.ones((4, 1)), np.ones((4, 1)), callbacks=[SwapEMAWeights()], verbose=0)
    >>> list(history.history)
    ['loss']
    """

    _kept = ("_swapped",)

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._swapped = False

    def _pairs(self) -> Iterator[tuple[Any, Any]]:
        """The model's weights with their averages; none before the first step."""
        optimizer = getattr(self.model, "optimizer", None)
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        single = [o for o in getattr(optimizer, "optimizers", [optimizer]) if getattr(o, "use_ema", False)]
        if not single:
            raise ValueError(
                f"SwapEMAWeights: the model's optimizer, {type(optimizer).__name__}, keeps no averages of the weights; "
                "`use_ema=True` makes it do so. Write for example "
                "model.compile(keras.optimizers.Adam(use_ema=True), ...)."
            )
        for each in single:
            own = self.model.trainable_variables if each is optimizer else each._trainable_variables
            yield from zip(own, each._model_variables_moving_average)

    def _swap(self) -> None:
        for variable, average in self._pairs():
            weights = np.array(variable.numpy())
            variable.assign(average.numpy())
            average.assign(weights)

    def _put_in(self) -> None:
        if not self._swapped:
            self._swap()
            self._swapped = True

    def _take_out(self) -> None:
        if self._swapped:
            self._swap()
            self._swapped = False

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if self.swap_on_epoch:
            self._take_out()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if not self.swap_on_epoch:
            return
        self._put_in()
        if epoch + 1 == (self.params or {}).get("epochs") or self.model.stop_training:
            # At the end of training the optimizer puts what it holds for the averages into the model: let it be those.
            for variable, average in self._pairs():
                average.assign(variable.numpy())

    def on_test_begin(self, logs: Logs = None) -> None:
        self._put_in()

    def on_test_end(self, logs: Logs = None) -> None:
        self._take_out()

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._put_in()

    def on_predict_end(self, logs: Logs = None) -> None:
        self._take_out()
