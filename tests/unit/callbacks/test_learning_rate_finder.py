"""The test of learning rates: what it finds, and that it leaves the model as it was."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, optimizers
from pronghorn.callbacks import LearningRateFinder


def fitted(optimizer, steps=40, samples=512, seed=0, **arguments):
    keras.utils.set_random_seed(seed)
    x = np.random.normal(size=(samples, 4)).astype("float32")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    model.compile(optimizer, "mse")
    before = [*model.get_weights()]
    finder = LearningRateFinder(1e-4, steps=steps, **arguments)
    model.fit(x, x @ np.arange(4.0), batch_size=16, epochs=4, callbacks=[finder], verbose=0)
    return model, finder, before


@pytest.mark.parametrize("optimizer", [optimizers.SGD(0.3), optimizers.Adam(0.3), optimizers.Adagrad(0.3)])
def test_the_model_is_as_before(optimizer):
    model, finder, before = fitted(optimizer)
    for now, then in zip(model.get_weights(), before):
        np.testing.assert_array_equal(now, then)
    assert float(np.asarray(optimizer.learning_rate)) == pytest.approx(0.3) and int(optimizer.iterations) == 0
    fresh = type(optimizer)(0.3)
    fresh.build(model.trainable_variables)
    for variable, new in zip(optimizer.variables, fresh.variables):
        np.testing.assert_array_equal(variable.numpy(), new.numpy())
    assert len(finder.rates) == len(finder.losses) <= 40


def test_rates_grow_evenly_and_the_end_is_where_the_loss_grows():
    _, finder, _ = fitted(optimizers.SGD(0.01))
    ratios = np.diff(np.log(finder.rates))
    np.testing.assert_allclose(ratios, np.log(10 / 1e-4) / 39, rtol=1e-4)
    assert finder.rates[-1] < 10 and finder.smoothed[-1] > 2 * min(finder.smoothed)  # SGD diverges beyond 1


@pytest.mark.parametrize("steps", [40, 100])
@pytest.mark.parametrize("seed", range(3))
def test_batches_that_differ_do_not_decide(seed, steps):
    """The loss of small batches varies by a third from one to the next, more than it falls in any step."""
    _, finder, _ = fitted(optimizers.SGD(0.01), steps, seed=seed)
    assert 0.005 < finder.suggestion < 0.6


def test_the_suggestion_is_where_the_curve_is_steepest():
    finder = LearningRateFinder()
    rates = np.geomspace(1e-6, 10, 101)
    finder.rates, finder.losses = list(rates), list(1 / (1 + (rates / 1e-2) ** 2))
    assert 2e-3 < finder.suggestion < 5e-2


def test_losses_are_of_one_batch_each():
    x = np.arange(48.0)[::-1].reshape(48, 1)
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, kernel_initializer="zeros", use_bias=False)])
    model.compile("sgd", "mse")
    finder = LearningRateFinder(1e-12, 1e-11, steps=12)
    model.fit(x, x, batch_size=4, shuffle=False, epochs=1, callbacks=[finder], verbose=0)
    np.testing.assert_allclose(finder.losses, (x.reshape(12, 4) ** 2).mean(axis=1), rtol=1e-3)


def test_nothing_falls_and_nothing_is_suggested():
    finder = LearningRateFinder()
    assert finder.suggestion is None
    finder.rates, finder.losses = list(np.geomspace(1e-6, 10, 30)), [1.0] * 30
    assert finder.suggestion is None
    finder.losses = [float("nan")] * 30
    assert finder.suggestion is None


def test_what_cannot_be_found():
    with pytest.raises(ValueError, match="positive and growing"):
        LearningRateFinder(1.0, 0.1)
    with pytest.raises(ValueError, match="10 steps or more"):
        LearningRateFinder(steps=3)
    with pytest.raises(ValueError, match="a schedule decides"):
        fitted(optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)))


class Interrupts(keras.callbacks.Callback):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def on_train_batch_end(self, batch, logs=None):
        if batch == 2:
            raise self.error


@pytest.mark.parametrize("error", [RuntimeError("out of data"), KeyboardInterrupt()])
def test_the_model_is_as_before_where_the_training_is_interrupted(error):
    x = np.ones((64, 4), "float32")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    model.compile(optimizers.Adam(0.3), "mse")
    before, finder = model.get_weights(), LearningRateFinder(0.1, steps=40)
    with pytest.raises(type(error)):
        model.fit(x, x[:, :1], batch_size=8, callbacks=[Interrupts(error), finder], verbose=0)
    for now, then in zip(model.get_weights(), before):
        np.testing.assert_array_equal(now, then)
    assert float(np.asarray(model.optimizer.learning_rate)) == pytest.approx(0.3)
    assert int(model.optimizer.iterations) == 0 and len(finder.rates) == len(finder.losses) == 2


@pytest.mark.parametrize(("steps_per_execution", "tried"), [(1, 12), (3, 8), (4, 4)])
def test_several_steps_at_once_are_one_rate(steps_per_execution, tried):
    x = np.ones((16, 1), "float32")
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, kernel_initializer="zeros")])
    model.compile("sgd", "mse", steps_per_execution=steps_per_execution)
    finder = LearningRateFinder(1e-12, 1e-11, steps=12)
    model.fit(x, x, batch_size=4, epochs=4, callbacks=[finder], verbose=0)  # 16 steps
    np.testing.assert_allclose(finder.losses, np.ones(tried), rtol=1e-4)
    assert finder.rates[-1] == pytest.approx(1e-11)


def test_a_step_of_ones_own_needs_a_loss():
    class Own(keras.Model):
        def train_step(self, data):
            return {"distance": 1.0}

    a = keras.Input((1,))
    model = Own(a, layers.Dense(1)(a))
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"returns no 'loss'.*\['distance'\]"):
        model.fit(np.ones((4, 1)), np.ones((4, 1)), callbacks=[LearningRateFinder()], verbose=0)
