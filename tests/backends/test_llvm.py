"""Every primitive, compiled, against the NumPy backend."""

import ml_dtypes
import numpy as np
import pytest
from cases import CASES, tolerance

from pronghorn import ops
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.numpy import IMPLEMENTATIONS, run
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives import PRIMITIVES
from pronghorn.engine.graph.primitives.contraction import conv_shape
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.trace import trace, trace_body
from pronghorn.engine.runtime.compile import CompilationError

BATCH = Dim.symbol("batch")
F = "float32"


def as_tuple(x):
    return x if isinstance(x, tuple) else (x,)


def aval(array):
    return Aval(array.shape, dtypes.name_of(array.dtype))


def compiled(fn, *avals):
    return Executable(trace(lambda *xs: as_tuple(fn(*xs)), avals))


def wide(array):
    return array.astype(np.float32) if array.dtype.itemsize <= 2 and array.dtype.kind in "fV" else array


def assert_same(got, expected, message=""):
    assert got.dtype == expected.dtype and got.shape == expected.shape, message
    limits = tolerance(dtypes.name_of(expected.dtype))
    np.testing.assert_allclose(wide(got), wide(expected), **limits, err_msg=message)


def check(fn, *arrays, avals=None):
    """``fn`` compiled gives what the interpreter gives, for arguments of the given (by default, the arrays') types."""
    arrays = [np.asarray(a) for a in arrays]
    traced = trace(lambda *xs: as_tuple(fn(*xs)), avals or [aval(a) for a in arrays])
    executable = Executable(traced)
    with np.errstate(all="ignore"):
        for got, expected in zip(executable(*arrays), run(traced.graph, arrays), strict=True):
            assert_same(got, expected)
    return executable


# -- the table --------------------------------------------------------------------------------------------------------
def call_all(cases, arguments):
    """All cases in one function, so that they are compiled together."""

    def fn(*tensors):
        results, rest = [], list(tensors)
        for case, arrays in zip(cases, arguments):
            operands, rest = rest[: len(arrays)], rest[len(arrays) :]
            results.extend(as_tuple(PRIMITIVES[case.prim](*operands, **case.params)))
        return tuple(results)

    return compiled(fn, *(aval(a) for arrays in arguments for a in arrays))


@pytest.mark.parametrize("prim", [p for p in PRIMITIVES if p != "foreign_call"])  # of a library, which calls it
def test_every_primitive(prim):
    cases = [c for c in CASES if c.prim == prim]
    assert cases, f"{prim} has no case"
    arguments = [case.args() for case in cases]
    results = iter(call_all(cases, arguments)(*(a for arrays in arguments for a in arrays)))
    for case, arrays in zip(cases, arguments):
        with np.errstate(all="ignore"):
            expected = as_tuple(IMPLEMENTATIONS[prim](*arrays, **case.params))
        for e in expected:
            assert_same(next(results), e, case.id)


# -- a symbolic batch -------------------------------------------------------------------------------------------------
SYMBOLIC = {
    "elementwise": lambda x, w: P.add(P.exp(x), P.mul(x, 2.0)),
    "broadcast": lambda x, w: P.broadcast_in_dim(P.reduce_max(x, axes=(1, 2)), shape=(3, x.shape[0], 5), dims=(1,)),
    "reshape": lambda x, w: P.reshape(x, shape=(x.shape[0] * 7, 3)),
    "flatten": lambda x, w: P.transpose(P.reshape(x, shape=(x.shape[0] * 21,)), perm=(0,)),
    "transpose": lambda x, w: P.transpose(x, perm=(2, 0, 1)),
    "pad": lambda x, w: P.pad(x, np.float32(1), low=(2, 0, -1), high=(0, 1, 0), interior=(1, 0, 2)),
    "concatenate": lambda x, w: P.concatenate(x, P.reverse(x, axes=(0, 1)), x, axis=0),
    "sums": lambda x, w: tuple(P.reduce_sum(x, axes=axes) for axes in ((0,), (1,), (0, 2), (0, 1, 2))),
    "positions": lambda x, w: (P.argmax(x, axis=0), P.argmin(x, axis=1), P.argmax(x, axis=2)),
    "dot": lambda x, w: P.dot_general(x, w, contract=((2,), (1,)), batch=((), ())),
    "dot of itself": lambda x, w: P.dot_general(x, x, contract=((1,), (1,)), batch=((0,), (0,))),
    "dot over the batch": lambda x, w: P.dot_general(x, x, contract=((0,), (0,)), batch=((), ())),
    "extent": lambda x, w: P.cast(P.extent(dim=x.shape[0] * 3 + 1), dtype=F),
    "cumsum": lambda x, w: (P.cumsum(x, axis=0, reverse=True), P.cummax(x, axis=1, reverse=False)),
    "sort": lambda x, w: P.sort(x, axis=0, num_keys=1) + P.sort(x, axis=2, num_keys=1),
    "take": lambda x, w: P.take(x, np.int32([[0, 5], [1, 2]]), axis=1),
    "take rows": lambda x, w: P.take(x, P.rem(P.iota(shape=(x.shape[0],), dtype="int32", axis=0), 2), axis=0),
    "scatter": lambda x, w: P.scatter(w, P.iota(shape=(x.shape[0],), dtype="int32", axis=0), P.reduce_sum(x, axes=(1,)),
                                      mode="add"),
    "iota": lambda x, w: P.iota(shape=x.shape, dtype="int32", axis=0),
    "bits": lambda x, w: P.random_bits(np.uint32([1, 2]), shape=x.shape),
    "dynamic slice": lambda x, w: P.dynamic_slice(x, np.int32(2), np.int32(9), np.int32(-1), sizes=(x.shape[0], 4, 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", SYMBOLIC)
def test_one_executable_for_any_batch(name):
    fn = SYMBOLIC[name]
    avals = [Aval((BATCH, 7, 3), F), Aval((6, 3), F)]
    traced = trace(lambda *xs: as_tuple(fn(*xs)), avals)
    executable = Executable(traced)
    rng = np.random.default_rng(1)
    w = rng.normal(size=(6, 3)).astype(F)
    for batch in (4, 1, 70, 3):
        x = rng.normal(size=(batch, 7, 3)).astype(F)
        for got, expected in zip(executable(x, w), run(traced.graph, [x, w]), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_empty_arrays():
    def fn(x, w):
        y = P.dot_general(x, w, contract=((1,), (0,)), batch=((), ()))
        return y, P.exp(x), P.reduce_sum(x, axes=(0,)), P.reduce_sum(y, axes=(0, 1)), P.concatenate(x, x, axis=0)

    executable = compiled(fn, Aval((BATCH, 3), F), Aval((3, 5), F))
    y, e, columns, total, both = executable(np.zeros((0, 3), F), np.ones((3, 5), F))
    assert y.shape == (0, 5) and e.shape == (0, 3) and both.shape == (0, 3)
    np.testing.assert_array_equal(columns, np.zeros(3, F))
    assert total == 0
    check(
        lambda x: (P.reduce_sum(x, axes=(1,)), P.reshape(x, shape=(0,)), P.transpose(x, perm=(1, 0))),
        np.zeros((4, 0), F),
    )


@pytest.mark.parametrize("op", ["argmax", "argmin"])
@pytest.mark.parametrize("dtype", [F, "float64", "bfloat16", "int32", "uint8", "bool"])
def test_first_of_equals_wins(op, dtype):
    rng = np.random.default_rng(2)
    x = rng.integers(0, 2, (5, 67)).astype(dtypes.to_numpy(dtype))
    check(lambda x: (getattr(P, op)(x, axis=0), getattr(P, op)(x, axis=1)), x)
    if dtypes.is_float(dtype):
        x[2, [3, 40]] = x[4, 0] = np.nan
        check(lambda x: (getattr(P, op)(x, axis=0), getattr(P, op)(x, axis=1)), x)


# -- control flow -----------------------------------------------------------------------------------------------------
def scan(body, operands, avals, num_carry, length, num_consts=0, reverse=False):
    sub = trace_body(body, avals)
    return P.scan(*sub.captures, *operands, body=sub.graph, num_consts=num_consts + len(sub.captures),
                  num_carry=num_carry, length=length, reverse=reverse)  # fmt: skip


VECTOR = Aval((4,), F)
X = np.arange(20, dtype=F).reshape(5, 4)


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_without_carry(reverse):
    check(lambda x: scan(lambda row: [P.exp(row), row], [x], [VECTOR], 0, 5, reverse=reverse), X)


def test_scan_without_slices():
    check(lambda x: scan(lambda h: [P.add(h, 1.0)], [P.take(x, np.int32(0), axis=0)], [VECTOR], 1, 5), X)


def test_scan_that_returns_its_inputs():
    """Carries that swap, a carry that is the slice, results that are constants or carries."""

    def fn(x):
        a, b = P.take(x, np.int32(0), axis=0), P.take(x, np.int32(1), axis=0)
        constant = np.float32([1, 2, 3, 4])
        swapped = scan(lambda p, q, row: [q, p, p, row], [a, b, x], [VECTOR] * 3, 2, 5)
        previous = scan(lambda p, row: [row, p, P.constant(value=constant)], [a, x], [VECTOR] * 2, 1, 5)
        same = scan(lambda p, row: [P.add(p, row), P.add(p, row), p], [a, x], [VECTOR] * 2, 1, 5)
        return swapped + previous + same

    check(fn, X)


def test_scan_of_length_zero_and_one():
    for length in (0, 1):
        x = X[:length]
        check(lambda h, x: scan(lambda h, r: [P.add(h, r), P.mul(h, r)], [h, x], [VECTOR] * 2, 1, len(x)), X[0], x)


def test_scan_inside_scan_with_consts():
    def inner(x, w):
        def step(h, v):
            return [P.tanh(P.add(P.mul(h, w), v)), h]

        return scan(step, [P.broadcast_in_dim(np.float32(0), shape=(), dims=()), x], [Aval((), F)] * 2, 1, 4)

    def outer(x, w):
        def step(h, row):
            final, states = inner(row, w)
            return [P.add(h, states), P.broadcast_in_dim(final, shape=(2,), dims=())]

        return scan(step, [P.reduce_sum(x, axes=(0,)), x], [VECTOR] * 2, 1, 5, reverse=True)

    check(outer, X, np.float32(0.3))


def test_scan_over_the_batch():
    length = BATCH
    avals = [Aval((BATCH, 4), F)]
    fn = lambda x: scan(lambda h, row: [P.add(h, row), P.mul(h, row)], [np.zeros(4, F), x], [VECTOR] * 2, 1, length)  # noqa: E731
    traced = trace(lambda x: as_tuple(fn(x)), avals)
    executable = Executable(traced)
    for batch in (5, 2, 9):
        x = np.arange(batch * 4, dtype=F).reshape(batch, 4)
        for got, expected in zip(executable(x), run(traced.graph, [x]), strict=True):
            np.testing.assert_allclose(got, expected)


def while_loop(condition, body, operands, avals):
    c, b = trace_body(condition, avals), trace_body(body, avals)
    return P.while_loop(*c.captures, *b.captures, *operands, cond=c.graph, body=b.graph,
                        num_cond_consts=len(c.captures), num_body_consts=len(b.captures))  # fmt: skip


def test_while_loops_nested():
    number = Aval((), "int32")

    def collatz(n):
        def step(n, count):
            even = P.eq(P.rem(n, 2), 0)
            return [P.select(even, P.div(n, 2), P.add(P.mul(n, 3), 1)), P.add(count, 1)]

        return while_loop(lambda n, count: [P.gt(n, 1)], step, [n, P.constant(value=np.int32(0))], [number] * 2)[1]

    def longest(limit):
        def step(n, best):
            return [P.add(n, 1), P.max(best, collatz(n))]

        start = [P.constant(value=np.int32(1)), P.constant(value=np.int32(0))]
        return while_loop(lambda n, best: [P.lt(n, limit)], step, start, [number] * 2)

    (_, steps) = compiled(longest, number)(np.int32(30))
    assert steps == 111


def test_while_loop_that_never_runs():
    check(
        lambda x: while_loop(
            lambda x: [P.lt(P.reduce_sum(x, axes=(0,)), -1.0)], lambda x: [P.mul(x, 2.0)], [x], [VECTOR]
        ),
        X[0],
    )


@pytest.mark.parametrize("outer", [True, False])
@pytest.mark.parametrize("inner", [True, False])
def test_cond_inside_cond_inside_scan(outer, inner):
    def choose(pred, yes, no, *operands):
        arms = [trace_body(arm, [Aval(o.shape, o.dtype) for o in operands]) for arm in (yes, no)]
        assert not any(arm.captures for arm in arms)
        return P.cond(pred, *operands, true=arms[0].graph, false=arms[1].graph)

    def nested(p, x):
        return choose(p, lambda p, x: [P.exp(x), x], lambda p, x: [x, P.neg(x)], p, x)

    def fn(p, q, x):
        def step(h, row):
            a, b = choose(p, lambda q, x: nested(q, x), lambda q, x: [x, x], q, row)
            return [P.add(h, a), b]

        return scan(step, [P.take(x, np.int32(0), axis=0), x], [VECTOR] * 2, 1, 5)

    check(fn, np.bool_(outer), np.bool_(inner), X / 20)


# -- complex numbers --------------------------------------------------------------------------------------------------
FUNCTIONS = {
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos,
    "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh,
    "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "abs": np.abs,
    "rsqrt": lambda z: 1 / np.sqrt(z), "logistic": lambda z: 1 / (1 + np.exp(-z)), "conj": np.conj,
    "neg": np.negative, "is_finite": np.isfinite, "real": np.real, "imag": np.imag,
    "sign": lambda z: np.where(z == 0, 0, z / np.where(z == 0, 1, np.abs(z))),
}  # fmt: skip


@pytest.mark.mostly_slow(every=4)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_complex_numbers(name):
    rng = np.random.default_rng(4)
    z = (rng.normal(size=41) * 2 + 1j * rng.normal(size=41) * 2).astype("complex128")
    z[:9] = [0.5, -0.5, 0.25j, -0.25j, 2 + 1e-9j, -2 - 1e-9j, 1e-8 + 1e-8j, 30 + 1j, -30 - 1j]
    if name in ("sqrt", "abs", "neg", "is_finite", "sign", "exp"):
        z[9] = 0
    (got,) = compiled(getattr(P, name), Aval(z.shape, "complex128"))(z)
    expected = FUNCTIONS[name](z)
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-14)
    narrow = z.astype("complex64")
    (got,) = compiled(getattr(P, name), Aval(z.shape, "complex64"))(narrow)
    np.testing.assert_allclose(got, FUNCTIONS[name](narrow), rtol=2e-5, atol=2e-6)


def complexes(*shape):
    rng = np.random.default_rng(5)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype("complex64")


def test_complex_arithmetic():
    x, y = complexes(3, 5), complexes(5, 3).T

    def fn(x, y):
        moved = P.concatenate(P.reverse(x, axes=(0,)), P.transpose(P.transpose(y, perm=(1, 0)), perm=(1, 0)), axis=0)
        return (P.add(x, y), P.sub(x, y), P.mul(x, y), P.div(x, y), P.pow(x, y), P.eq(x, y), P.ne(x, x),
                P.dot_general(x, y, contract=((1,), (1,)), batch=((), ())), P.reduce_sum(x, axes=(0,)),
                P.reduce_prod(x, axes=(0, 1)), P.cumsum(x, axis=1, reverse=False), moved,
                P.select(P.eq(x, y), x, y), P.cast(x, dtype="float32"), P.cast(P.real(x), dtype="complex64"),
                P.take(x, np.int32([2, 0]), axis=0), P.constant(value=np.complex64([1 + 2j, 3])))  # fmt: skip

    check(fn, x, y)
    ordered = np.complex64([1 + 1j, 1 - 1j, 0, 2])
    for name, expected in [("lt", [0, 1, 0, 1]), ("le", [0, 1, 0, 1]), ("gt", [1, 0, 1, 0]), ("ge", [1, 0, 1, 0])]:
        (got,) = compiled(getattr(P, name), aval(ordered), aval(ordered))(
            ordered, ordered[[1, 0, 1, 3]] + [0, 0, -2, 1]
        )
        assert got.tolist() == [bool(e) for e in expected], name


def test_complex_numbers_in_loops_and_factorisations():
    x = complexes(5, 4)
    row = Aval((4,), "complex64")
    check(
        lambda x: scan(lambda h, r: [P.mul(h, r), P.add(h, r)], [P.take(x, np.int32(0), axis=0), x], [row] * 2, 1, 5), x
    )
    check(
        lambda x: while_loop(
            lambda x: [P.lt(P.abs(P.reduce_sum(x, axes=(0,))), 40.0)], lambda x: [P.add(x, x)], [x], [row]
        ),
        x[0],
    )
    square = complexes(3, 3)
    check(lambda a: P.qr(a, mode="reduced"), square)
    check(lambda a: P.svd(a, full_matrices=False, compute_uv=False), square)
    check(lambda a: P.triangular_solve(a, a, lower=True, transpose=False), square + 3 * np.eye(3, dtype="complex64"))


def test_what_complex_numbers_cannot_do():
    with pytest.raises(CompilationError, match="cumprod of complex numbers is not supported.*run_eagerly"):
        compiled(lambda x: P.cumprod(x, axis=0, reverse=False), Aval((3,), "complex64"))


# -- eight-bit floats -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", dtypes.FLOAT8)
def test_every_eight_bit_float(dtype):
    kind = dtypes.to_numpy(dtype)
    every = np.arange(256, dtype=np.uint8).view(kind)
    (decoded,) = compiled(lambda x: P.cast(x, dtype=F), Aval((256,), dtype))(every)
    np.testing.assert_array_equal(decoded, every.astype(F))
    finite = np.sort(every.astype(F)[np.isfinite(every.astype(F))])
    between = np.concatenate(
        [(finite[1:] + finite[:-1]) / 2, finite, finite * 1.01, [1e9, -1e9, np.inf, -np.inf, np.nan, 1e-9]]
    )
    between = between.astype(F)
    (encoded,) = compiled(lambda x: P.cast(x, dtype=dtype), aval(between))(between)
    np.testing.assert_array_equal(encoded.astype(F), between.astype(kind).astype(F))
    x = every[:64].reshape(8, 8)
    check(lambda x: (P.mul(x, x), P.reduce_max(x, axes=(1,)), P.transpose(x, perm=(1, 0)), P.gt(x, P.neg(x))), x)


# -- calling ----------------------------------------------------------------------------------------------------------
def test_arguments():
    executable = compiled(lambda x, y: (P.add(x, y),), Aval((BATCH, 3), F), Aval((BATCH, 3), F))
    x = np.arange(12, dtype="float64").reshape(3, 4).T[:, ::-1]  # another type, and not contiguous
    (got,) = executable(x, Tensor(np.ones((4, 3), F)))
    np.testing.assert_array_equal(got, x.astype(F) + 1)
    with pytest.raises(TypeError, match="takes 2 arrays, got 1"):
        executable(x)
    with pytest.raises(ValueError, match="do not fit the shapes"):
        executable(x, np.ones((5, 3), F))
    with pytest.raises(ValueError, match="do not fit the shapes"):
        executable(np.ones((4, 2), F), np.ones((4, 2), F))


def test_extents_that_the_trace_does_not_hold_for():
    def compiled_for(fn, rows):
        return Executable(trace(fn, [Aval((BATCH, 3), F)], hints={"batch": rows}))

    first = compiled_for(lambda x: (ops.add(x[:1], 0),), 5)  # one row, of any number but none
    np.testing.assert_array_equal(first(np.ones((2, 3), F))[0], np.ones((1, 3), F))
    with pytest.raises(ValueError, match=r"cannot run with batch = 0: it was traced for extents of 1 or more\. Trace"):
        first(np.ones((0, 3), F))
    third = compiled_for(lambda x: (ops.add(x[2], 0),), 5)
    for rows in (0, 1, 2):
        with pytest.raises(ValueError, match=rf"batch = {rows}: .* and Guards\(batch >= 3\)"):
            third(np.ones((rows, 3), F))
    np.testing.assert_array_equal(third(np.ones((3, 3), F))[0], np.ones(3, F))


def test_results_are_the_callers_own():
    executable = compiled(
        lambda x: (x, P.add(x, 1.0), P.reshape(x, shape=(3,)), P.constant(value=np.arange(9))), Aval((3, 1), F)
    )
    x = np.float32([[1], [2], [3]])
    first = executable(x)
    x[:] = 7
    second = executable(x)
    np.testing.assert_array_equal(first[0], [[1], [2], [3]])
    np.testing.assert_array_equal(first[1], [[2], [3], [4]])
    np.testing.assert_array_equal(second[2], [7, 7, 7])
    first[3][:] = 0
    np.testing.assert_array_equal(second[3], np.arange(9))


def test_rows_are_gathered():
    traced = trace(lambda x, s: [P.mul(x, P.broadcast_in_dim(s, shape=x.shape, dims=(0,)))],
                   [Aval((BATCH, 3), F), Aval((BATCH,), F)])  # fmt: skip
    executable = Executable(traced, gathered=(0,))
    x = np.arange(30, dtype=F).reshape(10, 3)
    for rows in ([3, 1, 9], [0], [5, 5, 5, 5]):
        scale = np.arange(1, len(rows) + 1, dtype=F)
        (got,) = executable((x, np.array(rows)), scale)
        np.testing.assert_array_equal(got, x[rows] * scale[:, None])


CONVOLUTIONS = {
    "plain": {"strides": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)},
    "strided": {"strides": (2, 3), "padding": ((1, 1), (0, 2)), "dilation": (1, 1)},
    "dilated": {"strides": (1, 1), "padding": ((1, 0), (2, 2)), "dilation": (2, 1)},
}


@pytest.mark.mostly_slow(every=5)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("channels", [3, 8, 16])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_infinite_kernels_times_the_zeros_around_a_gradient(name, channels, dtype):
    """NaN appears in the input's gradient where the NumPy backend has it, whatever kernel computes it."""
    how = {**CONVOLUTIONS[name], "groups": 1}
    shape, kernel = (BATCH, 8, 9, channels), (3, 3, channels, 8)
    out = conv_shape(shape, kernel, how["strides"], how["padding"], how["dilation"])
    traced = trace(
        lambda g, w: [P.conv_input_grad(g, w, input_shape=shape, **how)], [Aval(out, dtype), Aval(kernel, dtype)]
    )
    executable, rng = Executable(traced), np.random.default_rng(channels)
    for bad in (np.inf, -np.inf, np.nan):
        g = rng.integers(-3, 4, (2, *out[1:])).astype(dtypes.to_numpy(dtype))
        w = rng.integers(-3, 4, kernel).astype(dtypes.to_numpy(dtype))
        w.reshape(-1)[rng.integers(0, w.size, 3)] = bad
        with np.errstate(all="ignore"):
            (expected,) = run(traced.graph, [g, w])
        assert np.isnan(expected).any()
        np.testing.assert_array_equal(executable(g, w)[0].astype("float32"), expected.astype("float32"))


@pytest.mark.parametrize("padding", [(0, 0), (0, 1), (2, 1)])
def test_input_gradients_along_an_axis_of_unknown_length(padding):
    how = {"strides": (3,), "padding": (padding,), "dilation": (2,), "groups": 1}
    shape, kernel = (2, BATCH, 3), (3, 3, 4)
    out = conv_shape(shape, kernel, how["strides"], how["padding"], how["dilation"])
    traced = trace(lambda x, g, w: [P.conv_input_grad(g, w, input_shape=x.shape, **how)],
                   [Aval(shape, F), Aval(out, F), Aval(kernel, F)])  # fmt: skip
    executable, rng = Executable(traced), np.random.default_rng(0)
    for length in (5, 6, 7, 8, 9, 16, 17):
        sizes = [(2, length, 3), conv_shape((2, length, 3), kernel, (3,), (padding,), (2,)), kernel]
        arrays = [rng.integers(-3, 4, size).astype(F) for size in sizes]
        np.testing.assert_array_equal(executable(*arrays)[0], run(traced.graph, arrays)[0])


def test_a_failing_factorisation_raises():
    executable = compiled(lambda x: P.cholesky(x), Aval((2, 2), "float64"))
    np.testing.assert_allclose(executable(4 * np.eye(2))[0], 2 * np.eye(2))
    bad = executable(-np.eye(2))[0]
    assert np.isnan(bad).all()


def test_a_defect_of_the_compiler_is_one_clear_error(monkeypatch):
    from pronghorn.engine.backends.llvm import build

    def broken(graph):
        raise KeyError("nothing")

    monkeypatch.setattr(build, "rewrite", broken)
    with pytest.raises(CompilationError, match="could not be compiled.*a defect of Pronghorn.*run_eagerly=True"):
        compiled(lambda x: x, VECTOR)


def test_low_precision_types_round_after_every_step():
    rng = np.random.default_rng(7)
    for kind in (ml_dtypes.bfloat16, np.float16):
        x = rng.normal(size=(33, 19)).astype(kind)

        def fn(x):
            y = P.mul(P.add(x, x), x)
            return P.sub(y, P.mul(x, x)), P.reduce_sum(y, axes=(0,))

        executable = compiled(fn, aval(x))
        y = ((x + x).astype(kind) * x).astype(kind)
        np.testing.assert_array_equal(executable(x)[0], y - (x * x))


@pytest.mark.parametrize("order", [(0, 2, 1, 3), (3, 1, 2, 0), (1, 0, 3, 2), (2, 3, 1, 0), (0, 1, 3, 2)])
def test_an_epilogue_that_reads_along_other_strides_than_the_product(order):
    """The product's free axes are one loop for its operands, not for what its results are multiplied with."""
    shape = (3, 5, 2, 2)
    rng = np.random.default_rng(0)
    x, w, other = (rng.normal(size=s).astype(F) for s in ((3, 5, 2), (2, 2, 2), tuple(shape[a] for a in order)))
    back = tuple(int(i) for i in np.argsort(order))

    def fn(x, w, other):
        product = P.dot_general(x, w, contract=((2,), (2,)), batch=((), ()))
        return P.mul(P.transpose(other, perm=back), product)

    check(fn, x, w, other)


@pytest.mark.parametrize("shapes", [((4, 0), (0, 3)), ((0, 5), (5, 3)), ((4, 3), (3, 0))])
def test_products_of_nothing(shapes):
    product = {"contract": ((1,), (0,)), "batch": ((), ())}
    traced = trace(lambda x, y: [P.dot_general(x, y, **product)], [Aval(s, "float32") for s in shapes])
    arrays = [np.ones(s, "float32") for s in shapes]
    np.testing.assert_array_equal(Executable(traced)(*arrays)[0], arrays[0] @ arrays[1])


# -- sums of many rows to many columns --------------------------------------------------------------------------------
@pytest.mark.parametrize("columns", [65, 100, 200])
def test_sums_of_many_rows(columns):
    """Sums over the same rows are taken together, row by row; of whole numbers every order gives the same."""

    def sums(x, y, m):
        product = P.mul(x, y)
        everywhere = [P.reduce_sum(v, axes=(0, 1)) for v in (x, product, P.mul(x, x))]
        others = P.reduce_max(x, axes=(0, 1)), P.reduce_sum(m, axes=(0, 1)), P.reduce_sum(x, axes=(1,))
        return (*everywhere, *others)

    rows, rng = (BATCH, 64, columns), np.random.default_rng(columns)
    executable = compiled(sums, Aval(rows, F), Aval(rows, F), Aval(rows, "int32"))
    for batch in (0, 1, 3, 17):
        arrays = [rng.integers(-9, 9, (batch, 64, columns)).astype(dtype) for dtype in (F, F, "int32")]
        if batch > 1:
            arrays[0][0, 3, :4] = [np.nan, np.inf, -np.inf, -0.0]
        x, y, m = arrays
        with np.errstate(all="ignore"):
            expected = [v.sum((0, 1)) for v in (x, x * y, x * x)]
            expected += [x.max((0, 1), initial=-np.inf), m.sum((0, 1), dtype=np.int32), x.sum(1)]
        for got, wanted in zip(executable(*arrays), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)
