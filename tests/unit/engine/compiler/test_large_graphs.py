"""Long chains and many operands: kernels stay small, and nothing recurses as deep as the graph is."""

import numpy as np
import pytest

from pronghorn import ops
from pronghorn.calls.jit import jit
from pronghorn.engine.compiler.costs import DEEPEST, MOST_READ
from pronghorn.engine.compiler.expr import Apply, Load, walk
from pronghorn.engine.compiler.schedule import MOST_CODE, MOST_STORES
from pronghorn.engine.compiler.stages import lower, rewrite
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.engine.runtime.host import host_target


def _program(fn, *avals):
    return lower(rewrite(trace(fn, avals).graph, host_target(), check=True), host_target())


def _chain(x):
    for k in range(2000):
        x = ops.sin(x) if k % 2 else x * 1.001 + 0.5
    return [x]


def _sum_of_many(*xs):
    total = xs[0]
    for x in xs[1:]:
        total = total + x
    return [total]


def test_a_chain_of_2000_operations_is_cut_into_kernels():
    program = _program(_chain, Aval((4, 8), "float32"))
    sizes = [sum(isinstance(e, Apply) for e in walk(*(s.expr for s in k.stores))) for k in program.kernels]
    assert len(sizes) > 5 and max(sizes) <= min(MOST_CODE, DEEPEST * MOST_STORES)


def test_a_sum_of_1000_arrays_is_cut_into_kernels():
    program = _program(_sum_of_many, *[Aval((4, 8), "float32")] * 1000)
    reads = [{e.value for e in walk(*(s.expr for s in k.stores)) if isinstance(e, Load)} for k in program.kernels]
    assert max(map(len, reads)) <= MOST_READ + 1


def test_a_concatenation_of_2000_arrays_is_joined_in_groups():
    program = _program(lambda *xs: [ops.concatenate(xs, axis=-1)], *[Aval((4, 1), "float32")] * 2000)
    assert max(sum(1 for _ in walk(*(s.expr for s in k.stores))) for k in program.kernels) < 200


@pytest.mark.slow
def test_large_graphs_compute_the_same():
    x = np.linspace(-2, 2, 24, dtype="float32").reshape(3, 8)
    np.testing.assert_allclose(jit(lambda a: _chain(a)[0])(x), _chain(ops.convert_to_tensor(x))[0], rtol=1e-4)
    pieces = [np.full((2, 1 + k % 3), k, "float32") for k in range(300)]
    joined = jit(lambda xs: ops.concatenate(xs, axis=-1))(pieces)
    np.testing.assert_array_equal(joined, np.concatenate(pieces, axis=-1))
    wholes = [np.full((3, 2), k, "float32") for k in range(300)]
    np.testing.assert_array_equal(jit(lambda xs: _sum_of_many(*xs)[0])(wholes), sum(wholes))


@pytest.mark.slow
def test_deep_and_wide_models_train():
    import pronghorn as keras

    layers = keras.layers
    deep = keras.Sequential([keras.Input((8,)), *(layers.Dropout(0.01) for _ in range(200)), layers.Dense(2)])
    inputs = [keras.Input((1,)) for _ in range(300)]
    wide = keras.Model(inputs, layers.Dense(2)(layers.Add()(inputs)))
    for model, x in ((deep, np.ones((4, 8))), (wide, [np.ones((4, 1))] * 300)):
        model.compile("sgd", "mse")
        assert np.isfinite(model.fit(x, np.zeros((4, 2)), verbose=0).history["loss"]).all()
