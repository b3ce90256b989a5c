"""Dropout in its forms, and noise: what is random while training and nothing otherwise."""

from __future__ import annotations

import math
import numbers
from typing import Any, Unpack

from pronghorn import config, ops, random, regularizers
from pronghorn.layers import rows
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.input_spec import InputSpec
from pronghorn.layers.layer import Layer
from pronghorn.random.seed_generator import SeedGenerator


def _rate(rate: Any, layer: str) -> float:
    if not isinstance(rate, numbers.Real) or not 0 <= rate <= 1:
        raise ValueError(f"{layer}: `rate` is a share, a number from 0 to 1; got rate={rate!r}.")
    return rate if isinstance(rate, int) else float(rate)


class _Random(Layer):
    """Base: has a seed generator if there is anything to draw, and keeps shapes."""

    _takes_rows = rows.EACH

    def __init__(self, seed: int | None = None, active: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.supports_masking = True
        if active:
            self.seed_generator = SeedGenerator(seed)
        self._build_at_init()

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class Dropout(_Random):
    """While training, a share of the elements is set to zero and the others are scaled to keep the sum.

    Args:
        rate: the share, between 0 and 1.
        noise_shape: axes with extent one there are dropped as a whole; None stands for the extent of the inputs.
        seed: an integer for the same numbers in every run.
        kwargs: those of `Layer`.

    Raises:
        ValueError: if ``rate`` is not between 0 and 1.

    Call arguments:
        inputs: an array; the result has its shape.
        training: whether to drop; otherwise the inputs come back as they are.

    Example:

    >>> Dropout(0.5)(ops.ones((1, 3))).tolist()  # nothing happens outside of training
    [[1.0, 1.0, 1.0]]
    """

    def __init__(
        self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Unpack[LayerArguments]
    ) -> None:
        self_rate = _rate(rate, type(self).__name__)
        super().__init__(seed, active=self_rate > 0, **kwargs)
        self.rate = self_rate
        self.noise_shape = self._checked_noise_shape(noise_shape)

    @staticmethod
    def _checked_noise_shape(noise_shape: Any) -> tuple[int | None, ...] | None:
        if noise_shape is None:
            return None
        if not isinstance(noise_shape, (list, tuple)):
            raise ValueError(f"Dropout: `noise_shape` is a tuple or list, got noise_shape={noise_shape!r}.")
        for extent in noise_shape:
            if extent is not None and (not isinstance(extent, int) or extent <= 0):
                raise ValueError(
                    f"Dropout: `noise_shape` must hold positive integers and None, got noise_shape={noise_shape!r}."
                )
        return tuple(noise_shape)

    def call(self, inputs: Any, training: Any = False) -> Any:
        if training and self.rate > 0:
            return random.dropout(inputs, rate=self.rate, noise_shape=self.noise_shape, seed=self.seed_generator)
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


class BaseSpatialDropout(Dropout):
    """Base: drops whole feature maps."""

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)

    def _noise(self, shape: Any) -> tuple[Any, ...]:
        raise NotImplementedError

    def call(self, inputs: Any, training: Any = False) -> Any:
        if training and self.rate > 0:
            noise = self._noise(tuple(inputs.shape))
            return random.dropout(inputs, rate=self.rate, noise_shape=noise, seed=self.seed_generator)
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate, "seed": self.seed, "name": self.name, "dtype": self.dtype}


class SpatialDropout1D(BaseSpatialDropout):
    """While training, whole channels of a sequence are set to zero.

    Args:
        rate: the share of channels, between 0 and 1.
        seed: an integer for the same numbers in every run.
        name: a name; automatic if None.
        dtype: element type or dtype policy.

    Example:

    >>> x = SpatialDropout1D(0.5, seed=0)(ops.ones((1, 4, 8)), training=True).numpy()
    >>> bool((x == x[:, :1]).all())  # whole channels
    True
    """

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.input_spec = InputSpec(ndim=3)

    def _noise(self, shape: Any) -> tuple[Any, ...]:
        return (shape[0], 1, shape[2])


class _SpatialDropoutND(BaseSpatialDropout):
    rank: int

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _noise(self, shape: Any) -> tuple[Any, ...]:
        ones = (1,) * self.rank
        return (shape[0], shape[1], *ones) if self.data_format == "channels_first" else (shape[0], *ones, shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


class SpatialDropout2D(_SpatialDropoutND):
    """While training, whole channels of an image are set to zero.

    Args:
        rate: the share of channels, between 0 and 1.
        data_format: ``"channels_last"`` or ``"channels_first"``; the default one if None.
        seed: an integer for the same numbers in every run.
        name: a name; automatic if None.
        dtype: element type or dtype policy.

    Example:

    >>> SpatialDropout2D(0.5, seed=0)(ops.ones((1, 4, 4, 8)), training=True).shape
    (1, 4, 4, 8)
    """

    rank = 2


class SpatialDropout3D(_SpatialDropoutND):
    """While training, whole channels of a volume are set to zero. See `SpatialDropout2D` for the arguments.

    >>> SpatialDropout3D(0.5, seed=0)(ops.ones((1, 4, 4, 4, 8)), training=True).shape
    (1, 4, 4, 4, 8)
    """

    rank = 3


class GaussianNoise(_Random):
    """While training, normal numbers are added.

    Args:
        stddev: their standard deviation.
        seed: an integer for the same numbers in every run.
        kwargs: those of `Layer`.

    Example:

    >>> GaussianNoise(0.5, seed=0)(ops.array([[1.0, 2.0]]), training=False).numpy()
    array([[1., 2.]], dtype=float32)
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Unpack[LayerArguments]) -> None:
        if not isinstance(stddev, numbers.Real) or not 0 <= stddev <= 1:
            raise ValueError(f"GaussianNoise: `stddev` must be a number from 0 to 1; got stddev={stddev!r}.")
        super().__init__(seed, active=stddev > 0, **kwargs)
        self.stddev = stddev

    def call(self, inputs: Any, training: Any = False) -> Any:
        if training and self.stddev > 0:
            return inputs + random.normal(
                tuple(inputs.shape), 0.0, self.stddev, dtype=self.compute_dtype, seed=self.seed_generator
            )
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


class GaussianDropout(_Random):
    """While training, elements are multiplied by normal numbers around one.

    Args:
        rate: their deviation is that of a `Dropout` of this rate: ``sqrt(rate / (1 - rate))``.
        seed: an integer for the same numbers in every run.
        kwargs: those of `Layer`.

    Example:

    >>> GaussianDropout(0.5, seed=0)(ops.array([[1.0, 2.0]]), training=False).numpy()
    array([[1., 2.]], dtype=float32)
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Unpack[LayerArguments]) -> None:
        _rate(rate, "GaussianDropout")
        super().__init__(seed, active=rate > 0, **kwargs)
        self.rate = rate

    def call(self, inputs: Any, training: Any = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        spread = math.sqrt(self.rate / (1.0 - self.rate))  # of dropout's factors, 0 and 1 / (1 - rate)
        factors = random.normal(tuple(inputs.shape), 1.0, spread, dtype=self.compute_dtype, seed=self.seed_generator)
        return inputs * factors

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


class AlphaDropout(_Random):
    """Dropout that keeps mean and variance behind `selu`: what is dropped goes to its negative limit.

    Args:
        rate: the share of elements, between 0 and 1.
        noise_shape: see `Dropout`.
        seed: an integer for the same numbers in every run.
        kwargs: those of `Layer`.

    Example:

    >>> AlphaDropout(0.5, seed=0)(ops.array([[1.0, 2.0]]), training=False).numpy()
    array([[1., 2.]], dtype=float32)
    """

    def __init__(
        self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Unpack[LayerArguments]
    ) -> None:
        _rate(rate, "AlphaDropout")
        super().__init__(seed, active=rate > 0, **kwargs)
        self.rate, self.noise_shape = rate, noise_shape

    def call(self, inputs: Any, training: Any = False) -> Any:
        if not training or self.rate <= 0:
            return inputs
        shape = tuple(inputs.shape)
        if self.noise_shape is not None:
            shape = tuple(n if d is None else d for d, n in zip(self.noise_shape, shape))
        limit = -1.6732632423543772 * 1.0507009873554805  # of selu for x to minus infinity
        kept = ops.greater_equal(random.uniform(shape, seed=self.seed_generator), self.rate)
        kept = ops.cast(kept, inputs.dtype)
        a = ((1.0 - self.rate) * (1.0 + self.rate * limit**2)) ** -0.5
        b = -a * limit * self.rate
        return a * (inputs * kept + limit * (1.0 - kept)) + b

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


class ActivityRegularization(Layer):
    """Adds ``l1 * sum(|x|) + l2 * sum(x**2)`` of its inputs to the loss and returns them as they are.

    Args:
        l1: factor of the first term.
        l2: factor of the second.
        kwargs: those of `Layer`.

    Example:

    >>> layer = ActivityRegularization(l2=0.1)
    >>> x = layer(ops.array([[1.0, 2.0]]))
    >>> round(float(layer.losses[0]), 4)
    0.5
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.supports_masking = True
        self.l1, self.l2 = l1, l2
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        base = super().get_config()
        base.pop("activity_regularizer", None)
        return {**base, "l1": self.l1, "l2": self.l2}
