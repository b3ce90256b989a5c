"""Layers that take strings, inside of a model that is compiled."""

from __future__ import annotations

from typing import Any

from pronghorn.graph.strings import has_strings, on_host
from pronghorn.layers.layer import Layer


class StringLayer(Layer):
    """A layer that may be called on strings. In a compiled step it runs in front of the compiled part."""

    _looks_at_values = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not has_strings(*args):
            return super().__call__(*args, **kwargs)
        return on_host(lambda *values: super(StringLayer, self).__call__(*values, **kwargs), *args)
