"""A program compiled by one process is found again by the next: its code is the same text, whatever sets hash to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pronghorn

SCRIPT = """
import numpy as np
import pronghorn as keras
from pronghorn import layers

def train(body, x):
    model = keras.Sequential([keras.Input(x.shape[1:]), *body, layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, np.arange(len(x)) % 3, batch_size=4, verbose=0)
    model.evaluate(x, np.arange(len(x)) % 3, verbose=0)
    model.predict(x, verbose=0)

train([layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dropout(0.5)],
      np.ones((10, 8, 8, 1), "float32"))
train([layers.Embedding(9, 8), layers.LSTM(8)], np.ones((10, 5), "int32"))
"""


@pytest.mark.slow
def test_second_process_compiles_nothing(tmp_path):
    entries = []
    for seed in ("1", "2"):
        environment = os.environ | {
            "PYTHONPATH": str(Path(pronghorn.__file__).parents[1]),
            "PYTHONHASHSEED": seed,
            "PRONGHORN_CACHE_DIR": str(tmp_path),
            "PRONGHORN_CACHE": "1",
        }
        subprocess.run([sys.executable, "-c", SCRIPT], env=environment, check=True, timeout=300)
        entries.append({path.name for path in tmp_path.rglob("*.bin")})
    assert len(entries[0]) >= 6
    assert entries[1] == entries[0]
