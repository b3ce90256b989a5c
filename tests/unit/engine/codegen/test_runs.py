"""Small kernels in a row are several grains where that is worth it, and none needs what another thread makes."""

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.llvm.build import build
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.codegen.chains import Chain
from pronghorn.engine.codegen.launch import Launch
from pronghorn.engine.codegen.runs import Cuts, cut_runs
from pronghorn.engine.codegen.units import Units
from pronghorn.engine.compiler.costs import MEETING_CYCLES, RUN_CYCLES, SERIAL_CYCLES
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval, Graph, Value
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime import threads
from pronghorn.engine.runtime.host import host_target

BATCH = Dim.symbol("batch")
GRAPH = Graph()


class Arrays(dict):
    """Arrays by their names."""

    def __missing__(self, name):
        self[name] = Value(Aval((4,), "float32"), GRAPH)
        return self[name]


def launches(*described):
    """Launches of (cycles, what they read, what they write), where a letter is an array; many cycles are shared out."""
    arrays, made = Arrays(), []
    for cycles, reads, writes in described:
        small = cycles < SERIAL_CYCLES
        units = Units(1 if small else 8)
        touched = ({arrays[name] for name in names} for names in (reads, writes))
        made.append(Chain.of(Launch("", units, cycles / units.constant, *touched), lambda v: v))
        assert made[-1].launches[0].serial == small
    return made


LONG = float(RUN_CYCLES)


def test_what_nothing_needs_is_for_another_thread():
    assert cut_runs([]) == cut_runs(launches((LONG, "", "a"))) == Cuts()
    assert cut_runs(launches((LONG, "", "a"), (LONG, "", "b"), (10, "", "c"), (LONG, "c", "d"))).ends == {1, 2}
    assert cut_runs(launches((LONG, "", "a"), (LONG, "a", "b"), (LONG, "b", "c"))) == Cuts()
    assert cut_runs(launches((LONG, "a", ""), (LONG, "a", ""))).ends == {1}  # both read it
    assert cut_runs(launches((LONG, "a", ""), (LONG, "", "a"))) == Cuts()
    assert cut_runs(launches((LONG, "", "a"), (LONG, "", "a"))) == Cuts()


def test_little_work_is_one_grain():
    assert cut_runs(launches(*[(RUN_CYCLES / 10, "", name) for name in "abcdefghijklmno"])) == Cuts()
    assert len(cut_runs(launches(*[(RUN_CYCLES / 10, "", name) for name in "abcdefghijklmnopqrstuvwxyz"])).ends) == 2


def test_a_number_in_between_cuts_nothing_apart():
    chain = [(LONG, "", "a"), (0, "", "n"), (10, "an", "b")]
    assert cut_runs(launches(*chain)) == Cuts()
    assert cut_runs(launches(*chain, (LONG, "", "c"), (0, "", "m"), (10, "cm", "d"))).ends == {3}


def test_threads_meet_behind_what_all_need_where_that_is_worth_it():
    users = [(LONG, "x", name) for name in "abcd"]
    cuts = cut_runs(launches((10, "", "x"), *users))
    assert cuts == Cuts(ends={2, 3, 4}, meetings={1})
    assert cut_runs(launches((10, "", "x"), (11_000, "x", "a"), (1.4 * MEETING_CYCLES, "x", "b"))) == Cuts()


def test_where_threads_meet_anyway_no_run_begins_besides():
    shared = (8.0 * SERIAL_CYCLES, "", "s")
    cuts = cut_runs(launches(shared, (LONG, "", "a"), (LONG, "s", "b"), (LONG, "", "c"), shared, (LONG, "c", "d")))
    assert cuts == Cuts(ends={3}, meetings={2, 5})


@pytest.mark.parametrize("seed", range(20))
def test_runs_between_two_meetings_touch_nothing_of_each_other(seed):
    rng = np.random.default_rng(seed)
    chains = launches(
        *[
            (
                float(rng.choice([10, 3_000, 11_000, 50_000], p=[0.3, 0.3, 0.3, 0.1])),
                "".join(map(chr, rng.integers(97, 97 + 24, rng.integers(0, 3)))),
                chr(rng.integers(97, 97 + 24)),
            )
            for _ in range(60)
        ]
    )
    cuts = cut_runs(chains)
    assert not cuts.ends & cuts.meetings
    since, own = [], []  # launches since threads have met, but for those of the run that is open
    for number, chain in enumerate(chains):
        small = chain.launches[0].serial
        assert small or number not in cuts.ends | cuts.meetings
        if number in cuts.meetings:
            since, own = [], []
        elif not small or number in cuts.ends:
            since, own = since + own, []
        if any(other.conflicts(chain) for other in since):
            assert not small  # threads meet where it was said, and where a kernel is shared out
            since = []
        own.append(chain)
        if not small:
            since, own = since + own, []


def many_tables(rows, *tables):
    """Columns of numbers, each looked up in a table of its own, and sums by row number: small work side by side."""
    found = [ops.take(table, rows[:, n], axis=0) for n, table in enumerate(tables)]
    sums = [ops.segment_sum(x * 2.0, rows[:, n], num_segments=2000) for n, x in enumerate(found)]
    return [ops.concatenate(found, axis=-1), *(ops.sum(s, axis=0) for s in sums)]


def test_small_work_side_by_side_is_shared_and_no_bit_depends_on_it():
    avals = [Aval((BATCH, 12), "int32"), *[Aval((2000, 8), "float32")] * 12]
    made = trace(many_tables, avals)
    emitted = build(made, frozenset(), host_target(), False).emitted
    cuts = cut_runs([Chain.of(launch, emitted.tables.root) for launch in emitted.launches])
    assert len(cuts.ends) >= 4
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 2000, (40, 12)).astype("int32")]
    arrays += [rng.standard_normal((2000, 8)).astype("float32") for _ in range(12)]
    before = threads.get_num_threads()
    found = []
    try:
        for count in (1, 2, 3):
            threads.set_num_threads(count)
            found.append(Executable(made)(*arrays))
    finally:
        threads.set_num_threads(before)
    for one, *others, expected in zip(*found, run(made.graph, arrays), strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-4, atol=1e-4)
        for other in others:
            np.testing.assert_array_equal(other, one)
