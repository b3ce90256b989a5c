"""Metrics: state, weights, masks, nesting, state without side effects, names, errors."""

from __future__ import annotations

import numpy as np
import pytest

from pronghorn import metrics, ops
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.trace import trace
from pronghorn.utils.masking import set_mask
from pronghorn.variables import Variable


def test_mean_over_batches_of_different_size():
    mean = metrics.Mean()
    mean.update_state([1.0, 2.0, 3.0])
    mean.update_state([10.0])
    assert float(mean.result()) == 4.0
    mean.reset_state()
    assert float(mean.result()) == 0.0


def test_weights_are_for_samples_or_entries():
    mean = metrics.Mean()
    mean.update_state([[1.0, 3.0], [5.0, 7.0]], sample_weight=[1.0, 0.0])
    assert float(mean.result()) == 2.0
    total = metrics.Sum()
    total.update_state([1.0, 2.0], sample_weight=0.5)
    assert float(total.result()) == 1.5


def test_a_mask_on_the_predictions_counts():
    pred = ops.convert_to_tensor(np.array([[1.0], [5.0]], "float32"))
    set_mask(pred, ops.convert_to_tensor([True, False]))
    metric = metrics.MeanSquaredError()
    metric.update_state(np.zeros((2, 1), "float32"), pred)
    assert float(metric.result()) == 1.0


def test_updates_inside_a_trace_become_outputs():
    metric = metrics.Mean()

    def step(x):
        metric.update_state(x)
        return [metric.result()]

    traced = trace(step, [Aval((3,), "float32")])
    assert {v.name for v in traced.updated} == {"total", "count"}
    assert float(metric.count.numpy()) == 0.0  # tracing changes nothing


def test_accuracies():
    scores = np.array([[0.1, 0.9], [0.8, 0.2], [0.4, 0.6]], "float32")
    sparse = metrics.SparseCategoricalAccuracy()
    sparse.update_state([1, 0, 0], scores)
    assert float(sparse.result()) == pytest.approx(2 / 3)
    one_hot = metrics.CategoricalAccuracy()
    one_hot.update_state(np.eye(2)[[1, 0, 0]], scores)
    assert float(one_hot.result()) == pytest.approx(2 / 3)
    binary = metrics.BinaryAccuracy(threshold=0.7)
    binary.update_state([[1], [1]], [[0.8], [0.6]])
    assert float(binary.result()) == 0.5
    logits = metrics.BinaryAccuracy(threshold=0)
    logits.update_state([[1], [0], [1]], [[2.0], [-3.0], [-0.1]])
    assert float(logits.result()) == pytest.approx(2 / 3)
    top = metrics.TopKCategoricalAccuracy(k=2)
    top.update_state(np.eye(3)[[0, 2]], np.array([[0.3, 0.4, 0.2], [0.5, 0.4, 0.1]], "float32"))
    assert float(top.result()) == 0.5


def test_confusion_family_by_hand():
    y_true, y_pred = [0, 1, 1, 1], [1.0, 0.0, 1.0, 1.0]
    wanted = {
        "TruePositives": 2,
        "FalsePositives": 1,
        "TrueNegatives": 0,
        "FalseNegatives": 1,
        "Precision": 2 / 3,
        "Recall": 2 / 3,
    }
    for name, value in wanted.items():
        metric = getattr(metrics, name)()
        metric.update_state(y_true, y_pred)
        assert float(metric.result()) == pytest.approx(value), name


def test_auc_of_a_perfect_and_of_a_useless_score():
    auc = metrics.AUC()
    auc.update_state([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
    assert float(auc.result()) == pytest.approx(1.0, abs=1e-5)
    auc.reset_state()
    auc.update_state([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5])
    assert float(auc.result()) == pytest.approx(0.5, abs=1e-5)


def test_counting_in_buckets_equals_comparing():
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(0, 2, 200), np.concatenate([rng.random(190), np.linspace(0, 1, 10)])
    even = [i / 10 for i in range(11)]
    from pronghorn.metrics.confusion import confusion_counts

    fast = confusion_counts(y_true, y_pred.astype("float32"), even, evenly_spaced=True)
    slow = confusion_counts(y_true, y_pred.astype("float32"), even)
    for a, b in zip(fast, slow):
        np.testing.assert_allclose(a.numpy()[1:-1], b.numpy()[1:-1])


class Own(metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.total = self.add_weight(name="total")
        self.parts = [metrics.Mean(), Variable(np.float32(2.0))]
        self.more = {"a": metrics.Sum()}

    def update_state(self, x):
        self.total.assign_add(ops.sum(x))

    def result(self):
        return self.total.value


def test_state_is_found_in_containers():
    assert len(Own().variables) == 5
    assert Own(name="mine").total.path == "mine/total"


def test_state_without_side_effects():
    metric = metrics.Mean()
    metric.update_state([4.0])
    state = metric.stateless_update_state([0.0, 0.0], [1.0, 2.0])
    assert [float(s) for s in state] == [3.0, 2.0]
    assert float(metric.stateless_result([6.0, 3.0])) == 2.0
    assert [float(s) for s in metric.stateless_reset_state()] == [0.0, 0.0]
    assert float(metric.result()) == 4.0
    with pytest.raises(ValueError, match="2 variables"):
        metric.stateless_result([1.0])


def test_get_by_name_class_and_config():
    assert isinstance(metrics.get("mse"), metrics.MeanSquaredError)
    assert isinstance(metrics.get("AUC"), metrics.AUC)
    assert isinstance(metrics.get("top_k_categorical_accuracy"), metrics.TopKCategoricalAccuracy)
    again = metrics.get(metrics.serialize(metrics.Precision(thresholds=[0.3], name="p")))
    assert isinstance(again, metrics.Precision) and again.thresholds == [0.3] and again.name == "p"
    with pytest.raises(ValueError, match="BinaryAccuracy|binary_accuracy"):
        metrics.get("binary_acuracy")


def test_calling_super_is_asked_for():
    class Forgets(metrics.Metric):
        def __init__(self):
            self.add_variable((), "zeros")

    with pytest.raises(RuntimeError, match="super"):
        Forgets()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: metrics.AUC(num_thresholds=1), "num_thresholds"),
        (lambda: metrics.AUC(curve="x"), "ROC"),
        (lambda: metrics.Precision(thresholds=[2]), "thresholds|Threshold"),
        (lambda: metrics.R2Score(class_aggregation="x"), "class_aggregation"),
        (lambda: metrics.F1Score(average="x"), "average"),
        (lambda: metrics.FBetaScore(beta=1), "beta"),
        (lambda: metrics.IoU(2, [5]), "out of range"),
        (lambda: metrics.PrecisionAtRecall(2), "recall"),
        (lambda: metrics.R2Score().update_state([1.0], [1.0]), "a row of outputs"),
    ],
)
def test_bad_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("constant", [0.1, 0.3, 1e6])
def test_what_is_constant_has_no_correlation(constant):
    """As in Keras, and however its mean is rounded; where little varies there is one."""
    line, flat = np.arange(7, dtype="float32")[None], np.full((1, 7), constant, "float32")
    for y_true, y_pred in ((line, flat), (flat, line), (flat, flat)):
        metric = metrics.PearsonCorrelation()
        metric.update_state(y_true, y_pred)
        assert np.isnan(metric.result())
    for scale in (1e-9, 1e-4, 1e4):
        assert float(metrics.pearson_correlation(line, scale * line)[0]) == pytest.approx(1, rel=1e-5)


def test_weights_of_an_intersection_over_union():
    """One for all, or one for each label."""
    labels, predictions = np.int32([[0, 1, 1], [1, 0, 1]]), np.int32([[0, 1, 0], [1, 1, 1]])
    for weight in (np.float32([2]), np.full((2, 3), 2, "float32")):
        metric = metrics.MeanIoU(2, dtype="float32")
        metric.update_state(labels, predictions, sample_weight=weight)
        np.testing.assert_array_equal(metric.total_cm.numpy(), [[2, 2], [2, 6]])
    with pytest.raises(ValueError, match=r"MeanIoU: `sample_weight` needs a weight for each label, 6 in all.*\(2,\)"):
        metric.update_state(labels, predictions, sample_weight=np.float32([1, 2]))


@pytest.mark.parametrize("dtype, nan", [(None, 0), ("float32", None)])
def test_what_is_no_class_does_not_count(dtype, nan):
    """As in Keras: NaN is class 0 where the counts are integers, and what is no class is left out."""
    labels = np.float32([0, 1, np.nan, 5, 1, -1, 2, np.inf])
    predictions = np.float32([0, 1, 1, 2, 9, 0, np.nan, 1])
    for ignored in (None, 0, 1):
        wanted = np.zeros((3, 3))
        for label, prediction in ((0, 0), (1, 1), (nan, 1), (2, nan)):
            if None not in (label, prediction) and label != ignored:
                wanted[label, prediction] += 1
        metric = metrics.MeanIoU(3, dtype=dtype, ignore_class=ignored)
        metric.update_state(labels, predictions)
        np.testing.assert_array_equal(metric.total_cm.numpy(), wanted)


def test_the_adjusted_r2_score_counts_samples_that_weigh_something():
    """One for each row, however many outputs it has, and none for a weight of 0: as Keras does from 3.16 on."""
    x = np.random.RandomState(0).rand(8, 2).astype("float32")
    y_true, y_pred, weights = x, x + np.float32([0.1, -0.05]) * x[::-1], np.float32([1, 2, 0, 1, 0.5, 1, 0, 3])

    def score(count, **options):
        metric = metrics.R2Score(**options)
        metric.update_state(y_true[:count], y_pred[:count], sample_weight=weights[:count])
        metric.update_state(y_true[count:], y_pred[count:], sample_weight=weights[count:])
        return float(metric.result())

    adjusted = 1 - (1 - score(8)) * (6 - 1) / (6 - 2 - 1)
    assert score(8, num_regressors=2) == pytest.approx(adjusted, rel=1e-5)
    assert score(3, num_regressors=2) == pytest.approx(adjusted, rel=1e-5)


def test_a_subclass_of_the_wrapper_gets_the_function_in_its_configuration():
    """Libraries take it out again, since their constructors choose the function themselves."""

    class Distance(metrics.MeanMetricWrapper):
        def __init__(self, name="distance", dtype=None):
            super().__init__(metrics.mean_absolute_error, name=name, dtype=dtype)

        def get_config(self):
            config = super().get_config()
            config.pop("fn")
            return config

    assert Distance.from_config(Distance().get_config()).name == "distance"
    assert set(metrics.MeanSquaredError().get_config()) == {"name", "dtype"} == set(metrics.Accuracy().get_config())
