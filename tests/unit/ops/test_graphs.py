"""Ops become few primitives, and differentiate as Keras's do."""

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.engine.autodiff.backward import backward
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace


def primitives(fn, *shapes):
    """The names of the primitives of a traced op, without those that only broadcast or hold constants."""
    graph = trace(lambda *xs: [fn(*xs)], [Aval(s, "float32") for s in shapes]).graph
    quiet = ("constant", "broadcast_in_dim", "reshape", "iota", "stop_gradient")
    return [n.prim.name for n in graph.nodes if n.prim.name not in quiet]


@pytest.mark.parametrize(
    ("fn", "expected"),
    [
        (ops.relu, ["le", "select"]),
        (ops.sigmoid, ["logistic"]),
        (ops.softmax, ["reduce_max", "sub", "exp", "reduce_sum", "div"]),
        (ops.log_softmax, ["reduce_max", "sub", "exp", "reduce_sum", "log", "sub"]),
        (lambda x: ops.gelu(x, approximate=False), ["mul", "mul", "erfc", "mul"]),
        (lambda x: x**2, ["mul"]),
        (lambda x: ops.mean(x), ["reduce_sum", "div"]),
        (lambda x: ops.var(x), ["reduce_sum", "div", "sub", "mul", "reduce_sum", "div"]),
        (lambda x: x[1:], ["slice"]),
        (lambda x: ops.transpose(x, (0, 1)), []),
        (lambda x: ops.reshape(x, (2, 4)), []),
    ],
)
def test_number_of_primitives(fn, expected):
    assert primitives(fn, (2, 4)) == expected


def test_pooling_is_one_window():
    assert primitives(lambda x: ops.max_pool(x, 2), (1, 4, 4, 1)) == ["window_max"]
    assert primitives(lambda x: ops.average_pool(x, 2), (1, 4, 4, 1)) == ["window_sum", "div"]


@pytest.mark.parametrize("subscripts", ["ij,jk->ik", "ij,jk->ki", "bki,bqi->bqk", "ibn,jbn->bnij", "ibn,jbn->bnji"])
def test_a_product_comes_out_in_the_order_of_axes_that_is_asked_for(subscripts):
    first, second = subscripts.split("->")[0].split(",")
    sizes = dict(zip("bijknq", (2, 3, 4, 5, 6, 7)))
    shapes = [tuple(sizes[c] for c in names) for names in (first, second)]
    assert primitives(lambda x, y: ops.einsum(subscripts, x, y), *shapes) == ["dot_general"]
    x, y = (np.random.default_rng(0).normal(size=shape).astype("float32") for shape in shapes)
    np.testing.assert_allclose(ops.einsum(subscripts, x, y), np.einsum(subscripts, x, y), rtol=1e-5, atol=1e-5)


def slope(fn, x):
    graph = trace(lambda v: backward([ops.sum(fn(v))], None, [v]), [Aval(x.shape, "float64")]).graph
    return run(graph, [x])[0]


@pytest.mark.parametrize(
    "fn",
    [
        ops.softmax, ops.log_softmax, ops.softplus, ops.gelu, ops.elu, ops.selu, ops.celu, ops.silu, ops.squareplus,
        ops.logsumexp, ops.std, ops.cbrt, ops.sinc, ops.tanh_shrink, ops.log_sigmoid, ops.normalize, ops.i0, ops.median,
        lambda x: ops.hypot(x, 2.0), lambda x: ops.logaddexp(x, 0.3), lambda x: ops.power(ops.abs(x), 1.7),
        lambda x: ops.sort(x)[:2], lambda x: ops.take_along_axis(x, ops.argsort(x), -1) * x, lambda x: ops.prod(x),
        lambda x: ops.layer_normalization(x) * ops.exp(x), lambda x: ops.rms_normalization(x) * x,
        lambda x: ops.cumsum(x) * x, lambda x: ops.norm(x), lambda x: ops.top_k(x, 2)[0] ** 2,
        lambda x: ops.segment_sum(x, [0, 1, 0, 1, 1], 2) ** 2, lambda x: ops.rfft(x)[0] ** 2,
        lambda x: ops.tile(x, 2) ** 2,
        lambda x: ops.det(ops.diag(x) + 0.1), lambda x: ops.inv(ops.diag(ops.exp(x)) + 0.1),
        lambda x: ops.image.map_coordinates(x, ops.reshape(ops.abs(x), (1, 5)), 1),
    ],
)  # fmt: skip
def test_gradient_against_differences(fn):
    x = np.array([0.31, -0.72, 1.13, 0.54, -1.45])

    def value(v):
        return float(ops.sum(fn(ops.convert_to_tensor(v, dtype="float64"))))

    step = 1e-6
    expected = [(value(x + step * e) - value(x - step * e)) / (2 * step) for e in np.eye(5)]
    np.testing.assert_allclose(slope(fn, x), expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(
    ("fn", "at_zero"),
    [(ops.relu, 0.0), (ops.relu6, 0.0), (ops.leaky_relu, 1.0), (ops.softplus, 0.5), (ops.abs, 1.0), (ops.elu, 1.0)],
)
def test_gradient_at_zero(fn, at_zero):
    assert slope(fn, np.zeros(1))[0] == at_zero


def test_gradients_stay_numbers_where_a_branch_is_not_taken():
    x = np.array([0.0, 1.0, 700.0])
    for fn in (
        lambda v: ops.divide_no_nan(1.0, v),
        ops.sinc,
        ops.elu,
        lambda v: ops.cdist(ops.reshape(v, (3, 1)), ops.reshape(v, (3, 1))),
        lambda v: ops.binary_crossentropy(ops.zeros_like(v), v, from_logits=True),
    ):
        assert np.isfinite(slope(fn, x)).all()
