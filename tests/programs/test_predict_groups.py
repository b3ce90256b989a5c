"""However the rows of `predict` are grouped, results, callbacks and progress are those of the batches asked for."""

import dataclasses

import numpy as np
import pytest

import pronghorn as keras
from pronghorn.calls.grouping import grouped, regrouped
from pronghorn.data import Dataset
from pronghorn.engine.backends.llvm import executable
from pronghorn.engine.runtime.host import host_target

ROWS = 90


@pytest.fixture(params=["pieces", "together"])
def small_caches(request, monkeypatch):
    """Have every batch taken in pieces of eight rows, or of as many as there are."""
    _set_caches(monkeypatch, 1 if request.param == "pieces" else 1 << 30)


def _set_caches(monkeypatch, nbytes):
    target = dataclasses.replace(host_target(), cache_bytes=nbytes)
    monkeypatch.setattr(executable, "host_target", lambda: target)


@pytest.fixture
def sizes(monkeypatch):
    """The extents that steps ran with."""
    seen = []
    make = executable.make_layout

    def watched(plan, env, *args):
        seen.append(env["batch"])
        return make(plan, env, *args)

    monkeypatch.setattr(executable, "make_layout", watched)
    return seen


def a_model():
    keras.utils.set_random_seed(1)
    x = keras.Input((8, 8, 1))
    y = keras.layers.MaxPooling2D()(keras.layers.Conv2D(5, 3, activation="relu")(x))
    y = keras.layers.Flatten()(y)
    outputs = {"classes": keras.layers.Dense(3, activation="softmax")(y), "size": keras.layers.Dense(1)(y)}
    return keras.Model(x, outputs)


def some_data():
    return np.random.default_rng(0).normal(size=(ROWS, 8, 8, 1)).astype("float32")


def check_same(got, expected):
    for name in expected:
        assert got[name].shape == expected[name].shape
        np.testing.assert_array_equal(got[name], expected[name])


def test_the_same_bits_in_any_groups(small_caches):
    model, x = a_model(), some_data()
    expected = {k: np.concatenate([model.predict_on_batch(x[i : i + 1])[k] for i in range(ROWS)]) for k in model.output}
    for batch_size in (1, 7, 32, 500):
        check_same(model.predict(x, batch_size=batch_size, verbose=0), expected)
    check_same(model.predict_on_batch(x), expected)
    check_same(model.predict(Dataset.from_tensor_slices(x).batch(13), verbose=0), expected)
    check_same(model.predict((x[i : i + 30] for i in range(0, ROWS, 30)), verbose=0, steps=3), expected)
    for _ in range(12):
        called = model(x)
    check_same({k: np.asarray(v) for k, v in called.items()}, expected)


def test_small_batches_are_run_together_and_large_ones_in_pieces(sizes, monkeypatch):
    model, x = a_model(), some_data()
    model.predict(x, batch_size=4, verbose=0)
    assert sizes == [ROWS]
    _set_caches(monkeypatch, 1)
    sizes.clear()
    a_model().predict(x, batch_size=40, verbose=0)
    assert sizes == [8, 5]  # five pieces of 8, twice, then 5 and 5
    sizes.clear()


def test_pieces_are_written_where_they_stay(monkeypatch):
    _set_caches(monkeypatch, 1)
    model, x = a_model(), some_data()
    places = []
    run = executable.Executable.__call__

    def watched(self, *args, into=()):
        results = run(self, *args, into=into)
        places.append({a.ctypes.data for a in results})
        return results

    monkeypatch.setattr(executable.Executable, "__call__", watched)
    got = model.predict(x, batch_size=ROWS, verbose=0)
    assert len(places) > 5
    for array in got.values():
        inside = range(array.ctypes.data, array.ctypes.data + array.nbytes)
        assert all(any(place in inside for place in step) for step in places)


def test_callbacks_hear_of_each_batch(small_caches):
    heard = []

    class Watch(keras.callbacks.Callback):
        def on_predict_batch_begin(self, batch, logs=None):
            heard.append(("begin", batch))

        def on_predict_batch_end(self, batch, logs=None):
            heard.append((batch, logs["outputs"]["size"]))

    model, x = a_model(), some_data()
    whole = model.predict(x, batch_size=40, verbose=0, callbacks=[Watch()])
    assert [entry[0] for entry in heard] == ["begin", 0, "begin", 1, "begin", 2]
    for i, (_, outputs) in enumerate(heard[1::2]):
        np.testing.assert_array_equal(outputs, whole["size"][40 * i : 40 * i + 40])


def test_the_progress_bar_counts_batches(capsys):
    a_model().predict(some_data(), batch_size=9, verbose=1)
    assert "10/10" in capsys.readouterr().out


def test_rows_that_meet_stay_in_their_batches(small_caches):
    class Centred(keras.layers.Layer):
        def call(self, x):
            return x - keras.ops.mean(x, axis=0)

    model, x = keras.Sequential([keras.Input((4,)), Centred()]), some_data().reshape(ROWS, 64)[:, :4]
    got = model.predict(x, batch_size=30, verbose=0)
    expected = np.concatenate([part - part.mean(0) for part in np.split(x, 3)])
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_steps_that_change_variables_run_as_they_come(small_caches):
    class Counting(keras.layers.Layer):
        def build(self, shape):
            self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, x):
            self.calls.assign_add(1.0)
            return x * self.calls

    model = keras.Sequential([keras.Input((4,)), Counting()])
    got = model.predict(np.ones((ROWS, 4), "float32"), batch_size=30, verbose=0)
    np.testing.assert_array_equal(got[:, 0], np.repeat([1.0, 2.0, 3.0], 30))


def test_batches_of_different_kinds_are_not_joined():
    class Whole:
        def rows_at_once(self, batch):
            return 100

    from pronghorn.calls.batch import as_batch

    wide, narrow = as_batch(np.zeros((5, 3), "float32")), as_batch(np.zeros((5, 2), "float32"))
    runs = list(grouped([(0, [wide]), (1, [wide]), (2, [narrow]), (3, [narrow])], Whole(), join=lambda: True))
    assert [numbers for numbers, _ in runs] == [[0, 1], [2, 3]]
    assert [[b.size for b in batches] for _, batches in runs] == [[10], [10]]
    assert [b.size for b in regrouped([wide, wide], 4)] == [4, 4, 2]
    assert [b.size for b in regrouped([wide, narrow], 4)] == [3, 2, 3, 2]
    assert regrouped([wide, narrow], None) == [wide, narrow]


def test_arrays_that_a_generator_fills_anew():
    def batches():
        held = np.zeros((4, 8, 8, 1), "float32")
        for number in range(6):
            held[:] = number
            yield held

    model = a_model()
    expected = {k: np.zeros((0, v.shape[1]), "float32") for k, v in model.output.items()}
    for batch in batches():
        expected = {k: np.concatenate([v, model.predict_on_batch(batch)[k]]) for k, v in expected.items()}
    check_same(model.predict(batches(), verbose=0), expected)


def test_predicting_stops_where_it_is_told_to():
    model, x = a_model(), some_data()

    class Stop(keras.callbacks.Callback):
        def on_predict_begin(self, logs=None):
            self.model.stop_predicting = True

    def batches():
        for number in range(10):
            model.stop_predicting = number == 3
            yield x[:2]

    assert len(model.predict(x, batch_size=4, verbose=0, callbacks=[Stop()])["size"]) == 4
    assert len(model.predict(batches(), verbose=0)["size"]) == 8


def test_results_that_are_no_arrays(small_caches):
    class Named(keras.Model):
        def call(self, x):
            return x * 2

        def predict_step(self, x):
            return {"values": self(x), "name": "twice", "nothing": None}

    got = Named().predict(np.ones((ROWS, 4), "float32"), batch_size=ROWS, verbose=0)
    assert got["values"].shape == (ROWS, 4)
    assert got["name"] == "twice" and got["nothing"] is None
