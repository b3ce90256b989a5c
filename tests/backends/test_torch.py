"""What is special to PyTorch: element types that it hardly computes with, and calls that are joined."""

import itertools

import numpy as np
import pytest
from cases import tolerance

from pronghorn.engine.backends import engine as engines
from pronghorn.engine.backends.numpy import IMPLEMENTATIONS, run
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives import PRIMITIVES, ShapeError
from pronghorn.engine.graph.trace import trace

pytestmark = pytest.mark.skipif(not engines.is_installed("torch"), reason="torch is not installed")

EDGES = [0.0, -0.0, 1, -1, 0.5, 1.5, 2.5, -2.5, 3.7, 300, -300, 464, 465, 7e4, 3e9, -3e9, 1e19, 1e30, 1e-30, -1e-40]
EDGES += [2.0**31, 2.0**63, 2.0**64, 127.5, -128.5, 255.5, np.inf, -np.inf, np.nan]


@pytest.fixture
def torch_engine():
    return engines.engine("torch")


def edges(dtype):
    """Numbers at which a type's arithmetic goes over or is a matter of definition."""
    target = dtypes.to_numpy(dtype)
    if dtype == "bool":
        return np.array([0, 1, 1, 0], bool)
    if target.kind in "iu":
        info = np.iinfo(target)
        small = [0, 1, 2, 3, 7, 8, 63, 100] + ([-1, -2, -7] if info.min < 0 else [])
        return np.array([*small, info.max, info.max - 1, info.max // 2 + 1, info.min, info.min + 1], target)
    if target.kind == "c":
        return np.array([0, 1, -1, 1 + 1j, -2 - 0.5j, 0.3j], target)
    with np.errstate(all="ignore"):
        return np.array(EDGES).astype(target)


def as_tuple(x):
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def check(engine, prim, arrays, message, **params):
    expected = as_tuple(IMPLEMENTATIONS[prim](*arrays, **params))
    got = as_tuple(engine.table[prim](*(engine.from_numpy(a) for a in arrays), **params))
    for g, e in zip(map(engine.to_numpy, got), expected, strict=True):
        assert (g.dtype, g.shape) == (e.dtype, e.shape), message
        if e.dtype.kind in "iub":
            np.testing.assert_array_equal(g, e, err_msg=message)
        else:
            wide = np.complex128 if e.dtype.kind == "c" else np.float64
            limits = {**tolerance(dtypes.name_of(e.dtype)), "atol": 1e-6}
            np.testing.assert_allclose(g.astype(wide), e.astype(wide), err_msg=message, **limits)


@pytest.mark.parametrize("dtype", dtypes.ALL)
def test_elementwise_of_every_type(torch_engine, dtype):
    x = edges(dtype)
    pairs = [a.ravel().copy() for a in np.meshgrid(x, x)]
    for name, prim in PRIMITIVES.items():
        if not prim.elementwise or name in ("cast", "bitcast", "select"):
            continue
        for operands in ([x], pairs):
            try:
                prim.infer([Aval(a.shape, dtype) for a in operands], {})
            except (ShapeError, TypeError):
                continue
            check(torch_engine, name, operands, f"{name} {dtype}")


@pytest.mark.parametrize("source", dtypes.ALL)
def test_casts_of_every_type(torch_engine, source):
    for target in dtypes.ALL:
        check(torch_engine, "cast", [edges(source)], f"{source} to {target}", dtype=target)


@pytest.mark.parametrize("dtype", [*dtypes.UNSIGNED, *dtypes.FLOAT8, "bool", "float16"])
def test_everything_else_of_types_that_torch_hardly_has(torch_engine, dtype):
    x = edges(dtype)
    matrix, scalar = np.resize(x, (3, 5)), x[1:2].reshape(())
    calls = [
        ("select", [np.resize([True, False], x.size), x, x[::-1].copy()], {}),
        ("reverse", [x], {"axes": (0,)}),
        ("pad", [x, scalar], {"low": (-1,), "high": (2,), "interior": (1,)}),
        ("pad", [x[:0], scalar], {"low": (1,), "high": (2,), "interior": (0,)}),
        ("concatenate", [x, x], {"axis": 0}),
        ("dynamic_update_slice", [x, x[:2], np.int32(-9)], {}),
        ("sort", [np.resize(x, (2, 30)), np.arange(60).reshape(2, 30)], {"axis": 1, "num_keys": 1}),
        *(("reduce_max", [a], {"axes": (0,)}) for a in (matrix, matrix[:0])),
        *(("reduce_min", [a], {"axes": (0,)}) for a in (matrix, matrix[:0])),
        ("argmax", [matrix], {"axis": 1}),
        ("cummax", [matrix], {"axis": 0, "reverse": True}),
        *(("take", [x, edges(kind)], {"axis": 0}) for kind in ("int8", dtype) if dtypes.is_integer(kind)),
        *(("scatter", [x, edges("int32"), np.resize(x[::-1], edges("int32").size)], {"mode": mode})
          for mode in ("set", "max", "min")),
    ]  # fmt: skip
    if dtype != "bool":
        calls += [("reduce_sum", [matrix], {"axes": (0,)}), ("cumsum", [matrix], {"axis": 0, "reverse": False})]
        how = {"window": (2, 2), "strides": (1, 1), "padding": ((1, 0), (0, 0)), "dilation": (1, 1)}
        calls += [("window_max", [matrix], how), ("window_argmax", [matrix], how)]
    for name, arrays, params in calls:
        check(torch_engine, name, arrays, f"{name} {dtype}", **params)


def agree(engine, fn, *arrays):
    """A function as one graph, by the engine and by NumPy, down to the sign of zeros."""
    graph = trace(fn, [Aval(a.shape, dtypes.name_of(a.dtype)) for a in arrays]).graph
    with engine.computing():
        found = engine.run(graph, [engine.from_numpy(a) for a in arrays])
    for got, expected in zip(map(engine.to_numpy, found), run(graph, arrays), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)
        if expected.dtype.kind == "f":
            zeros = expected == 0
            np.testing.assert_array_equal(np.signbit(got[zeros]), np.signbit(expected[zeros]))
    return graph


SPECIAL = np.float32([0.0, -0.0, 1, -1, np.nan, np.inf, -np.inf, 0.25])


@pytest.mark.parametrize("limit, other", list(itertools.product([0.0, -0.0, 0.5], [0.0, -0.0, 2.0])))
def test_rectified_values_and_their_gradients(torch_engine, limit, other):
    def fn(x, g):
        mask = P.le(x, limit)
        return [P.select(mask, other, x), P.select(mask, other, g), P.select(mask, g, other)]

    agree(torch_engine, fn, *(a.ravel().copy() for a in np.meshgrid(SPECIAL, SPECIAL)))


@pytest.mark.parametrize("padding", [((0, 0), (0, 0)), ((1, 1), (1, 1)), ((0, 1), (2, 0))])
@pytest.mark.parametrize("special", [None, np.nan, -np.inf])
def test_max_pooling_and_its_gradient_take_the_same_elements(torch_engine, padding, special):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 4, (2, 7, 6, 3)).astype("float32")  # with ties
    if special is not None:
        x[0, :5, :5] = special
    how = {"window": (1, 3, 3, 1), "strides": (1, 2, 1, 1), "padding": ((0, 0), *padding, (0, 0)), "dilation": (1,) * 4}
    g = rng.normal(size=IMPLEMENTATIONS["window_max"](x, **how).shape).astype("float32")

    def fn(x, g):
        best = P.window_max(x, **how)
        return [best, P.unpool(g, P.window_argmax(x, **how), input_shape=x.shape, **how)]

    agree(torch_engine, fn, x, g)
    agree(torch_engine, lambda x, g: [*fn(x, g), P.window_argmax(x, **how)], x, g)


def test_biases(torch_engine):
    rng = np.random.default_rng(0)
    image, kernel = rng.normal(size=(2, 6, 6, 3)), rng.normal(size=(3, 3, 3, 3))
    rows, square, vector = rng.normal(size=(2, 5, 3)), rng.normal(size=(3, 3)), rng.normal(size=3)

    def fn(image, kernel, rows, square, vector):
        how = {"strides": (1, 1), "padding": ((1, 1), (0, 0)), "dilation": (1, 1), "groups": 1}
        made = [
            P.conv(image, kernel, **how),
            P.dot_general(rows, square, contract=((2,), (0,)), batch=((), ())),
            P.dot_general(square, rows, contract=((0,), (2,)), batch=((), ())),
            P.dot_general(rows, rows, contract=((2, 1), (2, 1)), batch=((0,), (0,))),
        ]
        spread = [P.broadcast_in_dim(vector, shape=m.shape, dims=(len(m.shape) - 1,)) for m in made[:2]]
        across = P.broadcast_in_dim(vector, shape=made[1].shape, dims=(2,))
        return [P.add(made[0], spread[0]), P.add(spread[1], made[1]), made[1], P.add(across, made[1]), *made[2:]]

    agree(torch_engine, fn, image, kernel, rows, square, vector)


def test_gradients_through_saturation_and_what_they_are_joined_of(torch_engine):
    def fn(x, g):
        s, t = P.logistic(x), P.tanh(x)
        one = P.broadcast_in_dim(P.constant(value=np.float32(1)), shape=x.shape, dims=())
        slopes = P.mul(s, P.sub(one, s)), P.mul(P.sub(one, s), s), P.sub(one, P.mul(t, t)), P.sub(one, P.mul(t, s))
        return [P.mul(g, slopes[0]), P.mul(slopes[1], g), P.mul(g, slopes[2]), P.mul(slopes[3], g)]

    agree(torch_engine, fn, *np.random.default_rng(0).normal(size=(2, 5, 7)).astype("float32"))


@pytest.mark.parametrize("axis, across", [(1, 1), (0, 0), (1, 0), (0, 1)])
@pytest.mark.parametrize("keeps", [True, False])
def test_softmax_and_its_gradient(torch_engine, axis, across, keeps):
    """What is spread along another axis than it was reduced along (``across``) is none."""

    def spread(reduced, shape, along):
        if keeps:
            reduced = P.reshape(reduced, shape=tuple(1 if i == along else n for i, n in enumerate(shape)))
            return P.broadcast_in_dim(reduced, shape=shape, dims=(0, 1))
        return P.broadcast_in_dim(reduced, shape=shape, dims=(1 - along,))

    def fn(x, g):
        shape = x.shape
        e = P.exp(P.sub(x, spread(P.reduce_max(x, axes=(axis,)), shape, across)))
        total = spread(P.reduce_sum(e, axes=(axis,)), shape, across)
        y, q = P.div(e, total), P.div(g, total)
        back = spread(P.reduce_sum(P.neg(P.mul(q, y)), axes=(axis,)), shape, across)
        return [y, P.mul(P.add(q, back), e)]

    x, g = np.random.default_rng(0).normal(size=(2, 4, 4)).astype("float32")
    x[0, 1] = np.inf
    x[2] = -np.inf
    agree(torch_engine, fn, x, g)


@pytest.mark.parametrize("sizes, low, high", [((2, 3), 2, 3), ((3, 2), 3, 2), ((2, 2), 2, 2), ((4, 4), 1, 1)])
def test_sums_of_padded_arrays(torch_engine, sizes, low, high):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(n, 2)).astype("float32") for n in sizes]

    def fn(x, y):
        zero = P.constant(value=np.float32(0))
        first = P.pad(x, zero, low=(0, 0), high=(high, 0), interior=(0, 0))
        second = P.pad(y, zero, low=(low, 0), high=(0, 0), interior=(0, 0))
        return [P.add(first, second), P.add(second, first)]

    agree(torch_engine, fn, *arrays)


def test_a_value_is_written_over_only_where_nobody_needs_it(torch_engine):
    """Views and results of values that die, and operands that are used twice in one call."""

    def fn(x):
        a = P.exp(x)
        b = P.mul(a, a)
        view = P.reshape(b, shape=(6,))
        c = P.add(b, x)
        d = P.neg(P.sub(c, a))
        return [view, P.mul(d, d), P.sqrt(P.reshape(P.exp(d), shape=(6,))), c]

    agree(torch_engine, fn, np.random.default_rng(0).normal(size=(2, 3)).astype("float32"))


def test_large_selections_keep_every_bit(torch_engine):
    rng = np.random.default_rng(0)
    pred = rng.integers(0, 2, 10_000).astype(bool)
    for dtype in ("float32", "float64", "int32", "int64", "uint32", "bfloat16"):
        x = np.resize(edges(dtype), pred.size)
        got = torch_engine.table["select"](*map(torch_engine.from_numpy, (pred, x, x[::-1].copy())))
        expected = np.where(pred, x, x[::-1])
        assert torch_engine.to_numpy(got).tobytes() == expected.tobytes(), dtype
