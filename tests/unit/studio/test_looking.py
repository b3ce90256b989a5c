"""Drawings, feature maps, the arithmetic of one value, and saliency."""

import base64

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers
from pronghorn.studio import arithmetic, diagnosis, look_inside, saliency
from pronghorn.studio.data_sets import DataSet
from pronghorn.studio.drawing import centred
from pronghorn.studio.inputs import read_input


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((9, 9, 2)),
            layers.Rescaling(0.5, offset=0.25, name="scale"),
            layers.Conv2D(5, 3, strides=2, padding="same", activation="relu", name="same"),
            layers.DepthwiseConv2D(2, activation="tanh", name="depth"),
            layers.BatchNormalization(name="norm"),
            layers.AveragePooling2D(2, padding="same", name="mean"),
            layers.Conv2D(3, 2, dilation_rate=1, use_bias=False, name="plain"),
            layers.Flatten(name="flat"),
            layers.Dropout(0.5, name="drop"),
            layers.Dense(4, activation="softmax", name="end"),
        ]
    )


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).normal(size=(1, 9, 9, 2)).astype("float32")


def test_every_value_is_explained_as_it_is(model, x):
    outputs = look_inside.layer_outputs(model, x)
    rng, before = np.random.default_rng(0), x[0]
    for layer in model.layers:
        value = outputs[layer.name][0]
        corners = [tuple(0 for _ in value.shape), tuple(n - 1 for n in value.shape)]
        for place in [*corners, *(tuple(int(rng.integers(n)) for n in value.shape) for _ in range(4))]:
            found = arithmetic.explain(layer, before, place)
            np.testing.assert_allclose(found["value"], value[place], rtol=1e-3, atol=1e-4, err_msg=layer.name)
        before = value


def test_the_parts_of_a_sum_add_up(model, x):
    outputs = look_inside.layer_outputs(model, x)
    found = arithmetic.explain(model.get_layer("same"), outputs["scale"][0], (0, 0, 2))
    parts = sum(window["total"] for window in found["windows"]) + found["left"] + (found["bias"] or 0)
    np.testing.assert_allclose(parts, found["total"], rtol=1e-3, atol=1e-4)
    # at stride 2 over 9 values, "same" pads one on each side, so the corner's window begins at -1
    assert found["place"] == [-1, -1, 2, 2] and found["windows"][0]["inputs"][0] == [None] * 3
    found = arithmetic.explain(model.get_layer("end"), outputs["drop"][0], (1,))
    parts = sum(term[3] for term in found["terms"]) + found["left"] + found["bias"]
    np.testing.assert_allclose(parts, found["total"], rtol=1e-3, atol=1e-4)


def test_a_place_that_is_not_there(model, x):
    with pytest.raises(ValueError, match="no value at"):
        arithmetic.explain(model.get_layer("end"), np.zeros(12), (9,))


def test_integrated_gradients_add_up_to_the_difference(model, x):
    parts = saliency.integrated_gradients(model, x, 2, steps=200)
    change = model.predict(x, verbose=0)[0, 2] - model.predict(np.zeros_like(x), verbose=0)[0, 2]
    np.testing.assert_allclose(parts.sum(), change, atol=2e-3)


def test_grad_cam_is_a_map_of_the_input(model, x):
    heat, layer = saliency.grad_cam(model, x, 0)
    assert heat.shape == (9, 9) and layer == "norm" and 0 <= heat.min() <= heat.max() <= 1
    dense = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    with pytest.raises(ValueError, match="feature maps"):
        saliency.grad_cam(dense, np.ones((1, 3)), 0)


def test_words_and_one_output_for_two_classes():
    words = keras.Sequential([keras.Input((3,)), layers.Embedding(5, 2), layers.Flatten(), layers.Dense(1, "sigmoid")])
    with pytest.raises(ValueError, match="numbers of words"):
        saliency.integrated_gradients(words, np.ones((1, 3), "int64"), 0)
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1, "sigmoid")])
    x = np.array([[1.0, -2.0]], "float32")
    data = DataSet("d", "table", x, np.array([1]), x, np.array([1]), ("no", "yes"), ("a", "b"))
    shares = look_inside.predict(model, data, x)["values"]
    assert sum(shares) == pytest.approx(1, abs=1e-3) and diagnosis.test_results(model, data)["tested"] == 1
    against, towards = (saliency.integrated_gradients(model, x, target, classes=2) for target in (0, 1))
    np.testing.assert_allclose(against, -towards, rtol=1e-4)


def test_drawings_are_moved_to_the_middle():
    drawing = np.zeros((100, 60), np.uint8)
    assert not centred(drawing, (28, 28)).any()
    drawing[:30, :10] = 255
    image = centred(drawing, (28, 28))
    rows, columns = np.nonzero(image > 20)
    assert rows.max() - rows.min() + 1 == 20 and abs((rows.min() + rows.max()) / 2 - 13.5) <= 1
    assert abs((columns.min() + columns.max()) / 2 - 13.5) <= 1


def images(scale):
    x = (np.arange(4 * 6 * 6).reshape(4, 6, 6, 1) % 256 * scale).astype("uint8" if scale == 1 else "float32")
    y = np.array([0, 1, 0, 1])
    return DataSet("d", "images", x, y, x, y, ("a", "b"))


def test_inputs_have_the_form_of_the_data():
    for scale in (1, 1 / 255):
        data = images(scale)
        pixels = base64.b64encode(bytes([255] * 36)).decode()
        found = read_input(data, {"pixels": pixels})
        assert found.dtype == data.x.dtype and found.shape == (1, 6, 6, 1) and found.max() == round(255 * scale)
        assert read_input(data, {"drawing": pixels, "width": 6}).shape == (1, 6, 6, 1)
        assert (read_input(data, {"example": 2}) == data.x_test[2:3]).all()
    for wrong in ({"example": 4}, {"pixels": "AAAA"}, {"drawing": pixels, "width": 5}, {}):
        with pytest.raises(ValueError):
            read_input(data, wrong)


def test_results_weights_and_dead_units():
    data = images(1)
    relu = layers.Dense(3, activation="relu", name="hidden", bias_initializer=keras.initializers.Constant(-1e6))
    model = keras.Sequential([keras.Input((6, 6, 1)), layers.Flatten(), relu, layers.Dense(2, "softmax", name="end")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert diagnosis.dead_units(model, data) == [{"layer": "hidden", "unit": "unit", "of": 3, "dead": [0, 1, 2]}]
    found = diagnosis.test_results(model, data)
    assert np.sum(found["matrix"]) == 4 and found["right"] + len(found["worst"]) == 4
    shown = diagnosis.weight_histograms(model, data)
    assert [entry["layer"] for entry in shown] == ["hidden", "end"]
    assert sum(shown[0]["arrays"][0]["gradients"]["counts"]) == 36 * 3


def test_results_of_numbers():
    x = np.ones((5, 2), "float32")
    data = DataSet("d", "table", x, x[:, 0], x, x[:, 0], columns=("a", "b"))
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1, kernel_initializer="zeros")])
    found = diagnosis.test_results(model, data)
    assert found["mean_error"] == 1.0 and found["pairs"][0] == [1.0, 0.0]
