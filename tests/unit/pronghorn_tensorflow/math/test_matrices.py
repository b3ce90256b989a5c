"""`tf.linalg` by its own arguments; what it gives is compared in test_tensorflow_answers.py."""

import numpy as np
import pytest

from pronghorn_tensorflow.alias import TensorFlowAlias
from pronghorn_tensorflow.math import matrices


@pytest.mark.parametrize("shape", [(3, 2), (2, 3), (2, 4, 3), (0, 3, 2)])
def test_singular_values_come_first_and_v_is_not_transposed(shape):
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    s, u, v = (np.asarray(part) for part in matrices.svd(x))
    np.testing.assert_allclose((u * s[..., None, :]) @ np.swapaxes(v, -1, -2), x, atol=1e-5)
    assert s.shape == (*shape[:-2], min(shape[-2:])) and v.shape[-2] == shape[-1]


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (3, 5, 5)])
def test_a_matrix_from_its_triangles(shape):
    x = np.random.default_rng(1).normal(size=shape).astype("float32")
    factors, order = matrices.lu(x)
    np.testing.assert_allclose(matrices.lu_reconstruct(factors, order).numpy(), x, atol=1e-5)
    np.testing.assert_allclose(
        matrices.lu_matrix_inverse(factors, order).numpy(), np.linalg.inv(x), rtol=2e-3, atol=1e-3
    )


@pytest.mark.parametrize("k", [-2, 0, 1])
def test_vectors_on_a_diagonal(k):
    x = np.arange(6.0, dtype="float32").reshape(2, 3)
    found = matrices.diag(x, k=k).numpy()
    np.testing.assert_array_equal(found, [np.diag(row, k) for row in x])
    np.testing.assert_array_equal(matrices.set_diag(found * 0, x, k=k).numpy(), found)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"k=\(0, 1\); one diagonal"):
        matrices.diag([1.0], k=(0, 1))
    with pytest.raises(ValueError, match="diagonal has 2 elements, and diagonal 0 of 1 rows and 2 columns has 1"):
        matrices.diag([1.0, 2.0], num_rows=1)
    with pytest.raises(ValueError, match="axes must be there twice"):
        matrices.tensor_diag_part(np.ones((2, 3)))


@pytest.mark.parametrize(
    "x",
    [
        [[1.0, 2.0], [2.0, 4.0]],
        [[0.0]],
        [[np.nan]],
        [[0.1, 0.2], [0.3, 0.6]],
        [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]],
    ],
)
def test_a_matrix_without_an_inverse_is_refused(x):
    x = np.array(x, "float32")
    with pytest.raises(ValueError, match=r"tf.linalg.inv: matrix has no inverse.*pinv"):
        matrices.inv(x)
    with pytest.raises(ValueError, match=r"tf.linalg.solve: matrix has no inverse"):
        matrices.solve(x, x)


def test_which_matrix_has_no_inverse_is_said():
    x = np.stack([np.eye(2, dtype="float32"), np.ones((2, 2), "float32")])
    with pytest.raises(ValueError, match=r"matrix \(.*1.*\) of shape \(2, 2, 2\) has no inverse"):
        matrices.inv(x)


def test_inverses_at_the_edges():
    for shape in [(0, 0), (0, 2, 2), (2, 0, 0)]:
        assert matrices.inv(np.zeros(shape, "float32")).shape == shape
    assert matrices.inv([[1e-30]]).tolist() == [[np.float32(1e30)]]
    assert matrices.inv([[np.inf]]).tolist() == [[0.0]]


def test_values_that_are_not_known_are_inverted():
    tf = TensorFlowAlias("tensorflow")
    found = tf.function(matrices.inv)(tf.zeros((1, 1)))
    assert not np.isfinite(found.numpy()).any()
    with tf.GradientTape() as tape:
        x = tf.Variable([[2.0]])
        y = matrices.inv(x)
    assert tape.gradient(y, x).numpy().tolist() == [[-0.25]]


@pytest.mark.parametrize("x", [[[1.0, 2.0], [2.0, 4.0]], np.zeros((2, 3, 3), "float32")])
def test_triangles_of_a_matrix_without_inverse_are_refused(x):
    with pytest.raises(ValueError, match=r"tf.linalg.lu: matrix.* has no inverse"):
        matrices.lu(np.asarray(x, "float32"))


def test_triangles_of_what_is_no_number():
    factors, order = matrices.lu(np.array([[1.0, np.nan], [3.0, 4.0]], "float32"))
    assert np.isnan(factors.numpy()[1, 1]) and order.tolist() == [1, 0]
