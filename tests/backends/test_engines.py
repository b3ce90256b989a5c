"""Every primitive on every engine, forward and gradient, against the NumPy backend; and steps, which engines share."""

import numpy as np
import pytest
from cases import CASES, tolerance
from test_gradients import cotangents_for, gradient_graph, smooth_cases

from pronghorn import ops
from pronghorn.engine.backends.numpy import IMPLEMENTATIONS, run
from pronghorn.engine.backends.table_executable import TableExecutable
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives import PRIMITIVES
from pronghorn.engine.graph.trace import Traced, trace

UP_TO_SIGN = ("eigh", "svd")
"""Primitives whose vectors have either sign, as the library's LAPACK leaves them."""


def as_tuple(x):
    return x if isinstance(x, tuple) else (x,)


def aval(array):
    return Aval(array.shape, dtypes.name_of(array.dtype))


def wide(array):
    return array.astype(np.float32) if array.dtype.itemsize <= 2 and array.dtype.kind in "fV" else array


def of_one_direction(vectors):
    """Eigenvectors turned so that the largest element of each is real and positive: they are so up to a factor."""
    largest = np.take_along_axis(vectors, np.argmax(np.abs(vectors), axis=-2, keepdims=True), axis=-2)
    return vectors * (np.abs(largest) / largest)


def turned(outputs, i, prim, got, expected):
    """1 or -1 for each vector of an output that is known up to its sign: by which an engine's differ from NumPy's."""
    axis = {("eigh", 1): -2, ("svd", 0): -2, ("svd", 2): -1}.get((prim, i))
    if axis is None or len(outputs) == 1:  # singular values alone
        return np.ones((), expected.dtype)
    return np.sign(np.sum(got * expected, axis, keepdims=True))


def assert_same(got, expected, message, dtype=None):
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape), message
    limits = tolerance(dtype or dtypes.name_of(expected.dtype))
    np.testing.assert_allclose(wide(got), wide(expected), **limits, err_msg=message)


def test_tables_are_complete(engine):
    assert set(engine.table) | (set(engine.lacks) - set(dtypes.ALL)) == set(PRIMITIVES)


def there(engine, case):
    """Whether the engine has the primitive of a case and its element types."""
    words = {case.prim, case.params.get("dtype"), *(dtypes.name_of(a.dtype) for a in case.args())}
    return not words & set(engine.lacks)


@pytest.mark.parametrize("prim", PRIMITIVES)
def test_every_primitive(engine, prim):
    check(engine, [c for c in CASES if c.prim == prim])


@pytest.mark.parametrize("prim", sorted({c.prim for c in CASES if "-small-" in c.id}))
def test_extents_of_0_and_1_by_the_table_itself(engine, prim, monkeypatch):
    """Without the stage that replaces arrays of no elements."""
    monkeypatch.setenv("PRONGHORN_SKIP", "simplify")
    check(engine, [c for c in CASES if c.prim == prim and "-small-" in c.id])


def check(engine, cases):
    """Cases of a primitive, as one compiled function, are what NumPy makes of them."""
    cases = [c for c in cases if there(engine, c)]
    if not cases:
        pytest.skip("the engine lacks it")
    prim = cases[0].prim
    arguments = [case.args() for case in cases]

    def fn(*tensors):
        rest, results = iter(tensors), []
        for case, arrays in zip(cases, arguments):
            results += as_tuple(PRIMITIVES[prim](*(next(rest) for _ in arrays), **case.params))
        return results

    executable = TableExecutable(engine, trace(fn, [aval(a) for arrays in arguments for a in arrays]))
    results = iter(executable(*(a for arrays in arguments for a in arrays)))
    for case, arrays in zip(cases, arguments):
        outputs = as_tuple(IMPLEMENTATIONS[prim](*arrays, **case.params))
        for i, expected in enumerate(outputs):
            got = next(results)
            if prim in UP_TO_SIGN:
                got = got * turned(outputs, i, prim, got, expected)
            if prim == "eig" and i == 1:
                got, expected = of_one_direction(got), of_one_direction(expected)
            assert_same(got, expected, case.id)


def turned_cotangents(engine, case, arrays, outputs, cotangents):
    """Cotangents that give the same gradient for vectors of the engine's signs as the given ones for NumPy's."""
    if case.prim not in UP_TO_SIGN:
        return cotangents
    traced = trace(lambda *xs: as_tuple(PRIMITIVES[case.prim](*xs, **case.params)), [aval(a) for a in arrays])
    each = enumerate(zip(TableExecutable(engine, traced)(*arrays), outputs, cotangents))
    return [None if c is None else c * turned(outputs, i, case.prim, got, expected) for i, (got, expected, c) in each]


@pytest.mark.parametrize("prim", sorted({c.prim for c in smooth_cases()}))
def test_gradients(engine, prim):
    for case in [c for c in smooth_cases([prim]) if there(engine, c)]:
        arrays = case.args()
        outputs = as_tuple(IMPLEMENTATIONS[prim](*arrays, **case.params))
        cotangents = cotangents_for(outputs, np.random.default_rng(7))
        graph, _ = gradient_graph(case, arrays, cotangents)
        operands = [*arrays, *(c for c in cotangents if c is not None)]
        found = TableExecutable(engine, Traced(graph, len(operands), [], [], len(graph.outputs)))(
            *arrays, *(c for c in turned_cotangents(engine, case, arrays, outputs, cotangents) if c is not None)
        )
        for got, expected in zip(found, run(graph, operands), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9, err_msg=case.id)


def test_what_an_engine_lacks_is_refused_before_it_runs(engine, monkeypatch):
    monkeypatch.setattr(type(engine), "lacks", {"tanh": "it is a test", "float16": "there is no such type"})

    def made(fn, dtype="float32"):
        return TableExecutable(engine, trace(fn, [Aval((3,), dtype)]))

    made(lambda x: [P.sin(x)])
    with pytest.raises(NotImplementedError, match=f"'{engine.name}' cannot do tanh: it is a test.*pronghorn"):
        made(lambda x: [P.tanh(x)])
    with pytest.raises(NotImplementedError, match="cannot do float16: there is no such type"):
        made(lambda x: [P.sin(x)], "float16")
    with pytest.raises(NotImplementedError, match="cannot do float16"):
        made(lambda x: [x], "float16")
    with pytest.raises(NotImplementedError, match="tanh"):
        made(lambda x: [ops.map(ops.tanh, x)])


@pytest.mark.parametrize("dtype", dtypes.FLOAT8)
def test_padding_of_pooled_float8_is_no_number(engine, dtype):
    """float8_e4m3fn has no infinity: as that type, -inf is NaN, which would be the maximum."""
    if dtype in engine.lacks:
        pytest.skip(f"{engine.name} has no {dtype}")
    how = {"window": (3, 3), "strides": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1)}
    x = np.random.default_rng(0).normal(size=(4, 5)).astype(dtypes.to_numpy(dtype))
    for name in ("window_max", "window_argmax"):
        traced = trace(lambda x, name=name: [PRIMITIVES[name](x, **how)], [aval(x)])
        assert_same(TableExecutable(engine, traced)(x)[0], IMPLEMENTATIONS[name](x, **how), name)


MOVES = {
    "select": lambda x: P.select(x == x, x, P.reverse(x, axes=(0,))),
    "broadcast_in_dim": lambda x: P.broadcast_in_dim(x, shape=(3, 4, 5), dims=(1, 2)),
    "reverse": lambda x: P.reverse(x, axes=(0, 1)),
    "slice": lambda x: P.slice(x, start=(1, 0), limit=(4, 5), stride=(2, 2)),
    "transpose": lambda x: P.transpose(x, perm=(1, 0)),
    "pad": lambda x: P.pad(x, P.cast(np.float32(1.5), dtype=x.dtype), low=(1, 0), high=(0, 2), interior=(0, 1)),
    "concatenate": lambda x: P.concatenate(x, x, axis=1),
    "dynamic_update_slice": lambda x: P.dynamic_update_slice(
        x, P.slice(x, start=(0, 0), limit=(2, 2), stride=(1, 1)), np.int32(1), np.int32(2)
    ),
    "take": lambda x: P.take(x, np.int32([2, 0, 7]), axis=0),
    "reduce_max": lambda x: P.reduce_max(x, axes=(0,)),
    "reduce_min": lambda x: P.reduce_min(x, axes=(1,)),
}


@pytest.mark.parametrize("dtype", dtypes.FLOAT8)
def test_float8_is_moved_and_compared(engine, dtype):
    if dtype in engine.lacks:
        pytest.skip(f"{engine.name} has no {dtype}")
    x = np.random.default_rng(0).normal(size=(4, 5)).astype(dtypes.to_numpy(dtype))
    x[3, 3] = np.nan
    traced = trace(lambda x: [fn(x) for fn in MOVES.values()], [aval(x)])
    found = TableExecutable(engine, traced)(x)
    for name, got, expected in zip(MOVES, found, run(traced.graph, [x]), strict=True):
        assert_same(got, np.asarray(expected), name)


PAIRS = np.random.default_rng(0).integers(-1, 2, (3, 4, 10)).astype("float32").view("complex64")
NO_NUMBERS = np.complex64([[1 + 2j, complex(0, np.nan), 3], [1 + 5j, 1 - 2j, 1 + 5j], [complex(np.nan, 1), 9, -1]])
ALONG = {
    "argmax": {"axis": 1},
    "argmin": {"axis": 1},
    "cummax": {"axis": 1, "reverse": False},
    "cummin": {"axis": 1, "reverse": True},
    "reduce_max": {"axes": (0, 1)},
    "reduce_min": {"axes": (1,)},
    "sort": {"axis": 1, "num_keys": 1},
}


@pytest.mark.mostly_slow("sort-jax")
@pytest.mark.parametrize("prim", ALONG)
def test_complex_numbers_are_in_numpys_order(engine, prim):
    """Our own compiler refuses them."""
    given = [PAIRS, NO_NUMBERS, PAIRS[:, :, :0]]
    traced = trace(
        lambda *xs: [y for x in xs for y in as_tuple(PRIMITIVES[prim](x, **ALONG[prim]))], [aval(x) for x in given]
    )
    for got, x in zip(TableExecutable(engine, traced)(*given), given, strict=True):
        (expected,) = as_tuple(IMPLEMENTATIONS[prim](x, **ALONG[prim]))
        assert_same(got, expected, prim)


def test_the_logistic_function_of_complex_numbers(engine):
    traced = trace(lambda x: [P.logistic(x)], [aval(PAIRS)])
    assert_same(TableExecutable(engine, traced)(PAIRS)[0], IMPLEMENTATIONS["logistic"](PAIRS), "logistic")
