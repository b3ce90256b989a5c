"""Rows of zeros are left out of products, and no bit tells: neither of the results nor of what is infinite or NaN."""

from functools import partial

import numpy as np
import pytest
from contraction_problems import TARGETS, Problem, matmul, run

from pronghorn.engine.codegen.contraction import plan, zeros
from pronghorn.engine.codegen.contraction.zeros import RUN_BLOCK, RUN_STEPS
from pronghorn.engine.runtime.host import named_target

skipping = partial(plan, skip_zeros=True)
ROWS, TURNED = 61, {"a_transposed": True, "runtime": ("k",)}


@pytest.fixture(autouse=True)
def small_ones_too(monkeypatch):
    monkeypatch.setattr(zeros, "LEAST_ZERO_CYCLES", 0)
    monkeypatch.setattr(zeros, "LEAST_ZERO_STEPS", 0)


def tiles(rows, k=150, n=70, **options):
    """Sums along rows, of which there may be any number."""
    return matmul(rows, k, n, runtime=("m",), **options), "tiles"


def steps(rows, m=37, n=70, **options):
    """Sums over rows, of which there may be any number."""
    return matmul(m, rows, n, **TURNED, **options), "steps"


def check(native, problem, kind, target):
    """With and without looking for rows of zeros, the same bits; returns the plan."""
    usual, _ = run(native, problem, target)
    got, made = run(native, problem, target, planner=skipping)
    assert made.zeros == kind
    np.testing.assert_array_equal(got.view("u1"), usual.view("u1"))
    return made


def blank(problem, which, rows, chosen, number=0.0):
    array = problem.arrays["ab".index(which)]
    array.reshape(rows, -1)[chosen] = number


SOME = {
    "none": slice(0, 0),
    "the first": slice(0, 9),
    "the last": slice(40, None),
    "one": slice(17, 18),
    "a run": slice(11, 43),
    "every other": slice(None, None, 2),
    "all": slice(None),
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("chosen", SOME.values(), ids=SOME)
@pytest.mark.parametrize("make", [tiles, steps])
def test_no_bit_tells(native, make, chosen, target):
    problem, kind = make(ROWS)
    blank(problem, "a", ROWS, chosen)
    check(native, problem, kind, target)


@pytest.mark.parametrize("rows", [0, 1, RUN_STEPS - 1, RUN_STEPS, RUN_STEPS + 1, RUN_BLOCK, RUN_BLOCK + 9])
@pytest.mark.parametrize("make", [tiles, steps])
def test_any_number_of_rows(native, make, rows):
    for chosen in (slice(0, 0), slice(rows // 3, rows - rows // 4), slice(None)):
        problem, kind = make(rows)
        if rows:
            blank(problem, "a", rows, chosen)
        check(native, problem, kind, "native")


@pytest.mark.parametrize("which", ["a", "b"])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_infinities_and_nans_meet_the_zeros(native, which, number):
    """Zero times either is NaN, in steps whose other row is zeros, and of all rows of zeros that meet one in B."""
    problem, kind = steps(ROWS)
    blank(problem, "ba"["ab".index(which)], ROWS, slice(8, 40))
    array = problem.arrays["ab".index(which)].reshape(ROWS, -1)
    array[30, 3] = number
    check(native, problem, kind, "native")

    problem, kind = tiles(ROWS)
    blank(problem, "a", ROWS, slice(8, 40))
    problem.arrays[1].reshape(150, -1)[149, 69] = number
    check(native, problem, kind, "native")
    result, _ = run(native, problem, "native", planner=skipping)
    assert np.isnan(result.reshape(ROWS, -1)[12:36, 69]).all()
    assert (result.reshape(ROWS, -1)[12:36, :69] == 0).all()


@pytest.mark.parametrize("dtypes", [("float32",) * 3, ("float64",) * 3, ("float16",) * 3, ("bfloat16",) * 3], ids=str)
@pytest.mark.parametrize("make", [tiles, steps])
def test_either_zero_and_every_float(native, make, dtypes):
    for number in (-0.0, 0.0):
        problem, kind = make(ROWS, dtypes=dtypes)
        blank(problem, "a", ROWS, slice(10, 50), number)
        check(native, problem, kind, "native")
    problem, kind = make(ROWS, dtypes=dtypes)
    blank(problem, "a", ROWS, slice(10, 50), np.finfo("float64" if "64" in dtypes[0] else "float32").tiny)
    check(native, problem, kind, "native")


def test_a_panel_that_is_packed_and_one_that_is_cut(native):
    for options in ({"b_transposed": True}, {"n": 200}, {"n": 64, "k": 128}, {"n": 3}):
        problem, kind = tiles(ROWS, **options)
        blank(problem, "a", ROWS, slice(5, 50))
        if plan(problem.spec, named_target("native")).dot:
            continue
        check(native, problem, kind, "native")


@pytest.mark.parametrize("target", TARGETS)
def test_a_long_sum_that_is_cut(native, target):
    """Each part looks at its own columns: a row may have zeros in one of them only."""
    problem, kind = matmul(41, 3001, 150), "tiles"
    blank(problem, "a", 41, slice(7, 30))
    problem.arrays[0].reshape(41, -1)[:20, 1000:] = 0
    problem.arrays[1].reshape(3001, -1)[2000, 5] = np.inf
    made = check(native, problem, kind, target)
    assert made.chunks is not None or target != "avx512-emulated"


@pytest.mark.parametrize("target", TARGETS)
def test_rows_that_overlap(native, target):
    """A convolution of one channel: the next row of A begins with the next element, so that narrow tiles pack A."""
    problem = Problem([("m", 300, 1, 0, 150), ("n", 150, 0, 1, 1), ("k", 200, 1, 150)])
    problem.arrays[0][40:300] = 0
    usual, _ = run(native, problem, target)
    got, made = run(native, problem, target, planner=skipping)
    assert made.zeros == ("none" if made.pack_rows else "tiles")
    np.testing.assert_array_equal(got.view("u1"), usual.view("u1"))
    assert (problem.result(got)[40:95] == 0).all()


def test_runs(native):
    """What is written of each group of steps: twice the step behind its run, and 1 more where something is added."""
    rows = RUN_BLOCK + 3 * RUN_STEPS + 2
    problem, _ = steps(rows)
    blank(problem, "a", rows, slice(RUN_STEPS, 4 * RUN_STEPS + 3))
    blank(problem, "b", rows, slice(RUN_BLOCK - RUN_STEPS, RUN_BLOCK + RUN_STEPS))
    adds = np.ones(-(-rows // RUN_STEPS), int)
    adds[1:4] = adds[RUN_BLOCK // RUN_STEPS - 1 : RUN_BLOCK // RUN_STEPS + 1] = 0
    ends, end = [], rows
    for group in reversed(range(len(adds))):
        last = group + 1 == len(adds)
        if not last and (adds[group] != adds[group + 1] or (group + 1) * RUN_STEPS % RUN_BLOCK == 0):
            end = (group + 1) * RUN_STEPS
        ends.insert(0, end)
    assert list(runs_of(native, problem)) == [2 * end + one for end, one in zip(ends, adds, strict=True)]


def runs_of(native, problem):
    """What the kernel before the main one writes."""
    kept = {}
    run(native, problem, "native", planner=skipping, keep=kept)
    return kept["runs"].view("i8")


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (matmul(ROWS, 100, 70), "none"),  # looking at a tile's rows would show
        (matmul(ROWS, 150, 70, dtypes=("int32",) * 3), "none"),
        (matmul(37, 300, 70, a_transposed=True, b_transposed=True), "none"),
        (matmul(37, 300, 70, a_transposed=True), "steps"),
        (matmul(ROWS, 150, 70), "tiles"),
    ],
)
def test_where_they_are_looked_for(problem, kind):
    assert skipping(problem.spec, named_target("avx512")).zeros == kind


def test_not_in_small_products(monkeypatch):
    monkeypatch.undo()
    assert skipping(matmul(64, 256, 256).spec, named_target("avx512")).zeros == "none"
    assert skipping(matmul(4096, 256, 256).spec, named_target("avx512")).zeros == "tiles"
    assert skipping(matmul(256, 255, 4096, a_transposed=True).spec, named_target("avx512")).zeros == "none"
    assert skipping(matmul(256, 256, 4096, a_transposed=True).spec, named_target("avx512")).zeros == "steps"
