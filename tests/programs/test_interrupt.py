"""Ctrl-C during `fit`: it stops within a step, and the model's weights are intact and usable."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pronghorn

SCRIPT = """
import numpy as np
import pronghorn as keras

x = np.random.default_rng(0).normal(size=(20_000, 32)).astype("float32")
model = keras.Sequential([keras.Input((32,)), keras.layers.Dense(64, activation="relu"), keras.layers.Dense(1)])
model.compile("adam", "mse")
model.fit(x[:64], x[:64, :1], verbose=0)
print("READY", flush=True)
try:
    model.fit(x, x[:, :1], epochs=10_000, verbose=0)
except KeyboardInterrupt:
    steps = int(model.optimizer.iterations)
    print("STOPPED", np.isfinite(model.predict(x, verbose=0)).all(), steps > 0, flush=True)
    model.fit(x[:640], x[:640, :1], verbose=0)
    print("WENT ON", int(model.optimizer.iterations) - steps, flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_an_interrupted_fit_leaves_a_usable_model():
    env = {**os.environ, "PYTHONPATH": str(Path(pronghorn.__file__).parents[1])}
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True, env=env)
    try:
        assert process.stdout.readline() == "READY\n"
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        assert process.stdout.readline() == "STOPPED True True\n"
        assert time.monotonic() - sent < 10
        assert process.stdout.readline() == "WENT ON 20\n"
        assert process.wait(60) == 0
    finally:
        process.kill()
