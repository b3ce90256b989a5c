"""Training in these tests runs on the reference interpreter: nothing is compiled."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import pronghorn

sys.path.insert(0, str(Path(__file__).parent))  # for counted_steps


@pytest.fixture(autouse=True)
def reference_backend(monkeypatch):
    monkeypatch.setenv("PRONGHORN_BACKEND", "numpy")


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 6)).astype("float32")
    return x, np.argmax(x[:, :3], axis=1)


@pytest.fixture
def make_model():
    def make(loss="sparse_categorical_crossentropy", optimizer="adam", units=3, **options):
        pronghorn.utils.set_random_seed(1)
        model = pronghorn.Sequential(
            [
                pronghorn.Input((6,)),
                pronghorn.layers.Dense(8, activation="relu"),
                pronghorn.layers.Dense(units, activation="softmax"),
            ]
        )
        options.setdefault("metrics", ["accuracy"])
        model.compile(optimizer, loss=loss, **options)
        return model

    return make
