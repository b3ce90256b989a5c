"""The register-tiled contraction against NumPy: any strides, extents, dtypes and machines; same bits however split."""

from __future__ import annotations

import dataclasses
import zlib

import numpy as np
import pytest
from contraction_problems import (
    SLOT_EXTRA,
    TARGETS,
    Problem,
    attention,
    check,
    conv,
    depthwise,
    filter_gradient,
    input_gradient,
    matmul,
    run,
)

from pronghorn.engine.codegen.builder import ModuleBuilder
from pronghorn.engine.codegen.contraction import (
    Array,
    Axis,
    Contraction,
    emit,
    for_few_rows,
    plan,
)
from pronghorn.engine.codegen.slots import Tables
from pronghorn.engine.codegen.units import Count
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.runtime.host import named_target, native_target

CASES = {
    "matmul": lambda **o: matmul(37, 29, 53, **o),
    "matmul, exact": lambda **o: matmul(24, 16, 64, **o),
    "matmul, A transposed": lambda **o: matmul(37, 29, 53, a_transposed=True, **o),
    "matmul, B transposed": lambda **o: matmul(37, 29, 53, b_transposed=True, **o),
    "matmul, both": lambda **o: matmul(37, 29, 53, a_transposed=True, b_transposed=True, **o),
    "matmul, 10 columns": lambda **o: matmul(40, 300, 10, **o),
    "matmul, 3 columns": lambda **o: matmul(40, 70, 3, **o),
    "matrix times vector": lambda **o: matmul(33, 100, 1, **o),
    "vector times matrix": lambda **o: matmul(1, 100, 70, **o),
    "dot product": lambda **o: matmul(1, 103, 1, **o),
    "outer product": lambda **o: matmul(9, 1, 35, **o),
    "matmul, row far apart": lambda **o: matmul(70, 300, 512, **o),
    "conv": lambda **o: conv(3, 9, 11, 5, 20, 3, 3, **o),
    "conv, one channel": lambda **o: conv(2, 28, 28, 1, 32, 3, 3, **o),
    "conv, stride 2": lambda **o: conv(2, 15, 13, 4, 7, 3, 3, stride=2, **o),
    "conv, stride of its size": lambda **o: conv(2, 64, 35, 40, 70, 2, 2, stride=2, **o),
    "filter gradient, stride of its size": lambda **o: filter_gradient(2, 64, 35, 40, 70, 2, 2, stride=2, **o),
    "conv, dilated": lambda **o: conv(2, 13, 12, 4, 17, 3, 2, dilation=2, **o),
    "conv, 1x1": lambda **o: conv(2, 6, 5, 8, 40, 1, 1, **o),
    "conv, to one channel": lambda **o: conv(2, 10, 9, 32, 1, 3, 3, **o),
    "filter gradient": lambda **o: filter_gradient(3, 9, 8, 6, 20, 3, 3, **o),
    "filter gradient, split": lambda **o: filter_gradient(21, 28, 28, 1, 32, 3, 3, **o),
    "filter gradient, split, odd": lambda **o: filter_gradient(19, 28, 28, 1, 21, 3, 3, **o),
    "input gradient": lambda **o: input_gradient(2, 8, 7, 6, 20, 3, 3, **o),
    "depthwise": lambda **o: depthwise(2, 9, 8, 21, 3, 3, **o),
    "attention": lambda **o: attention(2, 3, 17, 19, 8, **o),
    "strided dot product": lambda **o: Problem([("k", 33, -2, 2)], **o),
    "reversed rows": lambda **o: Problem([("m", 7, -33, 0, 2), ("k", 33, -1, -1)], **o),
}


@pytest.mark.mostly_slow(every=3)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", CASES)
def test_matches_numpy(native, name, target):
    check(native, CASES[name](), target)


@pytest.mark.mostly_slow(every=6)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("m", "n"), [(1, 2), (2, 1), (1, 1), (2, 3), (3, 40)])
def test_sums_whose_length_shows_at_run_time(native, m, n, target):
    """A dense layer's gradient sums over the batch: behind whole vectors there is nothing, not even in a panel."""
    for length in (0, 1, 7, 16, 31, 32, 128):
        check(native, matmul(m, length, n, a_transposed=True, runtime=("k",)), target)
        if length:
            check(native, matmul(m, length, n, b_transposed=True, runtime=("m",)), target)


@pytest.mark.parametrize(
    "name", [name for name in CASES if name not in ("dot product", "vector times matrix", "strided dot product")]
)
def test_run_time_batch(native, name):
    """The first axis at run time; the same code serves any extent, 0 and 1 included."""
    problem = CASES[name]()
    outer = "n" if "gradient" in name and "filter" in name else problem.axes[0].name
    check(native, CASES[name](runtime=(outer,)))


@pytest.mark.parametrize("extent", [0, 1, 2, 5, 13, 14, 15, 64])
def test_run_time_rows(native, extent):
    check(native, matmul(extent, 20, 24, runtime=("m",)))
    check(native, matmul(7, extent, 24, runtime=("k",)))


@pytest.mark.parametrize("extent", [1, 15, 16, 17, 63, 64, 65, 200])
@pytest.mark.parametrize("b_transposed", [False, True])
def test_run_time_vector_axis(native, extent, b_transposed):
    check(native, matmul(9, 20, extent, b_transposed=b_transposed, runtime=("n",)))


def test_run_time_everything(native):
    check(native, matmul(37, 29, 53, runtime=("m", "n", "k")))
    check(native, matmul(37, 29, 53, b_transposed=True, runtime=("m", "n", "k")))
    check(native, conv(3, 9, 11, 5, 20, 3, 3, runtime=("n", "oh", "ow", "co", "kh", "kw", "ci")))
    check(native, filter_gradient(21, 12, 12, 1, 32, 3, 3, runtime=("n", "co", "kh")))


DTYPES = [
    ("float64", "float64", "float64"),
    ("float16", "float16", "float16"),
    ("bfloat16", "bfloat16", "bfloat16"),
    ("bfloat16", "float32", "float32"),
    ("float32", "float16", "bfloat16"),
    ("int32", "int32", "int32"),
    ("int64", "int64", "int64"),
    ("int8", "int8", "int32"),
    ("uint8", "int8", "int32"),
    ("int16", "int16", "int16"),
]


@pytest.mark.mostly_slow(every=7)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtypes", DTYPES, ids="-".join)
@pytest.mark.parametrize("name", ["matmul", "matmul, B transposed", "matrix times vector", "filter gradient, split"])
def test_dtypes(native, name, dtypes, target):
    problem = CASES[name](dtypes=dtypes)
    check(native, problem, target)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("target", TARGETS)
def test_low_precision_special_values(native, dtype, target):
    """An outer product with 1 converts every value there and back: infinities, NaNs and subnormals included."""
    problem = matmul(1, 1, 65536, dtypes=(dtype, dtype, dtype))
    problem.arrays[0][:] = 1
    problem.arrays[1][:] = np.arange(65536, dtype="u2").view(dtype)
    c, _ = run(native, problem, target)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(c.astype("f8"), problem.arrays[1].astype("f8"))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("target", TARGETS)
def test_low_precision_rounding(native, dtype, target):
    problem = matmul(1, 1, 20000, dtypes=("float32", "float32", dtype))
    bits = np.random.default_rng(3).integers(0, 1 << 32, 20000, dtype="u4")
    problem.arrays[0][:] = 1
    problem.arrays[1][:] = bits.view("f4")
    c, _ = run(native, problem, target)
    with np.errstate(all="ignore"):
        expected = problem.arrays[1].astype(dtype)
    np.testing.assert_array_equal(c.astype("f8"), expected.astype("f8"))


@pytest.mark.mostly_slow(every=3)
@pytest.mark.parametrize("name", CASES)
def test_bits_do_not_depend_on_the_cuts(native, name):
    whole, _ = run(native, CASES[name](), "native")
    cut, _ = run(native, CASES[name](), "native", cuts=(0.1, 0.33, 0.5, 0.9))
    np.testing.assert_array_equal(whole, cut)


@pytest.mark.mostly_slow("native")
@pytest.mark.parametrize("target", TARGETS)
def test_random_contractions(native, target):
    """Random axes, layouts (negative strides, gaps) and run-time extents."""
    rng = np.random.default_rng(zlib.crc32(target.encode()))
    for number in range(25):
        problem = random_problem(rng, number)
        try:
            check(native, problem, target, cuts=tuple(rng.uniform(0, 1, 2)))
        except Exception as error:
            raise AssertionError(f"{problem.spec} with {problem.env}") from error


def random_problem(rng, seed, **options):
    roles = rng.permutation(["m", "m", "n", "n", "k", "k", "batch"])[: rng.integers(2, 7)]
    extents = [int(rng.choice([1, 2, 3, 5, 8, 17, 33])) for _ in roles]
    while np.prod(extents) > 60_000:
        extents[int(np.argmax(extents))] //= 3
    strides = {}
    for which, absent in (("a", "n"), ("b", "m"), ("c", "k")):
        present = [i for i, role in enumerate(roles) if role != absent]
        stride, strides[which] = 1, [0] * len(roles)
        for i in rng.permutation(present):
            strides[which][i] = int(stride * (-1 if rng.uniform() < 0.15 else 1))
            stride *= extents[i] + int(rng.integers(0, 2))
    axes = [
        (f"{role}{i}", extents[i], strides["a"][i], strides["b"][i], strides["c"][i]) for i, role in enumerate(roles)
    ]
    runtime = [axis[0] for axis in axes if rng.uniform() < 0.25]
    return Problem(axes, runtime=runtime, seed=seed, **options)


def test_epilogue_sees_coordinates(native):
    """Bias and ReLU where the channel and row coordinates come from the place, for merged axes too."""
    for problem in (conv(2, 9, 8, 4, 20, 3, 3), conv(2, 9, 8, 4, 20, 1, 1), filter_gradient(21, 28, 28, 1, 32, 3, 3)):
        bias = np.random.default_rng(1).standard_normal(40).astype("f4")

        def epilogue(fb, value, ty, place):
            base = fb.load("ptr", fb.gep("ptr", "%bufs", SLOT_EXTRA))
            pointer = fb.gep("float", base, place.coords["co"])
            if place.mask is None:
                loaded = fb.load(ty, pointer)
            else:
                loaded = fb.masked_load(ty, pointer, place.mask)
            row = place.coords["oh" if "oh" in place.coords else "kh"]
            narrow = fb.cast("sitofp", row, "i64", "float")
            value = fb.op("fadd", ty, value, fb.op("fadd", ty, loaded, fb.splat(narrow, "float", place.lanes)))
            place.store(fb.intrinsic("llvm.maximum", ty, value, fb.literal(0.0, ty)))

        c, the_plan = run(native, problem, "native", epilogue=epilogue, extra=(bias,))
        assert "co" in [axis.name for axis in the_plan.vector.whole]
        expected = problem.expected()
        names = [axis.name for axis in problem.axes if axis.c != 0]
        row = names.index("oh" if "oh" in names else "kh")
        shape = [1] * expected.ndim
        shape[names.index("co")] = expected.shape[names.index("co")]
        expected = expected + bias[: shape[names.index("co")]].reshape(shape)
        shape = [1] * expected.ndim
        shape[row] = expected.shape[row]
        expected = np.maximum(expected + np.arange(shape[row]).reshape(shape), 0)
        np.testing.assert_allclose(problem.result(c), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("size", [11, 26, 28])
@pytest.mark.parametrize("target", TARGETS)
def test_tile_epilogue_pools_in_registers(native, size, target):
    """A 2x2 max-pool over whole windows; the odd row and column are not computed at all."""
    channels = 20
    problem = conv(2, size + 2, size + 2, 3, channels, 3, 3)
    even = size // 2 * 2
    spec = problem.spec
    axes = tuple(dataclasses.replace(axis, extent=even) if axis.name in ("oh", "ow") else axis for axis in spec.axes)
    problem.spec = dataclasses.replace(spec, axes=axes)
    pooled = np.zeros((2, even // 2, even // 2, channels), "f4")

    def tile_epilogue(fb, tile):
        assert {axis.name for axis in tile.axes} == {"oh", "ow"}
        for i in range(0, tile.sizes[0], 2):
            for j in range(0, tile.sizes[1], 2):
                for v in range(tile.sizes[2]):
                    best = tile.sums[i, j, v]
                    for other in ((i + 1, j), (i, j + 1), (i + 1, j + 1)):
                        best = fb.intrinsic("llvm.maximum", tile.ty, best, tile.sums[(*other, v)])
                    place = tile.place(i, j, v)
                    row, column = (fb.div(place.coords[name], 2) for name in ("oh", "ow"))
                    offset = fb.add(fb.mul(place.coords["n"], (even // 2) ** 2), fb.mul(row, even // 2))
                    offset = fb.add(fb.mul(fb.add(offset, column), channels), place.coords["co"])
                    pointer = fb.gep("float", fb.load("ptr", fb.gep("ptr", "%bufs", SLOT_EXTRA)), offset)
                    if place.mask is None:
                        fb.store(tile.ty, best, pointer)
                    else:
                        fb.masked_store(tile.ty, best, pointer, place.mask)

    _, the_plan = run(
        native, problem, target, tile_epilogue=tile_epilogue, multiples={"oh": 2, "ow": 2}, extra=(pooled,)
    )
    assert all(factor % 2 == 0 for _, factor in the_plan.tile.rows)
    full = problem.expected()[:, :even, :even]
    expected = full.reshape(2, even // 2, 2, even // 2, 2, channels).max((2, 4))
    np.testing.assert_allclose(pooled, expected, atol=1e-4)


@pytest.mark.parametrize("images", [1, 2, 4, 7])
@pytest.mark.parametrize("target", TARGETS)
def test_tile_epilogue_stays_within_a_run_time_batch(native, images, target):
    """Windows along one axis: the tile may take a second one, but none whose end it is not told."""
    problem = conv(images, 6, 1, 64, 64, 3, 1, runtime=("n",))
    summed = np.full((images + 8, 2, 64), 77, "f4")

    def tile_epilogue(fb, tile):
        steps = [2 if axis is not None and axis.name == "oh" else 1 for axis in tile.axes]
        for i in range(0, tile.sizes[0], steps[0]):
            for j in range(0, tile.sizes[1], steps[1]):
                for v in range(tile.sizes[2]):
                    second = tile.sums[i + steps[0] - 1, j + steps[1] - 1, v]
                    place = tile.place(i, j, v)
                    offset = fb.add(fb.mul(place.coords["n"], 2), fb.div(place.coords["oh"], 2))
                    offset = fb.add(fb.mul(offset, 64), place.coords["co"])
                    pointer = fb.gep("float", fb.load("ptr", fb.gep("ptr", "%bufs", SLOT_EXTRA)), offset)
                    fb.store(tile.ty, fb.op("fadd", tile.ty, tile.sums[i, j, v], second), pointer)

    run(native, problem, target, tile_epilogue=tile_epilogue, multiples={"oh": 2}, extra=(summed,))
    expected = problem.expected().reshape(images, 2, 2, 64).sum(2)
    np.testing.assert_allclose(summed[:images], expected, atol=1e-4)
    assert (summed[images:] == 77).all()


@pytest.mark.parametrize(
    ("rows", "depth", "packs"), [(1, 16, True), (1, 32, False), (2, 64, False), (8, 512, False), (64, 512, True)]
)
def test_few_rows_do_not_pack_what_they_hardly_share(native, rows, depth, packs):
    made = plan(matmul(rows, depth, 4096, b_transposed=True).spec, named_target("avx512"))
    assert (made.pack, made.dot) == (packs, not packs)
    check(native, matmul(rows, depth, 300, b_transposed=True))


def test_plans():
    machine = named_target("avx512")
    # A 3x3 convolution's kernel columns and channels are one run in A and B.
    spec = conv(128, 13, 13, 32, 64, 3, 3, runtime=("n",)).spec
    assert [axis.name for axis in plan(spec, machine).depth] == ["kh", "kw*ci"]
    # A 1x1 convolution is a matrix product over all pixels of the batch.
    spec = conv(128, 13, 13, 32, 64, 1, 1, runtime=("n",)).spec
    assert {axis.name for axis in plan(spec, machine).spec.axes} == {"n*oh*ow", "co", "ci"}
    # Long reductions into few results are split into a fixed number of chunks.
    chosen = plan(filter_gradient(128, 28, 28, 1, 32, 3, 3, runtime=("n",)).spec, machine)
    assert chosen.chunks is not None and [kernel.role for kernel in chosen.kernels] == ["main", "combine"]
    assert chosen.kernels[0].units.evaluate({"n": 128}) == 16
    # Operands beyond the cache are taken piece by piece, also where the results are many.
    chosen = plan(filter_gradient(32, 34, 34, 128, 128, 3, 3).spec, machine)
    assert chosen.chunks is not None and chosen.chunks.count == Count(32, 1, 46)
    # Many results are summed in few chunks (not 64): writing and reading partial sums would take longer than the sums.
    chosen = plan(filter_gradient(16, 8, 16, 1024, 3000, 1, 1, runtime=("n",)).spec, machine)
    assert chosen.chunks is not None
    assert chosen.chunks.count.limit == 16
    assert chosen.scratch[-1].bytes({"n": 16}) == 16 * 4 * 1024 * 3008
    # A shorter sum has fewer chunks of the same length, not as many that are too short.
    assert [chosen.chunks.count.evaluate({"n": n}) for n in (0, 1, 4, 5, 9, 64, 1000)] == [0, 1, 1, 2, 3, 16, 16]
    # With panels of B for many threads, each goes through its parts in turn: nothing is there several times.
    chosen = plan(filter_gradient(16, 8, 16, 256, 8000, 1, 1, runtime=("n",)).spec, machine)
    assert chosen.chunks is not None and chosen.chunks.count.limit == 1
    assert chosen.scratch[-1].bytes({"n": 16}) == 4 * 256 * 8000
    assert chosen.kernels[0].units.evaluate({"n": 16}) == 125
    # No splitting where each tile's own share is small.
    assert plan(matmul(512, 784, 512, runtime=("m",)).spec, machine).chunks is None
    # One column: the lanes run along the sum.
    assert plan(matmul(128, 128, 1, runtime=("m",)).spec, machine).dot


BLOCKED = {
    "filter gradient": lambda **o: filter_gradient(33, 20, 20, 16, 64, 3, 3, **o),
    "filter gradient, odd": lambda **o: filter_gradient(19, 31, 17, 9, 33, 3, 3, **o),
    "1x1 filter gradient": lambda **o: filter_gradient(21, 24, 25, 40, 70, 1, 1, **o),
}


@pytest.mark.mostly_slow("1x1 filter gradient-native")
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", BLOCKED)
def test_long_sums_in_blocks(native, name, target):
    """A chunk's sum in blocks that stay in the first-level cache, each adding to what is there."""
    for runtime in ((), ("n",)):
        made = check(native, BLOCKED[name](runtime=runtime), target, cuts=(0.3,))
        assert made.chunks and any(level.axis and level.axis.reduced for level in made.levels)
    ints = BLOCKED[name](dtypes=("int32",) * 3)
    check(native, ints, target)


@pytest.mark.parametrize("images", [0, 1, pytest.param(33, marks=pytest.mark.slow)])
def test_panels_that_go_through_a_long_sum_in_turn(native, images):
    """Also a sum of which there is nothing, of one part, of one and a little."""
    for dtypes in (("float32",) * 3, ("float32", "float32", "float16")):
        problem = filter_gradient(images, 5, 8, 7, 4100, 1, 1, runtime=("n",), dtypes=dtypes)
        machine = named_target("avx512")
        chosen = plan(problem.spec, machine)
        assert chosen.chunks is not None and chosen.chunks.count.limit == 1
        assert [level.axis and level.axis.reduced for level in chosen.levels] == [None, False, True, False]
        check(native, problem, cuts=(0.3,))


@pytest.mark.parametrize("target", [pytest.param(t, marks=() if t == "native" else pytest.mark.slow) for t in TARGETS])
@pytest.mark.parametrize("rows", [(0, 128), (1, 128), (3, 43), 389])
def test_rows_in_blocks(native, rows, target):
    """Panels of B are read for some rows at a time, whose number shows at run time or is known."""
    depth, width = 1024, 176
    fixed = [("n", width, 0, 1, 1), ("k", depth, 1, width, 0)]
    if isinstance(rows, tuple):
        images, inner = rows
        axes = [("i", images, inner * depth, 0, inner * width), ("m", inner, depth, 0, width), *fixed]
        problem = Problem(axes, runtime=("i",))
    else:
        problem = Problem([("m", rows, depth, 0, width), *fixed])
    the_plan = check(native, problem, target, cuts=(0.4, 1.0))
    block, *_, tile = the_plan.levels
    assert block.axis is tile.axis and block.step % tile.step == 0 and block.step > tile.step
    assert the_plan.kernels[-1].units.evaluate(problem.env) <= 2 * 11 * max(1, rows if isinstance(rows, int) else 128)


@pytest.mark.parametrize("images", [0, 1, 17])
def test_blocks_of_empty_chunks(native, images):
    made = check(native, filter_gradient(images, 20, 20, 16, 64, 3, 3, runtime=("n",)))
    assert any(level.axis and level.axis.reduced for level in made.levels)


@pytest.mark.parametrize("dtypes", [("float32",) * 3, ("bfloat16",) * 3], ids=str)
@pytest.mark.parametrize("rows", [1, 3, 8, 23, 40])
def test_few_rows_give_the_same_bits(native, rows, dtypes):
    """B is read where it lies, or packed: the choice is up to the number of rows, which no bit may depend on."""
    problem = matmul(rows, 300, 1024, runtime=("m",), dtypes=dtypes)
    packed, many = run(native, problem, "avx512-emulated")
    assert many.pack
    unpacked, few = run(native, problem, "avx512-emulated", planner=lambda *a, **o: for_few_rows(plan(*a, **o)))
    assert not few.pack and [kernel.role for kernel in few.kernels] == ["main"]
    np.testing.assert_array_equal(packed, unpacked)


def test_where_few_rows_have_a_plan_of_their_own():
    machine = named_target("avx512")
    assert for_few_rows(plan(matmul(64, 784, 512, runtime=("m",)).spec, machine)) is not None
    assert for_few_rows(plan(matmul(1024, 784, 512).spec, machine)) is None  # the rows are known
    assert for_few_rows(plan(matmul(64, 784, 512, b_transposed=True, runtime=("m",)).spec, machine)) is None
    assert for_few_rows(plan(matmul(64, 784, 500, runtime=("m",)).spec, machine)) is None  # not packed
    pixels = conv(4, 8, 8, 700, 512, 1, 1, runtime=("n",)).spec  # 64 rows an image
    assert plan(pixels, machine).pack and for_few_rows(plan(pixels, machine)) is None


def test_what_is_packed():
    machine = named_target("avx512")

    def packed(*sizes, **options):
        chosen = plan(matmul(*sizes, **options).spec, machine)
        return chosen.pack, chosen.chunks and chosen.chunks.count.limit

    assert packed(1024, 1024, 1024) == (True, None)
    assert packed(128, 500, 512) == (False, None)  # the cache keeps a panel where it lies
    assert packed(128, 784, 512) == (False, 2)  # ... or half of one
    assert packed(128, 784, 512, runtime=("m",)) == (True, None)  # the order of summation is the same for any rows
    assert packed(128, 784, 4096)[0] and not packed(16, 784, 4096)[0]
    assert packed(128, 784, 500) == (False, None)  # lines at odd distances do not compete


def test_rows_that_compete_for_the_same_lines_of_the_cache_are_few_in_a_tile():
    machine = named_target("avx512")

    def rows(*sizes):
        return max(factor for _, factor in plan(matmul(*sizes).spec, machine).tile.rows)

    assert rows(1568, 1000, 256) == 14
    assert rows(1568, 1024, 256) <= 8 and rows(392, 2048, 512) <= 8  # 4096 and 8192 bytes apart


@pytest.mark.parametrize("target", [pytest.param(t, marks=() if t == "avx2" else pytest.mark.slow) for t in TARGETS])
@pytest.mark.parametrize("sizes", [(128, 0, 128), (131, 1, 129), (150, 70, 200)])
def test_both_operands_in_panels(native, sizes, target):
    problem = matmul(*sizes, a_transposed=True, runtime=("k",))
    made = check(native, problem, target, cuts=(0.3, 0.7))
    assert made.pack_rows or target != "avx2"


@pytest.mark.parametrize("dtypes", [("bfloat16",) * 3, ("float64",) * 3, ("int32",) * 3], ids=str)
def test_both_operands_in_panels_of_other_types(native, dtypes):
    assert check(native, matmul(130, 9, 140, a_transposed=True, dtypes=dtypes), "avx2").pack_rows


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(128, 9000, 128), (140, 9000, 1040)])
def test_both_operands_in_panels_of_a_long_sum(native, sizes):
    made = check(native, matmul(*sizes, a_transposed=True), "avx2")
    assert made.pack_rows and made.chunks


def test_a_sum_that_turns_out_short_is_cut_into_few_chunks():
    batch = Dim.symbol("batch")
    axes = (Axis("m", 256, a=1, c=1024), Axis("n", 1024, b=1, c=1), Axis("k", 128 * batch, a=256, b=1024))
    problem = Contraction(axes, *(Array(slot, "float32") for slot in range(3)))
    chunks = plan(problem, named_target("avx512")).chunks
    count = chunks.count
    assert count.limit >= 16 and chunks.axis == "k"
    assert [count.evaluate({"batch": n}) for n in (0, 1, 4, 8, 1000)] == [0, 1, 1, 2, count.limit]


def test_chunks_of_a_shorter_sum_stay_in_the_cache():
    """Where those of a typical one outgrow it, since no sum has more than 64."""

    def length(rows, columns, pixels, batch):
        images = Dim.symbol("batch")
        axes = (Axis("m", rows, a=1, c=columns), Axis("n", columns, b=1, c=1))
        axes += (Axis("k", pixels * images, a=rows, b=columns),)
        problem = Contraction(axes, *(Array(slot, "float32") for slot in range(3)))
        count = plan(problem, named_target("avx512")).chunks.count
        assert count.evaluate({"batch": 0}) == 0
        return pixels * batch // count.evaluate({"batch": batch})

    for batch in (1, 2, 8):
        assert 256 <= length(256, 64, 3136, batch) <= 1024 * 1024 // (4 * 320)
    assert length(256, 64, 3136, 64) == 3136
    assert 256 <= length(512, 128, 784, 8) <= 1024 * 1024 // (4 * 640)
    assert length(1024, 256, 196, 8) == 392  # too few steps would fit


def test_lines_are_asked_for_ahead_where_each_step_meets_new_ones():
    """In sums over an array's rows, as in filter gradients; not where a sum walks along rows, or loads are scarce."""

    def asks(problem, name):
        module, machine = ModuleBuilder(), named_target(name)
        module.target = machine
        made = plan(problem.spec, machine)
        emit(module, "k", made, machine, Tables(), scratch_slots=range(3, 3 + len(made.scratch)))
        return "llvm.prefetch" in module.text()

    rows = filter_gradient(4, 12, 12, 64, 64, 1, 1)
    assert asks(rows, "avx512") and not asks(rows, "avx2")
    assert asks(matmul(64, 300, 64, a_transposed=True), "avx512")
    assert not asks(matmul(64, 300, 64), "avx512") and not asks(conv(4, 12, 12, 64, 64, 3, 3), "avx512")


def lines_asked_for(problem, name="avx512", beside=((2, "float32", True), (3, "float32", False))):
    """Of each line that a kernel's code asks for, what for."""
    module, machine = ModuleBuilder(), named_target(name)
    module.target = machine
    made = plan(problem.spec, machine)
    assert not made.chunks
    emit(module, "k", made, machine, Tables(), scratch_slots=range(4, 4 + len(made.scratch)), beside=beside)
    calls = [line for line in module.text().splitlines() if "call void @llvm.prefetch" in line]
    return ["to write" if ", i32 1, i32 3" in call else "to read" for call in calls]


def test_lines_that_are_needed_after_a_sum_are_asked_for_in_its_steps():
    """Those of the next tile's rows and of the results, where they are not near anyway."""

    def asked(*args, **options):
        return set(lines_asked_for(*args, **options))

    near, far = 64, 1 << 13
    assert asked(matmul(near, 64, near)) == set()
    assert asked(matmul(far, 64, 256)) == {"to read", "to write"}
    assert asked(matmul(far // 2, 512, 32)) == {"to read"}  # rows alone are far
    # Where a step meets new lines of A anyway, it asks for those of the results, too, unless the sum is long.
    assert asked(matmul(256, 512, 2000, a_transposed=True)) == {"to read", "to write"}
    assert asked(matmul(256, 2048, 600, a_transposed=True)) == {"to read"}
    # Windows beside one another, over several summed axes; those that overlap share what they read.
    assert asked(conv(64, 32, 32, 32, 64, 2, 2, stride=2)) == {"to read", "to write"}
    assert asked(conv(64, 32, 32, 32, 64, 2, 2, stride=2), beside=()) == {"to read"}
    assert asked(conv(64, 32, 32, 16, 64, 3, 3), beside=()) == set()


def test_a_sum_asks_for_all_lines_that_are_needed_behind_it():
    """Where there are more of them than it has steps, each step asks for several; what its loads leave no room for is
    left to the processor, but for the next rows of a tile of one vector, which loads for each multiply-add."""
    written = ((2, "float32", True),)
    narrow = matmul(24 * 512, 192, 16)  # tiles of 24 rows and one vector: 288 lines of A in 192 steps
    assert lines_asked_for(narrow, beside=()) == ["to read"] * 2
    assert lines_asked_for(narrow, beside=written) == ["to read"] * 2  # no room is left
    short = matmul(9 * 1024, 16, 192)  # of 9 rows and three vectors: 27 lines of results in 16 steps, and 9 of A
    assert sorted(lines_asked_for(short, beside=written)) == ["to read", "to write", "to write"]
    longer = matmul(9 * 1024, 32, 192)
    assert sorted(lines_asked_for(longer, beside=written)) == ["to read", "to write"]
    patches = conv(64, 64, 64, 3, 16, 4, 4, stride=4)  # 16 rows of a line, and 12 steps along a row of a patch
    assert lines_asked_for(patches, beside=()) == ["to read"] * 2


def test_lines_are_asked_for_around_the_end_of_a_row():
    """A filter gradient's sum goes along rows of the gradient, which lie apart in the image: what some steps lead to is
    in the next; unless a large filter's many rows need what follows, or they are short."""

    def turns(size, kernel, stride):
        problem = filter_gradient(8, size, size, 64, 128, kernel, kernel, stride=stride)
        module, machine = ModuleBuilder(), named_target("avx512")
        module.target = machine
        made = plan(problem.spec, machine)
        emit(module, "k", made, machine, Tables(), scratch_slots=range(3, 3 + len(made.scratch)))
        return "select i1" in module.text()

    assert turns(32, 2, 2)
    assert not turns(256, 16, 16) and not turns(16, 2, 2)


def test_a_tile_of_a_sum_along_rows_takes_adjacent_ones():
    """Each step meets new lines of A: as few as may be, though rows apart would divide the extents."""
    problem = filter_gradient(64, 64, 64, 32, 64, 2, 2, stride=2)
    axes = [dataclasses.replace(axis, a=2 * axis.a) if axis.a != 1 else axis for axis in problem.spec.axes]
    made = plan(dataclasses.replace(problem.spec, axes=tuple(axes)), named_target("avx512"))
    assert [name for name, _ in made.tile.rows] == ["ci"]


def test_wrong_use_is_named(native):
    arrays = tuple(Array(i, "float32") for i in range(3))
    with pytest.raises(ValueError, match="neither A nor B"):
        Contraction((Axis("i", 3, 0, 0, 1),), *arrays)
    with pytest.raises(ValueError, match="names of their own"):
        Contraction((Axis("i", 3, 1, 0, 1), Axis("i", 3, 1, 1)), *arrays)
    with pytest.raises(ValueError, match="all floats or all integers"):
        Contraction((Axis("i", 3, 1, 0, 1),), arrays[0], Array(1, "int32"), arrays[2])
    spec = conv(2, 11, 11, 3, 8, 3, 3).spec
    with pytest.raises(ValueError, match="not a multiple of 2"):
        plan(spec, native_target(), {"oh": 2, "ow": 2})
    the_plan = plan(spec, native_target())
    with pytest.raises(ValueError, match="multiples"):
        emit(ModuleBuilder(), "k", the_plan, native_target(), Tables(), tile_epilogue=lambda fb, tile: None)
    packed = plan(matmul(9, 9, 9, b_transposed=True).spec, native_target())
    with pytest.raises(ValueError, match="scratch"):
        emit(ModuleBuilder(), "k", packed, native_target(), Tables())


def test_a_tile_of_short_sums_writes_results_that_follow_one_another():
    """Where they are beyond the cache: those of one row of an image, not of many."""
    machine = named_target("avx512")

    def along(*sizes):
        return dict(plan(conv(*sizes).spec, machine).tile.rows)

    assert along(64, 30, 30, 1, 32, 3, 3) == {"ow": 14} and along(16, 66, 66, 3, 32, 3, 3).keys() == {"ow"}
    assert along(64, 34, 34, 1, 64, 3, 3).get("oh", 1) == 1
    dense = plan(matmul(1 << 15, 8, 256).spec, machine).tile
    assert dense.rows == plan(matmul(1 << 8, 8, 256).spec, machine).tile.rows  # its rows lie apart in any case
