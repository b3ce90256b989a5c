"""Explanations of single values agree with what layers give."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers
from pronghorn.studio import arithmetic

IMAGE, SEQUENCE, ROW = (7, 6, 4), (8, 4), (5,)
CASES = [
    (layers.Conv1D(3, 3, strides=2, activation="relu"), SEQUENCE),
    (layers.Conv1D(3, 3, padding="causal", dilation_rate=2), SEQUENCE),
    (layers.Conv1D(6, 2, groups=2, padding="same"), SEQUENCE),
    (layers.Conv2D(8, (2, 3), groups=4, strides=(1, 2), padding="same", use_bias=False), IMAGE),
    (layers.Conv2D(3, 3, dilation_rate=2), IMAGE),
    (layers.DepthwiseConv1D(3, depth_multiplier=2), SEQUENCE),
    (layers.DepthwiseConv2D(2, depth_multiplier=2, padding="same"), IMAGE),
    (layers.SeparableConv1D(3, 2, activation="tanh"), SEQUENCE),
    (layers.SeparableConv2D(3, 2, strides=2, depth_multiplier=2, padding="same"), IMAGE),
    (layers.Conv1DTranspose(3, 3, strides=2), SEQUENCE),
    (layers.Conv1DTranspose(3, 2, strides=3, padding="same"), SEQUENCE),
    (layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="relu"), IMAGE),
    (layers.Conv2DTranspose(2, (2, 4), strides=(3, 1)), IMAGE),
    (layers.Conv2DTranspose(2, 3, dilation_rate=2, padding="same"), IMAGE),
    (layers.MaxPooling1D(3, strides=2, padding="same"), SEQUENCE),
    (layers.AveragePooling1D(2), SEQUENCE),
    (layers.MaxPooling2D((2, 3), padding="same"), IMAGE),
    (layers.AveragePooling2D(2, strides=1, padding="same"), IMAGE),
    (layers.GlobalAveragePooling1D(), SEQUENCE),
    (layers.GlobalMaxPooling1D(), SEQUENCE),
    (layers.GlobalAveragePooling2D(), IMAGE),
    (layers.Dense(3, activation="softmax"), SEQUENCE),
    (layers.SimpleRNN(3), SEQUENCE),
    (layers.SimpleRNN(3, return_sequences=True, use_bias=False, activation="relu"), SEQUENCE),
    (layers.LSTM(3), SEQUENCE),
    (layers.LSTM(3, return_sequences=True, go_backwards=True, recurrent_activation="hard_sigmoid"), SEQUENCE),
    (layers.GRU(3), SEQUENCE),
    (layers.GRU(3, return_sequences=True, reset_after=False), SEQUENCE),
    (layers.Flatten(), IMAGE),
    (layers.Permute((2, 1)), SEQUENCE),
    (layers.Reshape((4, 8)), SEQUENCE),
    (layers.RepeatVector(3), ROW),
    (layers.ZeroPadding1D((1, 2)), SEQUENCE),
    (layers.ZeroPadding2D(1), IMAGE),
    (layers.Cropping1D(1), SEQUENCE),
    (layers.Cropping2D(((1, 0), (0, 2))), IMAGE),
    (layers.UpSampling1D(2), SEQUENCE),
    (layers.Dropout(0.5), ROW),
    (layers.Rescaling(2.0, offset=[1.0, 2.0, 3.0, 4.0]), SEQUENCE),
    (layers.Normalization(mean=[1.0, 2.0, 3.0, 4.0], variance=[1.0, 4.0, 0.0, 9.0]), SEQUENCE),
    (layers.BatchNormalization(), IMAGE),
    (layers.BatchNormalization(axis=1, center=False), SEQUENCE),
    (layers.LayerNormalization(), SEQUENCE),
    (layers.LayerNormalization(axis=(1, 2), center=False), SEQUENCE),
    (layers.RMSNormalization(), SEQUENCE),
    (layers.UnitNormalization(), SEQUENCE),
    (layers.Activation("softmax"), SEQUENCE),
    (layers.PReLU(), SEQUENCE),
    (layers.ELU(), ROW),
]
JOINING = [
    (layers.Add(), [ROW, ROW, ROW]), (layers.Subtract(), [ROW, ROW]), (layers.Multiply(), [SEQUENCE, SEQUENCE]),
    (layers.Average(), [ROW, ROW]), (layers.Maximum(), [ROW, ROW]), (layers.Minimum(), [ROW, ROW]),
    (layers.Concatenate(), [ROW, (3,)]), (layers.Concatenate(axis=1), [SEQUENCE, (2, 4)]),
]  # fmt: skip


def agrees(layer, inputs, several):
    arrays = inputs if several else inputs[0]
    layer(arrays)
    rng = np.random.default_rng(1)
    for weight in layer.weights:  # no zeros and ones, which hide mistakes
        if "seed" not in weight.path:
            weight.assign(
                rng.uniform(0.2, 1.2, weight.shape) * rng.choice([1.0, -1.0] if "kernel" in weight.path else [1.0])
            )
    output = np.asarray(layer(arrays))[0]
    places = [tuple(0 for _ in output.shape), tuple(n - 1 for n in output.shape)]
    places += [tuple(int(rng.integers(n)) for n in output.shape) for _ in range(6)]
    for place in places:
        found = arithmetic.explain(layer, [one[0] for one in inputs] if several else inputs[0][0], place)
        np.testing.assert_allclose(found["value"], output[place], rtol=2e-3, atol=1e-4, err_msg=f"{layer} at {place}")
        if found["total"] is not None:
            parts = [window["total"] for window in found["windows"]] + [term[3] for term in found["terms"]]
            if found["steps"]:
                parts = [step[1] for step in found["steps"]]  # a separable one's channels, weighed
            whole = sum(parts) + found["left"] + (found["bias"] or 0)
            np.testing.assert_allclose(whole, found["total"], rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize(("layer", "shape"), CASES, ids=lambda value: getattr(value, "name", ""))
def test_a_value_is_explained_as_it_is(layer, shape):
    keras.utils.set_random_seed(0)
    agrees(layer, [np.random.default_rng(0).normal(size=(1, *shape)).astype("float32")], several=False)


@pytest.mark.parametrize(("layer", "shapes"), JOINING, ids=lambda value: getattr(value, "name", ""))
def test_a_value_of_several_inputs_is_explained_as_it_is(layer, shapes):
    rng = np.random.default_rng(0)
    agrees(layer, [rng.normal(size=(1, *shape)).astype("float32") for shape in shapes], several=True)


def test_a_words_vector():
    layer = layers.Embedding(9, 4)
    words = np.array([[3, 8, 0]])
    output = np.asarray(layer(words))[0]
    assert arithmetic.explain(layer, words[0], (1, 2))["value"] == pytest.approx(output[1, 2], rel=1e-4)


def test_the_inputs_that_reach_a_place_of_a_transposed_convolution():
    layer = layers.Conv2DTranspose(1, 3, strides=2, kernel_initializer="ones")
    found = (
        arithmetic.explain(layer, np.ones((4, 4, 1)), (0, 0, 0))
        if layer(np.ones((1, 4, 4, 1), "float32")) is not None
        else None
    )
    assert found["place"] == [0, 0, 1, 1] and found["value"] == 1.0
    found = arithmetic.explain(layer, np.ones((4, 4, 1)), (2, 2, 0))
    assert found["place"] == [0, 0, 2, 2] and found["value"] == 4.0


def test_what_is_not_shown_says_so():
    layer = layers.EinsumDense("ab,bc->ac", output_shape=3)
    layer(np.ones((1, 5), "float32"))
    found = arithmetic.explain(layer, np.ones(5), (0,))
    assert found["value"] is None and "EinsumDense" in found["text"]
    with pytest.raises(ValueError, match="no value at"):
        arithmetic.explain(layer, np.ones(5), (3,))
