"""What `fit`, `evaluate` and `predict` take."""

from __future__ import annotations

import random

import numpy as np
import pytest

import pronghorn
from pronghorn.calls.batch import as_batch
from pronghorn.calls.layout import take_apart
from pronghorn.trainers.data_adapters import make_adapter
from pronghorn.trainers.data_adapters.adapter import class_weights
from pronghorn.trainers.data_adapters.arrays import split_arrays
from pronghorn.trainers.epoch_iterator import EpochIterator


def endless(x, y, size):
    while True:
        for start in range(0, len(x), size):
            yield x[start : start + size], y[start : start + size]


def once(x, y, size):
    for start in range(0, len(x), size):
        yield x[start : start + size], y[start : start + size]


class Batches(pronghorn.utils.PyDataset):
    def __init__(self, x, y, size, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.size, self.ended = x, y, size, 0

    def __len__(self):
        return len(self.x) // self.size

    def __getitem__(self, i):
        part = slice(i * self.size, (i + 1) * self.size)
        return self.x[part], self.y[part]

    def on_epoch_end(self):
        self.ended += 1


def test_layouts_keep_structure_and_none():
    layout, leaves = take_apart(({"b": 1, "a": [2, 3]}, None))
    assert layout.pack([x * 10 for x in leaves]) == ({"b": 10, "a": [20, 30]}, None)
    assert as_batch((np.zeros(3), None)).key != as_batch((np.zeros(3), np.zeros(3))).key
    assert as_batch(np.zeros((3, 2))).key == as_batch(np.zeros((5, 2))).key


@pytest.mark.parametrize("kind", ["float64", "float32", "uint8", "int64", "bool"])
def test_types_of_arrays(make_model, data, kind):
    x = (data[0] > 0).astype(kind)
    assert np.isfinite(make_model().fit(x, data[1], verbose=0).history["loss"][0])


def test_kinds_of_data_give_the_same_result(make_model, data):
    x, y = data
    pandas = pytest.importorskip("pandas")
    arrays = {
        "numpy": (x, y),
        "float64": (x.astype("float64"), y),
        "lists": (x.tolist(), y.tolist()),
        "pandas": (pandas.DataFrame(x), pandas.Series(y)),
        "strided": (np.repeat(x, 2, axis=0)[::2], y),
        "tensors": (pronghorn.ops.convert_to_tensor(x), pronghorn.ops.convert_to_tensor(y)),
    }
    results = {name: make_model().fit(*pair, shuffle=False, verbose=0).history["loss"] for name, pair in arrays.items()}
    results["generator"] = make_model().fit(endless(x, y, 32), steps_per_epoch=2, verbose=0).history["loss"]
    results["list of batches"] = make_model().fit(iter(list(once(x, y, 32))), verbose=0).history["loss"]
    for name, losses in results.items():
        np.testing.assert_allclose(losses, results["numpy"], rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("workers", [1, 3])
def test_py_datasets(make_model, data, workers):
    dataset = Batches(*data, 10, workers=workers)
    model = make_model()
    history = model.fit(dataset, epochs=2, shuffle=False, verbose=0, validation_data=Batches(*data, 25)).history
    assert len(history["val_loss"]) == 2 and dataset.ended >= 2
    wanted = make_model().fit(*data, batch_size=10, epochs=2, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(history["loss"], wanted, rtol=1e-5)
    assert model.predict(Batches(*data, 10), verbose=0).shape == (50, 3)


def of_batches(x, y, batch_size):
    return Batches(x, y, batch_size), {}


def of_arrays(x, y, batch_size):
    return x, {"y": y, "batch_size": batch_size}


@pytest.mark.parametrize("make", [of_arrays, of_batches])
def test_the_seeds_of_numpy_and_python_have_a_training_repeat(make_model, data, make):
    source, arguments = make(*data, batch_size=10)

    def losses(seed):
        model = make_model()  # whose weights are the same each time
        np.random.seed(seed)
        random.seed(seed)
        return model.fit(source, epochs=3, shuffle=True, verbose=0, **arguments).history["loss"]

    first = losses(0)
    assert losses(0) == first
    assert losses(1) != first


@pytest.mark.parametrize("kind", ["csr_array", "dok_array", "dok_matrix"])
def test_sparse_matrices_of_any_kind_are_data(make_model, data, kind):
    sparse = pytest.importorskip("scipy.sparse")
    x, y = data
    x = x * (x > 1)
    wanted = make_model().fit(x, y, shuffle=False, verbose=0).history["loss"]
    given = getattr(sparse, kind)(x)
    model = make_model()
    assert model.fit(given, y, shuffle=False, verbose=0).history["loss"] == wanted
    assert model.predict(given, verbose=0).shape == (50, 3)


def test_rows_are_in_the_order_that_numpy_draws():
    np.random.seed(3)
    wanted = np.random.permutation(7)
    np.random.seed(3)
    (batch,) = make_adapter(np.arange(7.0), shuffle=True, batch_size=7).batches()
    np.testing.assert_array_equal(batch.gather()[0], wanted)


@pytest.mark.parametrize("shuffle", [True, "batch", False])
def test_what_is_not_built_takes_a_batch_of_another_order_first(make_model, data, shuffle):
    """So does Keras: the orders of the first `fit` are those after another one that nobody sees."""
    x, y = data
    passes = {True: [50], "batch": [20, 20, 10], False: []}[shuffle]

    def place():
        return np.random.get_state()[2]

    def after(*sizes):
        np.random.seed(1)
        for size in sizes:
            np.random.permutation(size)
        return place()

    def fit(model):
        np.random.seed(1)
        model.fit(x, y, batch_size=20, epochs=2, shuffle=shuffle, verbose=0)
        return place()

    model = make_model()
    first, later = after(*passes[:1], *passes, *passes), after(*passes, *passes)
    assert [fit(model), fit(model)] == [first, later]
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert [fit(model), fit(model)] == [first, later]
    for other in ("evaluate", "train_on_batch", "test_on_batch"):
        model.compile("sgd", "sparse_categorical_crossentropy")
        getattr(model, other)(x, y)
        assert fit(model) == later
    model = make_model()
    model.profile(x, y, steps=1, verbose=0)
    assert fit(model) == first


def test_batches_by_number_take_another_order_first(make_model, data):
    def orders(model):
        random.seed(1)
        model.fit(Batches(*data, 10), shuffle=True, verbose=0)
        return random.getstate()

    def after(count):
        random.seed(1)
        for _ in range(count):
            random.shuffle(list(range(5)))
        return random.getstate()

    model = make_model()
    assert [orders(model), orders(model)] == [after(2), after(1)]


def test_a_generator_that_ends_stops_the_training(make_model, data):
    with pytest.warns(UserWarning, match="exhausted"):
        history = make_model().fit(once(*data, 10), epochs=3, verbose=0)
    assert history.epoch == [0]


def test_a_generator_with_too_few_batches(make_model, data):
    with pytest.warns(UserWarning, match="data ended after"):
        history = make_model().fit(once(*data, 10), steps_per_epoch=4, epochs=2, verbose=0)
    assert history.epoch == [0, 1]


@pytest.mark.filterwarnings("ignore:The data ended")
def test_steps_go_on_where_the_last_epoch_stopped():
    x = np.arange(10, dtype="float32")
    steps = EpochIterator(make_adapter(x, batch_size=2), steps_per_epoch=2)
    seen = [[batch.arrays[0][0] for _, group in steps.epoch() for batch in group] for _ in range(3)]
    assert seen == [[0, 4 - 2], [4, 6], [8]]


def groups(steps):
    return [(first, len(group)) for first, group in steps.epoch()]


def test_executions_of_several_steps():
    x = np.zeros(14, "float32")
    assert groups(EpochIterator(make_adapter(x, batch_size=2), None, 3)) == [(0, 3), (3, 3), (6, 1)]
    steps = EpochIterator(make_adapter(x, batch_size=2), 2, 3)  # whole up to the end of the data
    assert groups(steps) == [(0, 3)]
    assert groups(steps) == [(0, 3)]
    with pytest.warns(UserWarning, match="data ended after 1 of 2 steps"):
        assert groups(steps) == [(0, 1)]
    assert groups(steps) == [(0, 3)]  # from the start again


def test_a_py_dataset_can_be_iterated():
    dataset = Batches(np.zeros((6, 2)), np.zeros(6), 2)
    assert len(list(dataset)) == 3

    class Endless(pronghorn.utils.PyDataset):
        num_batches = None

        def __getitem__(self, i):
            return i

    assert [i for i, _ in zip(Endless(), range(4))] == [0, 1, 2, 3]


def test_named_tuples_of_arrays(data):
    import collections

    both = collections.namedtuple("Both", ["p", "q"])
    batch = make_adapter(both(data[0], data[0]), both(data[1], data[1]), batch_size=5).first()
    x, y = batch.layout.pack(batch.arrays)
    assert type(x) is type(y) is both


def test_what_is_no_data(make_model):
    with pytest.raises(ValueError, match="`x` is a str, which is no data"):
        make_model().fit("data.csv")


def test_the_length_of_a_finite_iterable_is_learnt():
    steps = EpochIterator(make_adapter(once(np.zeros((4, 1)), np.zeros(4), 2)))
    assert steps.num_batches is None
    list(steps.epoch())
    assert steps.num_batches == 2 and steps.is_exhausted


def test_splitting_takes_the_last_part():
    (x, y, weight), (vx, vy, vw) = split_arrays((np.arange(10.0), {"a": np.arange(10)}, None), 0.25)
    assert (len(x), len(vx), weight, vw) == (7, 3, None, None)
    np.testing.assert_array_equal(vy["a"], [7, 8, 9])


def test_weights_of_classes():
    np.testing.assert_array_equal(class_weights(np.array([0, 2, 1]), {0: 3.0, 2: 0.5}), [3.0, 0.5, 1.0])
    np.testing.assert_array_equal(class_weights(np.eye(3)[[1, 2]], {1: 2.0}), [2.0, 1.0])
    np.testing.assert_array_equal(class_weights(np.array([[1], [0]]), {1: 2.0}), [2.0, 1.0])
