"""Products of few rows with a large matrix, against NumPy; which contractions are taken so."""

from __future__ import annotations

import numpy as np
import pytest
from contraction_problems import TARGETS, Problem, check, run

from pronghorn.engine.codegen.contraction import FewRowsPlan, plan_few_rows
from pronghorn.engine.runtime.host import named_target

LOW = ("bfloat16", "bfloat16", "float32")
HALF = ("float16", "float16", "float16")


def few(spec, machine, multiples=None):
    """The plan, however small the matrix is."""
    made = plan_few_rows(spec, machine, least_bytes=-1)
    assert isinstance(made, FewRowsPlan)
    return made


def product(rows, steps, columns, tied=False, **options):
    """A product with a matrix ``[steps, columns]``; ``tied``: with a table ``[columns, steps]``."""
    b = (1, steps) if tied else (columns, 1)
    axes = [("m", rows, steps, 0, columns), ("n", columns, 0, b[1], 1), ("k", steps, 1, b[0])]
    return Problem(axes, **options)


CASES = {
    "one row": lambda **o: product(1, 96, 64, **o),
    "odd extents": lambda **o: product(3, 77, 131, **o),
    "two steps": lambda **o: product(4, 2, 70, **o),
    "one column more than a tile": lambda **o: product(2, 40, 513, **o),
    "fewer columns than lanes": lambda **o: product(5, 50, 7, **o),
    "parts of the sum": lambda **o: product(1, 1031, 300, **o),
    "strips": lambda **o: product(16, 64, 1300, **o),
    "sixteen rows": lambda **o: product(16, 330, 270, **o),
    "seven rows": lambda **o: product(7, 65, 260, **o),
    "tied": lambda **o: product(1, 96, 64, tied=True, **o),
    "tied, odd extents": lambda **o: product(3, 77, 131, tied=True, **o),
    "tied, sixteen rows": lambda **o: product(16, 333, 67, tied=True, **o),
    "tied, one column": lambda **o: product(7, 65, 2, tied=True, **o),
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", CASES)
def test_matches_numpy(native, name, target):
    check(native, CASES[name](), target, planner=few)


@pytest.mark.parametrize("target", ["native", "avx2"])
@pytest.mark.parametrize("rows", [1, 2, 4, 7, 16])
@pytest.mark.parametrize("tied", [False, True])
def test_the_number_of_rows_may_show_at_run_time(native, target, rows, tied):
    check(native, product(rows, 331, 270, tied=tied, runtime=("m",)), target, planner=few)
    check(native, product(rows, 2100, 70, tied=tied, runtime=("m",)), target, planner=few)


@pytest.mark.parametrize("dtypes", [LOW, HALF, ("float32", "bfloat16", "float32"), ("float32", "float16", "bfloat16")])
@pytest.mark.parametrize("target", ["native", "avx2"])
@pytest.mark.parametrize("name", ["odd extents", "tied, odd extents", "parts of the sum"])
def test_narrow_floats_are_widened(native, name, target, dtypes):
    check(native, CASES[name](dtypes=dtypes), target, planner=few)


@pytest.mark.parametrize("dtypes", [("int8", "int8", "int32"), ("int32",) * 3, ("uint8", "int8", "int32")])
@pytest.mark.parametrize("target", ["native", "avx2"])
@pytest.mark.parametrize("name", ["odd extents", "parts of the sum", "sixteen rows", "tied, odd extents", "tied"])
def test_integers_are_exact(native, name, target, dtypes):
    check(native, CASES[name](dtypes=dtypes), target, planner=few)


@pytest.mark.parametrize("rows", [1, 5, 16])
@pytest.mark.parametrize("runtime", [(), ("m",)])
@pytest.mark.parametrize("target", ["native", "avx2"])
def test_all_bytes_are_multiplied_right(native, target, rows, runtime):
    """Some instructions take unsigned bytes, or saturate: the largest and the smallest are among these."""
    problem = product(rows, 1029, 200, dtypes=("int8", "int8", "int32"), runtime=runtime)
    rng = np.random.default_rng(rows)
    for array in problem.arrays[:2]:
        array[:] = rng.choice(np.array([-128, -127, -1, 0, 1, 127], "int8"), len(array))
    problem.arrays[0][:1029], problem.arrays[1][:] = -128, np.where(rng.random(len(problem.arrays[1])) < 0.9, -128, 127)
    check(native, problem, target, planner=few)


def test_two_axes_of_rows_and_one_that_goes_elsewhere(native):
    axes = [("x", 2, 500, 0, 40), ("y", 3, 100, 0, 1000), ("n", 40, 0, 1, 1), ("k", 90, 1, 40)]
    check(native, Problem(axes), "native", planner=few)


def test_the_matrix_may_be_the_first_operand(native):
    axes = [("n", 70, 1, 0, 1), ("m", 3, 0, 96, 70), ("k", 96, 70, 1)]
    check(native, Problem(axes), "native", planner=few)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_column(native, value, tied):
    problem = product(2, 40, 70, tied=tied)
    problem.view("b")[0, 33, 5] = value  # axes m, n, k: all rows share it
    found = problem.result(run(native, problem, "native", planner=few)[0])
    assert not np.isfinite(found[:, 33]).any()
    assert np.isfinite(np.delete(found, 33, axis=1)).all()


def test_where_threads_begin_changes_no_bit(native):
    for problem in (product(3, 1031, 1300), product(3, 200, 300, tied=True)):
        results = [run(native, problem, "native", cuts=cuts, planner=few)[0] for cuts in ((1.0,), (0.5,), (0.2, 0.7))]
        assert all(np.array_equal(results[0], other) for other in results[1:])


def chosen(rows, steps=768, columns=3072, **options):
    return plan_few_rows(product(rows, steps, columns, **options).spec, named_target("avx2"))


def test_which_products_are_taken_so():
    assert chosen(1) is not None and chosen(16) is not None
    assert chosen(17) is None  # the multiply-adds take the time
    assert chosen(1, 32, 32) is None  # it is in the cache
    assert chosen(4, runtime=("m",)).counts_rows
    assert chosen(4, 256, 1024, runtime=("m",)) is None  # not worth code of its own beside that for many
    assert chosen(4, runtime=("k",)) is None and chosen(4, runtime=("n",)) is None
    assert chosen(4, 1) is None  # nothing is summed
    assert chosen(4, dtypes=("float64",) * 3) is None


def test_a_sum_is_cut_only_where_its_parts_are_little_beside_the_matrix():
    assert chosen(1, 3072, 768).chunks is not None
    assert chosen(16, 256, 2048).chunks is None


@pytest.mark.parametrize("dtypes", [("float32",) * 3, ("int8", "int8", "int32")])
def test_sixteen_rows_are_work_for_several_threads_whose_sums_are_in_the_nearest_cache(dtypes):
    made = chosen(16, dtypes=dtypes)
    assert made.kernels[0].units.constant >= 6
    assert 4 * 16 * made.columns <= 32 * 1024
