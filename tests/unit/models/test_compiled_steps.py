"""Steps that libraries give models beside Keras's own, kept as `NAME_function`: these are compiled."""

import gc
import threading
import warnings
import weakref

import numpy as np
import pytest

import pronghorn
from pronghorn import Model, layers, ops, random


class Writer(Model):
    """Writes numbers, in the way in which libraries have models write text."""

    traced = []  # whether each call of the step was traced

    def __init__(self, width=8):
        super().__init__()
        self.embedding = layers.Embedding(11, width)
        self.dense = layers.Dense(11)
        self.seeds = random.SeedGenerator(1)
        self.write_function = None

    def call(self, tokens):
        return self.dense(self.embedding(tokens))

    def write_step(self, inputs, stops=None):
        Writer.traced.append(ops.is_tensor(inputs["tokens"]) and inputs["tokens"].is_traced)
        tokens, mask = inputs["tokens"], ops.cast(inputs["mask"], "bool")

        def next_token(tokens, index):
            logits = self(ops.slice(tokens, [0, index - 1], [ops.shape(tokens)[0], 1]))
            return ops.argmax(logits[:, 0], axis=-1)

        def going(tokens, index):
            return True if stops is None else ops.logical_not(ops.any(ops.equal(tokens[:, index - 1], stops[0])))

        def body(tokens, index):
            token = ops.cast(next_token(tokens, index), tokens.dtype)
            token = ops.where(mask[:, index], tokens[:, index], token)
            return ops.slice_update(tokens, [0, index], token[:, None]), index + 1

        index = ops.min(ops.sum(ops.cast(mask, "int32"), axis=-1))
        left = ops.shape(tokens)[1] - index
        return {"tokens": ops.while_loop(going, body, (tokens, index), maximum_iterations=left)[0]}


def prompts(rows=2, length=12, known=3):
    tokens = np.zeros((rows, length), "int32")
    tokens[:, :known] = np.arange(rows * known).reshape(rows, known) % 11
    return {"tokens": tokens, "mask": (np.arange(length) < known).astype("int32")[None].repeat(rows, 0)}


@pytest.fixture
def writer():
    pronghorn.utils.set_random_seed(3)
    model = Writer()
    model(np.zeros((1, 2), "int32"))
    model.write_function = model.write_step
    Writer.traced.clear()
    return model


def test_it_is_traced_once_for_prompts_of_any_length(writer):
    calls = Writer.traced
    for rows, known in ((2, 3), (2, 5), (4, 1), (1, 12)):
        given = prompts(rows, known=known)
        found = writer.write_function(given, stops=None)["tokens"]
        assert all(calls)
        np.testing.assert_array_equal(found.numpy(), writer.write_step(given)["tokens"].numpy())
        calls.pop()
    traces = len(calls)
    assert traces <= 2  # one for any number of rows, and perhaps one for a single row
    for rows in (1, 2, 7):
        writer.write_function(prompts(rows), stops=None)
    assert len(calls) == traces


def test_other_lengths_share_a_program(writer):
    calls = Writer.traced
    for length in (12, 15, 9, 21):
        given = prompts(length=length)
        found = writer.write_function(given, stops=(4,))["tokens"]
        traced = len(calls)
        np.testing.assert_array_equal(found.numpy(), writer.write_step(given, (4,))["tokens"].numpy())
        calls.pop()
        assert traced <= 2
    assert all(calls)


def test_a_layer_that_is_called_first_in_the_step_does_not_have_it_traced_again():
    class Softened(Writer):
        def __init__(self):
            super().__init__()
            self.softmax = layers.Softmax()  # without weights, so that nobody has built it

        def write_step(self, inputs, stops=None):
            self.traced.append(True)
            return self.softmax(ops.cast(inputs["tokens"], "float32"))

    model = Softened()
    model(np.zeros((1, 2), "int32"))
    model.write_function = model.write_step
    Writer.traced.clear()
    for _ in range(3):
        model.write_function(prompts())
    assert len(Writer.traced) == 1


def test_layers_that_change_are_seen(writer):
    before = writer.write_function(prompts())["tokens"].numpy()
    writer.dense.kernel.assign(-writer.dense.kernel)
    after = writer.write_function(prompts())["tokens"].numpy()
    np.testing.assert_array_equal(after, writer.write_step(prompts())["tokens"].numpy())
    assert (before != after).any()
    writer.dense.activation = lambda x: -x
    np.testing.assert_array_equal(writer.write_function(prompts())["tokens"].numpy(), before)


def _loads(writer, tmp_path):
    other = Writer()
    other(np.zeros((1, 2), "int32"))
    other.save_weights(tmp_path / "other.weights.h5")
    writer.load_weights(tmp_path / "other.weights.h5")


def _adapts(writer, tmp_path):
    writer.dense.enable_lora(2)
    writer.dense.lora_kernel_b.assign(np.random.RandomState(0).normal(size=writer.dense.lora_kernel_b.shape))


def _fits(writer, tmp_path):
    writer.compile(pronghorn.optimizers.Adam(0.1), pronghorn.losses.SparseCategoricalCrossentropy(from_logits=True))
    writer.write_function = writer.write_step
    writer.write_function(prompts())
    writer.fit(np.zeros((4, 3), "int32"), np.full((4, 3), 7), verbose=0)


def _quantizes(writer, tmp_path):
    writer.dense.kernel.assign(-writer.dense.kernel)
    writer.quantize("int8")


@pytest.mark.parametrize("change", [_loads, _adapts, _fits, _quantizes])
def test_weights_and_layers_that_change_after_the_first_call_are_seen(writer, change, tmp_path):
    before = writer.write_function(prompts())["tokens"].numpy()
    change(writer, tmp_path)
    after = writer.write_function(prompts())["tokens"].numpy()
    assert Writer.traced[-1]
    np.testing.assert_array_equal(after, writer.write_step(prompts())["tokens"].numpy())
    assert (before != after).any()


def test_numbers_that_are_drawn_go_on_from_call_to_call(writer):
    class Drawing(Writer):
        def write_step(self, inputs):
            return random.randint((20,), 0, 100, seed=self.seeds) + inputs

    model, other = Drawing(), Drawing()
    model.write_function = model.write_step
    found = [model.write_function(np.zeros((), "int32")).numpy() for _ in range(3)]
    assert (found[0] != found[1]).any() and (found[1] != found[2]).any()
    np.testing.assert_array_equal(found, [other.write_step(np.zeros((), "int32")).numpy() for _ in range(3)])


def test_a_function_that_is_replaced_is_freed(writer):
    writer.write_function(prompts())
    old = weakref.ref(writer.write_function)
    writer.write_function = None
    gc.collect()
    assert old() is None


def test_what_cannot_be_compiled_runs_as_it_is_without_a_word(writer):
    class Asking(Writer):
        def write_step(self, inputs):
            return float(ops.sum(inputs))

    model = Asking()
    model.write_function = model.write_step
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [model.write_function(np.ones(k, "float32")) for k in (3, 4)] == [3.0, 4.0]


def test_models_that_run_eagerly_and_other_functions_are_left_alone(writer):
    calls = Writer.traced
    writer.compile(run_eagerly=True)
    writer.write_function(prompts())
    assert calls == [False]
    writer.read_function = writer.write_step
    assert writer.read_function == writer.write_step
    writer.write_function = len
    assert writer.write_function is len


def test_errors_are_those_of_the_step(writer):
    with pytest.raises(KeyError, match="mask"):
        writer.write_function({"tokens": prompts()["tokens"]})


def test_threads(writer):
    results = {}

    def run(rows):
        for _ in range(4):
            results.setdefault(rows, []).append(writer.write_function(prompts(rows))["tokens"].numpy())

    threads = [threading.Thread(target=run, args=(rows,)) for rows in (1, 2, 3, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for rows in (1, 2, 3, 5):
        expected = writer.write_step(prompts(rows))["tokens"].numpy()
        assert len(results[rows]) == 4
        for found in results[rows]:
            np.testing.assert_array_equal(found, expected)


def test_the_functions_of_the_trainer_are_its_own(writer):
    writer.compile("sgd", "mse")
    assert writer.train_function is None
    writer.make_train_function()
    assert not callable(getattr(writer.train_function, "python_function", None))


def test_the_float_type_of_the_process_counts(writer):
    class Typed(Writer):
        def write_step(self, inputs):
            return ops.zeros((2,)) + ops.cast(inputs, pronghorn.config.floatx())

    model = Typed()
    model.write_function = model.write_step
    given = np.ones(2, "float32")
    assert model.write_function(given).dtype == "float32"
    pronghorn.config.set_floatx("float16")
    try:
        assert model.write_function(given).dtype == "float16"
    finally:
        pronghorn.config.set_floatx("float32")
