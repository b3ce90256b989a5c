"""Convolutions as plain sums on request: everything that was compiled before is compiled again, and back."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import pronghorn
from pronghorn import config, layers, ops


@pytest.fixture(autouse=True)
def restore():
    yield
    config.set_exact_convolutions(False)


def images():
    """Two batches that differ in the last column alone, which the first column of taps never meets."""
    before = np.random.default_rng(0).standard_normal((16, 16, 16, 32)).astype("float32")
    after = before.copy()
    after[:, :, -1] = 1e6
    return before, after


def filter_gradient(x):
    w = pronghorn.Variable(np.ones((3, 3, 32, 32), "float32") / 100)
    with pronghorn.GradientTape() as tape:
        loss = ops.sum(ops.sin(ops.arange(16.0))[:, None, None] * ops.conv(x, w, padding="same"))
    return tape.gradient(loss, w)


def first_taps_move(call):
    """Whether what the first column of taps never meets changes their gradient."""
    before, after = (np.asarray(call(x))[:, 0] for x in images())
    return not np.array_equal(before, after)


@pytest.mark.parametrize("compiled", [False, True])
def test_calls_follow_the_switch(compiled):
    call = pronghorn.jit(filter_gradient) if compiled else filter_gradient
    assert first_taps_move(call)
    config.set_exact_convolutions(True)
    assert not first_taps_move(call)
    config.set_exact_convolutions(False)
    assert first_taps_move(call)


def test_a_model_that_was_trained_follows_the_switch():
    model = pronghorn.Sequential([pronghorn.Input((16, 16, 32)), layers.Conv2D(32, 3, padding="same", use_bias=False)])
    model.compile("sgd", loss=lambda y, p: ops.mean(p[..., :1] * y, axis=(1, 2, 3)))
    weights = model.get_weights()
    y = np.random.default_rng(1).standard_normal((16, 16, 16, 1)).astype("float32")

    def trained(x):
        model.set_weights(weights)
        model.train_on_batch(x, y)
        return model.get_weights()[0]

    assert first_taps_move(trained)
    config.set_exact_convolutions(True)
    assert not first_taps_move(trained)


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from test_exact_convolutions import config, filter_gradient, first_taps_move, pronghorn
config.set_exact_convolutions({exact})
print(first_taps_move(pronghorn.jit(filter_gradient)))
"""


def test_kept_programs_are_told_apart(tmp_path):
    """Of one graph, in processes that share what is kept on disk."""
    found = []
    for exact in (False, True, False):
        code = SCRIPT.format(tests=os.path.dirname(__file__), exact=exact)
        env = {**os.environ, "PRONGHORN_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
        run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        found.append(run.stdout.strip())
    assert found == ["True", "False", "True"]


def test_it_is_a_bool():
    with pytest.raises(TypeError, match="set_exact_convolutions: exact is .*'yes'"):
        config.set_exact_convolutions("yes")
