"""Initializers that draw random numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn import random as rng
from pronghorn.initializers.initializer import Initializer, element_type
from pronghorn.initializers.orthonormal import orthonormal_columns
from pronghorn.random.seed_generator import SeedGenerator, make_default_seed
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object


class RandomInitializer(Initializer):
    """Base: with ``seed=None`` or an integer the same array at every call, with a `SeedGenerator` another one."""

    def __init__(self, seed: Any = None) -> None:
        self._given_seed = seed
        if seed is None:
            seed = make_default_seed()
        elif isinstance(seed, dict):
            seed = deserialize_keras_object(seed)
        if not isinstance(seed, (int, np.integer, SeedGenerator)) or isinstance(seed, bool):
            raise ValueError(
                f"{type(self).__name__}: `seed` must be an integer, a SeedGenerator or None, got seed={seed!r}."
            )
        self.seed = seed

    def get_config(self) -> dict[str, Any]:
        return {"seed": serialize_keras_object(self._given_seed)}


class RandomNormal(RandomInitializer):
    """Normal numbers, of the density ``exp(-(x - mean)**2 / (2 * stddev**2))``.

    For embeddings; for kernels the deviation should go by their size, as in `GlorotNormal` and `HeNormal`.

    Args:
        mean: their mean.
        stddev: their standard deviation.
        seed: an integer for the same numbers at every call, or a `SeedGenerator`.

    >>> RandomNormal(stddev=0.1, seed=0)((2, 3)).shape
    (2, 3)
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        self.mean, self.stddev = mean, stddev
        super().__init__(seed)

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return rng.normal(shape, self.mean, self.stddev, element_type(dtype), self.seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomNormal):
    """Normal numbers, those farther than two standard deviations from the mean drawn again.

    Like `RandomNormal` without far outliers, which would saturate a unit from the start; transformers use it with 0.02.

    Args:
        mean: their mean.
        stddev: the standard deviation before the tails are cut.
        seed: an integer for the same numbers at every call, or a `SeedGenerator`.

    >>> bool(abs(TruncatedNormal(stddev=0.5, seed=0)((1000,)).numpy()).max() <= 1.0)
    True
    """

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return rng.truncated_normal(shape, self.mean, self.stddev, element_type(dtype), self.seed)


class RandomUniform(RandomInitializer):
    """Numbers equally likely between ``minval`` and ``maxval``: what `Embedding` starts with.

    Args:
        minval: the least.
        maxval: the greatest.
        seed: an integer for the same numbers at every call, or a `SeedGenerator`.

    >>> bool(abs(RandomUniform(-0.1, 0.1, seed=0)((1000,)).numpy()).max() <= 0.1)
    True
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        self.minval, self.maxval = minval, maxval
        super().__init__(seed)

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return rng.uniform(shape, self.minval, self.maxval, element_type(dtype), self.seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("normal", "truncated_normal", "untruncated_normal", "uniform")


class VarianceScaling(RandomInitializer):
    """Numbers whose variance is ``scale`` by the number of inputs or outputs of a unit.

    Args:
        scale: a positive number.
        mode: ``"fan_in"``, ``"fan_out"`` or ``"fan_avg"``: what the variance is divided by.
        distribution: ``"truncated_normal"`` (also ``"normal"``), ``"untruncated_normal"`` or ``"uniform"``.
        seed: an integer, a `SeedGenerator` or None.
        input_axes: the axes of the shape that are inputs, where it is no dense or convolution kernel.
        output_axes: the axes that are outputs.

    Raises:
        ValueError: for a scale that is not positive, or an unknown mode or distribution.

    The other initializers by fans are cases of it: Glorot's is scale 1 by ``"fan_avg"``, He's scale 2 by ``"fan_in"``.

    >>> import numpy as np
    >>> kernel = VarianceScaling(2.0, "fan_in", "untruncated_normal", seed=0)((400, 300))
    >>> bool(0.9 < np.var(kernel.numpy()) / (2.0 / 400) < 1.1)
    True
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Any = None,
        output_axes: Any = None,
    ) -> None:
        if scale <= 0:
            raise ValueError(f"VarianceScaling: `scale` must be a positive number, got scale={scale!r}.")
        if mode not in _MODES:
            raise ValueError(f"VarianceScaling: Invalid `mode` argument: {mode!r} is none of {_MODES}.")
        distribution = distribution.lower()
        if distribution not in _DISTRIBUTIONS:
            raise ValueError(
                f"VarianceScaling: Invalid `distribution` argument: {distribution!r} is none of {_DISTRIBUTIONS}."
            )
        self.scale, self.mode = scale, mode
        self.distribution = "truncated_normal" if distribution == "normal" else distribution
        self.input_axes, self.output_axes = input_axes, output_axes
        super().__init__(seed)

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2.0}[self.mode]
        variance = self.scale / max(1.0, fan)
        dtype = element_type(dtype)
        if self.distribution == "truncated_normal":
            # Numbers cut off at two standard deviations have this much smaller a deviation.
            return rng.truncated_normal(shape, 0.0, math.sqrt(variance) / 0.87962566103423978, dtype, self.seed)
        if self.distribution == "untruncated_normal":
            return rng.normal(shape, 0.0, math.sqrt(variance), dtype, self.seed)
        limit = math.sqrt(3.0 * variance)
        return rng.uniform(shape, -limit, limit, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            **self._axes_config(),
        }

    def _axes_config(self) -> dict[str, Any]:
        return {"input_axes": self.input_axes, "output_axes": self.output_axes}


class _Named(VarianceScaling):
    """A `VarianceScaling` with fixed settings."""

    settings: tuple[float, str, str]

    def __init__(self, seed: Any = None, input_axes: Any = None, output_axes: Any = None) -> None:
        scale, mode, distribution = self.settings
        super().__init__(scale, mode, distribution, seed, input_axes, output_axes)

    def get_config(self) -> dict[str, Any]:
        return {**RandomInitializer.get_config(self), **self._axes_config()}


class GlorotUniform(_Named):
    """Uniform within ``sqrt(6 / (fan_in + fan_out))`` of zero: what `Dense` and convolutions start with by default.

    The variance stays about the same forward and backward, with `tanh` and the like (Glorot and Bengio 2010).

    A kernel ``[inputs, outputs]`` has ``fan_in`` inputs to a unit and ``fan_out`` outputs; for a convolution both times
    the elements of its window.

    Args:
        seed: an integer for the same numbers at every call, or a `SeedGenerator`.

    >>> bool(abs(GlorotUniform(seed=0)((2, 4)).numpy()).max() <= 1.0)
    True
    """

    settings = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Named):
    """Truncated normal of deviation ``sqrt(2 / (fan_in + fan_out))``: as `GlorotUniform`, without its sharp ends.

    A kernel ``[inputs, outputs]`` has ``fan_in`` inputs to a unit and ``fan_out`` outputs; for a convolution both times
    the elements of its window.

    Args:
        seed: an integer for the same numbers at every call, or a `SeedGenerator`.

    >>> GlorotNormal(seed=0)((2, 4)).shape
    (2, 4)
    """

    settings = (1.0, "fan_avg", "truncated_normal")


class HeNormal(_Named):
    """Truncated normal of deviation ``sqrt(2 / fan_in)``: for `relu`, which halves the variance (He et al. 2015).

    A kernel ``[inputs, outputs]`` has ``fan_in`` inputs to a unit and ``fan_out`` outputs; for a convolution both times
    the elements of its window.

    Args:
        seed: an integer for the same numbers at every call, or a `SeedGenerator`.

    >>> HeNormal(seed=0)((3, 3, 16, 32)).shape
    (3, 3, 16, 32)
    """

    settings = (2.0, "fan_in", "truncated_normal")


class HeUniform(_Named):
    """Uniform within ``sqrt(6 / fan_in)`` of zero: as `HeNormal`, for `relu`.

    A kernel ``[inputs, outputs]`` has ``fan_in`` inputs to a unit and ``fan_out`` outputs; for a convolution both times
    the elements of its window.

    Args:
        seed: an integer for the same numbers at every call, or a `SeedGenerator`.

    >>> bool(abs(HeUniform(seed=0)((6, 4)).numpy()).max() <= 1.0)
    True
    """

    settings = (2.0, "fan_in", "uniform")


class LecunNormal(_Named):
    """Truncated normal of deviation ``sqrt(1 / fan_in)``: for `selu`, or no activation (LeCun et al. 1998).

    A kernel ``[inputs, outputs]`` has ``fan_in`` inputs to a unit and ``fan_out`` outputs; for a convolution both times
    the elements of its window.

    Args:
        seed: an integer for the same numbers at every call, or a `SeedGenerator`.

    >>> LecunNormal(seed=0)((2, 4)).shape
    (2, 4)
    """

    settings = (1.0, "fan_in", "truncated_normal")


class LecunUniform(_Named):
    """Uniform within ``sqrt(3 / fan_in)`` of zero: as `LecunNormal`.

    A kernel ``[inputs, outputs]`` has ``fan_in`` inputs to a unit and ``fan_out`` outputs; for a convolution both times
    the elements of its window.

    Args:
        seed: an integer for the same numbers at every call, or a `SeedGenerator`.

    >>> bool(abs(LecunUniform(seed=0)((3, 4)).numpy()).max() <= 1.0)
    True
    """

    settings = (1.0, "fan_in", "uniform")


class Orthogonal(RandomInitializer):
    """A matrix with orthonormal rows or columns; further axes are folded into its rows.

    Args:
        gain: a factor.
        seed: an integer, a `SeedGenerator` or None.

    Raises:
        ValueError: for a shape with fewer than two axes.

    Products with it keep lengths, so that a signal neither dies nor grows through many layers or steps (Saxe,
    McClelland and Ganguli 2013, arXiv 1312.6120).

    >>> import numpy as np
    >>> q = Orthogonal(seed=0)((3, 3)).numpy()
    >>> np.allclose(q @ q.T, np.eye(3), atol=1e-5)
    True
    """

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        self.gain = gain
        super().__init__(seed)

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: it makes matrices and what has more axes, got shape={tuple(shape)}.")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        drawn = rng.normal((max(rows, columns), min(rows, columns)), seed=self.seed, dtype="float32")
        q = orthonormal_columns(drawn)
        if rows < columns:
            q = ops.transpose(q)
        return ops.cast(self.gain * ops.reshape(q, tuple(shape)), element_type(dtype))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gain": self.gain}


def compute_fans(shape: Any, input_axes: Any = None, output_axes: Any = None) -> tuple[int, int]:
    """The numbers of inputs and of outputs of a unit, of a dense or convolution kernel's shape.

    >>> compute_fans((3, 3, 16, 32))
    (144, 288)
    """
    shape = tuple(shape)
    if input_axes is not None or output_axes is not None:
        return _fans_of_axes(shape, input_axes, output_axes)
    if len(shape) < 1:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    field = math.prod(shape[:-2])
    return int(shape[-2] * field), int(shape[-1] * field)


def _fans_of_axes(shape: tuple[int, ...], input_axes: Any, output_axes: Any) -> tuple[int, int]:
    def axes(given: Any) -> set[int]:
        given = () if given is None else (given,) if isinstance(given, int) else given
        return {a % len(shape) for a in given}

    inputs, outputs = axes(input_axes), axes(output_axes)
    if input_axes is None:
        inputs = set(range(len(shape))) - outputs
    if output_axes is None:
        outputs = set(range(len(shape))) - inputs
    field = math.prod(d for i, d in enumerate(shape) if i not in inputs and i not in outputs)
    return field * math.prod(shape[a] for a in inputs), field * math.prod(shape[a] for a in outputs)
