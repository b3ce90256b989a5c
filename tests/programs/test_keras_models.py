"""Models of ours as models of the real Keras, and back."""

import os
import subprocess
import sys

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
real = pytest.importorskip("keras")

import pronghorn as keras  # noqa: E402
from pronghorn import interop  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 8, 8, 3)).astype("float32")
Y = RNG.integers(0, 2, 6)


def network(k):
    """The same functional model in either library."""
    k.utils.set_random_seed(2)
    layers = k.layers
    x = inputs = k.Input((8, 8, 3), name="images")
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Add()([x, layers.Conv2D(4, 1)(x)])
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    return k.Model(inputs, layers.Dense(2, kernel_regularizer="l2")(x), name="small")


def compiled(k):
    model = network(k)
    model.compile(
        k.optimizers.Adam(0.01), k.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    model.fit(X, Y, epochs=2, batch_size=3, shuffle=False, verbose=0)
    return model


@pytest.mark.slow
def test_to_keras_carries_weights_compile_and_the_optimizers_state():
    ours = compiled(keras)
    theirs = interop.to_keras(ours)
    assert isinstance(theirs, real.Model) and type(theirs).__module__.startswith("keras.")
    np.testing.assert_allclose(theirs.predict(X, verbose=0), ours.predict(X, verbose=0), rtol=1e-4, atol=1e-6)
    assert int(theirs.optimizer.iterations) == 4
    for a, b in zip(theirs.optimizer.variables, ours.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    before = theirs.get_weights()
    ours.fit(X, Y, epochs=1, verbose=0)
    for a, b in zip(theirs.get_weights(), before, strict=True):  # its own
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_from_keras_carries_weights_compile_and_the_optimizers_state():
    theirs = compiled(real)
    ours = interop.from_keras(theirs)
    assert isinstance(ours, keras.Model)
    np.testing.assert_allclose(ours.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=1e-4, atol=1e-6)
    assert int(ours.optimizer.iterations) == 4
    for a, b in zip(ours.optimizer.variables, theirs.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    (loss, accuracy), expected = ours.evaluate(X, Y, verbose=0), theirs.evaluate(X, Y, verbose=0)
    np.testing.assert_allclose([loss, accuracy], expected, rtol=1e-4)


def test_without_compile():
    assert not interop.to_keras(compiled(keras), compile=False).compiled
    assert not interop.from_keras(compiled(real), compile=False).compiled


@pytest.mark.parametrize(("convert", "source"), [(interop.to_keras, keras), (interop.from_keras, real)])
def test_lambdas_go_along(convert, source):
    model = source.Sequential([source.Input((3,)), source.layers.Lambda(lambda x: x * 2 + 1)])
    np.testing.assert_array_equal(np.asarray(convert(model)(np.ones((2, 3), "float32"))), np.full((2, 3), 3))


def doubling(k):
    class Doubling(k.layers.Layer):
        def __init__(self, factor=2, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def build(self, shape):
            self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")

        def call(self, x):
            return x * self.scale * self.factor

        def get_config(self):
            return {**super().get_config(), "factor": self.factor}

    return Doubling


@pytest.mark.parametrize(
    ("convert", "source", "target"), [(interop.to_keras, keras, real), (interop.from_keras, real, keras)]
)
def test_classes_of_ones_own(convert, source, target):
    model = source.Sequential([source.Input((3,)), doubling(source)(3, name="mine"), source.layers.Dense(2)])
    with pytest.raises(TypeError, match=r"(?s)Doubling.*custom_objects=\{'Doubling': \.\.\.\}"):
        convert(model)
    got = convert(model, custom_objects={"Doubling": doubling(target)})
    x = np.ones((2, 3), "float32")
    np.testing.assert_allclose(np.asarray(got(x)), np.asarray(model(x)), rtol=1e-6)


@pytest.mark.parametrize(
    ("convert", "source", "target"), [(interop.to_keras, keras, real), (interop.from_keras, real, keras)]
)
def test_a_loss_of_ones_own_is_named(convert, source, target):
    def strange_loss(a, b):
        return (a - b) ** 2

    model = source.Sequential([source.Input((3,)), source.layers.Dense(2)])
    model.compile("sgd", strange_loss)
    with pytest.raises((TypeError, ValueError), match="strange_loss"):
        convert(model)
    got = convert(model, custom_objects={"strange_loss": strange_loss})
    assert got.compiled and not convert(model, compile=False).compiled


def test_what_is_no_model_of_the_other_library():
    ours = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    theirs = real.Sequential([real.Input((3,)), real.layers.Dense(2)])
    with pytest.raises(TypeError, match="takes a model of Keras"):
        interop.from_keras(ours)
    with pytest.raises(TypeError, match="takes a model of Pronghorn"):
        interop.to_keras(theirs)
    with pytest.raises(ValueError, match="no weights yet"):
        interop.to_keras(keras.Sequential([keras.layers.Dense(2)]))
    with pytest.raises(ValueError, match="no weights yet"):
        interop.from_keras(real.Sequential([real.layers.Dense(2)]))


ROUND = """
import numpy as np, pronghorn, sys
from pronghorn import interop
assert "keras" not in sys.modules
pronghorn.utils.set_random_seed(0)
layers = pronghorn.layers
model = pronghorn.Sequential(
    [pronghorn.Input((5,)), layers.Dense(4, activation="tanh"), layers.BatchNormalization(), layers.Dense(2)]
)
model.compile("adam", "mse")
x = np.random.default_rng(0).normal(size=(16, 5)).astype("float32")
model.fit(x, x[:, :2], verbose=0)
theirs = interop.to_keras(model)
import keras
assert keras.backend.backend() == sys.argv[1], keras.backend.backend()
np.testing.assert_allclose(theirs.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
theirs.fit(x, x[:, :2], verbose=0)
back = interop.from_keras(theirs)
assert int(back.optimizer.iterations) == 2
np.testing.assert_allclose(back.predict(x, verbose=0), theirs.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "package"), [("torch", "torch"), ("tensorflow", "tensorflow"), ("jax", "jax")])
def test_on_every_backend_of_kerass(backend, package, tmp_path):
    pytest.importorskip(package)
    script = tmp_path / "round.py"
    script.write_text(ROUND)
    result = subprocess.run(
        [sys.executable, str(script), backend],
        env={**os.environ, "KERAS_BACKEND": backend}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


ALIASED = """
import pronghorn, keras
model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4)])
for convert in (pronghorn.interop.to_keras, pronghorn.interop.from_keras):
    try:
        convert(model)
    except RuntimeError as error:
        print(error)
"""


def test_where_keras_is_our_alias(tmp_path):
    script = tmp_path / "aliased.py"
    script.write_text(ALIASED)
    result = subprocess.run(
        [sys.executable, "-m", "pronghorn", "run", str(script)], capture_output=True, text=True, timeout=300
    )
    assert result.stdout.count("in this process `keras` is Pronghorn") == 2, result.stderr


def test_a_backend_that_is_not_installed(tmp_path):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import pronghorn as k\n"
        "k.interop.to_keras(k.Sequential([k.Input((5,)), k.layers.Dense(4)]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": "torch"}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert "to_keras needs the real Keras 3 and a backend for it" in result.stderr
