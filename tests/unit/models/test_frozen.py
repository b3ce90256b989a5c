"""`freeze`: a model as a function whose weights stay."""

import threading

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, ops

RNG = np.random.default_rng(0)


def drawn(model):
    """The model, with weights that change what normalization does."""
    for v in model.variables:
        if v.dtype == "float32" and v.ndim == 1:
            v.assign(RNG.uniform(0.5, 1.5, v.shape))
    return model


def network():
    x = inputs = keras.Input((12, 12, 3))
    for filters in (8, 16):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=filters > 8)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
        x = layers.Add()([x, layers.BatchNormalization()(x)])
    x = layers.Dense(10)(layers.Flatten()(x))
    return drawn(keras.Model(inputs, layers.BatchNormalization()(x)))


def close(found, expected):
    scale = np.abs(expected).max(initial=1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize("rows", [0, 1, 3, 64])
def test_it_predicts_what_the_model_does(rows):
    model = network()
    frozen = keras.freeze(model)
    x = RNG.normal(size=(rows, 12, 12, 3)).astype("float32")
    expected = np.asarray(model(x))
    for _ in range(3):
        found = frozen(x)
        assert type(found) is np.ndarray and found.dtype == np.float32
        close(found, expected)


def test_any_rows_one_after_the_other_give_the_same_bits():
    model = network()
    frozen = keras.freeze(model)
    kept = {}
    for rows in (1, 40, 3, 1, 40, 3):
        x = np.random.default_rng(rows).normal(size=(rows, 12, 12, 3)).astype("float32")
        found = frozen(x)
        np.testing.assert_array_equal(found, kept.setdefault(rows, found))


def test_nothing_is_scaled_any_more():
    model = network()
    frozen = keras.freeze(model)
    frozen(np.zeros((2, 12, 12, 3), "float32"))
    (variants,) = frozen._step._variants.values()
    (program,) = variants.programs()
    names = [node.prim.name for node in program.traced.graph.nodes]
    assert "rsqrt" not in names and names.count("mul") == 2  # what is added to what was normalized


def test_weights_written_later_change_nothing():
    model = network()
    x = RNG.normal(size=(4, 12, 12, 3)).astype("float32")
    frozen = keras.freeze(model)
    before = frozen(x)
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((4, 10)), verbose=0)
    model.set_weights([w + 1 for w in model.get_weights()])
    np.testing.assert_array_equal(frozen(x), before)
    close(frozen(x[:1]), before[:1])
    again = keras.freeze(model)
    close(again(x), np.asarray(model(x)))


def test_weights_written_before_the_first_call_change_nothing():
    model = network()
    x = RNG.normal(size=(4, 12, 12, 3)).astype("float32")
    before = np.asarray(model(x))
    frozen = keras.freeze(model)
    model.set_weights([w * 0 for w in model.get_weights()])
    close(frozen(x), before)


def test_several_inputs_and_outputs():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    y = layers.Dense(3)(layers.Concatenate()([a, b]))
    model = keras.Model({"a": a, "b": b}, [y, layers.Softmax()(y)])
    x = {name: RNG.normal(size=(5, 4)).astype("float32") for name in "ab"}
    for found, expected in zip(keras.freeze(model)(x), model(x), strict=True):
        close(found, np.asarray(expected))


@pytest.mark.parametrize("kind", ["float64", "int32", "uint8", "tensor", "turned"])
def test_kinds_of_arrays(kind):
    model = keras.Sequential([keras.Input((6,)), layers.Dense(3)])
    x = RNG.integers(0, 9, (6, 6))
    x = ops.convert_to_tensor(x.astype("float32")) if kind == "tensor" else x.T if kind == "turned" else x.astype(kind)
    frozen = keras.freeze(model)
    for _ in range(2):
        close(frozen(x), model.predict(np.asarray(x), verbose=0))


def test_texts_of_any_length_and_lookups():
    model = keras.Sequential([keras.Input((None,), dtype="int32"), layers.Embedding(20, 8), layers.GRU(8)])
    frozen = keras.freeze(model)
    for length in (3, 5, 9, 4):
        x = RNG.integers(0, 20, (4, length)).astype("int32")
        close(frozen(x), model.predict(x, verbose=0))
    for _ in range(2):
        with pytest.raises(ValueError, match="20"):
            frozen(np.full((4, 3), 20, "int32"))


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_a_quantized_model_stays_small(mode):
    model = keras.Sequential([keras.Input((64,)), layers.Dense(64, "relu"), layers.Dense(4)])
    model.quantize(mode)
    frozen = keras.freeze(model)
    x = RNG.normal(size=(30, 64)).astype("float32")
    close(frozen(x), model.predict(x, verbose=0))
    (variants,) = frozen._step._variants.values()
    (program,) = variants.programs()
    assert all(v.dtype != "float32" or v.size < 64 * 64 for v in program.traced.variables)


def test_shared_layers_and_tied_weights():
    inputs = keras.Input((6,))
    dense = layers.Dense(6)
    y = layers.BatchNormalization()(dense(inputs))
    model = drawn(keras.Model(inputs, layers.BatchNormalization()(dense(layers.ReLU()(y)))))
    x = RNG.normal(size=(5, 6)).astype("float32")
    close(keras.freeze(model)(x), model.predict(x, verbose=0))


def test_weights_that_are_not_finite():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(3)])
    model.set_weights([np.float32([[np.inf, np.nan, -0.0], [1, 1, 1]]), np.zeros(3, "float32")])
    x = np.float32([[1, 2], [-1, 0]])
    np.testing.assert_array_equal(keras.freeze(model)(x), model.predict(x, verbose=0))


def test_several_threads():
    model = network()
    frozen = keras.freeze(model)
    xs = [np.random.default_rng(i).normal(size=(1 + i, 12, 12, 3)).astype("float32") for i in range(4)]
    expected = [frozen(x) for x in xs]
    failures = []

    def call(i):
        failures.extend(i for _ in range(30) if not np.array_equal(frozen(xs[i]), expected[i]))

    threads = [threading.Thread(target=call, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_model_that_assigns_variables():
    model = keras.Sequential([keras.Input((3, 4), batch_size=2), layers.LSTM(4, stateful=True)])
    with pytest.raises(ValueError, match="assigns .* cannot be frozen"):
        keras.freeze(model)(np.zeros((2, 3, 4), "float32"))


def test_a_model_that_has_changed():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, "relu")])
    frozen = keras.freeze(model)
    x = RNG.normal(size=(2, 4)).astype("float32")
    before = frozen(x)
    model.layers[0].activation = keras.activations.get("tanh")
    np.testing.assert_array_equal(frozen(x), before)
    with pytest.raises(ValueError, match="Freeze the model again"):
        frozen(x.astype("int32"))


def test_what_cannot_be_frozen():
    with pytest.raises(TypeError, match="expected a model, got Dense"):
        keras.freeze(layers.Dense(3))
    with pytest.raises(ValueError, match="has no weights yet"):
        keras.freeze(keras.Sequential([layers.Dense(3)]))
    with pytest.raises(ValueError, match="4"):
        keras.freeze(keras.Sequential([keras.Input((4,)), layers.Dense(3)]))(np.zeros((2, 5), "float32"))


def test_a_model_whose_code_needs_numbers():
    class Own(keras.Model):
        def call(self, x):
            return x * float(ops.sum(x))

    model = Own()
    model(np.ones((2, 3), "float32"))
    with pytest.raises(ValueError, match="cannot be frozen"):
        keras.freeze(model)(np.ones((2, 3), "float32"))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float16"])
def test_other_policies(policy):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(4, 3, dtype=policy), layers.BatchNormalization(dtype=policy)]
    )
    x = RNG.normal(size=(2, 8, 8, 3)).astype("float32")
    found, expected = keras.freeze(model)(x), model.predict(x, verbose=0)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found.astype("float32"), expected.astype("float32"), rtol=0.02, atol=0.02)
