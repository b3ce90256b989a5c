"""Stopping when the loss is no number any more."""

from __future__ import annotations

import numpy as np

from pronghorn.callbacks.callback import Callback, Logs
from pronghorn.utils import io


class TerminateOnNaN(Callback):
    """Stops training when the loss is NaN or infinite.

    Args:
        raise_error: whether to raise instead of stopping quietly, so that the weights are not mistaken for good.

    Raises:
        RuntimeError: in training, when the loss is no finite number and `raise_error` is true.

    Example:

    >>> import numpy as np
    >>> from pronghorn import layers, models, optimizers
    >>> model = models.Sequential([layers.Input((1,)), layers.Dense(1)])
    >>> model.compile(optimizers.SGD(float("nan")), "mse")
    >>> history = model.fit(np.ones((4, 1)), np.ones((4, 1)), epochs=5, callbacks=[TerminateOnNaN()], verbose=0)
    The loss is nan in batch 0; training stops.
    >>> len(history.history["loss"])
    2
    """

    _kept = ()  # a backup must know that it stopped the training

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or np.isfinite(loss):
            return
        message = f"The loss is {float(loss)} in batch {batch}; training stops."
        if self.raise_error:
            raise RuntimeError(message + " A smaller learning rate or scaled inputs usually mend this.")
        io.write(message)
        self.model.stop_training = True
