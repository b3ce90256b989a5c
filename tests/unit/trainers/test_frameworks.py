"""Data of other frameworks, where those are installed."""

from __future__ import annotations

import numpy as np
import pytest

from pronghorn import layers, losses, ops
from pronghorn.config import standardize_dtype
from pronghorn.data import Dataset
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.trainers.data_adapters.arrays import to_arrays


def assert_same(history, expected):
    for name, values in expected.history.items():
        np.testing.assert_allclose(history.history[name], values, rtol=1e-5)


@pytest.fixture
def expected(make_model, data):
    return make_model().fit(*data, batch_size=10, epochs=2, shuffle=False, verbose=0)


def test_torch(make_model, data, expected):
    torch = pytest.importorskip("torch")
    x, y = map(torch.tensor, data)
    dataset = torch.utils.data.TensorDataset(x, y)
    loader = torch.utils.data.DataLoader(dataset, batch_size=10)

    class Rows(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(loader)

    assert_same(make_model().fit(loader, epochs=2, verbose=0), expected)
    assert_same(make_model().fit(x, y, batch_size=10, epochs=2, shuffle=False, verbose=0), expected)
    assert_same(make_model().fit(torch.utils.data.DataLoader(Rows(), batch_size=None), epochs=2, verbose=0), expected)
    model = make_model()
    assert model.predict(loader, verbose=0).shape[0] == len(x)
    assert model.evaluate(loader, verbose=0) == pytest.approx(model.evaluate(*data, verbose=0), rel=1e-5)
    np.testing.assert_array_equal(to_arrays(x.to_sparse(), "x"), data[0])
    with pytest.raises(ValueError, match="DataLoader, which gives batches"):
        model.fit(loader, y)


def test_tensorflow(make_model, data, expected):
    tf = pytest.importorskip("tensorflow")
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(10)
    steps = int(dataset.cardinality())
    assert_same(make_model().fit(dataset, epochs=2, verbose=0), expected)
    assert_same(make_model().fit(dataset.repeat(), steps_per_epoch=steps, epochs=2, verbose=0), expected)
    assert_same(make_model().fit(*map(tf.constant, data), batch_size=10, epochs=2, shuffle=False, verbose=0), expected)
    model = make_model()
    assert model.predict(dataset, verbose=0).shape[0] == len(data[0])
    np.testing.assert_array_equal(to_arrays(tf.sparse.from_dense(data[0]), "x"), data[0])
    with pytest.raises(ValueError, match="x: a ragged tensor .* to_tensor"):
        model.predict(tf.ragged.constant([[1.0, 2.0], [3.0]]))
    ragged = tf.data.Dataset.from_tensor_slices(tf.ragged.constant([[1.0, 2.0], [3.0]])).batch(2)
    with pytest.raises(ValueError, match="pad_sequences"):
        model.predict(ragged)


def test_sparse_arrays_are_filled_up(data):
    scipy = pytest.importorskip("scipy.sparse")
    jax = pytest.importorskip("jax.experimental.sparse")
    for sparse in (scipy.coo_matrix(data[0]), jax.BCOO.fromdense(data[0])):
        np.testing.assert_array_equal(to_arrays(sparse, "x"), data[0])


def test_data_sets_of_our_own(make_model, data, expected):
    dataset = Dataset.from_tensor_slices(data).batch(10)
    assert_same(make_model().fit(dataset, epochs=2, verbose=0), expected)
    assert_same(make_model().fit(dataset.repeat(), steps_per_epoch=len(dataset), epochs=2, verbose=0), expected)


def test_ops_losses_and_layers_take_torch_tensors():
    torch = pytest.importorskip("torch")
    x = torch.tensor([[0.25, 0.5], [1.0, 2.0]])
    assert ops.add(x, 1).dtype is x.dtype and standardize_dtype(x.dtype) == "float32"
    np.testing.assert_array_equal(ops.where(x > 0.5, x, 0.0), [[0, 0], [1, 2]])
    assert float(losses.MeanSquaredError()(x, ops.zeros((2, 2)))) == pytest.approx(1.328125)
    trained = x.clone().requires_grad_()
    added = layers.Add()([trained, x])
    assert added.requires_grad
    np.testing.assert_array_equal(added.detach(), 2 * x)
    small = x.to(torch.bfloat16)
    assert ops.add(small, 0).dtype is torch.bfloat16
    ours = ops.convert_to_tensor(small)
    assert isinstance(ours, Tensor) and ours.dtype == "bfloat16"
    np.testing.assert_array_equal(ops.cast(ours, "float32"), x)


def test_ops_losses_and_layers_take_tensorflow_tensors():
    tf = pytest.importorskip("tensorflow")
    x = tf.constant([[0.25, 0.5], [1.0, 2.0]])
    assert ops.add(x, 1).dtype is x.dtype and standardize_dtype(x.dtype) == "float32"
    np.testing.assert_array_equal(ops.zeros((2, 2)) + x, x)
    assert float(losses.MeanSquaredError()(x, ops.zeros((2, 2)))) == pytest.approx(1.328125)
    np.testing.assert_array_equal(layers.Add()([x, x]), 2 * x)


@pytest.mark.parametrize(
    ("layer", "data"),
    [
        (lambda: layers.StringLookup(vocabulary=["a"]), ["a", "b"]),
        (lambda: layers.TextVectorization(vocabulary=["a"]), ["a", "b"]),
    ],
)
def test_a_layer_inside_of_a_tensorflow_graph_says_what_to_do(layer, data):
    tf = pytest.importorskip("tensorflow")
    with pytest.raises(TypeError, match="no values yet.*tf.numpy_function"):
        tf.data.Dataset.from_tensor_slices(data).batch(2).map(layer())


class OfAnotherFramework:
    """An array with a type that only has a name, and that gives its elements away once it lets go of its gradients."""

    class Type:
        def __repr__(self):
            return "elsewhere.float32"

    dtype, is_sparse = Type(), False

    def detach(self):
        return self

    def cpu(self):
        self.let_go = True
        return self

    def __array__(self, dtype=None, copy=None):
        assert self.let_go
        return np.ones(2, "float32")


def test_element_types_of_other_frameworks_go_by_their_names():
    x = OfAnotherFramework()
    assert ops.add(x, 1).dtype == ops.zeros((2,), dtype=x.dtype).dtype == standardize_dtype(x.dtype) == "float32"
    np.testing.assert_array_equal(ops.add(x, 1), [2, 2])


def test_a_layer_of_numbers_works_inside_of_a_tensorflow_graph():
    tf = pytest.importorskip("tensorflow")
    doubled = tf.data.Dataset.from_tensor_slices([1.0, 2.0, 3.0]).batch(2).map(layers.Rescaling(2.0))
    np.testing.assert_array_equal(np.concatenate([x.numpy() for x in doubled]), [2, 4, 6])
