"""A list of callbacks that is called like one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pronghorn.callbacks.callback import Callback, Logs, overrides
from pronghorn.callbacks.history import History
from pronghorn.callbacks.progbar_logger import ProgbarLogger
from pronghorn.placement.processes import is_first


def _flatten(callbacks: Any) -> Iterator[Any]:
    if callbacks is None:
        return
    if isinstance(callbacks, list | tuple | set):
        for entry in callbacks:
            yield from _flatten(entry)
    else:
        yield callbacks


def _is_backed_up(callback: Any) -> bool:
    return isinstance(callback, Callback) and callback._kept is not None and not isinstance(callback, History)


class CallbackList(Callback):
    """Calls each of its callbacks in turn.

    Args:
        callbacks: callbacks, nested lists of them, or None.
        add_history: whether to add a `History` where there is none.
        add_progbar: whether to add a `ProgbarLogger` where there is none.
        model: the model.
        **params: handed to `set_params` of each.

    Attributes:
        callbacks: the callbacks, in the order of calling: as given, but `BackupAndRestore` after those that it backs
            up.
        has_train_batch_hooks, has_test_batch_hooks, has_predict_batch_hooks: whether any callback has hooks for
            single steps; a loop need not call the batch methods where none does.
        watches_predictions: whether any but a progress bar has hooks for single steps of `predict`.

    Raises:
        TypeError: for an entry that is no callback.

    Example:

    >>> from pronghorn.callbacks import LambdaCallback
    >>> ends = []
    >>> callbacks = CallbackList([LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(epoch))])
    >>> callbacks.on_epoch_end(0, {"loss": 1.0})
    >>> ends
    [0]
    """

    def __init__(
        self,
        callbacks: Iterable[Any] | Any | None = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        self.callbacks: list[Any] = list(_flatten(callbacks))
        for entry in self.callbacks:
            if isinstance(entry, type) or not hasattr(entry, "on_epoch_end"):
                hint = f"; write {entry.__name__}() to make one" if isinstance(entry, type) else ""
                raise TypeError(f"callbacks: expected keras.callbacks.Callback objects, got {entry!r}{hint}.")
        if not is_first():  # of several processes; the others' would write the same
            self.callbacks = [entry for entry in self.callbacks if not getattr(entry, "_only_first", False)]
        self._history: Any = next((entry for entry in self.callbacks if isinstance(entry, History)), None)
        if self._history is None and add_history:
            self._history = History()
            self.callbacks.append(self._history)
        if add_progbar and not any(isinstance(entry, ProgbarLogger) for entry in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        if model is not None:
            self.set_model(model)
        if params:
            self.set_params(params)
        self._find_batch_hooks()

    def _arrange(self) -> None:
        """Have backups made after all callbacks that are part of them have done theirs.

        A `History` alone may come later, since other callbacks add to the results that it keeps.
        """
        known = [i for i, entry in enumerate(self.callbacks) if _is_backed_up(entry)]
        head = self.callbacks[: known[-1] + 1] if known else []
        backups = [entry for entry in head if getattr(entry, "_makes_backups", False)]
        if backups:
            self.callbacks[: len(head)] = [entry for entry in head if entry not in backups] + backups

    def _find_batch_hooks(self) -> None:
        self._arrange()

        def wanting(*names: str) -> list[Any]:
            return [entry for entry in self.callbacks if overrides(entry, *names)]

        self._train_begin = wanting("on_train_batch_begin", "on_batch_begin")
        self._train_end = wanting("on_train_batch_end", "on_batch_end")
        self._test_begin, self._test_end = wanting("on_test_batch_begin"), wanting("on_test_batch_end")
        self._predict_begin, self._predict_end = wanting("on_predict_batch_begin"), wanting("on_predict_batch_end")
        self.has_train_batch_hooks = bool(self._train_begin or self._train_end)
        self.has_test_batch_hooks = bool(self._test_begin or self._test_end)
        predicting = [*self._predict_begin, *self._predict_end]
        self.has_predict_batch_hooks = bool(predicting)
        self.watches_predictions = any(type(entry) is not ProgbarLogger for entry in predicting)

    def append(self, callback: Any) -> None:
        """Add a callback at the end."""
        self.callbacks.append(callback)
        self._find_batch_hooks()

    def set_params(self, params: Any) -> None:
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        if self._history is not None:
            model.history = self._history
        for callback in self.callbacks:
            callback.set_model(model)
            if getattr(callback, "_makes_backups", False):
                callback._companions = self.callbacks

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        self.on_train_batch_begin(batch, logs)

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        self.on_train_batch_end(batch, logs)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        logs = {} if logs is None else logs
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        for callback in self._train_begin:
            callback.on_train_batch_begin(batch, logs={} if logs is None else logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        for callback in self._train_end:
            callback.on_train_batch_end(batch, logs={} if logs is None else logs)

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        for callback in self._test_begin:
            callback.on_test_batch_begin(batch, logs={} if logs is None else logs)

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        for callback in self._test_end:
            callback.on_test_batch_end(batch, logs={} if logs is None else logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        for callback in self._predict_begin:
            callback.on_predict_batch_begin(batch, logs={} if logs is None else logs)

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        for callback in self._predict_end:
            callback.on_predict_batch_end(batch, logs={} if logs is None else logs)

    def on_train_begin(self, logs: Logs = None) -> None:
        for callback in self.callbacks:
            callback.on_train_begin({} if logs is None else logs)

    def on_train_end(self, logs: Logs = None) -> None:
        for callback in self.callbacks:
            callback.on_train_end({} if logs is None else logs)

    def _on_train_failed(self) -> None:
        for callback in self.callbacks:
            if isinstance(callback, Callback):
                callback._on_train_failed()

    def on_test_begin(self, logs: Logs = None) -> None:
        for callback in self.callbacks:
            callback.on_test_begin({} if logs is None else logs)

    def on_test_end(self, logs: Logs = None) -> None:
        for callback in self.callbacks:
            callback.on_test_end({} if logs is None else logs)

    def on_predict_begin(self, logs: Logs = None) -> None:
        for callback in self.callbacks:
            callback.on_predict_begin({} if logs is None else logs)

    def on_predict_end(self, logs: Logs = None) -> None:
        for callback in self.callbacks:
            callback.on_predict_end({} if logs is None else logs)
