"""Means of loss functions."""

from __future__ import annotations

from typing import Any

from pronghorn.losses import margin, probabilistic, regression
from pronghorn.metrics.reduction_metrics import MeanMetricWrapper, OwnFunction
from pronghorn.utils.arguments import arguments


def _simple(class_name: str, fn: Any, default_name: str, summary: str, example: tuple[str, float]) -> type[OwnFunction]:
    """A class for a function without arguments of its own; the example is what it is called with, and what it gives."""

    def __init__(self: Any, name: str = default_name, dtype: Any = None) -> None:
        MeanMetricWrapper.__init__(self, fn, name=name, dtype=dtype)
        self._direction = "down"

    call, value = example
    doc = (
        f"{summary}\n\n    Args:\n        name: its name in logs.\n        dtype: the type of the state.\n\n"
        f"    Example:\n\n    >>> metric = {class_name}()\n    >>> metric.update_state({call})\n"
        f"    >>> round(float(metric.result()), 4)\n    {value}"
    )
    body = {"__init__": __init__, "__doc__": doc, "__module__": __name__, "__qualname__": class_name}
    return type(class_name, (OwnFunction,), body)


MeanSquaredError = _simple(
    "MeanSquaredError",
    regression.mean_squared_error,
    "mean_squared_error",
    "The mean of the squared errors.",
    ("[[1.0, 2.0]], [[2.0, 4.0]]", 2.5),
)
MeanAbsoluteError = _simple(
    "MeanAbsoluteError",
    regression.mean_absolute_error,
    "mean_absolute_error",
    "The mean of the absolute errors.",
    ("[[1.0, 2.0]], [[2.0, 4.0]]", 1.5),
)
MeanAbsolutePercentageError = _simple(
    "MeanAbsolutePercentageError",
    regression.mean_absolute_percentage_error,
    "mean_absolute_percentage_error",
    "The mean of the absolute errors in per cent of the targets.",
    ("[[1.0, 2.0]], [[2.0, 4.0]]", 100.0),
)
MeanSquaredLogarithmicError = _simple(
    "MeanSquaredLogarithmicError",
    regression.mean_squared_logarithmic_error,
    "mean_squared_logarithmic_error",
    "The mean of the squared differences of the logarithms.",
    ("[[1.0, 2.0]], [[2.0, 4.0]]", 0.2127),
)
LogCoshError = _simple(
    "LogCoshError",
    regression.log_cosh,
    "logcosh",
    "The mean of `log(cosh(error))`.",
    ("[[1.0, 2.0]], [[2.0, 4.0]]", 0.8794),
)
Hinge = _simple("Hinge", margin.hinge, "hinge", "The mean of the hinge loss.", ("[[-1.0, 1.0]], [[-0.5, 2.0]]", 0.25))
SquaredHinge = _simple(
    "SquaredHinge",
    margin.squared_hinge,
    "squared_hinge",
    "The mean of the squared hinge loss.",
    ("[[-1.0, 1.0]], [[-0.5, 2.0]]", 0.125),
)
CategoricalHinge = _simple(
    "CategoricalHinge",
    margin.categorical_hinge,
    "categorical_hinge",
    "The mean of the hinge loss of one-hot labels.",
    ("[[0.0, 1.0]], [[0.4, 0.6]]", 0.8),
)
KLDivergence = _simple(
    "KLDivergence",
    probabilistic.kl_divergence,
    "kl_divergence",
    "The mean of the Kullback-Leibler divergence.",
    ("[[0.5, 0.5]], [[0.25, 0.75]]", 0.1438),
)
Poisson = _simple(
    "Poisson", probabilistic.poisson, "poisson", "The mean of the Poisson loss.", ("[[1.0, 2.0]], [[2.0, 4.0]]", 1.2671)
)


def _cosine(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    return -regression.cosine_similarity(y_true, y_pred, axis=axis)


class _Configured(MeanMetricWrapper):
    """A metric whose config shows the arguments of its function."""

    _shown: tuple[str, ...] = ()

    def _set_up(self, fn: Any, values: dict[str, Any]) -> None:
        """What the constructor of a metric around ``fn`` does, given its ``locals()``: its signature says the rest."""
        given = arguments(values)
        MeanMetricWrapper.__init__(self, fn, **given)
        for name in self._shown:
            setattr(self, name, given[name])
        self._direction = "down"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this metric."""
        shown = {name: self._fn_kwargs[name] for name in self._shown}
        return {"name": self.name, "dtype": self.dtype, **shown}


class CosineSimilarity(_Configured):
    """The mean of the cosine of the angle between targets and predictions, along `axis`.

    >>> metric = CosineSimilarity()
    >>> metric.update_state([[0.0, 1.0]], [[0.0, 3.0]])
    >>> float(metric.result())
    1.0
    """

    def __init__(self, name: str = "cosine_similarity", dtype: Any = None, axis: int = -1):
        super().__init__(_cosine, name=name, dtype=dtype, axis=axis)
        self._shown = ("axis",) if axis != -1 else ()
        self._direction = "up"


class BinaryCrossentropy(_Configured):
    """The mean of the cross-entropy of labels 0 and 1; see `losses.binary_crossentropy` for its arguments.

    >>> metric = BinaryCrossentropy()
    >>> metric.update_state([1.0, 0.0], [0.9, 0.2])
    >>> round(float(metric.result()), 4)
    0.1643
    """

    _shown = ("from_logits", "label_smoothing")

    def __init__(
        self,
        name: str = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ):
        self._set_up(probabilistic.binary_crossentropy, locals())


class CategoricalCrossentropy(_Configured):
    """The mean of the cross-entropy of one-hot labels; see `losses.categorical_crossentropy` for its arguments.

    >>> metric = CategoricalCrossentropy()
    >>> metric.update_state([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]])
    >>> round(float(metric.result()), 4)
    0.7136
    """

    _shown = ("from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ):
        self._set_up(probabilistic.categorical_crossentropy, locals())


class SparseCategoricalCrossentropy(_Configured):
    """The mean of the cross-entropy of class numbers; see `losses.sparse_categorical_crossentropy`.

    >>> metric = SparseCategoricalCrossentropy()
    >>> metric.update_state([1, 0], [[0.2, 0.8], [0.3, 0.7]])
    >>> round(float(metric.result()), 4)
    0.7136
    """

    _shown = ("from_logits", "ignore_class", "axis")

    def __init__(
        self,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ):
        self._set_up(probabilistic.sparse_categorical_crossentropy, locals())
