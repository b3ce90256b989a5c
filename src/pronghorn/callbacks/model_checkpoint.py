"""Saving the model while it trains."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from pronghorn._lazy import nearest_clause
from pronghorn.callbacks.callback import Logs
from pronghorn.callbacks.monitor import MonitorCallback
from pronghorn.distribution import together
from pronghorn.engine.graph.user_code import warn
from pronghorn.placement.processes import is_first
from pronghorn.utils import io


class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights, after each epoch or every so many batches.

    Args:
        filepath: the file; `{epoch}` and the names of results in braces are filled in, such as
            `"{epoch:02d}-{val_loss:.2f}.keras"`. It ends with `.weights.h5` where only weights are saved, else with
            `.keras` or `.h5`.
        monitor: name of the result that `save_best_only` goes by.
        verbose: 1 to say when it saves.
        save_best_only: whether to save only when the result is the best so far.
        save_weights_only: whether to save the weights alone.
        mode: `"min"`, `"max"` or `"auto"`.
        save_freq: `"epoch"`, or a number of batches.
        initial_value_threshold: the value that the first one to be saved must beat.

    Raises:
        ValueError: for a file name that does not fit, or an unknown `save_freq`.

    Example:

    >>> import os, tempfile
    >>> import numpy as np
    >>> from pronghorn import layers, models
    >>> model = models.Sequential([layers.Input((1,)), layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> place = tempfile.TemporaryDirectory()
    >>> path = os.path.join(place.name, "best.keras")
    >>> keep = ModelCheckpoint(path, monitor="loss", save_best_only=True)
    >>> history = model.fit(np.ones((4, 1)), np.ones((4, 1)), callbacks=[keep], verbose=0)
    >>> os.path.exists(path)
    True
    """

    _kept = ("best", "_batches_since_saving", "_last_batch")

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, baseline=initial_value_threshold)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int)):
            raise ValueError(f"ModelCheckpoint: Unrecognized save_freq {save_freq!r}: 'epoch' or a number of batches.")
        endings = (".weights.h5",) if save_weights_only else (".keras", ".h5")
        if not self.filepath.endswith(endings):
            what = "save_weights_only=True" if save_weights_only else "the whole model"
            raise ValueError(
                f"ModelCheckpoint: for {what} the file name must end with {' or '.join(endings)}; "
                f"got filepath={self.filepath!r}."
            )
        self.save_freq = save_freq
        self._batches_since_saving = 0
        self._last_batch = 0
        self._current_epoch = 0

    def _label(self) -> str:
        return f"{super()._label()} in {os.path.basename(self.filepath)}"

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self._should_save_on_batch(batch):
            self._save_model(self._current_epoch, batch, logs)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._current_epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.save_freq == "epoch":
            self._save_model(epoch, None, logs)

    def _is_best(self, epoch: int, logs: Logs) -> bool:
        value = self.monitored(logs)
        if value is None:
            return True  # warned about; losing the model would be worse
        if np.ndim(value) > 0:
            warn(f"ModelCheckpoint: {self.monitor!r} is no single number, so there is no best; saving.")
            return True
        if not self.is_improvement(value, self.best):
            if self.verbose > 0:
                io.write(f"\nEpoch {epoch + 1}: {self.monitor} is no better than {self.best:.5f}")
            return False
        if self.verbose > 0:
            before = "" if self.best is None else f"better than {self.best:.5f}, now "
            io.write(f"\nEpoch {epoch + 1}: {self.monitor} is {before}{value:.5f}")
        self.best = value
        return True

    # Weights & Biases' callback, which is one of this kind, calls the next three by these names.
    def _should_save_on_batch(self, batch: int) -> bool:
        if self.save_freq == "epoch":
            return False
        # Batches count on through epochs, in which their numbers start anew.
        done = batch + 1 if batch <= self._last_batch else batch - self._last_batch
        self._batches_since_saving += done
        self._last_batch = batch
        if self._batches_since_saving >= int(self.save_freq):
            self._batches_since_saving = 0
            return True
        return False

    def _save_model(self, epoch: int, batch: int | None, logs: Logs) -> None:
        logs = logs or {}
        if self.save_best_only and not self._is_best(epoch, logs):
            return
        path = self._get_file_path(epoch, batch, logs)
        if self.verbose > 0:
            io.write(f"\nEpoch {epoch + 1}: saving to {path}")
        with together.written_by_first(path):
            if is_first():
                _prepare(Path(path))
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)

    def _get_file_path(self, epoch: int, batch: int | None, logs: Logs) -> str:
        results = {name: value for name, value in (logs or {}).items() if name not in ("epoch", "batch")}
        numbers = {"epoch": epoch + 1, **results}
        try:
            return self.filepath.format(**({**numbers, "batch": batch + 1} if batch is not None else numbers))
        except KeyError as error:
            near = nearest_clause(str(error.args[0]), numbers)
            raise KeyError(
                f"ModelCheckpoint: filepath={self.filepath!r} names {error}, which is no result{near}; there are: "
                f"{', '.join(numbers)}."
            ) from None


def _prepare(path: Path) -> None:
    if path.is_dir():
        raise OSError(f"ModelCheckpoint: {path} is a folder; filepath must name a file.")
    path.parent.mkdir(parents=True, exist_ok=True)  # a model's own save() may not make it
