"""Masks on their way through models, against the real Keras on JAX: which layers keep, use and lose them.

Keras's attention takes the mask away from the arrays that it is called on, a functional model keeps a mask as an
argument of some calls and not of others, and layers that merge put something else where an input is not valid. Models
that were trained with Keras depend on all of this.
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import pronghorn

keras = pytest.importorskip("keras")
jax = pytest.importorskip("jax")

STEPS, WIDTH, WORDS = 6, 8, 20


def _attention(k: Any, x: Any) -> Any:
    return k.layers.MultiHeadAttention(2, 4)(x, x)


def _residual(k: Any, x: Any) -> Any:
    return k.layers.LayerNormalization()(k.layers.Add()([x, _attention(k, x)]))


def _nested(k: Any, x: Any) -> Any:
    inputs = k.Input((STEPS, WIDTH))
    return k.Model(inputs, _residual(k, inputs))(x)


def _custom(k: Any, x: Any) -> Any:
    class Encoder(k.layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.supports_masking = True
            self.attention, self.dense = k.layers.MultiHeadAttention(2, 4), k.layers.Dense(WIDTH)

        def call(self, x: Any, mask: Any = None) -> Any:
            y = x + self.attention(x, x)
            y = y if mask is None else y * k.ops.cast(mask, "float32")[..., None]
            return y + self.attention(self.dense(y), y)

    return Encoder()(x)


def _from_a_state(k: Any, x: Any) -> Any:
    state = k.layers.Dense(WIDTH)(k.layers.GlobalAveragePooling1D()(x))
    return k.layers.GRU(WIDTH, return_sequences=True)(x, initial_state=state)


def _merged(name: str) -> Callable[[Any, Any], Any]:
    def merged(k: Any, x: Any) -> Any:
        return getattr(k.layers, name)()([x, k.layers.Dense(WIDTH)(x)])

    return merged


BLOCKS: dict[str, Callable[[Any, Any], Any]] = {
    "attention": _attention,
    "residual": _residual,
    "nested": _nested,
    "custom": _custom,
    "from a state": _from_a_state,
    **{name: _merged(name) for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")},
    "Concatenate": lambda k, x: k.layers.Dense(WIDTH)(_merged("Concatenate")(k, x)),
    "cross": lambda k, x: k.layers.MultiHeadAttention(2, 4)(k.layers.Dense(WIDTH)(x), x, k.layers.Dense(WIDTH)(x)),
    "grouped": lambda k, x: k.layers.GroupQueryAttention(4, 2, 2)(x, x),
    "dot attention": lambda k, x: k.layers.Attention()([x, x]),
    "LSTM": lambda k, x: k.layers.LSTM(WIDTH, return_sequences=True)(x),
    "Bidirectional": lambda k, x: k.layers.Bidirectional(k.layers.GRU(WIDTH // 2, return_sequences=True))(x),
    "TimeDistributed": lambda k, x: k.layers.TimeDistributed(k.layers.Dense(WIDTH))(x),
    "Conv1D": lambda k, x: k.layers.Conv1D(WIDTH, 3, padding="same")(x),
    "operator": lambda k, x: x * 2.0 + 1.0,
}
ENDS: dict[str, Callable[[Any, Any], Any]] = {
    "mean": lambda k, x: k.layers.Dense(3)(k.layers.GlobalAveragePooling1D()(x)),
    "last": lambda k, x: k.layers.Dense(3)(k.layers.LSTM(5)(x)),
    "flat": lambda k, x: k.layers.Dense(3)(k.layers.Flatten()(x)),
    "each": lambda k, x: k.layers.Dense(3)(x),
}


def _model(k: Any, blocks: list[str], end: str) -> Any:
    tokens = k.Input((STEPS,), dtype="int32")
    x = k.layers.Embedding(WORDS, WIDTH, mask_zero=True)(tokens)
    for block in blocks:
        x = BLOCKS[block](k, x)
    return k.Model(tokens, ENDS[end](k, x))


def _same(blocks: list[str], end: str) -> None:
    """Outputs, the losses of two steps and the weights after them."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(1, WORDS, (4, STEPS)).astype("int32")
    tokens[0, -2:] = tokens[1, -4:] = tokens[2, 1] = 0
    theirs, ours = _model(keras, blocks, end), _model(pronghorn, blocks, end)
    weights = [rng.normal(size=w.shape).astype("float32") * 0.3 for w in theirs.get_weights()]
    for model in (theirs, ours):
        model.set_weights(weights)
    expected = theirs.predict(tokens, verbose=0)
    np.testing.assert_allclose(ours.predict(tokens, verbose=0), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(np.asarray(ours(tokens)), expected, rtol=1e-4, atol=1e-4)
    losses = []
    for k, model in ((keras, theirs), (pronghorn, ours)):
        model.compile(k.optimizers.SGD(1e-3), "mse")
        losses.append([model.train_on_batch(tokens, np.full_like(expected, 0.3)) for _ in range(2)])
    np.testing.assert_allclose(*map(np.ravel, losses), rtol=1e-4)
    for a, b in zip(ours.get_weights(), theirs.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.fixture(autouse=True)
def _no_code_kept() -> Iterator[None]:
    """JAX keeps what it compiled for each of these models."""
    yield
    jax.clear_caches()


@pytest.mark.slow
@pytest.mark.parametrize("end", ["flat", "last"])
@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_twice(block: str, end: str) -> None:
    _same([block, block], end)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_blocks_drawn_by_lot(seed: int) -> None:
    draw = random.Random(seed)
    _same(draw.choices(list(BLOCKS), k=draw.randint(2, 5)), draw.choice(list(ENDS)))
