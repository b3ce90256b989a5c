"""timeseries_dataset_from_array, split_dataset and PyDataset."""

import numpy as np
import pytest

from pronghorn import utils

STEPS = np.arange(50)


def windows(*arguments, **options):
    return [
        [part.tolist() for part in batch] if isinstance(batch, tuple) else batch.tolist()
        for batch in utils.timeseries_dataset_from_array(*arguments, **options)
    ]


def test_windows():
    first, *_, last = windows(STEPS, None, 10, sampling_rate=2, sequence_stride=3, batch_size=4)
    assert first[0] == list(range(0, 20, 2)) and first[1] == list(range(3, 23, 2)) and last[-1][-1] <= 49
    batches = windows(STEPS, STEPS * 10, 9, batch_size=40)
    assert [len(batch[0]) for batch in batches] == [40, 2] and batches[1][1] == [400, 410]
    assert sum(len(batch[0]) for batch in windows(STEPS, STEPS[:20], 9)) == 20


def test_windows_of_a_part():
    ((parts, targets),) = windows(STEPS, STEPS * 10, 4, start_index=10, end_index=20)
    assert parts[0] == [10, 11, 12, 13] and parts[-1] == [16, 17, 18, 19] and targets == list(range(100, 170, 10))


def test_windows_one_by_one_and_shuffled():
    assert windows(STEPS, STEPS, 49, batch_size=None) == [[list(range(49)), 0], [list(range(1, 50)), 1]]
    data = utils.timeseries_dataset_from_array(STEPS, None, 5, shuffle=True, seed=1, batch_size=100)
    (first,), (second,) = list(data), list(data)
    assert sorted(first[:, 0]) == list(range(46)) and first.tolist() != second.tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sequence_length": 51}, "sequence_length=51"),
        ({"sequence_length": 5, "sampling_rate": 0}, "sampling_rate=0"),
        ({"sequence_length": 5, "start_index": -1}, "start_index=-1"),
        ({"sequence_length": 5, "start_index": 9, "end_index": 9}, "end_index=9"),
    ],
)
def test_windows_refuse(options, message):
    with pytest.raises(ValueError, match=message):
        utils.timeseries_dataset_from_array(STEPS, None, **options)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [(0.75, None, (8, 2)), (3, None, (3, 7)), (None, 0.33, (7, 3)), (0.3, 0.4, (3, 4)), (2, 3, (2, 3))],
)
def test_split(left, right, expected):
    parts = utils.split_dataset(np.arange(10), left_size=left, right_size=right)
    assert tuple(map(len, parts)) == expected
    assert list(parts[0]) == list(range(expected[0])) and list(parts[1])[-1] == 9


def test_split_keeps_pairs_together_and_shuffles():
    left, right = utils.split_dataset((np.arange(10), np.arange(10) * 2), left_size=0.5, shuffle=True, seed=1)
    pairs = [*left, *right]
    assert all(y == 2 * x for x, y in pairs) and [x for x, _ in pairs] != list(range(10))
    left, right = utils.split_dataset(np.arange(10), left_size=0.7, shuffle=True, seed=3)
    assert [list(left), list(right)] == [[1, 5, 6, 0, 9, 4, 7], [2, 8, 3]]  # as Keras splits them by that seed


@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"left_size": 1.5},
        {"left_size": 0},
        {"left_size": 12},
        {"left_size": 0.8, "right_size": 0.4},
        {"left_size": -1},
    ],
)
def test_split_refuses(sizes):
    with pytest.raises(ValueError, match="split_dataset"):
        utils.split_dataset(np.arange(10), **sizes)


def test_py_dataset():
    class Data(utils.PyDataset):
        def __init__(self):
            pass  # a subclass that forgets super().__init__()

        def __len__(self):
            return 3

        def __getitem__(self, index):
            return index

    data = Data()
    assert (data.workers, data.use_multiprocessing, data.max_queue_size, data.num_batches) == (1, False, 10, 3)
    data.workers = 4
    assert data.workers == 4 and utils.Sequence is utils.PyDataset
    with pytest.raises(NotImplementedError, match="num_batches"):
        _ = utils.PyDataset().num_batches
    with pytest.raises(NotImplementedError, match="__getitem__"):
        utils.PyDataset()[0]


@pytest.mark.parametrize("size", [0, -1, 2.5, "a"])
def test_windows_come_in_batches_of_one_or_more(size):
    with pytest.raises(ValueError, match="`batch_size` must be an integer above 0, or None; got batch_size="):
        utils.timeseries_dataset_from_array(np.arange(9.0), None, 3, batch_size=size)


@pytest.mark.parametrize("length", [0, -1, 2.5, "a"])
def test_texts_have_lengths_of_one_or_more(length, tmp_path):
    with pytest.raises(ValueError, match="`max_length` must be an integer above 0, or None; got max_length="):
        utils.text_dataset_from_directory(tmp_path, max_length=length)
