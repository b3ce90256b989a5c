"""What depends on the weights alone runs once for their values, with the bits of a step that does it at each call."""

import gc
import threading

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, ops
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.numpy.executable import NumpyExecutable
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.variables import Variable

RNG = np.random.default_rng(0)
BATCH = Dim.symbol("batch")


def weights(*shape):
    return Variable(np.random.default_rng(1).normal(size=shape).astype("float32"), name="kernel")


def product(kernel, rows=BATCH):
    """A step that multiplies by a matrix, which many rows have packed."""
    traced = trace(lambda x: [ops.matmul(x, kernel)], [Aval((rows, kernel.shape[0]), "float32")])
    return Executable(traced)


def afresh(executable, *args, monkeypatch):
    """What a step gives that has everything computed at each call."""
    with monkeypatch.context() as patch:
        patch.setenv("PRONGHORN_DEBUG", "poison")
        step = Executable(executable.traced)
    assert step._preparing is None
    return step(*args)


def kept(executable):
    assert executable._preparing is not None
    return executable._preparing.nbytes


def test_a_matrix_is_packed_once():
    kernel = weights(784, 512)
    step, x = product(kernel), RNG.normal(size=(200, 784)).astype("float32")
    assert kept(step) == 0
    first = step(x)[0]
    assert kept(step) >= kernel.numpy().nbytes
    kernel._host[:] = 0  # behind everybody's back: the panels are there
    np.testing.assert_array_equal(step(x)[0], first)


@pytest.mark.parametrize("rows", [0, 1, 5, 17, 23, 24, 40, 64, 200, 513])
def test_same_bits_whatever_came_before(monkeypatch, rows):
    kernel = weights(784, 512)
    step = product(kernel)
    expected = {}
    for count in (rows, 200, 1, rows, 40, rows):
        x = np.random.default_rng(count).normal(size=(count, 784)).astype("float32")
        if count not in expected:
            expected[count] = afresh(step, x, monkeypatch=monkeypatch)[0]
        np.testing.assert_array_equal(step(x)[0], expected[count])


def assigned(kernel):
    kernel.assign(kernel.numpy() * 2)


def replaced(kernel):
    kernel.replace(kernel.numpy() * 2)


def updated_by_a_step(kernel):
    def double(x):
        kernel.assign(ops.multiply(kernel.value, x))
        return []

    Executable(trace(double, [Aval((), "float32")]))(np.float32(2))


def updated_by_numpy(kernel):
    def double(x):
        kernel.assign(ops.multiply(kernel.value, x))
        return []

    NumpyExecutable(trace(double, [Aval((), "float32")]))(np.float32(2))


def filled_in_place(kernel):
    storage = kernel.storage()
    storage *= 2
    kernel.stored(storage)


@pytest.mark.parametrize("write", [assigned, replaced, updated_by_a_step, updated_by_numpy, filled_in_place])
def test_each_way_to_write_is_noticed(write):
    kernel = weights(784, 512)
    step, x = product(kernel), RNG.normal(size=(200, 784)).astype("float32")
    few = x[:3]
    before, before_few = step(x)[0], step(few)[0]
    write(kernel)
    np.testing.assert_array_equal(step(x)[0], 2 * before)
    np.testing.assert_array_equal(step(few)[0], 2 * before_few)


def test_writing_another_variable_keeps_it():
    kernel, other = weights(784, 512), weights(8, 8)
    step, x = product(kernel), RNG.normal(size=(200, 784)).astype("float32")
    step(x)
    updated_by_a_step(other)
    assert kept(step) > 0


def network(*more):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input((12, 12, 16)), layers.Conv2D(32, 3, activation="relu"), layers.BatchNormalization(), *more,
         layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(3, activation="softmax")]
    )  # fmt: skip


def executables(model):
    variables = {id(v) for v in model.variables}
    every = [thing for thing in gc.get_objects() if type(thing) is Executable]
    return [step for step in every if variables & {id(v) for v in step.traced.variables}]


def test_training_gives_the_memory_back_and_is_noticed():
    model, x = network(), RNG.normal(size=(40, 12, 12, 16)).astype("float32")
    y = np.arange(40) % 3
    model.compile("adam", "sparse_categorical_crossentropy")
    before = model.predict(x, verbose=0)
    assert any(e._preparing is not None and kept(e) > 0 for e in executables(model))
    model.train_on_batch(x, y)
    assert all(e._preparing is None or kept(e) == 0 for e in executables(model))
    after = model.predict(x, verbose=0)
    fresh = network()
    fresh.set_weights(model.get_weights())
    np.testing.assert_array_equal(fresh.predict(x, verbose=0), after)
    assert np.abs(after - before).max() > 1e-4


def test_every_way_to_give_a_model_weights(tmp_path):
    model, x = network(), RNG.normal(size=(40, 12, 12, 16)).astype("float32")
    others = [w + 0.25 for w in model.get_weights()]
    fresh = network()
    fresh.set_weights(others)
    path = tmp_path / "one.weights.h5"
    fresh.save_weights(path)
    expected = fresh.predict(x, verbose=0)
    for give in (
        lambda: model.set_weights(others),
        lambda: model.load_weights(path),
        lambda: [v.assign(w) for v, w in zip(model.weights, others)],
        lambda: [v.assign_add(np.full(v.shape, 0.25, v.dtype)) for v in model.weights],
    ):
        model.set_weights([w - 0.25 for w in others])
        first = model.predict(x, verbose=0)
        np.testing.assert_array_equal(np.asarray(model(x)), first)
        give()
        np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
        np.testing.assert_array_equal(np.asarray(model(x)), expected)


def test_quantizing_is_noticed():
    model, x = network(), RNG.normal(size=(40, 12, 12, 16)).astype("float32")
    model.predict(x, verbose=0)
    model.quantize("int8")
    after = model.predict(x, verbose=0)
    fresh = network()
    fresh.quantize("int8")
    np.testing.assert_array_equal(after, fresh.predict(x, verbose=0))


def test_weights_of_few_bits_stay_so():
    model = keras.Sequential([keras.Input((256,)), layers.Dense(256), layers.Dense(256)])
    model.quantize("int4")
    model.predict(np.ones((100, 256), "float32"), verbose=0)
    memory = sum(e._preparing.nbytes for e in executables(model) if e._preparing is not None)
    assert memory < 2 * 256 * 256


def test_a_loop_that_starts_with_a_weight_leaves_it(monkeypatch):
    start, kernel = weights(64), weights(64, 64)

    def scanned(x):
        def one(state, row):
            state = ops.tanh(ops.matmul(ops.reshape(state, (1, 64)), kernel)[0] + row)
            return state, state

        last, rows = ops.scan(one, start.value * 2.0, x)
        return [last, rows]

    executable = Executable(trace(scanned, [Aval((7, 64), "float32")]))
    for seed in range(3):
        x = np.random.default_rng(seed).normal(size=(7, 64)).astype("float32")
        for got, want in zip(executable(x), afresh(executable, x, monkeypatch=monkeypatch), strict=True):
            np.testing.assert_array_equal(got, want)


def test_what_stands_in_a_branch_or_a_loop_that_may_not_run():
    kernel = weights(784, 512)

    def step(x, flag):
        return [ops.cond(flag, lambda: ops.matmul(x, kernel), lambda: ops.matmul(x, ops.exp(kernel) + 1.0))]

    executable = Executable(trace(step, [Aval((200, 784), "float32"), Aval((), "bool")]))
    expected = NumpyExecutable(executable.traced)
    x = RNG.normal(size=(200, 784)).astype("float32")
    for flag in (True, False, False, True):
        (got,), (want,) = executable(x, np.bool_(flag)), expected(x, np.bool_(flag))
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("make", [lambda: layers.LSTM(64), lambda: layers.Bidirectional(layers.GRU(48))])
def test_recurrent_layers(make):
    model = keras.Sequential([keras.Input((9, 80)), make()])
    expected = {}
    for rows in (1, 40, 3, 1, 40, 3):
        x = np.random.default_rng(rows).normal(size=(rows, 9, 80)).astype("float32")
        found = model.predict(x, verbose=0)
        np.testing.assert_array_equal(found, expected.setdefault(rows, found))
        np.testing.assert_allclose(found, np.asarray(model(x)), rtol=1e-5, atol=1e-6)


def test_threads_side_by_side_while_weights_change():
    kernel = weights(784, 512)
    step = product(kernel)
    x = RNG.normal(size=(200, 784)).astype("float32")
    base = step(x)[0]
    failures, stop = [], threading.Event()

    def call():
        while not stop.is_set():
            found = step(x)[0] / base
            if not np.all(np.isfinite(found)):
                failures.append(found)

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(30):
        (updated_by_a_step if number % 2 else assigned)(kernel)
        if number % 10 == 9:
            kernel.assign(weights(784, 512).numpy())
    kernel.assign(weights(784, 512).numpy() * 4)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    np.testing.assert_array_equal(step(x)[0], 4 * base)


@pytest.mark.parametrize("images", [1, 2, 5])
def test_few_rows_of_a_strided_convolution_take_the_panels(monkeypatch, images):
    kernel = weights(1, 1, 1024, 2048)
    traced = trace(lambda x: [ops.conv(x, kernel, strides=2)], [Aval((BATCH, 8, 8, 1024), "float32")])
    step, x = Executable(traced), RNG.normal(size=(images, 8, 8, 1024)).astype("float32")
    found = step(x)[0]
    assert kept(step) >= kernel.size * 4
    np.testing.assert_array_equal(found, afresh(step, x, monkeypatch=monkeypatch)[0])


def test_one_image_of_few_pixels_takes_plain_sums(monkeypatch):
    kernel, bias = weights(3, 3, 256, 256), weights(256)

    def layer(x):
        return [ops.relu(ops.conv(x, kernel, padding="same") + bias)]

    step = Executable(trace(layer, [Aval((BATCH, 4, 4, 256), "float32")]))
    expected = NumpyExecutable(step.traced)
    x = RNG.normal(size=(5, 4, 4, 256)).astype("float32")
    kept_before = {}
    for images in (0, 1, 2, 3, 5, 1, 2, 5):
        found = step(x[:images])[0]
        np.testing.assert_allclose(found, expected(x[:images])[0], rtol=1e-3, atol=1e-3)
        np.testing.assert_array_equal(found, kept_before.setdefault(images, found))
    np.testing.assert_array_equal(kept_before[1], kept_before[2][:1])
    np.testing.assert_array_equal(kept_before[3], kept_before[5][:3])
    np.testing.assert_array_equal(kept_before[5], afresh(step, x, monkeypatch=monkeypatch)[0])
    updated_by_a_step(kernel)
    np.testing.assert_allclose(step(x[:1])[0], expected(x[:1])[0], rtol=1e-3, atol=1e-3)
