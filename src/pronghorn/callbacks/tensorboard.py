"""Results for TensorBoard, as event files."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from pronghorn.callbacks.callback import Callback, Logs
from pronghorn.callbacks.event_file import EventFile
from pronghorn.callbacks.learning_rate import learning_rates
from pronghorn.callbacks.pictures import pictures_of
from pronghorn.callbacks.profiler import Profiler
from pronghorn.callbacks.projector import Projector


class TensorBoard(Callback):
    """Writes losses, metrics, the learning rate, histograms of the weights and more for TensorBoard to show.

    TensorFlow is not needed to write them; to look at them, `pip install tensorboard` and
    `tensorboard --logdir logs`.

    Args:
        log_dir: the folder; training results go to `train` in it, validation results to `validation`.
        histogram_freq: write histograms of the weights every so many epochs; 0 writes none.
        write_graph: whether to write the model's layers, for the page "Graphs"; of models of named layers only.
        write_images: whether to write pictures of the weights as well, where histograms are written.
        write_steps_per_second: whether to write the speed too.
        update_freq: `"epoch"`, `"batch"`, or a number of batches: how often results within an epoch are written.
        profile_batch: which batch, or which first and last one, to measure kernel by kernel: a trace for the page
            "Profile" (`pip install xprof`), and beside it a Chrome trace. 0 measures none. The first two batches are
            not measured, since they pay for compiling; if they are asked for, as many after them are. Other
            libraries' engines have profilers of their own.
        embeddings_freq: write embeddings for the projector every so many epochs; 0 writes none.
        embeddings_metadata: a file in `log_dir` with a label for each row of an embedding: one for all, or a dict by
            the names of the layers.

    Raises:
        ValueError: for an unknown `update_freq` or `profile_batch`.

    Example:

    >>> import os, tempfile
    >>> import numpy as np
    >>> from pronghorn import layers, models
    >>> model = models.Sequential([layers.Input((1,)), layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> place = tempfile.TemporaryDirectory()
    >>> folder = place.name
    >>> history = model.fit(np.ones((4, 1)), np.ones((4, 1)), callbacks=[TensorBoard(folder)], verbose=0)
    >>> sorted(os.listdir(folder))
    ['train']
    """

    _only_first = True
    _kept = ("_step",)

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        if update_freq not in ("epoch", "batch") and (
            isinstance(update_freq, bool) or not isinstance(update_freq, int)
        ):
            raise ValueError(f"TensorBoard: update_freq={update_freq!r}; it must be 'epoch', 'batch' or a number.")
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self._profiler = Profiler(self.log_dir, profile_batch)
        self._projector = Projector(self.log_dir, embeddings_metadata)
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self._files: dict[str, EventFile] = {}
        self._step = 0
        self._epoch_start = (0.0, 0)

    def _file(self, part: str) -> EventFile:
        if part not in self._files:
            self._files[part] = EventFile(os.path.join(self.log_dir, part))
        return self._files[part]

    def on_train_begin(self, logs: Logs = None) -> None:
        self._step = 0
        self._profiler.begin()
        if self.embeddings_freq:
            self._projector.check(self.model)
        if self.write_graph and layers_of(self.model):
            self._file("train").model(0, "keras", self.model.to_json())

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch_start = time.time(), self._step

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        self._profiler.before(self.model, self._step + 1)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._step += 1
        self._profiler.after(self._step)
        if isinstance(self.update_freq, int) and self._step % self.update_freq == 0:
            results = {f"batch_{name}": value for name, value in (logs or {}).items() if np.ndim(value) == 0}
            if self.write_steps_per_second:
                results["batch_steps_per_second"] = self._speed()
            self._file("train").scalars(self._step, results)

    def on_test_end(self, logs: Logs = None) -> None:
        optimizer = getattr(self.model, "optimizer", None)
        iterations = getattr(optimizer, "iterations", None)
        if iterations is not None:
            results = {f"evaluation_{name}_vs_iterations": value for name, value in (logs or {}).items()}
            self._file("validation").scalars(int(np.asarray(iterations)), results)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        train: dict[str, Any] = {}
        validation: dict[str, Any] = {}
        for name, value in (logs or {}).items():
            if np.ndim(value) == 0:
                part = validation if name.startswith("val_") else train
                part[f"epoch_{name.removeprefix('val_')}"] = value
        for name, rate in learning_rates(self.model).items():
            train.setdefault(f"epoch_{name}", rate)
        if self.write_steps_per_second:
            train["epoch_steps_per_second"] = self._speed()
        self._file("train").scalars(epoch, train)
        if validation:
            self._file("validation").scalars(epoch, validation)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._projector.write(self.model)
        for file in self._files.values():
            file.flush()

    def _write_weights(self, epoch: int) -> None:
        for weight in self.model.weights:
            values = np.asarray(weight.numpy())
            self._file("train").histogram(epoch, f"{weight.path}/histogram", values)
            if self.write_images:
                self._file("train").images(epoch, f"{weight.path}/image", pictures_of(values))

    def _speed(self) -> float:
        start, step = self._epoch_start
        return (self._step - step) / max(time.time() - start, 1e-9)

    def on_train_end(self, logs: Logs = None) -> None:
        self._profiler.end()
        for file in self._files.values():
            file.close()
        self._files.clear()


def layers_of(model: Any) -> bool:
    """Whether a model's configuration has its layers: a model of a class of its own is code, which none describes."""
    try:
        return "layers" in model.get_config()
    except (AttributeError, NotImplementedError):
        return False
