"""The memory plan: no two buffers that are in use at once share memory, for any batch size."""

import numpy as np
import pytest

from pronghorn.engine.compiler.memory import ALIGN, Lifetime, plan_memory
from pronghorn.engine.compiler.verify import InvalidProgram, verify_memory
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim, evaluate, product
from pronghorn.engine.graph.ir import Aval, Graph, Value

B, N = Dim.symbol("batch"), Dim.symbol("n")
SHAPES = [
    (),
    (7,),
    (3, 5),
    (B,),
    (B, 8),
    (2 * B + 1, 3),
    (B * B,),
    (B, N),
    (N, 3),
    (B + N,),
    (0, 4),
    (B * N + 40, 3),
    (70 - B, 5),
    ((5 * B + 31) // 32, 9),
    ((B + 6) // 7, N),
]


def overlap(a, b):
    return a.first <= b.last and b.first <= a.last


@pytest.mark.parametrize("seed", range(30))
def test_live_buffers_do_not_overlap(seed):
    rng = np.random.default_rng(seed)
    lifetimes = {}
    for _ in range(int(rng.integers(1, 40))):
        shape, dtype = SHAPES[int(rng.integers(len(SHAPES)))], str(rng.choice(["float32", "uint8", "float64"]))
        first = int(rng.integers(0, 20))
        lifetimes[Value(Aval(shape, dtype), Graph())] = Lifetime(first, first + int(rng.integers(0, 6)))
    plan = plan_memory(lifetimes)
    for batch, n in ((0, 0), (0, 7), (1, 1), (2, 0), (5, 2), (70, 33)):
        env = {"batch": batch, "n": n}
        offsets, nbytes = plan.layout(env)
        assert set(offsets) == set(lifetimes)
        spans = {}
        for value, start in offsets.items():
            size = evaluate(product(value.shape), env) * dtypes.itemsize(value.dtype)
            assert start % ALIGN == 0 and start + size <= nbytes
            spans[value] = (start, start + size)
        values = list(lifetimes)
        for i, a in enumerate(values):
            for b in values[i + 1 :]:
                if overlap(lifetimes[a], lifetimes[b]):
                    assert spans[a][1] <= spans[b][0] or spans[b][1] <= spans[a][0], (a.aval, b.aval, env)


def test_memory_is_used_again():
    shape = (B, 100)
    chain = {Value(Aval(shape, "float32"), Graph()): Lifetime(i, i + 1) for i in range(20)}
    _, nbytes = plan_memory(chain).layout({"batch": 64})
    assert nbytes < 3 * 64 * 100 * 4


def test_memory_that_grows_by_whole_blocks_is_used_again():
    """Blocks of other sizes, too, and not while one of both is still in use."""
    chain = {}
    for i in range(20):
        block = (32, 48)[i % 2]
        shape = ((5 * B + block - 1) // block, block * 100)
        chain[Value(Aval(shape, "float32"), Graph())] = Lifetime(i, i + 1)
    plan = plan_memory(chain)
    verify_memory(plan, chain)
    for batch in (0, 1, 64):
        most = max(evaluate(product(value.shape), {"batch": batch}) * 4 for value in chain)
        assert plan.layout({"batch": batch})[1] <= 2 * (most + 2 * ALIGN)
    longer = {value: Lifetime(life.first, life.last + 1) for value, life in chain.items()}
    with pytest.raises(InvalidProgram, match="share memory"):
        verify_memory(plan, longer)
