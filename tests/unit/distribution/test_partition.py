"""A step cut into programs for processes: the pieces of one process have to give what the whole batch gives."""

import numpy as np
import pytest

import pronghorn as keras
from pronghorn import layers, ops
from pronghorn.calls.batch import as_batch
from pronghorn.distribution import DataParallel
from pronghorn.distribution.partition.stages import in_stages
from pronghorn.distribution.share import shared_executable
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace

ROWS = Dim.symbol("batch")


def shared(function, *arrays):
    """What a function of batches gives in four pieces, and what it gives of the whole."""
    avals = [Aval((ROWS, *a.shape[1:]), str(a.dtype)) for a in arrays]
    traced = trace(lambda *xs: [function(*xs)], avals)
    found = shared_executable("numpy", traced, (), True)(*arrays)[0]
    return found, ops.convert_to_numpy(function(*map(ops.convert_to_tensor, arrays)))


RNG = np.random.default_rng(0)
X = RNG.normal(size=(35, 6)).astype("float32")
Y = RNG.integers(0, 6, 35).astype("int32")


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: ops.mean(x, axis=0),
        lambda x, y: x - ops.max(x, axis=0),
        lambda x, y: ops.sum(x) * 2.0 + ops.sum(x * x),
        lambda x, y: ops.matmul(x, ops.transpose(x)),
        lambda x, y: ops.matmul(ops.transpose(x), x),
        lambda x, y: ops.transpose(x),
        lambda x, y: ops.sort(x, axis=0),
        lambda x, y: ops.cumsum(x, axis=0),
        lambda x, y: ops.flip(x, axis=0),
        lambda x, y: ops.roll(x, 3, axis=0),
        lambda x, y: x[1:] - x[:-1],
        lambda x, y: ops.concatenate([x, -x], axis=0),
        lambda x, y: ops.concatenate([x, ops.ones_like(x)], axis=1),
        lambda x, y: ops.reshape(x, (-1, 3)) + 1.0,
        lambda x, y: ops.reshape(x, (-1,)),
        lambda x, y: ops.take(x, ops.argmax(x, axis=0), axis=0),
        lambda x, y: ops.take_along_axis(x, y[:, None], axis=1),
        lambda x, y: ops.one_hot(y, 6) * x,
        lambda x, y: ops.segment_sum(x, y, num_segments=6),
        lambda x, y: x * ops.cast(ops.arange(ops.shape(x)[0]), "float32")[:, None],
        lambda x, y: ops.eye(ops.shape(x)[0]) @ x,
        lambda x, y: ops.var(x, axis=0) / ops.cast(ops.shape(x)[0], "float32"),
        lambda x, y: keras.random.normal(ops.shape(x), seed=3) + x,
        lambda x, y: keras.random.shuffle(x, seed=3),
        lambda x, y: ops.logsumexp(x, axis=0),
        lambda x, y: ops.scan(lambda c, _: (c * 0.5 + x, ops.sum(c, axis=1)), ops.zeros_like(x), length=4)[1],
        lambda x, y: ops.scan(lambda c, v: (c + ops.sum(v), c), ops.zeros(()), x)[1],
        lambda x, y: ops.while_loop(lambda i, c: i < 3, lambda i, c: (i + 1, c * x), (0, x))[1],
        lambda x, y: ops.while_loop(lambda i, c: ops.sum(c) < 99, lambda i, c: (i + 1, c + x * x), (0, x * x))[1],
        lambda x, y: ops.cond(ops.sum(x) > 0, lambda: x, lambda: -x),
        lambda x, y: ops.fori_loop(0, 3, lambda i, c: c + ops.matmul(ops.transpose(x), x), ops.zeros((6, 6))),
    ],
)
def test_pieces_give_what_the_whole_gives(function):
    found, expected = shared(function, X, Y)
    assert found.shape == expected.shape and found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_step_without_exchanges_in_it_has_two_programs():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(2)])
    model.compile("adam", "mse", metrics=["mae"])
    step = model.make_train_function()
    step.refresh()
    batch = as_batch((np.ones((8, 4), "float32"), np.ones((8, 2), "float32")))
    traced, _ = step.trace(batch, batch.symbolic_shapes(), {"batch": 8})
    stages = in_stages(traced)
    assert len(stages.stages) == 1 and all(e.is_sum for e in stages.stages[0].exchanges)
    assert not any(v.shape and v.shape[0] == ROWS for v in stages.last.traced.graph.inputs)


def test_recurrent_layers_are_computed_by_rows_backward_too():
    """Of the loops' gradients each process has a term; no rows are exchanged."""
    for layer in (layers.GRU(4, return_sequences=True), layers.Bidirectional(layers.LSTM(3)), layers.SimpleRNN(3)):
        model = keras.Sequential([keras.Input((6, 5)), layer, layers.Dense(2)])
        model.compile("sgd", "mse")
        step = model.make_train_function()
        step.refresh()
        y = np.ones((8, *model.output_shape[1:]), "float32")
        batch = as_batch((np.ones((8, 6, 5), "float32"), y))
        traced, _ = step.trace(batch, batch.symbolic_shapes(), {"batch": 8})
        stages = in_stages(traced).stages
        assert len(stages) == 1 and all(e.is_sum for e in stages[0].exchanges), layer


def test_a_step_with_no_rows_is_not_shared():
    traced = trace(lambda x: [P.add(x, x)], [Aval((3,), "float32")])
    with pytest.warns(UserWarning, match="each computes whole batches"):
        run = shared_executable("numpy", traced, (), True)
    np.testing.assert_array_equal(run(np.ones(3, "float32"))[0], 2 * np.ones(3))


def test_a_single_process_has_the_whole_data_whatever_it_reads():
    """A step that cannot be shared runs whole, where of several processes each would have but its share."""
    model = keras.Sequential([keras.Input((3,)), layers.Lambda(lambda x: x / float(x.shape[0])), layers.Dense(1)])
    model.compile("sgd", "mse")
    alone = DataParallel(auto_shard_dataset=False, reproducible=True)
    with alone.scope(), pytest.warns(UserWarning, match="each computes whole batches"):
        history = model.fit(np.ones((8, 3), "float32"), np.ones((8, 1), "float32"), batch_size=4, verbose=0).history
    assert np.isfinite(history["loss"]).all()


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.slow
def test_training_in_pieces(normalized):
    x, y = RNG.normal(size=(70, 5)).astype("float32"), RNG.integers(0, 3, 70)
    weight = RNG.random(70).astype("float32")

    def trained(distribution):
        keras.utils.set_random_seed(0)
        stack = [keras.Input((5,)), layers.Dense(8, activation="relu"), layers.Dropout(0.3)]
        stack += [layers.BatchNormalization()] if normalized else []
        model = keras.Sequential([*stack, layers.Dense(3, activation="softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
        with distribution.scope():
            history = model.fit(x, y, sample_weight=weight, batch_size=32, epochs=2, verbose=0).history
            return model.get_weights(), history, model.predict(x, verbose=0), model.evaluate(x, y, verbose=0)

    one, other = trained(DataParallel()), trained(DataParallel(reproducible=True))
    for a, b in zip(one[0], other[0]):
        np.testing.assert_allclose(a, b, atol=1e-5)
    for name, values in one[1].items():
        np.testing.assert_allclose(values, other[1][name], rtol=1e-5)
    np.testing.assert_allclose(one[2], other[2], atol=1e-5)
    np.testing.assert_allclose(one[3], other[3], rtol=1e-5)


def test_a_step_is_cut_in_the_same_way_every_time():
    """What programs hand to each other has an order, so that machine code that is kept for one fits the next run."""

    def texts():
        keras.backend.clear_session()  # names count on
        x = inputs = keras.Input((6,))
        for _ in range(6):
            x = layers.add([x, layers.BatchNormalization()(layers.Dense(6, activation="relu")(x))])
        model = keras.Model(inputs, x)
        model.compile("sgd", "mse")
        step = model.make_train_function()
        step.refresh()
        batch = as_batch((np.ones((8, 6), "float32"), np.ones((8, 6), "float32")))
        traced, _ = step.trace(batch, batch.symbolic_shapes(), {"batch": 8})
        stages = in_stages(traced).stages
        assert len(stages) > 6
        return [str(stage.program.traced.graph) for stage in stages]

    first = texts()
    assert all(texts() == first for _ in range(3))
