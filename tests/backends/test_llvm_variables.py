"""Variables of compiled functions: updated in place, yet every read sees the value that the traced function saw."""

import numpy as np
import pytest

from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.numpy.executable import NumpyExecutable
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace, trace_body
from pronghorn.variables import Variable

SIZE = 37


def variables(count, *shape):
    rng = np.random.default_rng(0)
    return [Variable(rng.normal(size=shape or (SIZE,)).astype("float32"), name=f"v{i}") for i in range(count)]


def same_with(make, step, count, shape=(SIZE,), calls=3):
    """Results and variables after some calls, one list."""
    held = variables(count, *shape)
    executable = make(trace(lambda x: step(x, *held), [Aval(shape, "float32")]))
    rng = np.random.default_rng(1)
    seen = []
    for _ in range(calls):
        seen += executable(rng.normal(size=shape).astype("float32"))
        seen += [v.numpy() for v in held]
    return seen


def check(step, count, shape=(SIZE,), tolerance=1e-6):
    compiled, expected = same_with(Executable, step, count, shape), same_with(NumpyExecutable, step, count, shape)
    for got, want in zip(compiled, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def test_a_swap():
    def step(x, a, b):
        old_a, old_b = a.value, b.value
        a.assign(old_b)
        b.assign(old_a)
        return []

    check(step, 2)


def test_a_rotation_with_arithmetic():
    def step(x, a, b, c):
        old = [v.value for v in (a, b, c)]
        a.assign(P.add(old[1], x))
        b.assign(old[2])
        c.assign(P.mul(old[0], 2.0))
        return [old[0]]

    check(step, 3)


def test_old_and_new_values_as_results():
    def step(x, a):
        old = a.value
        a.assign(P.add(old, x))
        return [old, a.value, P.mul(a.value, old)]

    check(step, 1)


def test_assigned_twice():
    def step(x, a):
        a.assign(P.add(a.value, x))
        middle = a.value
        a.assign(P.mul(a.value, 3.0))
        return [middle, a.value]

    check(step, 1)


def test_one_value_for_two_variables():
    def step(x, a, b):
        total = P.add(a.value, x)
        a.assign(total)
        b.assign(total)
        return [total]

    check(step, 2)


def test_a_new_value_that_does_not_depend_on_the_old():
    def step(x, a, b):
        shown = P.mul(a.value, b.value)
        a.assign(P.exp(x))
        b.assign(P.broadcast_in_dim(np.float32(2), shape=(SIZE,), dims=()))
        return [shown]

    check(step, 2)


def test_one_update_reads_another_variable_at_the_same_place():
    """As an optimizer with momentum, written so that the weight's update uses the momentum's old value."""

    def step(x, weight, moment):
        old = moment.value
        moment.assign(P.add(P.mul(old, 0.9), x))
        weight.assign(P.sub(weight.value, P.mul(old, 0.1)))
        return []

    check(step, 2)


@pytest.mark.parametrize("move", ["reverse", "transpose", "shift", "broadcast"])
def test_the_old_value_is_read_elsewhere(move):
    def moved(v):
        if move == "reverse":
            return P.reverse(v, axes=(0,))
        if move == "transpose":
            return P.transpose(v, perm=(1, 0))
        if move == "shift":
            whole = P.concatenate(v, v, axis=0)
            return P.slice(whole, start=(1, 0), limit=(7, 6), stride=(1, 1))
        row = P.take(v, np.int32(5), axis=0)
        return P.broadcast_in_dim(row, shape=(6, 6), dims=(1,))

    def step(x, a):
        a.assign(P.add(moved(a.value), x))
        return []

    check(step, 1, (6, 6))


def test_reductions_and_products_of_what_they_update():
    def step(x, w, total, h):
        product = P.dot_general(x, w.value, contract=((1,), (0,)), batch=((), ()))
        w.assign(P.add(P.dot_general(w.value, product, contract=((1,), (0,)), batch=((), ())), w.value))
        sums = P.reduce_sum(total.value, axes=(0,))
        total.assign(P.add(P.broadcast_in_dim(sums, shape=(9, 9), dims=(1,)), total.value))
        # an epilogue that reads the variable at the element it writes
        h.assign(P.tanh(P.add(P.dot_general(x, x, contract=((1,), (1,)), batch=((), ())), h.value)))
        return [product]

    check(step, 3, (9, 9), 1e-4)


def test_a_variable_carried_through_a_loop():
    def step(x, a, b):
        like = Aval((SIZE,), "float32")
        body = trace_body(lambda h: [P.add(P.mul(h, 0.5), 1.0)], [like])
        (final,) = P.scan(*body.captures, a.value, body=body.graph, num_consts=len(body.captures), num_carry=1,
                          length=4, reverse=False)  # fmt: skip
        a.assign(final)
        b.assign(P.add(b.value, final))
        return [final]

    check(step, 2)


def test_a_branch_decides_the_new_value():
    def step(x, a):
        like = Aval((SIZE,), "float32")
        arms = [trace_body(arm, [like, like]).graph for arm in (lambda a, x: [P.add(a, x)], lambda a, x: [a])]
        positive = P.gt(P.reduce_sum(x, axes=(0,)), 0.0)
        (new,) = P.cond(positive, a.value, x, true=arms[0], false=arms[1])
        a.assign(new)
        return [a.value]

    check(step, 1)


def test_a_scatter_into_a_variable():
    def step(x, table):
        rows = P.cast(P.rem(P.iota(shape=(9,), dtype="int32", axis=0), 4), dtype="int32")
        table.assign(P.scatter(table.value, rows, x, mode="add"))
        return [P.take(table.value, rows, axis=0)]

    check(step, 1, (9, 9), 1e-5)


def test_eager_views_keep_the_old_value():
    (v,) = variables(1)
    executable = Executable(trace(lambda: [v.assign(P.add(v.value, 1.0)).value][:0], []))
    before = v.value
    copy = before.numpy().copy()
    executable()
    executable()
    np.testing.assert_array_equal(before.numpy(), copy)
    np.testing.assert_allclose(v.numpy(), copy + 2, rtol=1e-6)


def test_assignments_between_calls_are_seen():
    (v,) = variables(1)
    executable = Executable(trace(lambda x: [P.add(v.value, x)], [Aval((SIZE,), "float32")]))
    zero = np.zeros(SIZE, "float32")
    for value in (1.0, 2.0):
        v.assign(np.full(SIZE, value, "float32"))
        np.testing.assert_array_equal(executable(zero)[0], np.full(SIZE, value, "float32"))


def test_integer_and_low_precision_variables():
    count, mean = Variable(np.int32(0)), Variable(np.zeros(5), dtype="bfloat16")

    def step(x):
        count.assign(P.add(count.value, 1))
        mean.assign(P.cast(P.add(P.cast(mean.value, dtype="float32"), x), dtype="bfloat16"))
        return [count.value]

    executable = Executable(trace(step, [Aval((5,), "float32")]))
    for i in range(3):
        assert executable(np.full(5, 0.5, "float32"))[0] == i + 1
    assert int(count) == 3
    np.testing.assert_array_equal(mean.numpy().astype("float32"), np.full(5, 1.5))
