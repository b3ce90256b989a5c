"""Pooling to an output of given extents, whatever those of the input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from pronghorn import config, ops
from pronghorn.layers import settings
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.convolutional.base import pair_with_batch
from pronghorn.layers.input_spec import InputSpec
from pronghorn.layers.layer import Layer


class BaseAdaptivePooling(Layer):
    """What adaptive pooling layers share.

    Args:
        output_size: the output's extents in space; one integer for all.
        rank: the number of spatial axes.
        pool: the op.
        data_format: ``"channels_last"`` or ``"channels_first"``; the default one if None.
        kwargs: those of `Layer`.
    """

    def __init__(
        self, output_size: Any, rank: int, pool: Callable[..., Any], data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rank = rank
        self.output_size = settings.numbers(output_size, rank, self, "output_size")
        self.data_format = config.standardize_data_format(data_format)
        self._pool = pool
        self.input_spec = InputSpec(ndim=rank + 2)
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        return self._pool(inputs, output_size=self.output_size, data_format=self.data_format)

    def compute_output_shape(self, input_shape: Any) -> Any:
        channels = input_shape[-1 if self.data_format == "channels_last" else 1]
        return pair_with_batch(self.output_size, input_shape[0], channels, self.data_format)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "output_size": self.output_size, "data_format": self.data_format}


class AdaptiveAveragePooling1D(BaseAdaptivePooling):
    """Means of windows of a sequence, as many as asked for.

    Args:
        output_size: how many.
        data_format: ``"channels_last"`` or ``"channels_first"``; the default one if None.
        kwargs: those of `Layer`.

    Example:

    >>> AdaptiveAveragePooling1D(3)(ops.ones((1, 10, 2))).shape
    (1, 3, 2)
    """

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(output_size, 1, ops.adaptive_average_pool, data_format, **kwargs)


class AdaptiveAveragePooling2D(BaseAdaptivePooling):
    """Means of windows of an image, as many as asked for. See `AdaptiveAveragePooling1D`.

    >>> AdaptiveAveragePooling2D(2)(ops.ones((1, 6, 6, 3))).shape
    (1, 2, 2, 3)
    """

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(output_size, 2, ops.adaptive_average_pool, data_format, **kwargs)


class AdaptiveAveragePooling3D(BaseAdaptivePooling):
    """Means of windows of a volume, as many as asked for. See `AdaptiveAveragePooling1D`.

    >>> AdaptiveAveragePooling3D(2)(ops.ones((1, 6, 6, 6, 3))).shape
    (1, 2, 2, 2, 3)
    """

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(output_size, 3, ops.adaptive_average_pool, data_format, **kwargs)


class AdaptiveMaxPooling1D(BaseAdaptivePooling):
    """Greatest elements of windows of a sequence, as many as asked for. See `AdaptiveAveragePooling1D`.

    >>> AdaptiveMaxPooling1D(2)(ops.ones((1, 6, 3))).shape
    (1, 2, 3)
    """

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(output_size, 1, ops.adaptive_max_pool, data_format, **kwargs)


class AdaptiveMaxPooling2D(BaseAdaptivePooling):
    """Greatest elements of windows of an image, as many as asked for. See `AdaptiveAveragePooling1D`.

    >>> AdaptiveMaxPooling2D(2)(ops.ones((1, 6, 6, 3))).shape
    (1, 2, 2, 3)
    """

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(output_size, 2, ops.adaptive_max_pool, data_format, **kwargs)


class AdaptiveMaxPooling3D(BaseAdaptivePooling):
    """Greatest elements of windows of a volume, as many as asked for. See `AdaptiveAveragePooling1D`.

    >>> AdaptiveMaxPooling3D(2)(ops.ones((1, 6, 6, 6, 3))).shape
    (1, 2, 2, 2, 3)
    """

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(output_size, 3, ops.adaptive_max_pool, data_format, **kwargs)
