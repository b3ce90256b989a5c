"""A callback made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pronghorn.callbacks.callback import Callback


class LambdaCallback(Callback):
    """Calls functions where another callback would have methods.

    Args:
        on_epoch_begin, on_epoch_end: functions of `(epoch, logs)`.
        on_train_begin, on_train_end: functions of `(logs)`.
        on_train_batch_begin, on_train_batch_end: functions of `(batch, logs)`.
        **kwargs: functions for any other method of `Callback`, under its name.

    >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: print("epoch", epoch, "done"))
    >>> callback.on_epoch_end(0, {})
    epoch 0 done
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        functions = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, function in functions.items():
            # On the object, so that the methods of the class stay for what was not given.
            if function is not None:
                setattr(self, name, function)
