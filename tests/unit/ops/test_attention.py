"""Attention in small types."""

import numpy as np
import pytest

from pronghorn import ops


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_logits_are_not_rounded_to_a_small_type(dtype):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(1, 6, 2, 64)) * scale for scale in (40, 40, 1)]  # logits beyond float16's range
    small = [ops.cast(x, dtype) for x in arrays]
    out = ops.dot_product_attention(*small)
    expected = ops.dot_product_attention(*(ops.cast(x, "float32") for x in small))
    assert out.dtype == dtype
    np.testing.assert_allclose(ops.cast(out, "float32"), expected, rtol=1e-2, atol=1e-2)
