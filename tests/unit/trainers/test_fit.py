"""`fit`, `evaluate`, `predict` and the single-batch methods."""

from __future__ import annotations

import numpy as np
import pytest

import pronghorn
from pronghorn import callbacks, layers, ops
from pronghorn.data import Dataset


class Recorder(callbacks.Callback):
    """Writes down which events came."""

    def __init__(self):
        super().__init__()
        self.events = []

    def on_epoch_begin(self, epoch, logs=None):
        self.events.append(("epoch", epoch))

    def on_train_batch_end(self, batch, logs=None):
        self.events.append(("batch", batch, sorted(logs)))

    def on_test_end(self, logs=None):
        self.events.append(("tested", sorted(logs)))


def test_the_loss_falls(make_model, data):
    history = make_model(optimizer=pronghorn.optimizers.Adam(0.01)).fit(*data, epochs=5, verbose=0)
    loss = history.history["loss"]
    assert len(loss) == 5 and loss[-1] < loss[0]
    assert all(isinstance(value, float) for value in loss)


def test_events_and_logs(make_model, data):
    recorder = Recorder()
    make_model().fit(*data, batch_size=25, epochs=2, validation_split=0.2, verbose=0, callbacks=[recorder])
    names = ["accuracy", "loss"]
    one = [("batch", 0, names), ("batch", 1, names), ("tested", names)]
    assert recorder.events == [("epoch", 0), *one, ("epoch", 1), *one]


def test_validation_begins_anew_in_each_epoch(make_model, data):
    x, y = data
    model = make_model(optimizer="sgd")
    model.optimizer.learning_rate = 0.0
    history = model.fit(x, y, epochs=3, verbose=0, validation_data=(x, y), validation_steps=2, validation_batch_size=8)
    expected = model.evaluate(x[:16], y[:16], verbose=0)[0]
    assert history.history["val_loss"] == pytest.approx([expected] * 3)


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_validation_begins_anew_in_a_data_set(make_model, data, steps):
    x, y = data
    model = make_model(optimizer=pronghorn.optimizers.SGD(0.0))
    batches = pronghorn.data.Dataset.from_tensor_slices((x, y)).batch(8)
    history = model.fit(x, y, epochs=3, verbose=0, validation_data=batches, validation_steps=steps)
    expected = model.evaluate(x[: steps * 8], y[: steps * 8], verbose=0)[0]
    assert history.history["val_loss"] == pytest.approx([expected] * 3, rel=1e-5)


def test_steps_without_a_batch_size_share_the_samples(make_model, data):
    x, y = data  # 50 samples
    model = make_model()
    model.fit(x, y, epochs=2, steps_per_epoch=3, verbose=0)
    assert int(model.optimizer.iterations.numpy()) == 6
    assert model.predict(x, steps=3, verbose=0).shape == (50, 3)
    assert model.evaluate(x, y, steps=7, verbose=0) == pytest.approx(model.evaluate(x, y, verbose=0))


def test_logs_are_in_order_of_their_names(make_model, data):
    x, y = data
    model = make_model(weighted_metrics=["accuracy"])
    history = model.fit(x, y, verbose=0, validation_split=0.2).history
    assert list(history) == sorted(history) and "val_weighted_accuracy" in history


def test_validation_takes_the_last_samples(make_model, data):
    x, y = data
    model = make_model(optimizer=pronghorn.optimizers.SGD(0.0))
    history = model.fit(x, y, validation_split=0.2, verbose=0).history
    assert history["val_loss"][0] == pytest.approx(model.evaluate(x[40:], y[40:], verbose=0)[0], rel=1e-5)
    history = model.fit(
        x[:40], y[:40], validation_data=(x[40:], y[40:]), epochs=4, validation_freq=2, verbose=0
    ).history
    assert len(history["val_loss"]) == 2
    history = model.fit(x, y, validation_data=(x, y), epochs=4, validation_freq=[1], verbose=0).history
    assert len(history["val_loss"]) == 1


def test_steps_of_the_tutorial():
    from pronghorn.trainers.data_adapters.arrays import ArrayAdapter

    assert ArrayAdapter(np.zeros((54_000, 1), "float32"), batch_size=128).num_batches == 422


def test_a_seed_gives_the_same_bits(make_model, data):
    weights = []
    for _ in range(2):
        model = make_model()
        model.fit(*data, epochs=2, verbose=0)
        weights.append([w.tobytes() for w in model.get_weights()])
    assert weights[0] == weights[1]


def test_shuffling_visits_each_sample_once(data):
    from pronghorn.trainers.data_adapters.arrays import ArrayAdapter

    x = np.arange(10, dtype="float32")[:, None]
    for shuffle in (True, "batch", False):
        adapter = ArrayAdapter(x, batch_size=4, shuffle=shuffle)
        seen = np.concatenate([batch.gather()[0][:, 0] for batch in adapter.batches()])
        assert sorted(seen) == list(range(10))
    batches = [batch.gather()[0][:, 0] for batch in ArrayAdapter(x, batch_size=4, shuffle="batch").batches()]
    assert [sorted(batch) for batch in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_eager_and_traced_steps_agree(make_model, data):
    logs = [
        make_model(run_eagerly=eager).fit(*data, epochs=3, shuffle=False, verbose=0).history["loss"]
        for eager in (True, False)
    ]
    np.testing.assert_allclose(logs[0], logs[1], rtol=1e-5)


def test_several_steps_an_execution(make_model, data):
    recorder = Recorder()
    model = make_model(steps_per_execution=2)
    model.fit(*data, batch_size=10, shuffle=False, verbose=0, callbacks=[recorder])
    assert [event[1] for event in recorder.events if event[0] == "batch"] == [1, 3, 5]  # as if the last one were whole
    other = make_model()
    other.fit(*data, batch_size=10, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), other.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_evaluate_returns_a_list_a_dict_or_a_number(make_model, data):
    model = make_model()
    loss, accuracy = model.evaluate(*data, verbose=0)
    assert model.evaluate(*data, verbose=0, return_dict=True) == {"accuracy": accuracy, "loss": loss}
    alone = make_model(metrics=None)
    assert isinstance(alone.evaluate(*data, verbose=0), float)
    assert alone.metrics_names == ["loss"]


def test_the_mean_loss_counts_samples_not_batches(make_model, data):
    model = make_model()
    whole = model.evaluate(*data, batch_size=50, verbose=0)
    np.testing.assert_allclose(model.evaluate(*data, batch_size=7, verbose=0), whole, rtol=1e-5)


def test_predict(make_model, data):
    model = make_model()
    whole = model.predict(data[0], batch_size=50, verbose=0)
    assert whole.shape == (50, 3) and isinstance(whole, np.ndarray)
    np.testing.assert_allclose(model.predict(data[0], batch_size=7, verbose=0), whole, rtol=1e-5)
    np.testing.assert_allclose(model.predict_on_batch(data[0][:4]), whole[:4], rtol=1e-5)
    assert model.predict(data[0], batch_size=10, steps=2, verbose=0).shape == (20, 3)


def test_single_batches_do_not_add_up(make_model, data):
    model = make_model(optimizer=pronghorn.optimizers.SGD(0.0))
    first = model.train_on_batch(data[0][:10], data[1][:10])
    model.train_on_batch(*data)
    assert model.train_on_batch(data[0][:10], data[1][:10]) == first
    assert model.test_on_batch(data[0][:10], data[1][:10], return_dict=True)["loss"] == pytest.approx(
        first[0], rel=1e-5
    )


def test_class_weights_are_sample_weights(make_model, data):
    x, y = data
    weights = {0: 1.0, 1: 2.0, 2: 0.5}
    by_class, by_sample = make_model(), make_model()
    a = by_class.fit(x, y, class_weight=weights, shuffle=False, verbose=0).history["loss"]
    b = by_sample.fit(x, y, sample_weight=np.array([weights[k] for k in y]), shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(a, b, rtol=1e-6)


def test_stopping_early_and_starting_late(make_model, data):
    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                self.model.stop_training = True

    model = make_model()
    assert model.fit(*data, batch_size=10, epochs=5, verbose=0, callbacks=[Stop()]).epoch == [0]
    assert int(model.optimizer.iterations) == 2
    assert make_model().fit(*data, initial_epoch=3, epochs=5, verbose=0).epoch == [3, 4]


def test_an_interrupt_leaves_the_model_usable(make_model, data):
    class Interrupt(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                raise KeyboardInterrupt

    model = make_model()
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data, batch_size=10, verbose=0, callbacks=[Interrupt()])
    assert int(model.optimizer.iterations) == 2
    assert np.isfinite(model.predict(data[0], verbose=0)).all()
    model.fit(*data, verbose=0)


def test_batch_statistics_and_dropout_change_in_training_only(data):
    model = pronghorn.Sequential([layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = data[0]
    model.fit(x, x[:, :1], verbose=0)
    moving = model.layers[1].moving_mean.numpy()
    assert np.abs(moving).sum() > 0
    np.testing.assert_array_equal(model.predict(x, verbose=0), model.predict(x, verbose=0))
    model.evaluate(x, x[:, :1], verbose=0)
    np.testing.assert_array_equal(model.layers[1].moving_mean.numpy(), moving)


def test_frozen_layers_stay(make_model, data):
    model = make_model()
    model.layers[0].trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    before = [w.copy() for w in model.layers[0].get_weights()]
    model.fit(*data, verbose=0)
    for a, b in zip(before, model.layers[0].get_weights()):
        np.testing.assert_array_equal(a, b)


def test_changing_the_learning_rate_between_epochs(make_model, data):
    model = make_model(optimizer=pronghorn.optimizers.SGD(0.5))
    schedule = callbacks.LearningRateScheduler(lambda epoch, rate: 0.0 if epoch else rate)
    history = model.fit(*data, batch_size=50, epochs=3, verbose=0, callbacks=[schedule]).history
    assert history["loss"][1] != history["loss"][0]
    assert history["loss"][2] == pytest.approx(history["loss"][1], rel=1e-6)


def test_a_step_of_ones_own(data):
    class Own(pronghorn.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)
            self.tracker = pronghorn.metrics.Mean(name="mine")

        def call(self, x):
            return self.dense(x)

        @property
        def metrics(self):
            return [self.tracker]

        def train_step(self, data):
            x, y = data

            def loss():
                return ops.mean(pronghorn.losses.sparse_categorical_crossentropy(y, self(x), from_logits=True))

            value, gradients = pronghorn.value_and_grad(loss, self.trainable_variables)()
            self.optimizer.apply(gradients, self.trainable_variables)
            self.tracker.update_state(value)
            return {"mine": self.tracker.result()}

    model = Own()
    model.compile(pronghorn.optimizers.SGD(0.5))
    history = model.fit(*data, epochs=5, verbose=0).history
    assert list(history) == ["mine"] and history["mine"][-1] < history["mine"][0]


def test_a_step_with_a_tape_and_compiled_metrics(data):
    class Own(pronghorn.Model):
        def train_step(self, data):
            x, y = data
            with pronghorn.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(y=y, y_pred=y_pred)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
            for metric in self.metrics:
                metric.update_state(loss) if metric.name == "loss" else metric.update_state(y, y_pred)
            return {metric.name: metric.result() for metric in self.metrics}

    inputs = pronghorn.Input((6,))
    model = Own(inputs, layers.Dense(3, activation="softmax")(inputs))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert list(model.fit(*data, verbose=0).history) == ["accuracy", "loss"]


def test_weights_are_their_averages_in_the_end_whoever_wrote_the_step(data):
    """All that the optimizer trains, which here may be the last layer alone."""

    class Own(pronghorn.Model):
        def train_step(self, data):
            x, y = data
            with pronghorn.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            weights = self.layers[-1].trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
            return {"loss": loss}

    trained = []
    for kind in (pronghorn.Model, Own):
        pronghorn.utils.set_random_seed(0)
        inputs = pronghorn.Input((6,))
        hidden = layers.Dense(4, activation="relu", trainable=kind is Own)(inputs)
        model = kind(inputs, layers.Dense(3, activation="softmax")(hidden))
        model.compile(pronghorn.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.9), "sparse_categorical_crossentropy")
        model.fit(*data, epochs=2, shuffle=False, verbose=0)
        averages = model.optimizer.variables[-2:]
        for weight, average in zip(model.get_weights()[-2:], averages, strict=True):
            np.testing.assert_array_equal(weight, average.numpy())
        trained.append(model.get_weights())
    for ours, usual in zip(*trained, strict=True):
        np.testing.assert_allclose(ours, usual, rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:model.compiled_")
def test_a_step_for_keras_2(data):
    class Older(pronghorn.Model):
        def train_step(self, data):
            x, y = data
            with pronghorn.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compiled_loss(y, y_pred, regularization_losses=self.losses)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
            self.compiled_metrics.update_state(y, y_pred)
            return {metric.name: metric.result() for metric in self.metrics}

    histories = []
    for kind in (pronghorn.Model, Older):
        pronghorn.utils.set_random_seed(0)
        inputs = pronghorn.Input((6,))
        outputs = layers.Dense(3, activation="softmax", kernel_regularizer="l2")(inputs)
        model = kind(inputs, outputs)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        histories.append(model.fit(*data, batch_size=7, epochs=2, verbose=0).history)
    new, old = histories
    assert set(new) == set(old) == {"loss", "accuracy"}
    for name in new:
        np.testing.assert_allclose(old[name], new[name], rtol=1e-6)


def test_names_of_keras_2_are_told_what_to_write(data):
    model = pronghorn.Sequential([layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    x, y = data
    with pytest.warns(UserWarning, match=r"compute_loss\(y=y, y_pred=y_pred\)"):
        model.compiled_loss(y, model(x))
    with pytest.warns(UserWarning, match=r"compute_metrics\(x, y, y_pred\)"):
        model.compiled_metrics.update_state(y, model(x))


def test_a_step_that_needs_values_runs_eagerly(make_model, data):
    class Own(pronghorn.Sequential):
        def train_step(self, data):
            assert np.isfinite(float(ops.sum(data[0])))
            return super().train_step(data)

    model = Own([layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.warns(UserWarning, match="cannot be compiled"):
        history = model.fit(*data, epochs=2, verbose=0).history
    assert len(history["loss"]) == 2


def test_a_step_that_asks_for_the_batch_size(data):
    class Own(pronghorn.Sequential):
        def train_step(self, data):
            logs = super().train_step(data)
            return {**logs, "size": ops.convert_to_tensor(float(int(data[0].shape[0])))}

    model = Own([layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    logs = model.fit(*data, batch_size=20, verbose=0).history
    assert logs["size"] == [10.0]  # the last batch's


def test_losses_that_layers_add(data):
    class Penalty(layers.Layer):
        def call(self, x):
            self.add_loss(ops.sum(ops.square(x)) * 0.0 + 3.0)
            return x

    model = pronghorn.Sequential([layers.Dense(1), Penalty()])
    model.compile(pronghorn.optimizers.SGD(0.0), "mse")
    x = data[0]
    with_penalty = model.evaluate(x, x[:, :1], verbose=0)
    plain = float(pronghorn.losses.MeanSquaredError()(x[:, :1], model.predict(x, verbose=0)))
    assert with_penalty == pytest.approx(plain + 3.0, rel=1e-5)


def test_outputs_by_name(data):
    x = data[0]
    inputs = pronghorn.Input((6,), name="in")
    model = pronghorn.Model({"in": inputs}, {"a": layers.Dense(1)(inputs), "b": layers.Dense(2)(inputs)})
    model.compile("sgd", {"a": "mse", "b": "mae"}, metrics={"b": ["mse"]}, loss_weights={"a": 2.0, "b": 0.5})
    logs = model.fit({"in": x}, {"a": x[:, :1], "b": x[:, :2]}, verbose=0).history
    assert list(logs) == ["a_loss", "b_loss", "b_mse", "loss"]
    assert logs["loss"][0] == pytest.approx(2 * logs["a_loss"][0] + 0.5 * logs["b_loss"][0], rel=1e-4)
    assert sorted(model.predict({"in": x}, verbose=0)) == ["a", "b"]


class Scores(pronghorn.metrics.Metric):
    """A metric of several results."""

    def __init__(self, number, name):
        super().__init__(name=name)
        self.number, self.count = number, self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.count.assign_add(1.0)

    def result(self):
        return {"f1": self.count * self.number, "f2": self.count * self.number * 2}


def test_results_of_a_metric_have_names_of_their_own(make_model, data):
    """Of several that give the same one, the last by the metrics' names counts, as in Keras."""
    model = make_model(metrics=[Scores(1, "z"), Scores(5, "a")])
    x, y = data[0][:8], data[1][:8]
    stop = callbacks.EarlyStopping("val_f1", mode="max", patience=0)
    history = model.fit(x, y, batch_size=4, epochs=3, validation_data=(x, y), verbose=0, callbacks=[stop])
    assert list(history.history) == ["f1", "f2", "loss", "val_f1", "val_f2", "val_loss"]
    assert history.history["val_f1"] == [2.0, 2.0] and history.history["f2"] == [4.0, 4.0]
    assert model.evaluate(x, y, verbose=0)[1:] == [1.0, 2.0]


def test_results_are_in_the_order_of_compile(make_model, data):
    model = make_model(metrics=["sparse_categorical_crossentropy", Scores(1, "a"), "accuracy"])
    model.train_on_batch(data[0][:8], data[1][:8])
    names = ["loss", "sparse_categorical_crossentropy", "accuracy", "f1", "f2"]
    assert list(model.get_metrics_result()) == names


def test_compile_config_goes_round(make_model):
    model = make_model(optimizer=pronghorn.optimizers.Adam(0.02))
    config = model.get_compile_config()
    other = make_model(loss="mse", metrics=None)
    other.compile_from_config(config)
    assert float(other.optimizer.learning_rate) == pytest.approx(0.02)
    assert other.loss == "sparse_categorical_crossentropy"


def test_limits_of_the_configuration(make_model, data):
    from pronghorn import config

    config.set_max_epochs(1)
    config.set_max_steps_per_epoch(2)
    try:
        model = make_model()
        assert model.fit(*data, batch_size=10, epochs=9, verbose=0).epoch == [0]
        assert int(model.optimizer.iterations) == 2
    finally:
        config.set_max_epochs(None)
        config.set_max_steps_per_epoch(None)


def test_loss_scaling_follows_the_scale(data):
    model = pronghorn.Sequential([layers.Dense(1)])
    inner = pronghorn.optimizers.SGD(0.01)
    optimizer = pronghorn.optimizers.LossScaleOptimizer(inner, initial_scale=2.0, dynamic_growth_steps=2)
    model.compile(optimizer, "mse")
    plain = pronghorn.Sequential([layers.Dense(1)])
    plain.compile(pronghorn.optimizers.SGD(0.01), "mse")
    x = data[0]
    model.build((None, 6))
    plain.build((None, 6))
    plain.set_weights(model.get_weights())
    for one in (model, plain):
        one.fit(x, x[:, :1], batch_size=10, shuffle=False, verbose=0)
    assert float(optimizer.dynamic_scale) == 8.0
    for a, b in zip(model.get_weights(), plain.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_a_step_of_its_own_may_give_call_something_else_than_the_first_part_of_a_batch():
    class Triplets(pronghorn.Model):
        def __init__(self, distances):
            super().__init__()
            self.distances = distances

        def call(self, inputs):
            return self.distances(inputs)

        def train_step(self, data):
            with pronghorn.GradientTape() as tape:
                near, far = self(data)
                loss = ops.mean(ops.maximum(near - far + 100.0, 0.0))
            variables = self.trainable_variables
            self.optimizer.apply(tape.gradient(loss, variables), variables)
            return {"loss": loss}

    embed = layers.Dense(2, kernel_initializer="ones")
    inputs = [pronghorn.Input((3,)) for _ in range(3)]
    anchor, positive, negative = (embed(x) for x in inputs)
    near, far = (ops.sum(ops.square(anchor - other), axis=-1) for other in (positive, negative))
    model = Triplets(pronghorn.Model(inputs, [near, far]))
    model.compile(pronghorn.optimizers.SGD(0.001))
    rows = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
    batches = Dataset.from_tensor_slices((rows, rows + 0.1, -rows)).batch(4)
    losses = model.fit(batches, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_only_backups_have_the_states_of_generators_kept(monkeypatch, tmp_path):
    """To read them takes longer than to predict a sample."""
    model = pronghorn.Sequential([pronghorn.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((3, 2), "float32")
    read = []
    monkeypatch.setattr(np.random, "get_state", lambda state=np.random.get_state: read.append(0) or state())
    model.predict(x, verbose=0)
    model.evaluate(x, x[:, :1], verbose=0)
    model.fit(x, x[:, :1], verbose=0)
    assert not read
    backup = pronghorn.callbacks.BackupAndRestore(tmp_path)
    model.fit(x, x[:, :1], callbacks=[backup], verbose=0)
    assert read


def test_a_loss_and_metrics_are_kept_by_a_compile_without(make_model, data):
    x, y = data
    model = make_model(metrics=["accuracy"])
    loss, names = model.loss, set(model.fit(x, y, verbose=0).history)
    model.compile(pronghorn.optimizers.SGD(0.1))
    assert model.loss == loss and set(model.fit(x, y, verbose=0).history) == names
    model.compile("sgd", loss, metrics=[])
    assert set(model.fit(x, y, verbose=0).history) == {"loss"}
