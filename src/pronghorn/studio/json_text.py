"""Messages to pages, as JSON: it has no NaN and no infinities, so those become null."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np


def as_json(value: Any) -> str:
    """A value as JSON that every browser reads.

    >>> as_json({"loss": float("nan"), "off": [1.5, np.float32("inf")]})
    '{"loss":null,"off":[1.5,null]}'
    """
    try:
        return _written(value)
    except ValueError:  # seldom, so that nothing else is gone through beforehand
        return _written(_finite(value))


def short(value: Any, digits: int = 5) -> float | None:
    """A number with few digits, to be read by people; None if it is none.

    >>> short(2 / 3), short(2 / 3, digits=2), short(float("nan"))
    (0.66667, 0.67, None)
    """
    return float(f"{float(value):.{digits}g}") if math.isfinite(value) else None


def _written(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), default=float, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float | np.floating) and not math.isfinite(value) else value
