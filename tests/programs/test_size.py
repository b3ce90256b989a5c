"""Models of many pieces: what is compiled does not grow with them, and the time only in proportion."""

import importlib.util
from pathlib import Path

import pytest

from pronghorn.engine.backends.llvm import executable

PATH = Path(__file__).resolve().parents[2] / "bench" / "size.py"
SPEC = importlib.util.spec_from_file_location("size_of_models", PATH)
size = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(size)


def _first_step(monkeypatch, kind, count):
    """How many launches and how many kernels a model's training step has."""
    import numpy as np

    import pronghorn as keras

    built = []
    monkeypatch.setattr(executable.Executable, "_attach", lambda self, made: built.append(made))
    model = size.model_of(keras, kind, count)
    model.compile("sgd", loss="mse")
    x = [np.ones((4, *i.shape[1:]), "float32") for i in model.inputs]
    y = [np.ones((4, 1), "float32") for _ in model.outputs]
    model.fit(x if len(x) > 1 else x[0], y if len(y) > 1 else y[0], verbose=0)
    step = max(built, key=lambda b: len(b.emitted.launches))
    launches = step.emitted.launches
    return len(launches), len({launch.function for launch in launches})


@pytest.mark.slow
@pytest.mark.parametrize("kind", size.KINDS)
def test_more_pieces_need_no_more_code(kind, monkeypatch):
    monkeypatch.setenv("PRONGHORN_CACHE", "0")
    few, many = (_first_step(monkeypatch, kind, count) for count in (70, 280))
    assert many[0] <= 4 * few[0] + 8
    # what is cut out of the gradient of many joined pieces begins at places of its own, some six pieces to a kernel
    assert many[1] <= few[1] + (280 - 70) // 5


@pytest.mark.slow
@pytest.mark.parametrize("kind", size.KINDS)
def test_time_grows_in_proportion(kind):
    sizes = [100, 400]
    figures = [size.figures_of(kind, count) for count in sizes]
    assert size.exponent(sizes, [f["build"] + f["first step"] for f in figures]) < 1.5
