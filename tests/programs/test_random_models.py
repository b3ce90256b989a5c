"""Random models trained beside Keras on JAX; `random_models` is the program that runs thousands."""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("keras")
pytest.importorskip("jax")

from random_models import __main__ as program
from random_models.compare import Comparison
from random_models.generate import random_spec
from random_models.reduce import reduced
from random_models.spec import build, make

import pronghorn

SMALL = {
    "seed": 0, "policy": "float32", "sequential": False, "refused": [],
    "inputs": [{"shape": [5], "dtype": "float32"}],
    "nodes": [
        {"layer": "Dense", "kwargs": {"units": 3, "activation": "tanh"}, "inputs": [0]},
        {"layer": "Dense", "kwargs": {"units": 2}, "inputs": [1]},
    ],
    "outputs": [2],
    "compile": {
        "optimizer": make("optimizers", "SGD", learning_rate=0.1),
        "heads": [{"loss": make("losses", "MeanSquaredError"), "metrics": ["mae"], "target": "float"}],
    },
    "data": {"batch": 2, "rows": 5, "epochs": 1, "validation": False, "save": True},
}  # fmt: skip


# Layers, and the seeds that are run in one process: a hundred models, and those in which there was something to mend.
MODELS = [
    *((5, range(k, k + 14)) for k in (200, 214)),
    *((6, range(k, k + 14)) for k in (0, 14)),
    *((8, range(k, k + 10)) for k in (30, 40)),
    *((10, range(k, k + 8)) for k in (300, 308)),
    *((12, range(k, k + 4)) for k in (60, 64)),
    (6, (100, 128, 134, 147, 156, 178, 182, 5009, 7054)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("layers", "seeds"), MODELS, ids=lambda v: v if isinstance(v, int) else f"from {v[0]}")
def test_models_train_as_in_keras(layers, seeds):
    options = ["--jobs", "1", "--chunk", "20", "--layers", str(layers), "--only", *map(str, seeds)]
    command = [sys.executable, "-m", "random_models", *options]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert f"{len(seeds)} models, 0 differ" in done.stdout


def test_a_model_is_plain_data():
    """The same from the same seed, and from JSON."""
    for seed in range(6):
        spec = random_spec(seed)
        assert spec == random_spec(seed)
        assert json.loads(json.dumps(spec)) == spec
        assert len(build(spec, pronghorn).outputs) == len(spec["outputs"])


@pytest.mark.slow
def test_equal_libraries_do_not_differ():
    assert Comparison(SMALL).run() == []


@pytest.mark.slow
def test_a_wrong_layer_is_seen(monkeypatch):
    """A hundred thousandth too much."""
    monkeypatch.setattr(pronghorn.layers.Dense, "call", wrong(pronghorn.layers.Dense.call))
    assert "predict" in {d.kind for d in Comparison(SMALL).run()}


@pytest.mark.slow
def test_a_wrong_optimizer_is_seen(monkeypatch):
    """One that makes steps a hundredth too long."""
    make_rate = pronghorn.optimizers.SGD.rate
    monkeypatch.setattr(pronghorn.optimizers.SGD, "rate", lambda *args: make_rate(*args) * 1.01)
    assert "one step weight" in {d.kind for d in Comparison(SMALL).run()}


@pytest.mark.parametrize("still", [True, False])
def test_what_differs_is_looked_at_again(monkeypatch, still):
    """Beside Keras as XLA compiles it by default, which counts."""

    def run_chunk(seeds, options, env, reduce=False):
        wrong = [["fit", "NaN"]] if env == "quick" or still else []
        return [{"seed": s, "explained": {}, "differences": wrong if s == 2 else []} for s in seeds]

    monkeypatch.setattr(program, "run_chunk", run_chunk)
    options = argparse.Namespace(reduce=False, written=False)
    one, three, two = program.looked_at_twice([1, 2, 3], options, "quick", "usual")
    assert [one["seed"], three["seed"], two["seed"]] == [1, 3, 2]
    assert bool(two["differences"]) == still
    assert sum(two["explained"].values()) == (not still)


def wrong(call):
    @functools.wraps(call)
    def slightly_more(self, inputs, training=None):
        return call(self, inputs) * 1.00001

    return slightly_more


def test_a_failing_model_becomes_smaller():
    spec = random_spec(17, layers=20)
    fails = lambda s: {"it"} if any(n.get("layer") == spec["nodes"][2].get("layer") for n in s["nodes"]) else set()  # noqa: E731
    small = reduced(spec, fails, tries=400)
    assert fails(small)
    assert len(small["nodes"]) <= 2
