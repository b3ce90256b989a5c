"""The stage *repeats*: which products it makes, and that they are those it replaces."""

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.compiler.repeats import share_repeats
from pronghorn.engine.compiler.simplify import eliminate_dead
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.graph.verify import verify

BATCH = Dim.symbol("batch")
GROUPS, SIZE, LENGTH = 3, 5, 7


def scores(query, keys, times, equation="bqhd,bkhd->bhqk"):
    return ops.einsum(equation, query, ops.repeat(keys, times, axis=2))


def traced(function, *shapes, dtype="float32"):
    return trace(function, [Aval(shape, dtype) for shape in shapes])


def check(function, *shapes, dtype="float32", shared=True):
    """Whether the stage changes the products, and what the two graphs and the compiled one compute."""
    before = traced(function, *shapes, dtype=dtype)
    after = eliminate_dead(share_repeats(before.graph))
    verify(after)
    broadcasts = [n for n in after.nodes if n.prim.name == "broadcast_in_dim"]
    assert bool(broadcasts) != shared
    rng = np.random.default_rng(0)
    arrays = [rng.integers(-5, 6, [2 if e is BATCH else e for e in shape]).astype(dtype) for shape in shapes]
    expected = run(before.graph, arrays)
    for value, other in zip(run(after, arrays), expected, strict=True):
        np.testing.assert_array_equal(value, other)
    for value, other in zip(Executable(before)(*arrays), expected, strict=True):
        np.testing.assert_array_equal(value, other)


@pytest.mark.parametrize("times", [2, 5])
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_scores_of_one_token_and_what_it_finds(times, dtype):
    query, keys = (BATCH, 1, GROUPS * times, SIZE), (BATCH, LENGTH, GROUPS, SIZE)
    check(lambda q, k: [scores(q, k, times)], query, keys, dtype=dtype)
    weights = (BATCH, GROUPS * times, 1, LENGTH)
    check(lambda w, v: [scores(w, v, times, "bhqk,bkhd->bqhd")], weights, keys, dtype=dtype)


def test_the_repeated_one_may_come_first():
    query, keys = (BATCH, 1, GROUPS * 2, SIZE), (BATCH, LENGTH, GROUPS, SIZE)
    check(lambda q, k: [ops.einsum("bkhd,bqhd->bhkq", ops.repeat(k, 2, axis=2), q)], query, keys)


def test_a_vector_for_each_matrix():
    check(lambda q, k: [ops.einsum("hd,hkd->hk", q, ops.repeat(k, 4, axis=0))], (8, SIZE), (2, LENGTH, SIZE))


@pytest.mark.parametrize("length", [0, 1])
def test_short_and_empty_caches(length):
    check(lambda q, k: [scores(q, k, 2)], (BATCH, 1, 6, SIZE), (BATCH, length, GROUPS, SIZE))


@pytest.mark.parametrize(
    "function, shapes",
    [
        (lambda q, k: [scores(q, k, 2)], [(BATCH, 4, 6, SIZE), (BATCH, LENGTH, GROUPS, SIZE)]),  # several rows
        (  # tiled, not repeated: heads 0 and 3 look at head 0
            lambda q, k: [ops.einsum("bqhd,bkhd->bhqk", q, ops.tile(k, (1, 1, 2, 1)))],
            [(BATCH, 1, 6, SIZE), (BATCH, LENGTH, GROUPS, SIZE)],
        ),
        (  # the last axis of the batch is not the one that repeats
            lambda q, k: [ops.einsum("bhsd,bhskd->bhsk", q, ops.repeat(k, 2, axis=1))],
            [(BATCH, 6, 4, SIZE), (BATCH, 3, 4, LENGTH, SIZE)],
        ),
        (  # repeated along what is summed
            lambda q, k: [ops.einsum("bhd,bkhd->bhk", q, ops.repeat(k, 2, axis=3))],
            [(BATCH, 3, 2 * SIZE), (BATCH, LENGTH, 3, SIZE)],
        ),
    ],
)
def test_others_are_left_alone(function, shapes):
    check(function, *shapes, shared=False)
