"""Loops over time: masks, states, directions, dropout."""

from __future__ import annotations

import numpy as np
import pytest

from pronghorn import Input, Model, Sequential, layers, ops
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace


class Sum(layers.Layer):
    """A cell that adds up its inputs."""

    state_size = 2

    def call(self, x, states):
        total = states[0] + x
        return total, [total]


X = np.arange(12, dtype="float32").reshape(2, 3, 2)
MASK = np.array([[True, False, True], [False, True, False]])


def test_a_cell_of_ones_own():
    assert layers.RNN(Sum())(X).numpy().tolist() == X.sum(1).tolist()


@pytest.mark.parametrize("unroll", [False, True])
def test_masked_steps_keep_the_state_and_repeat_the_output(unroll):
    y = layers.RNN(Sum(), return_sequences=True, unroll=unroll)(X, mask=MASK).numpy()
    assert y[0].tolist() == [[0, 1], [0, 1], [4, 6]]
    assert y[1].tolist() == [[0, 0], [8, 9], [8, 9]]


def test_zero_output_for_mask():
    y = layers.RNN(Sum(), return_sequences=True, zero_output_for_mask=True)(X, mask=MASK).numpy()
    assert y[0].tolist() == [[0, 1], [0, 0], [4, 6]]


def test_backwards_outputs_are_in_the_order_of_their_making():
    y = layers.RNN(Sum(), return_sequences=True, go_backwards=True)(X).numpy()
    assert y[0].tolist() == [[4, 5], [6, 8], [6, 9]]


@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
def test_unrolled_and_looped_agree(name):
    looped = getattr(layers, name)(3, return_sequences=True)
    unrolled = getattr(layers, name)(3, return_sequences=True, unroll=True)
    a = looped(X, mask=MASK)
    unrolled.build((None, 3, 2))
    unrolled.set_weights(looped.get_weights())
    np.testing.assert_allclose(unrolled(X, mask=MASK).numpy(), a.numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
def test_the_layer_does_what_its_cell_does(name):
    layer = getattr(layers, name)(3)
    expected = layer(X)
    np.testing.assert_allclose(layers.RNN(layer.cell)(X).numpy(), expected.numpy(), rtol=1e-6)


def test_initial_state_and_last_states():
    layer = layers.LSTM(2, return_state=True)
    y, h, c = layer(X)
    assert (y.numpy() == h.numpy()).all()
    y1, h1, c1 = layer(X[:, :1])
    y2, h2, c2 = layer(X[:, 1:], initial_state=[h1, c1])
    np.testing.assert_allclose(c2.numpy(), c.numpy(), rtol=1e-5)


def test_stateful_layers_go_on_until_they_are_reset():
    layer = layers.RNN(Sum(), stateful=True)
    first = layer(X).numpy()
    assert (layer(X).numpy() == 2 * first).all()
    layer.reset_state()
    assert (layer(X).numpy() == first).all()
    with pytest.raises(ValueError, match="batch"):
        layer(X[:1])


def test_stateful_layers_work_while_traced():
    layer = layers.RNN(Sum(), stateful=True)
    layer.build((2, 3, 2))
    traced = trace(lambda x: [layer(x)], [Aval((2, 3, 2), "float32")])
    assert [v.name for v in traced.updated] == ["rnn_state"]


def test_stateful_layers_train_from_states_that_a_model_computes():
    inputs = Input(batch_shape=(2, 3, 2))
    layer = layers.GRU(2, stateful=True)
    model = Model(inputs, layer(inputs, initial_state=layers.Dense(2)(inputs[:, 0])))
    model.compile("sgd", "mse")
    y = np.zeros((4, 2), "float32")
    x = np.concatenate([X, X[::-1]])
    model.fit(x, y, batch_size=2, shuffle=False, verbose=0)
    assert np.isfinite(model.evaluate(x, y, batch_size=2, verbose=0))
    last = model.predict(x, batch_size=2, verbose=0)[2:]
    np.testing.assert_allclose(layer.states[0].numpy(), last, rtol=1e-6)


def test_the_loop_is_one_node_however_long():
    layer = layers.LSTM(4)
    layer.build((None, 500, 3))
    traced = trace(lambda x: [layer(x)], [Aval((2, 500, 3), "float32")])
    names = [n.prim.name for n in traced.graph.nodes]
    assert names.count("scan") == 1 and len(names) < 60
    # The product with the inputs of all steps stays outside of the loop.
    (scan,) = [n for n in traced.graph.nodes if n.prim.name == "scan"]
    assert [n.prim.name for n in scan.params["body"].nodes].count("dot_general") == 1


def test_all_steps_see_the_same_dropout_mask():
    layer = layers.SimpleRNN(
        1, dropout=0.5, activation=None, kernel_initializer="ones", recurrent_initializer="zeros",
        return_sequences=True, seed=1,
    )  # fmt: skip
    x = np.ones((8, 5, 1), "float32")
    y = layer(x, training=True).numpy()
    assert (y == y[:, :1]).all() and set(np.unique(y)) == {0.0, 2.0}
    assert (layer(x, training=False).numpy() == 1.0).all()


def test_stacked_cells():
    layer = layers.RNN([layers.GRUCell(4), layers.LSTMCell(3)], return_state=True)
    results = layer(X)
    assert results[0].shape == (2, 3) and len(results) == 3


def test_bidirectional_merges_and_names():
    layer = layers.Bidirectional(layers.RNN(Sum(), return_sequences=True), merge_mode=None)
    forward, backward = layer(X)
    assert forward.numpy()[0].tolist() == [[0, 1], [2, 4], [6, 9]]
    assert backward.numpy()[0].tolist() == [[6, 9], [6, 8], [4, 5]]
    assert layer.forward_layer.name.startswith("forward_") and layer.backward_layer.go_backwards


def test_embedded_masks_reach_recurrent_layers():
    model = Sequential([layers.Embedding(9, 3, mask_zero=True), layers.LSTM(2)])
    short, padded = model(np.array([[4, 2]])), model(np.array([[4, 2, 0, 0]]))
    np.testing.assert_allclose(short.numpy(), padded.numpy(), rtol=1e-6)


def test_time_distributed_updates_averages_step_by_step():
    layer = layers.TimeDistributed(layers.BatchNormalization(momentum=0.5))
    layer(X, training=True)
    mean = np.zeros(2)
    for t in range(3):
        mean = 0.5 * mean + 0.5 * X[:, t].mean(0)
    np.testing.assert_allclose(layer.layer.moving_mean.numpy(), mean, rtol=1e-6)


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_both_directions_keep_what_the_layer_was_made_with(kind):
    both = layers.Bidirectional(getattr(layers, kind)(2, use_cudnn=False))
    assert both.forward_layer.use_cudnn is False and both.backward_layer.use_cudnn is False


def test_kept_states_are_no_weights():
    layer = layers.LSTM(3, stateful=True)
    first, second = layer(np.ones((2, 4, 5), "float32")), layer(np.ones((2, 4, 5), "float32"))
    assert [w.name for w in layer.weights] == ["kernel", "recurrent_kernel", "bias"]
    assert len(layer.get_weights()) == 3 and layer.count_params() == 3 * 4 * (5 + 3 + 1)
    assert not np.allclose(first.numpy(), second.numpy()), "the second batch starts where the first ended"
    layer.reset_state()
    assert np.allclose(first.numpy(), layer(np.ones((2, 4, 5), "float32")).numpy())


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16", "float32"])
@pytest.mark.parametrize("cell", [layers.LSTMCell, layers.GRUCell, layers.SimpleRNNCell])
def test_a_cell_with_another_type_than_its_loop(cell, dtype):
    layer = layers.RNN(cell(3, dtype="float32"), return_state=True, dtype=dtype)
    result, *states = layer(X)
    assert {str(s.dtype) for s in (result, *states)} == {layer.compute_dtype}
    expected = layers.RNN(layer.cell)(X.astype(layer.compute_dtype))
    np.testing.assert_allclose(result.numpy().astype("float32"), expected.numpy(), rtol=1e-2, atol=1e-2)


def test_steps_left_out_are_zero_in_both_directions():
    forward = layers.LSTM(2, return_sequences=True)
    backward = layers.LSTM(2, return_sequences=True, go_backwards=True)
    layer = layers.Bidirectional(forward, merge_mode=None, backward_layer=backward)
    for result in layer(X, mask=MASK):
        assert (np.abs(result.numpy()).max(axis=-1) > 0).tolist() == MASK.tolist()


def test_output_and_states_are_a_tuple_as_in_keras():
    x = ops.ones((2, 3, 4))
    for layer in (layers.LSTM(2, return_state=True), layers.Bidirectional(layers.GRU(2, return_state=True))):
        assert type(layer(x)) is tuple
    assert type(layers.GRU(2, return_state=True)(Input((3, 4)))) is tuple


@pytest.mark.parametrize("make", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_a_mask_does_not_reach_a_layer_with_initial_states(make):
    """With two tensor arguments `mask` is filled in for neither, as in Keras; given by hand, it counts."""
    embedding, layer = layers.Embedding(6, 5, mask_zero=True), make(3, return_sequences=True)
    ids = np.array([[1, 2, 0, 0], [3, 0, 4, 0]], "int32")
    states = [ops.ones((2, 3))] * (2 if make is layers.LSTM else 1)
    embedded = embedding(ids)
    plain = ops.convert_to_tensor(np.asarray(embedded))
    found = np.asarray(layer(embedded, initial_state=states))
    np.testing.assert_array_equal(found, layer(plain, initial_state=states))
    masked = np.asarray(layer(plain, initial_state=states, mask=embedding.compute_mask(ids)))
    np.testing.assert_array_equal(masked[0, 2], masked[0, 1])
    assert (masked[0, 2] != found[0, 2]).any()
    np.testing.assert_array_equal(layer(embedded), layer(plain, mask=embedding.compute_mask(ids)))
