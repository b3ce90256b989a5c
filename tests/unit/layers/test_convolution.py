"""Transposed convolutions: where the kernel lies when it is shorter than the stride."""

import numpy as np
import pytest

from pronghorn import layers


@pytest.mark.parametrize(
    "kernel, stride, extra, expected",
    [
        (1, 2, 0, [1, 0, 2, 0, 3]),
        (1, 2, 1, [1, 0, 2, 0, 3, 0]),  # output_padding is put at the end, not before the first element
        (1, 3, 2, [1, 0, 0, 2, 0, 0, 3, 0, 0]),
        (3, 3, 2, [1, 1, 1, 2, 2, 2, 3, 3, 3]),
    ],
)
def test_output_padding_with_same(kernel, stride, extra, expected):
    layer = layers.Conv1DTranspose(
        1, kernel, strides=stride, padding="same", output_padding=extra, kernel_initializer="ones", use_bias=False
    )
    x = np.float32([1, 2, 3]).reshape(1, 3, 1)
    np.testing.assert_array_equal(layer(x).numpy().ravel(), expected)
