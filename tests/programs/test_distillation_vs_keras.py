"""Distillation beside the real Keras on JAX: losses, training from equal weights, and its files."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

from typing import Any

import numpy as np
import pytest

import pronghorn

keras = pytest.importorskip("keras")
pytest.importorskip("jax")

_RNG = np.random.default_rng(3)
X = _RNG.normal(size=(28, 4)).astype("float32")
Y = _RNG.integers(0, 3, 28)
_SHAPES = [(4, 5), (5,), (5, 3), (3,)]
_WEIGHTS = {who: [_RNG.normal(size=shape).astype("float32") for shape in _SHAPES] for who in ("teacher", "student")}


def _network(k: Any, who: str) -> Any:
    layers = [k.layers.Dense(5, activation="relu", name="hidden"), k.layers.Dense(3, name="out")]
    model = k.Sequential([k.Input((4,)), *layers], name=who)
    model.set_weights(_WEIGHTS[who])
    return model


CASES: dict[str, Any] = {
    "default": lambda k: {"distillation_losses": k.distillation.LogitsDistillation()},
    "divergence": lambda k: {"distillation_losses": k.distillation.LogitsDistillation(2.0, k.losses.KLDivergence())},
    "features": lambda k: {
        "distillation_losses": [
            k.distillation.LogitsDistillation(2.0, "mse"),
            k.distillation.FeatureDistillation("cosine_similarity", "hidden", "hidden"),
        ],
        "distillation_loss_weights": [1.0, 0.5],
        "student_loss_weight": 0.2,
    },
    "teacher": lambda k: {"distillation_losses": k.distillation.FeatureDistillation("mae"), "student_loss_weight": 0.0},
    "targets": lambda k: {"distillation_losses": k.distillation.FeatureDistillation("mse"), "student_loss_weight": 1.0},
}


def _trained(k: Any, case: str) -> Any:
    distiller = k.distillation.Distiller(_network(k, "teacher"), _network(k, "student"), **CASES[case](k))
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
    distiller.compile(k.optimizers.SGD(0.1), loss, metrics=["accuracy"])
    weights = np.linspace(0, 1, len(X), dtype="float32")
    history = distiller.fit(X, Y, batch_size=8, epochs=3, verbose=0, shuffle=False, sample_weight=weights).history
    return distiller, history


@pytest.mark.parametrize("case", CASES)
def test_training(case: str) -> None:
    (theirs, expected), (ours, history) = _trained(keras, case), _trained(pronghorn, case)
    assert list(history) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(ours.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=1e-4, atol=1e-5)
    logs, expected = (d.evaluate(X, Y, verbose=0, return_dict=True) for d in (ours, theirs))
    assert {k: pytest.approx(v, rel=1e-5) for k, v in expected.items()} == logs


@pytest.mark.parametrize("case", CASES)
def test_files(case: str, tmp_path: Any) -> None:
    theirs, _ = _trained(keras, case)
    theirs.save(tmp_path / "keras.keras")
    with pytest.warns(UserWarning, match="does not say the student's loss"):
        ours = pronghorn.saving.load_model(tmp_path / "keras.keras")
    np.testing.assert_allclose(ours.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    ours, _ = _trained(pronghorn, case)
    ours.save(tmp_path / "ours.keras")
    theirs = keras.saving.load_model(tmp_path / "ours.keras", compile=False)
    np.testing.assert_allclose(ours.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
