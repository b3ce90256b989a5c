"""Starting a studio, and one beside a script's training."""

import base64
import http.client
import importlib.util
import json
import logging

import numpy as np
import pytest

import pronghorn as keras
from pronghorn._extras import install_command
from pronghorn.studio import commands, launch


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ({"uvicorn"}, "uvicorn"),
        ({"starlette", "websockets"}, "starlette and websockets"),
        ({"starlette", "uvicorn", "websockets"}, "starlette, uvicorn and websockets"),
    ],
)
def test_what_is_missing_is_named_with_its_mend(monkeypatch, missing, told):
    found, needed = importlib.util.find_spec, {name: object() for name in ("starlette", "uvicorn", "websockets")}
    spec = {**needed, **dict.fromkeys(missing)}  # whatever is installed here
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec[name] if name in spec else found(name))
    message = f"The studio needs {told}; to install: {install_command('studio')}"
    for start in (launch.check_installed, keras.callbacks.Studio):
        with pytest.raises(ImportError) as caught:
            start()
        assert str(caught.value) == message


def test_what_cannot_be_opened_is_told(tmp_path):
    with pytest.raises(FileNotFoundError):
        launch.bench_for(str(tmp_path / "none.keras"))
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ValueError, match="neither a script"):
        launch.bench_for(str(tmp_path / "notes.txt"))
    (tmp_path / "bad.keras").write_text("no archive")
    with pytest.raises(ValueError):
        launch.bench_for(str(tmp_path / "bad.keras"))
    with pytest.raises(ValueError, match="no data set"):
        launch.bench_for(None, "nothing")


def test_a_table_is_the_data(tmp_path):
    rows = "\n".join(f"{i};{i / 7}".replace(".", ",") for i in range(20))
    (tmp_path / "t.csv").write_bytes(f"gr\xf6\xdfe;preis\n{rows}\n".encode("latin-1"))
    bench = launch.bench_for(str(tmp_path / "t.csv"))
    assert bench.table.header == ["gr\xf6\xdfe", "preis"] and bench.data.shape == (1,) and not bench.data.classes


def test_a_file_is_shown_and_then_used_with_its_weights(tmp_path):
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10, name="end")])
    model.save(tmp_path / "m.keras")
    bench = launch.bench_for(str(tmp_path / "m.keras"))
    assert bench.file.name == "m.keras" and not bench.runs
    assert "result" in commands.run(bench, {"do": "use_file"})
    assert [layer.name for layer in bench.built.plan.layers][-1] == "end"
    np.testing.assert_array_equal(bench.runs[-1].model.get_weights()[0], model.get_weights()[0])
    answer = commands.run(bench, {"do": "predict", "with": {"source": {"example": 0}}})
    assert len(answer["result"]["values"]) == 10 and answer["result"]["truth"] == bench.data.y_test[0]
    drawing = {"drawing": base64.b64encode(bytes(range(100))).decode(), "width": 10}
    assert commands.run(bench, {"do": "predict", "with": {"source": drawing}})["result"]["truth"] is None


def test_handlers_of_the_scripts_logging_stay_open():
    pytest.importorskip("starlette")
    pytest.importorskip("uvicorn")

    class Handler(logging.Handler):
        is_open = True

        def close(self):
            self.is_open = False
            super().close()

    handler = Handler()
    logging.getLogger("of.the.script").addHandler(handler)
    try:
        watch = keras.callbacks.Studio()
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0, callbacks=[watch])
        watch._watching._server.stop()
        assert handler.is_open
    finally:
        logging.getLogger("of.the.script").removeHandler(handler)


def test_a_script_is_watched(capsys):
    pytest.importorskip("starlette")
    pytest.importorskip("uvicorn")
    x, y = np.random.default_rng(0).normal(size=(32, 3)).astype("float32"), np.arange(32) % 2
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="softmax", name="only")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    watch = keras.callbacks.Studio(validation_data=(x, y), class_names=["no", "yes"])
    model.fit(x, y, epochs=2, batch_size=8, verbose=0, callbacks=[watch])
    assert watch.url in capsys.readouterr().out
    session = watch._watching._server.session
    link = http.client.HTTPConnection("127.0.0.1", session.port, timeout=20)
    link.request("GET", "/state", headers={"Cookie": f"{session.cookie}={session.token}"})
    state = json.loads(link.getresponse().read())
    link.close()
    (run,) = state["runs"]
    assert run["state"] == "done" and run["epochs"] == 2 and run["last"]["logs"]["loss"] > 0
    assert state["script_trains"] and state["data"]["classes"] == ["no", "yes"]
    assert [box["name"] for box in state["graph"]["boxes"]][-1] == "only"
    model.fit(x, y, epochs=1, batch_size=8, verbose=0, callbacks=[watch])
    assert len(watch._watching.bench.runs) == 2
    watch._watching._server.stop()


def test_a_model_of_ones_own_class_is_watched_without_a_graph():
    pytest.importorskip("starlette")
    pytest.importorskip("uvicorn")

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    model = Own()
    model.compile("sgd", "mse")
    watch = keras.callbacks.Studio()
    model.fit(np.ones((8, 2)), np.ones((8, 1)), verbose=0, callbacks=[watch])
    state = watch._watching.bench.shown()
    assert state["graph"] is None and state["runs"][0]["state"] == "done"
    watch._watching._server.stop()
