"""Random uses of metrics: several batches, with sample weights or without, and every option."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from strategies import losses
from strategies.ops_common import apart, floats, integers, optional, pick, shape


@dataclass
class Use:
    """Options of a metric and what it is updated with, batch by batch: targets, predictions and maybe weights."""

    name: str
    options: dict[str, Any]
    batches: list[tuple[np.ndarray, ...]] = field(default_factory=list)
    tolerance: float = 1e-5


Drawn = tuple[dict[str, Any], tuple[np.ndarray, ...], tuple[int, ...]]
USES: dict[str, Callable[[Any], Drawn]] = {}


def covers(names: str) -> Callable[[Callable[..., Drawn]], Callable[..., Drawn]]:
    """Registers ``fn(draw, name)``, which draws options, arrays and the shape of weights, for each of the names."""

    def register(fn: Callable[..., Drawn]) -> Callable[..., Drawn]:
        for name in names.split():
            USES[name] = lambda draw, name=name: fn(draw, name)
        return fn

    return register


LIKE_LOSSES = {"LogCoshError": "LogCosh", "RootMeanSquaredError": "MeanSquaredError"} | {
    name: name
    for name in (
        "MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredLogarithmicError",
        "CosineSimilarity", "KLDivergence", "Poisson", "Hinge", "SquaredHinge", "CategoricalHinge",
        "BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy",
    )
}  # fmt: skip


@covers(" ".join(LIKE_LOSSES))
def like_a_loss(draw: Any, name: str) -> Drawn:
    use = losses.USES[LIKE_LOSSES[name]](draw)
    values = use.y_pred.shape if name == "RootMeanSquaredError" else use.values
    return use.options, (use.y_true, use.y_pred), values


@covers("Mean Sum")
def of_values(draw: Any, name: str) -> Drawn:
    extents = shape(draw, 1)
    return {}, (floats(draw, extents),), extents


@covers("MeanMetricWrapper")
def wrapper(draw: Any, name: str) -> Drawn:
    extents = shape(draw, 1)
    return (
        {"fn": lambda y_true, y_pred: (y_true - y_pred) ** 2},
        (floats(draw, extents), floats(draw, extents)),
        extents,
    )


@covers("Accuracy BinaryAccuracy CategoricalAccuracy SparseCategoricalAccuracy")
def accuracy(draw: Any, name: str) -> Drawn:
    *rows, classes = extents = shape(draw, 2, 3, (2, 5))
    if name == "Accuracy":
        return {}, (integers(draw, extents, 0, 3), integers(draw, extents, 0, 3)), extents
    if name == "BinaryAccuracy":
        options = optional(draw, {"threshold": st.sampled_from((0.25, 0.7, 0.0, -1, 1.5))})
        return options, (integers(draw, extents, 0, 2, "float32"), floats(draw, extents, 0, 1)), tuple(rows)
    labels = integers(draw, rows, 0, classes)
    if name == "CategoricalAccuracy":
        labels = np.eye(classes, dtype="float32")[labels]
    elif draw(st.booleans()):
        labels = labels[..., None]
    return {}, (labels, apart(draw, extents)), tuple(rows)


@covers("TopKCategoricalAccuracy SparseTopKCategoricalAccuracy")
def top_k(draw: Any, name: str) -> Drawn:
    rows, classes = draw(st.integers(1, 6)), draw(st.integers(2, 6))
    options = {"k": draw(st.integers(1, classes))}
    labels, scores = integers(draw, (rows,), 0, classes), apart(draw, (rows, classes))
    if name == "TopKCategoricalAccuracy":
        return options, (np.eye(classes, dtype="float32")[labels], scores), (rows,)
    if draw(st.booleans()):
        return {**options, "from_sorted_ids": True}, (labels, np.argsort(-scores, -1).astype("int32")), (rows,)
    return options, (labels, scores), (rows,)


def _binary(draw: Any, least: int = 1) -> tuple[np.ndarray, np.ndarray]:
    extents = shape(draw, least, 2)
    extents = (extents[0] + 1, *extents[1:])
    return integers(draw, extents, 0, 2, "float32"), floats(draw, extents, 0.01, 0.99)


@covers("TruePositives FalsePositives TrueNegatives FalseNegatives Precision Recall")
def confusion(draw: Any, name: str) -> Drawn:
    y_true, y_pred = _binary(draw)
    thresholds = st.sampled_from((0.3, [0.2, 0.6], [0.0, 0.25, 0.5, 0.75, 1.0]))
    options = optional(draw, {"thresholds": thresholds})
    if name in ("Precision", "Recall") and y_true.ndim == 2:
        options |= optional(draw, {"class_id": st.integers(0, y_true.shape[1] - 1)})
        if draw(st.booleans()):
            options |= {"top_k": draw(st.integers(1, y_true.shape[1]))}
            options.pop("thresholds", None)
    return options, (y_true, y_pred), y_true.shape


@covers("SensitivityAtSpecificity SpecificityAtSensitivity PrecisionAtRecall RecallAtPrecision")
def at_a_point(draw: Any, name: str) -> Drawn:
    y_true, y_pred = _binary(draw)
    options: dict[str, Any] = {name.split("At")[1].lower(): draw(st.sampled_from((0.2, 0.5, 0.8)))}
    options |= optional(draw, {"num_thresholds": st.sampled_from((1, 5, 20))})
    if y_true.ndim == 2:
        options |= optional(draw, {"class_id": st.integers(0, y_true.shape[1] - 1)})
    return options, (y_true, y_pred), y_true.shape


@covers("AUC")
def auc(draw: Any, name: str) -> Drawn:
    many = draw(st.booleans())
    y_true, y_pred = _binary(draw, 2 if many else 1)
    options = {
        "curve": pick(draw, "ROC", "PR", "PRGAIN"),
        "summation_method": pick(draw, "interpolation", "minoring", "majoring"),
    } | optional(draw, {"num_thresholds": st.sampled_from((3, 10, 50)), "from_logits": st.booleans()})
    if draw(st.integers(0, 3)) == 0:
        options["thresholds"] = [0.2, 0.45, 0.8]
    if options["curve"] == "PRGAIN":
        options["summation_method"] = "interpolation"
    if many:
        options["multi_label"] = True
        if draw(st.booleans()):
            options["label_weights"] = [1.0 + i for i in range(y_true.shape[1])]
    if options.get("from_logits"):
        y_pred = y_pred * 6 - 3
    return options, (y_true, y_pred), y_true.shape[:1] if many else y_true.shape


@covers("F1Score FBetaScore")
def f_scores(draw: Any, name: str) -> Drawn:
    y_true, y_pred = _binary(draw, 2)
    options = optional(draw, {"beta": st.sampled_from((0.5, 2.0))}) if name == "FBetaScore" else {}
    options |= {"average": pick(draw, None, "micro", "macro", "weighted"), "threshold": pick(draw, None, 0.4)}
    return options, (y_true, y_pred), y_true.shape[:1]


@covers("IoU MeanIoU OneHotIoU OneHotMeanIoU BinaryIoU")
def intersection(draw: Any, name: str) -> Drawn:
    rows = shape(draw, 1, 2)
    if name == "BinaryIoU":
        options = optional(
            draw, {"threshold": st.sampled_from((0.3, 0.6)), "target_class_ids": st.sampled_from(([0], [1]))}
        )
        return options, (integers(draw, rows, 0, 2), floats(draw, rows, 0, 1)), rows
    classes = draw(st.integers(2, 5))
    options = {"num_classes": classes} | optional(draw, {"ignore_class": st.integers(0, classes - 1)})
    if "Mean" not in name:
        options["target_class_ids"] = sorted(draw(st.sets(st.integers(0, classes - 1), min_size=1)))
    labels, scores = integers(draw, rows, 0, classes), apart(draw, (*rows, classes))
    one_hot = np.eye(classes, dtype="float32")[labels]
    predicted = scores.argmax(-1).astype("int32")
    if name.startswith("OneHot"):
        options["sparse_y_pred"] = sparse = draw(st.booleans())
        return options, (one_hot, predicted if sparse else scores), rows
    options |= {"sparse_y_true": draw(st.booleans()), "sparse_y_pred": draw(st.booleans())}
    y_true = integers(draw, rows, -1, classes + 2) if options["sparse_y_true"] else one_hot  # some are no class
    return options, (y_true, integers(draw, rows, -1, classes + 2) if options["sparse_y_pred"] else scores), rows


@covers("R2Score PearsonCorrelation ConcordanceCorrelation")
def correlation(draw: Any, name: str) -> Drawn:
    rows, columns = draw(st.integers(3, 6)), draw(st.integers(1 if name == "R2Score" else 2, 4))
    y_true, y_pred = floats(draw, (rows, columns)), floats(draw, (rows, columns)) + np.float32(0.3)
    if name == "R2Score":
        options = {"class_aggregation": pick(draw, None, "uniform_average", "variance_weighted_average")}
        if columns == 1:  # of several outputs Keras 3.15 counts each as a sample
            options |= optional(draw, {"num_regressors": st.integers(0, 2)})
        return options, (y_true, y_pred), (rows,)
    where = pick(draw, -1, 0, 1)
    return {"axis": where}, (y_true, y_pred), (columns,) if where == 0 else (rows,)


@st.composite
def uses(draw: Any, name: str) -> Use:
    """Options and three batches, the second and third of the first one's rows in other orders."""
    options, arrays, values = USES[name](draw)
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    weighted = bool(values) and draw(st.booleans())
    kept = values[: draw(st.integers(1, len(values)))] if values else ()
    batches = []
    for i in range(3):
        batch = [a[rng.permutation(len(a))] if i else a for a in arrays]
        if weighted:
            batch.append(rng.uniform(0, 2, kept).astype("float32"))
        batches.append(tuple(batch))
    return Use(name, options, batches)


# Functions that are no losses too (those are compared with the losses).
FUNCTIONS = {
    "binary_accuracy": "BinaryAccuracy",
    "categorical_accuracy": "CategoricalAccuracy",
    "sparse_categorical_accuracy": "SparseCategoricalAccuracy",
    "top_k_categorical_accuracy": "TopKCategoricalAccuracy",
    "sparse_top_k_categorical_accuracy": "SparseTopKCategoricalAccuracy",
    "pearson_correlation": "PearsonCorrelation",
    "concordance_correlation": "ConcordanceCorrelation",
}
