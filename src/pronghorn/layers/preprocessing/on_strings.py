"""Layers that take strings, inside of a model that is compiled."""

from __future__ import annotations

from typing import Any

from pronghorn.engine.graph.strings import OpenStrings, has_strings, on_host
from pronghorn.layers.preprocessing.on_rows import RowsLayer, is_of_rows


class StringLayer(RowsLayer):
    """A layer that may be called on strings. In a compiled step it runs in front of the compiled part."""

    _looks_at_values = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if is_of_rows(args) and not kwargs:
            return self._of_rows_or_places(args[0])
        if not has_strings(*args):
            return super().__call__(*args, **kwargs)
        if isinstance(args[0], OpenStrings):
            return self._written_down(args[0])
        return on_host(lambda *values: super(StringLayer, self).__call__(*values, **kwargs), *args)

    def _written_down(self, inputs: OpenStrings) -> Any:
        """The results for strings of a model that is exported."""
        raise NotImplementedError(
            f"export: layer {self.name!r} ({type(self).__name__}) works on strings in Python, which cannot be "
            "exported. Export the part of the model behind it, keras.Model(layer.output, model.outputs), and call the "
            "layer in front of that; or give the model tokens and look them up with StringLookup."
        )
