"""Initializers beside Keras's: the same numbers where they are determined, else numbers of the same distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")
pytest.importorskip("jax")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from scipy.stats import ks_2samp  # noqa: E402
from strategies.layers_base import Draw  # noqa: E402

import pronghorn  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(keras.backend.backend() != "jax", reason="the oracle is Keras on JAX"),
]

ELEMENTS = 12_000
SCALED = (
    "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform", "VarianceScaling"
)  # fmt: skip


def drawn_shape(d: Draw) -> tuple[int, ...]:
    """A kernel's shape with about `ELEMENTS` elements, whose fans differ."""
    small = d.ints(d.int(1, 3), 1, 6)
    return (*small, -(-ELEMENTS // int(np.prod(small)))) if d.bool() else (-(-ELEMENTS // int(np.prod(small))), *small)


@st.composite
def random_ones(draw: Any) -> tuple[str, dict[str, Any], tuple[int, ...]]:
    """A random initializer and a shape for it."""
    d = Draw(draw)
    name = d.one("RandomNormal", "RandomUniform", "TruncatedNormal", *SCALED)
    kwargs: dict[str, Any] = {"seed": d.int(0, 1000)}
    if name in ("RandomNormal", "TruncatedNormal"):
        kwargs |= {"mean": d.float(-1, 1), "stddev": d.float(0.01, 2)}
    if name == "RandomUniform":
        low = d.float(-2, 1)
        kwargs |= {"minval": low, "maxval": low + d.float(0.1, 2)}
    if name == "VarianceScaling":
        kwargs |= {"scale": d.float(0.1, 3), "mode": d.one("fan_in", "fan_out", "fan_avg")}
        kwargs["distribution"] = d.one("uniform", "normal", "truncated_normal", "untruncated_normal")
    return name, kwargs, drawn_shape(d)


def values(library: Any, name: str, kwargs: dict[str, Any], shape: tuple[int, ...], **call: Any) -> np.ndarray:
    return np.asarray(getattr(library.initializers, name)(**kwargs)(shape, **call))


@pytest.mark.parametrize("trial", range(5))
@given(case=random_ones())
def test_numbers_of_the_same_distribution(trial, case):
    name, kwargs, shape = case
    kwargs = {**kwargs, "seed": kwargs["seed"] + trial}
    mine, theirs = (values(library, name, kwargs, shape) for library in (pronghorn, keras))
    assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype)
    # Two samples of one distribution are further apart than this once in a hundred thousand times.
    assert ks_2samp(mine.ravel(), theirs.ravel()).pvalue > 1e-5
    spread = float(np.std(theirs))
    assert abs(np.mean(mine) - np.mean(theirs)) < 6 * spread * np.sqrt(2 / mine.size)
    assert abs(np.std(mine) / spread - 1) < 0.06
    np.testing.assert_array_equal(mine, values(pronghorn, name, kwargs, shape))
    assert not np.array_equal(mine, values(pronghorn, name, {**kwargs, "seed": kwargs["seed"] + 1}, shape))


@pytest.mark.parametrize("name", ["RandomUniform", "TruncatedNormal", "GlorotUniform", "HeNormal"])
def test_numbers_stay_within_the_same_limits(name):
    mine, theirs = (values(library, name, {"seed": 1}, (300, 200)) for library in (pronghorn, keras))
    for limit in (np.min, np.max):
        assert limit(mine) == pytest.approx(limit(theirs), rel=2e-2)
    assert np.abs(mine).max() <= np.abs(theirs).max() * 1.001


@given(data=st.data())
def test_orthogonal_matrices(data):
    d = Draw(data.draw)
    shape, gain = d.ints(d.int(2, 4), 1, 8), d.float(0.1, 2)
    mine, theirs = (values(library, "Orthogonal", {"gain": gain, "seed": 3}, shape) for library in (pronghorn, keras))
    assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype)
    flat = mine.reshape(-1, shape[-1])
    flat = flat if flat.shape[0] >= flat.shape[1] else flat.T
    np.testing.assert_allclose(flat.T @ flat, gain**2 * np.eye(flat.shape[1]), atol=1e-5 * max(1, gain**2))


@given(data=st.data())
def test_determined_numbers_are_equal(data):
    d = Draw(data.draw)
    name = d.one("Zeros", "Ones", "Constant", "Identity", "STFT")
    shape, kwargs = d.ints(d.int(0, 3), 1, 5), {}
    if name == "Constant":
        kwargs = {"value": d.float(-3, 3)}
    if name == "Identity":
        shape, kwargs = d.ints(2, 1, 5), {"gain": d.float(-2, 2)}
    if name == "STFT":
        frame = d.int(4, 9)
        shape = (frame, 1, (frame + d.int(0, 4)) // 2 + 1)
        kwargs = {"side": d.one("real", "imag"), **d.settings(window=("hamming", None), periodic=(True,))}
        kwargs |= d.settings(scaling=("spectrum", None))
    dtype = d.one("float32", "float16", "bfloat16")
    if name == "STFT":
        dtype = "float32"
    mine, theirs = (values(library, name, kwargs, shape, dtype=dtype) for library in (pronghorn, keras))
    assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype)
    np.testing.assert_allclose(mine.astype("float32"), theirs.astype("float32"), rtol=1e-5, atol=1e-6)


def test_all_are_covered():
    public = (getattr(keras.initializers, n) for n in dir(keras.initializers) if n[0].isupper())
    names = {c.__name__ for c in public if isinstance(c, type)}
    determined = {"Zeros", "Ones", "Constant", "Identity", "STFT"}
    assert names - {"Initializer"} == {"RandomNormal", "RandomUniform", "TruncatedNormal", "Orthogonal"} | {
        *SCALED,
        *determined,
    }
