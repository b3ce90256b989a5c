"""Every loss, metric and schedule against Keras on JAX: values, state and config."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
import pytest

import pronghorn

keras = pytest.importorskip("keras")

N, D = 8, 5
RNG = np.random.default_rng(0)
SCORES = RNG.random((N, D)).astype("float32")
TARGETS = RNG.random((N, D)).astype("float32")
PROBABILITIES = SCORES / SCORES.sum(-1, keepdims=True)
DIRECTIONS = SCORES / np.linalg.norm(SCORES, axis=-1, keepdims=True)
CLASSES = RNG.integers(0, D, N)
OTHERS = RNG.integers(0, D, N)
ONE_HOT = np.eye(D, dtype="float32")[CLASSES]
BINARY = RNG.integers(0, 2, (N, D)).astype("float32")
WEIGHTS = RNG.random(N).astype("float32")
VECTOR = (BINARY[:, 0], SCORES[:, 0])

REGRESSION = (TARGETS, SCORES)
ONE_HOTS = (ONE_HOT, PROBABILITIES)
SPARSE = (CLASSES, PROBABILITIES)
BINARIES = (BINARY, SCORES)

LOSSES = [
    *((name, {}, REGRESSION) for name in (
        "MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredLogarithmicError",
        "CosineSimilarity", "Huber", "LogCosh", "Poisson",
    )),
    ("Huber", {"delta": 0.1}, REGRESSION),
    *((name, {}, BINARIES) for name in ("Hinge", "SquaredHinge", "Dice", "Tversky", "BinaryCrossentropy",
                                        "BinaryFocalCrossentropy")),
    *((name, {}, ONE_HOTS) for name in ("CategoricalHinge", "KLDivergence", "CategoricalCrossentropy",
                                        "CategoricalFocalCrossentropy")),
    *((name, {option: value}, data)
      for name, data in (("BinaryCrossentropy", BINARIES), ("BinaryFocalCrossentropy", BINARIES),
                         ("CategoricalCrossentropy", ONE_HOTS), ("CategoricalFocalCrossentropy", ONE_HOTS))
      for option, value in (("from_logits", True), ("label_smoothing", 0.1))),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "alpha": 0.4, "gamma": 1.5}, BINARIES),
    ("SparseCategoricalCrossentropy", {}, SPARSE),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, SPARSE),
    ("SparseCategoricalCrossentropy", {"ignore_class": 2}, SPARSE),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.7}, SPARSE),
    ("Circle", {}, (CLASSES, DIRECTIONS)),
    ("Circle", {"remove_diagonal": False}, (CLASSES, DIRECTIONS)),
    ("Dice", {"axis": 1}, BINARIES),
    ("Tversky", {"alpha": 0.7, "beta": 0.7, "axis": 1}, BINARIES),
]  # fmt: skip


def _ids(cases):
    return [f"{name}-{'-'.join(map(str, arguments)) or 'plain'}" for name, arguments, *_ in cases]


def assert_close(got, wanted):
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape
    np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=5e-6)


@pytest.mark.mostly_slow(every=9)
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "none", "mean_with_sample_weight"])
@pytest.mark.parametrize(("name", "arguments", "data"), LOSSES, ids=_ids(LOSSES))
def test_loss(name, arguments, data, reduction):
    theirs = getattr(keras.losses, name)(reduction=reduction, **arguments)
    ours = getattr(pronghorn.losses, name)(reduction=reduction, **arguments)
    assert_close(ours(*data), theirs(*data))
    if name not in ("Dice", "Tversky") or "axis" in arguments:
        assert_close(ours(*data, sample_weight=WEIGHTS), theirs(*data, sample_weight=WEIGHTS))


@pytest.mark.parametrize(("name", "arguments", "data"), LOSSES, ids=_ids(LOSSES))
def test_loss_config(name, arguments, data):
    ours = getattr(pronghorn.losses, name)(**arguments)
    again = type(ours).from_config(ours.get_config())
    assert_close(again(*data), ours(*data))
    if not ({"axis", "delta"} & set(arguments)) or name in ("Dice", "Tversky"):  # Keras forgets those of some losses
        assert ours.get_config() == getattr(keras.losses, name)(**arguments).get_config()


METRICS = [
    ("Mean", {}, (SCORES,)),
    ("Sum", {}, (SCORES,)),
    *((name, {}, REGRESSION) for name in (
        "MeanSquaredError", "RootMeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError",
        "MeanSquaredLogarithmicError", "LogCoshError", "CosineSimilarity", "Poisson", "PearsonCorrelation",
        "ConcordanceCorrelation",
    )),
    *(("R2Score", {"class_aggregation": how}, REGRESSION)
      for how in (None, "uniform_average", "variance_weighted_average")),
    ("R2Score", {"num_regressors": 2}, (TARGETS[:, :1], SCORES[:, :1])),  # of several outputs Keras 3.15 counts each
    *((name, {}, ONE_HOTS) for name in ("CategoricalAccuracy", "CategoricalCrossentropy", "CategoricalHinge",
                                        "KLDivergence")),
    *((name, {}, SPARSE) for name in ("SparseCategoricalAccuracy", "SparseCategoricalCrossentropy")),
    ("SparseCategoricalAccuracy", {}, (CLASSES[:, None], PROBABILITIES)),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}, SPARSE),
    ("TopKCategoricalAccuracy", {"k": 2}, ONE_HOTS),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, SPARSE),
    ("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, (CLASSES, np.argsort(-PROBABILITIES, -1))),
    ("Accuracy", {}, (CLASSES[:, None], OTHERS[:, None])),
    *((name, {}, BINARIES) for name in ("BinaryAccuracy", "BinaryCrossentropy", "Hinge", "SquaredHinge",
                                        "TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives")),
    ("TruePositives", {"thresholds": [0.1, 0.7]}, BINARIES),
    *((name, arguments, BINARIES) for name in ("Precision", "Recall") for arguments in (
        {}, {"thresholds": [0.2, 0.6]}, {"top_k": 2}, {"class_id": 1}, {"top_k": 2, "class_id": 1},
        {"thresholds": [0, 0.25, 0.5, 0.75, 1.0]})),
    *((name, {"average": average, "threshold": threshold}, BINARIES) for name in ("F1Score", "FBetaScore")
      for average in (None, "micro", "macro", "weighted") for threshold in (None, 0.5)),
    ("FBetaScore", {"beta": 0.5}, BINARIES),
    ("IoU", {"num_classes": 5, "target_class_ids": [0, 1]}, (CLASSES, OTHERS)),
    ("IoU", {"num_classes": 5, "target_class_ids": [0, 1], "ignore_class": 1, "dtype": "float32"}, (CLASSES, OTHERS)),
    ("IoU", {"num_classes": 5, "target_class_ids": [0], "sparse_y_pred": False}, SPARSE),
    ("MeanIoU", {"num_classes": 5}, (CLASSES, OTHERS)),
    ("OneHotIoU", {"num_classes": 5, "target_class_ids": [0, 2]}, ONE_HOTS),
    ("OneHotMeanIoU", {"num_classes": 5}, ONE_HOTS),
    ("BinaryIoU", {"dtype": "float32"}, VECTOR),
    ("PrecisionAtRecall", {"recall": 0.5}, VECTOR),
    ("RecallAtPrecision", {"precision": 0.6}, VECTOR),
    ("SensitivityAtSpecificity", {"specificity": 0.4, "num_thresholds": 5}, VECTOR),
    ("SpecificityAtSensitivity", {"sensitivity": 0.3, "class_id": 1}, BINARIES),
    *(("AUC", {"curve": curve, "summation_method": method}, VECTOR) for curve in ("ROC", "PR", "PRGAIN")
      for method in ("interpolation", "minoring", "majoring")),
    ("AUC", {"multi_label": True}, BINARIES),
    ("AUC", {"multi_label": True, "curve": "PR", "label_weights": [1.0, 2, 3, 4, 5]}, BINARIES),
    ("AUC", {"thresholds": [0.2, 0.3]}, VECTOR),
    ("AUC", {"from_logits": True}, (VECTOR[0], VECTOR[1] * 4 - 2)),
    ("AUC", {"label_weights": [1.0, 2, 3, 4, 5]}, BINARIES),
]  # fmt: skip


@pytest.mark.mostly_slow(every=46)
@pytest.mark.filterwarnings("ignore:.*weight")
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize(("name", "arguments", "data"), METRICS, ids=_ids(METRICS))
def test_metric(name, arguments, data, weights):
    theirs = getattr(keras.metrics, name)(**arguments)
    ours = getattr(pronghorn.metrics, name)(**arguments)
    for part in (slice(0, 5), slice(5, N)):
        batch = tuple(a[part] for a in data)
        weight = None if weights is None else weights[part]
        theirs.update_state(*batch, sample_weight=weight)
        ours.update_state(*batch, sample_weight=weight)
    assert_close(ours.result(), theirs.result())
    assert [v.shape for v in ours.variables] == [tuple(v.shape) for v in theirs.variables]
    for own, other in zip(ours.variables, theirs.variables):
        if (name, own.name) != ("R2Score", "num_samples"):  # of several outputs Keras 3.15 counts each
            assert_close(own.numpy(), other.numpy())
    ours.reset_state()
    assert all(not v.numpy().any() for v in ours.variables)


@pytest.mark.parametrize(("name", "arguments", "data"), METRICS, ids=_ids(METRICS))
def test_metric_config(name, arguments, data):
    ours = getattr(pronghorn.metrics, name)(name="m", **arguments)
    wanted = getattr(keras.metrics, name)(name="m", **arguments).get_config()
    config = ours.get_config()
    assert config == {k: np.asarray(v).tolist() if hasattr(v, "shape") and v.shape else v for k, v in wanted.items()}
    assert type(ours).from_config(ours.get_config()).get_config() == ours.get_config()


EVEN = np.linspace(0, 1, 5).tolist()
AT_THRESHOLDS = {
    "TruePositives": {"thresholds": EVEN},
    "FalseNegatives": {"thresholds": EVEN},
    "Precision": {"thresholds": EVEN},
    "RecallAtPrecision": {"precision": 0.5, "num_thresholds": 5},
    "PrecisionAtRecall": {"recall": 0.5, "num_thresholds": 5},
    "SensitivityAtSpecificity": {"specificity": 0.0, "num_thresholds": 5},
    "AUC": {"num_thresholds": 5},
}


@pytest.mark.parametrize("name", AT_THRESHOLDS)
def test_scores_that_are_thresholds(name):
    """A score of exactly zero, as relu gives, passes no threshold of zero; it does pass AUC's, which lies below."""
    scores = np.float32([0, -0.0, 0.25, 0.5, 1, -1, 2, np.nan, np.inf, -np.inf])
    for labels in (np.ones(10, "float32"), np.arange(10, dtype="float32") % 2):
        results = []
        for k in (keras, pronghorn):
            metric = getattr(k.metrics, name)(**AT_THRESHOLDS[name])
            metric.update_state(labels, scores)
            results.append([np.asarray(v.numpy()) for v in metric.variables if v.shape] + [np.asarray(metric.result())])
        for theirs, mine in zip(*results, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-6)
