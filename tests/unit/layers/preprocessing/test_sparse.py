"""`sparse=True`: the same results, in dense arrays."""

import numpy as np
import pytest
from scipy import sparse

import pronghorn
from pronghorn import Input, KerasTensor, Sequential, layers, ops


@pytest.mark.parametrize(
    ("make", "inputs"),
    [
        (lambda **s: layers.CategoryEncoding(3, output_mode="count", **s), [[0, 2, 2]]),
        (lambda **s: layers.Discretization([0.5], output_mode="one_hot", **s), [[0.1], [0.9]]),
        (lambda **s: layers.HashedCrossing(4, output_mode="one_hot", **s), ([["a"]], [["b"]])),
        (lambda **s: layers.Hashing(4, output_mode="multi_hot", **s), [["a", "b"]]),
        (lambda **s: layers.IntegerLookup(vocabulary=[5, 6], output_mode="multi_hot", **s), [[5, 7]]),
        (lambda **s: layers.StringLookup(vocabulary=["a", "b"], output_mode="count", **s), [["a", "x"]]),
        (lambda **s: layers.TextVectorization(vocabulary=["a", "b"], output_mode="multi_hot", **s), ["a b", "c"]),
    ],
)
def test_layers_give_the_same(make, inputs):
    given = tuple(np.array(part) for part in inputs) if isinstance(inputs, tuple) else np.array(inputs)
    layer = make(sparse=True)
    np.testing.assert_array_equal(layer(given), make()(given))
    config = layer.get_config()
    assert config.get("sparse", True) is True  # Keras's CategoryEncoding does not keep it
    assert type(layer).from_config(config).sparse is config.get("sparse", False)


def test_no_vectors_are_not_sparse():
    for kind in (layers.StringLookup, layers.TextVectorization):
        with pytest.raises(ValueError, match="`sparse=True` is for vectors"):
            kind(output_mode="int", sparse=True)


def test_functions_give_the_same():
    for function, arguments in (
        (ops.one_hot, ([0, 2, -1], 3)),
        (ops.multi_hot, ([[0, 2]], 3)),
        (ops.bincount, ([0, 2, 2],)),
        (ops.convert_to_tensor, ([0.0, 1.0],)),
    ):
        np.testing.assert_array_equal(function(*arguments, sparse=True), function(*arguments))


def test_layers_take_sparse_arrays():
    x = sparse.coo_array(np.array([[0.0, 2.0], [0.0, 0.0], [1.0, 0.0]]))
    for form in (x, x.tocsr(), x.tocsc()):
        np.testing.assert_array_equal(layers.Dense(1, kernel_initializer="ones")(form), [[2], [0], [1]])
    assert layers.Rescaling(2.0)(x).dtype == "float32"


def test_models_take_sparse_arrays(tmp_path):
    x = sparse.random(20, 5, 0.3, format="csr", dtype="float32", random_state=0)
    model = Sequential([Input((5,), sparse=True), layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(x, np.ones((20, 2)), batch_size=8, verbose=0)
    found = model.predict(x, verbose=0)
    np.testing.assert_array_equal(found, model.predict(x.toarray(), verbose=0))
    model.save(tmp_path / "model.keras")
    again = pronghorn.saving.load_model(tmp_path / "model.keras")
    assert again.inputs[0].sparse and "sparse=True" in repr(again.inputs[0])
    np.testing.assert_array_equal(again.predict(x, verbose=0), found)
    assert KerasTensor((2,), sparse=True).sparse and not model.outputs[0].sparse


@pytest.mark.parametrize("make", [Input, KerasTensor])
def test_arrays_are_not_sparse_and_ragged(make):
    assert make((3,), ragged=True).ragged and not make((3,)).ragged
    with pytest.raises(ValueError, match="sparse or ragged, not both"):
        make((3,), sparse=True, ragged=True)
