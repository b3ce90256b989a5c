"""Files of Keras 2's CuDNNLSTM and CuDNNGRU layers, against cuDNN's formulas in NumPy."""

import json

import h5py
import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, saving
from pronghorn.saving.legacy.cudnn import from_cudnn, to_cudnn

GATES = {"LSTM": 4, "GRU": 3}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def stored_weights(kind, rng, n, units):
    """What a file has: kernels of shape (n, gates * units), whose memory is that of cuDNN's matrices, and one bias."""
    width = GATES[kind] * units
    shapes = (n, width), (units, width), (2 * width,)
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def of_cudnn(kind, stored, x):
    """All outputs of a layer, by cuDNN's formulas: matrices of (units, n) from the left, two biases."""
    gates = GATES[kind]
    kernel, recurrent, bias = (array.astype("float64") for array in stored)
    units = len(recurrent)
    w = [np.ascontiguousarray(part).ravel().reshape(units, -1) for part in np.split(kernel, gates, axis=1)]
    r = [np.ascontiguousarray(part).ravel().reshape(units, units) for part in np.split(recurrent, gates, axis=1)]
    b = np.split(bias, 2 * gates)
    outputs = np.zeros((len(x), x.shape[1], units))
    for sample in range(len(x)):
        h = c = np.zeros(units)
        for step, value in enumerate(x[sample]):
            of_input = [w[k] @ value + b[k] for k in range(gates)]
            of_state = [r[k] @ h + b[gates + k] for k in range(gates)]
            if kind == "LSTM":
                i, f, new, o = (one + other for one, other in zip(of_input, of_state))
                c = sigmoid(f) * c + sigmoid(i) * np.tanh(new)
                h = sigmoid(o) * np.tanh(c)
            else:
                z, reset = (sigmoid(of_input[k] + of_state[k]) for k in range(2))
                h = z * h + (1 - z) * np.tanh(of_input[2] + reset * of_state[2])
            outputs[sample, step] = h
    return outputs


def write(path, groups, config=None):
    with h5py.File(path, "w") as file:
        root = file if config is None else file.create_group("model_weights")
        if config is not None:
            file.attrs["model_config"] = json.dumps(config)
        root.attrs["layer_names"] = [name.encode() for name in groups]
        for name, arrays in groups.items():
            group = root.create_group(name)
            names = [f"w{k}:0" for k in range(len(arrays))]
            group.attrs["weight_names"] = [key.encode() for key in names]
            for key, array in zip(names, arrays):
                group[key] = array
    return path


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize(("n", "units"), [(5, 3), (1, 4), (3, 1), (3, 3)])
def test_weights_give_what_cudnn_computes(kind, n, units, tmp_path):
    rng = np.random.default_rng(0)
    stored = stored_weights(kind, rng, n, units)
    path = write(tmp_path / "w.h5", {"rnn": stored})
    model = keras.Sequential([keras.Input((6, n)), getattr(layers, kind)(units, return_sequences=True, name="rnn")])
    for by_name in (False, True):
        model.layers[0].set_weights([np.zeros(v.shape) for v in model.weights])
        model.load_weights(path, by_name=by_name)
        x = rng.normal(size=(2, 6, n)).astype("float32")
        np.testing.assert_allclose(model.predict(x, verbose=0), of_cudnn(kind, stored, x), atol=1e-6)


@pytest.mark.parametrize("kind", GATES)
def test_a_whole_model_with_a_bidirectional_and_one_inside(kind, tmp_path):
    rng = np.random.default_rng(1)
    forth, back, inner = (stored_weights(kind, rng, n, 3) for n in (4, 4, 6))

    def layer(name, **config):
        return {"class_name": f"CuDNN{kind}", "config": {"units": 3, "return_sequences": True, "name": name, **config}}

    both = {"name": "both", "layer": layer("rnn"), "merge_mode": "concat", "batch_input_shape": [None, 5, 4]}
    inside = {"name": "inside", "layers": [layer("last", batch_input_shape=[None, 5, 6])]}
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "m",
            "layers": [
                {"class_name": "Bidirectional", "config": both},
                {"class_name": "Sequential", "config": inside},
            ],
        },
    }
    model = saving.load_model(write(tmp_path / "m.h5", {"both": [*forth, *back], "inside": inner}, config))
    x = rng.normal(size=(2, 5, 4)).astype("float32")
    middle = np.concatenate([of_cudnn(kind, forth, x), of_cudnn(kind, back, x[:, ::-1])[:, ::-1]], axis=-1)
    np.testing.assert_allclose(model.predict(x, verbose=0), of_cudnn(kind, inner, middle), atol=1e-6)
    model.save(tmp_path / "again.h5")
    again = saving.load_model(tmp_path / "again.h5")  # as a file of LSTM and GRU, which is taken as it is
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("gates", [1, 3, 4])
@pytest.mark.parametrize("rows", [1, 2, 7])
def test_kernels_both_ways(gates, rows):
    kernel = np.random.default_rng(2).normal(size=(rows, gates * 3))
    np.testing.assert_array_equal(from_cudnn(to_cudnn(kernel, gates), gates), kernel)
    np.testing.assert_array_equal(to_cudnn(from_cudnn(kernel, gates), gates), kernel)


def test_a_gru_that_resets_before_is_refused(tmp_path):
    path = write(tmp_path / "w.h5", {"rnn": stored_weights("GRU", np.random.default_rng(3), 4, 3)})
    model = keras.Sequential([keras.Input((6, 4)), layers.GRU(3, reset_after=False, name="rnn")])
    before = model.get_weights()
    with pytest.raises(ValueError, match="reset_after=True"):
        model.load_weights(path)
    with pytest.warns(UserWarning, match="CuDNNGRU"):
        model.load_weights(path, skip_mismatch=True)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))


def test_an_array_of_another_size_is_still_told(tmp_path):
    stored = stored_weights("LSTM", np.random.default_rng(4), 4, 3)
    path = write(tmp_path / "w.h5", {"rnn": [*stored[:2], stored[2][:-1]]})
    model = keras.Sequential([keras.Input((6, 4)), layers.LSTM(3, name="rnn")])
    with pytest.raises(ValueError, match=r"\(12,\), the file's array \(23,\)"):
        model.load_weights(path)
