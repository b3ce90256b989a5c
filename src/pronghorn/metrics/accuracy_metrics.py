"""How often predictions are right."""

from __future__ import annotations

from typing import Any

from pronghorn import config, ops
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.losses.reduction import same_rank
from pronghorn.metrics.reduction_metrics import MeanMetricWrapper, OwnFunction


def accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where predictions equal the labels."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true, y_pred = same_rank(ops.convert_to_tensor(y_true, dtype=y_pred.dtype), y_pred)
    return ops.cast(ops.equal(y_true, y_pred), config.floatx())


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    """1 where the answer is right, for labels 0 and 1.

    Args:
        y_true: labels.
        y_pred: probabilities of the same shape.
        threshold: from where on, exclusive, a probability counts as 1.

    >>> binary_accuracy([[1.0, 0.0]], [[0.9, 0.7]]).numpy()
    array([[1., 0.]], dtype=float32)
    """
    y_true, y_pred = same_rank(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred))
    if not dtypes.is_float(y_pred.dtype):
        y_pred = ops.cast(y_pred, config.floatx())
    answers = ops.cast(y_pred > ops.cast(threshold, y_pred.dtype), y_true.dtype)
    return ops.cast(ops.equal(y_true, answers), config.floatx())


def _matches(right: Tensor, answers: Tensor) -> Tensor:
    return ops.cast(ops.equal(ops.cast(right, answers.dtype), answers), config.floatx())


def categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where the largest score is that of the right class, for one-hot labels.

    >>> categorical_accuracy([[0.0, 1.0]], [[0.1, 0.9]]).numpy()
    array([1.], dtype=float32)
    """
    y_true, y_pred = same_rank(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred))
    return _matches(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1))


def _class_numbers(y_true: Any, y_pred: Tensor) -> Tensor:
    """Class numbers with one axis less than the scores."""
    y_true = ops.convert_to_tensor(y_true)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    return y_true


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where the largest score is that of the right class, for class numbers.

    >>> sparse_categorical_accuracy([1], [[0.1, 0.9]]).numpy()
    array([1.], dtype=float32)
    """
    y_pred = ops.convert_to_tensor(y_pred)
    return _matches(_class_numbers(y_true, y_pred), ops.argmax(y_pred, axis=-1))


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Tensor:
    """1 where the right class is among the `k` largest scores, for one-hot labels.

    >>> top_k_categorical_accuracy([[1, 0, 0], [0, 1, 0]], [[0.3, 0.2, 0.5], [0.5, 0.2, 0.3]], k=2).numpy()
    array([1., 0.], dtype=float32)
    """
    return _in_top(ops.argmax(ops.convert_to_tensor(y_true), axis=-1), ops.convert_to_tensor(y_pred), k)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Tensor:
    """1 where the right class is among the `k` largest scores, for class numbers.

    Args:
        y_true: class numbers, shape `(batch, ...)`.
        y_pred: scores, shape `(batch, ..., classes)`; or class numbers, best first, with `from_sorted_ids`.
        k: see above.
        from_sorted_ids: see above.

    Example:

    >>> sparse_top_k_categorical_accuracy([0, 1], [[0.3, 0.2, 0.5], [0.5, 0.2, 0.3]], k=2).numpy()
    array([1., 0.], dtype=float32)
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = _class_numbers(y_true, y_pred)
    if not from_sorted_ids:
        return _in_top(y_true, y_pred, k)
    best = y_pred[..., :k]
    found = ops.equal(ops.expand_dims(ops.cast(y_true, best.dtype), -1), best)
    return ops.cast(ops.any(found, axis=-1), config.floatx())


def _in_top(right: Tensor, scores: Tensor, k: int) -> Tensor:
    """Whether fewer than `k` scores are larger than that of the right class; ties count as right."""
    return ops.cast(ops.in_top_k(right, scores, k), config.floatx())


class Accuracy(OwnFunction):
    """How often predictions equal the labels.

    Args:
        name: its name in logs.
        dtype: the type of the state and the result.

    Raises:
        ValueError: by `update_state`, if the shapes of labels and predictions cannot be broadcast together.

    >>> metric = Accuracy()
    >>> metric.update_state([[1], [2]], [[1], [3]])
    >>> float(metric.result())
    0.5
    """

    def __init__(self, name: str = "accuracy", dtype: Any = None):
        super().__init__(fn=accuracy, name=name, dtype=dtype)
        self._direction = "up"


class BinaryAccuracy(MeanMetricWrapper):
    """How often answers are right, for labels 0 and 1.

    Args:
        name: its name in logs.
        dtype: the type of the state.
        threshold: above which a score counts as 1: 0.5 for probabilities, 0 for logits.

    Example:

    >>> metric = BinaryAccuracy()
    >>> metric.update_state([1, 0, 1], [0.9, 0.6, 0.8])
    >>> round(float(metric.result()), 4)
    0.6667
    """

    def __init__(self, name: str = "binary_accuracy", dtype: Any = None, threshold: float | None = 0.5):
        super().__init__(fn=binary_accuracy, name=name, dtype=dtype, threshold=threshold)
        self.threshold = threshold
        self._direction = "up"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this metric."""
        return {"name": self.name, "dtype": self.dtype, "threshold": self.threshold}


class CategoricalAccuracy(OwnFunction):
    """How often the largest score is that of the right class, for one-hot labels.

    >>> metric = CategoricalAccuracy()
    >>> metric.update_state([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]])
    >>> float(metric.result())
    0.5
    """

    def __init__(self, name: str = "categorical_accuracy", dtype: Any = None):
        super().__init__(fn=categorical_accuracy, name=name, dtype=dtype)
        self._direction = "up"


class SparseCategoricalAccuracy(OwnFunction):
    """How often the largest score is that of the right class, for class numbers.

    >>> metric = SparseCategoricalAccuracy()
    >>> metric.update_state([1, 0], [[0.2, 0.8], [0.3, 0.7]])
    >>> float(metric.result())
    0.5
    """

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: Any = None):
        super().__init__(fn=sparse_categorical_accuracy, name=name, dtype=dtype)
        self._direction = "up"


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the right class is among the `k` largest scores, for one-hot labels.

    >>> metric = TopKCategoricalAccuracy(k=2)
    >>> metric.update_state([[1, 0, 0], [0, 1, 0]], [[0.3, 0.2, 0.5], [0.5, 0.2, 0.3]])
    >>> float(metric.result())
    0.5
    """

    def __init__(self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: Any = None):
        super().__init__(fn=top_k_categorical_accuracy, name=name, dtype=dtype, k=k)
        self.k = k
        self._direction = "up"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this metric."""
        return {"name": self.name, "dtype": self.dtype, "k": self.k}


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the right class is among the `k` largest scores, for class numbers.

    Args:
        k: see above.
        name: its name in logs.
        dtype: the type of the state.
        from_sorted_ids: whether predictions are class numbers, best first, rather than scores.

    Example:

    >>> metric = SparseTopKCategoricalAccuracy(k=2)
    >>> metric.update_state([0, 1], [[0.3, 0.2, 0.5], [0.5, 0.2, 0.3]])
    >>> float(metric.result())
    0.5
    """

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ):
        super().__init__(
            fn=sparse_top_k_categorical_accuracy, name=name, dtype=dtype, k=k, from_sorted_ids=from_sorted_ids
        )
        self.k = k
        self.from_sorted_ids = from_sorted_ids
        self._direction = "up"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this metric."""
        config = {"name": self.name, "dtype": self.dtype, "k": self.k}
        return {**config, "from_sorted_ids": True} if self.from_sorted_ids else config
