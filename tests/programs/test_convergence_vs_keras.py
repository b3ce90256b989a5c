"""Two hundred steps of language models against the real Keras on JAX, from the same weights and over the same batches.

The losses must agree within 1e-3 of themselves at every step; below 1e-3, where a softmax's probability is one up to a
few of its last bits, within 1e-6.
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pronghorn

keras = pytest.importorskip("keras")

STEPS, BATCH = 200, 8
LENGTH, WIDTH, WORDS = 24, 32, 300


def gpt(k: Any) -> Any:
    """Causal blocks with normalization before them, and one logit for each word of the vocabulary."""
    layers, ops = k.layers, k.ops
    tokens = k.Input((LENGTH,), dtype="int32")
    places = ops.cumsum(ops.ones_like(tokens), axis=1) - 1
    x = layers.Add()([layers.Embedding(WORDS, WIDTH)(tokens), layers.Embedding(LENGTH, WIDTH)(places)])
    for _ in range(2):
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(4, WIDTH // 4)(y, y, use_causal_mask=True)])
        y = layers.Dense(4 * WIDTH, activation="gelu")(layers.LayerNormalization()(x))
        x = layers.Add()([x, layers.Dense(WIDTH)(y)])
    model = k.Model(tokens, layers.Dense(WORDS)(layers.LayerNormalization()(x)))
    model.compile(
        k.optimizers.AdamW(1e-3, weight_decay=0.01, clipnorm=1.0),
        k.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def encoder(k: Any) -> Any:
    """Blocks with normalization after them over texts with padding, and a classifier."""
    layers = k.layers
    tokens = k.Input((LENGTH,), dtype="int32")
    x = layers.LayerNormalization()(layers.Embedding(WORDS, WIDTH, mask_zero=True)(tokens))
    for _ in range(2):
        x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(4, WIDTH // 4)(x, x)]))
        y = layers.Dense(WIDTH)(layers.Dense(4 * WIDTH, activation="gelu")(x))
        x = layers.LayerNormalization()(layers.Add()([x, y]))
    model = k.Model(tokens, layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling1D()(x)))
    model.compile(k.optimizers.AdamW(3e-4), "sparse_categorical_crossentropy")
    return model


def _texts(name: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    text = rng.integers(1, WORDS, (8 * BATCH, LENGTH + 1), dtype="int32")
    if name == "gpt":
        return text[:, :-1], text[:, 1:]
    x = np.where(np.arange(LENGTH) < rng.integers(LENGTH // 2, LENGTH + 1, (len(text), 1)), text[:, :-1], 0)
    return x, rng.integers(0, 2, len(text))


@pytest.mark.slow
@pytest.mark.parametrize("build", [gpt, encoder], ids=["gpt", "encoder"])
def test_losses_over_two_hundred_steps(build: Callable[[Any], Any]) -> None:
    x, y = _texts(build.__name__)
    theirs, ours = build(keras), build(pronghorn)
    ours.set_weights(theirs.get_weights())

    def losses(model: Any) -> np.ndarray:
        starts = [i * BATCH % len(x) for i in range(STEPS)]
        return np.array([model.train_on_batch(x[i : i + BATCH], y[i : i + BATCH]) for i in starts]).ravel()

    expected = losses(theirs)
    assert expected[-1] < 0.8 * expected[0]
    np.testing.assert_allclose(losses(ours), expected, rtol=1e-3, atol=1e-6)
