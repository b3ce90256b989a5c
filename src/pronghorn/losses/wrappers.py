"""The classes: each is its function with a reduction."""

from __future__ import annotations

from typing import Any

from pronghorn.losses import margin as _margin
from pronghorn.losses import probabilistic, regression, segmentation
from pronghorn.losses.loss import Loss, LossFunctionWrapper
from pronghorn.utils.arguments import arguments

_REDUCTION = "sum_over_batch_size"
_ARGUMENTS = """

    Args:
        reduction: how the values of the samples are combined; see `Loss`.
        name: its name in logs.
        dtype: the type to compute in; `config.floatx()` by default."""


class _NamedLoss(LossFunctionWrapper):
    """A loss whose function is known from its class; `_shown` names the arguments that its config shows."""

    _shown: tuple[str, ...] = ()

    def _set_up(self, fn: Any, values: dict[str, Any]) -> None:
        """What the constructor of a loss around ``fn`` does, given its ``locals()``: its signature says the rest."""
        given = arguments(values)
        LossFunctionWrapper.__init__(self, fn, **given)
        for name in self._shown:
            setattr(self, name, given[name])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this loss."""
        return {**Loss.get_config(self), **{name: self._fn_kwargs[name] for name in self._shown}}


def _simple(class_name: str, fn: Any, default_name: str, summary: str, example: tuple[str, float]) -> type[_NamedLoss]:
    """A class for a function without arguments of its own; the example is what it is called with, and what it gives."""

    def __init__(self: Any, reduction: str | None = _REDUCTION, name: str = default_name, dtype: Any = None) -> None:
        _NamedLoss.__init__(self, fn, reduction=reduction, name=name, dtype=dtype)

    call, value = example
    shown = f"\n\n    Example:\n\n    >>> loss = {class_name}()\n    >>> round(float(loss({call})), 4)\n    {value}"
    body = {
        "__init__": __init__,
        "__doc__": summary + _ARGUMENTS + shown,
        "__module__": __name__,
        "__qualname__": class_name,
    }
    return type(class_name, (_NamedLoss,), body)


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
LogCosh = _simple(
    "LogCosh",
    regression.log_cosh,
    "log_cosh",
    "The mean of `log(cosh(error))`.",
    ("[[1.0, 2.0]], [[2.0, 4.0]]", 0.8794),
)
Hinge = _simple(
    "Hinge", _margin.hinge, "hinge", "The hinge loss, for labels -1 and 1.", ("[[-1.0, 1.0]], [[-0.5, 2.0]]", 0.25)
)
SquaredHinge = _simple(
    "SquaredHinge",
    _margin.squared_hinge,
    "squared_hinge",
    "The squared hinge loss.",
    ("[[-1.0, 1.0]], [[-0.5, 2.0]]", 0.125),
)
CategoricalHinge = _simple(
    "CategoricalHinge",
    _margin.categorical_hinge,
    "categorical_hinge",
    "The hinge loss of one-hot labels.",
    ("[[0.0, 1.0]], [[0.4, 0.6]]", 0.8),
)
KLDivergence = _simple(
    "KLDivergence",
    probabilistic.kl_divergence,
    "kl_divergence",
    "The Kullback-Leibler divergence of distributions.",
    ("[[0.5, 0.5]], [[0.25, 0.75]]", 0.1438),
)
Poisson = _simple(
    "Poisson", probabilistic.poisson, "poisson", "The Poisson loss, for counts.", ("[[1.0, 2.0]], [[2.0, 4.0]]", 1.2671)
)
CTC = _simple(
    "CTC",
    probabilistic.ctc,
    "ctc",
    "The connectionist temporal classification loss; see `losses.ctc`.",
    ("[[1]], [[[0.0, 1.0], [1.0, 0.0]]]", 0.2189),
)


class CosineSimilarity(_NamedLoss):
    """Minus the cosine of the angle between targets and predictions, along `axis`.

    >>> loss = CosineSimilarity()
    >>> float(loss([[0.0, 1.0]], [[0.0, 3.0]]))
    -1.0
    """

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = _REDUCTION,
        name: str = "cosine_similarity",
        dtype: Any = None,
    ):
        self._set_up(regression.cosine_similarity, locals())

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this loss."""
        axis = self._fn_kwargs["axis"]
        return super().get_config() if axis == -1 else {**super().get_config(), "axis": axis}


class Huber(_NamedLoss):
    """The Huber loss: quadratic to `delta`, linear beyond.

    Args:
        delta: the error from which on the loss is linear, in the unit of the targets.
        reduction: how the values of the samples are combined; see `Loss`.
        name: its name in logs.
        dtype: the type to compute in; `config.floatx()` by default.

    Raises:
        ValueError: if `reduction` is not one that `Loss` knows.

    >>> loss = Huber()
    >>> float(loss([[0.0, 0.0]], [[0.5, 3.0]]))
    1.3125
    """

    def __init__(
        self, delta: float = 1.0, reduction: str | None = _REDUCTION, name: str = "huber_loss", dtype: Any = None
    ):
        self._set_up(regression.huber, locals())

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this loss."""
        delta = self._fn_kwargs["delta"]
        return super().get_config() if delta == 1.0 else {**super().get_config(), "delta": delta}


class BinaryCrossentropy(_NamedLoss):
    """The cross-entropy of labels 0 and 1; see `losses.binary_crossentropy` for its arguments.

    >>> float(BinaryCrossentropy(from_logits=True)([[1.0]], [[0.0]]))
    0.6931471824645996
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _REDUCTION,
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ):
        self._set_up(probabilistic.binary_crossentropy, locals())

    _shown = ("from_logits", "label_smoothing", "axis")


class BinaryFocalCrossentropy(_NamedLoss):
    """The focal cross-entropy of labels 0 and 1; see `losses.binary_focal_crossentropy` for its arguments.

    >>> loss = BinaryFocalCrossentropy()
    >>> round(float(loss([[0.0, 1.0]], [[0.1, 0.6]])), 4)
    0.0414
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _REDUCTION,
        name: str = "binary_focal_crossentropy",
        dtype: Any = None,
    ):
        self._set_up(probabilistic.binary_focal_crossentropy, locals())

    _shown = ("from_logits", "label_smoothing", "axis", "apply_class_balancing", "alpha", "gamma")


class CategoricalCrossentropy(_NamedLoss):
    """The cross-entropy of one-hot labels; see `losses.categorical_crossentropy` for its arguments.

    >>> float(CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]))
    0.6931471824645996
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _REDUCTION,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ):
        self._set_up(probabilistic.categorical_crossentropy, locals())

    _shown = ("from_logits", "label_smoothing", "axis")


class CategoricalFocalCrossentropy(_NamedLoss):
    """The focal cross-entropy of one-hot labels; see `losses.categorical_focal_crossentropy` for its arguments.

    >>> loss = CategoricalFocalCrossentropy()
    >>> round(float(loss([[0.0, 1.0]], [[0.4, 0.6]])), 4)
    0.0204
    """

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _REDUCTION,
        name: str = "categorical_focal_crossentropy",
        dtype: Any = None,
    ):
        self._set_up(probabilistic.categorical_focal_crossentropy, locals())

    _shown = ("from_logits", "label_smoothing", "axis", "alpha", "gamma")


class SparseCategoricalCrossentropy(_NamedLoss):
    """The cross-entropy of class numbers; see `losses.sparse_categorical_crossentropy` for its arguments.

    >>> float(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]]))
    0.6931471824645996
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = _REDUCTION,
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
        label_smoothing: float = 0.0,
    ):
        self._set_up(probabilistic.sparse_categorical_crossentropy, locals())

    _shown = ("from_logits", "ignore_class")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this loss."""
        others = {"axis": -1, "label_smoothing": 0.0}
        changed = {name: self._fn_kwargs[name] for name, usual in others.items() if self._fn_kwargs[name] != usual}
        return {**super().get_config(), **changed}


class SparseCategoricalFocalCrossentropy(_NamedLoss):
    """The focal cross-entropy of class numbers; see `losses.sparse_categorical_focal_crossentropy` for its arguments.

    >>> loss = SparseCategoricalFocalCrossentropy()
    >>> round(float(loss([1], [[0.4, 0.6]])), 4)
    0.0204
    """

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
        reduction: str | None = _REDUCTION,
        name: str = "sparse_categorical_focal_crossentropy",
        dtype: Any = None,
    ):
        self._set_up(probabilistic.sparse_categorical_focal_crossentropy, locals())

    _shown = ("alpha", "gamma", "from_logits", "ignore_class", "axis")


class CategoricalGeneralizedCrossEntropy(_NamedLoss):
    """A cross-entropy that is robust to wrong labels; see `losses.categorical_generalized_cross_entropy`.

    Raises:
        ValueError: unless `0 < q < 1`.

    Example:

    >>> loss = CategoricalGeneralizedCrossEntropy(q=0.5)
    >>> round(float(loss([0, 1], [[0.9, 0.1], [0.4, 0.6]])), 4)
    0.2767
    """

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = _REDUCTION,
        name: str = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ):
        if not 0 < q < 1:
            raise ValueError(f"CategoricalGeneralizedCrossEntropy: q must lie between 0 and 1, exclusive; got {q}.")
        self._set_up(probabilistic.categorical_generalized_cross_entropy, locals())

    _shown = ("q",)


class Circle(_NamedLoss):
    """The circle loss of embeddings; see `losses.circle` for its arguments.

    >>> loss = Circle()
    >>> loss([0, 1, 0], [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]).shape
    ()
    """

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = _REDUCTION,
        name: str = "circle",
        dtype: Any = None,
    ):
        self._set_up(_margin.circle, locals())

    _shown = ("gamma", "margin", "remove_diagonal")

    def call(self, y_true: Any, y_pred: Any, ref_labels: Any = None, ref_embeddings: Any = None) -> Any:
        """Return one value a sample, against the batch or against reference embeddings."""
        return self.fn(y_true, y_pred, ref_labels, ref_embeddings, **self._fn_kwargs)


class Dice(_NamedLoss):
    """One minus the Dice coefficient; see `losses.dice` for `axis`.

    >>> loss = Dice()
    >>> round(float(loss([[1.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])), 4)
    0.3333
    """

    def __init__(self, reduction: str | None = _REDUCTION, name: str = "dice", axis: Any = None, dtype: Any = None):
        self._set_up(segmentation.dice, locals())

    _shown = ("axis",)


class Tversky(_NamedLoss):
    """One minus the Tversky index; see `losses.tversky` for its arguments.

    >>> loss = Tversky(alpha=0.3, beta=0.7)
    >>> round(float(loss([[1.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])), 4)
    0.4118
    """

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = _REDUCTION,
        name: str = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ):
        self._set_up(segmentation.tversky, locals())

    _shown = ("alpha", "beta", "axis")
