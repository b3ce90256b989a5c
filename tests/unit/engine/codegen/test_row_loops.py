"""Loops that are taken a block of rows at a time: when they are, and that what they compute is the same to the bit."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, ops
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.llvm.build import build
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.codegen.units import row_blocks
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime import threads
from pronghorn.engine.runtime.host import host_target, named_target

BATCH = Dim.symbol("batch")


@pytest.fixture(autouse=True)
def _usual_threads():
    yield
    threads.set_num_threads(None)


def by_rows(fn, *shapes, target=None):
    """Which launches of a compiled function are run a block of rows at a time."""
    traced = trace(lambda *xs: [fn(*xs)], [Aval(shape, "float32") for shape in shapes])
    launches = build(traced, (), target or host_target(), False).emitted.launches
    return [launch.label for launch in launches if launch.by_rows]


def last_state(step, xs):
    """The state after a loop over axis 1 of ``xs``, which starts with zeros like a step's inputs."""
    return ops.scan(lambda h, x: (step(h, x), None), ops.zeros_like(xs[:, 0]), ops.transpose(xs, (1, 0, 2)))[0]


def test_layers_without_anything_between_rows_are_taken_by_rows():
    for layer in (layers.LSTM(8), layers.GRU(8), layers.SimpleRNN(8, return_sequences=True, go_backwards=True)):
        assert by_rows(layer, (BATCH, 5, 3))


@pytest.mark.parametrize(
    "step",
    [
        lambda h, x: h + x - ops.mean(h, axis=0),
        lambda h, x: ops.flip(h, axis=0) + x,
        lambda h, x: ops.roll(h, 1, axis=0) + x,
        lambda h, x: h + x * ops.cumsum(ops.ones_like(x), axis=0),
        lambda h, x: h + ops.matmul(ops.transpose(x), x)[:1],
    ],
)
def test_loops_whose_rows_meet_are_not(step):
    traced = trace(lambda xs: [last_state(step, xs)], [Aval((BATCH, 4, 3), "float32")])
    assert not by_rows(lambda xs: last_state(step, xs), (BATCH, 4, 3))
    xs = np.random.default_rng(0).standard_normal((20, 4, 3)).astype("float32")
    np.testing.assert_allclose(Executable(traced)(xs)[0], run(traced.graph, [xs])[0], rtol=1e-4, atol=1e-4)


def test_nor_are_those_that_carry_something_of_no_row_or_that_run_over_the_rows():
    def counting(xs):
        start = (ops.zeros_like(xs[:, 0]), ops.zeros(()))
        return ops.scan(lambda c, x: ((c[0] + x * c[1], c[1] + 1), None), start, ops.transpose(xs, (1, 0, 2)))[0][0]

    assert not by_rows(counting, (BATCH, 4, 3))
    assert not by_rows(lambda xs: ops.scan(lambda h, x: (h + x, None), ops.zeros(3), xs)[0], (BATCH, 3))
    assert not by_rows(lambda xs: last_state(lambda h, x: h + x, xs), (32, 4, 3))  # a fixed number of rows


def test_nor_are_long_steps_whose_barriers_are_a_small_part():
    assert not by_rows(layers.LSTM(1024), (BATCH, 5, 1024), target=named_target("avx512"))


def test_blocks_cover_all_rows_and_depend_on_nothing_else():
    for rows in range(700):
        size, count = row_blocks(rows)
        assert count == 0 if rows == 0 else (count - 1) * size < rows <= count * size
    assert [row_blocks(rows)[1] for rows in (1, 15, 16, 32, 64, 128, 10_000)] == [1, 1, 2, 2, 4, 8, 32]


@pytest.mark.parametrize("steps", [0, 1, 2, 7])
@pytest.mark.parametrize("reverse", [False, True])
def test_every_number_of_rows_and_steps_is_what_numpy_has(steps, reverse):
    def fn(xs, start, w, scale):
        def step(carry, x):
            h, kept = carry
            new = ops.tanh(ops.matmul(h, w) + x) * scale
            return (new, h), (new + kept, new[:, :1])

        (h, kept), (ys, firsts) = ops.scan(step, (start, start), xs, reverse=reverse)
        return [h, kept, ys, firsts]

    shapes = [(steps, BATCH, 9), (BATCH, 9), (9, 9), (BATCH, 1)]
    traced = trace(fn, [Aval(shape, "float32") for shape in shapes])
    executable = Executable(traced)
    rng = np.random.default_rng(steps)
    for rows in (0, 1, 7, 8, 16, 17, 33, 64, 100):
        xs = [rng.standard_normal([rows if e is BATCH else e for e in shape]).astype("float32") for shape in shapes]
        expected = run(traced.graph, xs)
        found = []
        for count in (1, 2, 7):
            threads.set_num_threads(count)
            found.append(executable(*xs))
        for a, b, *others in zip(expected, *found, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)
            for other in others:
                np.testing.assert_array_equal(b, other)


def _tanh_sums(start, xs, w, *constants):
    def step(h, x):
        new = ops.tanh(ops.matmul(h, w) + sum(constants, x))
        return new, new

    return list(ops.scan(step, start, xs))


SHARED = {
    "a state is the only slice": (lambda x, w: _tanh_sums(x, x[None], w), (BATCH, 6)),
    "the only slice is the state": (lambda xs, w: _tanh_sums(ops.reshape(xs, (-1, 6)), xs, w), (1, BATCH, 6)),
    "a constant is the only slice": (lambda x, w: _tanh_sums(ops.zeros_like(x), x[None], w, x), (BATCH, 6)),
    "rows and slices of one array": (
        lambda x, w: _tanh_sums(x[:, 0], ops.reshape(x, (7, -1, 6)), w, ops.sum(x, 1)), (BATCH, 7, 6)),
}  # fmt: skip


@pytest.mark.parametrize("name", SHARED)
def test_slices_may_lie_in_memory_that_is_read_by_rows_too(name):
    fn, shape = SHARED[name]
    assert by_rows(lambda x, w: fn(x, w)[1], shape, (6, 6))
    traced = trace(fn, [Aval(shape, "float32"), Aval((6, 6), "float32")])
    executable, rng = Executable(traced), np.random.default_rng(0)
    for rows in (0, 3, 16, 33):
        arrays = [rng.standard_normal([rows if e is BATCH else e for e in s]) for s in (shape, (6, 6))]
        arrays = [a.astype("float32") for a in arrays]
        for a, b in zip(executable(*arrays), run(traced.graph, arrays), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "step",
    [
        lambda h, x, row, number, unread: (h + x + row[:, None]) * number,
        lambda h, x, row, number, unread: h * 0.5 + x,
        lambda h, x, row, number, unread: h * number,
    ],
)
def test_slices_may_have_no_rows_or_be_read_by_nobody(step):
    def fn(xs, rows, numbers):
        return list(ops.scan(lambda h, x: (step(h, *x), h), ops.ones_like(xs[0]), (xs, rows, numbers, rows)))

    shapes = [(5, BATCH, 6), (5, BATCH), (5, 1)]
    assert by_rows(lambda *xs: fn(*xs)[1], *shapes)
    traced = trace(fn, [Aval(shape, "float32") for shape in shapes])
    executable, rng = Executable(traced), np.random.default_rng(0)
    for rows in (0, 3, 16, 33):
        arrays = [rng.uniform(0.5, 1, [rows if e is BATCH else e for e in s]).astype("float32") for s in shapes]
        for a, b in zip(executable(*arrays), run(traced.graph, arrays), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)


def test_special_values_stay_in_their_rows():
    x = np.ones((40, 3, 4), "float32")
    x[5, 1], x[17, 2], x[39, 0] = np.nan, np.inf, -0.0
    layer = layers.LSTM(6)
    whole = layer(x)
    compiled = Executable(trace(lambda x: [layer(x)], [Aval((BATCH, 3, 4), "float32")]))
    np.testing.assert_allclose(compiled(x)[0], whole, rtol=1e-5, atol=1e-6)
    assert set(np.flatnonzero(np.isnan(compiled(x)[0]).any(axis=1))) <= {5, 17}


def _trained(make, count, x, y):
    threads.set_num_threads(count)
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input(x.shape[1:]), *make(), layers.Dense(1)])
    model.compile("adam", loss="mse")
    model.fit(x, y, batch_size=32, epochs=2, verbose=0)  # the last batch is a short one
    return [*model.get_weights(), model.predict(x, verbose=0)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: [layers.Masking(), layers.LSTM(9, return_sequences=True), layers.LSTM(5, go_backwards=True)],
        lambda: [layers.Bidirectional(layers.GRU(6, return_sequences=True)), layers.GRU(3, reset_after=False)],
        lambda: [layers.SimpleRNN(7, dropout=0.2, recurrent_dropout=0.2), layers.Reshape((7, 1)), layers.LSTM(4)],
        lambda: [layers.GRU(4, unroll=True, return_sequences=True), layers.GRU(4)],
        lambda: [layers.Reshape((6, 4, 4, 1)), layers.ConvLSTM2D(3, 3), layers.Flatten()],
    ],
)
def test_training_gives_the_same_bits_for_every_number_of_threads(make):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((75, 6, 16)).astype("float32"), rng.standard_normal((75, 1)).astype("float32")
    x[rng.random((75, 6)) < 0.3] = 0
    first, *others = (_trained(make, count, x, y) for count in (1, 2, 5))
    for other in others:
        for a, b in zip(first, other, strict=True):
            np.testing.assert_array_equal(a, b)


def _launches(fn, *shapes):
    traced = trace(lambda *xs: [fn(*xs)], [Aval(shape, "float32") for shape in shapes])
    return build(traced, (), named_target("avx512"), False).emitted.launches


def _centring(multiply):
    """A loop that cannot be taken by rows, each of whose steps has a product."""
    step = lambda h, x, w: (multiply(h - ops.mean(h, axis=0), w) + x, None)  # noqa: E731
    return lambda xs, w: ops.scan(lambda h, x: step(h, x, w), ops.zeros_like(xs[0]), xs)[0]


def _narrow(h, w):
    """A product with a matrix for which there is no code for few rows."""
    return ops.matmul(h[:, : w.shape[0]], w)


def _packing_and_others(found):
    packing = [launch for launch in found if launch.label.endswith(".pack")]
    return packing, [launch for launch in found if launch.few_rows or launch.label.endswith(".main")]


def test_what_is_the_same_in_every_step_is_packed_once_ahead_of_the_loop():
    fn = _centring(lambda h, w: ops.matmul(h, ops.transpose(w)))
    for rows in (BATCH, 48):
        packing, (main,) = _packing_and_others(_launches(fn, (5, rows, 64), (64, 64)))
        assert [launch.repeats for launch in packing] == [1] and main.repeats == 5 and not main.few_rows


def test_a_product_that_sums_in_chunks_is_packed_once_ahead_of_the_loop():
    """Its main kernel writes partial sums, and only reads the panels."""
    fn = _centring(lambda h, w: ops.matmul(ops.matmul(h, w), ops.transpose(w)))
    found = _launches(fn, (5, BATCH, 256), (256, 8000))
    packing, main = ([v for v in found if v.label.endswith(end)] for end in (".pack", ".main"))
    assert any(v.label.endswith(".combine") for v in found)
    assert packing and all(v.repeats == 1 for v in packing) and all(v.repeats == 5 for v in main)


@pytest.mark.parametrize("steps", [16, 64, Dim.symbol("steps")])
def test_many_steps_take_packed_panels_however_few_the_rows(steps):
    (packing,), (main,) = _packing_and_others(_launches(_centring(_narrow), (steps, BATCH, 1024), (400, 1024)))
    assert packing.repeats == 1 and main.repeats == steps and not main.few_rows
    extents = {"batch": 1, "steps": 16}
    assert packing.units.evaluate(extents) and main.units.evaluate(extents)
    assert isinstance(steps, int) or not packing.units.evaluate({**extents, "steps": 0})


@pytest.mark.parametrize("steps", [1, 2, 15])
def test_few_steps_of_few_rows_do_not(steps):
    found = _launches(_centring(_narrow), (steps, BATCH, 1024), (400, 1024))
    (packing,), (few, main) = _packing_and_others(found)
    assert packing.repeats == 1 and few.repeats == main.repeats == steps and few.few_rows
    for rows in (0, 1, 23, 24, 100):
        ran = [launch.units.evaluate({"batch": rows}) > 0 for launch in (packing, main, few)]
        assert ran == [rows >= 24, rows >= 24, 0 < rows < 24]


@pytest.mark.parametrize("steps", [2, 64])
def test_few_rows_read_a_large_matrix_as_it_lies_in_every_step(steps):
    found = _launches(_centring(ops.matmul), (steps, BATCH, 1024), (1024, 1024))
    few = [launch for launch in found if launch.few_rows]
    many = [launch for launch in found if launch.label.endswith((".pack", ".main")) and not launch.few_rows]
    assert few and all(launch.repeats == steps for launch in few)
    for rows in (0, 1, 16, 17, 100):
        assert all((launch.units.evaluate({"batch": rows}) > 0) == (0 < rows < 17) for launch in few)
        assert all((launch.units.evaluate({"batch": rows}) > 0) == (rows > 16) for launch in many)


@pytest.mark.parametrize("steps", [1, 3, 20])
def test_a_product_of_what_is_the_same_in_every_step_is_made_once_for_few_rows_too(steps):
    def fn(xs, fixed, w):
        step = lambda h, x: (h + x * ops.max(ops.matmul(fixed, w), axis=1, keepdims=True), None)  # noqa: E731
        return ops.scan(step, ops.zeros_like(fixed), xs)[0]

    shapes = [(steps, 1), (BATCH, 400), (400, 1024)]
    (packing,), (few, main) = _packing_and_others(_launches(fn, *shapes))
    assert few.few_rows and packing.repeats == few.repeats == main.repeats == 1
    traced = trace(lambda *xs: [fn(*xs)], [Aval(shape, "float32") for shape in shapes])
    executable, rng = Executable(traced), np.random.default_rng(0)
    for rows in (0, 1, 15, 23, 24, 33):
        arrays = [rng.uniform(-0.1, 0.1, [rows if e is BATCH else e for e in s]).astype("float32") for s in shapes]
        np.testing.assert_allclose(executable(*arrays)[0], run(traced.graph, arrays)[0], rtol=1e-4, atol=1e-5)
