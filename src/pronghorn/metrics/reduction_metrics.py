"""Sums and means over all samples."""

from __future__ import annotations

from typing import Any

from pronghorn import ops
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.losses.reduction import count, same_rank, weights_with_mask
from pronghorn.metrics.metric import Metric
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object
from pronghorn.utils.masking import get_mask


def by_sample(values: Any, sample_weight: Any, reduce: Any, dtype: str) -> tuple[Tensor, Tensor | None]:
    """Reduce values to one a sample, weighted.

    Args:
        values: a scalar, or shape `(batch, ...)`.
        sample_weight: None, or weights that fit the first axes of `values`.
        reduce: what to do along the other axes, `ops.mean` or `ops.sum`.
        dtype: the type of the results.

    Returns:
        The weighted values and the weights, both `(batch,)`.
    """
    mask = get_mask(values)
    values = ops.cast(ops.convert_to_tensor(values), dtype)
    weight = None if sample_weight is None else ops.cast(ops.convert_to_tensor(sample_weight), dtype)
    if weight is not None and mask is not None:
        weight = weights_with_mask(weight, mask, dtype, "sum")
    if weight is not None:
        values, weight = same_rank(values, weight)
        surplus = tuple(range(len(weight.shape), len(values.shape)))
        if surplus:
            values = reduce(values, axis=surplus)
        weight = ops.broadcast_to(weight, values.shape)
        values = values * weight
        if len(weight.shape) > 1:
            weight = reduce(weight, axis=tuple(range(1, len(weight.shape))))
    if len(values.shape) > 1:
        values = reduce(values, axis=tuple(range(1, len(values.shape))))
    return values, weight


class Sum(Metric):
    """The (weighted) sum of all values.

    >>> metric = Sum()
    >>> metric.update_state([1.0, 3.0])
    >>> float(metric.result())
    4.0
    """

    def __init__(self, name: str = "sum", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values."""
        values, _ = by_sample(values, sample_weight, ops.sum, self.dtype)
        self.total.assign_add(ops.sum(values))

    def result(self) -> Tensor:
        """Return the sum so far."""
        return ops.cast(self.total.tensor, self.dtype)


class Mean(Metric):
    """The (weighted) mean of all values.

    Args:
        name: its name in logs.
        dtype: the type of the state and the result.

    Raises:
        ValueError: by `update_state`, if weights cannot be broadcast to the values.

    >>> metric = Mean()
    >>> metric.update_state([1.0, 3.0], sample_weight=[3.0, 1.0])
    >>> float(metric.result())
    1.5
    """

    def __init__(self, name: str = "mean", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Take in values."""
        values, weight = by_sample(values, sample_weight, ops.mean, self.dtype)
        self.total.assign_add(ops.sum(values))
        self.count.assign_add(ops.sum(weight) if weight is not None else count(values.shape, self.dtype))

    def result(self) -> Tensor:
        """Return the mean so far, 0 where nothing came."""
        return ops.divide_no_nan(self.total.tensor, self.count.tensor)


class MeanMetricWrapper(Mean):
    """The mean of a function `fn(y_true, y_pred, **kwargs)`.

    Args:
        fn: the function; it gives a value for each sample.
        name: its name in logs.
        dtype: the type of the state.
        **kwargs: passed on to `fn`.

    >>> metric = MeanMetricWrapper(lambda y_true, y_pred: ops.abs(y_true - y_pred), name="distance")
    >>> metric.update_state(ops.ones(2), ops.zeros(2))
    >>> float(metric.result())
    1.0
    """

    def __init__(self, fn: Any, name: str | None = None, dtype: Any = None, **kwargs: Any):
        super().__init__(name=name, dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in targets and predictions; a mask that a layer left on the predictions is applied."""
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        mask = get_mask(y_pred)
        if mask is not None:
            if sample_weight is not None:
                sample_weight = ops.convert_to_tensor(sample_weight)
            sample_weight = weights_with_mask(sample_weight, mask, self.dtype, "sum")
        super().update_state(values, sample_weight=sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this metric."""
        own = {"fn": serialize_keras_object(self._fn), **serialize_keras_object(self._fn_kwargs)}
        return {"name": self.name, "dtype": self.dtype, **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """Build a metric from `get_config`'s result."""
        if "fn" in config:
            config = {**config, "fn": deserialize_keras_object(config["fn"])}
        return cls(**config)


class OwnFunction(MeanMetricWrapper):
    """The mean of a function that the class chooses: what rebuilds it are a name and a type."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that rebuild this metric."""
        return {"name": self.name, "dtype": self.dtype}
