"""Pooling of windows: the greatest element, or the mean."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import config, ops
from pronghorn.layers import settings
from pronghorn.layers.arguments import NamedArguments
from pronghorn.layers.convolutional.base import check_fits, check_rank, conv_extent, pair_with_batch, spatial_axes
from pronghorn.layers.input_spec import InputSpec
from pronghorn.layers.layer import Layer


class BasePooling(Layer):
    """What pooling layers share; see `MaxPooling2D` for the arguments."""

    def __init__(
        self,
        pool_size: Any,
        strides: Any,
        rank: int,
        mode: str,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.rank = rank
        self.pool_size = settings.numbers(pool_size, rank, self, "pool_size")
        steps = self.pool_size if strides is None else strides
        self.strides = settings.numbers(steps, rank, self, "strides")
        self.padding = settings.one_of(str(padding).lower(), ("valid", "same"), type(self).__name__, "padding")
        self.data_format = config.standardize_data_format(data_format)
        self._pool = ops.max_pool if mode == "max" else ops.average_pool
        self.input_spec = InputSpec(ndim=rank + 2)
        self.supports_masking = False
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        return self._pool(inputs, self.pool_size, self.strides, padding=self.padding, data_format=self.data_format)

    def compute_output_shape(self, input_shape: Any) -> Any:
        check_rank(self, input_shape)
        space = [input_shape[a] for a in spatial_axes(self.data_format, self.rank)]
        out = [conv_extent(n, k, s, self.padding, 1) for n, k, s in zip(space, self.pool_size, self.strides)]
        check_fits(self, out, space, self.pool_size)
        channels = input_shape[-1 if self.data_format == "channels_last" else 1]
        return pair_with_batch(out, input_shape[0], channels, self.data_format)

    def get_config(self) -> dict[str, Any]:
        names = ("pool_size", "padding", "strides", "data_format")
        return {**super().get_config(), **settings.give(self, *names)}


class MaxPooling1D(BasePooling):
    """The greatest element of each window of a sequence. See `MaxPooling2D` for the arguments.

    Example:

    >>> MaxPooling1D()(ops.ones((1, 6, 2))).shape
    (1, 3, 2)
    """

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Unpack[NamedArguments],
    ) -> None:
        super().__init__(pool_size, strides, 1, "max", padding, data_format, name, **kwargs)


class MaxPooling2D(BasePooling):
    """The greatest element of each window of an image, channel by channel.

    Args:
        pool_size: the window's height and width; one integer for both.
        strides: steps between windows; ``pool_size`` if None.
        padding: ``"valid"``: only whole windows; ``"same"``: also those that reach beyond the edge.
        data_format: ``"channels_last"`` or ``"channels_first"``; the default one if None.
        name: a name; automatic if None.
        kwargs: those of `Layer`.

    Call arguments:
        inputs: ``[batch, height, width, channels]``; ``[batch, channels, height, width]`` if the channels come first.

    Raises:
        ValueError: if an argument is not a positive integer or a pair of them, or if the inputs do not have four axes.

    Example:

    >>> MaxPooling2D()(ops.ones((1, 6, 6, 2))).shape
    (1, 3, 3, 2)
    """

    def __init__(
        self,
        pool_size: Any = (2, 2),
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Unpack[NamedArguments],
    ) -> None:
        super().__init__(pool_size, strides, 2, "max", padding, data_format, name, **kwargs)


class MaxPooling3D(BasePooling):
    """The greatest element of each window of a volume. See `MaxPooling2D` for the arguments.

    >>> MaxPooling3D(2)(ops.ones((1, 6, 6, 6, 3))).shape
    (1, 3, 3, 3, 3)
    """

    def __init__(
        self,
        pool_size: Any = (2, 2, 2),
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Unpack[NamedArguments],
    ) -> None:
        super().__init__(pool_size, strides, 3, "max", padding, data_format, name, **kwargs)


class AveragePooling1D(BasePooling):
    """The mean of each window of a sequence. See `MaxPooling2D` for the arguments.

    >>> AveragePooling1D(2)(ops.ones((1, 6, 3))).shape
    (1, 3, 3)
    """

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Unpack[NamedArguments],
    ) -> None:
        super().__init__(pool_size, strides, 1, "average", padding, data_format, name, **kwargs)


class AveragePooling2D(BasePooling):
    """The mean of each window of an image; what lies beyond the edge does not count. See `MaxPooling2D`.

    >>> AveragePooling2D(2)(ops.ones((1, 6, 6, 3))).shape
    (1, 3, 3, 3)
    """

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Unpack[NamedArguments],
    ) -> None:
        super().__init__(pool_size, strides, 2, "average", padding, data_format, name, **kwargs)


class AveragePooling3D(BasePooling):
    """The mean of each window of a volume. See `MaxPooling2D` for the arguments.

    >>> AveragePooling3D(2)(ops.ones((1, 6, 6, 6, 3))).shape
    (1, 3, 3, 3, 3)
    """

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Unpack[NamedArguments],
    ) -> None:
        super().__init__(pool_size, strides, 3, "average", padding, data_format, name, **kwargs)
