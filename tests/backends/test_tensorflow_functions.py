"""Functions that TensorFlow traces, of the user's own and of data sets, with extents that it does not know."""

import subprocess
import sys

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, ops
from pronghorn.engine.backends import engine as engines

if not engines.is_installed("tensorflow"):
    pytest.skip("tensorflow is not installed", allow_module_level=True)

X = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")


@pytest.fixture(scope="module")
def tf():
    import tensorflow

    engines.engine("tensorflow")
    return tensorflow


def network():
    keras.utils.set_random_seed(0)
    dense, last = layers.Dense(8, activation="relu"), layers.Dense(3)
    return keras.Sequential([keras.Input((6,)), dense, layers.Dropout(0.3), layers.BatchNormalization(), last])


def close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def with_rows_open(tf, fn, *shapes, **options):
    """A tf.function of arrays of any number of rows."""
    shapes = shapes or ((None, 6),)
    return tf.function(fn, input_signature=[tf.TensorSpec(s) for s in shapes], autograph=False, **options)


def test_a_model_in_a_data_set(tf):
    model = network()
    mapped = tf.data.Dataset.from_tensor_slices(X).batch(3).map(lambda x: model(x))
    assert mapped.element_spec.shape.as_list() == [None, 3]
    close(np.concatenate(list(mapped)), model(X))


@pytest.mark.parametrize("options", [{}, {"jit_compile": True}], ids=["plain", "xla"])
def test_a_model_in_a_function(tf, options):
    model = network()
    fn = with_rows_open(tf, lambda x: model(x), **options)
    for rows in (0, 1, 8):
        close(fn(X[:rows]), model(X[:rows]))


def test_gradients(tf):
    model = network()

    def slopes(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = tf.reduce_sum(model(x) ** 2)
        return tape.gradient(value, x)

    fn = with_rows_open(tf, slopes)
    close(fn(X), slopes(tf.constant(X)))
    assert fn(X[:0]).shape == (0, 6)


FUNCTIONS = {
    "reshape": (lambda x: ops.reshape(x, (-1, 3)), (None, 6)),
    "mean over rows": (lambda x: ops.mean(x, 0), (None, 6)),
    "cumsum over rows": (lambda x: ops.cumsum(x, 0), (None, 6)),
    "sorted": (lambda x: ops.top_k(x, 2)[0], (None, None)),
    "svd": (lambda x: ops.svd(ops.reshape(x, (-1, 2, 3)))[1], (None, 6)),
    "eig, by NumPy": (lambda x: ops.abs(ops.eig(ops.reshape(x, (-1, 2, 2)))[0]), (None, 4)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_ops(tf, name):
    fn, shape = FUNCTIONS[name]
    x = X[:, : shape[1]]
    close(with_rows_open(tf, fn, shape)(x), fn(x))


def test_layers_over_steps_and_images(tf):
    lstm = layers.LSTM(4, return_sequences=True)
    fn = with_rows_open(tf, lambda x: lstm(x), (None, None, 3))
    for steps in (1, 5):
        x = np.ones((2, steps, 3), "float32")
        close(fn(x), lstm(x))
    net = keras.Sequential([layers.Conv2D(4, 3), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(2)])
    images = np.random.default_rng(1).normal(size=(3, 8, 8, 3)).astype("float32")
    close(with_rows_open(tf, lambda x: net(x), (None, 8, 8, 3))(images), net(images))


def test_several_arrays(tf):
    rows = with_rows_open(tf, lambda x, y: ops.concatenate([x, y], 0), (None, 6), (None, 6))
    assert rows(X, X[:3]).shape == (11, 6)
    both = with_rows_open(tf, ops.add, (None, 6), (None, 6))
    close(both(X, X), X + X)
    with pytest.raises(tf.errors.InvalidArgumentError, match="have to be the same"):
        both(X, X[:1])


def test_layers_that_compare_the_shapes_of_their_inputs(tf):
    inputs = [keras.Input((6,)), keras.Input((6,))]
    joined = [layers.Concatenate()(inputs), layers.Add()(inputs), layers.Dot(axes=1)(inputs)]
    model = keras.Model(inputs, layers.Concatenate()(joined))
    fn = with_rows_open(tf, lambda x, y: model([x, y]), (None, 6), (None, 6))
    close(fn(X, X + 1), model([X, X + 1]))
    crossing = layers.HashedCrossing(num_bins=5)
    ids = np.arange(4, dtype="int64")[:, None]
    pairs = tf.data.Dataset.from_tensor_slices((ids, ids)).batch(3)
    crossed = np.concatenate(list(pairs.map(lambda x, y: crossing((x, y)))))
    np.testing.assert_array_equal(crossed, crossing((ids, ids)))
    with pytest.raises(ValueError, match="got one of shape"):
        with_rows_open(tf, lambda x: model([x, x]), (None, 5))(X[:, :5])


def test_random_layers_draw_anew_for_each_batch(tf):
    keras.utils.set_random_seed(0)
    layer = layers.RandomBrightness(0.5)
    images = tf.data.Dataset.from_tensor_slices(np.full((4, 2, 2, 3), 100, "float32")).batch(2)
    drawn = np.concatenate([np.asarray(x)[:, 0, 0, 0] for x in images.map(lambda x: layer(x, training=True))])
    assert len(set(drawn.tolist())) == 4


def test_training_in_a_function_moves_statistics_and_our_engine_goes_on(tf):
    model, same = network(), network()
    with_rows_open(tf, lambda x: model(x, training=True))(X)
    same(X, training=True)
    for ours, expected in zip(model.non_trainable_weights, same.non_trainable_weights, strict=True):
        close(ours.numpy(), expected.numpy())
    for net in (model, same):
        net.compile("sgd", "mse")
    losses = [net.fit(X, X[:, :3], shuffle=False, verbose=0).history["loss"] for net in (model, same)]
    close(*losses)


def test_what_needs_the_number_says_so(tf):
    def halved(x):
        return layers.Lambda(lambda x: x / 2 if x.shape[0] > 3 else x)(x)

    with pytest.raises(TypeError, match=r"(?s)needs an extent that tensorflow does not know.*drop_remainder=True"):
        with_rows_open(tf, halved)(X)
    with pytest.raises(TypeError, match="not even a rank"):
        with_rows_open(tf, ops.relu, None)(X)


def test_a_tape_says_where_it_knows_our_variables(tf):
    model = network()
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(model(tf.constant(X)))
    with pytest.raises(AttributeError, match=r"gradient of '.*kernel'.*set_backend\('tensorflow'\)"):
        tape.gradient(value, model.trainable_variables)


def test_other_kinds_of_tensors(tf):
    close(ops.add(tf.sparse.eye(3), 1.0), np.eye(3) + 1)
    with pytest.raises(TypeError, match=r"RaggedTensor.*to_tensor\(\)"):
        ops.add(tf.ragged.constant([[1.0], [2.0, 3.0]]), 1.0)


PROGRAM = """
import sys, types
import tensorflow as tf
{before}
import numpy as np
import pronghorn as keras

model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
loss = keras.losses.MeanSquaredError()
x = tf.ones((4, 6))
print(tf.function(lambda x: loss(keras.ops.relu(x), model(x)[:, :1]))(x).shape)
with tf.GradientTape() as tape:
    tape.watch(x)
    y = tf.reduce_sum(keras.ops.convert_to_tensor(x) * 2.0)
print(float(tape.gradient(y, x)[0, 0]))
"""

#: In the places of modules that are private to TensorFlow: some without what we use of them.
WITHOUT_PRIVATE_NAMES = """
sys.modules["tensorflow.python.eager.record"] = types.ModuleType("empty")
sys.modules["tensorflow.python.autograph.core"] = types.ModuleType("empty")
"""


@pytest.mark.slow
@pytest.mark.parametrize("before", ["", WITHOUT_PRIVATE_NAMES], ids=["as it is", "without private names"])
def test_autograph_leaves_our_functions_as_they_are(before):
    """Also in the first call, before TensorFlow is taken as an engine."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.split("\n")[:2] == ["()", "2.0"], done.stderr
    assert "AutoGraph" not in done.stderr and "Traceback" not in done.stderr, done.stderr
