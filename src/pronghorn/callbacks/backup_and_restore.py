"""Going on with a training run that was interrupted."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from pronghorn.callbacks.callback import Callback, Logs


class BackupAndRestore(Callback):
    """Backs up the training, and goes on from the backup when `fit` is called again after an interruption.

    Args:
        backup_dir: a folder for this callback alone.
        save_freq: `"epoch"`, or a number of batches.
        double_checkpoint: whether to keep the backup before the last, for when the last cannot be read.
        delete_checkpoint: whether to delete the backup at the end of a training that was not interrupted.

    Raises:
        ValueError: for an unknown `save_freq` or an empty folder name.
    """

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
            raise ValueError(f"BackupAndRestore: save_freq={save_freq!r}; it must be 'epoch' or a number of batches.")
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._batches = 0
        self._epoch = 0

    def _files(self, prefix: str = "latest") -> tuple[Path, Path]:
        folder = Path(self.backup_dir)
        return folder / f"{prefix}.weights.h5", folder / f"{prefix}_training_metadata.json"

    def on_train_begin(self, logs: Logs = None) -> None:
        for prefix in ("latest", "previous"):
            weights, metadata = self._files(prefix)
            if not weights.exists() or not metadata.exists():
                continue
            try:
                position = json.loads(metadata.read_text())
                self._restore(weights, position)
                return
            except (OSError, ValueError, KeyError):
                if prefix == "previous" or not self._files("previous")[0].exists():
                    raise

    def _restore(self, weights: Path, position: dict[str, Any]) -> None:
        if not self.model.built:
            raise RuntimeError(
                "BackupAndRestore: the model has no weights yet to restore; give its first layer an input shape, "
                "or call model.build(...) before fit."
            )
        self.model.load_weights(weights)
        self.model._initial_epoch = position["epoch"]

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch + 1, 0)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self.save_freq == "epoch":
            return
        self._batches += 1
        if self._batches % int(self.save_freq) == 0:
            self._save(self._epoch, batch)

    def _save(self, epoch: int, batch: int) -> None:
        weights, metadata = self._files()
        weights.parent.mkdir(parents=True, exist_ok=True)
        fresh, fresh_metadata = self._files("unfinished")
        self.model.save_weights(fresh, overwrite=True)
        fresh_metadata.write_text(json.dumps({"epoch": epoch, "batch": batch}))
        if self.double_checkpoint and weights.exists() and metadata.exists():
            previous, previous_metadata = self._files("previous")
            os.replace(weights, previous)
            os.replace(metadata, previous_metadata)
        # Whole files take the place of whole files: an interruption leaves one backup or the other.
        os.replace(fresh, weights)
        os.replace(fresh_metadata, metadata)

    def on_train_end(self, logs: Logs = None) -> None:
        if self.delete_checkpoint and os.path.isdir(self.backup_dir):
            shutil.rmtree(self.backup_dir)
