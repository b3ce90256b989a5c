"""The steps of an epoch: batches of an adapter, counted, limited and put together for one execution."""

from __future__ import annotations

from collections.abc import Iterator

from pronghorn.trainers.batch import Batch
from pronghorn.trainers.data_adapters.adapter import DataAdapter
from pronghorn.utils.user_code import warn


class EpochIterator:
    """Gives, for each epoch, pairs of a step's number and the batches of that execution.

    Args:
        adapter: the data.
        steps_per_epoch: batches an epoch; by default as many as the data has. With a number, an epoch goes on in the
            data where the one before it stopped.
        steps_per_execution: batches that are run between two calls of the callbacks.
    """

    def __init__(self, adapter: DataAdapter, steps_per_epoch: int | None = None, steps_per_execution: int = 1):
        from pronghorn import config

        limit = config.max_steps_per_epoch()
        if limit is not None:
            known = steps_per_epoch if steps_per_epoch is not None else adapter.num_batches
            steps_per_epoch = limit if known is None else min(limit, known)
        self.adapter = adapter
        self.steps_per_epoch = steps_per_epoch
        self.steps_per_execution = steps_per_execution
        self._running: Iterator[Batch] | None = None
        self._exhausted = False

    @property
    def is_exhausted(self) -> bool:
        """Whether a generator has nothing for another epoch."""
        return self._exhausted

    @property
    def num_batches(self) -> int | None:
        """Batches an epoch, or None where that is not known."""
        return self.steps_per_epoch or self.adapter.num_batches

    def restart(self) -> None:
        """Have the next epoch begin at the start of the data, where that can be."""
        if self.adapter.restarts:
            self._running = None

    def epoch(self) -> Iterator[tuple[int, list[Batch]]]:
        """The steps of an epoch."""
        self.adapter.on_epoch_begin()
        self._exhausted = self._exhausted or (not self.adapter.restarts and not self.steps_per_epoch)
        source = self._limited() if self.steps_per_epoch else self.adapter.batches()
        group: list[Batch] = []
        first = 0
        for batch in source:
            group.append(batch)
            if len(group) == self.steps_per_execution:
                yield first, group
                first += len(group)
                group = []
        if group:
            yield first, group
            first += len(group)
        if not self.steps_per_epoch and self.adapter.num_batches is None and first:
            self.adapter.num_batches = first  # the next epoch's progress bar knows how long it is
        self.adapter.on_epoch_end()

    def _limited(self) -> Iterator[Batch]:
        """`steps_per_epoch` batches, going on where the last epoch stopped; fewer where the data ends."""
        given = 0
        while given < self.steps_per_epoch and not self._exhausted:
            if self._running is None:
                self._running = self.adapter.batches()
            batch = next(self._running, None)
            if batch is None:
                self._running = None
                self._exhausted = not self.adapter.restarts
                if given or self._exhausted:  # at the start of an epoch, the last one just used everything up
                    warn(
                        f"Your input ran out of data after {given} of {self.steps_per_epoch} steps; this epoch ends "
                        "early. Lower steps_per_epoch, or let a generator give steps_per_epoch * epochs batches, for "
                        "example by looping without end."
                    )
                    return
                continue
            given += 1
            yield batch
