"""Regions, opened for our own engine: what is computed again, from what, and that memory is saved by it."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import ops
from pronghorn.engine.autodiff.backward import backward
from pronghorn.engine.backends.llvm import Executable
from pronghorn.engine.backends.llvm.build import build
from pronghorn.engine.backends.numpy import run
from pronghorn.engine.compiler.schedule import inputs_first
from pronghorn.engine.compiler.stages import rewrite
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.regions import open_regions, starts_again
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime.host import host_target

ROWS, WIDTH = 96, 32
MANY = (
    1024  # rows: enough that kernels are cut into units, which wait for one another, and so that memory is free again
)
RNG = np.random.default_rng(0)


def layer(x, w):
    """Its gradient needs what is within: the product, and the normal distribution's value of it."""
    h = ops.gelu(ops.matmul(x, w), approximate=False)
    return x + ops.matmul(h * ops.sin(h), w)


def halves(x, w):
    """It ends with what costs nothing to make of something larger."""
    both = ops.matmul(x * x, ops.concatenate([w, ops.transpose(w)], axis=1))
    return both[:, :WIDTH] - both[:, WIDTH:]


def plainly(f):
    return f


def step_of(depth, wrap, layer=layer, rows=ROWS):
    """Layers in a row, each of which ``wrap`` gets: the sum of the squares, and its gradients."""

    def step(x, *weights):
        y = x
        for w in weights:
            y = wrap(layer)(y, w)
        loss = ops.sum(ops.square(y))
        return [loss, *backward([loss], None, [x, *weights])]

    avals = [Aval((rows, WIDTH), "float32"), *[Aval((WIDTH, WIDTH), "float32")] * depth]
    return trace(step, avals, "step")


def operands(traced):
    return [RNG.normal(size=v.shape, scale=0.1).astype(v.dtype) for v in traced.graph.inputs]


def count(graph, name):
    return sum(node.prim.name == name for node in graph.nodes)


def arena(traced):
    """Bytes that a step works in."""
    return build(traced, (), host_target(), False).plan.memory.layout({})[1]


def test_products_are_computed_again():
    """Six a layer without: two forwards, four backwards. The last layer's inside is needed at once, so it is kept."""
    plain, remade = (rewrite(step_of(5, wrap).graph, host_target(), check=True) for wrap in (plainly, keras.remat))
    assert count(plain, "dot_general") == 5 * 6
    assert count(remade, "dot_general") == 5 * 6 + 4  # the second product's result is not asked for


@pytest.mark.parametrize(
    ("inside", "least"),
    [
        (layer, 11),  # without: the input, what the second product takes, and its derivative
        (lambda x, w: x + ops.matmul(ops.tanh(ops.exp(x)), w), 7),  # begins with what could join what makes x
        (halves, 11),
    ],
    ids=["behind", "in front", "halves"],
)
def test_the_arena_grows_by_a_layers_input(inside, least):
    one = MANY * WIDTH * 4
    plain, remade = (
        [arena(step_of(depth, wrap, inside, MANY)) / one for depth in (3, 7)] for wrap in (plainly, keras.remat)
    )
    assert 4 <= remade[1] - remade[0] < 4.1
    assert plain[1] - plain[0] > least


@pytest.mark.parametrize(
    "inside",
    [
        lambda x, w: x + ops.tanh(ops.exp(ops.sin(x)) * ops.cos(x)) * ops.mean(w),
        lambda x, w: ops.matmul(x - ops.mean(x, axis=-1, keepdims=True), w) * ops.sigmoid(ops.matmul(x, w)),
        lambda x, w: ops.matmul(ops.softmax(ops.matmul(x, w)), ops.transpose(w)),
    ],
    ids=["elementwise", "gate", "softmax"],
)
def test_the_same_bits(inside):
    plain, remade = (step_of(3, wrap, inside) for wrap in (plainly, keras.remat))
    arrays = operands(plain)
    for expected, got in zip(Executable(plain)(*arrays), Executable(remade)(*arrays), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_sums_of_gradients_have_the_order_they_have_without():
    """``x`` is used in front of, in and behind the region: thrice inside."""

    def step_with(wrap):
        def step(x, y):
            first = ops.sum(ops.sin(x))
            inner = wrap(lambda x, y: (x * y) * ops.exp(x) + ops.cos(x))(x, y)
            loss = first + ops.sum(ops.matmul(inner, x) * x)
            return backward([loss], None, [x, y])

        return trace(step, [Aval((64, 64), "float32")] * 2)

    plain, remade = step_with(plainly), step_with(keras.remat)
    arrays = [RNG.normal(size=(64, 64)).astype("float32") for _ in range(2)]
    for expected, got in zip(run(plain.graph, arrays), run(remade.graph, arrays), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_nothing_is_computed_again_before_it_is_due():
    """Casts of what is read again stand where it is, not in front of everything as other casts do."""

    def mixed(x, w):
        product = ops.matmul(ops.cast(x, "bfloat16"), ops.cast(w, "bfloat16"))
        return x + ops.cast(ops.gelu(product), "float32")

    graph = rewrite(step_of(3, keras.remat, mixed).graph, host_target())
    nodes = inputs_first(graph)
    assert sorted(map(id, nodes)) == sorted(map(id, graph.nodes))
    known = set(graph.inputs)
    for node in nodes:
        assert known.issuperset(node.inputs)
        known.update(node.outputs)
    first = next(i for i, node in enumerate(nodes) if starts_again(node))
    assert sum(node.prim.name == "dot_general" for node in nodes[:first]) >= 3
    casts = [i for i, node in enumerate(nodes) if node.prim.name == "cast" and node.inputs[0].node in nodes[first:]]
    assert casts and min(casts) > first


def test_regions_within_regions():
    """Each is computed again where its own gradient is; no two runs are taken for one."""
    nested = lambda x, w: layer(keras.remat(layer)(x, w), w)  # noqa: E731
    traced = step_of(2, keras.remat, nested)
    opened = open_regions(traced.graph)
    assert count(opened, "cond") == 0
    runs = {}
    for node in opened.nodes:
        if starts_again(node):
            runs.setdefault(node.params["again"], []).append(node.inputs[0])
    # the first layer once, and what is within either layer once
    assert sorted(runs) == [1, 2, 3] and all(len(set(read)) == len(read) for read in runs.values())
    plain = step_of(2, plainly, lambda x, w: layer(layer(x, w), w))
    arrays = operands(plain)
    for expected, got in zip(run(plain.graph, arrays), Executable(traced)(*arrays), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_a_whole_model_in_a_region_changes_nothing():
    """Where it ends the way back begins, so that all of it is needed at once."""
    whole = keras.remat(lambda x, *weights: [x := keras.remat(layer)(x, w) for w in weights][-1])

    def step(x, *weights):
        loss = ops.sum(ops.square(whole(x, *weights)))
        return [loss, *backward([loss], None, [x, *weights])]

    traced = trace(step, [Aval((MANY, WIDTH), "float32"), *[Aval((WIDTH, WIDTH), "float32")] * 4], "step")
    assert arena(traced) == arena(step_of(4, keras.remat, rows=MANY))


def test_gradients_of_gradients():
    def step_with(wrap):
        def step(x, w):
            y = wrap(layer)(wrap(layer)(x, w), w)
            (first,) = backward([ops.sum(ops.square(y))], None, [x])
            return backward([ops.sum(ops.square(first))], None, [w])

        return trace(step, [Aval((8, WIDTH), "float32"), Aval((WIDTH, WIDTH), "float32")])

    plain, remade = step_with(plainly), step_with(keras.remat)
    arrays = operands(plain)
    (expected,), (got,) = run(plain.graph, arrays), Executable(remade)(*arrays)
    np.testing.assert_allclose(got, expected, rtol=2e-3, atol=1e-3)


def test_regions_in_a_loop():
    def step_with(wrap, rows=8):
        def step(x, w):
            y, _ = ops.scan(lambda carry, _: (wrap(layer)(carry, w), None), x, length=3)
            loss = ops.sum(ops.square(y))
            return [loss, *backward([loss], None, [x, w])]

        return trace(step, [Aval((rows, WIDTH), "float32"), Aval((WIDTH, WIDTH), "float32")])

    assert arena(step_with(keras.remat, MANY)) < 0.7 * arena(step_with(plainly, MANY))
    plain, remade = step_with(plainly), step_with(keras.remat)
    arrays = operands(plain)
    for expected, got in zip(run(plain.graph, arrays), Executable(remade)(*arrays), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rows", [0, 1])
def test_edges(rows):
    def step(x, w):
        y = keras.remat(layer)(keras.remat(layer)(x, w), w)
        loss = ops.sum(ops.square(y))
        return [loss, *backward([loss], None, [x, w])]

    traced = trace(step, [Aval((rows, 4), "float32"), Aval((4, 4), "float32")])
    arrays = operands(traced)
    for expected, got in zip(run(traced.graph, arrays), Executable(traced)(*arrays), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
