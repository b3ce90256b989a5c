"""TensorFlow as the engine of scripts: the real TensorFlow beside our keras."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pronghorn.engine.backends import engine as engines

SOURCE = Path(__file__).parents[2] / "src"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not engines.is_installed("tensorflow"), reason="tensorflow is not installed"),
]

SCRIPT = """
import subprocess, sys
import keras
import tensorflow as tf
from tensorflow.keras.layers import Dense
from tensorflow.keras.models import Sequential

assert keras.backend.backend() == "tensorflow"
assert tf.keras.layers.Dense is Dense is keras.layers.Dense and Dense.__module__.startswith("pronghorn.")
model = Sequential([Dense(2)])
model.compile("sgd", "mse")
pairs = tf.data.Dataset.from_tensor_slices((tf.random.normal((10, 3)), tf.zeros((10, 2)))).batch(4)
history = model.fit(pairs, epochs=2, verbose=0)
assert history.history["loss"][1] < history.history["loss"][0]
child = "import tensorflow as tf, keras; assert tf.raw_ops and tf.keras.Model is keras.Model; print(keras.__file__)"
print(subprocess.run([sys.executable, "-c", child], check=True, capture_output=True, text=True).stdout)
"""


def run(script, tmp_path, **environment):
    file = tmp_path / "script.py"
    file.write_text(script)
    kept = {k: v for k, v in os.environ.items() if not k.endswith("_BACKEND")}
    return subprocess.run(
        [sys.executable, "-m", "pronghorn", "run", str(file)],
        env={**kept, "PYTHONPATH": str(SOURCE), "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("variable", ["PRONGHORN_BACKEND", "KERAS_BACKEND"])
def test_scripts_get_the_real_tensorflow_and_our_keras(variable, tmp_path):
    done = run(SCRIPT, tmp_path, **{variable: "tensorflow"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(str(Path("pronghorn") / "__init__.py"))


def test_beside_the_stand_in_it_says_when_to_choose_it(tmp_path):
    done = run("import keras\nkeras.config.set_backend('tensorflow')\n", tmp_path)
    assert done.returncode == 1
    assert "stand-in for tensorflow" in done.stderr
    assert "PRONGHORN_BACKEND=tensorflow pronghorn run" in done.stderr
