"""Which layers of a model are meant."""

from __future__ import annotations

import re
from typing import Any

from pronghorn._wording import shown


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


def check_filters(filters: Any) -> None:
    """Check filters before the first layer is looked at.

    Raises:
        ValueError: they are nothing that tells layers apart, or no regular expressions.
    """
    if not (filters is None or isinstance(filters, str | list | tuple) or callable(filters)):
        raise ValueError(
            "quantize: filters tells layers apart by a regular expression for their names, several of them, or a "
            f"function of a layer; got {shown(filters)} of type {type(filters).__name__}."
        )
    if filters is None or callable(filters):
        return
    for pattern in [filters] if isinstance(filters, str) else filters:
        try:
            re.compile(pattern)
        except (re.error, TypeError) as error:
            raise ValueError(
                f"quantize: {shown(pattern)} in filters is no regular expression ({error}); re.escape(name) makes one "
                "that stands for a name as it is."
            ) from None
