"""Dropout and noise: what share, what scale, which seeds."""

from __future__ import annotations

import numpy as np
import pytest

from pronghorn import layers, utils

ONES = np.ones((200, 50), "float32")


def test_dropout_keeps_the_mean():
    y = layers.Dropout(0.25, seed=1)(ONES, training=True).numpy()
    assert set(np.unique(y).round(5)) == {0.0, np.float32(4 / 3).round(5)}
    assert abs((y == 0).mean() - 0.25) < 0.02


def test_noise_shape_drops_whole_rows():
    y = layers.Dropout(0.5, noise_shape=(None, 1), seed=1)(ONES, training=True).numpy()
    assert (y == y[:, :1]).all()


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_spatial_dropout_drops_whole_channels(rank):
    x = np.ones((4, *(3,) * rank, 8), "float32")
    y = getattr(layers, f"SpatialDropout{rank}D")(0.5, seed=1)(x, training=True).numpy().reshape(4, -1, 8)
    assert (y == y[:, :1]).all() and 0 < (y == 0).mean() < 1


def test_every_call_draws_anew_and_a_seed_repeats():
    layer = layers.Dropout(0.5, seed=3)
    a, b = layer(ONES, training=True).numpy(), layer(ONES, training=True).numpy()
    assert (a != b).any()
    assert (layers.Dropout(0.5, seed=3)(ONES, training=True).numpy() == a).all()


def test_the_process_seed_decides():
    def draw():
        utils.set_random_seed(5)
        return layers.Dropout(0.5)(ONES, training=True).numpy()

    assert (draw() == draw()).all()


def test_gaussian_layers():
    noise = layers.GaussianNoise(0.5, seed=1)(ONES, training=True).numpy()
    assert abs(noise.std() - 0.5) < 0.02 and abs(noise.mean() - 1.0) < 0.02
    factors = layers.GaussianDropout(0.2, seed=1)(ONES, training=True).numpy()
    assert abs(factors.std() - 0.5) < 0.02


def test_alpha_dropout_keeps_mean_and_variance():
    x = np.random.default_rng(0).normal(size=(500, 200)).astype("float32")
    y = layers.AlphaDropout(0.2, seed=1)(x, training=True).numpy()
    assert abs(y.mean()) < 0.02 and abs(y.std() - 1.0) < 0.03


@pytest.mark.parametrize("name,argument", [("Dropout", 0.5), ("GaussianNoise", 0.5), ("GaussianDropout", 0.5)])
def test_nothing_happens_outside_of_training(name, argument):
    assert (getattr(layers, name)(argument)(ONES).numpy() == 1.0).all()


def test_rates_may_be_numbers_of_numpy():
    layer = layers.Dropout(np.float32(0.5))
    assert layer.rate == 0.5 and type(layer.get_config()["rate"]) is float
