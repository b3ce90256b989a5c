"""Products that sum along rows which lie a multiple of a kilobyte apart: what competes for the caches is copied."""

import numpy as np
import pytest

from pronghorn.calls.jit import jit
from pronghorn.engine.backends.eager.shapes import LONG_SUM, ROWS, general
from pronghorn.engine.backends.llvm.build import build
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime.host import named_target

BATCH = Dim.symbol("batch")
CONTRACT = {"contract": ((0,), (0,)), "batch": ((), ())}


def _labels(steps, rows, columns, target):
    """The launches of a product of transposed ``[steps, rows]`` and ``[steps, columns]``."""
    avals = [Aval((steps, rows), "float32"), Aval((steps, columns), "float32")]
    traced = trace(lambda x, y: [P.dot_general(x, y, **CONTRACT)], avals)
    return [launch.label for launch in build(traced, (), named_target(target), False).emitted.launches]


def _packed(*sizes):
    return {label.rsplit(".", 1)[-1] for label in _labels(*sizes) if "pack" in label}


def test_the_second_operand_is_packed_where_the_sum_may_be_long():
    assert _packed(BATCH, 512, 256, "avx512") == {"pack"}
    assert not _packed(BATCH, 256, 256, "avx512")
    assert not _packed(BATCH, 512, 200, "avx512")
    assert not _packed(64, 512, 256, "avx512")


@pytest.mark.parametrize("steps", [64, 2048, BATCH])
def test_both_operands_are_packed_for_narrow_tiles(steps):
    assert _packed(steps, 128, 200, "avx2") == {"pack", "pack_a"}
    assert not _packed(steps, 100, 200, "avx2") & {"pack_a"}
    assert not _packed(steps, 200, 100, "avx2") & {"pack_a"}
    assert not _packed(steps, 512, 512, "avx512") & {"pack_a"}


def test_an_eager_kernel_is_for_the_length_of_a_long_sum():
    for steps, is_open in ((LONG_SUM - 1, True), (LONG_SUM, False)):
        arrays = [np.zeros((steps, 8), "float32"), np.zeros((steps, 4), "float32")]
        call = next(general("dot_general", arrays, CONTRACT))
        assert (call.shapes[0][0] is ROWS) == is_open


@pytest.mark.parametrize("steps", [3, 70, 530])
def test_packed_products_are_right_at_every_length(steps):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((steps, 512), np.float32), rng.standard_normal((steps, 256), np.float32)
    product = jit(lambda x, y: P.dot_general(x, y, **CONTRACT))
    product(x[:2], y[:2])  # made for any number of rows
    np.testing.assert_allclose(product(x, y), x.T @ y, rtol=1e-4, atol=1e-3)
