"""Training through `pronghorn run`: what a terminal sees, what a file sees, and Ctrl-C."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import pronghorn

TRAIN = """
import numpy as np
import keras

keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile("sgd", "mse", metrics=["mae"])
x = np.random.rand(64, 4).astype("float32")
y = x.sum(axis=1)
"""


def environment(**extra):
    path = str(Path(pronghorn.__file__).parents[1])
    inherited = {
        name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")
    }
    return {**inherited, "PYTHONPATH": path, "TERM": "xterm-256color", **extra}


@pytest.fixture
def script(tmp_path):
    def write(code):
        path = tmp_path / "script.py"
        path.write_text(TRAIN + code)
        return [sys.executable, "-m", "pronghorn", "run", str(path)]

    return write


FIT = "model.fit(x, y, batch_size=16, epochs=2, validation_split=0.25)\nmodel.evaluate(x, y)\nmodel.predict(x)\n"


def test_a_file_gets_plain_lines(script):
    result = subprocess.run(script(FIT), capture_output=True, text=True, env=environment(), timeout=120)
    assert result.returncode == 0, result.stderr
    assert not set("\x1b\b\r") & set(result.stdout)
    number = r"\d+\.\d{4}"
    step = r"━{20} \d+s \d+(s|ms|us)/step"
    epoch = rf"3/3 {step} - loss: {number} - mae: {number} - val_loss: {number} - val_mae: {number}"
    expected = ["Epoch 1/2", epoch, "Epoch 2/2", epoch, rf"2/2 {step} - loss: {number} - mae: {number}", rf"2/2 {step}"]
    lines = result.stdout.splitlines()
    assert len(lines) == len(expected)
    for line, pattern in zip(lines, expected):
        assert re.fullmatch(pattern, line), line


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_gets_a_bar_that_moves(script):
    import pty

    leader, follower = pty.openpty()
    process = subprocess.Popen(script(FIT), stdout=follower, stderr=follower, env=environment(), close_fds=True)
    os.close(follower)
    data = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:
            break
        if not chunk:
            break
        data += chunk
    os.close(leader)
    assert process.wait(timeout=120) == 0
    # A loaded machine may say first that it is compiling.
    text = re.sub(r"\r[^\r]* compiling *\x08*", "", data.decode())
    assert text.startswith(
        "Epoch 1/2\r\n\r\x1b[1m1/3\x1b[0m \x1b[32m━━━━━━\x1b[0m\x1b[37m━━━━━━━━━━━━━━\x1b[0m \x1b[1m"
    )
    last = text.split("\r\n")[1].rsplit("\b", 1)[-1]
    assert last.startswith("\r\x1b[1m3/3\x1b[0m \x1b[32m" + "━" * 20 + "\x1b[0m\x1b[37m\x1b[0m \x1b[1m")
    assert re.search(r"- loss: [\d.]+ - mae: [\d.]+ - val_loss: [\d.]+ - val_mae: [\d.]+ *$", last)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c_stops_within_a_step(script):
    code = """
class Ready(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print("ready", flush=True)

try:
    model.fit(x, y, epochs=10**9, verbose=0, callbacks=[Ready()])
except KeyboardInterrupt:
    print("interrupted", np.isfinite(model.get_weights()[0]).all(), model.predict(x, verbose=0).shape, flush=True)
    raise
"""
    process = subprocess.Popen(
        script(code), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert out.splitlines()[-1] == "interrupted True (64, 1)"
    assert process.returncode == 130 and "Traceback" not in errors


def test_tensorflow_functions(script):
    code = """
import tensorflow as tf

value = tf.reduce_mean(tf.cast(tf.constant([1, 2, 3]), tf.float32), axis=0)
print(float(value), tf.matmul(tf.ones((2, 3)), tf.ones((3, 2))).shape, tf.nn.softmax(tf.constant([[0.0, 0.0]])).shape)
variable = tf.Variable([1.0, 2.0])
with tf.GradientTape() as tape:
    loss = tf.reduce_sum(variable * variable)
print(tape.gradient(loss, variable).numpy().tolist(), tf.random.normal((2, 3)).shape, tf.shape(variable))
print(tf.clip_by_value(tf.constant([-1.0, 5.0]), 0.0, 1.0).numpy().tolist(), tf.executing_eagerly())
data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(64).batch(16).prefetch(tf.data.AUTOTUNE)
assert model.fit(data, epochs=1, verbose=0).history["loss"] and len(data) == 4
print(tf.concat([tf.zeros((1, 2)), tf.ones((1, 2))], axis=0).shape, tf.nn.relu(tf.constant([-1.0])).numpy())
"""
    result = subprocess.run(script(code), capture_output=True, text=True, env=environment(), timeout=120)
    lines = result.stdout.splitlines()
    assert lines[0] == "2.0 (2, 2) (1, 2)", result.stderr
    assert lines[1].startswith("[2.0, 4.0] (2, 3)") and lines[2] == "[0.0, 1.0] True" and lines[3] == "(2, 2) [0.]"
