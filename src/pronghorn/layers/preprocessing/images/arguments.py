"""Checks of the arguments that image layers share: ranges of random factors and of values."""

from __future__ import annotations

from typing import Any

from pronghorn.utils.arguments import is_number

Range = tuple[float, float]


def factor_range(
    layer: Any, name: str, value: Any, bounds: Range, symmetric: bool = False, exact: bool = False
) -> Range:
    """An argument that is a range to draw from, or one number that stands for a range.

    Args:
        layer: whose argument it is.
        name: its name.
        value: two numbers, or one number ``f`` for ``(0, f)``, or ``(-f, f)`` where ``symmetric``, or ``(f, f)`` where
            ``exact``.
        bounds: the lowest and the highest number allowed.
        symmetric: see ``value``.
        exact: see ``value``.

    Raises:
        ValueError: for anything else.
    """
    allowed = f"a number in the range [{bounds[0]}, {bounds[1]}], or a list of two such numbers"
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise _wrong(layer, name, value, allowed)
        low, high = value
    elif isinstance(value, bool) or not is_number(value):
        raise _wrong(layer, name, value, allowed)
    else:
        high = abs(value) if symmetric else value
        low = -high if symmetric else high if exact else bounds[0] if bounds[0] > 0 else 0
    for number in (low, high):
        if not is_number(number) or not bounds[0] <= float(number) <= bounds[1]:
            raise _wrong(layer, name, value, allowed)
    return (low, high) if low <= high else (high, low)


def value_range(layer: Any, value: Any) -> Range:
    """The ``value_range`` argument: the lowest and the highest value that pixels have.

    Raises:
        ValueError: if it is no two numbers in ascending order.
    """
    allowed = "a list of two numbers, the lower one first, such as (0, 255) or (0, 1)"
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise _wrong(layer, "value_range", value, allowed)
    low, high = value
    if not all(map(is_number, value)) or low > high:
        raise _wrong(layer, "value_range", value, allowed)
    return tuple(value)  # type: ignore[return-value]


def _wrong(layer: Any, name: str, value: Any, allowed: str) -> ValueError:
    return ValueError(f"{type(layer).__name__}: The `{name}` argument should be {allowed}. Received: {name}={value!r}.")
