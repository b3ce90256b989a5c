"""What things cost, and what sizes are taken to be where costs are compared and the sizes are not known yet."""

from __future__ import annotations

from pronghorn.graph.dim import Dim, Extent

TYPICAL = 64  # what a symbol of an extent, usually the batch, is taken to be


def typical(extent: Extent) -> int:
    """A number for an extent where costs are compared.

    >>> typical(10), typical(2 * Dim.symbol("batch"))
    (10, 128)
    """
    return extent.evaluate(dict.fromkeys(extent.symbols, TYPICAL)) if isinstance(extent, Dim) else extent
