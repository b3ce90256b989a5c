"""Going on with a training run that was interrupted."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pronghorn.callbacks.callback import Callback, Logs
from pronghorn.callbacks.resumption import Position, seed_variables
from pronghorn.callbacks.states import states_of
from pronghorn.distribution import together
from pronghorn.engine.graph.user_code import warn
from pronghorn.placement.processes import is_first
from pronghorn.saving import state
from pronghorn.saving.archive import explained
from pronghorn.saving.weights_store import WeightsReader, WeightsWriter
from pronghorn.utils.replacing import replacing

_NOTE = "training"


class BackupAndRestore(Callback):
    """Backs up the training, and goes on from the backup when `fit` is called again after an interruption.

    What it goes on with is to the bit what it would have been: the weights, the optimizer, the epoch and the step, the
    order of the samples and the seeds of dropout. That holds for data in memory, data sets that give the same again,
    and the random numbers of Pronghorn, NumPy's and Python's global generators; not for what else the program keeps.
    Where the batch size or the number of batches is another, a warning says where the training goes on.

    What other callbacks of Pronghorn have counted goes on too, whatever the order of the callbacks: such as the best
    value, the patience and the best weights of `EarlyStopping`, and the record that `fit` returns. Callbacks of your
    own are left alone.

    Args:
        backup_dir: a folder for this callback alone.
        save_freq: `"epoch"`, or a number of batches.
        double_checkpoint: whether to keep the backup before the last, for when the last cannot be read.
        delete_checkpoint: whether to delete the backup at the end of a training that was not interrupted.

    Raises:
        ValueError: for an unknown `save_freq` or an empty folder name.

    Example:

    >>> import os, tempfile
    >>> import numpy as np
    >>> from pronghorn import layers, models
    >>> model = models.Sequential([layers.Input((1,)), layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> place = tempfile.TemporaryDirectory()
    >>> folder = os.path.join(place.name, "backup")
    >>> backup = BackupAndRestore(folder, delete_checkpoint=False)
    >>> history = model.fit(np.ones((4, 1)), np.ones((4, 1)), callbacks=[backup], verbose=0)
    >>> os.path.exists(folder)
    True
    """

    _makes_backups = True
    _companions: Sequence[Any] = ()  # the callbacks of the run

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not backup_dir:
            raise ValueError("BackupAndRestore: backup_dir is empty; pass a folder for the backups.")
        if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int)):
            raise ValueError(
                f"BackupAndRestore: Invalid value for save_freq, {save_freq!r}: it is 'epoch' or a number of batches."
            )
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._batches = 0
        self._epoch = 0
        self._step = 0

    def _file(self, prefix: str = "latest") -> Path:
        return Path(self.backup_dir) / f"{prefix}.weights.h5"

    # -- restoring --------------------------------------------------------------------------------------------------
    def on_train_begin(self, logs: Logs = None) -> None:
        self._batches = self._step = 0
        self.model._trainer_state.run.keep_place()
        if is_first():
            for unfinished in Path(self.backup_dir).glob(".*.weights.h5-*.new"):  # of runs that were killed
                unfinished.unlink(missing_ok=True)
        with together.firsts_files([self._file("latest"), self._file("previous")]) as kept:
            self._restore_one(kept)

    def _restore_one(self, kept: Sequence[Path]) -> None:
        """Restore the first of the backups that can be read."""
        for number, file in enumerate(kept):
            try:
                self._restore(file)
                return
            except (OSError, ValueError, KeyError, TypeError) as error:
                if number == len(kept) - 1:
                    raise
                warn(f"BackupAndRestore: {file} cannot be restored ({error}); going on from {kept[-1].name}.")

    def _restore(self, file: Path) -> None:
        model = self.model
        if not model.built:
            raise RuntimeError(
                "BackupAndRestore: the model has no weights yet to restore; give its first layer an input shape, "
                "or call model.build(...) before fit."
            )
        with WeightsReader(file) as reader:
            noted = reader.noted(_NOTE)
            if noted is None:
                raise ValueError(f"{file} is no backup of a training run: it does not say where the run stood.")
            try:
                place, values = Position.from_note(*noted)
            except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
                raise ValueError(f"{file} is damaged: where the run stood cannot be read ({error!r}).") from error
            seeds = seed_variables(model)
            if [a.shape for a in values] != [tuple(v.shape) for v in seeds]:
                raise ValueError(f"{file} is the backup of another model: its seeds do not fit.")
            if model.optimizer is not None and not model.optimizer.built:
                model.optimizer.build(model.trainable_variables)
            state.read_weights(model, reader)
        for variable, array in zip(seeds, values):
            variable.assign(array)
        self._step = place.step
        model._trainer_state.run.go_on_at(place)

    # -- backing up -------------------------------------------------------------------------------------------------
    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if epoch != self._epoch:
            self._step = 0
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._step = 0
        if self.save_freq == "epoch":
            self._save(epoch + 1, 0, (epoch, logs or {}))

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._step = batch + 1
        self._batches += 1
        if self.save_freq != "epoch" and self._batches % int(self.save_freq) == 0:
            self._save(self._epoch, batch + 1)

    def _save(self, epoch: int, step: int, ended: tuple[int, Mapping[str, Any]] | None = None) -> None:
        together.bring_together(self.model)
        with together.written_by_first(self._file()):
            if is_first():
                self._write(epoch, step, ended)

    def _write(self, epoch: int, step: int, ended: tuple[int, Mapping[str, Any]] | None) -> None:
        # One file holds everything, and takes the place of the one before at once.
        latest = self._file()
        place = self.model._trainer_state.run.position(epoch, step, ended)
        place.callbacks = states_of(self._companions)
        with explained(latest, "BackupAndRestore"), replacing(latest) as fresh:
            with WeightsWriter(fresh) as writer:
                state.write_weights(self.model, writer)
                writer.note(_NOTE, *place.as_note([v.numpy() for v in seed_variables(self.model)]))
            if self.double_checkpoint and latest.exists():
                with replacing(self._file("previous")) as older:
                    shutil.copyfile(latest, older)

    def on_train_end(self, logs: Logs = None) -> None:
        folder = Path(self.backup_dir)
        if not self.delete_checkpoint or not is_first() or not folder.is_dir():
            return
        for prefix in ("latest", "previous"):
            self._file(prefix).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # a file of somebody else's is in it
            folder.rmdir()
