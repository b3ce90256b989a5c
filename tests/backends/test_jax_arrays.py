"""JAX's arrays and transformations through ops, layers, losses, metrics and optimizers."""

import subprocess
import sys

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, ops

jax = pytest.importorskip("jax")
pytestmark = pytest.mark.slow  # JAX compiles for long
jnp = jax.numpy

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 5, 3)).astype("float32")


def same(got, expected, **limits):
    assert isinstance(got, jax.Array)
    np.testing.assert_allclose(got, np.asarray(expected), **{"rtol": 1e-5, "atol": 1e-6, **limits})


FUNCTIONS = {
    "op": lambda x: ops.softmax(ops.sin(x) + 1, axis=1),
    "two arrays": lambda x: ops.maximum(x, ops.flip(x, 0)),
    "ours and theirs": lambda x: ops.ones((3,)) * x + np.float32(2),
    "list": lambda x: ops.stack([x, x * 2]),
    "keyword": lambda x: ops.sum(x=x, axis=0),
    "activation": lambda x: keras.activations.gelu(x),
    "loss": lambda x: keras.losses.mean_squared_error(x * 2, x),
    "loss object": lambda x: keras.losses.Huber()(x * 2, x),
    "cond": lambda x: ops.cond(ops.sum(x) > 100, lambda: x, lambda: -x),  # the branches use it from around them
    "while": lambda x: ops.while_loop(lambda v: ops.max(v) < 100, lambda v: (v * 2,), (x,))[0],
    "scan": lambda x: ops.scan(lambda c, v: (c + v, c * v), ops.zeros((5, 3)), x)[1],
    "vectorized map": lambda x: ops.vectorized_map(lambda v: ops.sum(v, axis=0), x),
    "sort": lambda x: ops.sort(x, axis=1),
    "pool": lambda x: ops.max_pool(x, 2, 1, padding="same"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    fn = FUNCTIONS[name]
    expected = fn(ops.convert_to_tensor(X))
    same(fn(jnp.asarray(X)), expected)
    same(jax.jit(fn)(jnp.asarray(X)), expected)


def gradient_of_ours(fn, x):
    return keras.grad(lambda t: ops.sum(fn(t) ** 2))(ops.convert_to_tensor(x))


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n != "while"])
def test_gradients(name):
    fn = FUNCTIONS[name]
    got = jax.jit(jax.grad(lambda x: ops.sum(fn(x) ** 2)))(jnp.asarray(X))
    same(got, gradient_of_ours(fn, X), rtol=1e-4, atol=1e-5)


def test_a_gradient_of_ones_own():
    @ops.custom_gradient
    def square(x):
        return x * x, lambda upstream: upstream * 100

    assert jax.grad(lambda x: ops.sum(square(x)))(jnp.ones(3)).tolist() == [100, 100, 100]


def test_a_gradient_of_ones_own_where_that_of_the_result_is_not_finite():
    @ops.custom_gradient
    def softplus(x):
        e = ops.exp(x)
        return ops.log(1 + e), lambda upstream: upstream * (1 - 1 / (1 + e))

    x = jnp.float32([100, 0])  # exp(100) is infinite
    assert jax.grad(lambda x: ops.sum(softplus(x)))(x).tolist() == [1, 0.5]
    twice = jax.grad(lambda x: ops.sum(jax.grad(lambda x: ops.sum(softplus(x)))(x)))
    assert twice(jnp.float32([0.0])).tolist() == [0.25]


def test_a_gradient_of_ones_own_with_integers():
    @ops.custom_gradient
    def picked(x, i):
        return ops.take(x, i), lambda upstream: (upstream * ops.ones(3), None)

    assert jax.grad(lambda x: picked(x, jnp.int32(1)))(jnp.ones(3)).tolist() == [1, 1, 1]


LAYERS = {
    "dense": lambda: layers.Dense(4, activation="tanh"),
    "lstm": lambda: layers.LSTM(4),
    "gru": lambda: layers.GRU(3, return_sequences=True),
    "conv": lambda: layers.Conv1D(4, 3, padding="same"),
    "normalization": lambda: layers.LayerNormalization(),
    "sequential": lambda: keras.Sequential(
        [layers.Conv1D(4, 2), layers.MaxPooling1D(), layers.Flatten(), layers.Dense(2)]
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    layer = LAYERS[name]()
    expected = layer(X)
    same(layer(jnp.asarray(X)), expected, rtol=1e-4, atol=1e-5)
    weights = [jnp.asarray(v.numpy()) for v in layer.trainable_variables]
    rest = [jnp.asarray(v.numpy()) for v in layer.non_trainable_variables]

    def loss(weights, x):
        outputs, _ = layer.stateless_call(weights, rest, x)
        return ops.sum(outputs**2)

    found = jax.jit(jax.grad(loss, argnums=(0, 1)))(weights, jnp.asarray(X))
    with keras.GradientTape() as tape:
        x = ops.convert_to_tensor(X)
        tape.watch(x)
        value = ops.sum(layer(x) ** 2)
    expected = tape.gradient(value, [*layer.trainable_variables, x])
    for got, e in zip([*found[0], found[1]], expected, strict=True):
        same(got, e, rtol=1e-3, atol=1e-4)


def test_vmap():
    layer = layers.Dense(2)
    expected = layer(X[0])
    same(jax.vmap(lambda row: layer(row[None])[0])(jnp.asarray(X[0])), expected)


def classifier():
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((3,)), layers.Dense(16, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.2),
         layers.Dense(2)]
    )  # fmt: skip


def test_a_training_loop_in_jax_is_training_by_fit():
    x, y = RNG.normal(size=(96, 3)).astype("float32"), RNG.integers(0, 2, 96)
    model, other = classifier(), classifier()
    other.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    other.fit(x, y, epochs=2, shuffle=False, verbose=0)

    optimizer = keras.optimizers.get("adam")
    optimizer.build(model.trainable_variables)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    accuracy = keras.metrics.SparseCategoricalAccuracy()

    def loss(trainable, rest, metric, x, y):
        outputs, rest = model.stateless_call(trainable, rest, x, training=True)
        return loss_of(y, outputs), (rest, accuracy.stateless_update_state(metric, y, outputs))

    @jax.jit
    def step(state, x, y):
        trainable, rest, slots, metric = state
        (value, (rest, metric)), gradients = jax.value_and_grad(loss, has_aux=True)(trainable, rest, metric, x, y)
        trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
        return value, (trainable, rest, slots, metric)

    # variables and tensors are arguments of JAX's functions as they are
    state = (model.trainable_variables, [v.value for v in model.non_trainable_variables], optimizer.variables,
             accuracy.variables)  # fmt: skip
    keras.config.set_backend("jax")  # loads the engine, which tells JAX of them
    keras.config.set_backend("pronghorn")
    for _ in range(2):
        for i in range(0, 96, 32):
            value, state = step(state, jnp.asarray(x[i : i + 32]), jnp.asarray(y[i : i + 32]))
    assert isinstance(value, jax.Array)
    for got, variable in zip([*state[0], *state[1]], [*other.trainable_variables, *other.non_trainable_variables]):
        same(got, variable, rtol=1e-3, atol=1e-4)
    assert 0 < float(accuracy.stateless_result(state[3])) < 1


def test_what_is_assigned_while_jax_traces_has_no_value():
    model = classifier()
    with pytest.raises(RuntimeError, match="moving_mean.*stateless_call"):
        jax.jit(lambda x: model(x, training=True))(jnp.ones((2, 3)))
    before = model.layers[1].moving_mean.numpy()
    model(jnp.ones((2, 3)), training=True)  # with values it is kept
    assert np.abs(model.layers[1].moving_mean.numpy() - before).max() > 0


def test_fit_and_predict_take_jax_arrays():
    model = classifier()
    model.compile("sgd", "mse")
    model.fit(jnp.ones((8, 3)), jnp.ones((8, 2)), verbose=0)
    assert isinstance(model.predict(jnp.ones((8, 3)), verbose=0), np.ndarray)


def test_our_own_traces_take_jax_arrays_as_numbers():
    scale = jnp.asarray([1.0, 2.0, 3.0])
    assert keras.jit(lambda x: x * scale)(np.ones(3, "float32")).numpy().tolist() == [1, 2, 3]


FRESH = """
import jax, jax.numpy as jnp, numpy as np
import pronghorn as keras

model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
x = np.ones((4, 3), "float32")


def loss(trainable, others, x):
    return jnp.mean(model.stateless_call(trainable, others, x)[0] ** 2)


gradients = jax.jit(jax.grad(loss))(model.trainable_variables, model.non_trainable_variables, x)
print([type(g).__name__ for g in gradients])
"""


def test_variables_are_arguments_of_jax_before_anything_else_was_computed():
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "['ArrayImpl', 'ArrayImpl']", done.stderr


@pytest.mark.parametrize("make", [ops.convert_to_tensor, keras.Variable])
def test_functions_of_jax_take_ours(make):
    ours, theirs = make(np.float32([1, 2, 3])), jnp.ones(3)
    found = [jnp.asarray(ours), jnp.add(ours, theirs), jnp.stack([ours, theirs]), jnp.where(theirs > 0, ours, 0)]
    found += [theirs + ours, ours + theirs, jax.jit(lambda x: x * ours)(theirs)]
    assert all(isinstance(x, jax.Array) for x in found)
    for got, expected in zip(found, ([1, 2, 3], [2, 3, 4], [[1, 2, 3], [1, 1, 1]], [1, 2, 3], [2, 3, 4], [2, 3, 4])):
        np.testing.assert_array_equal(got, expected)


def test_what_has_no_values_yet_meets_arrays_of_jax_by_our_operators():
    factor = jnp.float32([1, 2, 3])
    layer = keras.layers.Lambda(lambda x: factor * x + factor)
    np.testing.assert_array_equal(layer(np.ones((2, 3), "float32")), [[2, 4, 6]] * 2)
    model = keras.Sequential([keras.Input((3,)), layer])
    np.testing.assert_array_equal(model.predict(np.ones((2, 3)), verbose=0), [[2, 4, 6]] * 2)
    variable = keras.Variable(np.float32([3, 4, 5]))
    with keras.GradientTape() as tape:
        loss = ops.sum(factor * variable)
    np.testing.assert_array_equal(tape.gradient(loss, variable), factor)


JOINED = {
    "vjp": lambda make: jax.vjp(ops.square, make(2.0))[1](make(1.0))[0],
    "vjp of JAX's": lambda make: jax.vjp(ops.square, jnp.full((3,), 2.0))[1](make(1.0))[0],
    "vjp with more": lambda make: jax.vjp(lambda x: (ops.square(x), [x]), make(2.0), has_aux=True)[1](make(1.0))[0],
    "vjp compiled": lambda make: jax.jit(lambda x: jax.vjp(ops.square, x)[1])(make(2.0))(make(1.0))[0],
    "jvp": lambda make: jax.jvp(ops.square, (make(2.0),), (jnp.ones(3),))[1],
    "linearize": lambda make: jax.linearize(ops.square, jnp.full((3,), 2.0))[1](make(1.0)),
    "jacfwd": lambda make: jax.jacfwd(ops.square)(make(2.0)).sum(axis=0),
    "hessian": lambda make: jax.hessian(lambda x: ops.sum(x**3) / 3)(make(2.0)).sum(axis=0),
    "grad": lambda make: jax.grad(lambda x: ops.sum(x**2))(make(2.0)),
    "value and gradient": lambda make: jax.value_and_grad(lambda x: ops.sum(x**2))(make(2.0))[1],
    "jacrev": lambda make: jax.jacrev(ops.square)(make(2.0)).sum(axis=0),
}


@pytest.mark.parametrize("name", JOINED)
@pytest.mark.parametrize("variable", [False, True], ids=["tensor", "variable"])
def test_transformations_of_jax_that_compare_arguments_take_ours(name, variable):
    def make(value):
        x = ops.full((3,), value)
        return keras.Variable(x) if variable else x

    make(0.0)  # JAX's functions are told at the first call
    same(JOINED[name](make), np.full((3,), 4.0))


def test_what_jax_returns_of_arrays_is_as_without_us():
    value, pullback = jax.vjp(lambda x, y: {"product": x * y}, jnp.ones(0), jnp.ones(0))
    assert set(value) == {"product"}
    assert [part.shape for part in pullback({"product": jnp.ones(0)})] == [(0,), (0,)]
    with pytest.raises(ValueError, match="tree structure"):
        pullback(jnp.ones(0))
    assert jax.vjp.__name__ == "vjp"


def slope_of(f, x):
    y, pullback = jax.vjp(f, x)
    return pullback(jnp.ones_like(y))[0]


class OfJax(layers.Layer):
    """Computes by functions of JAX's in the middle of our own."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")
        self.places = self.add_weight(shape=(shape[-1],), dtype="int64", initializer="zeros", trainable=False)

    def call(self, x):
        y = ops.sin(x * self.scale)
        found = jax.vmap(jnp.searchsorted)(ops.sort(y, axis=-1), y)  # integers, of what is traced here
        steeper = slope_of(lambda v: ops.square(v) * self.scale, y)
        return steeper + ops.take(ops.cast(found, "float32"), self.places, axis=-1) + jnp.cos(y)

    def formula(self, x):
        y = jnp.sin(x)
        return 2 * y + jnp.argsort(jnp.argsort(y))[:, :1] + jnp.cos(y)


@pytest.mark.parametrize("transformed", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_functions_of_jax_inside_of_layers_are_given_values(transformed):
    layer, x = OfJax(), jnp.asarray(X[:, 0])
    layer.build(x.shape)
    same(transformed(layer)(x), layer.formula(x))
    same(layer(x[:0]), jnp.zeros((0, 3)))
    got = transformed(jax.grad(lambda x: ops.sum(layer(x) ** 2)))(x)
    same(got, jax.grad(lambda x: jnp.sum(layer.formula(x) ** 2))(x))
    assert layer.places.dtype == "int64"


GRADIENTS = {
    "grad": lambda x: jax.grad(lambda v: ops.sum(ops.square(v)))(x),
    "value and gradient": lambda x: jax.value_and_grad(lambda v: (ops.sum(ops.square(v)), v), has_aux=True)(x)[1],
    "jacrev": lambda x: jax.jacrev(lambda v: ops.square(v))(x).sum(axis=0),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_inside_of_a_call(name):
    """There results are traced for a graph of ours, and JAX compares their structure with an array's."""

    class Sloped(layers.Layer):
        def call(self, x):
            return GRADIENTS[name](ops.sin(x))

    x = jnp.asarray(X[0, 0])
    same(Sloped()(x), 2 * np.sin(x))
    same(jax.grad(lambda x: ops.sum(Sloped()(x)))(x), 2 * np.cos(x))


@pytest.mark.parametrize("transformed", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_layers_whose_call_uses_functions_of_jax_build_those_below_at_the_first_call(transformed):
    class Nested(layers.Layer):
        def __init__(self):
            super().__init__()
            self.first, self.second = layers.Dense(4), layers.Dense(2)

        def call(self, x):
            return self.second(jnp.sin(self.first(x)))

    layer, x = Nested(), jnp.asarray(X[:, 0])
    got = transformed(layer)(x)
    assert [w.path for w in layer.weights[::2]] == [
        f"{layer.name}/{d.name}/kernel" for d in (layer.first, layer.second)
    ]
    first, second = (np.asarray(d.kernel) for d in (layer.first, layer.second))
    same(got, np.sin(x @ first) @ second)
    same(transformed(layer)(x), got)


def test_a_branch_on_what_is_traced_is_taken_anew_at_each_call():
    class Branching(layers.Layer):
        def call(self, x):
            return x + 1 if self.total(ops.abs(x)) > 1 else x - 1

    layer = Branching()
    for layer.total in (jnp.sum, ops.sum, lambda x: x.numpy().sum()):
        same(layer(jnp.ones(3)), jnp.full(3, 2.0))
        same(layer(jnp.zeros(3)), jnp.full(3, -1.0))
    layer.total = ops.sum
    with pytest.raises(RuntimeError, match="needed at"):
        jax.jit(layer)(jnp.ones(3))


@pytest.mark.parametrize("transformed", [lambda f: f, jax.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("limit", [None, 2, 0])
def test_functions_of_jax_in_the_body_of_a_loop(transformed, limit):
    def f(x):
        step = lambda count, v: (count + 1, v - 0.25 * slope_of(lambda u: u**2, v))  # noqa: E731
        return ops.while_loop(lambda count, v: count < 3, step, (0, x * 2), maximum_iterations=limit)[1]

    x = jnp.asarray(X[0])
    same(transformed(f)(x), 2 * x * 0.5 ** (3 if limit is None else limit))


@pytest.mark.parametrize("transformed", [lambda f: f, jax.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("rounds", [0, 3])
def test_functions_of_jax_in_a_known_number_of_rounds(transformed, rounds):
    def f(x):
        step = lambda i, v: (v[0] - 0.25 * slope_of(lambda u: u**2, v[0]), v[1] + i)  # noqa: E731
        return ops.fori_loop(2, 2 + rounds, step, (x * 2, 0))

    x = jnp.asarray(X[0])
    y, numbers = transformed(f)(x)
    same(y, 2 * x * 0.5**rounds)
    assert int(numbers) == sum(range(2, 2 + rounds))
    same(transformed(jax.grad(lambda x: ops.sum(f(x)[0])))(x), jnp.full_like(x, 2 * 0.5**rounds))


@pytest.fixture(params=["jax", "pronghorn"])
def chosen(request):
    keras.config.set_backend(request.param)
    yield request.param
    keras.config.set_backend("pronghorn")


def halved(x):
    return x - 0.25 * slope_of(lambda u: ops.sum(u**2, axis=-1), x)


def test_jax_compiles_what_differentiates_by_it_in_a_loop_of_many_rounds(chosen):
    """Called with arrays of ours, outside of a trace: JAX's functions would record and differentiate in each round."""
    calls = []

    def step(i, x):
        calls.append(1)
        return halved(x)

    x = ops.convert_to_tensor(X[0])
    for rounds in (0, 4, 20):
        calls.clear()
        got = ops.fori_loop(0, rounds, step, x)
        assert type(got) is type(x)
        np.testing.assert_allclose(got, X[0] * 0.5**rounds, rtol=1e-6)
        assert len(calls) == (5 if (chosen, rounds) == ("jax", 20) else rounds)
    assert ops.fori_loop(0, 20, step, ops.zeros((0, 2))).shape == (0, 2)
    count, got = ops.while_loop(lambda n, v: ops.max(ops.abs(v)) > 0.01, lambda n, v: (n + 1, halved(v)), (0, x))
    expected = int(np.ceil(np.log2(np.abs(X[0]).max() / 0.01)))
    assert int(count) == expected
    np.testing.assert_allclose(got, X[0] * 0.5**expected, rtol=1e-6)
    assert int(ops.while_loop(lambda n, v: True, lambda n, v: (n + 1, halved(v)), (0, x), maximum_iterations=9)[0]) == 9


def test_loops_that_jax_cannot_compile_go_on_by_python(chosen):
    x, variable = ops.convert_to_tensor(X[0]), keras.Variable(0.0)

    def counting(i, x):
        variable.assign_add(1.0)
        return halved(x)

    np.testing.assert_allclose(ops.fori_loop(0, 9, counting, x), X[0] * 0.5**9, rtol=1e-6)
    assert float(variable) == 9
    seeds = keras.random.SeedGenerator(1)
    noisy = ops.fori_loop(0, 9, lambda i, x: 0 * halved(x) + keras.random.normal((5, 3), seed=seeds), x)
    again = keras.random.SeedGenerator(1)
    for _ in range(9):
        last = keras.random.normal((5, 3), seed=again)
    np.testing.assert_allclose(noisy, last, rtol=1e-6)
    branching = ops.fori_loop(0, 9, lambda i, x: halved(x) if float(ops.max(x)) > 0.01 else 2 * x, abs(x))
    plain = np.abs(X[0])
    for _ in range(9):
        plain = plain / 2 if plain.max() > 0.01 else 2 * plain
    np.testing.assert_allclose(branching, plain, rtol=1e-6)
    with pytest.raises(ZeroDivisionError):
        ops.fori_loop(0, 9, lambda i, x: halved(x) if float(ops.max(x)) > 0.01 else 1 / 0, x)


def test_jax_compiles_no_branches_where_it_is_known_which_is_taken(monkeypatch):
    def f(x):
        return ops.cond(ops.sum(x) * 0 < 1, lambda: x * 2, lambda: x * 3)

    x = jnp.asarray(X[0])
    same(jax.jit(f)(x), 2 * x)
    monkeypatch.setattr(jax.lax, "cond", lambda *_: pytest.fail("compiled, as at each call anew"))
    same(f(x), 2 * x)
    same(f(x * np.nan), 3 * x * np.nan)
    same(jax.grad(lambda x: ops.sum(f(x)))(x), jnp.full_like(x, 2))


def test_what_has_no_array_in_a_loop_says_so():
    def f(x):
        return ops.scan(lambda carry, v: (carry, slope_of(lambda u: u**2, v)), x[0], x)[1]

    with pytest.raises(RuntimeError, match="needed at"):
        f(jnp.asarray(X))


def test_variables_of_64_bits_meet_numbers():
    variable = keras.Variable(np.array([2, 0, 1]), dtype="int64")

    class Counting(layers.Layer):
        def __init__(self):
            super().__init__()
            self.order = variable

        def call(self, x):
            self.order.assign((self.order + 1) % 3)
            return ops.take(x, self.order, axis=-1)

    same(Counting()(jnp.arange(3.0)), [0.0, 1.0, 2.0])
    assert variable.dtype == "int64"
    np.testing.assert_array_equal(variable.numpy(), [0, 1, 2])


def test_the_type_of_an_array_that_has_no_values():
    types = []
    jax.jit(lambda x: types.append(ops.dtype(x)) or x)(jnp.ones(2, jnp.bfloat16))
    assert types == ["bfloat16"]
