"""`TrainingRun`: a run of `fit`, which may go on where an earlier one stood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pronghorn.callbacks.resumption import Position, fitted, position, restore_metrics
from pronghorn.callbacks.states import set_states
from pronghorn.calls.step import StepFunction
from pronghorn.engine.graph.user_code import warn
from pronghorn.trainers.epoch_iterator import EpochIterator


class TrainingRun:
    """What goes on in `fit`: its step, its data and its callbacks, and what an earlier run has done of it.

    A callback that keeps backups asks for the `position`. In `on_train_begin` it says so, by `keep_place`. There it may
    also say, by `go_on_at`, where an earlier run stood whose weights it has restored; `epochs` then goes on there.

    Args:
        model: the model.
        function: the training step.
        steps: the epochs' steps.
        callbacks: the `CallbackList`.
    """

    def __init__(self, model: Any, function: StepFunction, steps: EpochIterator, callbacks: Any):
        self.model = model
        self.function = function
        self.steps = steps
        self.callbacks = callbacks
        self._earlier: Position | None = None

    def position(self, epoch: int, step: int, ended: tuple[int, Mapping[str, Any]] | None = None) -> Position:
        """Return where the run stands, but for what callbacks have counted.

        Args:
            epoch: the number of the epoch that goes on.
            step: batches that are done in it.
            ended: the epoch that has just ended, and its logs.
        """
        place = position(epoch, step, self.steps.place())
        sizes = (self.steps.adapter.batch_size, self.steps.num_batches)
        place.batch_size, place.num_batches = (None if size is None else int(size) for size in sizes)
        place.stopped, place.ended = bool(self.model.stop_training), ended
        place.metrics = [v.numpy() for v in self.model.metrics_variables]
        return place

    def keep_place(self) -> None:
        """Have the run note what `position` tells; who will ask for it says so before the first epoch begins."""
        self.steps.keep_place()

    def go_on_at(self, place: Position) -> None:
        """Have the run go on where an earlier one stood, whose weights and seeds the model has already."""
        self._earlier = place

    def epochs(self, first: int, end: int) -> range:
        """Return the numbers of the epochs that are to be done, once `on_train_begin` is over.

        Args:
            first: the first, if there was no earlier run.
            end: the number after the last.
        """
        if self._earlier is None:
            return range(first, end)
        place = self._earlier = self._resumed(self._earlier)
        return range(place.epoch, place.epoch if place.stopped and not place.step else end)

    def is_begun(self, epoch: int) -> bool:
        """Whether an earlier run has done a part of an epoch, so that its metrics go on."""
        place = self._earlier
        return place is not None and place.step > 0 and epoch == place.epoch

    def is_over(self, epoch: int) -> bool:
        """Whether an earlier run was stopped in the middle of an epoch, so that only its end is left."""
        return self._earlier is not None and self._earlier.stopped and self.is_begun(epoch)

    @property
    def logs(self) -> dict[str, Any]:
        """The logs of the epoch that an earlier run has ended last; empty without one."""
        place = self._earlier
        return {} if place is None or place.ended is None else dict(place.ended[1])

    def _resumed(self, place: Position) -> Position:
        """Set the metrics, the place in the data, the seeds and the callbacks to where an earlier run stood."""
        place = fitted(place, self.steps.adapter.batch_size, self.steps.num_batches)
        first = self.steps.adapter.first() if place.step else None
        if first is not None:
            self.function.prepare(first)  # builds the metrics; it may draw random numbers, so it comes first
        restore_metrics(self.model, place.metrics)
        self.steps.go_to(place)
        set_states(self.callbacks.callbacks, place.callbacks, place.ended)
        self.model.stop_training = place.stopped
        if place.stopped and not place.step:
            warn(
                f"The training that was backed up had been stopped by a callback at the end of epoch {place.epoch}, so "
                "nothing is left of it. For another training delete the backup, or name another backup_dir."
            )
        return place
