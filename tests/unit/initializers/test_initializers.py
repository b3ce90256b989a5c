"""Initializers: their variances, names and configurations."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from pronghorn import initializers, layers
from pronghorn.initializers.random import compute_fans

SHAPE = (3, 3, 40, 60)
FAN_IN, FAN_OUT = 360, 540


@pytest.mark.parametrize(
    "name,variance",
    [
        ("glorot_uniform", 2 / (FAN_IN + FAN_OUT)),
        ("glorot_normal", 2 / (FAN_IN + FAN_OUT)),
        ("he_uniform", 2 / FAN_IN),
        ("he_normal", 2 / FAN_IN),
        ("lecun_uniform", 1 / FAN_IN),
        ("lecun_normal", 1 / FAN_IN),
        ("random_normal", 0.05**2),
        ("random_uniform", 0.1**2 / 12),
        ("truncated_normal", (0.05 * 0.8796) ** 2),
    ],
)
def test_variance(name, variance):
    x = initializers.get(name)(SHAPE).numpy()
    assert x.shape == SHAPE and abs(x.mean()) < 5e-3
    assert abs(x.var() / variance - 1.0) < 0.05


def test_constants():
    assert initializers.get("zeros")((2,)).tolist() == [0.0, 0.0]
    assert initializers.Constant(3.0)((2,), "int32").tolist() == [3, 3]
    assert initializers.Identity(2.0)((2, 2)).tolist() == [[2.0, 0.0], [0.0, 2.0]]


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (2, 3, 4)])
def test_orthogonal(shape):
    x = initializers.Orthogonal(gain=2.0, seed=1)(shape).numpy().reshape(-1, shape[-1])
    gram = x.T @ x if x.shape[0] >= x.shape[1] else x @ x.T
    np.testing.assert_allclose(gram, 4 * np.eye(min(x.shape)), atol=1e-5)


def test_an_initializer_repeats_itself_and_two_differ():
    one, other = initializers.GlorotUniform(), initializers.GlorotUniform()
    assert (one((4,)).numpy() == one((4,)).numpy()).all()
    assert (one((4,)).numpy() != other((4,)).numpy()).any()


def test_fans():
    assert compute_fans((5, 7)) == (5, 7) and compute_fans((3, 3, 4, 8)) == (36, 72) and compute_fans((5,)) == (5, 5)
    assert compute_fans((32, 8, 16), input_axes=0, output_axes=(1, 2)) == (32, 128)


def test_einsum_kernels_know_their_inputs():
    layer = layers.EinsumDense("abc,cde->abde", (None, 8, 16), kernel_initializer="lecun_normal")
    layer.build((None, 10, 32))
    assert abs(layer.kernel.numpy().var() * 32 - 1.0) < 0.1


@pytest.mark.parametrize("name", ["he_normal", "Orthogonal", "constant", "VarianceScaling", "RandomUniform"])
def test_configurations(name):
    made = initializers.get(name)
    again = initializers.deserialize(initializers.serialize(made))
    assert type(again) is type(made) and again.get_config() == made.get_config()


def test_arrays_and_functions_serve():
    value = np.ones((2, 3), "float32")
    assert (initializers.get(value)((2, 3)).numpy() == 1).all()
    assert initializers.get(lambda shape, dtype=None: np.zeros(shape))((2,)).tolist() == [0, 0]


@pytest.mark.parametrize(
    "make,pattern",
    [
        (lambda: initializers.get("he_norml"), "he_normal"),
        (lambda: initializers.VarianceScaling(scale=-1), "scale"),
        (lambda: initializers.VarianceScaling(mode="fan"), "fan_in"),
        (lambda: initializers.Identity()((2, 2, 2)), "matrix"),
        (lambda: initializers.RandomNormal(seed="x"), "seed"),
    ],
)
def test_mistakes(make, pattern):
    with pytest.raises(ValueError, match=pattern):
        make()


def test_an_unknown_window_is_refused_at_once():
    with pytest.raises(ValueError, match="STFT.*window='unknown'"):
        initializers.STFT("real", window="unknown")


@pytest.mark.parametrize(("frame", "count"), [(1, 1), (5, 1), (1, 2), (16, 9), (7, 12), (512, 257)])
@pytest.mark.parametrize("side", ["real", "imag"])
def test_fourier_basis(side, frame, count):
    """In float64 with the digits of float64; and with hardly more memory than the kernel itself."""
    angle = 2 * np.pi * np.outer(np.arange(frame), np.arange(count)) / max(2 * (count - 1), 1)
    expected = np.cos(angle) if side == "real" else -np.sin(angle)
    for dtype, close in (("float64", 1e-12), ("float32", 1e-7), ("bfloat16", 1e-2)):
        tracemalloc.start()
        kernel = initializers.STFT(side, window=None)((frame, 1, count), dtype)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert kernel.dtype == dtype
        np.testing.assert_allclose(np.asarray(kernel.numpy(), "f8")[:, 0], expected, rtol=0, atol=close)
        assert peak < 3 * max(expected.size, 1e5) * (8 if dtype == "float64" else 4)
