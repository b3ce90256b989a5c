"""The state of a library that is trained, and a model's."""

import itertools

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers
from pronghorn.export.native.reading import read_state
from pronghorn.export.native.states import State


def made(units=3, optimizer="adam"):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(units), layers.Dropout(0.5, seed=1)], name="net")
    model.compile(optimizer, "mse", metrics=["mae"])
    model.fit(np.ones((4, 4)), np.ones((4, units)), verbose=0)
    return model


@pytest.fixture
def model():
    return made()


def test_a_state_goes_from_one_model_to_another(model, tmp_path):
    other = made()
    path = tmp_path / "net.state"
    path.write_bytes(State(model).image())
    read_state(path, other)
    pairs = [(m.variables, o.variables) for m, o in ((model, other), (model.optimizer, other.optimizer))]
    for mine, theirs in [*pairs, (model.metrics_variables, other.metrics_variables)]:
        assert len(mine) == len(theirs) > 0
        for a, b in zip(mine, theirs):
            assert a.numpy().tobytes() == b.numpy().tobytes(), a.path


def test_a_model_that_has_no_metrics_yet_gets_them(model, tmp_path):
    fresh = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dropout(0.5, seed=1)])
    fresh.compile("adam", "mse", metrics=["mae"])
    path = tmp_path / "net.state"
    path.write_bytes(State(model).image())
    read_state(path, fresh)
    assert fresh.get_metrics_result() == model.get_metrics_result()
    assert (fresh.layers[0].kernel.numpy() == model.layers[0].kernel.numpy()).all()


def test_variables_lie_apart_and_metrics_last(model):
    state = State(model)
    spans = [(at, at + v.storage().nbytes) for v, at in state.offsets.items()]
    assert all(at % 64 == 0 for at, _ in spans) and spans == sorted(spans)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
    metrics = set(model.metrics_variables)
    assert all((at >= state.metrics) == (v in metrics) for v, at in state.offsets.items())
    assert {*model.variables, *model.optimizer.variables, *metrics} == set(state.offsets)


def test_what_does_not_fit_is_refused(model, tmp_path):
    content = bytes(State(model).image())
    before = [v.numpy() for v in model.variables]
    for bad, words in (
        (b"", "no state"),
        (b"PHSTATE2" + content[8:], "another version"),
        (content[:-1], "is not whole"),
        (content + b"\0", "is not whole"),
        (content[:8] + bytes(8) + content[16:], "another model"),
        (State(made(units=2)).image(), "another model"),
        (State(made(optimizer="sgd")).image(), "another model"),
    ):
        (tmp_path / "bad").write_bytes(bad)
        with pytest.raises(ValueError, match=f"read_state: .*{words}"):
            read_state(tmp_path / "bad", model)
    assert all((a == v.numpy()).all() for a, v in zip(before, model.variables))
    with pytest.raises(FileNotFoundError):
        read_state(tmp_path / "none", model)
    with pytest.raises(ValueError, match="call compile"):
        read_state(tmp_path / "bad", keras.Sequential([keras.Input((4,)), layers.Dense(3)]))
