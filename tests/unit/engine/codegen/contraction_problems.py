"""Contractions with their data, and what runs and checks their kernels."""

from __future__ import annotations

import ctypes
import dataclasses
import itertools

import ml_dtypes  # noqa: F401  (registers bfloat16 with NumPy)
import numpy as np
import pytest

from pronghorn.engine.codegen.builder import ModuleBuilder
from pronghorn.engine.codegen.contraction import Array, Axis, Contraction, emit, plan
from pronghorn.engine.codegen.slots import Streamed, Tables
from pronghorn.engine.graph.dim import Dim, evaluate
from pronghorn.engine.runtime.guard import guarded, guarded_copy
from pronghorn.engine.runtime.host import lacks, named_target, native_target

SLOT_A, SLOT_B, SLOT_C, SLOT_EXTRA = 0, 1, 2, 3
TARGETS = ("native", "avx2", "sse2", "avx512-emulated")


class Problem:
    """A contraction with its data: axes are (name, extent, a, b, c), strides 0 for absent; origins are made to fit."""

    def __init__(self, axes, dtypes=("float32",) * 3, runtime=(), seed=0):
        self.axes = [Axis(*axis) for axis in axes]
        self.dtypes = dtypes
        self.env = {axis.name: axis.extent for axis in self.axes if axis.name in runtime}
        rng = np.random.default_rng(seed)
        self.arrays, self.offsets = [], []
        for key, dtype in zip("abc", dtypes, strict=True):
            reach = [max(axis.extent - 1, 0) * getattr(axis, key) for axis in self.axes]
            low, high = sum(min(r, 0) for r in reach), sum(max(r, 0) for r in reach)
            size = high - low + 1
            self.offsets.append(-low)
            if "int" in dtype:
                data = rng.integers(-100, 100, size).astype(dtype)
            else:
                data = rng.standard_normal(size).astype(dtype)
            self.arrays.append(data)
        self.arrays[2][:] = 77
        self.spec = Contraction(
            tuple(
                dataclasses.replace(axis, extent=Dim.symbol(axis.name)) if axis.name in runtime else axis
                for axis in self.axes
            ),
            *(Array(slot, dtype, offset) for slot, dtype, offset in zip(range(3), dtypes, self.offsets, strict=True)),
        )

    def view(self, which, array=None):
        """The operand over all axes, those it lacks repeated."""
        array = self.arrays["abc".index(which)] if array is None else array
        array = array[self.offsets["abc".index(which)] :]
        strides = [getattr(axis, which) * array.itemsize for axis in self.axes]
        return np.lib.stride_tricks.as_strided(array, [axis.extent for axis in self.axes], strides)

    def expected(self):
        exact = np.float64 if "float" in self.dtypes[2] else np.int64
        a, b = (self.view(key, self.arrays["abc".index(key)].astype(exact)) for key in "ab")
        axes = list(range(len(self.axes)))
        kept = [i for i in axes if self.axes[i].c != 0]
        return np.einsum(a, axes, b, axes, kept)  # reads the views in place: all products at once can be 20 GB

    def result(self, array):
        array = array[self.offsets[2] :]
        axes = [axis for axis in self.axes if axis.c != 0]
        strides = [axis.c * array.itemsize for axis in axes]
        return np.lib.stride_tricks.as_strided(array, [axis.extent for axis in axes], strides)


def machine_for(name):
    machine, host = named_target(name), native_target()
    is_there = machine.arch == host.arch and machine.register_bits <= host.vector_bits
    if not is_there or lacks(host, machine):
        pytest.skip(f"this machine cannot run {name} code")
    return machine


def run(
    native,
    problem,
    target,
    cuts=(1.0,),
    epilogue=None,
    tile_epilogue=None,
    multiples=None,
    extra=(),
    planner=plan,
    keep=None,
):
    """Plans, compiles and runs; ``cuts`` are the fractions at which the units are cut, ``keep`` gets the scratch.

    All arrays lie against pages that must not be touched, once before them and once behind, and what is not part of
    them, or not written yet, is NaN.
    """
    machine = machine_for(target)
    the_plan = planner(problem.spec, machine, multiples=multiples)
    module = ModuleBuilder()
    module.target = machine
    first = SLOT_EXTRA + len(extra)
    slots = range(first, first + len(the_plan.scratch))
    tables = Tables()
    names = emit(module, "k", the_plan, machine, tables, epilogue, tile_epilogue, slots)
    compiled = native(module.text(), machine.cpu, machine.features)
    extents = [e.nbytes if isinstance(e, Streamed) else e for e in tables.extents]
    dims = (ctypes.c_int64 * (len(extents) + 1))(*(evaluate(e, problem.env) for e in extents))
    results = []
    for at_end in (True, False):
        a, b, c = (guarded_copy(array, at_end) for array in problem.arrays)
        scratch = [guarded(scratch.bytes(problem.env), at_end) for scratch in the_plan.scratch]
        buffers = [a, b, c, *extra, *scratch]
        table = (ctypes.c_void_p * len(buffers))(*(buffer.ctypes.data for buffer in buffers))
        for name, kernel in zip(names, the_plan.kernels, strict=True):
            function = compiled.function(name, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
            units = kernel.units.evaluate(problem.env)
            edges = sorted({0, units, *(int(cut * units) for cut in cuts)})
            for begin, end in reversed(list(itertools.pairwise(edges))):
                function(table, dims, begin, end)
        results.append(c)
    if keep is not None:
        keep.update({buffer.purpose: array for buffer, array in zip(the_plan.scratch, scratch, strict=True)})
    np.testing.assert_array_equal(*(result.view("u1") for result in results))
    return results[0], the_plan


TOLERANCE = {"float16": 4e-3, "bfloat16": 2e-2, "float32": 2e-5, "float64": 1e-12}


def check(native, problem, target="native", **options):
    c, the_plan = run(native, problem, target, **options)
    expected = problem.expected()
    got = problem.result(c)
    if "int" in problem.dtypes[2]:
        np.testing.assert_array_equal(got, expected.astype(problem.dtypes[2]))
    else:
        scale = max(np.abs(expected).max(initial=0), 1.0)
        tolerance = TOLERANCE[problem.dtypes[2]]
        np.testing.assert_allclose(got.astype("f8"), expected, atol=tolerance * scale, rtol=tolerance)
    untouched = problem.arrays[2].copy()
    problem.result(untouched)[...] = problem.result(c)
    np.testing.assert_array_equal(c, untouched, err_msg="wrote outside of C")
    return the_plan


def matmul(m, k, n, *, a_transposed=False, b_transposed=False, **options):
    k_stride, n_stride = max(k, 1), max(n, 1)  # no stride may vanish for an extent of 0
    a = (1, max(m, 1)) if a_transposed else (k_stride, 1)
    b = (1, k_stride) if b_transposed else (n_stride, 1)
    return Problem([("m", m, a[0], 0, n_stride), ("n", n, 0, b[1], 1), ("k", k, a[1], b[0])], **options)


def conv(n, h, w, cin, cout, kh, kw, stride=1, dilation=1, **options):
    oh, ow = ((size - (kernel - 1) * dilation - 1) // stride + 1 for size, kernel in ((h, kh), (w, kw)))
    return Problem(
        [
            ("n", n, h * w * cin, 0, oh * ow * cout),
            ("oh", oh, stride * w * cin, 0, ow * cout),
            ("ow", ow, stride * cin, 0, cout),
            ("co", cout, 0, 1, 1),
            ("kh", kh, dilation * w * cin, kw * cin * cout),
            ("kw", kw, dilation * cin, cin * cout),
            ("ci", cin, 1, cout),
        ],
        **options,
    )


def filter_gradient(n, h, w, cin, cout, kh, kw, stride=1, dilation=1, **options):
    oh, ow = ((size - (kernel - 1) * dilation - 1) // stride + 1 for size, kernel in ((h, kh), (w, kw)))
    return Problem(
        [
            ("kh", kh, dilation * w * cin, 0, kw * cin * cout),
            ("kw", kw, dilation * cin, 0, cin * cout),
            ("ci", cin, 1, 0, cout),
            ("co", cout, 0, 1, 1),
            ("n", n, h * w * cin, oh * ow * cout),
            ("oh", oh, stride * w * cin, ow * cout),
            ("ow", ow, stride * cin, cout),
        ],
        **options,
    )


def input_gradient(n, h, w, cin, cout, kh, kw, dilation=1, **options):
    """Over the output gradient padded by the kernel, the kernel flipped by negative strides."""
    ph, pw = (size + (kernel - 1) * dilation for size, kernel in ((h, kh), (w, kw)))
    return Problem(
        [
            ("n", n, ph * pw * cout, 0, h * w * cin),
            ("h", h, pw * cout, 0, w * cin),
            ("w", w, cout, 0, cin),
            ("ci", cin, 0, cout, 1),
            ("kh", kh, dilation * pw * cout, -kw * cin * cout),
            ("kw", kw, dilation * cout, -cin * cout),
            ("co", cout, 1, 1),
        ],
        **options,
    )


def depthwise(n, h, w, channels, kh, kw, stride=1, dilation=1, flipped=False, **options):
    """``flipped``: the taps go backwards through the image, as in a gradient by the input."""
    oh, ow = ((size - (kernel - 1) * dilation - 1) // stride + 1 for size, kernel in ((h, kh), (w, kw)))
    way = -dilation if flipped else dilation
    return Problem(
        [
            ("n", n, h * w * channels, 0, oh * ow * channels),
            ("oh", oh, stride * w * channels, 0, ow * channels),
            ("ow", ow, stride * channels, 0, channels),
            ("c", channels, 1, 1, 1),
            ("kh", kh, way * w * channels, kw * channels),
            ("kw", kw, way * channels, channels),
        ],
        **options,
    )


def depthwise_filter_gradient(n, h, w, channels, kh, kw, stride=1, dilation=1, **options):
    oh, ow = ((size - (kernel - 1) * dilation - 1) // stride + 1 for size, kernel in ((h, kh), (w, kw)))
    return Problem(
        [
            ("kh", kh, dilation * w * channels, 0, kw * channels),
            ("kw", kw, dilation * channels, 0, channels),
            ("c", channels, 1, 1, 1),
            ("n", n, h * w * channels, oh * ow * channels),
            ("oh", oh, stride * w * channels, ow * channels),
            ("ow", ow, stride * channels, channels),
        ],
        **options,
    )


def attention(batch, heads, q, k, d, **options):
    """Scores of multi-head attention, [batch, length, heads, d] operands."""
    return Problem(
        [
            ("b", batch, q * heads * d, k * heads * d, heads * q * k),
            ("h", heads, d, d, q * k),
            ("q", q, heads * d, 0, k),
            ("k", k, 0, heads * d, 1),
            ("d", d, 1, 1),
        ],
        **options,
    )
