"""Floats to integers at the ends of the integers' ranges: saturating, and 0 for NaN, as NumPy's meaning is."""

from __future__ import annotations

import numpy as np
import pytest

import pronghorn
from pronghorn import ops
from pronghorn.engine.graph.dtypes import converted

INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
SMALL = [sign * 2.0**bits + more for bits in (7, 8, 15, 16) for sign in (-1, 1) for more in (-1, -0.1, 0, 0.9, 1)]
LARGE = [sign * 2.0**bits for bits in (31, 32, 63, 64) for sign in (-1, 1)]
OTHERS = [np.inf, -np.inf, np.nan, -0.0, -0.9, 1e-40, 2.0**31 - 128, 2.0**32 - 256, 2.0**63 - 2.0**39]


@pytest.mark.parametrize("source", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("target", INTEGERS)
@pytest.mark.filterwarnings("ignore:overflow")  # where the test makes its data
def test_ends(source, target):
    x = converted(np.array(SMALL + LARGE + OTHERS, "float64"), source)  # in vectors, with a rest
    found = pronghorn.jit(lambda x: ops.cast(x, target))(x).numpy()
    np.testing.assert_array_equal(found, converted(x, target))
    one = pronghorn.jit(lambda x: ops.cast(x, target))(x[:1]).numpy()  # and alone
    np.testing.assert_array_equal(one, found[:1])
