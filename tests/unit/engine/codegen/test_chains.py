"""Kernels over the same rows: a thread takes some rows through all of them, and no bit depends on it."""

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.llvm.build import build
from pronghorn.engine.codegen import chains
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime import threads
from pronghorn.engine.runtime.host import host_target

BATCH = Dim.symbol("batch")


def normalized(x):
    centred = x - ops.mean(x, -1, keepdims=True)
    return centred * ops.rsqrt(ops.mean(ops.square(centred), -1, keepdims=True) + 1e-3)


def across(x):
    """Every row reads what all rows made."""
    sums = ops.sum(x, -1, keepdims=True)
    return x * ops.flip(sums, 0), sums


def shares_of_columns(x):
    return ops.softmax(ops.softmax(x, axis=-1), axis=1)


def in_place_of_more(x):
    """Rows become parts of rows that are longer."""
    made = ops.softmax(x, axis=-1)
    return ops.pad(made, [[0, 0], [0, 0], [1, 2]]), ops.sum(made, axis=-1)


CASES = {
    "softmax": lambda x: ops.softmax(x, axis=-1),
    "logsumexp": lambda x: ops.logsumexp(x, axis=-1),
    "normalized": normalized,
    "twice": lambda x: normalized(ops.softmax(x, axis=-1)) + 1.0,
    "other rows": across,
    "other axis": shares_of_columns,
    "places": in_place_of_more,
    "first axis": lambda x: ops.softmax(x, axis=0),
}


def graph(fn, *shape):
    def results(x):
        made = fn(x)
        return list(made) if isinstance(made, tuple) else [made]

    return trace(results, [Aval(shape, "float32")])


def chained(fn, *shape):
    """The launches of each chain, by their kinds."""
    found = []
    for launch in build(graph(fn, *shape), (), host_target(), False).emitted.launches:
        if launch.label == "chain":
            found.append([])
        elif launch.is_chained:
            found[-1].append(launch.label.partition("_")[2])
    return found


def test_a_softmax_and_a_normalization_are_one_chain_each():
    assert chained(CASES["softmax"], BATCH, 64, 1024) == [["reduce_max", "reduce_sum", "loops"]]
    assert chained(normalized, BATCH, 128, 256) == [["reduce_sum", "reduce_sum", "loops", "loops"]]


def test_what_reads_other_rows_waits_for_all():
    assert chained(across, BATCH, 64, 1024) == []
    assert [len(chain) for chain in chained(shares_of_columns, BATCH, 512, 1024)] == [2]  # not those along columns


def test_few_rows_are_not_chained():
    # With the maximum, whose units are the largest, all of one sample would be a single unit.
    assert chained(CASES["softmax"], BATCH, 512, 64) == [["reduce_sum", "loops"]]
    assert chained(normalized, BATCH, 64, 768)  # of which two threads get some
    assert chained(CASES["softmax"], 16, 8000) == []  # too few grains for many threads


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("extents", [(0, 64, 1000), (1, 64, 1000), (3, 37, 515), (5, 64, 1), (9, 33, 2048)])
def test_no_bit_depends_on_chains_or_threads(name, extents, monkeypatch):
    batch, *rest = extents
    if name == "first axis" and batch == 0:
        pytest.skip("a maximum of nothing")
    x = np.random.default_rng(0).standard_normal(extents, "float32") * 8
    x[..., :1, :1] = 90.0
    if batch > 1:
        x[1, 2, 0], x[1, 3, 0], x[-1, 4, 0], x[-1, 5, :] = np.nan, np.inf, -np.inf, -0.0

    def run(count):
        before = threads.get_num_threads()
        threads.set_num_threads(count)
        try:
            return [np.asarray(v).copy() for v in Executable(graph(CASES[name], BATCH, *rest))(x)]
        finally:
            threads.set_num_threads(before)

    made = [run(1), run(2), run(5)]
    monkeypatch.setattr(chains.Chain, "followed_by", lambda *_: None)
    apart = run(2)
    for each in made:
        for a, b in zip(each, apart, strict=True):
            np.testing.assert_array_equal(a.view("uint32"), b.view("uint32"))
