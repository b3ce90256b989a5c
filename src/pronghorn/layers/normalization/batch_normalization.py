"""`BatchNormalization`."""

from __future__ import annotations

import math
from typing import Any, Unpack

from pronghorn import ops
from pronghorn.layers import rows, settings
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.input_spec import InputSpec
from pronghorn.layers.layer import Layer


class BatchNormalization(Layer):
    """Each feature with mean zero and variance one: over the batch in training, by moving averages otherwise.

    A frozen layer (``trainable = False``) uses the moving averages in training too.

    Args:
        axis: the axis of the features.
        momentum: of the moving averages.
        epsilon: added to the variance.
        center: whether an offset ``beta`` is trained.
        scale: whether a factor ``gamma`` is trained.
        beta_initializer: how ``beta`` starts.
        gamma_initializer: how ``gamma`` starts.
        moving_mean_initializer: how the moving mean starts.
        moving_variance_initializer: how the moving variance starts.
        beta_regularizer: a function of ``beta`` that is added to the loss.
        gamma_regularizer: the same for ``gamma``.
        beta_constraint: applied to ``beta`` after each update.
        gamma_constraint: the same for ``gamma``.
        renorm: whether training corrects towards the moving averages (batch renormalization).
        renorm_clipping: limits ``rmin``, ``rmax`` and ``dmax`` of that correction.
        renorm_momentum: of the moving averages that renormalization uses.
        synchronized: accepted for compatibility.
        kwargs: those of `Layer`.

    Call arguments:
        inputs: an array.
        training: whether to use (and update from) the batch.
        mask: False where an element does not count.

    Raises:
        ValueError: if the inputs have no such axis, or if its extent is not known.

    Example:

    >>> BatchNormalization()(ops.ones((4, 3)), training=True).tolist()[0]
    [0.0, 0.0, 0.0]
    """

    _takes_rows = rows.MASKED_ROWS

    setting_names = (
        "axis",
        "momentum",
        "epsilon",
        "center",
        "scale",
        "beta_initializer",
        "gamma_initializer",
        "moving_mean_initializer",
        "moving_variance_initializer",
        "beta_regularizer",
        "gamma_regularizer",
        "beta_constraint",
        "gamma_constraint",
        "synchronized",
        "renorm",
        "renorm_momentum",
    )

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: dict[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(axis, (list, tuple)):
            if len(axis) != 1:
                raise ValueError(f"BatchNormalization: `axis` must be one integer, got axis={axis!r}.")
            axis = axis[0]
        axis, momentum = int(axis), float(momentum)
        settings.take_named(self, locals(), self.setting_names)
        self.renorm_clipping = dict(renorm_clipping or {})
        _check_limits(self.renorm_clipping)
        self.supports_masking = True
        self.gamma = self.beta = None

    def build(self, input_shape: Any) -> None:
        settings.check_axes(self, [self.axis], input_shape)
        extent = input_shape[self.axis]
        if extent is None:
            raise ValueError(
                f"Layer {self.name!r} (BatchNormalization): the extent of axis {self.axis} must be known, got an input "
                f"of shape {tuple(input_shape)}."
            )
        shape = (extent,)
        if self.scale:
            self.gamma = settings.weight(self, "gamma", shape, trainable=True, autocast=False)
        if self.center:
            self.beta = settings.weight(self, "beta", shape, trainable=True, autocast=False)
        self.moving_mean = self._statistic("moving_mean", self.moving_mean_initializer, shape)
        self.moving_variance = self._statistic("moving_variance", self.moving_variance_initializer, shape)
        if self.renorm:
            self.moving_stddev = self._statistic("moving_stddev", self._initial_stddev, shape)
            self.renorm_mean = self._statistic("renorm_mean", self.moving_mean_initializer, shape)
            self.renorm_stddev = self._statistic("renorm_stddev", self._initial_stddev, shape)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: extent})
        self._reduction_axes = [i for i in range(len(input_shape)) if i != self.axis % len(input_shape)]

    def _initial_stddev(self, shape: Any, dtype: Any = None) -> Any:
        return ops.sqrt(self.moving_variance_initializer(shape, dtype=dtype))

    def _statistic(self, name: str, initializer: Any, shape: Any) -> Any:
        return self.add_weight(shape=shape, name=name, initializer=initializer, trainable=False, autocast=False)

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        if mask is not None and len(mask.shape) != len(inputs.shape) - 1:
            raise ValueError(
                f"Layer {self.name!r} (BatchNormalization): the mask must have one axis less than the inputs, got a "
                f"mask of shape {tuple(mask.shape)} for inputs of shape {tuple(inputs.shape)}."
            )
        dtype = "float32" if self.compute_dtype in ("float16", "bfloat16") else self.compute_dtype
        x = ops.cast(inputs, dtype)
        mean, variance = ops.cast(self.moving_mean, dtype), ops.cast(self.moving_variance, dtype)
        gamma = None if self.gamma is None else ops.cast(self.gamma, dtype)
        beta = None if self.beta is None else ops.cast(self.beta, dtype)
        if training and self.trainable:
            batch_mean, batch_variance = self._moments(x, mask)
            if self.renorm:
                gamma, beta = self._renormalize(batch_mean, batch_variance, gamma, beta)
            self._move(self.moving_mean, batch_mean, self.momentum)
            if self.renorm:
                self._move(self.moving_stddev, ops.sqrt(batch_variance + self.epsilon), self.momentum)
                moved = ops.cast(self.moving_stddev.tensor, dtype)
                self.moving_variance.assign(ops.square(moved) - self.epsilon)
            else:
                self._move(self.moving_variance, batch_variance, self.momentum)
            mean, variance = batch_mean, batch_variance
        outputs = ops.batch_normalization(
            x, mean=mean, variance=variance, axis=self.axis, offset=beta, scale=gamma, epsilon=self.epsilon
        )
        return ops.cast(outputs, self.compute_dtype)

    def _move(self, statistic: Any, value: Any, momentum: float) -> None:
        kept = ops.cast(statistic, value.dtype)
        statistic.assign(kept * momentum + ops.stop_gradient(value) * (1.0 - momentum))

    def _moments(self, x: Any, mask: Any) -> tuple[Any, Any]:
        if mask is None:
            return ops.moments(x, axes=self._reduction_axes)
        weights = ops.expand_dims(ops.cast(mask, x.dtype), -1)
        weights = ops.broadcast_to(weights, x.shape)
        total = ops.sum(weights, axis=self._reduction_axes, keepdims=True) + 1e-7
        mean = ops.sum(weights * x, axis=self._reduction_axes, keepdims=True) / total
        variance = ops.sum(weights * ops.square(x - mean), axis=self._reduction_axes, keepdims=True) / total
        axes = tuple(self._reduction_axes)
        return ops.squeeze(mean, axes), ops.squeeze(variance, axes)

    def _renormalize(self, mean: Any, variance: Any, gamma: Any, beta: Any) -> tuple[Any, Any]:
        """Factor and offset corrected by how far the batch is from the moving averages."""
        stddev = ops.sqrt(variance + self.epsilon)
        r = stddev / ops.maximum(ops.cast(self.renorm_stddev, stddev.dtype), self.epsilon**0.5)
        d = (mean - ops.cast(self.renorm_mean, mean.dtype)) / ops.maximum(
            ops.cast(self.renorm_stddev, mean.dtype), self.epsilon**0.5
        )
        limits = self.renorm_clipping
        if "rmin" in limits:
            r = ops.maximum(r, limits["rmin"])
        if "rmax" in limits:
            r = ops.minimum(r, limits["rmax"])
        if "dmax" in limits:
            d = ops.clip(d, -limits["dmax"], limits["dmax"])
        r, d = ops.stop_gradient(r), ops.stop_gradient(d)
        self._move(self.renorm_mean, mean, self.renorm_momentum)
        self._move(self.renorm_stddev, stddev, self.renorm_momentum)
        offset = d if gamma is None else d * gamma
        return (r if gamma is None else r * gamma), (offset if beta is None else offset + beta)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), **settings.give(self, *self.setting_names)}
        return {**config, "renorm_clipping": self.renorm_clipping or None}


def _check_limits(clipping: dict[str, float]) -> None:
    """Refuse limits of the renormalization that mean nothing."""
    unknown = set(clipping) - {"rmin", "rmax", "dmax"}
    if unknown:
        problem = f"Received invalid keys {sorted(unknown)}; it may have rmin, rmax and dmax"
    elif clipping.get("rmax", math.inf) < clipping.get("rmin", -math.inf):
        problem = "rmax should be at least rmin"
    elif clipping.get("dmax", 0) < 0:
        problem = "dmax should be non-negative"
    else:
        return
    raise ValueError(f"BatchNormalization: {problem}, got renorm_clipping={clipping}.")
