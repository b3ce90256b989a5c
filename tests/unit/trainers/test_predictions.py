"""Calls of `predict` by a kept plan: the same results as by the long way, and nothing that has changed is missed."""

import threading

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import callbacks, config, layers, ops
from pronghorn.calls.plans import Plan
from pronghorn.distribution import DataParallel, set_distribution


@pytest.fixture(autouse=True)
def machine_code(monkeypatch):
    monkeypatch.setenv("PRONGHORN_BACKEND", "llvm")


@pytest.fixture
def planned(monkeypatch):
    """The shapes of the arrays that ran by a plan."""
    found = []
    plain = Plan.run

    def run(self, array):
        found.append(array.shape)
        return plain(self, array)

    monkeypatch.setattr(Plan, "run", run)
    return found


def data(*shape, dtype="float32"):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def dense(last=None):
    return keras.Sequential([keras.Input((4,)), layers.Dense(5, activation="relu"), last or layers.Dense(3)])


def known(model, x=None, **options):
    """The model, with a plan for such an array, and what it gives."""
    x = data(2, 4) if x is None else x
    outputs = [model.predict(x, verbose=0, **options) for _ in range(2)]
    keras.tree.map_structure(np.testing.assert_array_equal, *outputs)
    return model, outputs[0]


def test_the_second_call_of_a_kind_has_a_plan(planned):
    model = dense()
    for rows in (1, 7, 32):
        known(model, data(rows, 4))
    assert planned == [(1, 4), (7, 4), (32, 4)]
    by_numpy = np.maximum(data(7, 4) @ model.get_weights()[0] + model.get_weights()[1], 0)
    expected = by_numpy @ model.get_weights()[2] + model.get_weights()[3]
    np.testing.assert_allclose(model.predict(data(7, 4), verbose=0), expected, rtol=1e-5, atol=1e-6)


def test_outputs_are_arrays_of_their_own_in_their_structure(planned):
    x = keras.Input((4,))
    model = keras.Model(x, {"a": layers.Dense(2)(x), "b": [layers.Dense(3)(x), x]})
    _, first = known(model)
    second = model.predict(data(2, 4), verbose=0)
    assert len(planned) == 2 and type(second) is dict and type(second["b"]) is list
    for a, b in zip(keras.tree.flatten(first), keras.tree.flatten(second)):
        assert not np.shares_memory(a, b) and b.flags.writeable
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "x",
    [
        data(4, 2).T,
        data(4, 4)[::2],
        np.asfortranarray(data(2, 4)),
        data(2, 4, dtype="float64"),
        data(2, 4, dtype=">f4"),
        data(2, 4, dtype="float16"),
        (data(2, 4) * 9).astype("int32"),
        data(2, 4).tolist(),
        ops.convert_to_tensor(data(2, 4)),
        np.ma.masked_array(data(2, 4)),
    ],
    ids=["transposed", "strided", "fortran", "float64", "swapped", "float16", "int32", "list", "tensor", "masked"],
)
def test_other_kinds_of_data_give_what_they_gave(x):
    model, _ = known(dense())
    expected = dense()
    expected.set_weights(model.get_weights())
    outputs = [model.predict(x, verbose=0) for _ in range(3)]
    for each in outputs:
        np.testing.assert_array_equal(each, expected.predict(np.array(x, "float32", order="C"), verbose=0))


def test_doubles_stay_doubles_where_that_is_the_float_type(planned):
    model, _ = known(dense(), data(2, 4, dtype="float64"))
    before = config.floatx()
    try:
        config.set_floatx("float64")
        wide, outputs = known(dense(), data(2, 4, dtype="float64"))
        assert outputs.dtype == "float64" and len(planned) == 2
        assert model.predict(data(2, 4, dtype="float64"), verbose=0).dtype == "float32"  # of the model's layers
    finally:
        config.set_floatx(before)


def test_an_array_that_may_not_be_written_to(planned):
    x = data(2, 4)
    x.setflags(write=False)
    known(dense(), x)
    assert planned


def test_no_samples():
    model, _ = known(dense())
    with pytest.raises(ValueError, match="no samples|empty"):
        model.predict(data(0, 4), verbose=0)


def test_other_shapes_have_errors_of_their_own():
    model, _ = known(dense())
    for _ in range(2):
        with pytest.raises(ValueError, match=r"Dense|shape"):
            model.predict(data(2, 5), verbose=0)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, "2"])
def test_arguments_are_checked(batch_size):
    model, _ = known(dense())
    with pytest.raises(ValueError, match="batch_size"):
        model.predict(data(2, 4), batch_size=batch_size, verbose=0)
    with pytest.raises(ValueError, match="verbose"):
        model.predict(data(2, 4), verbose="loudly")
    with pytest.raises(ValueError, match="steps"):
        model.predict(data(2, 4), verbose=0, steps=-1)
    with pytest.raises(TypeError, match="batch"):
        model.predict(data(2, 4), batch=2, verbose=0)


class Centred(layers.Layer):
    """Its rows affect one another."""

    def call(self, x):
        return x - ops.mean(x, axis=0)


def test_rows_that_meet_are_taken_in_batches_as_they_were(planned):
    model = keras.Sequential([keras.Input((4,)), Centred()])
    x = data(40, 4)
    whole = x - x.mean(axis=0)
    for size in (40, 10, 40, 10, None, 40):
        parts = [part - part.mean(axis=0) for part in np.split(x, range(size or 32, 40, size or 32))]
        outputs = model.predict(x, batch_size=size, verbose=0)
        np.testing.assert_allclose(outputs, np.concatenate(parts), atol=1e-6)
    assert len(planned) == 2  # the first call with one batch of 40 made the plan of the two others
    np.testing.assert_allclose(outputs, whole, atol=1e-6)
    for _ in range(2):
        np.testing.assert_allclose(model.predict_on_batch(x), whole, atol=1e-6)


def test_rows_that_do_not_meet_are_one_batch_whatever_its_size(planned):
    model = dense()
    _, expected = known(model, data(50, 4))
    for size in (None, 7, 64, np.int64(7)):
        np.testing.assert_array_equal(model.predict(data(50, 4), batch_size=size, verbose=0), expected)
    assert len(planned) == 4  # one was expected's own; a size of NumPy's goes the long way


def test_weights_that_are_assigned(planned):
    model, _ = known(dense())
    planned.clear()
    for weight in model.weights:
        weight.assign(ops.zeros_like(weight))
    assert not model.predict(data(2, 4), verbose=0).any()
    model.set_weights([np.ones_like(w) for w in model.get_weights()])
    np.testing.assert_allclose(model.predict(np.ones((2, 4), "float32"), verbose=0), np.full((2, 3), 26.0))
    assert len(planned) == 2


def test_weights_that_are_looked_at_and_trained(planned):
    model, before = known(dense())
    model.compile("sgd", "mse")
    known(model)
    held = [w.value for w in model.weights]  # eager tensors that look at the arrays
    np.testing.assert_array_equal(model.predict(data(2, 4), verbose=0), before)
    copies = [np.array(t) for t in held]
    model.fit(data(8, 4), data(8, 3), verbose=0)
    after = model.predict(data(2, 4), verbose=0)
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(after, model.predict_on_batch(data(2, 4)))
    for tensor, copy in zip(held, copies):
        np.testing.assert_array_equal(tensor, copy)
    model.set_weights(copies)
    np.testing.assert_array_equal(model.predict(data(2, 4), verbose=0), before)
    assert len(planned) == 6


def test_weights_from_a_file(tmp_path):
    model, before = known(dense())
    model.save_weights(tmp_path / "m.weights.h5")
    model.set_weights([w * 0 for w in model.get_weights()])
    assert not model.predict(data(2, 4), verbose=0).any()
    model.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(model.predict(data(2, 4), verbose=0), before)


def test_layers_that_come_and_go():
    model, _ = known(dense())
    model.add(layers.Dense(1))
    assert known(model)[1].shape == (2, 1)
    model.pop()
    model.pop()
    assert known(model)[1].shape == (2, 5)


def test_a_quantized_model():
    model, before = known(dense())
    model.quantize("int8")
    after = known(model)[1]
    assert not np.array_equal(before, after)
    np.testing.assert_allclose(before, after, atol=0.1)


def test_a_model_that_is_compiled_again_with_other_layers_settings():
    model, _ = known(dense())
    model.layers[-1].activation = ops.zeros_like
    model.compile("sgd", "mse")
    assert not known(model)[1].any()


def counting():
    calls = []

    class Counting(keras.Sequential):
        def predict_step(self, data):
            calls.append(1)
            return super().predict_step(data)

    return Counting([keras.Input((4,)), layers.Dense(3)]), calls


def test_run_eagerly_runs_each_step():
    model, calls = counting()
    known(model)
    assert len(calls) == 1
    model.run_eagerly = True
    known(model)
    known(model)
    assert len(calls) == 5
    model.run_eagerly = False
    known(model)
    assert len(calls) == 6


def test_a_step_of_the_user_s():
    class Doubled(keras.Sequential):
        def predict_step(self, data):
            return 2 * super().predict_step(data)

    model = Doubled([keras.Input((4,)), layers.Dense(3)])
    _, outputs = known(model)
    np.testing.assert_allclose(outputs, 2 * np.asarray(model(data(2, 4))), rtol=1e-6)
    Doubled.predict_step = lambda self, data: 3 * keras.Sequential.predict_step(self, data)
    model.make_predict_function(force=True)
    np.testing.assert_allclose(known(model)[1], 1.5 * outputs, rtol=1e-6)


@pytest.mark.parametrize("on", ["class", "object"])
def test_a_function_of_the_user_s(on):
    calls = []

    class Model(keras.Sequential):
        if on == "class":

            def make_predict_function(self, force=False):
                calls.append(1)
                return super().make_predict_function(force)

    model = Model([keras.Input((4,)), layers.Dense(3)])
    known(model)
    if on == "object":
        plain = model.make_predict_function
        model.make_predict_function = lambda force=False: calls.append(1) or plain(force)
    calls.clear()
    known(model)
    assert len(calls) == 2


def test_predict_overridden():
    class Model(keras.Sequential):
        def predict(self, x, **options):
            return super().predict(x, **options) + 1

    model, outputs = known(Model([keras.Input((4,)), layers.Dense(3, kernel_initializer="zeros")]))
    assert (outputs == 1).all()


def test_a_new_function_makes_a_new_plan(planned):
    model, before = known(dense())
    model.predict_function = None
    known(model)
    assert len(planned) == 2


def test_callbacks_are_called(capsys):
    model, _ = known(dense())
    calls = []
    hooks = callbacks.LambdaCallback()
    hooks.on_predict_batch_end = lambda batch, logs: calls.append(batch)
    hooks.on_predict_begin = lambda logs=None: calls.append("begin")
    model.predict(data(2, 4), verbose=0, callbacks=[hooks])
    assert "begin" in calls
    capsys.readouterr()
    model.predict(data(2, 4), verbose=1)
    assert "1/1" in capsys.readouterr().out


def test_a_limit_of_steps():
    model, _ = known(dense(), data(64, 4))
    try:
        config.set_max_steps_per_epoch(1)
        assert len(model.predict(data(64, 4), verbose=0)) == 32
    finally:
        config.set_max_steps_per_epoch(None)
    assert len(model.predict(data(64, 4), verbose=0, steps=1)) == 64


def test_another_engine_and_back(monkeypatch, planned):
    model, outputs = known(dense())
    planned.clear()
    monkeypatch.setenv("PRONGHORN_BACKEND", "numpy")
    np.testing.assert_allclose(known(model)[1], outputs, rtol=1e-5, atol=1e-6)
    assert not planned
    monkeypatch.setenv("PRONGHORN_BACKEND", "llvm")
    known(model)
    known(model)
    assert len(planned) >= 2


def test_a_distribution(planned):
    model, outputs = known(dense())
    planned.clear()
    try:
        set_distribution(DataParallel())
        np.testing.assert_array_equal(known(model)[1], outputs)
        assert not planned
    finally:
        set_distribution(None)
    np.testing.assert_array_equal(known(model)[1], outputs)
    assert planned


def test_indices_are_checked(planned):
    model = keras.Sequential([keras.Input((2,), dtype="int32"), layers.Embedding(3, 4)])
    known(model, np.array([[0, 2]], "int32"))
    assert planned
    with pytest.raises(ValueError, match="index 7"):
        model.predict(np.array([[0, 7]], "int32"), verbose=0)


def test_a_stop_that_a_callback_asked_for_is_over():
    model, _ = known(dense())
    model.stop_predicting = True
    model.predict(data(2, 4), verbose=0)
    assert model.stop_predicting is False


def test_a_profile_between():
    model, outputs = known(dense())
    model.compile("sgd", "mse")
    known(model)
    model.profile(data(2, 4), step="predict", steps=2, verbose=0)
    np.testing.assert_array_equal(known(model)[1], outputs)


def test_a_step_that_draws_numbers_moves_on(planned):
    model = keras.Sequential([keras.Input((4,)), layers.GaussianNoise(1.0)])

    class Noisy(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = model

        def predict_step(self, data):
            return self.inner(data, training=True)

    noisy = Noisy()
    outputs = [noisy.predict(data(2, 4), verbose=0) for _ in range(4)]
    assert len({each.tobytes() for each in outputs}) == 4 and not planned


def test_states_move_on():
    model = keras.Sequential([keras.Input(batch_shape=(1, 2, 3)), layers.GRU(2, stateful=True)])
    outputs = [model.predict(data(1, 2, 3), verbose=0) for _ in range(4)]
    assert len({each.tobytes() for each in outputs}) == 4


class Summed(layers.Layer):
    """It loses the batch."""

    def call(self, x):
        return ops.reshape(ops.sum(x, axis=0), (1, 4))


def test_a_lost_batch_is_warned_of_each_time():
    x = keras.Input((4,))
    model = keras.Model(x, Summed()(x))
    for _ in range(3):
        with pytest.warns(UserWarning, match="first axis"):
            model.predict(data(1, 4), verbose=0)


def test_several_threads_side_by_side(planned):
    model, _ = known(dense())
    inputs = [data(2, 4) + i for i in range(4)]
    expected = [model.predict_on_batch(x) for x in inputs]
    wrong = []

    def work(x, y):
        for _ in range(200):
            if not np.array_equal(model.predict(x, verbose=0), y):
                wrong.append(x)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(inputs, expected)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(planned) >= 800


def test_threads_that_predict_while_another_assigns():
    """Each prediction is that of some weights that there were, and the last ones are those that it sees in the end."""
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, use_bias=False)])
    x = np.ones((1, 1), "float32")
    known(model, x)
    kernel, ended, wrong = model.weights[0], threading.Event(), []

    def work():
        last = -np.inf
        while not ended.is_set():
            value = float(model.predict(x, verbose=0)[0, 0])
            if value < last:
                wrong.append((value, last))
            last = value

    kernel.assign([[0.0]])
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for i in range(300):
        kernel.assign([[float(i)]])
        if float(model.predict(x, verbose=0)[0, 0]) != i:
            wrong.append(i)
    ended.set()
    for thread in threads:
        thread.join()
    assert not wrong
