"""Cropping, zero padding and upsampling in one, two and three dimensions."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import config, ops
from pronghorn.engine.graph.dim import comparable
from pronghorn.layers import settings
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.convolutional.base import pair_with_batch, spatial_axes
from pronghorn.layers.input_spec import InputSpec
from pronghorn.layers.layer import Layer
from pronghorn.ops.image.resizing import METHODS


def _margins(value: Any, rank: int, layer: str, name: str) -> tuple[tuple[int, int], ...]:
    """An argument that is one integer, one for each axis, or a pair for each axis."""
    if rank == 1 and isinstance(value, (list, tuple)):
        value = (tuple(value),) if len(value) == 2 else "no pair"
    entries = (value,) * rank if isinstance(value, int) else tuple(value) if isinstance(value, (list, tuple)) else ()
    pairs = [(e, e) if isinstance(e, int) else tuple(e) if isinstance(e, (list, tuple)) else () for e in entries]
    good = len(pairs) == rank and all(len(p) == 2 and all(isinstance(x, int) and x >= 0 for x in p) for p in pairs)
    if not good:
        raise ValueError(
            f"{layer}: `{name}` must be an integer that is not negative, or {rank} of them, or {rank} pairs of "
            f"them, got {name}={value!r}."
        )
    return tuple(pairs)


class _Spatial(Layer):
    """Base: a layer that works on the spatial axes."""

    rank: int

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format) if self.rank > 1 else "channels_last"
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._build_at_init()

    def _split(self, shape: Any) -> tuple[list[Any], Any]:
        space = [shape[a] for a in spatial_axes(self.data_format, self.rank)]
        return space, shape[-1 if self.data_format == "channels_last" else 1]


class _Cropping(_Spatial):
    def _set(self, cropping: Any) -> None:
        self.cropping = _margins(cropping, self.rank, type(self).__name__, "cropping")

    def call(self, inputs: Any) -> Any:
        key: list[Any] = [slice(None)] * len(inputs.shape)
        for axis, (low, high) in zip(spatial_axes(self.data_format, self.rank), self.cropping):
            self._check(inputs.shape[axis], low, high, inputs.shape)
            key[axis] = slice(low, -high if high else None)
        return inputs[tuple(key)]

    def _check(self, extent: Any, low: int, high: int, shape: Any) -> None:
        if extent is not None and comparable(extent) and extent <= low + high:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}): cropping={self.cropping} takes {low} and {high} off "
                f"an axis of {extent} and leaves nothing of an input of shape {tuple(shape)}."
            )

    def compute_output_shape(self, input_shape: Any) -> Any:
        space, channels = self._split(input_shape)
        out = []
        for extent, (low, high) in zip(space, self.cropping):
            self._check(extent, low, high, input_shape)
            out.append(None if extent is None else extent - low - high)
        return pair_with_batch(out, input_shape[0], channels, self.data_format)

    def get_config(self) -> dict[str, Any]:
        cropping = self.cropping[0] if self.rank == 1 else self.cropping
        config = {**super().get_config(), "cropping": cropping}
        return {**config, "data_format": self.data_format} if self.rank > 1 else config


class Cropping1D(_Cropping):
    """Steps cut off at the beginning and the end of a sequence.

    Args:
        cropping: how many at each end; one integer for both.
        kwargs: those of `Layer`.

    Example:

    >>> Cropping1D((1, 2))(ops.ones((1, 6, 2))).shape
    (1, 3, 2)
    """

    rank = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(**kwargs)
        self._set(cropping)


class Cropping2D(_Cropping):
    """Rows and columns cut off an image.

    Args:
        cropping: one integer for all sides, one for height and width each, or pairs.
        data_format: ``"channels_last"`` or ``"channels_first"``; the default one if None.
        kwargs: those of `Layer`.

    Example:

    >>> Cropping2D(1)(ops.ones((1, 6, 6, 3))).shape
    (1, 4, 4, 3)
    """

    rank = 2

    def __init__(
        self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Unpack[LayerArguments]
    ) -> None:
        super().__init__(data_format, **kwargs)
        self._set(cropping)


class Cropping3D(_Cropping):
    """Layers, rows and columns cut off a volume. See `Cropping2D` for the arguments.

    >>> Cropping3D(1)(ops.ones((1, 6, 6, 6, 3))).shape
    (1, 4, 4, 4, 3)
    """

    rank = 3

    def __init__(
        self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Unpack[LayerArguments]
    ) -> None:
        super().__init__(data_format, **kwargs)
        self._set(cropping)


class _ZeroPadding(_Spatial):
    def _set(self, padding: Any) -> None:
        self.padding = _margins(padding, self.rank, type(self).__name__, "padding")

    def call(self, inputs: Any) -> Any:
        pairs: list[tuple[int, int]] = [(0, 0)] * len(inputs.shape)
        for axis, pair in zip(spatial_axes(self.data_format, self.rank), self.padding):
            pairs[axis] = pair
        return ops.pad(inputs, pairs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        space, channels = self._split(input_shape)
        out = [None if n is None else n + low + high for n, (low, high) in zip(space, self.padding)]
        return pair_with_batch(out, input_shape[0], channels, self.data_format)

    def get_config(self) -> dict[str, Any]:
        padding = self.padding[0] if self.rank == 1 else self.padding
        return {**super().get_config(), "padding": padding, "data_format": self.data_format}


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after a sequence.

    Args:
        padding: how many at each end; one integer for both.
        data_format: ``"channels_last"`` or ``"channels_first"``; the default one if None.
        kwargs: those of `Layer`.

    Example:

    >>> ZeroPadding1D(2)(ops.ones((1, 3, 2))).shape
    (1, 7, 2)
    """

    rank = 1

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(None, **kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self._set(padding)


class ZeroPadding2D(_ZeroPadding):
    """Zeros around an image.

    Args:
        padding: one integer for all sides, one for height and width each, or pairs.
        data_format: ``"channels_last"`` or ``"channels_first"``; the default one if None.
        kwargs: those of `Layer`.

    Example:

    >>> ZeroPadding2D(1)(ops.ones((1, 3, 3, 2))).shape
    (1, 5, 5, 2)
    """

    rank = 2

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(data_format, **kwargs)
        self._set(padding)


class ZeroPadding3D(_ZeroPadding):
    """Zeros around a volume. See `ZeroPadding2D` for the arguments.

    >>> ZeroPadding3D(1)(ops.ones((1, 3, 3, 3, 2))).shape
    (1, 5, 5, 5, 2)
    """

    rank = 3

    def __init__(
        self, padding: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Unpack[LayerArguments]
    ) -> None:
        super().__init__(data_format, **kwargs)
        self._set(padding)


class _UpSampling(_Spatial):
    size: tuple[int, ...]

    def _repeat(self, inputs: Any) -> Any:
        """Each element as often as its axis says: broadcasting over a new axis, which fuses."""
        for axis, times in zip(spatial_axes(self.data_format, self.rank), self.size):
            if times > 1:
                shape = tuple(inputs.shape)
                wide = ops.expand_dims(inputs, axis + 1)
                wide = ops.broadcast_to(wide, (*shape[: axis + 1], times, *shape[axis + 1 :]))
                inputs = ops.reshape(wide, (*shape[:axis], shape[axis] * times, *shape[axis + 1 :]))
        return inputs

    def call(self, inputs: Any) -> Any:
        return self._repeat(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        space, channels = self._split(input_shape)
        out = [None if n is None else n * k for n, k in zip(space, self.size)]
        return pair_with_batch(out, input_shape[0], channels, self.data_format)


class UpSampling1D(_UpSampling):
    """Each step of a sequence several times.

    Args:
        size: how often.
        kwargs: those of `Layer`.

    Example:

    >>> UpSampling1D(3)(ops.ones((1, 2, 4))).shape
    (1, 6, 4)
    """

    rank = 1

    def __init__(self, size: int = 2, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(**kwargs)
        self.size = (settings.positive_integer(size, "UpSampling1D", "size"),)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size[0]}


class UpSampling2D(_UpSampling):
    """Each row and column of an image several times.

    Args:
        size: how often; one integer for both.
        data_format: ``"channels_last"`` or ``"channels_first"``; the default one if None.
        interpolation: ``"nearest"``, ``"bilinear"``, ``"bicubic"``, ``"lanczos3"``, ``"lanczos5"``, ``"area"``,
            ``"gaussian"`` or ``"mitchellcubic"``.
        kwargs: those of `Layer`.

    Example:

    >>> UpSampling2D(2)(ops.ones((1, 3, 3, 2))).shape
    (1, 6, 6, 2)
    """

    rank = 2

    def __init__(
        self,
        size: Any = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Unpack[LayerArguments],
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.size = settings.numbers(size, 2, self, "size")
        self.interpolation = settings.one_of(str(interpolation).lower(), METHODS, "UpSampling2D", "interpolation")

    def call(self, inputs: Any) -> Any:
        if self.interpolation == "nearest":
            return self._repeat(inputs)
        space, _ = self._split(inputs.shape)
        return ops.image.resize(
            inputs,
            tuple(n * k for n, k in zip(space, self.size)),
            interpolation=self.interpolation,
            data_format=self.data_format,
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **settings.give(self, "size", "data_format", "interpolation")}


class UpSampling3D(_UpSampling):
    """Each layer, row and column of a volume several times. See `UpSampling2D` for the arguments.

    >>> UpSampling3D(2)(ops.ones((1, 3, 3, 3, 2))).shape
    (1, 6, 6, 6, 2)
    """

    rank = 3

    def __init__(self, size: Any = (2, 2, 2), data_format: str | None = None, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(data_format, **kwargs)
        self.size = settings.numbers(size, 3, self, "size")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **settings.give(self, "size", "data_format")}
