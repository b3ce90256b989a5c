"""Intersection over union, for segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pronghorn import ops
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.user_code import warn
from pronghorn.metrics.metric import Metric


def confusion_matrix(labels: Tensor, predictions: Tensor, weights: Tensor, num_classes: int) -> Tensor:
    """The weight with which class `i` was predicted as class `j`, shape `(num_classes, num_classes)`."""
    cell = ops.cast(labels, "int32") * num_classes + ops.cast(predictions, "int32")
    total = ops.segment_sum(weights, cell, num_segments=num_classes * num_classes)
    return ops.reshape(total, (num_classes, num_classes))


class _IoUBase(Metric):
    """A confusion matrix collected over batches."""

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(name=name, dtype=dtype or "int32")
        self._direction = "up"
        self.num_classes, self.ignore_class, self.axis = num_classes, ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.total_cm = self.add_variable((num_classes, num_classes), "zeros", name="total_confusion_matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in labels and predictions."""
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        if not self.sparse_y_true:
            y_true = ops.argmax(y_true, axis=self.axis)
        if not self.sparse_y_pred:
            y_pred = ops.argmax(y_pred, axis=self.axis)
        # in the type of the counts, in which NaN is class 0 if that is an integer, and no class otherwise
        y_true, y_pred = (ops.reshape(ops.cast(labels, self.dtype), (-1,)) for labels in (y_true, y_pred))
        weight = ops.ones_like(y_true) if sample_weight is None else self._weight_of_each(sample_weight, y_true)
        counts = self._is_class(y_true) & self._is_class(y_pred)
        if self.ignore_class is not None:
            counts = counts & (y_true != ops.cast(self.ignore_class, self.dtype))
        # what does not count goes to class 0 with weight 0, since the number of samples stays fixed
        parts = (ops.where(counts, part, ops.zeros_like(part)) for part in (y_true, y_pred, weight))
        self.total_cm.assign_add(confusion_matrix(*parts, self.num_classes))

    def _is_class(self, labels: Tensor) -> Tensor:
        return (labels >= 0) & (labels < self.num_classes)

    def _weight_of_each(self, sample_weight: Any, labels: Tensor) -> Tensor:
        """A weight for each label, in the type of the counts."""
        weight = ops.convert_to_tensor(sample_weight)
        if dtypes.is_float(weight.dtype) and not dtypes.is_float(self.dtype):
            warn(
                f"{type(self).__name__}: the sample weights are float, the counts {self.dtype} (int): casting cuts "
                "off their fractions. Give the metric dtype='float32'."
            )
        weight = ops.reshape(ops.cast(weight, self.dtype), (-1,))
        given, needed = weight.shape[0], labels.shape[0]
        if given == needed:
            return weight
        if given != 1:
            raise ValueError(
                f"{type(self).__name__}: `sample_weight` needs a weight for each label, {needed} in all, or a single "
                f"one; got shape {tuple(ops.shape(sample_weight))}."
            )
        return ops.broadcast_to(weight, labels.shape)

    def _by_class(self) -> tuple[Tensor, Tensor]:
        """Intersections and unions, one a class."""
        matrix = ops.cast(self.total_cm.tensor, "float32")
        hits = ops.diagonal(matrix)
        return hits, ops.sum(matrix, axis=0) + ops.sum(matrix, axis=1) - hits


class IoU(_IoUBase):
    """The mean over some classes of intersection by union.

    Args:
        num_classes: number of classes.
        target_class_ids: the classes that count.
        name: its name in logs.
        dtype: the type of the state, int32 by default; a float type for fractional weights.
        ignore_class: a class number of the labels that is left out, such as -1 or 255.
        sparse_y_true: whether labels are class numbers rather than one-hot.
        sparse_y_pred: whether predictions are class numbers rather than scores.
        axis: the axis of the classes, where they are not.

    >>> metric = IoU(num_classes=2, target_class_ids=[0])
    >>> metric.update_state([0, 0, 1, 1], [0, 1, 0, 1])
    >>> round(float(metric.result()), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)
        if len(target_class_ids) == 0:
            raise ValueError(f"{type(self).__name__}: `target_class_ids` is empty; name the classes that count.")
        outside = [i for i in target_class_ids if not 0 <= i < num_classes]
        if outside:
            raise ValueError(
                f"{type(self).__name__}: target class {outside[0]} is out of range; with {num_classes} classes the "
                f"numbers are 0 to {num_classes - 1}."
            )
        self.target_class_ids = list(target_class_ids)

    def result(self) -> Tensor:
        """Return the value so far."""
        hits, union = self._by_class()
        chosen = ops.convert_to_tensor(self.target_class_ids, dtype="int32")
        hits, union = ops.take(hits, chosen, axis=0), ops.take(union, chosen, axis=0)
        occurring = ops.sum(ops.cast(union > 0, "float32"))
        return ops.divide_no_nan(ops.sum(ops.divide_no_nan(hits, union)), occurring)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this metric."""
        return {
            "num_classes": self.num_classes,
            "target_class_ids": self.target_class_ids,
            "ignore_class": self.ignore_class,
            "sparse_y_true": self.sparse_y_true,
            "sparse_y_pred": self.sparse_y_pred,
            "axis": self.axis,
            "name": self.name,
            "dtype": self.dtype,
        }


class BinaryIoU(IoU):
    """The mean of intersection by union of classes 0 and 1, from probabilities.

    Args:
        target_class_ids: the classes that count.
        threshold: probabilities from here on are class 1.
        name: its name in logs.
        dtype: the type of the state.

    Example:

    >>> metric = BinaryIoU(target_class_ids=[1])
    >>> metric.update_state([1, 0, 1], [0.9, 0.6, 0.8])
    >>> round(float(metric.result()), 4)
    0.6667
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(num_classes=2, target_class_ids=target_class_ids, name=name, dtype=dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in labels and probabilities."""
        y_pred = ops.convert_to_tensor(y_pred)
        if not dtypes.is_float(y_pred.dtype):
            y_pred = ops.cast(y_pred, "float32")
        super().update_state(y_true, ops.cast(y_pred >= self.threshold, "int32"), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this metric."""
        return {
            "target_class_ids": self.target_class_ids,
            "threshold": self.threshold,
            "name": self.name,
            "dtype": self.dtype,
        }


class MeanIoU(IoU):
    """The mean over all classes of intersection by union; see `IoU` for its arguments.

    >>> metric = MeanIoU(num_classes=2)
    >>> metric.update_state([0, 0, 1, 1], [0, 1, 0, 1])
    >>> round(float(metric.result()), 4)
    0.3333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(num_classes, range(num_classes), name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this metric."""
        config = super().get_config()
        del config["target_class_ids"]
        return config


class OneHotIoU(IoU):
    """`IoU` for one-hot labels; see there for its arguments.

    >>> metric = OneHotIoU(num_classes=2, target_class_ids=[1])
    >>> metric.update_state([[1, 0], [0, 1]], [[0.9, 0.1], [0.4, 0.6]])
    >>> float(metric.result())
    1.0
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this metric."""
        config = super().get_config()
        del config["sparse_y_true"]
        return config


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` for one-hot labels; see `IoU` for its arguments.

    >>> metric = OneHotMeanIoU(num_classes=2)
    >>> metric.update_state([[1, 0], [0, 1]], [[0.9, 0.1], [0.4, 0.6]])
    >>> float(metric.result())
    1.0
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this metric."""
        config = super().get_config()
        del config["sparse_y_true"]
        return config
