"""PyTensor's variables through ops, layers and losses, and models as functions of them."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, ops

pytensor = pytest.importorskip("pytensor")
pt = pytensor.tensor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 5, 3)).astype("float32")


def variable(shape=X.shape, dtype="float32"):
    return pt.tensor("x", shape=shape, dtype=dtype)


def value(out, given):
    """The value of a variable, compiled as the engine compiles: PyTensor's own modes take seconds for it."""
    from pronghorn.engine.backends.pytensor.mode import mode

    return pytensor.function(list(given), out, mode=mode(), on_unused_input="ignore")(*given.values())


FUNCTIONS = {
    "op": lambda x: ops.softmax(ops.sin(x) + 1, axis=1),
    "two variables": lambda x: ops.maximum(x, ops.flip(x, 0)),
    "ours and theirs": lambda x: ops.multiply(ops.ones((3,)), x),
    "list": lambda x: ops.stack([x, x * 2]),
    "activation": lambda x: keras.activations.gelu(x),
    "loss": lambda x: keras.losses.mean_squared_error(x * 2, x),
    "loss object": lambda x: keras.losses.Huber()(x * 2, x),
    "cond": lambda x: ops.cond(ops.sum(x) > 100, lambda: x, lambda: -x),
    "while": lambda x: ops.while_loop(lambda v: ops.max(v) < 100, lambda v: (v * 2,), (x,))[0],
    "scan": lambda x: ops.scan(lambda c, v: (c + v, c * v), ops.zeros((5, 3)), x)[1],
    "vectorized map": lambda x: ops.vectorized_map(lambda v: ops.sum(v, axis=0), x),
    "sort": lambda x: ops.sort(x, axis=1),
    "pool": lambda x: ops.max_pool(x, 2, 1, padding="same"),
    "conv": lambda x: ops.conv(x, np.ones((3, 3, 2), "float32"), padding="same"),
    "cholesky": lambda x: ops.cholesky(ops.eye(5) * 9 + ops.matmul(x, ops.transpose(x, (0, 2, 1)))),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_and_gradients(name):
    fn, x = FUNCTIONS[name], variable()
    out = fn(x)
    assert isinstance(out, pt.TensorVariable)
    np.testing.assert_allclose(value(out, {x: X}), fn(ops.convert_to_tensor(X)), rtol=1e-5, atol=1e-6)
    if name != "while":  # which has no gradient
        got = value(pt.grad(pt.sum(pt.sqr(out)), x), {x: X})
        expected = keras.grad(lambda t: ops.sum(fn(t) ** 2))(ops.convert_to_tensor(X))
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["isnan", "nan_to_num", "equal", "not_equal"])
def test_nan_is_found_in_graphs_that_pytensor_has_simplified(name):
    """It takes ``x != x`` for false, where the other modes than ours simplify graphs."""
    from pytensor.graph.rewriting.utils import rewrite_graph

    given, x = np.float32([np.nan, 1, -np.inf]), variable((3,))
    op = getattr(ops, name)

    def fn(x):
        return ops.cast(op(x, x) if "equal" in name else op(x), "float32")

    found = value(rewrite_graph(fn(x), include=("canonicalize",)), {x: given})
    np.testing.assert_array_equal(found, fn(ops.convert_to_tensor(given)))


def test_a_gradient_of_ones_own():
    @ops.custom_gradient
    def square(x):
        return ops.square(x), lambda upstream: upstream * 7

    x = variable((2,))
    out = ops.sin(square(x))
    got = value(pt.grad(pt.sum(out), x), {x: np.float32([1, 2])})
    np.testing.assert_allclose(got, 7 * np.cos(np.float32([1, 4])), rtol=1e-5)


def test_an_extent_that_is_not_known():
    with pytest.raises(ValueError, match=r"x has the shape \(None, 3\).*specify_shape"):
        ops.sin(variable((None, 3)))


def test_training_assigns_nothing_in_a_graph():
    layer = layers.BatchNormalization()
    layer.build((4, 3))
    with pytest.raises(RuntimeError, match="moving_mean.*stateless_call"):
        layer(variable((4, 3)), training=True)


def small():
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((5, 3)), layers.LSTM(4, return_sequences=True), layers.Conv1D(2, 2), layers.Dense(2, "tanh")]
    )


def test_to_pytensor():
    model, x = small(), variable()
    function = keras.interop.to_pytensor(model)
    out = function(x)
    np.testing.assert_allclose(value(out, {x: X}), model(X), rtol=1e-5, atol=1e-6)
    assert set(function.weights) == {w.path for w in model.weights}
    weights = [function.weights[w.path] for w in model.trainable_weights]
    with keras.GradientTape() as tape:
        loss = ops.sum(ops.square(model(X) - 1))
    gradients = pt.grad(pt.sum(pt.sqr(out - np.float32(1))), weights)
    for got, expected in zip(gradients, tape.gradient(loss, model.trainable_weights), strict=True):
        np.testing.assert_allclose(value(got, {x: X}), expected, rtol=1e-4, atol=1e-5)


def test_to_pytensor_has_weights_of_its_own():
    model, x = small(), variable()
    function = keras.interop.to_pytensor(model)
    before = np.asarray(model(X))
    model.set_weights([w * 2 for w in model.get_weights()])
    np.testing.assert_allclose(value(function(x), {x: X}), before, rtol=1e-5, atol=1e-6)
    for w in model.weights:
        function.weights[w.path].set_value(w.numpy())
    np.testing.assert_allclose(value(function(x), {x: X}), model(X), rtol=1e-5, atol=1e-6)


def test_to_pytensor_of_what_it_has_no_type_for():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, dtype="bfloat16")])
    with pytest.raises(NotImplementedError, match="bfloat16"):
        keras.interop.to_pytensor(model)
    with pytest.raises(ValueError, match="takes 1 variable, got 2"):
        keras.interop.to_pytensor(small())(variable(), variable())


def test_a_loop_of_a_body_with_unknown_extents():
    """The body of a recurrent layer's loop knows the number of rows by a symbol."""
    losses = []
    for engine in ("pytensor", "pronghorn"):
        model = small()
        model.compile("sgd", "mse", backend=engine)
        losses.append(model.fit(X, np.zeros((4, 4, 2), "float32"), batch_size=3, epochs=2, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_data_have_values():
    """Constants and shared variables have; what stands for values to come is refused, with what to do."""
    model = keras.Sequential([layers.Input((3,)), layers.Dense(2)])
    expected = model.predict(X[0], verbose=0)
    for given in (pytensor.shared(X[0]), pt.as_tensor_variable(X[0])):
        np.testing.assert_array_equal(model.predict(given, verbose=0), expected)
    model.compile("sgd", "mse")
    for run in (model.predict, model.evaluate, lambda x: model.fit(x, expected)):
        with pytest.raises(TypeError, match=r"^x: a PyTensor variable stands for values.*eval\(\).*model\(x\)"):
            run(pt.matrix("x"))
