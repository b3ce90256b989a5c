"""Batches that processes read together: each makes a share, and what they are given is every batch once."""

import itertools
import threading
import warnings

import numpy as np
import pytest

from pronghorn.data import Dataset
from pronghorn.distribution.communicator import Communicator
from pronghorn.distribution.pieces import row_edges
from pronghorn.distribution.reading import Reading
from pronghorn.placement.processes import Processes
from pronghorn.trainers.data_adapters import make_adapter
from pronghorn.utils import PyDataset


class Threads:
    """What MPI does for processes, for threads of one; each has its own, over what is common."""

    def __init__(self, count):
        self.said, self.barrier = [None] * count, threading.Barrier(count, timeout=20)

    def of(self, rank):
        return Member(self, rank)


class Member:
    def __init__(self, common, rank):
        self._common, self._rank = common, rank

    def allgather(self, item):
        common = self._common
        common.said[self._rank] = item
        common.barrier.wait()
        said = list(common.said)
        common.barrier.wait()
        return said

    def Alltoallv(self, sent, got):
        (own, counts), (buffer, sizes) = sent, got
        parts = np.split(own, np.cumsum(counts)[:-1])
        received = [everyones[self._rank] for everyones in self.allgather(parts)]
        assert [len(part) for part in received] == sizes
        buffer[...] = np.concatenate(received)

    def Allgatherv(self, own, whole):
        buffer, sizes = whole
        parts = self.allgather(own)
        assert [len(part) for part in parts] == sizes
        buffer[...] = np.concatenate(parts)


def read_by(count, data, fixed=False, passes=1, steps=None):
    """What `count` processes are given of data that `data(rank)` gives: for each, its batches of all passes.

    With `steps`, a pass ends after so many batches.
    """
    common, found, errors = Threads(count), [None] * count, []

    def process(rank):
        try:
            reading = Reading(
                Communicator(Processes(count, rank, common.of(rank))), lambda n: row_edges(n, count, fixed)
            )
            adapter = make_adapter(data(rank))
            adapter.share(reading)
            found[rank] = [[(b, b.whole()) for b in itertools.islice(adapter.batches(), steps)] for _ in range(passes)]
        except Exception as error:
            errors.append(error)
            common.barrier.abort()

    threads = [threading.Thread(target=process, args=(rank,)) for rank in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise next((e for e in errors if not isinstance(e, threading.BrokenBarrierError)), errors[0])
    return found


def check(found, expected):
    """Every process's batches are the expected ones, and their shares make them up."""
    for passes in found:
        for batches, wanted in zip(passes, expected, strict=True):
            assert len(batches) == len(wanted)
            for (share, whole), (x, y) in zip(batches, wanted):
                np.testing.assert_array_equal(whole.arrays[0], x)
                np.testing.assert_array_equal(whole.arrays[1], y)
                assert share.size == share.common_size == len(x) and share.shapes() == [x.shape, y.shape]
    for batches in zip(*(itertools.chain(*passes) for passes in found)):
        if batches[0][0].is_share:
            rows = [share.arrays[0] for share, _ in batches]
            np.testing.assert_array_equal(np.concatenate(rows), batches[0][1].arrays[0])


X = np.arange(78, dtype="float32").reshape(26, 3)
Y = np.arange(26, dtype="int32")


class Batches(PyDataset):
    """Batches that are noted when they are made."""

    def __init__(self, made, size=4, **kwargs):
        super().__init__(**kwargs)
        self.made, self.size = made, size

    def __len__(self):
        return -(-len(X) // self.size)

    def __getitem__(self, index):
        self.made.append(index)
        rows = slice(index * self.size, (index + 1) * self.size)
        return X[rows], Y[rows]


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("settings", [{}, {"workers": 2}, {"size": 25}, {"size": 64}], ids=str)
@pytest.mark.parametrize("fixed", [False, True])
def test_processes_make_batches_of_a_py_dataset_in_turns(count, settings, fixed):
    made = [[] for _ in range(count)]
    found = read_by(count, lambda rank: Batches(made[rank], **settings), fixed)
    data = Batches([], **settings)
    check(found, [[data[i] for i in range(len(data))]])
    for rank, numbers in enumerate(made):
        assert sorted(numbers) == sorted([0, *range(rank, len(data), count)])  # all look at the first


def of_slices(loaded):
    """A data set of samples that are noted when they are made."""
    return Dataset.range(26).map(lambda i: (loaded.append(int(i)), (X[int(i)], Y[int(i)]))[1])


@pytest.mark.parametrize("count", [2, 3])
def test_each_process_makes_its_rows_of_a_data_set(count):
    loaded = [[] for _ in range(count)]

    def data(rank):
        return of_slices(loaded[rank]).shuffle(26, seed=3).batch(5).prefetch(2)

    found = read_by(count, data, passes=2)
    plain = of_slices([]).shuffle(26, seed=3).batch(5)
    check(found, [list(plain), list(plain)])
    # All make the first batch, to compare it; and in the last, of one row, those without any make one to know its kind.
    assert sum(map(len, loaded)) <= 2 * 26 + 5 * (count - 1) + 2 * (count - 1)


@pytest.mark.parametrize("late", [False, True])
def test_a_pass_that_ends_early_goes_on_where_it_stopped(late):
    """As a validation of some steps does; what a thread has read ahead is not lost."""

    def data(rank):
        rows = of_slices([]).batch(4).prefetch(3)
        return rows.map(lambda x, y: (x + 1, y)) if late else rows

    batches = list(data(0))
    check(read_by(2, data, passes=3, steps=2), [batches[:2], batches[2:4], batches[4:6]])


@pytest.mark.parametrize("change", ["map", "padded"])
def test_batches_that_need_all_their_rows_are_made_in_turns(change):
    loaded = [[], []]

    def data(rank):
        rows = of_slices(loaded[rank])
        return rows.padded_batch(5) if change == "padded" else rows.batch(5).map(lambda x, y: (x - np.mean(x), y))

    found = read_by(2, data)
    loaded.append([])
    check(found, [list(data(2))])
    assert len(loaded[0]) == 3 * 5 and len(loaded[1]) == 3 * 5 - 4 + 5  # the last has one row


def test_other_orders_of_a_data_set():
    def data(rank):
        rows = of_slices([])
        rows = rows.take(9).concatenate(rows.skip(20)).cache().repeat(2).shard(3, 1)
        return rows.filter(lambda x, y: int(y) != 4).batch(4, drop_remainder=True).take(2)

    check(read_by(2, data, passes=2), [list(data(0)), list(data(0))])


def test_batches_that_are_drawn_are_made_by_all():
    class Drawn(Batches):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return x + self.rng.normal(), y

    def data(rank):
        drawn = Drawn(made[rank])
        drawn.rng = np.random.default_rng(5)
        return drawn

    made = [[], [], []]
    with pytest.warns(UserWarning, match="makes all batches of the Drawn, since they are drawn at random"):
        found = read_by(2, data)
    check(found, [[data(2)[0], *((x, y) for x, y in _rest(data(2)))]])
    assert made[1] == [0, *range(7)]


def _rest(data):
    """The batches from the second on, of a data set that draws one after the other."""
    return [data[i] for i in range(len(data))][1:]


def test_generators_and_arrays_are_given_to_all():
    def batches():
        for i in range(0, 26, 7):
            yield X[i : i + 7], Y[i : i + 7]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(read_by(2, lambda rank: batches()), [list(batches())])


def test_what_one_process_cannot_make_is_told_on_all():
    class Broken(Batches):
        def __getitem__(self, index):
            if index == 5:
                raise OSError("no such picture")
            return super().__getitem__(index)

    with pytest.raises((OSError, RuntimeError), match="no such picture"):
        read_by(2, lambda rank: Broken([]))


def test_data_that_differ_are_refused():
    with pytest.raises(ValueError, match="reading data: the processes of this run have data that differ"):
        read_by(2, lambda rank: Dataset.from_tensor_slices((X + rank, Y)).batch(4))
