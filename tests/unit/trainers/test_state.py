"""What a model remembers of `compile` and of its runs."""

import numpy as np
import pytest

import pronghorn
from pronghorn import layers
from pronghorn.trainers.state import TrainerState


def test_a_compile_that_fails_leaves_the_model_as_it_was(make_model, data):
    model = make_model(optimizer="sgd", metrics=["accuracy"])
    optimizer, names = model.optimizer, model.metrics_names
    with pytest.raises(ValueError, match="mean_squared_eror"):
        model.compile("adam", "mean_squared_eror")
    assert model.optimizer is optimizer and model.metrics_names == names
    model.fit(*data, epochs=1, verbose=0)
    assert model.optimizer.iterations.numpy() > 0


def test_what_is_remembered_is_no_part_of_the_model(make_model, data):
    model = make_model(metrics=["accuracy"])
    before = [v.path for v in model.variables]
    model.fit(*data, epochs=1, verbose=0)
    assert [v.path for v in model.variables] == before
    assert [name for name, value in vars(model).items() if isinstance(value, TrainerState)] == ["_trainer_state"]


def test_an_optimizer_may_be_set_before_the_constructor_of_the_base():
    class Early(pronghorn.Model):
        def __init__(self):
            self.optimizer = pronghorn.optimizers.SGD(0.5)
            self.stop_training = True
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    assert Early()(np.ones((2, 3))).shape == (2, 1)


def test_attributes_can_be_set(make_model, data):
    model = make_model(optimizer="sgd")
    model.fit(*data, epochs=1, verbose=0)
    model.optimizer = pronghorn.optimizers.SGD(0.0)
    before = model.get_weights()
    model.fit(*data, epochs=1, verbose=0)
    for old, new in zip(before, model.get_weights()):
        np.testing.assert_array_equal(old, new)
    model.train_function = None
    assert model.make_train_function() is model.train_function


def test_a_model_may_compile_itself_without_the_base():
    class Own(pronghorn.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def compile(self, rate):
            self.optimizer = pronghorn.optimizers.SGD(rate)
            self.loss = "mine"
            self.compiled = True

        def train_step(self, x):
            def loss():
                return pronghorn.ops.mean(pronghorn.ops.square(self.dense(x)))

            with pronghorn.GradientTape() as tape:
                value = loss()
            self.optimizer.apply(tape.gradient(value, self.trainable_variables), self.trainable_variables)
            return {"mine": value}

    model = Own()
    model.compile(0.1)
    assert model.loss == "mine" and model.metrics_names == ["loss"]
    model.dense.build((None, 3))
    logs = model.fit(np.ones((8, 3), "float32"), epochs=3, batch_size=4, verbose=0).history["mine"]
    assert logs[-1] < logs[0]


def test_a_callback_may_compile_the_model_that_it_trains_and_back_it_up(make_model, data, tmp_path):
    class Again(pronghorn.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.compile("sgd", "sparse_categorical_crossentropy")

    backup = pronghorn.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
    history = make_model().fit(*data, epochs=3, verbose=0, callbacks=[Again(), backup])
    assert history.epoch == [0, 1, 2]
    assert (tmp_path / "backup" / "latest.weights.h5").exists()


def test_values_of_the_class_are_hidden_by_those_of_the_model():
    class Declared(pronghorn.Model):
        optimizer = None
        loss = None
        stop_training = False

        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    class Stop(pronghorn.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch % 2 == 1

    model = Declared()
    model.compile("sgd", "mse")
    assert model.loss == "mse" and isinstance(model.optimizer, pronghorn.optimizers.SGD)
    x = np.ones((8, 3), "float32")
    for _ in range(2):
        history = model.fit(x, x[:, :1], epochs=3, verbose=0, callbacks=[Stop()])
        assert history.epoch == [0, 1]
    assert model.optimizer.iterations.numpy() == 4
