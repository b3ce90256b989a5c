"""Every primitive written in ONNX and run by onnxruntime, against its NumPy meaning."""

from __future__ import annotations

import numpy as np
import pytest
from cases import CASES, Case, tolerance

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

from pronghorn.engine.backends.numpy import IMPLEMENTATIONS  # noqa: E402
from pronghorn.engine.graph import dtypes  # noqa: E402
from pronghorn.engine.graph import primitives as P  # noqa: E402
from pronghorn.engine.graph.dim import Dim  # noqa: E402
from pronghorn.engine.graph.ir import Aval  # noqa: E402
from pronghorn.engine.graph.trace import trace  # noqa: E402
from pronghorn.export.onnx import REFUSED, RULES, files, lower, prepared, tidy  # noqa: E402

#: What onnxruntime has in float32 only; the file is right, but it does not run there.
NO_FLOAT64 = frozenset(
    {"tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "asinh", "acosh", "atanh", "erf", "erfc"}
    | {"conv", "conv_input_grad", "window_sum"}
)
#: What is made of these for complex numbers.
NO_COMPLEX128 = frozenset({"log", "sin", "cos", "tanh"})
#: Where ONNX leaves open, or onnxruntime does otherwise, what ours means.
DIFFERENT = {
    "cast-float32-int32-beyond": "a cast of what the integers do not reach",
    "cast-float32-uint8-beyond": "a cast of what the integers do not reach",
    "reduce_max-float32-nan": "a maximum among NaNs",
    "window_max-float32-minus-infinity-3x3-same": "the maximum of nothing but minus infinity, beside padding",
}
NARROW = ("bfloat16", *dtypes.FLOAT8)


def outside(tensor):
    """A result as NumPy and onnxruntime can exchange it."""
    if tensor.dtype in dtypes.COMPLEX:
        return [P.real(tensor), P.imag(tensor)]
    return [P.cast(tensor, dtype="float32")] if tensor.dtype in NARROW else [tensor]


def exchanged(array):
    """The same of an operand or an expected result: arrays."""
    if array.dtype.kind == "c":
        return [array.real.copy(), array.imag.copy()]
    return [array.astype("float32")] if dtypes.name_of(array.dtype) in NARROW else [array]


def inside(tensors, dtype):
    """The operand that `exchanged` took apart."""
    if dtype in dtypes.COMPLEX:
        return P.complex(next(tensors), next(tensors))
    tensor = next(tensors)
    return P.cast(tensor, dtype=dtype) if dtype in NARROW else tensor


def run(case, arrays, rows=None):
    """What onnxruntime gives for a primitive; `rows`: the first extent of the operands is a symbol in the file."""
    kinds = [dtypes.name_of(a.dtype) for a in arrays]
    given = [part for a in arrays for part in exchanged(a)]
    avals = [
        Aval((rows, *a.shape[1:]) if rows is not None and a.ndim else a.shape, dtypes.name_of(a.dtype)) for a in given
    ]

    def function(*tensors):
        parts = iter(tensors)
        out = P.PRIMITIVES[case.prim](*(inside(parts, kind) for kind in kinds), **case.params)
        return [piece for t in (out if isinstance(out, tuple) else [out]) for piece in outside(t)]

    graph = trace(function, avals).graph
    names = [f"x{i}" for i in range(len(given))]
    written, file = lower(prepared(graph), [(n, n) for n in names], [f"y{i}" for i in range(len(graph.outputs))])
    tidy(written, file)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    model = files.model_proto(written, file, case.prim, files.OPSET).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session.run(None, {n: np.array(a) for n, a in zip(names, given)})


def expected(case, arrays):
    out = IMPLEMENTATIONS[case.prim](*arrays, **case.params)
    return list(out) if isinstance(out, tuple | list) else [out]


def check(case, results, arrays):
    for wanted in expected(case, arrays):
        kind = dtypes.name_of(wanted.dtype)
        for part in exchanged(wanted):
            got = results.pop(0)
            assert (got.shape, got.dtype) == (part.shape, part.dtype)
            if part.dtype.kind in "iub":
                np.testing.assert_array_equal(got, part)
            else:
                np.testing.assert_allclose(got.astype("float64"), part.astype("float64"), **tolerance(kind))
    assert not results


def runs(case):
    """Whether onnxruntime is to give the same."""
    if case.prim in REFUSED or case.id in DIFFERENT:
        return False
    kinds = {a.dtype.name for a in case.args()}
    return not (case.prim in NO_FLOAT64 and "float64" in kinds) and not (
        case.prim in NO_COMPLEX128 and "complex128" in kinds
    )


def test_the_tables_cover_the_primitives():
    assert set(RULES) | set(REFUSED) | {"constant", "real", "imag", "conj", "complex"} == set(P.PRIMITIVES)
    assert not set(RULES) & set(REFUSED)


@pytest.mark.mostly_slow(every=12)
@pytest.mark.parametrize("case", [c for c in CASES if runs(c)], ids=lambda c: c.id)
def test_every_primitive_gives_what_numpy_gives(case):
    arrays = case.args()
    try:
        results = run(case, arrays)
    except NotImplementedError as error:
        assert ("bits of integers" in str(error)) or ("convolves floats only" in str(error)), error
        return
    check(case, results, arrays)


SYMBOLIC = [
    c
    for c in CASES
    if runs(c) and P.PRIMITIVES[c.prim].family in ("elementwise", "reduction") and c.args()[0].ndim
    and "float32" in c.id
]  # fmt: skip


@pytest.mark.mostly_slow(every=8)
@pytest.mark.parametrize("case", SYMBOLIC, ids=lambda c: c.id)
def test_with_an_extent_that_is_not_known(case):
    arrays = case.args()
    check(case, run(case, arrays, Dim.symbol("rows")), arrays)


def test_of_many_writes_to_a_row_the_last_stays():
    rng = np.random.default_rng(0)
    at, new = rng.integers(-1, 4, 20000).astype("int32"), rng.normal(size=(20000, 2)).astype("float32")
    case = Case("scatter-many", "scatter", lambda _: [np.zeros((3, 2), "float32"), at, new], {"mode": "set"})
    check(case, run(case, case.args()), case.args())


@pytest.mark.parametrize("name", ["random_bits", "cholesky", "conv_filter_grad", "lgamma"])
def test_what_is_refused_says_why(name):
    case = next(c for c in CASES if c.prim == name)
    with pytest.raises(NotImplementedError, match=f"primitive {name}: .*{REFUSED[name][:20]}"):
        run(case, case.args())
