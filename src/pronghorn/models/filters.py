"""Which layers of a model are meant."""

from __future__ import annotations

import re
from typing import Any


def is_meant(layer: Any, filters: Any) -> bool:
    """Whether a layer is among those that filters let through.

    >>> from pronghorn import layers
    >>> is_meant(layers.Dense(1, name="first"), ["^f", "last"])
    True
    """
    if filters is None:
        return True
    if callable(filters):
        return bool(filters(layer))
    patterns = [filters] if isinstance(filters, str) else filters
    return any(re.search(pattern, layer.name) for pattern in patterns)
