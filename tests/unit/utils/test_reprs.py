"""What objects say of themselves where they are printed."""

from __future__ import annotations

import numpy as np
import pytest

import pronghorn as keras
from pronghorn.data import Dataset

_ROWS = Dataset.from_tensor_slices((np.ones((100, 4), "float32"), np.ones(100, "int64")))


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (lambda: keras.callbacks.EarlyStopping(patience=3), "EarlyStopping(patience=3)"),
        (lambda: keras.callbacks.ModelCheckpoint("a.keras"), "ModelCheckpoint(filepath='a.keras')"),
        (lambda: keras.optimizers.SGD(0.5, momentum=0.9, name="s"), "SGD(learning_rate=0.5, momentum=0.9, name='s')"),
        (lambda: keras.regularizers.L2(0.5), "L2(l2=0.5)"),
        (lambda: keras.initializers.Constant(2.0), "Constant(value=2)"),
        (
            lambda: keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5),
            "ExponentialDecay(initial_learning_rate=0.1, decay_steps=10, decay_rate=0.5)",
        ),
        (lambda: _ROWS, "<Dataset: 100 elements, (float32 (4,), int64 ())>"),
        (lambda: _ROWS.shuffle(9).batch(64).prefetch(1), "<Dataset: 2 elements, (float32 (None, 4), int64 (None,))>"),
        (lambda: _ROWS.map(lambda x, y: x).batch(8), "<Dataset: 13 elements, batches of 8>"),
        (lambda: _ROWS.filter(lambda x, y: True), "<Dataset: an unknown number of elements, (float32 (4,), "),
    ],
)
def test_objects_show_how_they_were_made(made, shown):
    assert repr(made()).startswith(shown)


def test_optimizers_show_their_schedules():
    rate = keras.optimizers.schedules.CosineDecay(0.1, 100)
    assert repr(keras.optimizers.Adam(rate)).startswith("Adam(learning_rate=CosineDecay(initial_learning_rate=0.1, ")


def test_a_repr_of_a_users_class_never_fails():
    class Mine(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.1

    class Own(keras.callbacks.Callback):
        def __init__(self, array):  # without the one of the base
            self.array = array

    assert "Mine" in repr(Mine()) and repr(Own(np.zeros(100))).startswith("Own(array=array([0., 0.")


def test_history_shows_its_last_epoch():
    history = keras.callbacks.History()
    assert repr(history) == "<History of 0 epochs>"
    history.on_epoch_end(0, {"loss": 0.5, "word": "x"})
    assert repr(history) == "<History of 1 epoch, the last: loss=0.5>"


def test_batches_whose_last_is_smaller_have_no_known_extent():
    specs = [spec.shape for spec in _ROWS.batch(64).element_spec]
    assert specs == [(None, 4), (None,)]
    assert [spec.shape for spec in _ROWS.batch(64, drop_remainder=True).element_spec] == [(64, 4), (64,)]
    mapped = _ROWS.batch(64).map(lambda x, y: (x * 2, x[:, 0], np.zeros((5,))))
    assert [spec.shape for spec in mapped.element_spec] == [(None, 4), (None,), (5,)]
    few = Dataset.from_generator(lambda: iter(np.zeros((3, 2)))).batch(8).shuffle(2)
    assert few.element_spec.shape == (None, 2)
    assert _ROWS.batch(64).unbatch().element_spec[0].shape == (4,)
