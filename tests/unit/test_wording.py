"""Counts and sizes: one of something is not several, and sizes have units that suit them."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, ops
from pronghorn._wording import counted, size_text


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1 kB"), (999_400, "999 kB"), (999_500, "1 MB"),
     (1 << 30, "1.07 GB"), (1 << 60, "1.15e+06 TB")],
)  # fmt: skip
def test_sizes(nbytes, text):
    assert size_text(nbytes) == text


def test_extents_that_are_not_known_are_written_as_they_are():
    class Unknown:
        def __str__(self):
            return "batch"

    assert counted(Unknown(), "row") == "batch rows" and counted(np.int64(1), "row") == "1 row"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: keras.Sequential([layers.Dense(1)]).get_layer(index=3), "1 layer."),
        (lambda: ops.reshape(ops.ones(1), (2,)), "has 1 element,"),
        (lambda: ops.sum(ops.ones(2), axis=3), "with 1 axis has"),
        (lambda: ops.matmul(ops.ones((2, 1)), ops.ones((2, 2))), "has 1 element,"),
        (lambda: keras.Sequential([keras.Input((1,)), layers.Embedding(2, 2)]).set_weights([]), "has 1 weight, but"),
    ],
)
def test_one_is_not_several(wrong, said):
    with pytest.raises(ValueError) as caught:
        wrong()
    assert said in str(caught.value)
