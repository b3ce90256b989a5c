"""Every primitive's gradient against finite differences in float64, eagerly and in a traced function."""

import numpy as np
import pytest
from cases import CASES

from pronghorn.engine.autodiff import GradientTape
from pronghorn.engine.autodiff.backward import backward
from pronghorn.engine.autodiff.registry import DifferentiationError, is_differentiable, vjp_rule
from pronghorn.engine.backends.numpy import IMPLEMENTATIONS, run
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives import PRIMITIVES
from pronghorn.engine.graph.tensor import Tensor, as_tensor
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.graph.verify import verify

# Differentiable primitives that finite differences cannot check, and what checks them.
CHECKED_ELSEWHERE = {
    "complex": "test_complex_gradients",
    "real": "test_complex_gradients",
    "imag": "test_complex_gradients",
    "conj": "test_complex_gradients",
    "custom_vjp": "test_custom_gradient_is_used",
    "while_loop": "test_while_loop_says_why_not",
    "eig": "test_eig_says_why_not",
}
# Only the lower triangle of these operands is read, so they are moved symmetrically.
SYMMETRIC = ("cholesky", "eigh")
STEP = 1e-6


def is_float64(array):
    return array.dtype == np.float64


def smooth_cases(prims=None):
    return [
        c
        for c in CASES
        if c.smooth
        and c.prim not in CHECKED_ELSEWHERE
        and vjp_rule(PRIMITIVES[c.prim]) is not None
        and (prims is None or c.prim in prims)
        and any(map(is_float64, c.args()))
        and not any(a.dtype == np.float32 for a in c.args())
        and c.params.get("dtype", "float64") == "float64"
    ]


def test_every_differentiable_primitive_is_checked():
    covered = {c.prim for c in smooth_cases()} | set(CHECKED_ELSEWHERE)
    wanted = {name for name, prim in PRIMITIVES.items() if vjp_rule(prim) is not None}
    assert wanted <= covered, wanted - covered


def as_tuple(x):
    return x if isinstance(x, tuple) else (x,)


def apply(case, tensors):
    return as_tuple(PRIMITIVES[case.prim](*tensors, **case.params))


def cotangents_for(outputs, rng):
    return [rng.normal(size=o.shape).astype(o.dtype) if is_float64(o) else None for o in outputs]


def directions_for(case, arrays, rng):
    found = []
    for a in arrays:
        d = rng.normal(size=a.shape) if is_float64(a) else None
        if case.prim in SYMMETRIC and not found:
            d = d + np.swapaxes(d, -1, -2)
        found.append(d)
    return found


def moved(arrays, directions, step):
    return [a if d is None else a + step * d for a, d in zip(arrays, directions)]


def slope(fn, arrays, directions):
    """The derivative of a number along a direction, to fourth order."""
    f = [fn(moved(arrays, directions, k * STEP * 100)) for k in (-2, -1, 1, 2)]
    return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * STEP * 100)


def weighted(outputs, cotangents):
    return sum(float(np.sum(o * c)) for o, c in zip(outputs, cotangents) if c is not None)


def check_slope(case, value_of, gradients, arrays, rng):
    for _ in range(2):
        directions = directions_for(case, arrays, rng)
        expected = slope(value_of, arrays, directions)
        pairs = [(g, d) for g, d in zip(gradients, directions) if g is not None and d is not None]
        found = sum(float(np.sum(g * d)) for g, d in pairs)
        scale = sum(float(np.sum(np.abs(g * d))) for g, d in pairs)
        assert abs(found - expected) <= 1e-7 * max(1.0, scale, abs(expected)), (case.id, found, expected)


def numpy_value(case, cotangents):
    return lambda arrays: weighted(as_tuple(IMPLEMENTATIONS[case.prim](*arrays, **case.params)), cotangents)


def eager_gradients(case, arrays, cotangents):
    tensors = [Tensor(a) for a in arrays]
    with GradientTape() as tape:
        tape.watch([t for t in tensors if is_differentiable(t)])
        outputs = apply(case, tensors)
    pairs = [(o, c) for o, c in zip(outputs, cotangents) if c is not None]
    found = tape.gradient([o for o, _ in pairs], tensors, output_gradients=[c for _, c in pairs])
    return [None if g is None else g.numpy() for g in found]


def gradient_graph(case, arrays, cotangents):
    """``gradient(*arrays, *cotangents)`` as a graph, with places of the missing gradients."""
    given = [c for c in cotangents if c is not None]
    places = []

    def fn(*xs):
        operands, cts = xs[: len(arrays)], xs[len(arrays) :]
        outputs = apply(case, operands)
        chosen = [o for o, c in zip(outputs, cotangents) if c is not None]
        found = backward(chosen, cts, operands)
        places[:] = [g is not None for g in found]
        return [g for g in found if g is not None]

    avals = [Aval(a.shape, as_tensor(a).dtype) for a in [*arrays, *given]]
    return verify(trace(fn, avals).graph), places


def traced_gradients(case, arrays, cotangents):
    graph, places = gradient_graph(case, arrays, cotangents)
    found = iter(run(graph, [*arrays, *(c for c in cotangents if c is not None)]))
    return [next(found) if there else None for there in places]


@pytest.mark.parametrize("prim", sorted({c.prim for c in smooth_cases()}))
def test_gradient(prim):
    for case in smooth_cases([prim]):
        rng = np.random.default_rng(7)
        arrays = case.args()
        cotangents = cotangents_for(as_tuple(IMPLEMENTATIONS[prim](*arrays, **case.params)), rng)
        eager = eager_gradients(case, arrays, cotangents)
        for array, gradient in zip(arrays, eager):
            assert gradient is None or (gradient.shape, gradient.dtype) == (array.shape, array.dtype), case.id
        check_slope(case, numpy_value(case, cotangents), eager, arrays, rng)
        for a, b in zip(eager, traced_gradients(case, arrays, cotangents)):
            assert (a is None) == (b is None), case.id
            if a is not None:
                np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10, err_msg=case.id)


TWICE = (
    "dot_general", "conv", "conv_input_grad", "conv_filter_grad", "window_sum", "window_sum_grad", "window_max",
    "unpool", "pool_gather",
    "scan", "cond", "tanh", "logistic", "exp", "div", "pow", "sqrt", "lgamma", "cumsum", "cumprod",
    "reduce_prod", "reduce_max", "sort", "take", "scatter", "cholesky", "triangular_solve", "eigh", "erf", "mul",
    "cummax", "dynamic_slice", "pad", "slice", "concatenate", "atan2", "digamma", "lu", "qr", "svd",
)  # fmt: skip


def second_graph(case, operands, cotangents, weights):
    """From operands and cotangents to the gradient of the weighted sum of the first gradients."""

    def second(*xs):
        n = len(xs) - sum(c is not None for c in cotangents)
        outputs = apply(case, xs[:n])
        chosen = [o for o, c in zip(outputs, cotangents) if c is not None]
        gradients = [g for g in backward(chosen, xs[n:], xs[:n]) if g is not None]
        found = backward(gradients, weights, xs)
        zeros = [P.constant(value=np.zeros(x.shape, x.dtype)) for x in xs]
        return [z if g is None else g for g, z in zip(found, zeros)]

    return verify(trace(second, [Aval(a.shape, as_tensor(a).dtype) for a in operands]).graph)


@pytest.mark.parametrize("prim", TWICE)
def test_second_derivative(prim):
    """The gradient of ``sum(gradient * direction)``, with both the operands and the cotangents as its arguments."""
    for case in smooth_cases([prim]):
        rng = np.random.default_rng(11)
        arrays = case.args()
        if prim in ("scatter", "reduce_prod", "cumprod") and any(np.any(a == 0) for a in arrays if is_float64(a)):
            continue  # where a factor is 0 the first derivative is exact and the second left out
        cotangents = cotangents_for(as_tuple(IMPLEMENTATIONS[prim](*arrays, **case.params)), rng)
        given = [c for c in cotangents if c is not None]
        first, places = gradient_graph(case, arrays, cotangents)
        weights = [rng.normal(size=a.shape) for a, there in zip(arrays, places) if there]
        if prim in SYMMETRIC:
            weights = [w + np.swapaxes(w, -1, -2) for w in weights]
        operands = [*arrays, *given]
        graph = second_graph(case, operands, cotangents, weights)
        gradients = [g if is_float64(g) else None for g in run(graph, operands)]
        check_slope(case, lambda a, g=first, w=weights: weighted(run(g, a), w), gradients, operands, rng)


# -- what finite differences cannot check -----------------------------------------------------------------------------
def test_complex_gradients():
    """A real loss through complex numbers, differentiated with respect to the real and the imaginary part."""

    def loss(x, y):
        z = P.complex(x, y)
        w = P.mul(P.conj(z), P.exp(z))
        w = P.add(w, P.div(P.sin(z), P.sqrt(w)))
        parts = [P.real(w), P.mul(P.imag(w), P.abs(z)), P.real(P.sign(z))]
        total = parts[0]
        for part in parts[1:]:
            total = P.add(total, part)
        return P.reduce_sum(total, axes=(0,))

    x, y = np.array([0.5, 1.2]), np.array([0.3, -0.7])
    tensors = [Tensor(x), Tensor(y)]
    with GradientTape() as tape:
        tape.watch(tensors)
        value = loss(*tensors)
    found = [g.numpy() for g in tape.gradient(value, tensors)]
    for i in range(2):
        for k in range(2):
            ends = []
            for step in (-1e-6, 1e-6):
                at = [x.copy(), y.copy()]
                at[i][k] += step
                at_sign = P.sign(P.complex(*map(Tensor, at)))
                ends.append(float(loss(*map(Tensor, at)).numpy()) - float(np.sum(at_sign.numpy().real)))
            assert found[i][k] == pytest.approx((ends[1] - ends[0]) / 2e-6, rel=1e-6)


def test_custom_gradient_is_used():
    from pronghorn.engine.graph.trace import trace_body

    vjp = trace_body(lambda ct, k: [P.mul(ct, k)], [Aval((), "float64")] * 2).graph
    x, out, k = (Tensor(np.asarray(v)) for v in (3.0, 9.0, 100.0))
    with GradientTape() as tape:
        tape.watch([x, k])
        (y,) = P.custom_vjp(x, out, k, num_args=1, num_outs=1, vjp=vjp)
        z = P.mul(y, 2.0)
    gx, gk = tape.gradient(z, [x, k])
    assert float(gx) == 200.0
    assert gk is None


def test_while_loop_says_why_not():
    (case,) = [c for c in CASES if c.id == "while_loop-float64-halving"]
    tensors = [Tensor(a) for a in case.args()]
    with GradientTape() as tape:
        tape.watch(tensors)
        (y,) = apply(case, tensors)
    with pytest.raises(DifferentiationError, match="while_loop.*scan or fori_loop"):
        tape.gradient(y, tensors)


def test_eig_says_why_not():
    x = Tensor(np.eye(3))
    with GradientTape() as tape:
        tape.watch(x)
        w, _ = P.eig(x)
    with pytest.raises(DifferentiationError, match="eigh"):
        tape.gradient(w, x)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: P.qr(x, mode="complete"),
        lambda x: P.svd(x, full_matrices=True, compute_uv=True),
    ],
)
def test_factorisations_without_a_gradient_say_so(call):
    x = Tensor(np.random.default_rng(0).normal(size=(4, 2)))
    with GradientTape() as tape:
        tape.watch(x)
        first = call(x)[0]
    with pytest.raises(DifferentiationError, match="no gradient; use"):
        tape.gradient(first, x)


def test_conventions_at_kinks():
    """abs at 0 gives 1; equal operands of max share the gradient; so do equal maxima."""

    def gradient_of(fn, *values):
        tensors = [Tensor(np.asarray(v)) for v in values]
        with GradientTape() as tape:
            tape.watch(tensors)
            y = fn(*tensors)
        return [g.numpy().tolist() for g in tape.gradient(y, tensors)]

    assert gradient_of(P.abs, 0.0) == [1.0]
    assert gradient_of(P.max, 2.0, 2.0) == [0.5, 0.5]
    assert gradient_of(P.min, 2.0, 3.0) == [1.0, 0.0]
    assert gradient_of(lambda x: P.reduce_max(x, axes=(0,)), [1.0, 3.0, 3.0]) == [[0.0, 0.5, 0.5]]
    assert gradient_of(lambda x: P.window_max(x, window=(2,), strides=(2,), padding=((0, 0),), dilation=(1,)),
                       [3.0, 3.0, 1.0, 2.0]) == [[1.0, 0.0, 0.0, 1.0]]  # fmt: skip
    assert gradient_of(P.pow, 0.0, 0.0) == [0.0, 0.0]
