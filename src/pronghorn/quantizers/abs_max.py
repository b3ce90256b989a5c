"""Integers by the largest size: a number counts as so many parts of the largest one beside it."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from pronghorn import ops
from pronghorn.quantizers.pieces import in_pieces, looked_at


class Quantizer:
    """What makes an array of few bits from an array of floats; the base of all.

    Args:
        output_dtype: the type of the array that it gives.

    Example:

    >>> class Signs(Quantizer):
    ...     def __call__(self, x):
    ...         return ops.cast(ops.sign(x), self.output_dtype)
    >>> Signs()(ops.array([-0.5, 2.0])).tolist()
    [-1, 1]
    """

    def __init__(self, output_dtype: str = "int8") -> None:
        self.output_dtype = output_dtype

    def __call__(self, x: Any) -> Any:
        """The array in few bits; here as it is."""
        return x

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments.

        Raises:
            NotImplementedError: for a class that has not written it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no get_config() of its own, so it cannot be saved: write one that returns the "
            "arguments of its constructor."
        )

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make the quantizer of a configuration."""
        return cls(**config)


class AbsMaxQuantizer(Quantizer):
    """Integers by the largest size along an axis, as `abs_max_quantize` gives.

    Args:
        axis: the axis, or the axes, whose numbers share a scale; the last one if neither this nor the call says so.
        value_range: the lowest and the highest integer.
        epsilon: added to the largest size, so that an array of zeros has a scale.
        output_dtype: the type of the integers.

    Raises:
        ValueError: for a range that int8 does not have, where that is the type.

    Example:

    >>> values, scale = AbsMaxQuantizer()(ops.array([[0.6, -1.0], [1.0, 4.0]]))
    >>> values.tolist(), scale.shape
    ([[76, -127], [32, 127]], (2, 1))
    """

    def __init__(
        self,
        axis: Any = None,
        value_range: tuple[int, int] = (-127, 127),
        epsilon: float = 1e-7,
        output_dtype: str = "int8",
    ) -> None:
        super().__init__(output_dtype)
        self.axis = None if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.value_range = value_range
        self.epsilon = epsilon
        if output_dtype == "int8" and not (value_range[0] >= -128 and value_range[1] <= 127):
            raise ValueError(
                f"AbsMaxQuantizer: value_range={value_range} reaches beyond int8, which is -128 to 127. Narrow it, or "
                "take a wider output_dtype."
            )

    def __call__(self, x: Any, axis: Any = None, to_numpy: bool = False) -> tuple[Any, Any]:  # type: ignore[override]
        """The integers and their scales: ``x`` is about ``integers / scales``.

        Args:
            x: floats.
            axis: in place of the constructor's.
            to_numpy: see `abs_max_quantize`.
        """
        along = next((one for one in (axis, self.axis) if one is not None), -1)
        return abs_max_quantize(x, along, self.value_range, self.output_dtype, self.epsilon, to_numpy)

    def get_config(self) -> dict[str, Any]:
        given = {name: getattr(self, name) for name in ("value_range", "epsilon", "output_dtype", "axis")}
        return {name: value for name, value in given.items() if value is not None}


def abs_max_quantize(
    inputs: Any,
    axis: Any,
    value_range: tuple[int, int] = (-127, 127),
    dtype: str = "int8",
    epsilon: float = 1e-7,
    to_numpy: bool = False,
) -> tuple[Any, Any]:
    """Integers, the largest of which along an axis stands for the largest size there.

    Args:
        inputs: floats.
        axis: the axis, or the axes, whose numbers share a scale.
        value_range: the lowest and the highest integer.
        dtype: the type of the integers.
        epsilon: added to the largest size, so that zeros have a scale.
        to_numpy: whether NumPy computes it, which takes bfloat16 as float32.

    Returns:
        The integers, and the scales with an extent of 1 along the axis: inputs are about ``integers / scales``.

    Example:

    >>> values, scale = abs_max_quantize(ops.array([[0.5, -1.0]]), axis=-1)
    >>> values.tolist(), scale.shape
    ([[63, -127]], (1, 1))
    """
    axis = tuple(axis) if isinstance(axis, list | tuple) else axis
    if to_numpy:
        array = looked_at(inputs)
        return in_pieces(  # type: ignore[return-value]
            lambda x: _quantized(np, x, axis, value_range, dtype, epsilon), array, _free_axis(array, axis)
        )
    return _quantized(ops, ops.convert_to_tensor(inputs), axis, value_range, dtype, epsilon)


def _quantized(
    library: Any, x: Any, axis: Any, value_range: tuple[int, int], dtype: str, epsilon: float
) -> tuple[Any, Any]:
    """The same by NumPy or by our operations."""
    own, sizes = x.dtype, library.abs(x)
    is_numpy = library is np
    largest = np.max(sizes, axis=axis, keepdims=True, initial=0) if is_numpy else ops.max(sizes, axis, keepdims=True)
    per_unit = library.divide(value_range[1], largest + epsilon)
    if not is_numpy:  # NumPy, which takes bfloat16 as float32, goes on in that
        per_unit = ops.cast(per_unit, own)
    nearest = library.round(x * per_unit)
    return ops.cast(library.clip(nearest, *value_range), dtype), ops.cast(per_unit, own)


def _free_axis(array: np.ndarray, axis: Any) -> int | None:
    """The longest axis along which numbers do not share a scale; None where all do."""
    shared = range(array.ndim) if axis is None else {a % array.ndim for a in np.atleast_1d(axis) if array.ndim}
    return max((a for a in range(array.ndim) if a not in shared), key=array.shape.__getitem__, default=None)
