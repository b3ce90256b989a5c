"""The progress bar of `fit`, `evaluate` and `predict` as a callback."""

from __future__ import annotations

from typing import Any

from pronghorn.callbacks.callback import Callback, Logs
from pronghorn.utils import activity, io
from pronghorn.utils.progbar import Progbar


class ProgbarLogger(Callback):
    """Shows progress and metrics; added by the `verbose` argument.

    Raises:
        ValueError: at the start, if the parameters of the run do not hold `verbose`.

    Example:

    >>> import numpy as np
    >>> from pronghorn import layers, models
    >>> model = models.Sequential([layers.Input((1,)), layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(np.ones((4, 1)), np.ones((4, 1)), callbacks=[ProgbarLogger()], verbose=0)
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0
        self.progbar: Progbar | None = None
        self.target: int | None = None
        self.verbose: int = 1
        self.epochs = 1
        self._in_fit = False

    def set_params(self, params: Any) -> None:
        self.params = params
        verbose = params.get("verbose", 1)
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self.epochs = params.get("epochs") or 1
        self.target = params.get("steps")

    def on_train_begin(self, logs: Logs = None) -> None:
        self._in_fit = True

    def on_train_end(self, logs: Logs = None) -> None:
        self._in_fit = False

    def on_test_begin(self, logs: Logs = None) -> None:
        if not self._in_fit:
            self._start()

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._start()

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._start()
        if self.verbose and self.epochs > 1:
            io.write(f"Epoch {epoch + 1}/{self.epochs}")

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._update(batch, logs)

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        if not self._in_fit:
            self._update(batch, logs)

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._update(batch, None)  # the logs hold the predictions

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._finish(logs)

    def on_test_end(self, logs: Logs = None) -> None:
        if not self._in_fit:
            self._finish(logs)

    def on_predict_end(self, logs: Logs = None) -> None:
        self._finish(None)

    def _start(self) -> None:
        self.seen = 0
        self.progbar = None
        if self.params is None or "verbose" not in self.params:
            raise ValueError("ProgbarLogger: set_params({'verbose': ..., 'epochs': ..., 'steps': ...}) comes first.")
        if self.verbose:
            # Metrics are running means already: nothing is averaged here.
            self.progbar = Progbar(self.target, verbose=self.verbose, stateless_metrics=())
            activity.listen(self.progbar.tell)

    def _update(self, batch: int, logs: Logs) -> None:
        self.seen = batch + 1 if self.target is None else min(batch + 1, self.target)  # the last group may be short
        if self.progbar is not None and self.verbose == 1:
            self.progbar.update(self.seen, _values(logs), finalize=False)

    def _finish(self, logs: Logs) -> None:
        if self.progbar is None:
            return
        if self.target is None:
            self.target = self.progbar.target = self.seen  # the next epoch's bar knows how long it is
        activity.listen(None)
        self.progbar.update(self.seen, _values(logs), finalize=True)


def _values(logs: Logs) -> Any:
    """The pairs to show, read only if the bar is drawn: reading metrics costs more than a small step."""
    return (lambda: list(logs.items())) if logs is not None else None
