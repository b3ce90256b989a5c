"""Constraints."""

from __future__ import annotations

import numpy as np
import pytest

from pronghorn import constraints

W = np.array([[3.0, 0.3], [4.0, 0.4]], "float32")


def norms(w):
    return np.sqrt((w.numpy() ** 2).sum(0))


def test_values():
    np.testing.assert_allclose(norms(constraints.MaxNorm(2.0)(W)), [2.0, 0.5], rtol=1e-5)
    np.testing.assert_allclose(norms(constraints.UnitNorm()(W)), [1.0, 1.0], rtol=1e-5)
    np.testing.assert_allclose(norms(constraints.MinMaxNorm(1.0, 3.0)(W)), [3.0, 1.0], rtol=1e-5)
    np.testing.assert_allclose(norms(constraints.MinMaxNorm(1.0, 3.0, rate=0.5)(W)), [4.0, 0.75], rtol=1e-5)
    assert constraints.NonNeg()(np.array([-1.0, 2.0])).tolist() == [0.0, 2.0]


@pytest.mark.parametrize("name", ["max_norm", "non_neg", "UnitNorm", "min_max_norm"])
def test_names_and_configurations(name):
    made = constraints.get(name)
    assert constraints.deserialize(constraints.serialize(made)).get_config() == made.get_config()


def test_unknown_names():
    with pytest.raises(ValueError, match="max_norm"):
        constraints.get("maxnorm_")
