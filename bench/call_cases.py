"""Cases of `eager_cases.py` of small models that are called and trained in turn, as in training loops by hand.

What is done between two calls is not timed, where a case gives it: only the call after it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Between = tuple[Callable[[], Any], Callable[[], Any]]

WIDTH, SAMPLES = 16, 8


def _model(keras: Any, inputs: int, outputs: int) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((inputs,)), layers.Dense(32, "relu"), layers.Dense(32, "relu"), layers.Dense(outputs)]
    )
    model.compile("adam", "mse")
    return model


def _data(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def _call(keras: Any) -> Callable[[], Any]:
    """`g(x)` of a small model that has been called before."""
    model, x = _model(keras, WIDTH, 3), _data(SAMPLES, WIDTH)

    def call() -> Any:
        return np.asarray(model(x))

    for _ in range(20):
        call()
    return call


def call_alone(keras: Any, _: Any) -> Between:
    """Nothing happens between two calls."""
    return lambda: None, _call(keras)


def call_after_fit(keras: Any, _: Any) -> Between:
    """Another model is trained between two calls."""
    other, x, y = _model(keras, WIDTH, 3), _data(SAMPLES, WIDTH), _data(SAMPLES, 3)
    return lambda: other.fit(x, y, verbose=0), _call(keras)


def call_after_trainable(keras: Any, _: Any) -> Between:
    """Another model is frozen or thawed between two calls."""
    other = _model(keras, WIDTH, 3)

    def toggle() -> None:
        other.trainable = not other.trainable

    return toggle, _call(keras)


def call_after_build(keras: Any, _: Any) -> Between:
    """Another model is made between two calls."""
    return lambda: _model(keras, WIDTH, 3), _call(keras)


def gan_step(keras: Any, _: Any) -> Callable[[], Any]:
    """A step of two models that are trained against each other: the generator is called, the discriminator frozen."""
    generator, discriminator = _model(keras, WIDTH, 3), _model(keras, 3, 1)
    both = keras.Sequential([keras.Input((WIDTH,)), generator, discriminator])
    both.compile("adam", "mse")
    noise, real = _data(SAMPLES, WIDTH), _data(SAMPLES, 3)
    ones, zeros = np.ones((SAMPLES, 1), "float32"), np.zeros((SAMPLES, 1), "float32")

    def step() -> Any:
        made = np.asarray(generator(noise))
        discriminator.trainable = True
        discriminator.train_on_batch(np.concatenate([real, made]), np.concatenate([ones, zeros]))
        discriminator.trainable = False
        return both.train_on_batch(noise, ones)

    for _ in range(20):
        step()
    return step


def fit_one_step(keras: Any, _: Any) -> Callable[[], Any]:
    """A `fit` of one step, again and again."""
    model, x, y = _model(keras, WIDTH, 3), _data(SAMPLES, WIDTH), _data(SAMPLES, 3)
    return lambda: model.fit(x, y, verbose=0)


CASES: dict[str, tuple[str, Any]] = {
    "call_alone": ("model(x)", call_alone),
    "call_after_fit": ("model(x) after another's fit", call_after_fit),
    "call_after_trainable": ("model(x) after another's trainable", call_after_trainable),
    "call_after_build": ("model(x) after another is made", call_after_build),
    "gan_step": ("a step of a GAN by hand", gan_step),
    "fit_one_step": ("fit of one step", fit_one_step),
}
