"""Large arrays are drawn by compiled code: the numbers are those of the NumPy backend."""

import numpy as np
import pytest

from pronghorn import initializers, random
from pronghorn.engine.backends.eager import kernels
from pronghorn.initializers.orthonormal import orthonormal_columns
from pronghorn.ops import convert_to_tensor
from pronghorn.random import drawing

DRAWS = {
    "uniform": lambda shape, dtype: random.uniform(shape, dtype=dtype, seed=3),
    "uniform between": lambda shape, dtype: random.uniform(shape, -0.1, 0.3, dtype=dtype, seed=3),
    "uniform between integers": lambda shape, dtype: random.uniform(shape, -2, 3, dtype=dtype, seed=3),
    "normal": lambda shape, dtype: random.normal(shape, dtype=dtype, seed=2**40 + 1),
    "normal about 1.5": lambda shape, dtype: random.normal(shape, 1.5, 0.2, dtype=dtype, seed=3),
    "truncated normal": lambda shape, dtype: random.truncated_normal(shape, 0.0, 0.2, dtype=dtype, seed=3),
}
LIMITS = {"float64": 1e-13, "float32": 5e-6, "bfloat16": 1e-2, "float16": 2e-3}


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("draw", DRAWS)
def test_compiled_draws_are_those_of_numpy(draw, dtype, monkeypatch):
    monkeypatch.setattr(drawing, "DRAWN_FROM", 1)
    known = kernels._Kernels()
    monkeypatch.setattr(kernels, "_kernels", known)
    for shape in [(7, 5, 3), (1,), (33,)]:
        compiled = DRAWS[draw](shape, dtype).numpy()
        with monkeypatch.context() as patch:
            patch.setenv("PRONGHORN_BACKEND", "numpy")
            expected = DRAWS[draw](shape, dtype).numpy()
        assert compiled.dtype == expected.dtype and compiled.shape == expected.shape
        np.testing.assert_allclose(compiled.astype("d"), expected.astype("d"), rtol=LIMITS[dtype], atol=LIMITS[dtype])
        if "uniform" in draw:
            np.testing.assert_array_equal(compiled, expected)
    assert len(known.known) == 1, "one kernel serves all shapes"


def test_one_kernel_serves_all_numbers(monkeypatch):
    known = kernels._Kernels()
    monkeypatch.setattr(kernels, "_kernels", known)
    for units in (128, 256, 300):
        limit = (6.0 / (784 + units)) ** 0.5
        x = initializers.GlorotUniform(seed=1)((784, units)).numpy()
        assert -limit <= x.min() < -0.99 * limit and 0.99 * limit < x.max() <= limit
    assert len(known.known) == 1


def test_the_same_bits_whatever_else_is_drawn():
    key = random.uniform((200, 200), seed=5).numpy()
    np.testing.assert_array_equal(random.uniform((40_000,), seed=5).numpy(), key.ravel())
    np.testing.assert_array_equal(random.uniform((8, 5), seed=5).numpy(), key.ravel()[:40].reshape(8, 5))


def test_small_arrays_are_drawn_by_numpy(monkeypatch):
    monkeypatch.setattr(drawing, "run_function", None)
    assert random.normal((64, 64), seed=1).shape == (64, 64)


@pytest.mark.parametrize("shape", [(64, 64), (65, 64), (300, 100), (129, 128), (70, 3), (1, 1), (200, 200)])
def test_orthonormal_columns(shape):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    q, r = np.linalg.qr(x.astype("d"))
    got = orthonormal_columns(convert_to_tensor(x)).numpy()
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, q * np.sign(np.diag(r)), atol=1e-5)
    np.testing.assert_allclose(got.T @ got, np.eye(shape[1]), atol=1e-5)


def test_what_cholesky_refuses_is_made_orthonormal_too():
    x = np.random.default_rng(0).normal(size=(100, 80)).astype("float32")
    x[:, 1] = x[:, 0]
    got = orthonormal_columns(convert_to_tensor(x)).numpy()
    assert np.isfinite(got).all()
