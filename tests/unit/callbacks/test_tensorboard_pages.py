"""TensorBoard's pages of graphs and profiles."""

import gzip
import json

import numpy as np
import pytest

from pronghorn import Input, Model, Sequential, callbacks, layers
from pronghorn.callbacks.profiler import xspace

X, Y = np.ones((40, 3), "float32"), np.ones((40, 2), "float32")


def small():
    model = Sequential([Input((3,)), layers.Dense(4, name="hidden"), layers.Dense(2, name="end")])
    model.compile("sgd", "mse")
    return model


def records(path):
    data = path.read_bytes()
    while data:
        length = int.from_bytes(data[:8], "little")
        yield data[12 : 12 + length]
        data = data[16 + length :]


def trained(folder, model=None, **settings):
    board = callbacks.TensorBoard(folder, **settings)
    (model or small()).fit(X, Y, batch_size=4, epochs=1, verbose=0, callbacks=[board])
    return next((folder / "train").iterdir())


def test_the_graph_is_the_models_configuration(tmp_path):
    model = small()
    (written,) = [r for r in records(trained(tmp_path / "a", model)) if b"graph_keras_model" in r]
    assert model.to_json().encode() in written
    without = trained(tmp_path / "b", write_graph=False).read_bytes()
    assert b"graph_keras_model" not in without

    class Own(Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    model = Own()
    model.compile("sgd", "mse")
    assert b"graph_keras_model" not in trained(tmp_path / "c", model).read_bytes()  # code describes itself alone


@pytest.mark.parametrize("batches", [1, 4, (4, 8), "4, 8"])
def test_steps_are_measured_and_training_stays_as_it_is(tmp_path, batches):
    trained(tmp_path, profile_batch=batches)
    (folder,) = (tmp_path / "plugins" / "profile").iterdir()
    (trace,) = folder.glob("*.trace.json.gz")
    events = json.loads(gzip.decompress(trace.read_bytes()))["traceEvents"]
    spans = [event for event in events if event["ph"] == "X"]
    names = {event["name"] for event in spans if event["tid"] == 1}
    assert any("hidden" in name for name in names) and any("end" in name for name in names)
    for row in (1, 2):  # of each, one follows the other
        ends = 0
        for event in (event for event in spans if event["tid"] == row):
            assert event["ts"] == pytest.approx(ends) and event["dur"] >= 0
            ends = event["ts"] + event["dur"]
    (plane,) = folder.glob("*.xplane.pb")
    assert b"/host:CPU" in plane.read_bytes()


def test_the_same_bits_with_a_profile(tmp_path):
    weights = []
    for batches in (0, (3, 5)):
        model = small()
        model.set_weights([np.full(w.shape, 0.1, "float32") for w in model.weights])
        trained(tmp_path / str(batches), model, profile_batch=batches)
        weights.append(model.get_weights())
    for a, b in zip(*weights):
        np.testing.assert_array_equal(a, b)


def test_no_profile_where_nothing_was_measured(tmp_path):
    with pytest.warns(UserWarning, match="no trace was written: profile_batch asks for batch 1000"):
        trained(tmp_path, profile_batch=1000)
    assert not (tmp_path / "plugins").exists()
    model = small()
    model.compile("sgd", "mse", run_eagerly=True)
    with pytest.warns(UserWarning, match="runs eagerly"):
        trained(tmp_path / "eager", model, profile_batch=3)
    assert not (tmp_path / "eager" / "plugins").exists()
    for batches in (-1, (5, 3), "a", 1.5, (1, 2, 3)):
        with pytest.raises(ValueError, match="profile_batch"):
            callbacks.TensorBoard(profile_batch=batches)


def test_the_profile_of_a_model_as_a_chrome_trace(tmp_path):
    profile = small().profile(X, Y, steps=3, verbose=0)
    profile.save_trace(tmp_path / "step.json")
    trace = json.loads((tmp_path / "step.json").read_text())
    kernels = [event for event in trace["traceEvents"] if event.get("tid") == 2 and event["ph"] == "X"]
    assert sorted(event["name"] for event in kernels) == sorted(row.kernel for row in profile.kernels)
    total = sum(row.ms for row in profile.kernels) / profile.threads
    assert sum(event["dur"] for event in kernels) == pytest.approx(1e3 * total)


def test_planes_are_messages():
    events = [
        {"ph": "M", "pid": 1, "tid": 2, "name": "thread_name", "args": {"name": "kernels"}},
        {"ph": "X", "pid": 1, "tid": 2, "name": "k", "ts": 0.0, "dur": 1.0},
    ]
    message = xspace({"traceEvents": events})
    # plane 1: an id, its name, a line (2, "kernels", an event of kernel 1 from 0 to 1,000,000 ps), the kernel's name
    event = b"\x08\x01\x10\x00\x18\xc0\x84\x3d"
    line = b"\x08\x02\x12\x07kernels\x22" + bytes([len(event)]) + event
    assert b"\x08\x01\x12\x09/host:CPU\x1a" + bytes([len(line)]) + line in message
