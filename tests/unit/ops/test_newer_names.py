"""Functions that Keras adds in 3.16."""

import numpy as np
import pytest

from pronghorn import GradientTape, ops
from pronghorn.symbolic.keras_tensor import KerasTensor


def test_column_stack():
    rng = np.random.default_rng(0)
    for shapes in (((3,), (3,)), ((3, 2), (3,)), ((3, 1), (3, 2), (3,)), ((2, 3, 4), (2, 1, 4))):
        arrays = [rng.random(shape, np.float32) for shape in shapes]
        np.testing.assert_array_equal(ops.column_stack(arrays), np.column_stack(arrays))
    assert ops.column_stack([KerasTensor((None, 2)), KerasTensor((None, 3))]).shape == (None, 5)


@pytest.mark.parametrize("n", [-2, -1, 0, 1, 2, 5, 6])
def test_matrix_power(n):
    x = np.random.default_rng(1).random((2, 3, 3), np.float32) + np.eye(3, dtype="float32") * 2
    np.testing.assert_allclose(ops.matrix_power(x, n), np.linalg.matrix_power(x, n), rtol=1e-4, atol=1e-5)
    assert ops.linalg.matrix_power(KerasTensor((None, 3, 3)), n).shape == (None, 3, 3)


def test_matrix_power_has_gradients_and_says_what_it_takes():
    x = ops.convert_to_tensor([[2.0, 0.0], [0.0, 3.0]])
    with GradientTape() as tape:
        tape.watch(x)
        trace = ops.trace(ops.matrix_power(x, 3))
    np.testing.assert_allclose(tape.gradient(trace, x), [[12, 0], [0, 27]])
    with pytest.raises(ValueError, match="square matrices"):
        ops.matrix_power(np.ones((2, 3)), 2)
    with pytest.raises(TypeError, match=r"n=0\.5"):
        ops.matrix_power(np.ones((2, 2)), 0.5)


def test_top_k_is_stable():
    values, indices = ops.top_k(np.array([1, 3, 3, 1, 3]), 4, is_stable=True)
    assert values.tolist() == [3, 3, 3, 1] and indices.tolist() == [1, 2, 4, 0]
