"""Pooling over all of space, and over all of time with masks."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import config, ops
from pronghorn.layers import rows
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.convolutional.base import spatial_axes
from pronghorn.layers.input_spec import InputSpec
from pronghorn.layers.layer import Layer


class BaseGlobalPooling(Layer):
    """What global pooling layers share.

    Args:
        rank: the number of spatial axes.
        data_format: ``"channels_last"`` or ``"channels_first"``; the default one if None.
        keepdims: whether the pooled axes stay, with extent one.
        kwargs: those of `Layer`.
    """

    def __init__(self, rank: int, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rank = rank
        self.data_format = config.standardize_data_format(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=rank + 2)
        self._build_at_init()

    @property
    def _axes(self) -> tuple[int, ...]:
        return tuple(spatial_axes(self.data_format, self.rank))

    def compute_output_shape(self, input_shape: Any) -> Any:
        axes = self._axes
        if self.keepdims:
            return tuple(1 if i in axes else d for i, d in enumerate(input_shape))
        return tuple(d for i, d in enumerate(input_shape) if i not in axes)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format, "keepdims": self.keepdims}


class _Average(BaseGlobalPooling):
    def call(self, inputs: Any) -> Any:
        return ops.mean(inputs, axis=self._axes, keepdims=self.keepdims)


class _Max(BaseGlobalPooling):
    def call(self, inputs: Any) -> Any:
        return ops.max(inputs, axis=self._axes, keepdims=self.keepdims)


class GlobalAveragePooling1D(BaseGlobalPooling):
    """The mean over the steps of a sequence; steps that are masked do not count.

    Args:
        data_format: ``"channels_last"`` or ``"channels_first"``; the default one if None.
        keepdims: whether the axis of the steps stays, with extent one.
        kwargs: those of `Layer`.

    Example:

    >>> GlobalAveragePooling1D()(ops.ones((2, 5, 3))).shape
    (2, 3)
    """

    _takes_rows = rows.MASKED

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Unpack[LayerArguments]
    ) -> None:
        super().__init__(1, data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        (axis,) = self._axes
        if mask is None:
            return ops.mean(inputs, axis=axis, keepdims=self.keepdims)
        weights = ops.expand_dims(ops.cast(mask, inputs.dtype), -1 if axis == 1 else 1)
        total = ops.sum(inputs * weights, axis=axis, keepdims=self.keepdims)
        return total / ops.sum(weights, axis=axis, keepdims=self.keepdims)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return None


class GlobalAveragePooling2D(_Average):
    """The mean over height and width of an image. See `GlobalAveragePooling1D` for the arguments.

    >>> GlobalAveragePooling2D()(ops.ones((1, 6, 6, 3))).shape
    (1, 3)
    """

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Unpack[LayerArguments]
    ) -> None:
        super().__init__(2, data_format, keepdims, **kwargs)


class GlobalAveragePooling3D(_Average):
    """The mean over a volume. See `GlobalAveragePooling1D` for the arguments.

    >>> GlobalAveragePooling3D()(ops.ones((1, 6, 6, 6, 3))).shape
    (1, 3)
    """

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Unpack[LayerArguments]
    ) -> None:
        super().__init__(3, data_format, keepdims, **kwargs)


class GlobalMaxPooling1D(_Max):
    """The greatest element over the steps of a sequence. See `GlobalAveragePooling1D` for the arguments.

    >>> GlobalMaxPooling1D()(ops.ones((1, 6, 3))).shape
    (1, 3)
    """

    _takes_rows = rows.GREATEST

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Unpack[LayerArguments]
    ) -> None:
        super().__init__(1, data_format, keepdims, **kwargs)


class GlobalMaxPooling2D(_Max):
    """The greatest element over height and width. See `GlobalAveragePooling1D` for the arguments.

    >>> GlobalMaxPooling2D()(ops.ones((1, 6, 6, 3))).shape
    (1, 3)
    """

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Unpack[LayerArguments]
    ) -> None:
        super().__init__(2, data_format, keepdims, **kwargs)


class GlobalMaxPooling3D(_Max):
    """The greatest element over a volume. See `GlobalAveragePooling1D` for the arguments.

    >>> GlobalMaxPooling3D()(ops.ones((1, 6, 6, 6, 3))).shape
    (1, 3)
    """

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Unpack[LayerArguments]
    ) -> None:
        super().__init__(3, data_format, keepdims, **kwargs)
