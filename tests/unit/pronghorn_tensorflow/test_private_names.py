"""`tensorflow.python`: private names of TensorFlow's as libraries import them."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from pronghorn import layers, models, ops
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn_tensorflow.program.functions import smart_cond, smart_constant_value
from pronghorn_tensorflow.rows.products import CSRSparseMatrix, matmul
from pronghorn_tensorflow.rows.sparse import SparseTensor, from_dense, sparse_reorder


def test_names_are_those_of_the_public_modules():
    script = """
        import importlib
        import pronghorn.as_keras
        import tensorflow as tf
        from pronghorn_tensorflow import private_names
        from tensorflow.python.framework.errors_impl import NotFoundError
        from tensorflow.python.framework import dtypes, ops, smart_cond, tensor_shape
        from tensorflow.python.ops import array_ops, gen_sparse_ops, init_ops_v2, lookup_ops, math_ops, nn_ops
        from tensorflow.python.ops.linalg.sparse import sparse
        from tensorflow.python.util import nest

        assert NotFoundError is tf.errors.NotFoundError
        assert dtypes.int32 is tf.int32 and tensor_shape.TensorShape is tf.TensorShape
        assert array_ops.where([True], [1], [2]).numpy().tolist() == [1]
        assert math_ops.reduce_max([1, 3, 2]).numpy() == 3
        assert init_ops_v2.Zeros is tf.keras.initializers.Zeros
        assert lookup_ops.StaticHashTable is tf.lookup.StaticHashTable and nest.flatten is tf.nest.flatten
        with ops.name_scope("a"), ops.control_dependencies([]), ops.colocate_with(None):
            assert ops.convert_to_tensor([1]).shape == (1,) and ops.executing_eagerly_outside_functions()
        for name, public in private_names.SAME_AS.items():
            assert importlib.import_module(f"tensorflow.{name}").__name__ == f"tensorflow.{name}"
            for path in public:
                importlib.import_module(f"tensorflow.{path}".rstrip("."))
        for name, modules in private_names.WRITTEN_OUT.items():
            for entry in " ".join(modules.values()).split():
                assert callable(getattr(importlib.import_module(f"tensorflow.{name}"), entry.partition(":")[0]))
        try:
            nn_ops.nonsense
        except AttributeError as error:
            print(error)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "tensorflow.python.ops.nn_ops.nonsense is not part of Pronghorn" in result.stdout


@pytest.mark.parametrize(("pred", "known"), [(True, True), (0, False), (np.bool_(True), True)])
def test_a_condition_that_is_known_runs_one_branch(pred, known):
    called = []
    assert smart_constant_value(pred) is known
    assert smart_cond(pred, lambda: called.append(1) or "yes", lambda: called.append(0) or "no") == (
        "yes" if known else "no"
    )
    assert called == [int(known)]


def test_a_condition_that_is_not_known_becomes_both_branches():
    def choose(x):
        assert smart_constant_value(ops.sum(x) > 0) is None
        return [smart_cond(ops.sum(x) > 0, lambda: x + 1, lambda: x - 1)]

    assert [node.prim.name for node in trace(choose, [Aval((2,), "float32")]).graph.nodes].count("cond") == 1


def sparse(rng, *shape):
    array = rng.normal(size=shape).astype("float32") * (rng.random(shape) < 0.4)
    return array, from_dense(array)


@pytest.mark.parametrize("batch", [(), (3,)])
def test_products_of_sparse_matrices(batch):
    rng = np.random.default_rng(0)
    (a, sparse_a), (b, sparse_b) = sparse(rng, *batch, 4, 5), sparse(rng, *batch, 5, 2)
    first, second = CSRSparseMatrix(sparse_a), CSRSparseMatrix(sparse_b)
    for left, right in ((first, b), (a, second)):
        np.testing.assert_allclose(np.asarray(matmul(left, right)), a @ b, atol=1e-6)
    both = matmul(first, second).to_sparse_tensor()
    assert isinstance(both, SparseTensor) and len(both.values) == np.count_nonzero(a @ b)
    np.testing.assert_allclose(np.asarray(matmul(first, second).to_dense()), a @ b, atol=1e-6)
    with pytest.raises(ValueError, match="CSRSparseMatrix"):
        CSRSparseMatrix(from_dense(np.ones(3)))


def test_indices_in_the_order_of_rows():
    indices, values = sparse_reorder([[2, 0], [0, 1], [0, 0]], np.array([1, 2, 3]), [3, 2])
    assert indices.tolist() == [[0, 0], [0, 1], [2, 0]] and np.asarray(values).tolist() == [3, 2, 1]


def test_layers_that_only_tensorflow_has(tmp_path):
    assert "ThresholdedReLU" not in dir(layers)
    layer = layers.ThresholdedReLU(theta=1.5)
    x = np.array([[-1.0, 1.5, 2.0, np.inf]], "float32")
    np.testing.assert_array_equal(layer(x), [[0, 0, 2, np.inf]])
    model = models.Sequential([layers.Input((4,)), layer])
    model.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(models.load_model(tmp_path / "m.keras").layers[0](x), layer(x))
    old = {"class_name": "ThresholdedReLU", "config": {"theta": 1.5, "batch_input_shape": [None, 4]}}
    again = models.model_from_json(json.dumps({"class_name": "Sequential", "config": {"layers": [old]}}))
    np.testing.assert_array_equal(again(x), layer(x))
    with pytest.raises(ValueError, match="theta"):
        layers.ThresholdedReLU(theta=-1)


@pytest.mark.parametrize(("name", "expected"), [("RandomHeight", (2, 6, 4, 3)), ("RandomWidth", (2, 4, 6, 3))])
def test_random_extents(name, expected):
    layer = getattr(layers, name)((0.5, 0.5))
    images = np.ones((2, 4, 4, 3), "float32")
    assert layer(images, training=True).shape == expected
    assert layer(images[0], training=True).shape == expected[1:]
    assert layer(images, training=False).shape == images.shape
    drawn = {getattr(layers, name)(0.5, seed=seed)(images, training=True).shape for seed in range(8)}
    assert len(drawn) > 1 and all(2 <= shape[1 if name == "RandomHeight" else 2] <= 6 for shape in drawn)
    assert tuple(layer.compute_output_shape((None, 4, 4, 3))).count(None) == 2
    model = models.Sequential([layers.Input((4, 4, 3)), layer, layers.GlobalAveragePooling2D(), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(NotImplementedError, match="RandomZoom"):
        model.fit(images, np.zeros((2, 1)), verbose=0)
