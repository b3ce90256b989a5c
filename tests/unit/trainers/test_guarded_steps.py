"""Compiled steps for other numbers of rows than they were traced with: what eager code gives, and no more programs
than it takes."""

import warnings

import numpy as np
import pytest
from counted_steps import counted

import pronghorn
from pronghorn import layers, ops
from pronghorn.calls import variants

SIZES = (5, 9, 3, 1, 2, 0, 16, 4, 7, 33)


def _integers(x):
    return ops.cast(x * 4, "int32")


FUNCTIONS = {
    "slice": lambda x: ops.slice(x, [ops.cast(x[0] * 0 + 1, "int32")], (3,)),
    "roll": lambda x: ops.roll(x, 5),
    "roll back": lambda x: ops.roll(x, -2),
    "element": lambda x: x[5],
    "element from the end": lambda x: x[-3],
    "part": lambda x: x[2:8],
    "last two": lambda x: x[-2:],
    "every second, backwards": lambda x: x[::-2],
    "part, backwards": lambda x: x[6:1:-1],
    "array_split": lambda x: ops.array_split(x, 4)[1],
    "split": lambda x: ops.split(x, [3])[1],
    "top_k": lambda x: ops.top_k(x, 3)[0],
    "repeat": lambda x: ops.repeat(x, [1, 2, 3]),
    "reflect": lambda x: ops.pad(x, [[2, 2]], mode="reflect"),
    "symmetric": lambda x: ops.pad(x, [[3, 1]], mode="symmetric"),
    "wrap": lambda x: ops.pad(x, [[3, 1]], mode="wrap"),
    "take": lambda x: ops.take(x, np.array([0, -1, 4])),
    "argpartition": lambda x: ops.argpartition(x, 2),
    "slice_update": lambda x: ops.slice_update(x, [1], np.float32([9, 9])),
    "vsplit": lambda x: ops.vsplit(ops.reshape(x, (-1, 1)), 2)[0],
    "median": lambda x: ops.median(x),
    "diff": lambda x: ops.diff(x, n=2),
    "max_pool": lambda x: ops.max_pool(ops.reshape(x, (1, -1, 1)), 3, padding="same"),
    "average_pool": lambda x: ops.average_pool(ops.reshape(x, (1, -1, 1)), 3, 2),
    "lcm": lambda x: ops.lcm(_integers(x), np.array([3], "int32")),
    "gcd": lambda x: ops.gcd(_integers(x), np.array([4], "int32")),
    "left_shift": lambda x: ops.left_shift(_integers(x), np.array([1], "int32")),
    "asking": lambda x: x * 2 if x.shape[0] == 5 else x * 3,
    "asking whether there are many": lambda x: ops.sum(x) if x.shape[0] > 4 else ops.max(x),
    "asking for the rest": lambda x: x * 2 if x.shape[0] % 2 == 0 else x,
    "computing": lambda x: x * (x.shape[0] % 3),
    "to two rows": lambda x: ops.reshape(x, (2, -1)),
    "gradient": lambda x: pronghorn.value_and_grad(lambda y: ops.sum(y[1:6] ** 2))(x)[1],
}  # fmt: skip


def outcome(function, x):
    try:
        return np.asarray(function(x))
    except Exception as error:
        return type(error)


def same_outcome(got, expected, where):
    if isinstance(expected, type) or isinstance(got, type):
        assert got is expected, f"{where}: {got}, eagerly {expected}"
    else:
        assert got.shape == expected.shape and got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6, err_msg=where)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_any_number_of_rows(name):
    function = FUNCTIONS[name]
    compiled = pronghorn.jit(function)
    for n in SIZES:
        x = np.random.default_rng(n).random(n).astype("float32")
        same_outcome(outcome(compiled, x), outcome(function, ops.convert_to_tensor(x)), f"{n} rows")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_any_length_of_rows(name):
    function = FUNCTIONS[name]
    compiled = pronghorn.jit(lambda x: function(x[0]))
    for n in SIZES:
        x = np.random.default_rng(n).random((1, n)).astype("float32")
        same_outcome(outcome(compiled, x), outcome(function, ops.convert_to_tensor(x[0])), f"length {n}")


def _traced(step):
    """How often a step was traced, and the step as a function of an array's rows."""
    count, run = counted(step)
    return count, lambda n: run(np.arange(n, dtype="float32"))


def test_one_trace_where_the_number_does_not_matter():
    count, run = _traced(lambda x: ops.sum(x * 2 + ops.ones((1,))))
    for n in range(1, 50):
        assert run(n) == n * (n - 1) + n
    assert len(count) == 1


def test_two_traces_where_one_bound_matters():
    count, run = _traced(lambda x: ops.sum(x[:20]))
    for n in (3, 40, 7, 20, 21, 19, 1):
        assert run(n) == sum(range(min(n, 20)))
    assert len(count) == 2


def test_a_loop_over_sizes_does_not_compile_for_ever(monkeypatch):
    monkeypatch.setattr(variants, "MOST_CONCRETE", 3)
    count, run = _traced(lambda x: ops.sum(x) + int(x.shape[0]))
    for n in range(1, 9):
        assert run(n) == n * (n - 1) / 2 + n
    programs = len(count)
    assert run(8) == 36 and run(8) == 36  # a number that comes again is compiled
    assert len(count) == programs + 1
    assert run(2) == 3 and len(count) == programs + 1  # the second oldest is still there


def test_arrays_of_different_lengths_after_equal_ones():
    joined = pronghorn.jit(lambda x, y: ops.concatenate([x, y], 0))
    for a, b in ((3, 3), (2, 4), (5, 5), (4, 2)):
        got = joined(np.zeros(a, "float32"), np.ones(b, "float32"))
        np.testing.assert_array_equal(got, [0] * a + [1] * b)


def test_an_error_at_one_size_is_no_reason_to_run_eagerly_at_others():
    calls = []

    @pronghorn.jit
    def sixth(x):
        calls.append(1)
        return x[5]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            with pytest.raises(IndexError):
                sixth(np.zeros(3, "float32"))
        calls.clear()
        for n in (6, 7, 9):
            assert sixth(np.arange(n, dtype="float32")) == 5
    assert len(calls) == 1


class FirstFour(layers.Layer):
    """Each row minus the mean of the first four rows of its batch."""

    def call(self, x):
        return x - ops.mean(x[:4], axis=0, keepdims=True)


def _model():
    inputs = layers.Input((3,))
    model = pronghorn.Model(inputs, FirstFour()(inputs))
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("rows, batch_size", [(10, 4), (10, 8), (5, 4), (3, 8), (9, 3)])
def test_predict_of_a_model_that_slices_its_batch(rows, batch_size):
    x = np.random.default_rng(0).normal(size=(rows, 3)).astype("float32")
    batches = [x[i : i + batch_size] for i in range(0, rows, batch_size)]
    expected = np.concatenate([b - b[:4].mean(0) for b in batches])
    model = _model()
    np.testing.assert_allclose(model.predict(x, batch_size=batch_size, verbose=0), expected, rtol=1e-5, atol=1e-6)
    for _ in range(12):
        np.testing.assert_allclose(model(x).numpy(), x - x[:4].mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model(x[:3]).numpy(), x[:3] - x[:3].mean(0), rtol=1e-5, atol=1e-6)


def test_the_last_short_batch_of_fit():
    x, y = np.random.default_rng(0).normal(size=(2, 10, 3)).astype("float32")

    def trained(**how):
        pronghorn.utils.set_random_seed(0)
        inputs = layers.Input((3,))
        model = pronghorn.Model(inputs, FirstFour()(layers.Dense(3)(inputs)))
        model.compile("sgd", "mse", **how)
        return model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0).history["loss"]

    np.testing.assert_allclose(trained(), trained(run_eagerly=True), rtol=1e-5)
