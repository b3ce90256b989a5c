"""Scripts as models and data: run in another process up to their fit."""

import time

import pytest

from pronghorn.studio import commands, data_sets
from pronghorn.studio.data_sets import count_of
from pronghorn.studio.opened_scripts import open_script, open_source, use
from pronghorn.studio.workbench import Workbench

SCRIPT = """
import keras
import numpy as np
from keras import layers

print("hello")
x = np.random.default_rng(0).normal(size=(40, 6)).astype("float32")
y = (x[:, 0] > 0).astype("int64")
model = keras.Sequential([keras.Input((6,)), layers.Dense(4, activation="relu", name="first"), layers.Dense(2)])
model.compile(keras.optimizers.SGD(0.25), keras.losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
try:
    model.fit(x, y, batch_size=8, epochs=7, validation_split=0.25)
except Exception:
    pass
open("too_far", "w")
"""


@pytest.mark.slow
def test_a_script_is_run_up_to_its_fit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.py").write_text(SCRIPT)
    found = open_script(str(tmp_path / "s.py"))
    assert [layer.name for layer in found.plan.layers][1] == "first" and "hello" in found.output
    settings = found.settings
    assert (settings.optimizer, settings.learning_rate, settings.batch_size, settings.epochs) == ("SGD", 0.25, 8, 7)
    assert found.data.kind == "table" and found.data.classes == ("0", "1") and len(found.data.x_test) == 10
    assert not (tmp_path / "too_far").exists()


OTHER_DATA = """
import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(0)


def batches():
    while True:
        yield {"a": rng.normal(size=(4, 6)), "b": rng.normal(size=(4, 2))}, np.ones(4)


a, b = keras.Input((6,), name="a"), keras.Input((2,), name="b")
model = keras.Model({"a": a, "b": b}, layers.Dense(1)(layers.Concatenate(name="both")([a, b])))
model.compile("sgd", "mse")
model.fit(batches(), steps_per_epoch=5, validation_data=batches(), validation_steps=2)
"""


@pytest.mark.slow
def test_a_generator_for_several_inputs(tmp_path):
    bench = Workbench()
    use(bench, open_source(OTHER_DATA))
    data = bench.data
    assert data.inputs() == {"a": (6,), "b": (2,)} and data.classes == ()  # ones are values, says the loss
    assert count_of(data.x) == len(data.y) == 20 and count_of(data.x_test) == 8
    assert bench.built.problem is None
    run = bench.start()
    run.thread.join(60)
    assert run.state == "done" and run.error == ""
    source = {"example": 3}
    for do, arguments in (
        ("results", {}), ("weights", {}), ("examples", {}), ("measure", {}), ("predict", {"source": source}),
        ("features", {"source": source}), ("value", {"source": source, "layer": "both", "place": [7]}),
    ):  # fmt: skip
        answer = commands.run(bench, {"do": do, "with": arguments})
        assert "error" not in answer, (do, answer)
    assert answer["result"]["value"] == pytest.approx(data.x_test["b"][3, 1], rel=1e-3)
    assert (
        "one input"
        in commands.run(bench, {"do": "saliency", "with": {"source": source, "method": "grad_cam", "target": 0}})[
            "error"
        ]
    )


OWN = """
import keras
import numpy as np
from keras import layers

class Mine(layers.Layer):
    def call(self, x):
        return x * 2

x = np.ones((10, 4), "float32")
model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="before"), Mine(name="mine"), layers.Dense(2)])
model.compile("adam", "mse")
model.fit(x, x[:, :2])
"""


@pytest.mark.slow
def test_a_class_of_the_scripts_own_is_shown_but_not_made(tmp_path):
    bench = Workbench()
    bench.use_data(data_sets.load_packaged("mnist"))
    use(bench, open_source(OWN))
    assert bench.data.shape == (4,)
    assert bench.built.problem.layer == "mine" and "class of the script's own" in bench.built.problem.message
    graph = bench.shown()["graph"]
    assert [box["shape"] for box in graph["boxes"][1:]] == [[None, 3], [None, 3], [None, 2]]


@pytest.mark.slow
def test_what_is_wrong_with_a_script(tmp_path):
    with pytest.raises(ValueError, match="failed in line 3: ZeroDivisionError"):
        open_source("def f():\n    pass\n1 / 0")
    with pytest.raises(ValueError, match="failed in line 2: SyntaxError"):
        open_source("import keras\nkeras.(")
    with pytest.raises(ValueError, match="neither compiled nor trained"):
        open_source("import keras")
    (tmp_path / "slow.py").write_text("import time; time.sleep(60)")
    with pytest.raises(ValueError, match="within 2 seconds"):
        open_script(str(tmp_path / "slow.py"), seconds=2)
    with pytest.raises(FileNotFoundError):
        open_script("nowhere.py")


MANY_WORDS = """
import os, subprocess, sys, threading, time
import keras
import numpy as np

subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
threading.Thread(target=time.sleep, args=(60,)).start()
print("first words")
for _ in range(200):
    sys.stdout.write("x" * (1 << 16))
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
try:
    model.fit(np.ones((4, 3)), np.ones((4, 1)))
except:
    time.sleep(60)
"""


@pytest.mark.slow
def test_a_script_that_prints_much_and_leaves_processes_and_threads_behind(tmp_path):
    began = time.monotonic()
    found = open_source(MANY_WORDS)
    assert time.monotonic() - began < 30
    assert len(found.plan.layers) == 2 and len(found.data.x) + len(found.data.x_test) == 4
    assert found.output.startswith("first words\n") and "bytes left out here" in found.output
    assert len(found.output) < 50_000


@pytest.mark.slow
def test_how_a_script_exits(tmp_path):
    head = "import keras, sys\nkeras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).compile('sgd', 'mse')\n"
    assert len(open_source(head + "sys.exit()").plan.layers) == 2
    with pytest.raises(ValueError, match="failed.*: no such folder"):
        open_source(head + "sys.exit('no such folder')")
