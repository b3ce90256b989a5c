"""Products with matrices of half bytes: against floats, wherever halves lie and groups end; what is read as bytes."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.compiler.kernels import ContractionKernel
from pronghorn.engine.compiler.schedule import fuse
from pronghorn.engine.compiler.stages import rewrite
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime import threads
from pronghorn.engine.runtime.host import host_target, named_target, native_target
from pronghorn.quantizers.groups import dequantize_with_sz_map
from pronghorn.quantizers.packing import pack_int4, unpack_int4

BATCH = Dim.symbol("batch")
TARGETS = ("native", "avx2", "sse2", "avx512-emulated")
ROWS = (0, 1, 2, 5, 16, 17)  # up to sixteen have code of their own


class Layout:
    """How a matrix ``[steps, columns]`` is kept: ``outputs_first`` turns it, ``pairs`` is the packed axis as it lies.

    ``size``: steps of a group, None for one scale a column and no zero; ``factors``: whether inputs are divided.
    """

    def __init__(self, outputs_first, pairs, dtype="int8", size=None, factors=False, shuffled=False):
        self.outputs_first, self.pairs, self.dtype = outputs_first, pairs, dtype
        self.size, self.factors, self.shuffled = size, factors, shuffled

    def arrays(self, steps, columns, seed=0):
        """The arrays of the matrix, and the matrix in float64."""
        rng = np.random.default_rng(seed)
        low = 0 if self.dtype == "uint8" else -8
        integers = rng.integers(low, low + 16, (steps, columns)).astype(self.dtype)
        groups = np.arange(steps) // (self.size or steps)
        groups = rng.permutation(groups) if self.shuffled else groups
        scale = rng.uniform(0.5, 2.0, (groups.max() + 1, columns)).astype("float32")
        zero = rng.integers(low, low + 16, scale.shape).astype(self.dtype)
        if self.size is None:
            matrix = integers / scale[0].astype("f8")
            found = [scale[0]]
        else:
            matrix = (integers - zero[groups].astype("f8")) * scale[groups]
            found = [*((x.T if self.outputs_first else x).copy() for x in (scale, zero)), groups.astype("float32")]
        if self.factors:
            found.append(rng.uniform(0.5, 2.0, steps).astype("float32"))
            matrix = matrix / found[-1][:, None].astype("f8")
        packed = pack_int4(integers.T if self.outputs_first else integers, axis=self.pairs, dtype=self.dtype)[0]
        return [np.asarray(packed), *found], matrix

    def product(self, steps, columns, dtype="float32"):
        """A function of inputs and the arrays."""
        count = (columns, steps)[self.pairs] if self.outputs_first else (steps, columns)[self.pairs]
        along = int(self.outputs_first)

        def product(x, packed, scale, *others):
            numbers = ops.cast(unpack_int4(packed, count, axis=self.pairs, dtype=self.dtype), dtype)
            if self.size is None:
                matrix = ops.divide(numbers, ops.expand_dims(ops.cast(scale, dtype), along))
            else:
                matrix = dequantize_with_sz_map(numbers, ops.cast(scale, dtype), others[0], others[1], along)
            matrix = ops.transpose(matrix) if self.outputs_first else matrix
            if self.factors:
                matrix = ops.divide(matrix, ops.expand_dims(others[-1], -1))
            return [ops.relu(ops.matmul(x, matrix) + 0.5)]

        return product


LAYOUTS = {
    "columns": lambda size: Layout(False, 1, size=size),
    "columns, one scale": lambda size: Layout(False, 1),
    "columns, shuffled": lambda size: Layout(False, 1, size=size, shuffled=True),
    "outputs first": lambda size: Layout(True, 0, "uint8", size),
    "outputs first, shuffled": lambda size: Layout(True, 0, "uint8", size, shuffled=True),
    "outputs first, factors": lambda size: Layout(True, 0, "uint8", size, factors=True),
    "table": lambda size: Layout(True, 1, size=size),
    "table, one scale": lambda size: Layout(True, 1),
    "pairs of steps": lambda size: Layout(False, 0, size=size),
    "pairs of steps, one scale": lambda size: Layout(False, 0),
    "pairs of steps, shuffled": lambda size: Layout(False, 0, size=size, shuffled=True),
}
SHAPES = [(1, 1, 1), (33, 7, 8), (100, 77, 32), (131, 259, 3), (256, 1280, 128)]  # groups may end within a byte


def traced(layout, steps, columns, rows=BATCH, dtype="float32"):
    arrays, _ = layout.arrays(steps, columns)
    avals = [Aval((rows, steps), dtype), *(Aval(a.shape, a.dtype.name) for a in arrays)]
    return trace(layout.product(steps, columns, dtype), avals)


def inputs(rows, steps, dtype="float32"):
    return np.random.default_rng(rows).standard_normal((rows, steps)).astype(dtype)


def check(compiled, layout, steps, columns, rows, tolerance=3e-6, dtype="float32"):
    arrays, matrix = layout.arrays(steps, columns)
    x = inputs(rows, steps, dtype)
    (found,) = compiled(x, *arrays)
    expected = np.maximum(x.astype("f8") @ matrix + 0.5, 0)
    # Integers and zeros are below 16, scales up to 2, factors from 0.5: so large are the products that are summed.
    scale = np.abs(x.astype("f8")) @ np.full_like(matrix, 64.0) + 1
    assert (np.abs(found.astype("f8") - expected) <= tolerance * scale).all()


@pytest.fixture
def poisoned(monkeypatch):
    monkeypatch.setenv("PRONGHORN_DEBUG", "poison")  # no byte beyond an array is touched, memory starts as NaN


@pytest.mark.mostly_slow(every=9)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
@pytest.mark.parametrize("name", LAYOUTS)
def test_as_the_matrix_in_floats(name, shape, target, monkeypatch, poisoned):
    machine = named_target(target)
    if machine.arch != native_target().arch or machine.register_bits > native_target().vector_bits:
        pytest.skip(f"this machine cannot run {target} code")
    monkeypatch.setenv("PRONGHORN_TARGET", target)
    steps, columns, size = shape
    layout = LAYOUTS[name](size)
    compiled = Executable(traced(layout, steps, columns))
    for rows in ROWS:
        check(compiled, layout, steps, columns, rows)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_number_of_rows_that_is_known(name, poisoned):
    layout = LAYOUTS[name](32)
    for rows in (1, 3, 16, 17):
        check(Executable(traced(layout, 100, 77, rows)), layout, 100, 77, rows)


@pytest.mark.parametrize("name", ["columns", "columns, one scale", "pairs of steps", "outputs first, factors", "table"])
def test_bfloat16(name, poisoned):
    layout = LAYOUTS[name](32)
    compiled = Executable(traced(layout, 100, 77, dtype="bfloat16"))
    for rows in (1, 4):
        check(compiled, layout, 100, 77, rows, tolerance=0.02, dtype=ml_dtypes.bfloat16)


@pytest.mark.parametrize("name", ["columns", "pairs of steps", "outputs first", "table"])
def test_threads_change_no_bit_and_a_row_is_the_same_in_any_small_batch(name):
    layout = LAYOUTS[name](32)
    compiled, (arrays, _) = Executable(traced(layout, 640, 2100)), layout.arrays(640, 2100)
    x, found, before = inputs(16, 640), [], threads.get_num_threads()
    try:
        for count in (1, 2, 4):
            threads.set_num_threads(count)
            found.append(compiled(x, *arrays)[0])
    finally:
        threads.set_num_threads(before)
    assert all(np.array_equal(found[0], other) for other in found[1:])
    for rows in (1, 2, 5):
        np.testing.assert_array_equal(compiled(x[:rows], *arrays)[0], found[0][:rows])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["columns", "outputs first", "pairs of steps", "table, one scale"])
def test_what_is_not_finite_stays_in_its_row(name, value):
    layout = LAYOUTS[name](32)
    compiled, (arrays, matrix) = Executable(traced(layout, 100, 77)), layout.arrays(100, 77)
    x = inputs(3, 100)
    x[1, 40] = value
    (found,) = compiled(x, *arrays)
    expected = np.maximum(x[::2].astype("f8") @ matrix + 0.5, 0)
    np.testing.assert_allclose(found[::2], expected, atol=2e-3)
    assert not np.isfinite(found[1])[found[1] != 0].any()  # the largest of it and zero


# -- what is read as bytes -----------------------------------------------------------------------------------------


def is_read_as_bytes(function, avals):
    """Whether the one product of a function reads halves of bytes, and no matrix is stored for it."""
    program = fuse(rewrite(trace(function, avals).graph, host_target(), check=True), host_target())
    parts = [part for kernel in program.kernels if isinstance(kernel, ContractionKernel) for part in kernel.parts]
    halves = [part.halves is not None for part in parts]
    assert any(halves) == (len(program.kernels) == len(parts)) or not all(halves)
    return all(halves)


def avals_of(layout, steps=96, columns=80, rows=BATCH):
    return [Aval((rows, steps), "float32"), *(Aval(a.shape, a.dtype.name) for a in layout.arrays(steps, columns)[0])]


@pytest.mark.parametrize("name", LAYOUTS)
def test_no_matrix_is_stored(name):
    layout = LAYOUTS[name](32)
    assert is_read_as_bytes(layout.product(96, 80), avals_of(layout))


def other_functions():
    layout = Layout(False, 1, size=32)
    product = layout.product(96, 80)

    def matrix(packed, scale, zero, groups):
        return dequantize_with_sz_map(ops.cast(unpack_int4(packed, 80, axis=1), "float32"), scale, zero, groups, 0)

    def given_back(x, *arrays):
        return [ops.matmul(x, matrix(*arrays)), matrix(*arrays)]

    def twice(x, *arrays):
        return [ops.matmul(x, matrix(*arrays)), ops.matmul(x + 1, matrix(*arrays))]

    def not_halves(x, packed, *others):
        return product(x, ops.multiply(packed, ops.cast(3, "int8")), *others)

    def a_power(x, *arrays):
        return [ops.matmul(x, ops.square(matrix(*arrays)))]

    def by_element(x, *arrays):
        return [ops.matmul(x, matrix(*arrays) * ops.reshape(ops.arange(96 * 80, dtype="float32"), (96, 80)))]

    return layout, [given_back, twice, not_halves, a_power, by_element]


@pytest.mark.parametrize("number", range(5))
def test_other_matrices_are_stored_as_before(number):
    layout, functions = other_functions()
    function, avals = functions[number], avals_of(layout)
    assert not is_read_as_bytes(function, avals)
    given = [inputs(3, 96), *layout.arrays(96, 80)[0]]
    graph = trace(function, avals)
    for found, expected in zip(Executable(graph)(*given), run(graph.graph, given), strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5 * np.abs(expected).max())
