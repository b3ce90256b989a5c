"""Calls of models on arrays: op by op at first, compiled after some."""

import gc
import weakref

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, ops
from pronghorn.calls.step import StepFunction
from pronghorn.calls.worth import MOST_OP_BY_OP
from pronghorn.models import compiled_call

ENOUGH = MOST_OP_BY_OP + 2


def data(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def dense():
    return keras.Sequential([keras.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(3)])


def compiled(model):
    """How many kinds of calls of a model are compiled."""
    return sum(family is not None for family in model._compiled_calls.of_now().steps.values())


def call_often(model, *args, **kwargs):
    results = [model(*args, **kwargs) for _ in range(ENOUGH)]
    return results[0], results[-1]


def nested_inputs():
    a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    x = layers.Concatenate()([layers.Dense(5)(a), b])
    return keras.Model({"a": a, "b": b}, {"sum": layers.Dense(1)(x), "parts": [x, a]})


@pytest.mark.parametrize(
    ("make", "inputs"),
    [
        (dense, data(5, 4)),
        (lambda: keras.Sequential([layers.Dense(3), layers.BatchNormalization(), layers.Dropout(0.5)]), data(5, 4)),
        (nested_inputs, {"a": data(2, 4), "b": data(2, 3)}),
        (lambda: keras.Sequential([keras.Input((6,)), layers.Embedding(9, 4), layers.LSTM(3)]), np.arange(6)[None]),
    ],
)
def test_the_same_results(make, inputs):
    model = make()
    first, last = call_often(model, inputs)
    assert compiled(model) == 1
    keras.tree.map_structure(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), first, last)
    assert keras.tree.map_structure(lambda t: (type(t), t.dtype, t.shape), first) == keras.tree.map_structure(
        lambda t: (type(t), t.dtype, t.shape), last
    )


def test_another_number_of_samples_compiles_nothing():
    model = dense()
    call_often(model, data(5, 4))
    assert model(data(2, 4)).shape == (2, 3)
    assert compiled(model) == 1


def test_tensors_and_flags():
    model = dense()
    tensor = ops.convert_to_tensor(data(5, 4))
    first, last = call_often(model, tensor, training=False)
    np.testing.assert_allclose(first, last, rtol=1e-5)
    assert compiled(model) == 1


def test_new_weights_are_seen():
    model = dense()
    call_often(model, data(5, 4))
    for weight in model.weights:
        weight.assign(ops.zeros_like(weight))
    assert not np.asarray(model(data(5, 4))).any()


def test_a_changed_attribute_is_seen():
    model = dense()
    x = data(5, 4)
    call_often(model, x)
    model.layers[-1].activation = ops.zeros_like
    assert all(not np.asarray(model(x)).any() for _ in range(ENOUGH))


def counted(monkeypatch):
    """The names of the functions that are traced from now on."""
    found = []
    plain = StepFunction.trace

    def trace(self, *args):
        found.append(self.name)
        return plain(self, *args)

    monkeypatch.setattr(StepFunction, "trace", trace)
    return found


def test_what_is_done_to_other_models_leaves_compiled_calls(monkeypatch):
    """As in a training loop that is written by hand: a generator is called between the steps of others."""
    model, other, x = dense(), dense(), data(5, 4)
    other.compile("sgd", "mse")
    call_often(model, x)
    traced = counted(monkeypatch)
    for trainable in (True, False, True):
        other.layers[0].trainable = trainable
        other.fit(x, data(5, 3), verbose=0)
        other.train_on_batch(x, data(5, 3))
        other.layers[0].activation = ops.tanh
        dense().build((None, 4))
        model(x)
    assert f"{model.name}.call" not in traced and compiled(model) == 1


def test_a_fit_of_the_model_itself_leaves_its_compiled_calls(monkeypatch):
    model, x = dense(), data(5, 4)
    model.compile("sgd", "mse")
    call_often(model, x)
    traced = counted(monkeypatch)
    for _ in range(2):
        model.fit(x, data(5, 3), verbose=0)
        model(x)
    assert f"{model.name}.call" not in traced and compiled(model) == 1


def test_calls_go_to_and_fro_between_what_is_trainable(monkeypatch):
    model, x = dense(), data(5, 4)
    for trainable in (True, False):
        model.trainable = trainable
        call_often(model, x)
    traced = counted(monkeypatch)
    for trainable in (True, False, True):
        model.trainable = trainable
        model(x)
    assert not traced


def test_an_activation_that_reads_another_layer_is_computed_anew():
    scale = layers.ReLU()
    scale.factor = 1.0
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation=lambda x: x * scale.factor)])
    _, once = call_often(model, data(5, 4))
    assert compiled(model) == 1
    scale.factor = 2.0
    for _ in range(ENOUGH):
        np.testing.assert_allclose(model(data(5, 4)), 2 * np.asarray(once), rtol=1e-6)


def test_a_shared_layer_changes_every_model_that_has_it():
    shared = layers.Dense(3)
    models = [keras.Sequential([keras.Input((4,)), shared]), keras.Sequential([shared, layers.ReLU()])]
    for model in models:
        call_often(model, data(5, 4))
    shared.activation = ops.zeros_like
    assert not any(np.asarray(model(data(5, 4))).any() for model in models for _ in range(ENOUGH))


def test_a_layer_of_the_user_s_runs_in_each_call():
    calls = []

    class Counting(layers.Layer):
        def call(self, x):
            if not x.is_traced:
                calls.append(x.numpy())
            return x

    model = keras.Sequential([layers.Dense(3), Counting()])
    call_often(model, data(5, 4))
    assert len(calls) == ENOUGH


def test_a_call_of_the_user_s_on_an_instance():
    model = dense()
    calls = []
    model.layers[0].call = lambda x: calls.append(1) or ops.ones((x.shape[0], 8))
    call_often(model, data(5, 4))
    assert len(calls) == ENOUGH


def test_a_tape_sees_the_operations():
    model = dense()
    call_often(model, data(5, 4))
    with keras.GradientTape() as tape:
        loss = ops.sum(model(data(5, 4)) ** 2)
    assert all(g is not None for g in tape.gradient(loss, model.trainable_variables))


def test_indices_are_checked_in_each_call():
    model = keras.Sequential([keras.Input((2,)), layers.Embedding(3, 4)])
    call_often(model, np.array([[0, 2]]))
    assert compiled(model) == 1
    with pytest.raises(ValueError, match="index 7"):
        model(np.array([[0, 7]]))


def test_what_arrays_cannot_say_runs_op_by_op():
    masked = keras.Sequential([keras.Input((3, 2)), layers.Masking()])
    _, last = call_often(masked, data(2, 3, 2))
    assert last._keras_mask is not None and compiled(masked) == 0
    regularized = keras.Sequential([keras.Input((4,)), layers.Dense(2, activity_regularizer="l2")])
    call_often(regularized, data(2, 4))
    assert len(regularized.losses) == 1 and compiled(regularized) == 0


def test_states_move_on():
    keras.utils.set_random_seed(0)  # a state near zero would differ by more than the tolerance, relatively
    model = keras.Sequential([keras.Input(batch_shape=(1, 2, 3)), layers.GRU(2, stateful=True)])
    x = data(1, 2, 3)
    step_by_step = [np.asarray(model(x)) for _ in range(ENOUGH)]
    model.layers[0].reset_states()
    again = [np.asarray(model(x)) for _ in range(ENOUGH)]  # compiled from the start
    np.testing.assert_allclose(step_by_step, again, rtol=1e-5)
    assert not np.allclose(again[0], again[1])


def test_eagerly_on_demand():
    model = dense()
    model.compile("sgd", "mse", run_eagerly=True)
    call_often(model, data(5, 4))
    assert compiled(model) == 0


def test_errors_are_those_of_the_layers():
    model = dense()
    call_often(model, data(5, 4))
    for _ in range(ENOUGH):
        with pytest.raises(ValueError, match="Dense"):
            model(data(5, 7))


def texts(kind="attention", **options):
    tokens = keras.Input((None,), dtype="int32")
    x = layers.Embedding(30, 8, **options)(tokens)
    if kind == "attention":
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True))
    elif kind == "lstm":
        x = layers.LSTM(5, return_sequences=True)(x)
    elif kind == "convolution":
        x = layers.Conv1D(5, 3, padding="causal", activation="relu")(x)
    return keras.Model(tokens, layers.Dense(30)(x))


def traces(monkeypatch):
    """The shapes for which models are traced from now on."""
    found = []
    plain = StepFunction.trace

    def trace(self, batch, shapes, numbers=None):
        found.append(tuple(map(str, shapes[0])))
        return plain(self, batch, shapes, numbers)

    monkeypatch.setattr(StepFunction, "trace", trace)
    return found


@pytest.mark.parametrize("kind", ["attention", "lstm", "convolution"])
def test_texts_that_grow_are_computed_by_one_function(kind, monkeypatch):
    """None of the lengths comes often; after some calls there is a function for all of them."""
    model = texts(kind)
    found = traces(monkeypatch)
    text = np.random.default_rng(0).integers(0, 30, (1, 40), dtype="int32")
    results = [np.asarray(model(text[:, :length])) for length in range(1, 41)]
    assert found == [("batch", "length0")]
    whole = results[-1]
    for length, result in enumerate(results, 1):
        assert result.shape == (1, length, 30)
        np.testing.assert_allclose(result, whole[:, :length], atol=1e-5)
    if kind != "lstm":  # which has no last step then
        assert np.asarray(model(text[:, :0])).shape == (1, 0, 30)
    assert np.asarray(model(np.tile(text, (3, 1))[:, :7])).shape == (3, 7, 30)
    assert len(found) == 1


def test_lengths_are_not_compiled_for_one_by_one_where_a_library_would(monkeypatch):
    """One that runs arrays of known extents alone compiles a program for any length at each of them."""
    monkeypatch.setattr(StepFunction, "engine", "jax")
    model = texts()
    found = traces(monkeypatch)
    for length in range(1, 3 * MOST_OP_BY_OP):
        model(np.ones((1, length), "int32"))
    assert not found


def test_two_lengths_that_come_often_have_functions_of_their_own(monkeypatch):
    model = texts()
    found = traces(monkeypatch)
    for _ in range(ENOUGH):
        for length in (5, 9):
            model(np.ones((1, length), "int32"))
    assert sorted(found) == [("batch", "5"), ("batch", "9")]


def test_a_call_that_fails_does_not_count_as_another_length(monkeypatch):
    model = keras.Sequential([keras.Input((None, 4)), layers.Dense(3)])
    found = traces(monkeypatch)
    for length in range(1, MOST_OP_BY_OP):
        with pytest.raises(ValueError, match="Dense"):
            model(data(1, length, length + 4))
    for length in range(1, 6):
        model(data(1, length, 4))
    assert set(found) == {("batch", "length0", "4")}


def test_lengths_whose_results_carry_masks_run_op_by_op(monkeypatch):
    model = texts("none", mask_zero=True)
    found = traces(monkeypatch)
    for length in range(1, 3 * MOST_OP_BY_OP):
        assert model(np.ones((1, length), "int32"))._keras_mask.shape == (1, length)
    assert not found


def test_a_model_that_needs_to_know_a_length_runs_op_by_op(monkeypatch):
    model = keras.Sequential([keras.Input((None, 4)), layers.Reshape((2, -1))])
    found = traces(monkeypatch)
    for length in range(2, 50, 2):
        assert model(data(1, length, 4)).shape == (1, 2, 2 * length)
    assert len(found) == 1


def test_arrays_that_were_given_are_not_kept():
    model = dense()
    x = data(2, 4)
    given = weakref.ref(x)
    model(x)
    del x
    gc.collect()
    assert given() is None


def test_what_is_remembered_of_ever_other_lengths_is_bounded(monkeypatch):
    monkeypatch.setattr(compiled_call, "MOST_REMEMBERED", 20)
    model = keras.Sequential([keras.Input((None, 4)), layers.Dense(3)])
    for length in range(1, 60):
        model(data(1, length, 4))
    assert len(model._compiled_calls.of_now()._counts) <= 20
    own = keras.Sequential([keras.Input((None, 4)), OfAUser()])
    for length in range(1, 60):
        own(data(1, length, 4))
    assert len(own._compiled_calls.of_now().steps) <= 20


class OfAUser(layers.Layer):
    def call(self, x):
        return x


def test_weights_that_change_are_seen_at_any_length():
    model = texts()
    for length in range(1, ENOUGH + 2):
        model(np.ones((1, length), "int32"))
    for weight in model.weights:
        weight.assign(ops.zeros_like(weight))
    assert not np.asarray(model(np.ones((2, 29), "int32"))).any()


def test_inside_of_a_model_of_the_user_s():
    class Outer(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = dense()

        def call(self, x):
            return self.inner(x) + 1.0

    model = Outer()
    first, last = call_often(model, data(5, 4))
    np.testing.assert_array_equal(first, last)
    assert model.inner._compiled_calls is None or compiled(model.inner) == 0
