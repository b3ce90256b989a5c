"""Eager calls by compiled kernels: every primitive against NumPy, and what else holds for a call on arrays."""

import os
import threading

import numpy as np
import pytest
from cases import CASES, tolerance

from pronghorn.engine.backends import eager
from pronghorn.engine.backends.eager import kernels, worth
from pronghorn.engine.backends.numpy import IMPLEMENTATIONS
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives import PRIMITIVES
from pronghorn.engine.graph.tensor import Tensor


@pytest.fixture
def everything(monkeypatch):
    """Every call that may be compiled is, whatever its size; returns the names of what was."""
    for name, (work, _) in worth.RULES.items():
        monkeypatch.setitem(worth.RULES, name, (work, 0))
    made = []
    graph_of = kernels._graph_of
    monkeypatch.setattr(kernels, "_kernels", kernels._Kernels())
    monkeypatch.setattr(kernels, "_graph_of", lambda prim, call: made.append(prim.name) or graph_of(prim, call))
    return made


def wide(array):
    return array.astype(np.float32) if dtypes.name_of(array.dtype) in ("float16", "bfloat16") else array


def result_of(prim, arrays, params):
    avals = [Aval(a.shape, dtypes.name_of(a.dtype)) for a in arrays]
    return eager.run(prim, arrays, params, prim.infer(avals, params)[0])


def check(prim, arrays, params, message=""):
    """Whether the call is compiled; its result is then NumPy's."""
    got = result_of(prim, arrays, params)
    if got is None:
        return False
    with np.errstate(all="ignore"):
        expected = np.asarray(IMPLEMENTATIONS[prim.name](*arrays, **params))
    assert got.dtype == expected.dtype and got.shape == expected.shape, message
    limits = tolerance(dtypes.name_of(expected.dtype))
    np.testing.assert_allclose(wide(got), wide(expected), **limits, err_msg=message)
    return True


@pytest.mark.mostly_slow("add", "conv_filter_grad", "unpool", "random_bits", "take")
@pytest.mark.parametrize("name", worth.RULES)
def test_every_primitive_gives_what_numpy_gives(name, everything):
    cases = [c for c in CASES if c.prim == name]
    compiled = [check(PRIMITIVES[name], c.args(), c.params, c.id) for c in cases]
    assert any(compiled), f"no case of {name} is compiled"


LAYOUTS = {
    "one channel vector": ((5, 7, 3), [(5, 7, 3), (3,)]),
    "a scalar": ((5, 7, 3), [(5, 7, 3), ()]),
    "rows": ((5, 7, 3), [(5, 7, 3), (5, 1, 1)]),
    "crossed": ((5, 7), [(5, 1), (7,)]),
    "crossed in the middle": ((2, 5, 7, 3), [(2, 1, 7, 1), (5, 1, 3)]),
    "both repeat": ((4, 5, 6), [(4, 1, 6), (6,)]),
    "both repeat everywhere": ((4, 5), [(), ()]),
    "extent 1": ((1, 7, 1), [(1, 7, 1), (7, 1)]),
    "nothing": ((0, 3), [(0, 3), (3,)]),
    "one element": ((1, 1), [(1, 1), ()]),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_repeated_operands_are_not_copied(layout, everything):
    shape, given = LAYOUTS[layout]
    rng = np.random.default_rng(0)
    arrays = [np.broadcast_to(rng.normal(size=s).astype("float32"), shape) for s in given]
    check(P.sub, arrays, {}, layout)
    check(P.select, [arrays[0] > 0, *arrays], {}, layout)


def test_one_kernel_serves_all_shapes_of_a_kind(everything):
    rng = np.random.default_rng(0)
    for shape in [(8, 4), (3, 5, 4), (2, 2, 3, 4), (100, 4)]:
        assert check(P.add, [rng.normal(size=shape), np.broadcast_to(rng.normal(size=4), shape)], {})
    w = rng.normal(size=(3, 3, 2, 4)).astype("float32")
    params = {"strides": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}
    for rows in (2, 3, 8):
        assert check(P.conv, [rng.normal(size=(rows, 6, 5, 2)).astype("float32"), w], params)
    assert everything == ["add", "conv"]


@pytest.mark.parametrize("name", ["window_max", "window_sum"])
def test_one_kernel_serves_images_of_all_sizes(name, everything):
    rng = np.random.default_rng(0)
    inner = {"window": (1, 2, 3, 1), "strides": (1, 2, 1, 1), "dilation": (1, 1, 1, 1)}
    for high, wide_, padding in ((7, 9, 0), (2, 3, 0), (30, 5, 0), (8, 8, 1), (3, 40, 1)):
        params = {**inner, "padding": ((0, 0), (padding, 0), (0, padding), (0, 0))}
        for rows in (1, 4):
            images = rng.normal(size=(rows, high, wide_, 2)).astype("float32")
            images[0, 0, 0, 0], images[-1, -1, -1, -1] = np.nan, -np.inf
            assert check(PRIMITIVES[name], [images], params)
    assert len(everything) == 4  # with one image or more, with padding or without
    check(PRIMITIVES[name], [images[:, :2, :1]], {**inner, "window": (1, 2, 1, 1), "padding": ((0, 0),) * 4})
    assert len(everything) == 5  # an extent of 1 stays a number


def test_one_kernel_resizes_to_all_sizes(everything):
    rng = np.random.default_rng(0)
    for high, wide_ in ((3, 5), (20, 2), (2, 64)):
        images = rng.normal(size=(2, 12, 14, 3)).astype("float32")
        along_rows = {"contract": ((1,), (1,)), "batch": ((), ())}
        first = rng.normal(size=(high, 12)).astype("float32"), rng.normal(size=(2, high, 14, 3)).astype("float32")
        assert check(P.dot_general, [images, first[0]], along_rows)
        along_columns = {"contract": ((2,), (1,)), "batch": ((), ())}
        assert check(P.dot_general, [first[1], rng.normal(size=(wide_, 14)).astype("float32")], along_columns)
    assert everything == ["dot_general", "dot_general"]
    assert check(P.dot_general, [images, first[0][:1]], along_rows)  # one row
    assert check(P.dot_general, [images[:, :, :1], first[0]], along_rows)  # one column
    deep = rng.normal(size=(2,) * 12).astype("float32")
    assert check(P.dot_general, [deep, first[0][:, :2]], {"contract": ((11,), (1,)), "batch": ((), ())})


@pytest.mark.parametrize("arrange", [np.transpose, np.flip, lambda x: x[::2], lambda x: x[:, 1:]])
def test_arrays_in_any_order(arrange, everything):
    x = arrange(np.random.default_rng(0).normal(size=(6, 8)).astype("float32"))
    check(P.exp, [x], {})
    check(P.reduce_sum, [x], {"axes": (0,)})
    check(P.dot_general, [x, x], {"contract": ((0,), (0,)), "batch": ((), ())})


def test_values_at_the_edges(everything):
    values = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1.0, 1e-40, 3e38], "float32")
    x, y = (a.ravel().copy() for a in np.meshgrid(values, values))
    for prim in (P.add, P.mul, P.div, P.max, P.min, P.lt, P.eq, P.pow, P.atan2):
        assert check(prim, [x, y], {}, prim.name)
    for prim in (P.exp, P.log, P.tanh, P.sqrt, P.neg, P.abs, P.logistic, P.erf):
        assert check(prim, [x], {}, prim.name)
    assert np.signbit(result_of(P.neg, [np.zeros(4, "float32")], {})).all()


def test_random_bits_are_numpy_s_for_every_shape(everything):
    key = np.array([7, 2**32 - 1], "uint32")
    for shape in [(), (1,), (3, 5), (0, 4), (2, 3, 4, 5)]:
        got = eager.run(P.random_bits, [key], {"shape": shape}, Aval(shape, "uint32"))
        np.testing.assert_array_equal(got, IMPLEMENTATIONS["random_bits"](key, shape=shape))


def test_small_calls_and_other_types_stay_with_numpy():
    assert result_of(P.add, [np.ones(8, "float32")] * 2, {}) is None
    assert result_of(P.add, [np.ones(1 << 20, "complex64")] * 2, {}) is None
    assert result_of(P.sort, [np.ones(1 << 20, "float32")], {"axis": 0, "num_keys": 1}) is None


def test_the_numpy_backend_has_no_kernels(everything, monkeypatch):
    monkeypatch.setenv("PRONGHORN_BACKEND", "numpy")
    assert result_of(P.exp, [np.ones(64, "float32")], {}) is None
    assert everything == []


def test_the_table_of_kernels_is_bounded(everything, monkeypatch):
    monkeypatch.setattr(kernels, "MOST_KERNELS", 3)
    for extent in range(2, 8):
        check(P.reduce_sum, [np.ones((2, extent), "float32")], {"axes": (1,)})
    assert len(kernels._kernels.known) == 3


def test_many_shapes_do_not_fill_a_kernel(everything):
    for extent in range(2, 300):
        assert check(P.neg, [np.ones(extent, "float32")], {})
    (kernel,) = kernels._kernels.known.values()
    assert len(kernel._layouts) < 200


def test_many_threads_get_their_own_results(everything):
    x = np.random.default_rng(0).normal(size=(64, 64)).astype("float32")
    wrong = []

    def work(factor):
        for _ in range(20):
            got = P.mul(Tensor(x), float(factor)).numpy()
            if not np.array_equal(got, x * np.float32(factor)):
                wrong.append(factor)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_computes(everything):
    x = np.arange(1000, dtype="float32")
    expected = P.exp(P.neg(Tensor(x))).numpy()
    with kernels._kernels.lock:  # as if another thread were making a kernel
        child = os.fork()
        if child == 0:
            got = P.exp(P.neg(Tensor(x))).numpy()
            os._exit(0 if np.array_equal(got, expected) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_errors_are_those_of_the_shape_rules(everything):
    with pytest.raises(ValueError, match="operands must agree"):
        P.add(np.ones(3, "float32"), np.ones(4, "float32"))


def test_gradients_flow_through_kernels(everything):
    from pronghorn.engine.autodiff import GradientTape

    x = Tensor(np.random.default_rng(0).normal(size=(4, 6)).astype("float32"))
    with GradientTape() as tape:
        tape.watch(x)
        y = P.reduce_sum(P.tanh(P.mul(x, x)), axes=(0, 1))
    expected = 2 * x.data * (1 - np.tanh(x.data**2) ** 2)
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), expected, rtol=1e-5, atol=1e-6)
    assert "tanh" in everything
