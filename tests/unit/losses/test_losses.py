"""Losses: reduction, weights, masks, types, names, errors."""

from __future__ import annotations

import numpy as np
import pytest

from pronghorn import GradientTape, losses, ops
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.losses.reduction import reduce_weighted_values, same_rank
from pronghorn.utils.masking import set_mask
from pronghorn.variables import Variable

TRUE, PRED = np.zeros((4, 2), "float32"), np.array([[1, 1], [2, 2], [3, 3], [4, 4]], "float32")


@pytest.mark.parametrize(
    ("reduction", "wanted"),
    [
        ("sum_over_batch_size", 7.5),
        ("mean", 7.5),
        ("sum", 30.0),
        ("mean_with_sample_weight", 7.5),
        ("none", [1, 4, 9, 16]),
        (None, [1, 4, 9, 16]),
    ],
)
def test_reductions(reduction, wanted):
    np.testing.assert_allclose(losses.MeanSquaredError(reduction=reduction)(TRUE, PRED), wanted)


@pytest.mark.parametrize(
    ("reduction", "wanted"), [("sum_over_batch_size", 10 / 4), ("sum", 10.0), ("mean_with_sample_weight", 5.0)]
)
def test_weights(reduction, wanted):
    loss = losses.MeanSquaredError(reduction=reduction)
    np.testing.assert_allclose(loss(TRUE, PRED, sample_weight=[1.0, 0.0, 1.0, 0.0]), wanted)
    np.testing.assert_allclose(loss(TRUE, PRED, sample_weight=[[1.0], [0.0], [1.0], [0.0]]), wanted)


def test_a_mask_leaves_entries_out_of_the_mean():
    pred = ops.convert_to_tensor(PRED)
    set_mask(pred, ops.convert_to_tensor([True, False, True, False]))
    np.testing.assert_allclose(losses.MeanSquaredError()(TRUE, pred), 5.0, rtol=1e-6)
    np.testing.assert_allclose(losses.MeanSquaredError(reduction="sum")(TRUE, pred), 10.0)
    weighted = losses.MeanSquaredError()(TRUE, pred, sample_weight=[2.0, 2.0, 0.0, 0.0])
    np.testing.assert_allclose(weighted, 1.0, rtol=1e-6)


def test_ranks_are_matched():
    assert [x.shape for x in same_rank(ops.ones((4, 1)), ops.ones((4,)))] == [(4, 1), (4, 1)]
    assert [x.shape for x in same_rank(ops.ones((4, 3)), ops.ones((4, 3, 1)))] == [(4, 3), (4, 3)]
    np.testing.assert_allclose(losses.MeanSquaredError()([1.0, 2.0], [[1.0], [4.0]]), 2.0)


def test_the_batch_may_be_symbolic():
    batch = Dim.symbol("batch")
    traced = trace(lambda y, p: [losses.MeanSquaredError()(y, p)], [Aval((batch, 2), "float32")] * 2)
    from pronghorn.engine.backends.numpy import run

    for rows in (1, 3):
        arrays = [np.zeros((rows, 2), "float32"), np.full((rows, 2), 3, "float32")]
        np.testing.assert_allclose(run(traced.graph, arrays)[0], 9.0)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_types(dtype):
    assert losses.MeanSquaredError(dtype=dtype)(TRUE, PRED).dtype == dtype


def test_extreme_values_stay_finite():
    assert np.isfinite(float(losses.LogCosh()([[0.0]], [[1e4]])))
    assert np.isfinite(float(losses.BinaryCrossentropy()([[1.0]], [[0.0]])))
    assert np.isfinite(float(losses.CategoricalCrossentropy(from_logits=True)([[0.0, 1.0]], [[1e4, -1e4]])))
    assert np.isfinite(float(losses.MeanAbsolutePercentageError()([[0.0]], [[1.0]])))


def test_ignored_classes_do_not_count():
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    both = loss(np.array([1, -1]), np.array([[0.5, 0.5], [0.9, 0.1]], "float32"))
    np.testing.assert_allclose(both, np.log(2), rtol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0])
@pytest.mark.parametrize(
    "loss",
    [
        losses.SparseCategoricalCrossentropy(ignore_class=-1),
        losses.SparseCategoricalCrossentropy(ignore_class=-1, from_logits=True),
        losses.SparseCategoricalCrossentropy(ignore_class=-1, label_smoothing=0.1),
        losses.SparseCategoricalFocalCrossentropy(ignore_class=-1),
    ],
)
def test_predictions_at_ignored_classes_leave_gradients_alone(loss, value):
    predictions = Variable(np.array([[0.2, 0.3, 0.5], [value] * 3], "float32"))
    with GradientTape() as tape:
        result = loss(np.array([1, -1]), predictions)
    alone = loss(np.array([1]), predictions[:1])
    gradient = tape.gradient(result, predictions).numpy()
    np.testing.assert_allclose(result, alone, rtol=1e-6)
    assert np.isfinite(gradient[0]).all()
    assert gradient[0].any()
    np.testing.assert_array_equal(gradient[1], 0)


def test_get_by_name_class_and_config():
    assert losses.get("mse") is losses.mean_squared_error
    assert losses.get("MSE") is losses.mean_squared_error
    assert isinstance(losses.get("MeanSquaredError"), losses.MeanSquaredError)
    assert isinstance(losses.get(losses.Huber), losses.Huber)
    assert losses.get(None) is None
    config = losses.serialize(losses.BinaryCrossentropy(label_smoothing=0.2, name="b"))
    again = losses.get(config)
    assert isinstance(again, losses.BinaryCrossentropy) and again.label_smoothing == 0.2 and again.name == "b"
    assert losses.deserialize(losses.serialize(losses.huber)) is losses.huber


@pytest.mark.parametrize(
    ("name", "nearest"), [("mean_square_error", "mean_squared_error"), ("binary_crosentropy", "binary_crossentropy")]
)
def test_unknown_names_are_answered_with_near_ones(name, nearest):
    with pytest.raises(ValueError, match=nearest):
        losses.get(name)


def test_errors_name_what_came():
    with pytest.raises(ValueError, match="abc"):
        losses.MeanSquaredError(reduction="abc")
    with pytest.raises(ValueError, match="loss identifier 7: it must be a name"):
        losses.get(7)
    with pytest.raises(ValueError, match="q must lie"):
        losses.CategoricalGeneralizedCrossEntropy(q=2.0)
    with pytest.raises(NotImplementedError, match="call"):
        losses.Loss()([1.0], [1.0])
    with pytest.raises(ValueError, match="max_length"):
        losses.ctc(np.ones(3), np.ones((3, 4, 5), "float32"))


def test_a_loss_of_ones_own():
    class Distance(losses.Loss):
        def call(self, y_true, y_pred):
            return ops.max(ops.abs(y_true - y_pred), axis=-1)

    assert float(Distance(reduction="sum")(TRUE, PRED)) == 10.0


def test_reduce_weighted_values_alone():
    np.testing.assert_allclose(reduce_weighted_values([1.0, 3.0], sample_weight=[1.0, 0.5]), 1.25)


def test_labels_are_smoothed_over_the_classes_of_their_axis():
    y_true = np.moveaxis(np.eye(5, dtype="float32")[np.arange(6).reshape(2, 3) % 5], -1, 1)
    y_pred = np.random.default_rng(0).random((2, 5, 3)).astype("float32") + 0.1
    first = losses.categorical_crossentropy(y_true, y_pred, label_smoothing=0.2, axis=1)
    last = losses.categorical_crossentropy(
        np.moveaxis(y_true, 1, -1), np.moveaxis(y_pred, 1, -1), label_smoothing=0.2, axis=-1
    )
    np.testing.assert_allclose(first.numpy(), last.numpy(), rtol=1e-5)


def test_tversky_weighs_false_positives_by_alpha():
    """As it is documented; Keras 3.15 exchanged the two, 3.16 does not."""
    positive = losses.Tversky(alpha=0.25, beta=0.75)([[1.0, 0.0]], [[1.0, 1.0]])
    negative = losses.Tversky(alpha=0.25, beta=0.75)([[1.0, 1.0]], [[1.0, 0.0]])
    assert float(positive) == pytest.approx(1 - 1 / 1.25, abs=1e-6)
    assert float(negative) == pytest.approx(1 - 1 / 1.75, abs=1e-6)
