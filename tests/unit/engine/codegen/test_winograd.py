"""Convolutions by minimal filtering against NumPy; which contractions it takes, and what its rounding keeps."""

from __future__ import annotations

import dataclasses
import functools
import itertools

import numpy as np
import pytest
from contraction_problems import (
    SLOT_EXTRA,
    TARGETS,
    attention,
    check,
    conv,
    depthwise,
    filter_gradient,
    input_gradient,
    matmul,
    run,
)

from pronghorn.engine.codegen.contraction import FilterGradientPlan, WidePlan, WinogradPlan, plan, plan_winograd
from pronghorn.engine.runtime.host import named_target, native_target


def winograd(spec, machine, multiples=None):
    """The plan, whatever it gains."""
    made = plan_winograd(spec, machine, multiples=multiples)
    assert isinstance(made, WinogradPlan | WidePlan | FilterGradientPlan)
    return made


CASES = {
    "even": lambda **o: conv(2, 10, 10, 32, 64, 3, 3, **o),
    "odd": lambda **o: conv(3, 9, 11, 16, 32, 3, 3, **o),
    "channels that fill no vector": lambda **o: conv(2, 9, 12, 5, 20, 3, 3, **o),
    "two channels in": lambda **o: conv(1, 12, 9, 2, 17, 3, 3, **o),
    "two channels out": lambda **o: conv(1, 9, 9, 20, 2, 3, 3, **o),
    "several blocks of tiles": lambda **o: conv(2, 25, 31, 8, 16, 3, 3, **o),
    "several blocks of filters": lambda **o: conv(1, 11, 12, 24, 150, 3, 3, **o),
    "several blocks of filters, many images": lambda **o: conv(9, 11, 12, 24, 150, 3, 3, **o),
    "input gradient": lambda **o: input_gradient(2, 9, 10, 32, 20, 3, 3, **o),
    "input gradient, odd": lambda **o: input_gradient(2, 11, 7, 17, 48, 3, 3, **o),
    "few tiles": lambda **o: conv(3, 6, 6, 64, 96, 3, 3, **o),
    "few tiles, odd": lambda **o: conv(5, 7, 5, 48, 32, 3, 3, **o),
    "few tiles, blocks of channels": lambda **o: conv(2, 6, 5, 192, 32, 3, 3, **o),
    "few tiles, many images": lambda **o: conv(70, 5, 6, 32, 32, 3, 3, **o),
    "few tiles, input gradient": lambda **o: input_gradient(3, 5, 4, 96, 64, 3, 3, **o),
    "filter gradient": lambda **o: filter_gradient(3, 10, 12, 32, 64, 3, 3, **o),
    "filter gradient, odd": lambda **o: filter_gradient(5, 9, 11, 16, 20, 3, 3, **o),
    "filter gradient, few tiles": lambda **o: filter_gradient(41, 5, 4, 17, 9, 3, 3, **o),
    "filter gradient, many chunks": lambda **o: filter_gradient(37, 20, 20, 5, 6, 3, 3, **o),
    "filter gradient, blocks of channels": lambda **o: filter_gradient(5, 8, 7, 128, 192, 3, 3, **o),
    "filter gradient, blocks of inputs": lambda **o: filter_gradient(3, 7, 8, 256, 80, 3, 3, **o),
    "three taps": lambda **o: conv(2, 40, 1, 32, 48, 3, 1, **o),
    "three taps, odd": lambda **o: conv(3, 33, 1, 5, 20, 3, 1, **o),
    "three taps, few tiles": lambda **o: conv(30, 9, 1, 64, 64, 3, 1, **o),
    "three taps of an image's rows": lambda **o: conv(2, 27, 5, 16, 20, 3, 1, **o),
    "three taps of an image's columns": lambda **o: conv(2, 5, 27, 16, 20, 1, 3, **o),
    "three taps, input gradient": lambda **o: input_gradient(2, 31, 1, 17, 48, 3, 1, **o),
    "three taps, filter gradient": lambda **o: filter_gradient(9, 41, 1, 32, 48, 3, 1, **o),
    "three taps, filter gradient, odd": lambda **o: filter_gradient(17, 23, 1, 9, 20, 3, 1, **o),
    "dilation": lambda **o: conv(2, 25, 29, 16, 20, 3, 3, dilation=2, **o),
    "dilation, filter gradient": lambda **o: filter_gradient(5, 17, 19, 16, 20, 3, 3, dilation=3, **o),
    "dilated taps": lambda **o: conv(2, 44, 1, 16, 20, 3, 1, dilation=5, **o),
    "dilated taps, rest of one": lambda **o: conv(2, 39, 1, 16, 20, 3, 1, dilation=7, **o),
    "dilated taps, most tiles of one result": lambda **o: conv(2, 46, 1, 16, 20, 3, 1, dilation=14, **o),
    "dilated taps, input gradient": lambda **o: input_gradient(2, 44, 1, 16, 20, 3, 1, dilation=4, **o),
    "dilated taps, filter gradient": lambda **o: filter_gradient(9, 43, 1, 16, 20, 3, 1, dilation=4, **o),
    "strides": lambda **o: conv(2, 21, 17, 32, 64, 3, 3, stride=2, **o),
    "strides, odd": lambda **o: conv(3, 16, 20, 16, 20, 3, 3, stride=2, **o),
    "strides, few tiles": lambda **o: conv(3, 9, 8, 64, 96, 3, 3, stride=2, **o),
    "strides, filter gradient": lambda **o: filter_gradient(3, 21, 17, 32, 64, 3, 3, stride=2, **o),
    "strides, filter gradient, odd": lambda **o: filter_gradient(5, 16, 20, 16, 20, 3, 3, stride=2, **o),
    "two taps": lambda **o: conv(2, 41, 1, 64, 48, 2, 1, **o),
    "two taps, few tiles": lambda **o: conv(30, 9, 1, 64, 64, 2, 1, **o),
    "two taps, input gradient, odd": lambda **o: input_gradient(2, 31, 1, 17, 48, 2, 1, **o),
    "two taps, filter gradient": lambda **o: filter_gradient(9, 42, 1, 32, 48, 2, 1, **o),
    "2x2": lambda **o: conv(2, 13, 12, 32, 64, 2, 2, **o),
    "2x2, channels that fill no vector": lambda **o: conv(2, 11, 15, 5, 20, 2, 2, **o),
    "2x2, input gradient, odd": lambda **o: input_gradient(2, 11, 7, 17, 48, 2, 2, **o),
    "2x2, few tiles, blocks of channels": lambda **o: conv(2, 8, 7, 192, 32, 2, 2, **o),
    "2x2, filter gradient, odd": lambda **o: filter_gradient(5, 11, 13, 16, 20, 2, 2, **o),
    "2x2, dilation": lambda **o: conv(2, 25, 29, 16, 20, 2, 2, dilation=2, **o),
    "2x3": lambda **o: conv(2, 13, 12, 32, 48, 2, 3, **o),
    "four taps": lambda **o: conv(2, 41, 1, 32, 48, 4, 1, **o),
    "four taps, odd": lambda **o: conv(3, 36, 1, 5, 20, 4, 1, **o),
    "four taps, few tiles": lambda **o: conv(30, 9, 1, 64, 64, 4, 1, **o),
    "four taps, input gradient": lambda **o: input_gradient(2, 31, 1, 17, 48, 4, 1, **o),
    "four taps, filter gradient": lambda **o: filter_gradient(9, 42, 1, 32, 48, 4, 1, **o),
    "four taps, strides": lambda **o: conv(2, 57, 1, 16, 20, 4, 1, stride=2, **o),
    "four dilated taps": lambda **o: conv(2, 44, 1, 16, 20, 4, 1, dilation=3, **o),
    "five taps": lambda **o: conv(2, 5, 34, 16, 20, 1, 5, **o),
    "five taps, odd": lambda **o: conv(3, 35, 1, 5, 20, 5, 1, **o),
    "five taps, few tiles": lambda **o: conv(30, 11, 1, 64, 64, 5, 1, **o),
    "five taps, input gradient": lambda **o: input_gradient(2, 31, 1, 17, 48, 5, 1, **o),
    "five taps, filter gradient, odd": lambda **o: filter_gradient(17, 25, 1, 9, 20, 5, 1, **o),
    "five taps, strides": lambda **o: conv(2, 58, 1, 16, 20, 5, 1, stride=2, **o),
    "five taps, strides, filter gradient": lambda **o: filter_gradient(9, 64, 1, 16, 20, 5, 1, stride=2, **o),
    "five dilated taps, filter gradient": lambda **o: filter_gradient(9, 43, 1, 16, 20, 5, 1, dilation=4, **o),
    "five dilated taps, input gradient": lambda **o: input_gradient(2, 44, 1, 16, 20, 5, 1, dilation=4, **o),
    "4x4, odd": lambda **o: conv(3, 10, 12, 16, 32, 4, 4, **o),
    "4x4, strides": lambda **o: conv(2, 20, 18, 32, 64, 4, 4, stride=2, **o),
    "4x4, few tiles, input gradient": lambda **o: input_gradient(3, 5, 4, 96, 64, 4, 4, **o),
    "4x4, strides, few tiles": lambda **o: conv(5, 9, 8, 64, 96, 4, 4, stride=2, **o),
    "4x4, strides, filter gradient": lambda **o: filter_gradient(5, 16, 20, 16, 20, 4, 4, stride=2, **o),
    "5x5": lambda **o: conv(2, 13, 12, 32, 64, 5, 5, **o),
    "5x5, channels that fill no vector": lambda **o: conv(2, 11, 15, 5, 20, 5, 5, **o),
    "5x5, fewer filters at a time": lambda **o: conv(1, 23, 24, 128, 96, 5, 5, **o),
    "5x5, input gradient, odd": lambda **o: input_gradient(2, 11, 7, 17, 48, 5, 5, **o),
    "5x5, few tiles, odd": lambda **o: conv(5, 9, 7, 48, 32, 5, 5, **o),
    "5x5, few tiles, blocks of channels": lambda **o: conv(2, 8, 7, 192, 32, 5, 5, **o),
    "5x5, few tiles, input gradient": lambda **o: input_gradient(3, 5, 4, 96, 64, 5, 5, **o),
    "5x5, filter gradient": lambda **o: filter_gradient(3, 12, 14, 32, 64, 5, 5, **o),
    "5x5, filter gradient, odd": lambda **o: filter_gradient(5, 11, 13, 16, 20, 5, 5, **o),
    "5x5, filter gradient, blocks of channels": lambda **o: filter_gradient(3, 10, 9, 128, 128, 5, 5, **o),
    "5x5, strides, odd": lambda **o: conv(3, 18, 22, 16, 20, 5, 5, stride=2, **o),
    "5x5, dilation": lambda **o: conv(2, 25, 29, 16, 20, 5, 5, dilation=2, **o),
    "3x5": lambda **o: conv(2, 11, 13, 16, 20, 3, 5, **o),
    "5x3, few tiles, input gradient": lambda **o: input_gradient(3, 4, 5, 64, 32, 5, 3, **o),
    "5x4, filter gradient": lambda **o: filter_gradient(5, 13, 11, 16, 20, 5, 4, **o),
    "3x4, strides, filter gradient": lambda **o: filter_gradient(5, 16, 20, 16, 20, 3, 4, stride=2, **o),
}


@pytest.mark.mostly_slow(every=3)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", CASES)
def test_matches_numpy(native, name, target):
    check(native, CASES[name](), target, planner=winograd)


@pytest.mark.parametrize("name", CASES)
def test_run_time_batch(native, name):
    check(native, CASES[name](runtime=("n",)), planner=winograd)


@pytest.mark.parametrize("images", [0, 1, 7, 40])
def test_any_batch(native, images):
    check(native, conv(images, 9, 9, 6, 9, 3, 3, runtime=("n",)), planner=winograd)
    check(native, conv(images, 6, 7, 32, 64, 3, 3, runtime=("n",)), planner=winograd)
    check(native, filter_gradient(images, 9, 9, 6, 9, 3, 3, runtime=("n",)), planner=winograd)
    check(native, conv(images, 8, 9, 32, 64, 5, 5, runtime=("n",)), planner=winograd)
    check(native, filter_gradient(images, 11, 9, 6, 9, 5, 5, runtime=("n",)), planner=winograd)
    check(native, conv(images, 30, 1, 6, 9, 4, 1, runtime=("n",)), planner=winograd)


@pytest.mark.mostly_slow(every=3)
@pytest.mark.parametrize("name", CASES)
def test_bits_do_not_depend_on_the_cuts(native, name):
    whole, _ = run(native, CASES[name](), "native", planner=winograd)
    cut, _ = run(native, CASES[name](), "native", planner=winograd, cuts=(0.1, 0.33, 0.5, 0.9))
    np.testing.assert_array_equal(whole, cut)


@pytest.mark.mostly_slow(every=5)
@pytest.mark.parametrize("dtypes", [("bfloat16",) * 3, ("float16",) * 3, ("bfloat16", "float32", "float32")], ids=str)
@pytest.mark.parametrize("target", TARGETS)
def test_low_precision(native, dtypes, target):
    names = ("odd", "input gradient", "few tiles, odd", "few tiles, input gradient", "filter gradient, odd")
    for name in (
        *names,
        "5x5, input gradient, odd",
        "5x5, few tiles, odd",
        "5x5, filter gradient, odd",
        "four taps, odd",
    ):
        check(native, CASES[name](dtypes=dtypes), target, planner=winograd)


@pytest.mark.slow
def test_random_convolutions(native):
    rng = np.random.default_rng(5)
    for number in range(30):
        n, h, w = (int(rng.integers(*bounds)) for bounds in ((1, 4), (13, 24), (13, 24)))
        cin, cout = int(rng.integers(2, 40)), int(rng.integers(2, 90))
        make = (conv, input_gradient, filter_gradient)[number % 3]
        kernel = rng.integers(3, 6, 2)
        check(native, make(n + 1, h, w, cin, cout, *map(int, kernel), seed=number), planner=winograd)


def test_error_is_that_of_float32(native):
    """Some times the rounding of a plain sum over as many products, no more."""
    for problem in (
        conv(2, 18, 18, 64, 64, 3, 3),
        conv(2, 6, 6, 256, 32, 3, 3),
        filter_gradient(32, 18, 18, 8, 16, 3, 3),
        conv(2, 130, 1, 64, 64, 3, 1),
        conv(2, 130, 1, 64, 64, 3, 1, dilation=8),
        filter_gradient(32, 130, 1, 8, 16, 3, 1),
        conv(2, 130, 1, 64, 64, 4, 1),
        conv(2, 20, 20, 64, 64, 5, 5),
        conv(2, 8, 8, 256, 32, 5, 5),
        conv(2, 26, 26, 64, 64, 4, 4, stride=2),
        filter_gradient(32, 20, 20, 8, 16, 5, 5),
    ):
        expected = problem.expected()
        scale = np.abs(expected).max()
        errors = []
        for planner in (winograd, plan):
            c, _ = run(native, problem, "avx512-emulated", planner=planner)
            errors.append(np.abs(problem.result(c) - expected).max() / scale)
        assert errors[0] < 4 * errors[1] < 1e-5


@pytest.mark.parametrize(
    ("shape", "taps", "stride"),
    [
        ((12, 13, 16), 3, 1),
        ((7, 8, 32), 3, 1),
        ((13, 15, 16), 3, 2),
        ((14, 13, 16), 4, 1),
        ((18, 18, 16), 4, 2),
        ((14, 15, 16), 5, 1),
        ((9, 10, 32), 5, 1),
        ((17, 19, 16), 5, 2),
    ],
)
def test_a_result_depends_on_its_own_window_only(native, shape, taps, stride):
    """A NaN, an infinity or a huge value changes no bit of the results that do not read it, and zeros stay zeros."""
    native = functools.cache(native)  # the same code over again
    height, width, channels = shape
    problem = conv(1, *shape, channels, taps, taps, stride=stride)
    first = [stride * np.arange((size - taps) // stride + 1) for size in (height, width)]  # input of each result
    before, _ = run(native, problem, "native", planner=winograd)
    before = problem.result(before).copy()
    image = problem.arrays[0].reshape(shape)
    for row, column in ((0, 0), (5, 6), (6, 5), (height - 1, width - 1)):
        kept = image[row, column].copy()
        for value in (np.nan, np.inf, 1e30):
            image[row, column] = value
            after, _ = run(native, problem, "native", planner=winograd)
            along = [(f <= here) & (here < f + taps) for f, here in zip(first, (row, column), strict=True)]
            reads = np.outer(*along)
            np.testing.assert_array_equal(problem.result(after)[0][~reads], before[0][~reads])
        image[row, column] = kept
    image[: taps + 2] = 0
    after, _ = run(native, problem, "native", planner=winograd)
    assert not problem.result(after)[0][first[0] <= 2].any()


@pytest.mark.parametrize(
    ("size", "taps", "dilation", "stride"),
    [
        (26, 3, 1, 1),
        (27, 3, 1, 1),
        (40, 3, 4, 1),
        (37, 3, 6, 1),
        (28, 4, 1, 1),
        (39, 4, 3, 1),
        (50, 4, 1, 2),
        (29, 5, 1, 1),
        (40, 5, 3, 1),
        (55, 5, 1, 2),
    ],
)
def test_a_result_along_one_axis_depends_on_its_taps_only(native, size, taps, dilation, stride):
    """As above, along one axis; results of a tile lie as far apart as the taps."""
    native = functools.cache(native)
    problem = conv(1, size, 1, 16, 16, taps, 1, dilation=dilation, stride=stride)
    before, _ = run(native, problem, "native", planner=winograd)
    before = problem.result(before).copy()
    series = problem.arrays[0].reshape(size, 16)
    first = np.arange(0, size - (taps - 1) * dilation, stride)
    for at in (0, 1, size // 2, size - 1):
        kept = series[at].copy()
        for value in (np.nan, -np.inf, 1e30):
            series[at] = value
            after, _ = run(native, problem, "native", planner=winograd)
            reads = np.isin(at - first, dilation * np.arange(taps))
            np.testing.assert_array_equal(problem.result(after)[0][~reads], before[0][~reads])
        series[at] = kept
    series[: taps * dilation] = 0
    after, _ = run(native, problem, "native", planner=winograd)
    assert not problem.result(after)[0][first < dilation].any()


RESULTS = [name for name in CASES if "filter gradient" not in name]


def with_gaps(problem, share):
    """The same problem: a share of its taps are zeros, and some inputs are large beyond all others."""
    rng = np.random.default_rng(0)
    a, b, _ = problem.arrays
    b[rng.random(b.size) < share] = 0
    a[rng.random(a.size) < 0.02] = 1e8
    return problem


def assert_each_is_exact(problem, c):
    """Errors are measured by each result's own sum of absolute products: zeros let nothing of a large input through."""
    expected = problem.expected()
    for array in problem.arrays[:2]:
        np.abs(array, out=array)
    assert (np.abs(problem.result(c) - expected) <= 2e-6 * problem.expected()).all()


@pytest.mark.mostly_slow(every=3)
@pytest.mark.parametrize("name", RESULTS)
def test_taps_of_zero_let_nothing_through(native, name):
    problem = with_gaps(CASES[name](), 0.5)
    c, _ = run(native, problem, "native", planner=winograd, cuts=(0.3, 0.8))
    assert_each_is_exact(problem, c)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", ["odd", "input gradient, odd", "few tiles, input gradient", "5x5, few tiles, odd"])
def test_taps_of_zero_on_any_machine(native, name, target):
    problem = with_gaps(CASES[name](), 0.5)
    c, _ = run(native, problem, target, planner=winograd)
    assert_each_is_exact(problem, c)


@pytest.mark.parametrize("name", ["odd", "input gradient, odd", "few tiles, blocks of channels", "five taps, odd"])
def test_one_tap_of_zero_is_found_wherever_it_is(native, name):
    """In the first and last elements, whose vectors are not full, of any sign; a NaN is none."""
    native = functools.cache(native)
    for place, value, found in ((0, 0.0, 1), (-1, -0.0, 1), (0, np.nan, 0), (0, 1e-45, 0)):
        problem = CASES[name]()
        problem.arrays[1][place] = value
        kept = {}
        run(native, problem, "native", planner=winograd, keep=kept)
        assert kept["gaps"].any() == found


def test_filters_of_zeros_alone_have_no_gap(native):
    problem, kept = conv(2, 9, 11, 16, 32, 3, 3), {}
    problem.arrays[1].reshape(9, 16, 32)[:, 3:5, 7:] = 0
    run(native, problem, "native", planner=winograd, keep=kept)
    assert not kept["gaps"].any()


@pytest.mark.parametrize("name", ["odd", "few tiles, input gradient"])
def test_taps_of_zero_in_low_precision(native, name):
    problem = with_gaps(CASES[name](dtypes=("bfloat16", "bfloat16", "float32")), 0.5)
    c, _ = run(native, problem, "native", planner=winograd)
    expected = problem.expected()
    for array in problem.arrays[:2]:
        array[:] = np.abs(array.astype("f4"))
    assert (np.abs(problem.result(c) - expected) <= 2e-6 * problem.expected()).all()


def test_small_integers_are_exact(native):
    rng = np.random.default_rng(0)
    wide = conv(3, 6, 7, 64, 32, 3, 3)
    for problem in (
        conv(2, 11, 10, 16, 24, 3, 3),
        wide,
        conv(2, 15, 16, 16, 24, 3, 3, stride=2),
        filter_gradient(20, 11, 10, 5, 9, 3, 3),
        conv(2, 27, 1, 16, 24, 3, 1),
        filter_gradient(20, 31, 1, 5, 9, 3, 1, dilation=3),
        conv(2, 27, 1, 16, 24, 4, 1),
        conv(2, 27, 1, 16, 24, 5, 1),
        conv(2, 14, 13, 16, 24, 5, 5),
        conv(3, 8, 9, 64, 32, 5, 5),
        conv(2, 18, 20, 16, 24, 4, 4, stride=2),
        filter_gradient(20, 13, 12, 5, 9, 5, 5),
        filter_gradient(20, 18, 16, 5, 9, 4, 4, stride=2),
        filter_gradient(20, 31, 1, 5, 9, 5, 1, dilation=3),
    ):
        for array in problem.arrays[:2]:
            array[:] = rng.integers(-4, 5, array.size)
        c, _ = run(native, problem, "native", planner=winograd)
        np.testing.assert_array_equal(problem.result(c), problem.expected())


def test_epilogue_sees_coordinates(native):
    problem = conv(2, 9, 12, 4, 20, 3, 3)
    bias = np.random.default_rng(1).standard_normal(20).astype("f4")

    def epilogue(fb, value, ty, place):
        pointer = fb.gep("float", fb.load("ptr", fb.gep("ptr", "%bufs", SLOT_EXTRA)), place.coords["co"])
        loaded = fb.load(ty, pointer) if place.mask is None else fb.masked_load(ty, pointer, place.mask)
        for name in ("n", "oh", "ow"):
            number = fb.cast("sitofp", place.coords[name], "i64", "float")
            loaded = fb.op("fadd", ty, loaded, fb.splat(number, "float", place.lanes))
        place.store(fb.op("fadd", ty, value, loaded))

    c, _ = run(native, problem, "native", planner=winograd, epilogue=epilogue, extra=(bias,))
    places = sum(np.meshgrid(np.arange(2), np.arange(7), np.arange(10), indexing="ij"))
    np.testing.assert_allclose(problem.result(c), problem.expected() + bias + places[..., None], rtol=1e-4, atol=1e-4)


def test_epilogue_of_a_filter_gradient_sees_coordinates(native):
    problem = filter_gradient(3, 9, 12, 5, 20, 3, 3)

    def epilogue(fb, value, ty, place):
        for name, weight in (("kh", 100), ("kw", 10), ("ci", 1)):
            number = fb.cast("sitofp", fb.mul(place.coords[name], weight), "i64", "float")
            value = fb.op("fadd", ty, value, fb.splat(number, "float", place.lanes))
        place.store(value)

    c, _ = run(native, problem, "native", planner=winograd, epilogue=epilogue)
    kh, kw, ci = np.meshgrid(np.arange(3), np.arange(3), np.arange(5), indexing="ij")
    expected = problem.expected() + (100 * kh + 10 * kw + ci)[..., None]
    np.testing.assert_allclose(problem.result(c), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("taps", [3, 5])
@pytest.mark.parametrize("window", [{"oh": 2, "ow": 2}, {"oh": 2}, {"ow": 2}], ids=str)
def test_tile_epilogue_gets_whole_windows(native, window, taps):
    problem = conv(2, 11 + taps, 13 + taps, 3, 20, taps, taps)
    steps = window.get("oh", 1), window.get("ow", 1)
    shape = (2, 12 // steps[0], 14 // steps[1], 20)
    summed = np.zeros(shape, "f4")

    def tile_epilogue(fb, tile):
        assert [axis.name for axis in tile.axes] == ["oh", "ow"] and tile.sizes == (2, 2, 1)
        for i in range(0, 2, steps[0]):
            for j in range(0, 2, steps[1]):
                place = tile.place(i, j, 0)
                inside = [tile.sums[i + di, j + dj, 0] for di in range(steps[0]) for dj in range(steps[1])]
                total = inside[0]
                for other in inside[1:]:
                    total = fb.op("fadd", tile.ty, total, other)
                row, column = (fb.div(place.coords[a], s) for a, s in zip(("oh", "ow"), steps, strict=True))
                offset = fb.add(fb.mul(place.coords["n"], shape[1]), row)
                offset = fb.add(fb.mul(fb.add(fb.mul(offset, shape[2]), column), 20), place.coords["co"])
                pointer = fb.gep("float", fb.load("ptr", fb.gep("ptr", "%bufs", SLOT_EXTRA)), offset)
                if place.mask is None:
                    fb.store(tile.ty, total, pointer)
                else:
                    fb.masked_store(tile.ty, total, pointer, place.mask)

    options = {"tile_epilogue": tile_epilogue, "multiples": window, "extra": (summed,)}
    run(native, problem, "native", planner=winograd, **options)
    expected = problem.expected().reshape(2, shape[1], steps[0], shape[2], steps[1], 20).sum((2, 4))
    np.testing.assert_allclose(summed, expected, atol=1e-4)


OTHERS = {
    "stride": conv(2, 16, 16, 32, 32, 3, 3, stride=3),
    "1x1": conv(2, 12, 12, 32, 32, 1, 1),
    "3x1 with strides": conv(2, 25, 12, 32, 32, 3, 1, stride=2),
    "taps beyond all results": conv(2, 24, 1, 32, 32, 3, 1, dilation=11),
    "6x6": conv(2, 16, 16, 32, 32, 6, 6),
    "2x2 with strides": conv(2, 16, 16, 32, 32, 2, 2, stride=2),
    "two taps with strides": conv(2, 40, 1, 32, 32, 2, 1, stride=2),
    "three channels are no taps": conv(2, 16, 16, 3, 32, 7, 3),
    "filter gradient, 6x6": filter_gradient(2, 12, 12, 32, 32, 6, 6),
    "filter gradient, one image": filter_gradient(1, 12, 12, 32, 32, 3, 3),
    "filter gradient, sums that outgrow the cache": filter_gradient(2, 12, 12, 301, 149, 3, 3),
    "filter gradient, double": filter_gradient(2, 12, 12, 32, 32, 3, 3, dtypes=("float64",) * 3),
    "depthwise": depthwise(2, 12, 12, 32, 3, 3),
    "attention": attention(2, 3, 17, 19, 8),
    "product": matmul(64, 9, 64),
    "one channel": conv(2, 12, 12, 1, 32, 3, 3),
    "few tiles, channels that are not cut": conv(2, 8, 8, 32, 20, 3, 3),
    "double": conv(2, 12, 12, 32, 32, 3, 3, dtypes=("float64",) * 3),
    "integers": conv(2, 12, 12, 32, 32, 3, 3, dtypes=("int32",) * 3),
    "run-time rows": conv(2, 12, 12, 32, 32, 3, 3, runtime=("oh",)),
    "run-time channels": conv(2, 12, 12, 32, 32, 3, 3, runtime=("co",)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_contractions_are_left(name):
    assert plan_winograd(OTHERS[name].spec, native_target()) is None


def test_windows_that_no_tile_covers_are_left():
    spec = conv(2, 14, 14, 32, 32, 3, 3).spec
    assert plan_winograd(spec, native_target(), multiples={"oh": 3, "ow": 3}) is None
    odd = conv(2, 13, 14, 32, 32, 3, 3).spec
    assert plan_winograd(odd, native_target(), multiples={"ow": 2}) is None


def test_one_image_is_shared_out():
    machine = named_target("avx512")
    made = plan_winograd(conv(1, 10, 10, 256, 256, 3, 3, runtime=("n",)).spec, machine)
    assert isinstance(made, WinogradPlan) and made.blocks == 1
    units = made.kernels[-1].units
    assert units.evaluate({"n": 1}) == 4
    assert units.grain({"n": 64}, 1e6)[1] == 4  # all of an image, whose tiles are transformed once


def test_taken_where_it_gains():
    machine = named_target("avx512")
    for size, cin, cout, gains in ((34, 64, 64, True), (34, 32, 32, True), (18, 128, 128, True), (34, 1, 32, False)):
        spec = conv(32, size, size, cin, cout, 3, 3, runtime=("n",)).spec
        assert (plan_winograd(spec, machine, plan(spec, machine)) is not None) == gains
        spec = filter_gradient(32, size, size, cin, cout, 3, 3, runtime=("n",)).spec
        assert (plan_winograd(spec, machine, plan(spec, machine)) is not None) == gains
    for size, channels in ((10, 256), (6, 512)):  # in blocks of channels
        spec = filter_gradient(32, size, size, channels, channels, 3, 3, runtime=("n",)).spec
        made = plan_winograd(spec, machine, plan(spec, machine))
        assert isinstance(made, FilterGradientPlan) and made.blocks > 1
        assert 4 * 16 * made.sums_plane <= 1.1 * 1024 * 1024 and made.kernels[0].units.typical >= 8
    for problem in (conv(32, 6, 6, 512, 512, 3, 3), input_gradient(32, 7, 7, 512, 512, 3, 3)):
        spec = problem.spec  # whose transformed filters outgrow the caches
        assert isinstance(plan_winograd(spec, machine, plan(spec, machine)), WidePlan)
    spec = conv(32, 6, 6, 32, 32, 3, 3, runtime=("n",)).spec
    assert plan_winograd(spec, machine, plan(spec, machine)) is None
    merged = dataclasses.replace(spec, axes=tuple(reversed(spec.axes)))
    assert plan_winograd(merged, machine, plan(merged, machine)) is None


def test_blocks_of_a_filter_gradient_are_full():
    """The last block of a chunk, too; and sums and tiles stay in the second-level cache, where that is had."""
    machine = named_target("avx512")
    for size, channels in ((16, 64), (15, 64), (9, 256)):
        made = winograd(filter_gradient(64, size, size, channels, channels, 3, 3, runtime=("n",)).spec, machine)
        of_chunk = made.tiles_of_image * (64 // made.chunks.typical)
        assert -(-of_chunk // made.tiles) * made.tiles - of_chunk < -(-of_chunk // made.tiles)
        assert 4 * 16 * (made.sums_plane + made.input_plane + made.gradient_plane) <= 1.02 * machine.l2_bytes


def test_three_taps_are_taken_where_they_gain():
    machine = named_target("avx512")
    for steps, cin, cout, dilation, gains in (
        (256, 64, 64, 1, True),
        (256, 64, 64, 32, True),
        (128, 32, 64, 1, True),
        (256, 64, 64, 200, False),  # most tiles have one result
        (256, 8, 16, 1, False),
        (256, 1, 64, 1, False),
    ):
        for problem in (conv, filter_gradient):
            spec = problem(64, steps + 2 * dilation, 1, cin, cout, 3, 1, dilation=dilation, runtime=("n",)).spec
            assert (plan_winograd(spec, machine, plan(spec, machine)) is not None) == gains, (steps, cin, problem)
    for taps in (3, 4):
        spec = conv(2, 130, 1, 64, 64, taps, 1).spec
        assert plan_winograd(spec, machine, multiples={"oh": 2}) is None  # pooled by register tiles of the direct sums


def test_strides_are_taken_where_they_gain():
    machine = named_target("avx512")
    for size, cin, cout, gains in ((29, 32, 64, True), (33, 128, 128, True), (33, 1, 32, False), (8, 16, 16, False)):
        for problem in (conv, filter_gradient):
            spec = problem(128, size, size, cin, cout, 3, 3, stride=2, runtime=("n",)).spec
            assert (plan_winograd(spec, machine, plan(spec, machine)) is not None) == gains, (size, problem)


def test_more_taps_are_taken_where_they_gain():
    machine = named_target("avx512")
    for taps, stride in ((4, 1), (5, 1), (4, 2), (5, 2)):
        for cin, cout, gains in ((64, 64, True), (128, 64, True), (1, 64, False), (8, 16, False)):
            for problem in (conv, filter_gradient):
                spec = problem(32, 200, 1, cin, cout, taps, 1, stride=stride, runtime=("n",)).spec
                assert (plan_winograd(spec, machine, plan(spec, machine)) is not None) == gains, (taps, cin, problem)
    for taps, stride in ((4, 1), (5, 1), (4, 2), (5, 2)):
        for channels, size in ((16, 32), (32, 16), (64, 16), (128, 16), (128, 8), (256, 16)):
            for problem in (conv, filter_gradient):
                width = stride * size + taps - stride
                spec = problem(32, width, width, channels, channels, taps, taps, stride=stride, runtime=("n",)).spec
                assert plan_winograd(spec, machine, plan(spec, machine)) is not None, (taps, channels, problem)
        spec = filter_gradient(32, 32, 32, 3, 64, taps, taps, stride=stride, runtime=("n",)).spec
        assert plan_winograd(spec, machine, plan(spec, machine)) is None


def stack_bytes(made):
    """What the main kernel of a plan has on the stack."""
    if isinstance(made, FilterGradientPlan):
        return 4 * made.points_at_a_time * (made.input_plane + made.gradient_plane)
    if isinstance(made, WidePlan):
        kept = made.rows.step * made.columns.step * made.kept_plane
        return 4 * (made.points_at_a_time * (made.filter_plane + made.product_plane) + kept)
    return 4 * made.points * (made.input_plane + made.product_plane)


def test_plan_fits_the_stack():
    machine = named_target("avx512")
    strided = winograd(conv(4, 33, 33, 64, 64, 3, 3, stride=2).spec, named_target("avx512"))
    assert 4 * 25 * (strided.input_plane + strided.product_plane) <= 400 * 1024
    for cin, cout in ((16, 16), (256, 64), (256, 256), (64, 512)):
        made = winograd(conv(4, 34, 34, cin, cout, 3, 3).spec, named_target("avx512"))
        assert 4 * 16 * (made.input_plane + made.product_plane) <= 400 * 1024
    made = winograd(conv(4, 34, 34, 512, 512, 3, 3).spec, named_target("avx512"))
    assert 4 * 16 * (made.filter_plane + made.product_plane) <= 400 * 1024
    for cin, cout in ((64, 64), (512, 512)):
        made = winograd(conv(4, 258, 1, cin, cout, 3, 1).spec, named_target("avx512"))
        assert 4 * 4 * (made.input_plane + made.product_plane) <= 400 * 1024
    for cin, cout in ((16, 16), (128, 128), (256, 64), (512, 512)):
        made = winograd(filter_gradient(4, 34, 34, cin, cout, 3, 3).spec, named_target("avx512"))
        assert 4 * 16 * (made.input_plane + made.gradient_plane) <= 400 * 1024
    sizes = ((4, 4), (5, 5), (3, 4), (3, 5), (5, 3), (4, 5))
    for taps, stride, channels in itertools.product(sizes, (1, 2), (16, 64, 128, 256)):
        options = {"stride": stride}
        for size in (9, 40):
            made = winograd(conv(4, 2 * size, 2 * size, channels, channels, *taps, **options).spec, machine)
            assert stack_bytes(made) <= 400 * 1024 or made.points <= 25, made
        made = winograd(filter_gradient(4, 40, 40, channels, channels, *taps, **options).spec, machine)
        assert stack_bytes(made) <= 400 * 1024, made
