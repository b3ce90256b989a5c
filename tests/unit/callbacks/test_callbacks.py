"""Callbacks against a model that only pretends."""

import csv
import warnings

import numpy as np
import pytest

from pronghorn import callbacks


class Optimizer:
    learning_rate = 1.0


class Model:
    def __init__(self, metrics=()):
        self.optimizer = Optimizer()
        self.stop_training = False
        self.metrics = metrics
        self.weights = [0.0]

    def save(self, path, overwrite):
        self.saved = path

    def get_weights(self):
        return list(self.weights)

    def set_weights(self, weights):
        self.weights = list(weights)


def train(callback, values, name="val_loss", model=None):
    """Play a training run whose watched result takes these values; return the model and the epochs that ran."""
    model = model or Model()
    callback.set_model(model)
    callback.on_train_begin()
    epochs = 0
    for epoch, value in enumerate(values):
        model.weights = [float(epoch)]
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, {name: value, "loss": value})
        epochs += 1
        if model.stop_training:
            break
    callback.on_train_end()
    return model, epochs


def test_early_stopping_waits_for_its_patience():
    assert train(callbacks.EarlyStopping(patience=2), [3, 2, 2, 2, 1])[1] == 4
    assert train(callbacks.EarlyStopping(), [3, 2, 2, 1])[1] == 3
    assert train(callbacks.EarlyStopping(patience=2, min_delta=0.5), [3, 2.9, 2.8, 1])[1] == 3


def test_early_stopping_restores_the_best_weights(capsys):
    callback = callbacks.EarlyStopping(patience=2, restore_best_weights=True, verbose=1)
    model, _ = train(callback, [3, 1, 2, 2, 0])
    assert model.weights == [1.0] and (callback.best, callback.best_epoch, callback.stopped_epoch) == (1, 1, 3)
    assert "Epoch 4" in capsys.readouterr().out


def test_early_stopping_restores_also_when_it_did_not_stop():
    assert train(callbacks.EarlyStopping(patience=9, restore_best_weights=True), [1, 2])[0].weights == [0.0]


def test_early_stopping_knows_which_way_is_better():
    assert train(callbacks.EarlyStopping("accuracy", patience=1), [1, 2, 3], "accuracy")[1] == 3
    assert train(callbacks.EarlyStopping("accuracy", mode="min", patience=1), [1, 2, 3], "accuracy")[1] == 2

    class Score:
        name, _direction = "score", "up"

    model = Model([Score()])
    assert train(callbacks.EarlyStopping("val_score", patience=1), [1, 2, 3], "val_score", model)[1] == 3
    with pytest.raises(ValueError, match="mode='max' or mode='min'"):
        train(callbacks.EarlyStopping("thing"), [1, 2], "thing")
    with pytest.raises(ValueError, match="no result 'unheard_of' to watch"):  # rather than a warning every epoch
        train(callbacks.EarlyStopping("unheard_of"), [1, 2], "loss")
    with pytest.warns(UserWarning, match="mode 'up' is unknown"):
        callbacks.EarlyStopping(mode="up")


def test_early_stopping_baseline_and_start():
    # An improvement short of the baseline neither stops the training nor earns patience.
    assert train(callbacks.EarlyStopping(baseline=1, patience=2), [5, 4, 3, 2])[1] == 4
    assert train(callbacks.EarlyStopping(baseline=1, patience=2), [5, 4, 3, 3, 2])[1] == 4
    assert train(callbacks.EarlyStopping(baseline=1, patience=2), [5, 4, 0.5, 3, 0.4, 1, 1, 1])[1] == 7
    assert train(callbacks.EarlyStopping(start_from_epoch=3), [1, 2, 3, 4, 5])[1] == 5


def test_a_result_that_is_not_there_warns():
    with pytest.warns(UserWarning, match="'val_loss'.*validation_data"):
        train(callbacks.EarlyStopping(), [1], "x")


def test_reduce_lr_on_plateau(capsys):
    callback = callbacks.ReduceLROnPlateau(patience=2, factor=0.5, verbose=1, cooldown=1)
    model, _ = train(callback, [1, 1, 1, 1, 1, 1])
    assert model.optimizer.learning_rate == 0.25
    assert "0.5" in capsys.readouterr().out
    model, _ = train(callbacks.ReduceLROnPlateau(patience=1, min_lr=0.3), [1] * 9)
    assert model.optimizer.learning_rate == 0.3
    with pytest.raises(ValueError, match="factor=1.0"):
        callbacks.ReduceLROnPlateau(factor=1.0)


def test_learning_rate_scheduler():
    rates = []
    callback = callbacks.LearningRateScheduler(lambda epoch, rate: rates.append(rate) or rate * 0.5)
    model, _ = train(callback, [1, 1, 1])
    assert rates == [1.0, 0.5, 0.25] and model.optimizer.learning_rate == 0.125
    assert (
        train(callbacks.LearningRateScheduler(lambda epoch: 1 / (epoch + 1)), [1, 1])[0].optimizer.learning_rate == 0.5
    )
    logs = {}
    callback.on_epoch_end(0, logs)
    assert logs == {"learning_rate": 0.125}
    with pytest.raises(ValueError, match="must return a float"):
        train(callbacks.LearningRateScheduler(lambda epoch, rate: "x"), [1])


def test_terminate_on_nan(capsys):
    callback = callbacks.TerminateOnNaN()
    callback.set_model(Model())
    callback.on_batch_end(0, {"loss": 1.0})
    assert not callback.model.stop_training
    callback.on_train_batch_end(7, {"loss": float("inf")})
    assert callback.model.stop_training and "batch 7" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="nan"):
        callbacks.TerminateOnNaN(raise_error=True).on_batch_end(0, {"loss": np.float32("nan")})


def test_lambda_callback():
    seen = []
    callback = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(("epoch", epoch)), on_test_end=lambda logs: seen.append("test")
    )
    train(callback, [1])
    callback.on_test_end({})
    assert seen == [("epoch", 0), "test"]


def test_history():
    record = callbacks.History()
    model, _ = train(record, [1, 2])
    assert record.epoch == [0, 1] and record.history == {"val_loss": [1, 2], "loss": [1, 2]} and model.history is record


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    callback = callbacks.CSVLogger(path)
    train(callback, [2, 1])
    train(callbacks.CSVLogger(path, append=True), [0])
    with open(path, newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == ["0", "1", "0"] and [row["val_loss"] for row in rows] == ["2", "1", "0"]
    train(callbacks.CSVLogger(path, separator=";"), [5])
    assert path.read_text() == "epoch;loss;val_loss\n0;5;5\n"


def test_callback_list_calls_batch_methods_only_where_wanted():
    calls = []

    class Batches(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            calls.append(batch)

    quiet = callbacks.CallbackList([callbacks.EarlyStopping()], add_history=True)
    assert not quiet.has_train_batch_hooks and not quiet.has_test_batch_hooks
    busy = callbacks.CallbackList([[Batches()], callbacks.TerminateOnNaN()])
    assert busy.has_train_batch_hooks and not busy.has_predict_batch_hooks
    busy.on_train_batch_end(4, {})
    assert calls == [4]
    given = callbacks.CallbackList(
        [callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: calls.append(batch))]
    )
    assert given.has_train_batch_hooks
    given.on_train_batch_end(5)
    assert calls == [4, 5]


def test_callback_list_adds_what_is_missing():
    own = callbacks.History()
    model = Model()
    listed = callbacks.CallbackList(own, add_history=True, add_progbar=True, model=model, verbose=0, epochs=1)
    assert [type(entry).__name__ for entry in listed.callbacks] == ["History", "ProgbarLogger"]
    assert model.history is own and own.params == {"verbose": 0, "epochs": 1}


def test_callback_list_refuses_what_is_no_callback():
    with pytest.raises(TypeError, match=r"write EarlyStopping\(\) to make one"):
        callbacks.CallbackList([callbacks.EarlyStopping])
    with pytest.raises(TypeError, match="got 3"):
        callbacks.CallbackList(3)


def play(logger, epochs, steps):
    logger.on_train_begin()
    for epoch in range(epochs):
        logger.on_epoch_begin(epoch)
        for step in range(steps):
            logger.on_train_batch_end(step, {"loss": 1.0})
        logger.on_test_begin()
        logger.on_test_batch_end(0, {"loss": 9.0})
        logger.on_test_end({"loss": 9.0})
        logger.on_epoch_end(epoch, {"loss": 0.5, "val_loss": 0.25})
    logger.on_train_end()


def lines_of(capsys, verbose, epochs=2, steps=2):
    logger = callbacks.ProgbarLogger()
    logger.set_params({"verbose": verbose, "epochs": epochs, "steps": steps})
    play(logger, epochs, 2)
    return capsys.readouterr().out.splitlines()


def test_progress_lines(capsys):
    lines = lines_of(capsys, 1)
    assert [line[:9] for line in lines] == ["Epoch 1/2", "2/2 ━━━━━", "Epoch 2/2", "2/2 ━━━━━"]
    assert all(line.endswith("/step - loss: 0.5000 - val_loss: 0.2500") for line in lines[1::2])
    assert [line[:9] for line in lines_of(capsys, 2)] == ["Epoch 1/2", "2/2 - 0s ", "Epoch 2/2", "2/2 - 0s "]
    assert lines_of(capsys, 0) == []
    assert len(lines_of(capsys, 1, epochs=1)) == 1


def test_progress_of_a_run_of_unknown_length(capsys):
    assert lines_of(capsys, 2, steps=None)[1].startswith("2/2 - 0s")


def test_progress_of_evaluate(capsys):
    logger = callbacks.ProgbarLogger()
    logger.set_params({"verbose": 1, "epochs": 1, "steps": 1})
    logger.on_test_begin()
    logger.on_test_batch_end(0, {"loss": 2.0})
    logger.on_test_end({"loss": 2.0})
    assert capsys.readouterr().out.startswith("1/1 ━")


def test_progress_needs_its_parameters():
    with pytest.raises(ValueError, match="set_params"):
        callbacks.ProgbarLogger().on_epoch_begin(0)


@pytest.mark.parametrize(
    ("monitor", "has_validation", "said"),
    [
        ("val_los", True, "no result 'val_los' to watch; nearest: val_loss"),
        (
            "val_los",
            False,
            "no result 'val_los' to watch; nearest: val_loss; there are: loss, accuracy",
        ),
        ("val_loss", False, "no result 'val_loss' to watch; there are: loss, accuracy"),
        ("Acuracy", True, "no result 'Acuracy' to watch; nearest: accuracy, val_accuracy; there are"),
        ("nothing", True, "no result 'nothing' to watch; there are: loss"),
    ],
)
@pytest.mark.parametrize("mode", ["auto", "min"])
def test_a_result_that_is_none_is_told_with_the_nearest(monitor, has_validation, said, mode, tmp_path):
    logs = {"loss": 1.0, "accuracy": 0.5} | ({"val_loss": 1.0, "val_accuracy": 0.5} if has_validation else {})
    model = Model()
    made = [
        callbacks.EarlyStopping(monitor, mode=mode),
        callbacks.ReduceLROnPlateau(monitor, mode=mode),
        callbacks.ModelCheckpoint(tmp_path / "m.keras", monitor, mode=mode, save_best_only=True),
    ]
    for callback in made:
        callback.set_model(model)
        callback.on_train_begin()
        callback.on_epoch_begin(0)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                callback.on_epoch_end(0, dict(logs))
            except ValueError as error:
                assert mode == "auto" and isinstance(callback, callbacks.EarlyStopping)
                told = str(error)
            else:
                (warning,) = caught
                told = str(warning.message)
        assert f"{type(callback).__name__}: there is {said}" in told
        assert ("Pass validation_data" in told) is (monitor.startswith("val_") and not has_validation)


def test_a_result_that_is_there_but_of_no_known_direction_asks_for_it():
    stop = callbacks.EarlyStopping("val_score")
    stop.set_model(Model())
    stop.on_train_begin()
    with pytest.raises(ValueError, match="val_score.*mode='max'"):
        stop.on_epoch_end(0, {"loss": 1.0, "val_score": 1.0})
