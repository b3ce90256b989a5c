"""Programs that fork: each process computes as if it were alone."""

import os

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def test_parent_and_child_that_train_at_once_get_what_one_gets_alone():
    """A step whose intermediate results take several megabytes, so that they come straight from the system."""
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    x, y = rng.random((32, 48, 48, 3), "float32"), rng.random((32, 4), "float32")
    model = keras.Sequential(
        [
            keras.Input((48, 48, 3)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Conv2D(16, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4),
        ]
    )
    model.compile("sgd", "mse")

    def train():
        model.set_weights(start)
        model.fit(x, y, epochs=20, verbose=0, shuffle=False)
        return model.get_weights()

    def as_alone():
        return all(np.array_equal(one, other) for one, other in zip(train(), alone, strict=True))

    start = model.get_weights()
    alone = train()
    child = os.fork()
    if child == 0:
        failed = 1
        try:
            failed = not as_alone()
        finally:  # pytest goes on in the parent only
            os._exit(failed)
    same = as_alone()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert same
