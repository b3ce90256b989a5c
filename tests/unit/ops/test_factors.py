"""Factors that are told by what they multiply to, since they have no one sign or order."""

import numpy as np
import pytest

from pronghorn import ops

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("mode", ["reduced", "complete"])
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 5, 3)])
def test_qr(shape, mode):
    x = RNG.normal(size=shape).astype("float32")
    q, r = (t.numpy() for t in ops.qr(x, mode))
    expected = np.linalg.qr(x, mode)
    assert (q.shape, r.shape) == (expected[0].shape, expected[1].shape)
    np.testing.assert_allclose(q @ r, x, atol=1e-5)
    np.testing.assert_allclose(
        np.swapaxes(q, -1, -2) @ q,
        np.broadcast_to(np.eye(q.shape[-1]), (*shape[:-2], q.shape[-1], q.shape[-1])),
        atol=1e-5,
    )
    np.testing.assert_array_equal(np.tril(r, -1), 0)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 4)])
def test_eig(shape):
    x = RNG.normal(size=shape).astype("float32")
    values, vectors = (t.numpy() for t in ops.eig(x))
    np.testing.assert_allclose(x @ vectors, vectors * values[..., None, :], atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=-2), 1, rtol=1e-5)


def test_singular_vectors():
    x = RNG.normal(size=(2, 4, 3)).astype("float32")
    for full, columns in ((True, 4), (False, 3)):
        u, s, v = (t.numpy() for t in ops.svd(x, full_matrices=full))
        assert u.shape == (2, 4, columns)
        np.testing.assert_allclose((u[..., :3] * s[..., None, :]) @ v, x, atol=1e-5)


def test_eigenvectors_of_symmetric_matrices():
    x = RNG.normal(size=(2, 3, 3)).astype("float32")
    x = x + np.swapaxes(x, -1, -2)
    values, vectors = (t.numpy() for t in ops.eigh(x))
    assert (np.diff(values) >= 0).all()
    np.testing.assert_allclose((vectors * values[..., None, :]) @ np.swapaxes(vectors, -1, -2), x, atol=1e-5)
