"""Floats that are rounded as integers would be, in training."""

from __future__ import annotations

from typing import Any

from pronghorn import ops


def fake_quant_with_min_max_vars(
    inputs: Any,
    min_vals: Any,
    max_vals: Any,
    num_bits: int = 8,
    narrow_range: bool = False,
    axis: int | None = None,
) -> Any:
    """Numbers as the next of ``2 ** num_bits`` that lie evenly from ``min_vals`` to ``max_vals``, 0 being one of them.

    The gradient goes to the inputs between the two, and to the bound where one is at or beyond it. After
    `Jacob et al. <https://arxiv.org/abs/1712.05877>`_, section 3.

    Args:
        inputs: floats.
        min_vals: the lowest number: a scalar, or one for each place along ``axis``.
        max_vals: the highest.
        num_bits: of the integers that the numbers stand for.
        narrow_range: whether there is one number less, so that they lie evenly around the zero.
        axis: the axis with bounds of their own; one pair for all if None.

    Example:

    >>> fake_quant_with_min_max_vars(ops.array([-9.0, 0.2, 0.3, 9.0]), -1.0, 0.5, num_bits=2).tolist()
    [-1.0, 0.0, 0.5, 0.5]
    """
    inputs = ops.convert_to_tensor(inputs)
    shape = [-1 if i == axis % inputs.ndim else 1 for i in range(inputs.ndim)] if axis is not None else ()
    steps = 2 ** int(num_bits) - 1 - int(narrow_range)

    @ops.custom_gradient
    def rounded(x: Any, low: Any, high: Any) -> Any:
        ends = (ops.reshape(ops.cast(v, "float32"), shape) for v in (low, high))
        least, most, scale, per_scale = _grid(*ends, steps)
        place = ops.multiply(ops.subtract(ops.clip(ops.cast(x, "float32"), least, most), least), per_scale)
        zero = ops.floor(-least * per_scale + 0.5)
        outputs = ops.cast(ops.multiply(ops.floor(place - zero + 0.5), scale), x.dtype)

        def gradient(upstream: Any) -> tuple[Any, Any, Any]:
            def where(mask: Any) -> Any:
                return ops.where(mask, upstream, 0.0)

            def of_bound(mask: Any, bound: Any) -> Any:
                others = [i for i in range(x.ndim) if axis is None or not bound.shape or i != axis % x.ndim]
                return ops.reshape(ops.sum(where(mask), axis=others), bound.shape)

            inside = ops.logical_and(ops.greater_equal(x, least), ops.less_equal(x, most))
            return (
                where(inside),
                of_bound(ops.less_equal(x, least), low),
                of_bound(ops.greater_equal(x, most), high),
            )

        return outputs, gradient

    return rounded(inputs, ops.convert_to_tensor(min_vals), ops.convert_to_tensor(max_vals))


def _grid(low: Any, high: Any, steps: int) -> tuple[Any, Any, Any, Any]:
    """The ends of the numbers, moved so that 0 is one of them, the spacing, and one by the spacing."""
    scale, per_scale = ops.divide(high - low, steps), ops.divide(steps, high - low)
    zero = ops.round(ops.clip(-low / scale, 0, steps))
    return -zero * scale, (steps - zero) * scale, scale, per_scale
