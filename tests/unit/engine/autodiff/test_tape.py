"""GradientTape has TensorFlow's meaning, eagerly and inside of traced functions."""

import numpy as np
import pytest

from pronghorn.engine.autodiff import GradientTape
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.active import active_tapes
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.trace import trace
from pronghorn.variables import Variable


def variable(value, **kwargs):
    return Variable(np.asarray(value, "float32"), **kwargs)


def constant(value):
    return Tensor(np.asarray(value, "float32"))


def eagerly(fn):
    """The numbers that ``fn`` returns; None stays."""
    return [None if t is None else t.numpy() for t in fn()]


def traced(fn):
    """The same through a traced function, run by the NumPy backend."""
    places = []

    def body():
        found = fn()
        places[:] = [t is not None for t in found]
        return [t for t in found if t is not None]

    result = trace(body, [])
    arrays = iter(run(result.graph, [v.storage() for v in result.variables]))
    return [next(arrays) if there else None for there in places]


both = pytest.mark.parametrize("way", [eagerly, traced])


def values(found):
    return [None if a is None else np.asarray(a).tolist() for a in found]


@both
def test_variables_are_watched_by_themselves(way):
    v, frozen = variable(3.0), variable(5.0, trainable=False)

    def fn():
        with GradientTape() as tape:
            y = P.mul(P.mul(v.value, v.value), frozen.value)
        return tape.gradient(y, [v, frozen])

    assert values(way(fn)) == [30.0, None]


@both
def test_a_variable_read_twice_counts_twice(way):
    v = variable(3.0)

    def fn():
        with GradientTape() as tape:
            y = P.add(v.value, P.mul(v.value, 2.0))
        return [tape.gradient(y, v)]

    assert values(way(fn)) == [3.0]


@both
def test_arrays_have_to_be_watched(way):
    x, z = constant(3.0), constant(4.0)

    def fn():
        with GradientTape() as tape:
            tape.watch(x)
            y = P.mul(P.mul(x, x), z)
        return tape.gradient(y, [x, z])

    assert values(way(fn)) == [24.0, None]


@both
def test_gradient_of_an_intermediate_result(way):
    x = constant(3.0)

    def fn():
        with GradientTape() as tape:
            tape.watch(x)
            y = P.mul(x, x)
            z = P.mul(y, y)
        return tape.gradient(z, [y, x])

    assert values(way(fn)) == [18.0, 108.0]


@both
def test_what_is_outside_of_the_block_is_not_seen(way):
    v = variable(3.0)

    def fn():
        before = P.mul(v.value, v.value)
        with GradientTape() as tape:
            y = P.mul(before, v.value)
        after = P.mul(y, 2.0)
        with GradientTape() as other:
            z = P.mul(v.value, 2.0)
        del z
        return [tape.gradient(y, v), other.gradient(after, v)]

    assert values(way(fn)) == [9.0, None]


@both
def test_stop_recording(way):
    v = variable(3.0)

    def fn():
        with GradientTape() as tape:
            y = P.mul(v.value, v.value)
            with tape.stop_recording():
                unseen = P.mul(v.value, 10.0)
            z = P.add(y, unseen)
        return [tape.gradient(z, v)]

    assert values(way(fn)) == [6.0]


@both
def test_without_watching_variables(way):
    v, w = variable(3.0), variable(2.0)

    def fn():
        with GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(v)
            y = P.mul(v.value, w.value)
        return tape.gradient(y, [v, w])

    assert values(way(fn)) == [2.0, None]


@both
def test_a_frozen_variable_can_be_watched(way):
    v = variable(3.0, trainable=False)

    def fn():
        with GradientTape() as tape:
            tape.watch(v)
            y = P.mul(v.value, v.value)
        return [tape.gradient(y, v)]

    assert values(way(fn)) == [6.0]


@both
def test_persistent_and_structures(way):
    v, w = variable([1.0, 2.0]), variable(4.0)

    def fn():
        with GradientTape(persistent=True) as tape:
            y = P.reduce_sum(P.mul(v.value, v.value), axes=(0,))
            z = P.mul(y, w.value)
        first = tape.gradient(z, {"b": w, "a": (v,)})
        second = tape.gradient([y, z], v, output_gradients=[10.0, None])
        return [first["b"], first["a"][0], second]

    assert values(way(fn)) == [5.0, [8.0, 16.0], [28.0, 56.0]]


@both
def test_unconnected_gradients(way):
    v, w = variable(3.0), variable([1.0, 2.0])

    def fn():
        with GradientTape(persistent=True) as tape:
            y = P.mul(v.value, 2.0)
            unused = P.mul(w.value, 2.0)
        del unused
        return [tape.gradient(y, w), tape.gradient(y, w, unconnected_gradients="zero")]

    assert values(way(fn)) == [None, [0.0, 0.0]]


@both
def test_second_derivatives_by_nested_tapes(way):
    v = variable(3.0)

    def fn():
        with GradientTape() as outer:
            with GradientTape() as inner:
                y = P.mul(P.mul(v.value, v.value), v.value)
            slope = inner.gradient(y, v)
        return [slope, outer.gradient(slope, v)]

    assert values(way(fn)) == [27.0, 18.0]


@both
def test_gradient_penalty(way):
    """A gradient with respect to an input inside of a loss: what a WGAN-GP does."""
    w, x = variable([[2.0], [3.0]]), constant([[1.0, 1.0]])

    def fn():
        with GradientTape() as tape:
            with GradientTape() as inner:
                inner.watch(x)
                score = P.dot_general(x, w.value, contract=((1,), (0,)), batch=((), ()))
            slope = inner.gradient(score, x)
            penalty = P.reduce_sum(P.mul(slope, slope), axes=(0, 1))
        return [tape.gradient(penalty, w)]

    assert values(way(fn)) == [[[4.0], [6.0]]]


@both
def test_assignment_between(way):
    """Each gradient is that at the value which was read."""
    v = variable(3.0)

    def fn():
        with GradientTape(persistent=True) as tape:
            first = P.mul(v.value, v.value)
            v.assign(P.mul(v.value, 10.0))
            second = P.mul(v.value, v.value)
        return [tape.gradient(first, v), tape.gradient(second, v)]

    assert values(way(fn)) == [6.0, 60.0]


@both
def test_jacobian(way):
    v, x = variable([1.0, 2.0, 3.0]), constant([[1.0, 2.0], [3.0, 4.0]])

    def fn():
        with GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = P.mul(v.value, v.value)
            z = P.mul(x, P.reverse(x, axes=(1,)))
        return [tape.jacobian(y, v), tape.batch_jacobian(z, x)]

    jacobian, batch = way(fn)
    np.testing.assert_array_equal(jacobian, np.diag([2.0, 4.0, 6.0]))
    np.testing.assert_array_equal(batch, [[[2, 1], [2, 1]], [[4, 3], [4, 3]]])


@both
def test_reset(way):
    v = variable(3.0)

    def fn():
        with GradientTape(persistent=True) as tape:
            y = P.mul(v.value, v.value)
            tape.reset()
            z = P.mul(v.value, 2.0)
        return [tape.gradient(y, v), tape.gradient(z, v)]

    assert values(way(fn)) == [None, 2.0]


def test_watched_variables():
    v, w = variable(3.0), variable(4.0)
    with GradientTape() as tape:
        P.mul(w.value, v.value)
    assert tape.watched_variables() == (w, v)


def test_integers_have_no_gradient():
    x = Tensor(np.asarray(3, "int32"))
    with GradientTape() as tape:
        tape.watch(x)
        y = P.mul(P.cast(x, dtype="float32"), 2.0)
    assert tape.gradient(y, x) is None


def test_a_tape_is_used_once_unless_persistent():
    v = variable(3.0)
    with GradientTape() as tape:
        y = P.mul(v.value, v.value)
    tape.gradient(y, v)
    with pytest.raises(RuntimeError, match="persistent=True"):
        tape.gradient(y, v)


def test_gradient_inside_of_the_block_ends_the_recording():
    v = variable(3.0)
    with GradientTape() as tape:
        y = P.mul(v.value, v.value)
        slope = tape.gradient(y, v)
        P.mul(v.value, v.value)
    assert float(slope) == 6.0
    assert active_tapes() == []


def test_mistakes_are_named():
    v = variable(3.0)
    with GradientTape(persistent=True) as tape:
        with pytest.raises(ValueError, match="convert_to_tensor"):
            tape.watch(3.0)
        with pytest.raises(ValueError, match="recording already"), tape:
            pass
        y = P.mul(v.value, v.value)
    with pytest.raises(ValueError, match="'none' or 'zero', got 'nil'"):
        tape.gradient(y, v, unconnected_gradients="nil")
    with pytest.raises(ValueError, match=r"shape \(2,\), its target \(\)"):
        tape.gradient(y, v, output_gradients=constant([1.0, 2.0]))
    with pytest.raises(ValueError, match="1 target but 2 output_gradients"):
        tape.gradient(y, v, output_gradients=[1.0, 2.0])
    with pytest.raises(ValueError, match="not recording"), tape.stop_recording():
        pass


def test_jacobian_of_an_unknown_batch_says_so():
    from pronghorn.engine.graph.dim import Dim

    def fn(x):
        with GradientTape() as tape:
            tape.watch(x)
            y = P.mul(x, x)
        return [tape.jacobian(y, x)]

    with pytest.raises(ValueError, match="run_eagerly"):
        trace(fn, [Aval((Dim.symbol("batch"),), "float32")])


def test_tape_sees_through_a_loop_in_eager_code():
    """A body that reads a variable takes it as an input, which the tape knows."""
    from pronghorn.engine.graph.trace import trace_body

    v = variable(2.0)
    scalar = Aval((), "float32")
    with GradientTape() as tape:
        body = trace_body(lambda h: [P.mul(h, v.value)], [scalar])
        (y,) = P.scan(*body.captures, constant(1.0), body=body.graph, num_consts=len(body.captures), num_carry=1,
                      length=4, reverse=False)  # fmt: skip
    assert float(y) == 16.0
    assert float(tape.gradient(y, v)) == 32.0


@both
def test_a_variable_that_is_the_target_has_a_gradient_of_one(way):
    unread, read, other = variable(3.0), variable(5.0), variable(7.0)

    def fn():
        with GradientTape(persistent=True) as tape:
            y = P.mul(read.value, other.value)
        return [
            *tape.gradient([unread, read, y], [unread, read, other]),
            tape.gradient(other, unread),
        ]

    assert values(way(fn)) == [1.0, 8.0, 5.0, None]


def test_the_watched_variables_are_known_after_the_gradient_too():
    v = variable(3.0)
    with GradientTape() as tape:
        y = P.mul(v.value, v.value)
    tape.gradient(y, v)
    assert tape.watched_variables() == (v,)


def test_the_value_of_a_variable_stands_for_it():
    import pronghorn as keras

    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    values = [v.value for v in layer.trainable_variables]
    with GradientTape() as tape:
        loss = keras.ops.sum(layer(keras.ops.ones((1, 3))) ** 2)
    kernel, bias = tape.gradient(loss, values)
    y = np.ones((1, 3)) @ np.asarray(values[0])
    np.testing.assert_allclose(kernel, np.ones((3, 1)) * 2 * y, rtol=1e-5)
    np.testing.assert_allclose(bias, 2 * y[0], rtol=1e-5)
