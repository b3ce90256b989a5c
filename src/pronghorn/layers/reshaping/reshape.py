"""Layers that change only the shape: Flatten, Reshape, Permute, RepeatVector."""

from __future__ import annotations

import math
from typing import Any, Unpack

from pronghorn import config, ops
from pronghorn.layers import settings
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.input_spec import InputSpec, known_shape
from pronghorn.layers.layer import Layer
from pronghorn.symbolic.keras_tensor import KerasTensor
from pronghorn.utils.arguments import with_own_integers


class Flatten(Layer):
    """One axis for all but the batch.

    Args:
        data_format: ``"channels_first"``: the channels are moved to the end first.
        kwargs: those of `Layer`.

    Call arguments:
        inputs: ``[batch, ...]``; the result has the shape ``[batch, features]``.

    Raises:
        ValueError: if ``data_format`` is neither of the two.

    Example:

    >>> Flatten()(ops.ones((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        rank = len(inputs.shape)
        if self.data_format == "channels_first" and rank > 2:
            inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
        extent: Any = 1
        for d in inputs.shape[1:]:
            extent = extent * d
        return ops.reshape(inputs, (inputs.shape[0], extent))

    def compute_output_shape(self, input_shape: Any) -> Any:
        rest = input_shape[1:]
        return (input_shape[0], None if None in rest else math.prod(rest))

    def compute_output_spec(self, inputs: Any) -> Any:
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


class Reshape(Layer):
    """Another shape for each sample.

    Args:
        target_shape: the shape without the batch; one entry may be -1: what is left over.
        kwargs: those of `Layer`.

    Raises:
        ValueError: if a sample has another number of elements than ``target_shape``.

    Example:

    >>> Reshape((3, -1))(ops.ones((2, 12))).shape
    (2, 3, 4)
    """

    def __init__(self, target_shape: Any, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(**kwargs)
        self.target_shape = (target_shape,) if isinstance(target_shape, int) else with_own_integers(tuple(target_shape))
        if self.target_shape.count(-1) > 1:
            raise ValueError(
                f"Reshape: at most one unknown dimension (-1) is possible, got target_shape={self.target_shape}."
            )
        if any(not isinstance(d, int) or d < -1 for d in self.target_shape if d is not None):
            raise ValueError(
                f"Reshape: an entry is the length of an axis, or -1 for what is left over, got "
                f"target_shape={self.target_shape}."
            )
        self._build_at_init()

    def _resolved(self, input_shape: Any) -> tuple[Any, ...]:
        """The outputs' shape without the batch."""
        rest = tuple(input_shape[1:])
        if None in rest or None in self.target_shape:
            return tuple(None if d == -1 else d for d in self.target_shape)
        size, known = math.prod(rest), math.prod(d for d in self.target_shape if d != -1)
        fits = size % known == 0 if known and -1 in self.target_shape else size == known
        if not fits:
            raise ValueError(
                f"Layer {self.name!r} (Reshape): the total size of the array must be unchanged: a sample has {size} "
                f"elements (shape {rest}), which do not fit target_shape={self.target_shape}."
            )
        return tuple(size // known if d == -1 else d for d in self.target_shape)

    def call(self, inputs: Any) -> Any:
        if all(d is not None for d in known_shape(inputs)[1:]):
            self._resolved(inputs.shape)
        rest: Any = 1
        for d in inputs.shape[1:]:
            rest = rest * d
        target = self.target_shape
        if -1 in target:
            known = math.prod(d for d in target if d != -1)
            target = tuple(rest // known if d == -1 else d for d in target)
        return ops.reshape(inputs, (inputs.shape[0], *target))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], *self._resolved(input_shape))

    def compute_output_spec(self, inputs: Any) -> Any:
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "target_shape": self.target_shape}


class Permute(Layer):
    """The axes in another order.

    Args:
        dims: for each axis of a sample (the first is 1) which one of the inputs it is.
        kwargs: those of `Layer`.

    Raises:
        ValueError: if ``dims`` does not hold each axis of a sample once, from 1.

    Example:

    >>> Permute((2, 1))(ops.ones((2, 3, 4))).shape
    (2, 4, 3)
    """

    def __init__(self, dims: Any, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(dims) + 1)):
            raise ValueError(
                f"Permute: Invalid permutation argument `dims`: it must hold each of 1 to {len(dims)} once, got {dims}."
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        return ops.transpose(inputs, axes=(0, *self.dims))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], *(input_shape[d] for d in self.dims))

    def compute_output_spec(self, inputs: Any) -> Any:
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dims": self.dims}


class RepeatVector(Layer):
    """Each vector ``n`` times, along a new axis.

    Args:
        n: how often; a positive integer.
        kwargs: those of `Layer`.

    Call arguments:
        inputs: ``[batch, features]``; the result has the shape ``[batch, n, features]``.

    Raises:
        TypeError: if ``n`` is no integer.
        ValueError: if ``n`` is not positive, or if the inputs do not have two axes.

    Example:

    >>> RepeatVector(3)(ops.ones((2, 4))).shape
    (2, 3, 4)
    """

    def __init__(self, n: int, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(**kwargs)
        self.n = settings.positive_integer(n, "RepeatVector", "n")
        self.input_spec = InputSpec(ndim=2)
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        batch, features = inputs.shape
        return ops.broadcast_to(ops.reshape(inputs, (batch, 1, features)), (batch, self.n, features))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], self.n, input_shape[1])

    def compute_output_spec(self, inputs: Any) -> Any:
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **settings.give(self, "n")}
