"""Batches whose lengths differ: one program for any length, which gives what programs for the very lengths give."""

import functools

import numpy as np
import pytest
from counted_steps import counted

import pronghorn as keras
from pronghorn import layers, ops
from pronghorn.calls import lengths
from pronghorn.data import RaggedTensor

LENGTHS = (9, 12, 7, 10, 13, 8, 21, 1, 16, 9)


class _CausalAttention(layers.Layer):
    def __init__(self):
        super().__init__()
        self.attention = layers.MultiHeadAttention(2, 4)

    def call(self, x):
        return self.attention(x, x, use_causal_mask=True)


TEXTS = {
    "embedding": lambda x: x,
    "lstm": lambda x: layers.LSTM(5, return_sequences=True)(x),
    "gru": lambda x: layers.Bidirectional(layers.GRU(5, return_sequences=True))(x),
    "rnn": lambda x: layers.SimpleRNN(5, go_backwards=True, return_sequences=True)(x),
    "attention": lambda x: layers.MultiHeadAttention(2, 4)(x, x),
    "causal": lambda x: _CausalAttention()(x),
    "convolution": lambda x: layers.Conv1D(6, 3, padding="same", activation="relu")(x),
    "strides": lambda x: layers.Conv1D(6, 3, strides=2, padding="same")(x),
    "causal convolution": lambda x: layers.Conv1D(6, 3, dilation_rate=2, padding="causal")(x),
    "transposed": lambda x: layers.Conv1DTranspose(6, 3, strides=2, padding="same")(x),
    "depthwise": lambda x: layers.SeparableConv1D(6, 3, padding="same")(x),
    "pool": lambda x: layers.MaxPooling1D(3, 2, padding="same")(x),
    "average": lambda x: layers.AveragePooling1D(2, padding="same")(x),
    "batch norm": lambda x: layers.BatchNormalization()(x),
    "group norm": lambda x: layers.GroupNormalization(2)(x),
    "dropout": lambda x: layers.Dropout(0.5)(x),
    "softmax": lambda x: layers.Softmax(axis=1)(x),
    "gram": lambda x: ops.matmul(ops.matmul(x, ops.transpose(x, (0, 2, 1))), x),
    "differences": lambda x: ops.concatenate([x[:, :1], x[:, 1:] - x[:, :-1]], 1),
    "sorted": lambda x: ops.cumsum(ops.sort(x, 1), 1),
}
STRIDED = [(strides, kernel) for strides in (2, 3) for kernel in range(1, 8)]
IMAGES = {
    "convolution": lambda x: layers.Conv2D(8, 3, padding="same", activation="relu")(x),
    "strides": lambda x: layers.MaxPooling2D()(layers.Conv2D(4, 3, strides=2, padding="same")(x)),
    "up": lambda x: layers.Conv2DTranspose(4, 3, strides=2, padding="same")(layers.UpSampling2D()(x)),
    "norm": lambda x: layers.ReLU()(layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same")(x))),
}


def _text_model(middle, masked=False):
    tokens = keras.Input((None,), dtype="int32")
    x = layers.GlobalAveragePooling1D()(middle(layers.Embedding(50, 8, mask_zero=masked)(tokens)))
    return keras.Model(tokens, layers.Dense(1)(x))


def _trained(model, batches):
    """What is predicted, lost and learned over some batches."""
    model.compile("sgd", "mse")
    found = []
    for x, y in batches:
        found += [model.predict_on_batch(x), model.train_on_batch(x, y), model.test_on_batch(x, y)]
    return [np.asarray(v, "float64") for v in (*found, *model.get_weights())]


def _same_as_for_each_length(make, batches, monkeypatch):
    made = []
    add = lengths.Lengths.add
    monkeypatch.setattr(lengths.Lengths, "add", lambda self, *args: (made.append(1), add(self, *args)))
    keras.utils.set_random_seed(1)
    got = _trained(make(), batches)
    programs = len(made)
    monkeypatch.setattr(lengths, "FEWEST_SHAPES", 1 << 30)
    keras.utils.set_random_seed(1)
    expected = _trained(make(), batches)
    assert len(made) == programs
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * np.abs(b).max(initial=1e-2))
    return programs


def _texts():
    rng = np.random.default_rng(0)
    return [
        (rng.integers(0, 50, (n, w)), rng.random((n, 1), "float32")) for n, w in zip((4, 4, 4, 3, 4, 1, 5), LENGTHS)
    ]


@pytest.mark.parametrize("name", TEXTS)
def test_texts(name, monkeypatch):
    assert _same_as_for_each_length(lambda: _text_model(TEXTS[name]), _texts(), monkeypatch) >= 3


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("strides", "kernel"), STRIDED)
def test_gradients_of_the_inputs_of_strided_convolutions(strides, kernel, padding, monkeypatch):
    def middle(x):
        return layers.Conv1D(4, kernel, strides=strides, padding=padding)(x)

    rng = np.random.default_rng(0)
    batches = [(rng.integers(0, 50, (3, w)), rng.random((3, 1), "float32")) for w in (9, 12, 7, 10, 8, 11)]
    assert _same_as_for_each_length(lambda: _text_model(middle), batches, monkeypatch) >= 3


@pytest.mark.parametrize("name", ["lstm", "gru", "attention", "embedding"])
def test_masked_texts(name, monkeypatch):
    assert _same_as_for_each_length(lambda: _text_model(TEXTS[name], True), _texts(), monkeypatch) >= 3


@pytest.mark.parametrize("name", IMAGES)
def test_images(name, monkeypatch):
    def make():
        images = keras.Input((None, None, 3))
        return keras.Model(images, layers.Dense(1)(layers.GlobalAveragePooling2D()(IMAGES[name](images))))

    rng = np.random.default_rng(0)
    sizes = ((8, 9), (12, 10), (9, 9), (17, 8), (10, 12))
    batches = [(rng.random((3, *size, 3), "float32"), rng.random((3, 1), "float32")) for size in sizes]
    assert _same_as_for_each_length(make, batches, monkeypatch) >= 3


def test_an_output_for_each_step(monkeypatch):
    def make():
        series = keras.Input((None, 3))
        return keras.Model(series, layers.Dense(1)(layers.LSTM(4, return_sequences=True)(series)))

    rng = np.random.default_rng(0)
    batches = [(rng.random((4, w, 3), "float32"), rng.random((4, w, 1), "float32")) for w in LENGTHS[:6]]
    assert _same_as_for_each_length(make, batches, monkeypatch) == 3


def test_the_third_length_makes_a_program_for_all():
    count, run = counted(lambda x: ops.sum(x, 1))
    for n, w in ((2, 5), (3, 5), (2, 6), (2, 7), (9, 8), (2, 1), (1, 500), (2, 6)):
        np.testing.assert_array_equal(run(np.ones((n, w), "float32")), [w] * n)
    assert len(count) == 3


def test_lengths_that_come_often_get_programs_of_their_own(monkeypatch):
    monkeypatch.setattr(lengths, "OFTEN", 3)
    monkeypatch.setattr(lengths, "MOST_OWN", 2)
    count, run = counted(lambda x: ops.sum(x, 1))
    for _ in range(5):
        for w in (5, 6, 7, 8, 9, 10):
            np.testing.assert_array_equal(run(np.ones((2, w), "float32")), [w] * 2)
    assert len(count) == 5


def test_no_length_and_no_sample():
    count, run = counted(lambda x: ops.sum(x, 1))
    for n, w in ((2, 5), (2, 6), (2, 7), (2, 0), (0, 7), (0, 9), (2, 8)):
        np.testing.assert_array_equal(run(np.ones((n, w), "float32")), [w] * n)
    assert len(count) <= 6  # three, and one for each that is empty


def test_lengths_that_vary_alike_are_one():
    count, run = counted(lambda data: ops.sum(data[0] * data[1]))  # which asks whether they are equal
    for w in range(5, 30):
        assert run(np.ones((2, w), "float32"), np.ones((2, w), "float32")) == 2 * w
    assert len(count) == 3
    with pytest.raises(ValueError, match="broadcast"):
        run(np.ones((2, 7), "float32"), np.ones((2, 8), "float32"))
    assert run(np.ones((2, 7), "float32"), np.ones((2, 1), "float32")) == 14


def test_lengths_that_vary_apart_are_two():
    count, run = counted(lambda data: ops.concatenate(data, 1))
    for a, b in ((1, 2), (2, 3), (3, 4), (5, 1), (7, 7), (2, 9), (9, 2), (4, 4)):
        got = run(np.zeros((2, a), "float32"), np.ones((2, b), "float32"))
        np.testing.assert_array_equal(got, [[0] * a + [1] * b] * 2)
    assert len(count) <= 6


def test_what_did_not_vary_may_yet():
    count, run = counted(lambda x: ops.sum(x, (1, 2)))
    for w, v in ((5, 3), (6, 3), (7, 3), (8, 3), (8, 4), (9, 5), (6, 6)):
        np.testing.assert_array_equal(run(np.ones((2, w, v), "float32")), [w * v] * 2)
    assert len(count) == 4


def test_a_step_that_asks_for_the_length_has_a_program_for_each():
    _, run = counted(lambda x: ops.sum(x, 1) + len(range(x.shape[1])))
    for w in (5, 6, 7, 8, 9, 5):
        np.testing.assert_array_equal(run(np.ones((2, w), "float32")), [2 * w] * 2)


@pytest.mark.parametrize(
    "ask",
    [
        lambda length: {8: 2.0, 13: 3.0}.get(length, 1.0),
        lambda length: 2.0 if length in {7, 9} else 1.0,
        lambda length: 2.0 if length in (7, 9) else 1.0,
        functools.lru_cache(lambda length: 2.0 if length == 8 else 1.0),
    ],
    ids=["dict", "set", "tuple", "cache"],
)
def test_a_step_that_looks_up_the_length(ask):
    _, run = counted(lambda x: ops.sum(x, 1) * ask(x.shape[1]))
    for w in (5, 6, 7, 8, 9, 13, 8):
        np.testing.assert_array_equal(run(np.ones((2, w), "float32")), [w * ask(w)] * 2)


def test_moving_averages_of_each_step(monkeypatch):
    def make():
        series = keras.Input((None, 3))
        return keras.Model(series, layers.Dense(1)(layers.TimeDistributed(layers.BatchNormalization())(series)))

    rng = np.random.default_rng(0)
    batches = [(rng.random((4, w, 3), "float32"), rng.random((4, w, 1), "float32")) for w in (3, 4, 5, 6, 7)]
    _same_as_for_each_length(make, batches, monkeypatch)


def test_a_length_that_is_declared_is_checked():
    inputs = keras.Input((10, 3))
    model = keras.Model(inputs, layers.Dense(1)(inputs))
    model.compile("sgd", "mse")
    for w in (10, 7, 8, 9, 7, 11):
        x, y = np.ones((2, w, 3), "float32"), np.ones((2, w, 1), "float32")
        if w == 10:
            model.train_on_batch(x, y)
        else:
            with pytest.raises(ValueError, match="10"):
                model.train_on_batch(x, y)


def test_what_leaves_nothing_of_a_length():
    _, run = counted(layers.Cropping1D((1, 2)))
    for w in (9, 8, 7, 6, 3, 2, 5, 1):
        if w > 3:
            assert run(np.ones((2, w, 3), "float32")).shape == (2, w - 3, 3)
        else:
            with pytest.raises(ValueError, match="leaves nothing"):
                run(np.ones((2, w, 3), "float32"))


def test_a_step_that_decides_by_the_length():
    count, run = counted(lambda x: ops.sum(x, 1) if x.shape[1] > 6 else ops.sum(x, 1) * 2)
    for w in (5, 6, 7, 8, 9, 3, 30, 4):
        np.testing.assert_array_equal(run(np.ones((2, w), "float32")), [w if w > 6 else 2 * w] * 2)
    assert len(count) == 4


def test_scores_that_would_be_large_are_made_for_the_very_length(monkeypatch):
    monkeypatch.setattr(lengths, "MOST_WIDE", 2 * 64)
    count, run = counted(lambda x: ops.matmul(x, ops.transpose(x, (0, 2, 1))))
    for w in (4, 5, 6, 7, 8, 9, 10, 8):
        np.testing.assert_array_equal(run(np.ones((2, w, 3), "float32")), np.full((2, w, w), 3))
    assert len(count) == 2 + 1 + 2 * 2  # lengths of 9 and 10 are tried with symbols in vain


def test_large_images_are_no_scores(monkeypatch):
    monkeypatch.setattr(lengths, "MOST_WIDE", 1)
    count, run = counted(lambda x: ops.max_pool(x * 2, 2))
    for h, w in ((4, 6), (5, 8), (6, 7), (7, 9), (8, 4)):
        np.testing.assert_array_equal(run(np.ones((2, h, w, 3), "float32")), np.full((2, h // 2, w // 2, 3), 2))
    assert len(count) == 3


def test_variables_that_get_another_shape():
    table = keras.Variable(np.ones((4,), "float32"))
    _, run = counted(lambda x: ops.sum(x, 1) * ops.sum(table))
    for rows in (4, 5):
        table.replace(np.ones((rows,), "float32"))
        for w in (3, 4, 5, 6):
            np.testing.assert_array_equal(run(np.ones((2, w), "float32")), [rows * w] * 2)


def test_rows_of_different_lengths():
    tokens = keras.Input((None,), dtype="int32", ragged=True)
    x = layers.GlobalAveragePooling1D()(layers.Embedding(50, 8)(tokens))
    model = keras.Model(tokens, layers.Dense(1)(x))
    model.compile("sgd", "mse")
    rng, traced = np.random.default_rng(0), []
    table = model.layers[1].get_weights()[0]
    for longest in (3, 5, 4, 9, 6):
        rows = [rng.integers(0, 50, n) for n in (longest, 2, 1)]
        got = model.predict_on_batch(RaggedTensor.of([list(map(int, row)) for row in rows]))
        means = np.stack([table[row].mean(0) for row in rows])
        kernel, bias = model.layers[-1].get_weights()
        np.testing.assert_allclose(got, means @ kernel + bias, rtol=1e-5, atol=1e-6)
        traced.append(len(model._function("predict")._lengths))
    assert traced[-1] == 1


def test_profiles_see_programs_for_any_length():
    model = _text_model(TEXTS["embedding"])
    model.compile("sgd", "mse")
    for x, y in _texts():
        model.train_on_batch(x, y)
    x, y = _texts()[4]
    assert model.profile(x, y, batch_size=4).kernels
