"""Variables that are read and assigned in the bodies of loops and branches, while a function is traced."""

import numpy as np
import pytest

from pronghorn import Model, Sequential, layers, ops, random
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.graph.verify import verify
from pronghorn.variables import Variable

X = np.array([1.0, 2.0, 4.0], "float32")


def check(fn, make, x=X):
    """``fn(variables, x)`` eagerly and traced: the same results, and the same values of the variables afterwards."""
    eager, traced = make(), make()
    expected = ops.convert_to_numpy(fn(eager, ops.convert_to_tensor(x)))
    found = trace(lambda v: [ops.convert_to_tensor(fn(traced, v))], [Aval(x.shape, x.dtype.name)])
    outputs = run(verify(found.graph), [x, *(v.numpy() for v in found.variables)])
    np.testing.assert_allclose(outputs[0], expected, rtol=1e-6)
    after = dict(zip(found.updated, outputs[1:]))
    for mine, other in zip(traced, eager):
        np.testing.assert_allclose(after.get(mine, mine.numpy()), other.numpy(), rtol=1e-6)
    return found


def two():
    return Variable(1.0, name="total"), Variable([2.0, 3.0], name="pair")


def test_scan_assigns_and_reads():
    def fn(variables, x):
        total, pair = variables

        def step(carry, element):
            total.assign_add(element)
            return carry + total * pair[0], total.value

        last, partial = ops.scan(step, ops.zeros(()), x)
        return last + ops.sum(partial)

    found = check(fn, two)
    assert [v.name for v in found.updated] == ["total"]


def test_loops_with_conditions_on_variables():
    def fn(variables, x):
        total, pair = variables

        def body(i):
            total.assign_add(2.0)
            pair.assign(pair * 2)
            return (i + 1,)

        (count,) = ops.while_loop(lambda i: total < 6.0, body, (0,))
        return ops.cast(count, "float32") + x

    check(fn, two)


@pytest.mark.parametrize("limit", [None, 1])
def test_a_condition_that_reads_what_nothing_assigns(limit):
    def fn(variables, x):
        total, pair = variables
        (out,) = ops.while_loop(lambda v: ops.sum(v) < 20 * total, lambda v: (v * pair[0],), (x,), limit)
        return out

    check(fn, two)


@pytest.mark.parametrize("sign", [1, -1])
def test_branches_that_assign_different_variables(sign):
    def fn(variables, x):
        total, pair = variables

        def yes():
            total.assign(total + pair[0])
            return total + 1.0

        def no():
            pair.assign(pair * total)
            return pair[1] + 0.0

        return ops.cond(ops.sum(x) > 0, yes, no)

    check(fn, two, sign * X)


@pytest.mark.parametrize("index", [0.0, 1.0, 2.0])
def test_switch(index):
    def fn(variables, x):
        total, pair = variables
        branches = [lambda: total.assign(5.0), lambda: total + pair.assign(pair * 2)[0], lambda: total + 0.0]
        return ops.switch(ops.cast(x[0], "int32"), branches)

    check(fn, two, np.array([index], "float32"))


def test_nested_loops():
    def fn(variables, x):
        total, pair = variables

        def inner(i, value):
            total.assign_add(1.0)
            return ops.cond(total > 3.0, lambda: value + pair.assign(pair + 1.0)[0], lambda: value)

        ops.fori_loop(0, 2, lambda i, v: ops.fori_loop(0, 3, inner, v), x)
        return total + ops.fori_loop(0, 2, inner, x)

    check(fn, two)


def test_conditions_must_not_assign():
    total = Variable(1.0)

    def fn(x):
        return ops.while_loop(lambda v: total.assign_add(1.0) < 5, lambda v: (v,), (x,))

    with pytest.raises(ValueError, match="cond must not assign"):
        trace(fn, [Aval((), "float32")])


def test_conditions_must_not_assign_what_the_body_assigns():
    """What they assigned was dropped without a word. They may read it."""
    total = Variable(1.0)

    def fn(x, cond):
        def body(v):
            total.assign_add(1.0)
            return (v + 1.0,)

        return ops.while_loop(cond, body, (x,))

    with pytest.raises(ValueError, match="cond must not assign"):
        trace(lambda x: fn(x, lambda v: total.assign_add(2.0) < 50), [Aval((), "float32")])
    trace(lambda x: fn(x, lambda v: total < 50), [Aval((), "float32")])


class Noisy(layers.Layer):
    """Different noise for each sample, and a count of the samples."""

    def __init__(self):
        super().__init__()
        self.seeds = random.SeedGenerator(3)
        self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        def one(row):
            self.seen.assign_add(1.0)
            return row + random.normal(ops.shape(row), seed=self.seeds)

        return ops.map(one, x)


def test_random_numbers_and_counts_in_a_compiled_loop():
    layer = Noisy()
    model = Sequential([layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.zeros((8, 3), "float32"), np.zeros((8, 1), "float32"), batch_size=4, epochs=2, verbose=0)
    assert float(layer.seen.numpy()) == 16
    inputs = layers.Input((3,))
    rows = Model(inputs, layer(inputs)).predict(np.zeros((6, 3), "float32"), verbose=0)
    assert len(np.unique(rows)) == 18
