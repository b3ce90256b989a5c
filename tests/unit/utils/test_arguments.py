"""Constructors' arguments: what is absurd is answered by an error that names the class, the argument and what came."""

from __future__ import annotations

import inspect
import pathlib

import numpy as np
import pytest

import pronghorn
from pronghorn import callbacks, constraints, initializers, layers, losses, metrics, optimizers, random, regularizers
from pronghorn.optimizers import schedules
from pronghorn.utils import arguments
from pronghorn.utils.arguments import KINDS, _kinds_of, check, shown

SPACES = {
    "layers": layers,
    "losses": losses,
    "metrics": metrics,
    "optimizers": optimizers,
    "schedules": schedules,
    "callbacks": callbacks,
    "initializers": initializers,
    "regularizers": regularizers,
    "constraints": constraints,
    "random": random,
    "": pronghorn,
}


def classes(space):
    found = {}
    for name in dir(SPACES[space]):
        try:
            value = getattr(SPACES[space], name)
        except NotImplementedError:
            continue
        if inspect.isclass(value) and issubclass(value, arguments.CheckedArguments):
            found[value] = name
    return found


@pytest.mark.parametrize("space", SPACES)
def test_every_argument_of_a_known_kind(space):
    checked = 0
    for cls in classes(space):
        for name, (_, kind, _) in _kinds_of(cls).items():
            absurd = next(value for value in (object(), ["x"], {"a": object()}) if not kind.accepts(value))
            with pytest.raises(kind.error) as caught:
                cls(**{name: absurd})
            message = str(caught.value)
            assert f"argument `{name}`" in message
            assert kind.words in message
            assert "\n" not in message
            checked += 1
    assert checked or space == "random"


CASES = {
    "a flag": (lambda: layers.Dense(2, use_bias="no"), r"Dense.*`use_bias`.*True or False.*use_bias='no'"),
    "a share": (lambda: layers.LSTM(2, dropout="half"), r"LSTM.*`dropout`.*number from 0 to 1.*'half'"),
    "by position": (lambda: layers.Masking("0"), r"Masking.*`mask_value`.*number.*'0'"),
    "an axis": (lambda: layers.Concatenate(axis="channels"), r"Concatenate.*`axis`.*'channels'"),
    "a path": (lambda: callbacks.ModelCheckpoint(3), r"ModelCheckpoint.*`filepath`.*pathlib.*filepath=3"),
    "a function": (lambda: callbacks.LambdaCallback(on_epoch_end=3), r"`on_epoch_end`.*function.*3"),
    "a rate": (lambda: optimizers.Adam("fast"), r"Adam.*`learning_rate`.*LearningRateSchedule.*'fast'"),
    "of a base class": (lambda: optimizers.Adam(clipnorm="1"), r"Adam.*`clipnorm`.*number.*'1'"),
    "None": (lambda: optimizers.Adam(epsilon=None), r"Adam.*`epsilon`.*number.*None"),
    "steps": (lambda: schedules.CosineDecay(0.1, "many"), r"CosineDecay.*`decay_steps`.*'many'"),
    "no steps": (lambda: schedules.CosineDecayRestarts(0.1, 0), r"first_decay_steps.*greater than 0"),
    "classes": (lambda: metrics.MeanIoU(num_classes=2.5), r"MeanIoU.*`num_classes`.*positive integer.*2.5"),
    "no classes": (lambda: metrics.IoU(3, []), r"IoU.*target_class_ids.*empty"),
    "a name": (lambda: losses.MeanSquaredError(name=3), r"MeanSquaredError.*`name`.*string.*3"),
    "an element type": (lambda: losses.MeanSquaredError(dtype=[1]), r"MeanSquaredError.*`dtype`.*'float32'"),
    "an array": (lambda: initializers.Constant("one"), r"Constant.*`value`.*array.*'one'"),
    "a penalty": (lambda: regularizers.L1(-1.0), r"l1.*-1"),
    "no initializer": (lambda: layers.Dense(2, kernel_initializer=lambda: 1), r"kernel_initializer.*shape, dtype"),
    "a weight's shape": (lambda: pronghorn.Variable("zeros", shape=3), r"Variable.*`shape`.*tuple.*shape=3"),
    "a weight's value": (lambda: pronghorn.Variable([[1], [1, 2]]), r"Variable.*`initializer`.*array of numbers"),
    "replicas": (lambda: pronghorn.Variable([1.0], aggregation="total"), r"`aggregation`.*'mean'.*'total'"),
    "optimizers": (lambda: optimizers.OptimizerMap("adam"), r"default_optimizer.*Optimizer.*'adam'"),
    "a zoom": (lambda: layers.RandomZoom(-1.0), r"RandomZoom.*height_factor.*-1"),
    "an axis beyond": (
        lambda: layers.RMSNormalization(axis=3)(layers.Input((4,))),
        r"rms_normalization.*`axis`.*axis 3.*\(None, 4\)",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_message(name):
    make, pattern = CASES[name]
    with pytest.raises((ValueError, TypeError), match=pattern) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_what_is_as_good_as_the_plain_value():
    layers.Dense(2, use_bias=np.bool_(False))
    layers.Dense(2, use_bias=0)
    layers.LSTM(2, dropout=np.float32(0.5))
    layers.Normalization(axis=None)
    layers.LayerNormalization(axis=(np.int64(1), -1))
    layers.Rescaling([0.5, 0.5], offset=np.zeros(2))
    callbacks.ModelCheckpoint(pathlib.Path("model.keras"))
    callbacks.EarlyStopping(patience=2.5)
    optimizers.SGD(pronghorn.Variable(0.1))
    optimizers.SGD(lambda: 0.1)
    metrics.IoU(np.int64(3), range(2))


def test_own_classes_of_users_are_their_own_affair():
    class Gate(layers.Layer):
        def __init__(self, use_bias, axis, **kwargs):
            super().__init__(**kwargs)
            self.use_bias, self.axis = use_bias, axis

    assert Gate("often", "channels").axis == "channels"

    class Twice(layers.Dense):
        def __init__(self, units, **kwargs):
            super().__init__(2 * units, **kwargs)

    with pytest.raises(ValueError, match="Twice.*`use_bias`"):
        Twice(3, use_bias="no")


def test_the_signature_stays():
    assert list(inspect.signature(layers.Dense.__init__).parameters)[:3] == ["self", "units", "activation"]


def test_no_kind_is_for_nothing():
    parameters = {
        (base.__name__, name)
        for space in SPACES
        for cls in classes(space)
        for name in inspect.signature(cls.__init__).parameters
        for base in cls.__mro__
    }
    names = {name for _, name in parameters}
    for key in KINDS:
        owner, _, name = key.rpartition(".")
        assert (owner, name) in parameters if owner else name in names, key


def test_long_values_are_cut():
    assert len(shown(np.zeros((50, 50)))) <= 120
    with pytest.raises(ValueError, match=r"f: Invalid value for argument `x`.*\.\.\."):
        check("f", "x", "y" * 1000, arguments.NUMBER)


def test_integers_of_numpy_are_as_good_as_pythons():
    n = np.int64
    made = [
        (layers.Reshape((n(5), -1)), (2, 10), (2, 5, 2)),
        (layers.Reshape(np.array([5, 2])), (2, 10), (2, 5, 2)),
        (layers.RepeatVector(n(3)), (2, 2), (2, 3, 2)),
        (layers.ZeroPadding2D(((n(1), 0), (2, n(1)))), (1, 2, 2, 1), (1, 3, 5, 1)),
        (layers.Cropping1D(n(1)), (1, 4, 2), (1, 2, 2)),
        (layers.Permute((n(2), n(1))), (1, 4, 2), (1, 2, 4)),
        (layers.Conv2D(n(3), (n(3), 3), strides=n(2)), (1, 5, 5, 1), (1, 2, 2, 3)),
        (layers.MultiHeadAttention(n(2), n(2), output_shape=n(3)), (1, 2, 4), (1, 2, 3)),
        (layers.Dropout(0.5, noise_shape=(None, n(1))), (2, 2), (2, 2)),
    ]
    for layer, given, wanted in made:
        x = np.zeros(given, "float32")
        y = layer(x, x) if isinstance(layer, layers.MultiHeadAttention) else layer(x)
        assert tuple(y.shape) == wanted, layer
        again = type(layer).from_config(layer.get_config())
        assert "int64" not in repr(again.get_config()), layer
    with pytest.raises(ValueError, match="Reshape"):
        layers.Reshape((n(-2), 2))


def test_types_of_values_stay_where_they_mean_something():
    for kind in "int8", "uint8", "int32", "int64":
        number = np.dtype(kind).type(5)
        for value in number, [number], (number,):
            assert pronghorn.Variable(value).dtype == kind


def test_integers_of_numpy_count_steps():
    two = np.int64(2)
    optimizer = optimizers.SGD(0.1, gradient_accumulation_steps=two)
    assert type(optimizer.get_config()["gradient_accumulation_steps"]) is int
    model = pronghorn.Sequential([layers.Dense(1)])
    stops = callbacks.EarlyStopping("loss", patience=two)
    model.compile(optimizer, "mse", steps_per_execution=two)
    model.fit(np.ones((8, 2)), np.ones((8, 1)), batch_size=2, verbose=0, callbacks=[stops])
    model = pronghorn.Sequential([layers.Dense(3, "sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=[metrics.Precision(top_k=two), metrics.MeanIoU(two)])
    model.fit(np.ones((8, 2)), np.ones((8, 3)), verbose=0)
