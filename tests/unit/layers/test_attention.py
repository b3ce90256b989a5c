"""Attention over padded texts: masks arrive without warnings, and padding has the weights that Keras gives it."""

import warnings

import numpy as np
import pytest

import pronghorn
from pronghorn import layers

X = np.random.default_rng(0).normal(size=(1, 4, 6)).astype("float32")
NO_KEY_FOR_THE_LAST = np.array([[[1, 1, 0, 0], [1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]], bool)

heads = pytest.mark.parametrize(
    "make",
    [lambda **kw: layers.MultiHeadAttention(2, 3, **kw), lambda **kw: layers.GroupQueryAttention(3, 2, 1, **kw)],
    ids=["multi-head", "grouped"],
)


@heads
def test_a_query_without_keys_takes_the_mean_of_all_values(make):
    layer = make()
    layer.build(X.shape, X.shape)
    masked = layer(X, X, attention_mask=NO_KEY_FOR_THE_LAST)
    kernel, bias = layer._value_dense.kernel.numpy(), layer._value_dense.bias.numpy()
    mean = np.einsum("btc,chd->bthd", X, kernel).mean(1, keepdims=True) + bias
    if mean.shape[2] == 1:
        mean = np.repeat(mean, 2, axis=2)
    np.testing.assert_allclose(masked[:, 3:].numpy(), layer._output_dense(mean).numpy(), rtol=1e-5, atol=1e-6)


@heads
def test_the_weights_of_a_query_without_keys_are_zero_where_they_are_asked_for(make):
    _, weights = make()(X, X, attention_mask=NO_KEY_FOR_THE_LAST, return_attention_scores=True)
    np.testing.assert_allclose(weights.numpy().sum(-1)[0, 0], [1, 1, 1, 0], rtol=1e-6)


@heads
def test_other_queries_are_the_same_whether_or_not_weights_are_asked_for(make):
    layer = make()
    plain = layer(X, X, attention_mask=NO_KEY_FOR_THE_LAST.astype("int32"))
    asked, _ = layer(X, X, attention_mask=NO_KEY_FOR_THE_LAST, return_attention_scores=True)
    np.testing.assert_allclose(plain[:, :3].numpy(), asked[:, :3].numpy(), rtol=1e-5, atol=1e-6)


@heads
def test_a_mask_that_arrives_with_the_inputs_raises_no_warning(make):
    tokens = pronghorn.Input((None,), dtype="int32")
    x = layers.Embedding(10, 6, mask_zero=True)(tokens)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = pronghorn.Model(tokens, layers.GlobalAveragePooling1D()(make()(x, x)))
        model.predict(np.array([[1, 2, 0, 0]]), verbose=0)


@pytest.mark.parametrize(
    "make",
    [lambda: layers.MultiHeadAttention(2, 3), lambda: layers.GroupQueryAttention(3, 2, 1)]
    + [lambda: lambda a, b: layers.Attention()([a, b]), lambda: lambda a, b: layers.AdditiveAttention()([a, b])],
)
def test_one_key_has_all_of_the_weight_without_a_warning(make):
    """As at the first word of a text that grows: there is nothing to mend, as there is behind `Dense(1, "softmax")`."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert make()(X[:, :1], X[:, :1]).shape == (1, 1, 6)
    with pytest.warns(UserWarning, match="all ones"):
        layers.Softmax()(X[:, :, :1])


def test_a_query_and_values_of_different_last_extents_have_no_output_shape():
    layer = layers.GroupQueryAttention(4, 2, 1, name="shared")
    with pytest.raises(ValueError, match=r"'shared'.*`query` and `value` must be equal.*\(2, 5, 8\) and \(2, 6, 12\)"):
        layer.compute_output_shape((2, 5, 8), (2, 6, 12))
    with pytest.raises(ValueError, match="last axes of `query` and `value`"):
        layer(pronghorn.KerasTensor((2, 5, 8)), pronghorn.KerasTensor((2, 6, 12)))
    with pytest.raises(ValueError, match="last axes of `query` and `value`"):  # before keys are looked at
        layer.compute_output_shape((2, 5, 8), (2, 6, 12), 2)
    assert layer.compute_output_shape((2, 5, 8), (2, 6, 8), (2, 6, 12)) == (2, 5, 8)  # keys may differ


class OwnProjections(layers.MultiHeadAttention):
    """Makes the parts itself, by the names that the layer's own are known by, as layers of other libraries do."""

    def build(self, query_shape, value_shape, key_shape=None):
        common = self._get_common_kwargs_for_sublayer()
        bias = "ce" if self._use_bias else None
        made = [layers.EinsumDense("abd,dce->abce", (None, 2, 3), bias_axes=bias, **common) for _ in range(3)]
        self._query_dense, self._key_dense, self._value_dense = made
        self._output_dense = layers.EinsumDense("abcd,cde->abe", (None, query_shape[-1]), bias_axes="e", **common)
        self._build_attention(4)

    def call(self, query, value, key=None, attention_mask=None):
        scores = pronghorn.ops.einsum(self._dot_product_equation, self._key_dense(value), self._query_dense(query))
        weights = self._dropout_layer(self._masked_softmax(scores / np.sqrt(3.0), attention_mask))
        return self._output_dense(pronghorn.ops.einsum(self._combine_equation, weights, self._value_dense(value)))


def test_a_subclass_may_make_the_projections_and_the_weights_of_keys_itself():
    mask = NO_KEY_FOR_THE_LAST[:, :3]
    own, plain = OwnProjections(2, 3), layers.MultiHeadAttention(2, 3)
    plain(X, X)
    own(X, X)
    for mine, other in zip(own.weights, plain.weights, strict=True):
        mine.assign(np.reshape(other, mine.shape) + 0.1)
        other.assign(mine.numpy().reshape(other.shape))
    found, expected = own(X[:, :3], X, attention_mask=mask), plain(X[:, :3], X, attention_mask=mask)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_private_names_of_settings_are_read_and_set_by_subclasses():
    layer = layers.MultiHeadAttention(2, 3, dropout=0.5, kernel_initializer="ones")
    layer._use_bias = False
    layer(X, X)
    assert [w.path.rpartition("/")[2] for w in layer.weights] == ["kernel"] * 4
    assert layer._dropout == 0.5 and layer._kernel_initializer is layer.kernel_initializer
    assert layer.get_config()["use_bias"] is False


def test_multi_head_attention_takes_the_masks_away_from_its_inputs():
    """As Keras does, so that `x + attention(x, x)` has no mask: models trained there count on it."""
    x, mask = pronghorn.ops.convert_to_tensor(X), pronghorn.ops.array([[True, True, False, False]])
    x._keras_mask = mask
    y = layers.MultiHeadAttention(2, 3)(x, x)
    assert x._keras_mask is None and y._keras_mask is mask
    assert layers.Add()([x, y])._keras_mask is None


def test_a_model_keeps_masks_as_arguments_of_calls_with_a_single_array_only():
    tokens = pronghorn.Input((None,), dtype="int32")
    x = layers.Embedding(10, 6, mask_zero=True)(tokens)
    attention, mean = layers.MultiHeadAttention(2, 3), layers.GlobalAveragePooling1D()
    y = layers.Add()([x, attention(x, x)])
    mean(y)
    assert attention._inbound_nodes[0].arguments.kwargs == {}
    assert list(mean._inbound_nodes[0].arguments.kwargs) == ["mask"]
