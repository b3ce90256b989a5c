"""Normalizations of each sample: by layer, by group, by root mean square, to unit length."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from pronghorn import ops
from pronghorn.layers import rows, settings
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.input_spec import InputSpec
from pronghorn.layers.layer import Layer
from pronghorn.utils.arguments import is_axes

_SETTINGS = (
    "axis",
    "epsilon",
    "center",
    "scale",
    "beta_initializer",
    "gamma_initializer",
    "beta_regularizer",
    "gamma_regularizer",
    "beta_constraint",
    "gamma_constraint",
)


class _Affine(Layer):
    """Base: a factor ``gamma`` and an offset ``beta`` that are trained."""

    def _take(self, values: dict[str, Any]) -> None:
        """Take over a constructor's arguments, given its ``locals()``."""
        settings.take_named(self, values, _SETTINGS)
        self.supports_masking = True
        self.gamma = self.beta = None

    def _add_affine(self, shape: tuple[int, ...]) -> None:
        if self.scale:
            self.gamma = settings.weight(self, "gamma", shape, trainable=True, autocast=False)
        if self.center:
            self.beta = settings.weight(self, "beta", shape, trainable=True, autocast=False)

    def _wide(self) -> str:
        """The type to compute in: statistics need more digits than the small types have."""
        return "float32" if self.compute_dtype in ("float16", "bfloat16") else self.compute_dtype

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **settings.give(self, *_SETTINGS)}


class LayerNormalization(_Affine):
    """Each sample with mean zero and variance one along an axis, or several.

    Args:
        axis: the axis or axes.
        epsilon: added to the variance.
        center: whether an offset ``beta`` is trained.
        scale: whether a factor ``gamma`` is trained.
        beta_initializer: how ``beta`` starts.
        gamma_initializer: how ``gamma`` starts.
        beta_regularizer: a function of ``beta`` that is added to the loss.
        gamma_regularizer: the same for ``gamma``.
        beta_constraint: applied to ``beta`` after each update.
        gamma_constraint: the same for ``gamma``.
        kwargs: those of `Layer`.

    Call arguments:
        inputs: an array; the result has its shape.

    Raises:
        ValueError: if the inputs have no such axis.

    Example:

    >>> LayerNormalization()(ops.convert_to_tensor([[1.0, 1.0]])).tolist()
    [[0.0, 0.0]]
    """

    _takes_rows = rows.LAST

    def __init__(
        self,
        axis: Any = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Unpack[LayerArguments],
    ) -> None:
        self_rms_scaling = kwargs.pop("rms_scaling", False)
        super().__init__(**kwargs)
        self.rms_scaling = self_rms_scaling  # an old option: only the scale is normalized
        if not is_axes(axis):
            raise TypeError(
                f"LayerNormalization: 'axis' names the axes to normalize over, an int or several; got "
                f"axis={axis!r}, of type {type(axis).__name__}."
            )
        axis = axis if isinstance(axis, int) else list(axis) if np.ndim(axis) else int(axis)
        self._take(locals())

    def build(self, input_shape: Any) -> None:
        self.axis = [self.axis] if isinstance(self.axis, int) else self.axis
        settings.check_axes(self, self.axis, input_shape)
        axes = sorted(a % len(input_shape) for a in self.axis)
        if self.rms_scaling:
            self.center, self.scale = False, True
        self._add_affine(tuple(input_shape[a] for a in axes))
        self._axes = axes

    def call(self, inputs: Any) -> Any:
        x = ops.cast(inputs, self._wide())
        mean, variance = ops.moments(x, axes=self._axes, keepdims=True)
        outputs = (x if self.rms_scaling else x - mean) * ops.rsqrt(variance + self.epsilon)
        # Where the normalized axes are the last ones, gamma and beta broadcast as they are.
        rank = len(inputs.shape)
        shape = tuple(inputs.shape[a] if a in self._axes else 1 for a in range(min(self._axes), rank))
        if self.gamma is not None:
            outputs = outputs * ops.reshape(ops.cast(self.gamma, x.dtype), shape)
        if self.beta is not None:
            outputs = outputs + ops.reshape(ops.cast(self.beta, x.dtype), shape)
        return ops.cast(outputs, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rms_scaling": self.rms_scaling}


class GroupNormalization(_Affine):
    """Each group of features of a sample with mean zero and variance one.

    Args:
        groups: how many groups the features are split into; -1: each feature by itself.
        axis: the axis of the features.
        epsilon: added to the variance.
        center: whether an offset ``beta`` is trained.
        scale: whether a factor ``gamma`` is trained.
        beta_initializer: how ``beta`` starts.
        gamma_initializer: how ``gamma`` starts.
        beta_regularizer: a function of ``beta`` that is added to the loss.
        gamma_regularizer: the same for ``gamma``.
        beta_constraint: applied to ``beta`` after each update.
        gamma_constraint: the same for ``gamma``.
        kwargs: those of `Layer`.

    Example:

    >>> GroupNormalization(groups=2)(ops.ones((1, 3, 4))).shape
    (1, 3, 4)
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.autocast = False  # large inputs must not overflow before they are normalized
        self.groups = groups if groups == -1 else settings.positive(groups, "GroupNormalization", "groups")
        self._take(locals())

    def build(self, input_shape: Any) -> None:
        settings.check_axes(self, [self.axis], input_shape)
        extent = input_shape[self.axis]
        if extent is None:
            raise ValueError(
                f"Layer {self.name!r} (GroupNormalization): the extent of axis {self.axis} must be known, got an "
                f"input of shape {tuple(input_shape)}."
            )
        if self.groups == -1:
            self.groups = extent
        if extent < self.groups:
            raise ValueError(
                f"Layer {self.name!r} (GroupNormalization): {extent} channels along axis {self.axis} are too few for "
                f"groups={self.groups}; each group has at least one."
            )
        if extent % self.groups:
            raise ValueError(
                f"Layer {self.name!r} (GroupNormalization): {self.groups} groups: the channels "
                f"({extent}) must be a multiple of that."
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: extent})
        self._add_affine((extent,))

    def call(self, inputs: Any) -> Any:
        x = ops.cast(inputs, self._wide())
        shape, rank = tuple(inputs.shape), len(inputs.shape)
        axis = self.axis % rank
        grouped = (*shape[:axis], self.groups, shape[axis] // self.groups, *shape[axis + 1 :])
        parts = ops.reshape(x, grouped)
        axes = [i for i in range(1, rank + 1) if i != axis]
        mean, variance = ops.moments(parts, axes=axes, keepdims=True)
        outputs = ops.reshape((parts - mean) * ops.rsqrt(variance + self.epsilon), shape)
        per_feature = tuple(shape[axis] if i == axis else 1 for i in range(axis, rank))
        if self.gamma is not None:
            outputs = outputs * ops.reshape(ops.cast(self.gamma, x.dtype), per_feature)
        if self.beta is not None:
            outputs = outputs + ops.reshape(ops.cast(self.beta, x.dtype), per_feature)
        return ops.cast(outputs, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "groups": self.groups}


class RMSNormalization(Layer):
    """Each sample divided by its root mean square along an axis, times a trained factor.

    Args:
        axis: the axis or axes.
        epsilon: added to the mean square.
        kwargs: those of `Layer`.

    Example:

    >>> RMSNormalization()(ops.convert_to_tensor([[2.0, 2.0]])).numpy().round(3).tolist()
    [[1.0, 1.0]]
    """

    _takes_rows = rows.LAST

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(**kwargs)
        self.axis, self.epsilon = axis, epsilon

    def build(self, input_shape: Any) -> None:
        self.axis = [self.axis] if isinstance(self.axis, int) else list(self.axis)
        settings.check_axes(self, self.axis, input_shape)
        self.scale = self.add_weight(
            name="scale", shape=tuple(input_shape[a] for a in self.axis), initializer="ones", autocast=False
        )

    def call(self, inputs: Any) -> Any:
        return ops.rms_normalization(inputs, scale=self.scale, axis=self.axis, epsilon=self.epsilon)

    def compute_output_shape(self, input_shape: Any) -> Any:
        axes = (self.axis,) if isinstance(self.axis, int) else tuple(self.axis)
        if any(not -len(input_shape) <= a < len(input_shape) for a in axes):
            raise ValueError(
                f"Layer {self.name!r} (RMSNormalization): axis={self.axis} is out of range for an input of shape "
                f"{tuple(input_shape)}."
            )
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}


class UnitNormalization(Layer):
    """Each sample scaled to length one along an axis, or several.

    Args:
        axis: the axis or axes.
        kwargs: those of `Layer`.

    Example:

    >>> UnitNormalization()(ops.convert_to_tensor([[0.0, 4.0]])).tolist()
    [[0.0, 1.0]]
    """

    _takes_rows = rows.LAST

    def __init__(self, axis: Any = -1, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(**kwargs)
        if isinstance(axis, (list, tuple)):
            axis = list(axis)
        elif not isinstance(axis, int):
            raise TypeError(
                f"UnitNormalization: `axis` must be one axis, or a list or tuple of axes, got axis={axis!r}."
            )
        self.axis = axis
        self.supports_masking = True
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        return ops.normalize(inputs, axis=self.axis, order=2, epsilon=1e-12)

    def compute_output_shape(self, input_shape: Any) -> Any:
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        if any(not -len(input_shape) <= a < len(input_shape) for a in axes):
            raise ValueError(
                f"Layer {self.name!r} (UnitNormalization): axis={self.axis} is out of range for an input of shape "
                f"{tuple(input_shape)}."
            )
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
