"""Random uses of losses: targets and predictions of every rank, options, reductions, weights, masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from strategies.ops_common import floats, integers, optional, pick, shape
from strategies.oracle import Computation

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)
SMOOTHING = {"from_logits": st.booleans(), "label_smoothing": st.sampled_from((0.1, 0.3))}


@dataclass
class Use:
    """Targets, predictions and options of a loss; ``values`` is the shape of its values before they are reduced."""

    y_true: np.ndarray
    y_pred: np.ndarray
    options: dict[str, Any] = field(default_factory=dict)
    values: tuple[int, ...] = ()
    tolerance: float = 1e-5


USES: dict[str, Callable[[Any], Use]] = {}


def covers(names: str) -> Callable[[Callable[..., Use]], Callable[..., Use]]:
    """Registers ``fn(draw, name)``, which draws a use, for each of the names of classes."""

    def register(fn: Callable[..., Use]) -> Callable[..., Use]:
        for name in names.split():
            USES[name] = lambda draw, name=name: fn(draw, name)
        return fn

    return register


@covers(
    "MeanSquaredError MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredLogarithmicError LogCosh Huber Poisson "
    "CosineSimilarity"
)
def regression(draw: Any, name: str) -> Use:
    extents = shape(draw, 1 if name != "CosineSimilarity" else 2, 4)
    positive = name in ("MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "Poisson")
    low, high = (0.2, 3.0) if positive else (-3.0, 3.0)
    # Apart, since slopes where both are equal are a matter of choice.
    y_true, y_pred, options = floats(draw, extents, low, high), floats(draw, extents, low, high) + np.float32(0.017), {}
    values = extents[:-1]
    if name == "Huber":
        options = optional(draw, {"delta": st.floats(0.3, 2)})
    if name == "CosineSimilarity" and draw(st.booleans()):
        where = draw(st.integers(-len(extents), len(extents) - 1))
        options, values = {"axis": where}, tuple(n for i, n in enumerate(extents) if i != where % len(extents))
    if len(extents) > 1 and extents[-1] == 1 and name != "CosineSimilarity" and draw(st.booleans()):
        y_true = y_true[..., 0]  # a last axis of one may be left away
    return Use(y_true, y_pred, options, values)


@covers("Hinge SquaredHinge CategoricalHinge")
def hinge(draw: Any, name: str) -> Use:
    extents = shape(draw, 2, 3)
    signs = integers(draw, extents, 0, 2)
    y_true = signs if name == "CategoricalHinge" or draw(st.booleans()) else signs * 2 - 1
    return Use(y_true.astype("float32"), floats(draw, extents), {}, extents[:-1])


@covers("BinaryCrossentropy BinaryFocalCrossentropy")
def binary(draw: Any, name: str) -> Use:
    extents = shape(draw, 1, 3)
    options = optional(draw, SMOOTHING)
    if name == "BinaryFocalCrossentropy":
        options |= optional(
            draw, {"apply_class_balancing": st.booleans(), "alpha": st.floats(0.1, 0.9), "gamma": st.floats(1, 3)}
        )
    y_true = integers(draw, extents, 0, 2, pick(draw, "float32", "int32", "bool"))
    y_pred = floats(draw, extents, -3, 3) if options.get("from_logits") else floats(draw, extents, 0.05, 0.95)
    return Use(y_true, y_pred, options, extents[:-1])


def _probabilities(draw: Any, extents: tuple[int, ...], where: int = -1) -> np.ndarray:
    raw = floats(draw, extents, 0.1, 1)
    return raw / raw.sum(where, keepdims=True)


@covers("CategoricalCrossentropy CategoricalFocalCrossentropy KLDivergence")
def categorical(draw: Any, name: str) -> Use:
    extents = shape(draw, 2, 3, (2, 5))
    if name == "KLDivergence":
        return Use(_probabilities(draw, extents), _probabilities(draw, extents), {}, extents[:-1])
    where, options = -1, optional(draw, SMOOTHING)
    if draw(st.integers(0, 3)) == 0:
        where = draw(st.integers(-len(extents) + 1, len(extents) - 1)) or -1
        options["axis"] = where
        options.pop("label_smoothing", None)  # Keras spreads it over the last axis's number of classes, whatever axis
    if name == "CategoricalFocalCrossentropy":
        options |= optional(draw, {"alpha": st.floats(0.1, 0.9), "gamma": st.floats(1, 3)})
    classes = extents[where]
    rows = [n for i, n in enumerate(extents) if i != where % len(extents)]
    one_hot = np.moveaxis(np.eye(classes, dtype="float32")[integers(draw, rows, 0, classes)], -1, where)
    y_pred = floats(draw, extents, -3, 3) if options.get("from_logits") else _probabilities(draw, extents, where)
    return Use(one_hot, y_pred, options, tuple(rows))


@covers("SparseCategoricalCrossentropy CategoricalGeneralizedCrossEntropy")
def sparse(draw: Any, name: str) -> Use:
    *rows, classes = extents = shape(draw, 2, 3, (2, 5))
    if name == "CategoricalGeneralizedCrossEntropy":
        options = optional(draw, {"q": st.floats(0.2, 0.9)})
        rows, extents = rows[:1], (rows[0], classes)
    else:
        options = optional(draw, {"from_logits": st.booleans(), "ignore_class": st.integers(0, classes - 1)})
    y_true = integers(draw, rows, 0, classes)
    if draw(st.booleans()) and name == "SparseCategoricalCrossentropy":
        y_true = y_true[..., None]
    y_pred = floats(draw, extents, -3, 3) if options.get("from_logits") else _probabilities(draw, extents)
    return Use(y_true, y_pred, options, tuple(rows))


@covers("Dice Tversky")
def overlap(draw: Any, name: str) -> Use:
    extents = shape(draw, 2, 4, (2, 4))
    options: dict[str, Any] = {"axis": pick(draw, None, tuple(range(1, len(extents))), -1)}
    if name == "Tversky":
        weight = draw(st.floats(0.2, 0.8))  # one for both, which Keras 3.15 takes for each other
        options |= optional(draw, {"alpha": st.just(weight)})
        options["beta"] = options.get("alpha", 0.5)
    values = {None: (), -1: extents[:-1]}.get(options["axis"], extents[:1])
    return Use(integers(draw, extents, 0, 2, "float32"), floats(draw, extents, 0.05, 0.95), options, values)


@covers("Circle")
def circle(draw: Any, name: str) -> Use:
    n, d = draw(st.integers(2, 6)), draw(st.integers(2, 5))
    options = optional(
        draw, {"gamma": st.floats(1, 30), "margin": st.floats(0.1, 0.6), "remove_diagonal": st.booleans()}
    )
    directions = floats(draw, (n, d), 0.1, 1)
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    return Use(integers(draw, (n,), 0, 3), directions, options, (n,), 5e-5)


@covers("CTC")
def ctc(draw: Any, name: str) -> Use:
    batch, steps, classes = draw(st.integers(1, 3)), draw(st.integers(4, 7)), draw(st.integers(3, 5))
    y_true = integers(draw, (batch, draw(st.integers(1, 2))), 0, classes)
    y_true[:, 0] = np.maximum(y_true[:, 0], 1)
    return Use(y_true, floats(draw, (batch, steps, classes)), {}, (batch,), 2e-5)


# Functions named otherwise than their classes.
FUNCTIONS = {
    "binary_crossentropy": "BinaryCrossentropy",
    "binary_focal_crossentropy": "BinaryFocalCrossentropy",
    "categorical_crossentropy": "CategoricalCrossentropy",
    "categorical_focal_crossentropy": "CategoricalFocalCrossentropy",
    "categorical_generalized_cross_entropy": "CategoricalGeneralizedCrossEntropy",
    "categorical_hinge": "CategoricalHinge",
    "circle": "Circle",
    "cosine_similarity": "CosineSimilarity",
    "ctc": "CTC",
    "dice": "Dice",
    "hinge": "Hinge",
    "huber": "Huber",
    "kl_divergence": "KLDivergence",
    "log_cosh": "LogCosh",
    "mean_absolute_error": "MeanAbsoluteError",
    "mean_absolute_percentage_error": "MeanAbsolutePercentageError",
    "mean_squared_error": "MeanSquaredError",
    "mean_squared_logarithmic_error": "MeanSquaredLogarithmicError",
    "poisson": "Poisson",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
    "squared_hinge": "SquaredHinge",
    "tversky": "Tversky",
}


def _sample_weight(draw: Any, values: tuple[int, ...]) -> np.ndarray | None:
    """None, or a weight for each value, or for each value but of the last dimensions."""
    if not values or draw(st.booleans()):
        return None
    kept = values[: draw(st.integers(1, len(values)))]
    if len(kept) == len(values) and draw(st.integers(0, 3)) == 0:
        kept = (*kept, 1)
    return floats(draw, kept, 0, 2)


def masked(library: Any, x: Any, mask: Any) -> Any:
    """The same numbers with a mask, as a layer leaves it on its output."""

    class Masked(library.layers.Layer):
        def call(self, x):
            return x * 1.0

        def compute_mask(self, x, previous):
            return mask

    layer = Masked()
    layer.supports_masking = True
    return layer(x)


@st.composite
def class_computation(draw: Any, name: str) -> Computation:
    """A loss object called with targets, predictions, weights and a mask; differentiated by the predictions."""
    use = USES[name](draw)
    reduction = pick(draw, *REDUCTIONS)
    extra = {}
    if (sample_weight := _sample_weight(draw, use.values)) is not None:
        extra["sample_weight"] = sample_weight
    if use.values and draw(st.integers(0, 3)) == 0:
        extra["mask"] = integers(draw, use.values, 0, 2, "bool")

    def run(library, arrays):
        y_true, y_pred, *rest = arrays
        rest = dict(zip(extra, rest))
        if "mask" in rest:
            y_pred = masked(library, y_pred, rest["mask"])
        loss = getattr(library.losses, name)(reduction=reduction, **use.options)
        return loss(y_true, y_pred, sample_weight=rest.get("sample_weight"))

    return Computation(run, [use.y_true, use.y_pred, *extra.values()], (1,), tolerance=use.tolerance)


@st.composite
def function_computation(draw: Any, name: str) -> Computation:
    """A loss function, of `losses` and, where it is there too, of `metrics`."""
    use = USES[FUNCTIONS[name]](draw)
    options = use.options
    if name == "categorical_generalized_cross_entropy":
        options = {"q": 0.4, **options}

    def run(library, arrays):
        spaces = [s for s in (library.losses, library.metrics) if hasattr(s, name)]
        return [getattr(s, name)(*arrays, **options) for s in spaces]

    return Computation(run, [use.y_true, use.y_pred], (1,), tolerance=use.tolerance)
