"""The steps of an epoch: batches of an adapter, counted, limited and put together for one execution."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from pronghorn import config
from pronghorn._wording import counted
from pronghorn.callbacks.resumption import DataPosition, Position
from pronghorn.calls.batch import Batch
from pronghorn.distribution import together
from pronghorn.engine.graph.user_code import warn
from pronghorn.placement.active import distribution
from pronghorn.random.states import Seeds
from pronghorn.trainers.data_adapters.adapter import DataAdapter


class EpochIterator:
    """Gives, for each epoch, pairs of a step's number and the batches of that execution.

    Args:
        adapter: the data.
        steps_per_epoch: batches an epoch; by default as many as the data has. With a number, an epoch goes on in the
            data where the one before it stopped.
        steps_per_execution: batches that are run between two calls of the callbacks.

    Raises:
        ValueError: the distribution in force cannot share batches of that size.
    """

    def __init__(
        self,
        adapter: DataAdapter,
        steps_per_epoch: int | None = None,
        steps_per_execution: int = 1,
    ):
        if (found := distribution()) is not None:
            found.check_batches(adapter.batch_size)
            if (reading := found.reading) is not None:
                adapter.share(reading)
        limit = config.max_steps_per_epoch()
        if limit is not None:
            known = steps_per_epoch if steps_per_epoch is not None else adapter.num_batches
            steps_per_epoch = limit if known is None else min(limit, known)
        self.adapter = adapter
        self.steps_per_epoch = steps_per_epoch
        self.steps_per_execution = steps_per_execution
        # Whether it is not known how many batches there are on all processes.
        self._is_open = adapter.num_batches is None or together.have_own_data()
        self._running: Iterator[Batch] | None = None
        self._exhausted = False
        self._is_asked = False  # for its place; reading the generators takes longer than predicting a sample
        self._begun: Seeds | None = None  # the generators when the pass began
        self._in_pass = self._total = 0  # batches that were taken in the pass, and in all
        self._done = 0  # batches of the coming epoch that an earlier run has done
        self.is_resumed = False  # whether an earlier run has done a part of the epoch that goes on

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
            self.adapter.restart()

    def epoch(self) -> Iterator[tuple[int, list[Batch]]]:
        """The steps of an epoch: the number of the first batch of each execution, and its batches.

        Every execution but the last of the data is whole, so an epoch of `steps_per_epoch` batches goes on to the end
        of an execution.
        """
        self.adapter.on_epoch_begin()
        self._exhausted = self._exhausted or (not self.adapter.restarts and not self.steps_per_epoch)
        source = self._going_on(self._done) if self.steps_per_epoch else self._pass()
        given, self._done = self._done, 0
        self.is_resumed = given > 0
        group: list[Batch] | None = None
        while group != [] and (not self.steps_per_epoch or given < self.steps_per_epoch):
            group = list(itertools.islice(source, self.steps_per_execution))
            if self._is_open:
                group = group[: together.least(len(group))]  # the epoch is over where it is over for one process
            self._in_pass += len(group)
            self._total += len(group)
            if group:
                yield given, group
            given += len(group)
        if not self.steps_per_epoch:
            self._in_pass = 0  # the next epoch is another pass
        if not self.steps_per_epoch and self.adapter.num_batches is None and given:
            self.adapter.num_batches = given  # the next epoch's progress bar knows how long it is
        if self.steps_per_epoch and given < self.steps_per_epoch:
            warn(
                f"The data ended after {given} of {counted(self.steps_per_epoch, 'step')}, and the epoch with it. "
                "Lower steps_per_epoch, or let a generator give steps_per_epoch * epochs batches, for example by "
                "looping without end."
            )
        self.adapter.on_epoch_end()

    def _going_on(self, given: int) -> Iterator[Batch]:
        """Batches from where the last epoch stopped to the end of the data; from its start, if it had used all."""
        while not self._exhausted:
            if self._running is None:
                self._running = self._pass()
            batch = next(self._running, None)
            if batch is None:
                self._running = None
                self._exhausted = not self.adapter.restarts
                if given:
                    return
            else:
                given += 1
                yield batch

    def _pass(self) -> Iterator[Batch]:
        """The batches of a pass over the data, or the rest of one that was begun."""
        if self._running is not None and not self.steps_per_epoch:
            running, self._running = self._running, None
            return running
        self._begun, self._in_pass = Seeds.now() if self._is_asked else None, 0
        return iter(self.adapter.batches())

    def keep_place(self) -> None:
        """Have each pass that begins from now on note the random numbers it begins with, so that `place` tells them."""
        self._is_asked = True

    def place(self) -> DataPosition:
        """Return the place in the data, as it is between two executions; `keep_place` comes before the first pass."""
        return DataPosition(self._begun or Seeds.now(), self._in_pass, self._total)

    def go_to(self, place: Position) -> None:
        """Go on where an earlier run stood, with the same order of the data, and set all seeds as they were then.

        Args:
            place: where it stood. Data that cannot be restarted, such as a generator, gives again what it gave then.
        """
        data = place.data
        self._done = place.step
        if data is not None and (data.in_pass or not self.adapter.restarts):
            data.seeds.restore()
            self._running = iter(self.adapter.batches())
            for _ in range(data.in_pass if self.adapter.restarts else data.total):
                if next(self._running, None) is None:
                    break
            self._begun, self._in_pass, self._total = data.seeds, data.in_pass, data.total
        place.seeds.restore()
