"""`Normalization`: features with mean 0 and variance 1."""

from __future__ import annotations

import math
from typing import Any, Unpack

import numpy as np

from pronghorn import config, ops
from pronghorn.engine.graph.dim import Dim
from pronghorn.layers import rows
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.preprocessing.batches import batches_of, is_one_array, to_array, warn_of_nan
from pronghorn.layers.preprocessing.data_layer import DataLayer


class Normalization(DataLayer):
    """``(inputs - mean) / sqrt(variance)``, with a mean and variance that are given or learned with `adapt`.

    Args:
        axis: the axis or axes whose indices each have a mean and variance of their own; None for one of each in all.
        mean: the mean or means, if not learned; broadcast to the kept axes. ``variance`` has to be given too.
        variance: the variances.
        invert: whether to undo the normalization instead.
        kwargs: those of `Layer`.

    Raises:
        ValueError: if only one of ``mean`` and ``variance`` is given; when built, if an axis does not fit the inputs.

    Example:

    >>> import numpy as np
    >>> layer = Normalization()
    >>> layer.adapt(np.array([[0.0, 7.0], [2.0, 9.0]]))
    >>> layer(np.array([[1.0, 10.0]])).tolist()
    [[0.0, 2.0]]
    """

    _takes_rows = rows.EACH

    def __init__(
        self,
        axis: Any = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.invert = invert
        if (mean is None) != (variance is None):
            raise ValueError(
                f"Normalization: `mean` and `variance` go together, got mean={mean} and variance={variance}. Give "
                "both, or neither and call adapt()."
            )
        self.input_mean = None if mean is None else to_array(mean)
        self.input_variance = None if variance is None else to_array(variance)
        self.supports_masking = True
        self._mean_shape: tuple[int, ...] = ()

    # -- state ------------------------------------------------------------------------------------------------------
    def build(self, input_shape: Any = None) -> None:
        if input_shape is None:
            return
        rank = len(input_shape)
        if any(a < -rank or a >= rank for a in self.axis):
            raise ValueError(
                f"Normalization: inputs of {rank} axes have none of some numbers in axis={self.axis}. Use axis=None "
                "for one mean and variance over everything."
            )
        self._keep_axis = tuple(sorted(a % rank for a in self.axis))
        for axis in self._keep_axis:
            if input_shape[axis] is None:
                raise ValueError(
                    f"Normalization: an axis with a mean of its own for each entry needs a known length, but inputs of "
                    f"shape {tuple(input_shape)} have none at index {axis} of axis={self.axis}."
                )
        self._reduce_axis = tuple(a for a in range(rank) if a not in self._keep_axis)
        self._broadcast_shape = tuple(input_shape[a] if a in self._keep_axis else 1 for a in range(rank))
        self._mean_shape = tuple(input_shape[a] for a in self._keep_axis)
        if self.input_mean is None:
            self._add_weights()
        else:
            self._check_given()
        self.built = True

    def _add_weights(self) -> None:
        def fixed(name: str, shape: Any, start: str, **options: Any) -> Any:
            return self.add_weight(shape, start, name=name, trainable=False, **options)

        self.adapt_mean = fixed("mean", self._mean_shape, "zeros")
        self.adapt_variance = fixed("variance", self._mean_shape, "ones")
        self.count = fixed("count", (), "zeros", dtype="int64")

    def _check_given(self) -> None:
        for name, value in (("mean", self.input_mean), ("variance", self.input_variance)):
            try:
                self._placed(value)
            except ValueError:
                raise ValueError(
                    f"Normalization: `{name}` of shape {value.shape} cannot be broadcast to the kept axes of the "
                    f"inputs, of shape {self._mean_shape}."
                ) from None

    def _placed(self, value: np.ndarray) -> np.ndarray:
        """Given means or variances, with extents of one for the axes that they are over."""
        try:
            return np.broadcast_to(value, self._mean_shape).reshape(self._broadcast_shape)
        except ValueError:
            return np.broadcast_to(value, self._broadcast_shape)

    def _statistic(self, given: np.ndarray | None, learned: str) -> Any:
        if given is not None:
            value = given.astype(self.compute_dtype)
            return ops.convert_to_tensor(np.ascontiguousarray(self._placed(value)) if self.built else value)
        if not self.built:
            return None
        return ops.cast(ops.reshape(getattr(self, learned).tensor, self._broadcast_shape), self.compute_dtype)

    @property
    def mean(self) -> Any:
        """The mean or means, with ones for the axes that they are over; None while there are none."""
        return self._statistic(self.input_mean, "adapt_mean")

    @property
    def variance(self) -> Any:
        """The variances, likewise."""
        return self._statistic(self.input_variance, "adapt_variance")

    def adapt(self, data: Any) -> None:
        """Learn mean and variance; what was learned before is forgotten.

        Args:
            data: an array of samples, a data set or another iterable of batches.

        Raises:
            ValueError: if there is no data, or mean and variance were given to the constructor.
        """
        if self.input_mean is not None:
            raise ValueError(
                "Normalization: cannot adapt() a layer that was given `mean` and `variance`. Make one without them."
            )
        moments, gaps, total = None, 0, 0
        for batch in [to_array(data)] if is_one_array(data) else batches_of(data, layer="Normalization.adapt"):
            if not self.built:
                self._build_for(batch)
            found = self._moments_of(batch)
            moments, total = _combine(moments, found), total + batch.size
            if np.isnan(found[1]).any():
                gaps = gaps + np.isnan(batch).sum(self._reduce_axis)
        if moments is None:
            raise ValueError("Normalization: adapt() was given no data, but an empty iterable.")
        count, mean, variance = moments
        self.adapt_mean.assign(mean.astype(self.adapt_mean.dtype))
        self.adapt_variance.assign(variance.astype(self.adapt_variance.dtype))
        self.count.assign(count)
        if self._keep_axis != (len(self._broadcast_shape) - 1,):
            gaps = np.sum(gaps)  # what is kept are no columns
        warn_of_nan(self, gaps, total, "The mean and variance are NaN there, and so is all that comes out there.")

    def _build_for(self, batch: np.ndarray) -> None:
        keep = [a % batch.ndim for a in self.axis if -batch.ndim <= a < batch.ndim]
        self.build(tuple(n if i in keep else None for i, n in enumerate(batch.shape)))

    def _moments_of(self, batch: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
        if batch.dtype.kind not in "fiub" and batch.dtype.name != "bfloat16":
            raise ValueError(f"Normalization: adapt() needs numbers, got an array of {batch.dtype}.")
        if (
            batch.ndim != len(self._broadcast_shape)
            or tuple(batch.shape[a] for a in self._keep_axis) != self._mean_shape
        ):
            raise ValueError(
                f"Normalization: adapt() was given an array of an incompatible shape, {batch.shape}: the layer was "
                f"built for {len(self._broadcast_shape)} axes, of extents {self._mean_shape} along {self._keep_axis}."
            )
        count = math.prod(batch.shape[a] for a in self._reduce_axis)
        if count == 0:
            return 0, np.zeros(self._mean_shape), np.ones(self._mean_shape)
        wide = batch.astype("float64", copy=False)
        return count, wide.mean(self._reduce_axis), wide.var(self._reduce_axis)

    def finalize_state(self) -> None:
        """Nothing is left to do: mean and variance are read from the weights."""

    # -- computation ------------------------------------------------------------------------------------------------
    def call(self, inputs: Any) -> Any:
        self._check_extents(inputs.shape)
        x = ops.cast(inputs, self.compute_dtype)
        deviation = ops.maximum(ops.sqrt(self.variance), config.epsilon())
        return x * deviation + self.mean if self.invert else (x - self.mean) / deviation

    def _check_extents(self, shape: Any) -> None:
        if len(shape) != len(self._broadcast_shape):
            return  # broadcast, from the last axis on
        kept = [shape[axis] for axis in self._keep_axis]
        if all(a == b or 1 in (a, b) or isinstance(a, Dim) for a, b in zip(kept, self._mean_shape)):
            return
        raise ValueError(
            f"Normalization: the layer was built for inputs with {len(self._broadcast_shape)} axes, of extents "
            f"{self._mean_shape} along the axes {self._keep_axis}, each with a mean of its own; got inputs of shape "
            f"{tuple(shape)}. Adapt a layer to data of this shape."
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        def plain(value: np.ndarray | None) -> Any:
            return None if value is None else value.tolist()

        return {
            **super().get_config(),
            "axis": self.axis or None,
            "invert": self.invert,
            "mean": plain(self.input_mean),
            "variance": plain(self.input_variance),
        }


def _combine(a: Any, b: tuple[int, np.ndarray, np.ndarray]) -> tuple[int, np.ndarray, np.ndarray]:
    """Count, mean and variance of two sets of samples together."""
    if a is None or a[0] == 0:
        return b
    if b[0] == 0:
        return a
    (m, mean_a, var_a), (n, mean_b, var_b) = a, b
    share = n / (m + n)
    mean = mean_a + (mean_b - mean_a) * share
    variance = (var_a + (mean_a - mean) ** 2) * (1 - share) + (var_b + (mean_b - mean) ** 2) * share
    return m + n, mean, variance
