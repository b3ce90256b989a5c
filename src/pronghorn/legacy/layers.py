"""Layers of Keras 2 that Keras 3 still has under `tf.keras.layers`."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops, random
from pronghorn.engine.graph.active import current_trace
from pronghorn.layers import settings
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.layer import Layer
from pronghorn.layers.preprocessing.images.arguments import factor_range


class ThresholdedReLU(Layer):
    """``x`` where it is greater than ``theta``, else 0. Today: ``ReLU(threshold=theta)``.

    Args:
        theta: the threshold, not negative.
        kwargs: those of `Layer`.

    Raises:
        ValueError: ``theta`` is None or negative.

    Example:

    >>> ThresholdedReLU(theta=1.0)(ops.array([-1.0, 1.0, 2.0])).numpy()
    array([-0.,  0.,  2.], dtype=float32)
    """

    def __init__(self, theta: float = 1.0, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(**kwargs)
        if theta is None or theta < 0:
            raise ValueError(f"ThresholdedReLU: theta should be 0 or a positive number, got {theta!r}.")
        self.theta = theta
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        return inputs * ops.cast(inputs > self.theta, inputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "theta": self.theta}


class _RandomExtent(Layer):
    """Images of which one extent is another in training, the same one for all images of a call."""

    _axis: int

    def __init__(
        self, factor: Any, interpolation: str = "bilinear", seed: int | None = None, **kwargs: Unpack[LayerArguments]
    ) -> None:
        super().__init__(**kwargs)
        self.factor, self.interpolation, self.seed = factor, interpolation, seed
        self._range = factor_range(self, "factor", factor, (-1.0, float("inf")), symmetric=True)
        self._generator = random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool = True) -> Any:
        if not training:
            return inputs
        if current_trace() is not None:
            raise NotImplementedError(
                f"{type(self).__name__} {self.name!r} draws the size of its images, which a compiled step has to know. "
                "Call it on the data, as by Dataset.map, or take RandomZoom, which keeps the size."
            )
        low, high = self._range
        drawn = float(random.uniform((), 1.0 + low, 1.0 + high, seed=self._generator))
        size = [int(extent) for extent in inputs.shape[-3:-1]]
        size[self._axis] = max(int(drawn * size[self._axis]), 1)
        return ops.image.resize(inputs, size, interpolation=self.interpolation)

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = list(input_shape)
        shape[self._axis - 3] = None
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **settings.give(self, "factor", "interpolation", "seed")}


class RandomHeight(_RandomExtent):
    """In training, images of another height: ``1 + f`` times theirs, with one f from a range for all images of a call.

    Args:
        factor: the range, two numbers, or one number f for ``(-f, f)``.
        interpolation: as of `keras.ops.image.resize`.
        seed: of what is drawn.
        kwargs: those of `Layer`.

    Raises:
        NotImplementedError: it is called in a compiled step.

    Example:

    >>> RandomHeight((0.5, 0.5))(ops.ones((1, 4, 4, 3)), training=True).shape
    (1, 6, 4, 3)
    """

    _axis = 0


class RandomWidth(_RandomExtent):
    """In training, images of another width; see `RandomHeight`.

    Example:

    >>> RandomWidth((-0.5, -0.5))(ops.ones((1, 4, 4, 3)), training=True).shape
    (1, 4, 2, 3)
    """

    _axis = 1
