"""Random programs give what the NumPy interpreter gives, to the bit wherever that is defined (see `random_graphs`)."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.graph.guards import HoldsOnce
from pronghorn.engine.graph.primitives.registry import ShapeError

sys.path.insert(0, str(Path(__file__).parent))
from random_graphs import Program, random_program

BATCHES = (1, 3, 5)
OTHERS = (7, 1, 2, 3, 4, 5, 6, 8, 16, 17, 33)


@pytest.fixture(autouse=True)
def guarded(monkeypatch):
    """Steps run on arrays between forbidden pages, in memory full of NaNs: what leaves an array ends the process."""
    monkeypatch.setenv("PRONGHORN_DEBUG", "poison")


def check(program: Program, seed: int, batches: Sequence[int] = BATCHES) -> None:
    traced = program.traced
    compiled = Executable(traced)
    initial = [v.numpy() for v in traced.variables]
    for batch in batches:
        for variable, value in zip(traced.variables, initial):
            variable.assign(value)
        arguments = program.arguments(np.random.default_rng(seed), batch)
        with np.errstate(all="ignore"):
            expected = run(traced.graph, [*arguments, *initial])
        got = [*compiled(*arguments), *(v.numpy() for v in traced.updated)]
        for i, (a, b, exact) in enumerate(zip(got, expected, program.exact, strict=True)):
            assert a.shape == b.shape and a.dtype == b.dtype
            a, b = a.astype(np.float64), b.astype(np.float64)
            where = f"seed {seed}, output {i}, batch {batch}"
            if exact:
                np.testing.assert_array_equal(a, b, err_msg=where)
            else:
                largest = np.abs(b[np.isfinite(b)]).max(initial=1)
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * largest, err_msg=where)


@pytest.mark.mostly_slow(every=8)
@pytest.mark.parametrize("start", range(0, 200, 25))
def test_small_programs(start):
    for seed in range(start, start + 25):
        check(random_program(seed, steps=5, variables=seed % 3), seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(1000, 1060, 15))
def test_larger_programs(start):
    for seed in range(start, start + 15):
        check(random_program(seed, steps=14, variables=3), seed)


def check_other_extents(seed: int, steps: int) -> int:
    """Compare a program traced at one number of rows at all others for which its guards hold; return how many."""
    try:
        program = random_program(seed, steps, seed % 2, hint=OTHERS[0])
    except (HoldsOnce, ShapeError):  # it took an axis for one of another length, or cut all of it away
        return 0
    batches = [batch for batch in OTHERS if program.traced.guards.hold({"batch": batch})]
    assert OTHERS[0] in batches
    check(program, seed, batches)
    return len(batches)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(3000, 3400, 25))
def test_other_numbers_of_rows(start):
    assert sum(check_other_extents(seed, 4 + seed % 9) for seed in range(start, start + 25)) > 50


@pytest.mark.slow
@pytest.mark.parametrize("start", range(2000, 2400, 25))
def test_many_programs(start):
    for seed in range(start, start + 25):
        check(random_program(seed, steps=18, variables=seed % 5), seed)
