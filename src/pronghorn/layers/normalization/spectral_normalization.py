"""`SpectralNormalization`: a layer whose kernel is divided by its greatest singular value."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.core.wrapper import Wrapper
from pronghorn.layers.input_spec import InputSpec
from pronghorn.layers.layer import Layer


class SpectralNormalization(Wrapper):
    """Divides the kernel of a layer by its greatest singular value before each training step.

    Args:
        layer: a layer with a ``kernel`` or ``embeddings``.
        power_iterations: steps of the power method at each call.
        kwargs: those of `Layer`.

    Raises:
        ValueError: if ``power_iterations`` is not positive.

    Example:

    >>> from pronghorn import layers
    >>> SpectralNormalization(layers.Dense(4))(ops.ones((2, 3))).shape
    (2, 4)
    """

    _looks_at_values = True

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(layer, **kwargs)
        if power_iterations <= 0:
            raise ValueError(f"SpectralNormalization: `power_iterations` is 1 or more, got {power_iterations}.")
        self.power_iterations = power_iterations

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.input_spec = InputSpec(shape=[None, *input_shape[1:]])
        for name in ("_kernel", "_embeddings", "kernel", "embeddings"):
            kernel = getattr(self.layer, name, None)
            if hasattr(kernel, "assign"):
                break
        else:
            raise ValueError(
                f"Layer {self.name!r} (SpectralNormalization): the layer inside, {self.layer.name!r}, cannot be "
                f"wrapped: a {type(self.layer).__name__} owns neither a `kernel` nor `embeddings` to normalize."
            )
        self._target = kernel
        self.kernel_shape = kernel.shape
        self.vector_u = self.add_weight(
            shape=(1, kernel.shape[-1]),
            initializer="truncated_normal",
            trainable=False,
            name="vector_u",
            dtype=kernel.dtype,
        )

    @property
    def kernel(self) -> Any:
        return self._target

    def call(self, inputs: Any, training: Any = False) -> Any:
        if training:
            self._normalize()
        return ops.cast(self.layer(inputs), self.compute_dtype)

    def _normalize(self) -> None:
        weights = ops.reshape(self._target.tensor, (-1, self.kernel_shape[-1]))
        u = self.vector_u.tensor
        if not _all_zero(weights):
            for _ in range(self.power_iterations):
                v = ops.normalize(ops.matmul(u, ops.transpose(weights)), axis=None, epsilon=1e-12)
                u = ops.normalize(ops.matmul(v, weights), axis=None, epsilon=1e-12)
            u, v = ops.stop_gradient(u), ops.stop_gradient(v)
            sigma = ops.matmul(ops.matmul(v, weights), ops.transpose(u))
            # An all-zero kernel has no direction; it stays as it is.
            sigma = ops.where(ops.equal(sigma, 0.0), ops.ones_like(sigma), sigma)
            self.vector_u.assign(ops.cast(u, self.vector_u.dtype))
            self._target.assign(ops.cast(ops.reshape(weights / sigma, self.kernel_shape), self._target.dtype))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "power_iterations": self.power_iterations}


def _all_zero(weights: Any) -> bool:
    return not weights.is_traced and not weights.numpy().any()
