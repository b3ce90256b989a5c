"""Steps that are written for an engine's library: which they are, and what is said where another engine is chosen."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn.trainers.programs import engine_of_program, takes_state

OWN = "llvm"


class Traced(keras.Model):
    def train_step(self, data):
        with keras.GradientTape() as tape:
            loss = keras.ops.sum(self(data[0]))
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        return {"loss": loss}


class Pure(keras.Model):
    def train_step(self, state, data):
        return {}, state


class Backward(keras.Model):
    def train_step(self, data):
        return {"loss": self.learned(data)}

    def learned(self, data):
        import torch

        loss = torch.sum(self(data[0]))
        loss.backward()
        return loss


class Unnamed(keras.Model):
    def train_step(self, data):
        self.zero_grad()
        loss = self.compute_loss(y=data[1], y_pred=self(data[0]))
        loss.backward()
        self.optimizer.apply([v.value.grad for v in self.trainable_variables], self.trainable_variables)
        return {"loss": loss}


class Normalized(keras.Model):
    def train_step(self, data):
        loss = self.compute_loss(y=data[1], y_pred=self(data[0], training=True))
        self.zero_grad()
        loss.backward()
        variables = self.trainable_variables
        self.optimizer.apply([v.value.grad for v in variables], variables)
        return {"loss": loss}


class Named(keras.Model):
    """What it calls `backward` is its own, written with ops."""

    def train_step(self, data):
        return self.backward(data)

    def backward(self, data):
        return super().train_step(data)


class Helper:
    def backward(self, x):
        return 2 * x


class Helped(keras.Model):
    """Neither is what another object calls `backward` a tensor's."""

    def train_step(self, data):
        self.seen = Helper().backward(data[0]).shape
        return super().train_step(data)


def recorded(model, x):
    import tensorflow as tf

    def inner():
        with tf.GradientTape() as tape:
            return tape, model(x)

    return inner()


class Taped(keras.Model):
    def train_step(self, data):
        return {"loss": recorded(self, data)}


class Measured(keras.Model):
    """Its steps name PyTorch, but train by our gradients."""

    def test_step(self, data):
        import torch

        return {"threads": torch.get_num_threads()}


def made(cls):
    inputs = keras.Input((4,))
    return cls(inputs, keras.layers.Dense(3)(inputs))


@pytest.mark.parametrize("cls", [keras.Model, Traced, Measured, Named, Helped])
@pytest.mark.parametrize("kind", ["train", "test", "predict"])
def test_steps_written_with_ops_are_traced_on_any_engine(cls, kind):
    for engine in (OWN, "numpy", "jax", "tensorflow"):
        assert engine_of_program(made(cls), kind, engine) is None


def test_a_step_that_names_the_engines_library_is_its_program():
    assert engine_of_program(made(Backward), "train", "torch") == "torch"
    assert engine_of_program(made(Backward), "test", "torch") is None
    assert engine_of_program(made(Unnamed), "train", "torch") is None  # it shows when it runs
    assert engine_of_program(made(Taped), "train", "tensorflow") == "tensorflow"
    assert engine_of_program(made(Measured), "test", "torch") == "torch"


@pytest.mark.parametrize(
    ("cls", "written_for"), [(Pure, "jax"), (Backward, "torch"), (Unnamed, "torch"), (Taped, "tensorflow")]
)
def test_a_step_for_another_engine_says_so_before_the_first_step(cls, written_for):
    model = made(cls)
    before = model.get_weights()
    model.compile("sgd", "mse")
    x, y = np.ones((4, 4), "float32"), np.zeros((4, 3), "float32")
    for train in (model.fit, model.train_on_batch):
        with pytest.raises(ValueError, match=rf"{cls.__name__}.train_step .*the engine is 'pronghorn'"):
            train(x, y)
    with pytest.raises(ValueError, match=f"KERAS_BACKEND={written_for} pronghorn run"):
        model.fit(x, y)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    assert model.evaluate(x, y, verbose=0) > 0


@pytest.mark.parametrize("eagerly", [False, True])
def test_a_step_that_calls_backward_on_our_arrays_says_so(eagerly):
    class Alone(keras.Model):
        def train_step(self, data):
            loss = self.compute_loss(y=data[1], y_pred=self(data[0], training=True))
            loss.backward()
            return {"loss": loss}

    class Wrong(keras.Model):
        def train_step(self, data):
            return {"loss": data[0].no_such_method()}

    x, y = np.ones((4, 4), "float32"), np.zeros((4, 3), "float32")
    for cls, error, match in (
        (
            Alone,
            ValueError,
            r"Alone\.train_step calls backward\(\), but the engine is 'pronghorn'.*KERAS_BACKEND=torch",
        ),
        (Wrong, AttributeError, "A Tensor has no attribute 'no_such_method'"),
    ):
        model = made(cls)
        model.compile("sgd", "mse", run_eagerly=eagerly)
        with pytest.raises(error, match=match):
            model.fit(x, y, verbose=0)


@pytest.mark.parametrize("eagerly", [False, True])
def test_a_step_that_shows_only_when_it_runs_that_it_is_pytorchs(eagerly):
    """It trains as one whose code names the library, statistics of the first batch included."""
    pytest.importorskip("torch")

    class Named(Normalized):
        def train_step(self, data):
            import torch  # noqa: F401

            return super().train_step(data)

    x = np.random.default_rng(0).normal(3, 2, (20, 4)).astype("float32")
    y = x[:, :3]
    weights = []
    for cls in (Normalized, Named):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((4,))
        model = cls(inputs, keras.layers.Dense(3)(keras.layers.BatchNormalization()(inputs)))
        model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=eagerly, backend="torch")
        for _ in range(2):
            model.fit(x, y, 8, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for found, expected in zip(*weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_arguments_with_defaults_are_no_state():
    class Settled(keras.Model):
        def train_step(self, data, verbose=False):
            return super().train_step(data)

    assert not takes_state(Settled.train_step)
    assert takes_state(Pure.train_step)


class HandedOn(Pure):
    def train_step(self, *args, **kwargs):
        return self.stateless_train_step(*args, **kwargs)

    def stateless_train_step(self, state, data):
        return {}, state

    def test_step(self, *args):
        return self.compare(*args)

    def compare(self, first, second):
        return {}


def test_a_step_that_hands_its_arguments_on_takes_what_the_other_takes():
    assert takes_state(HandedOn.train_step, HandedOn) and not takes_state(HandedOn.test_step, HandedOn)
    with pytest.raises(ValueError, match=r"HandedOn\.train_step takes \(state, data\)"):
        engine_of_program(made(HandedOn), "train", OWN)
