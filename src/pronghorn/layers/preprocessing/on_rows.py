"""Layers that take rows of different lengths: `RaggedTensor`s, and the values that sparse arrays hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn.data.padded_rows import PaddedRows
from pronghorn.data.ragged import RaggedTensor
from pronghorn.layers.layer import Layer
from pronghorn.layers.preprocessing import encoding


def has_places(x: Any) -> bool:
    """Whether this is a sparse array of TensorFlow's kind, which says what values it holds and where."""
    return hasattr(x, "dense_shape") and hasattr(x, "indices") and hasattr(x, "values")


def is_of_rows(args: tuple[Any, ...]) -> bool:
    """Whether a layer is called with rows of different lengths."""
    return len(args) == 1 and (isinstance(args[0], RaggedTensor) or (has_places(args[0]) and len(args[0].shape) == 2))


def rows_of(x: Any) -> RaggedTensor:
    """The values of a sparse array with two axes, by row; a `RaggedTensor` as it is."""
    if isinstance(x, RaggedTensor):
        return x
    rows = np.asarray(x.indices)[:, 0]
    order = np.argsort(rows, kind="stable")
    return RaggedTensor.from_value_rowids(np.asarray(x.values)[order], rows[order], int(np.asarray(x.dense_shape)[0]))


def row_bounds(rows: RaggedTensor) -> np.ndarray:
    """Where each of the outermost rows ends among the innermost values, with a 0 in front."""
    bounds, *inner = rows.nested_splits
    for splits in inner:
        bounds = splits[bounds]
    return bounds


class RowsLayer(Layer):
    """A layer that gives a number for each value, or a vector for each row of them."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if is_of_rows(args) and not kwargs:
            return self._of_rows_or_places(args[0])
        return super().__call__(*args, **kwargs)

    def _of_rows_or_places(self, x: Any) -> Any:
        if has_places(x) and self._mode == "int":
            return x.with_values(self(x.values))
        return self._of_rows(rows_of(x))

    @property
    def _mode(self) -> str:
        return getattr(self, "output_mode", "int")

    def _of_rows(self, rows: RaggedTensor) -> Any:
        """Rows of the same lengths with a number for each value, or a vector for each of the rows.

        Raises:
            ValueError: for vectors of each value.
        """
        if self._mode == "int":
            return rows.mapped(self)
        if self._mode == "one_hot":
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}): rows of different lengths have no vectors for each "
                "value, which output_mode='one_hot' gives. Take 'multi_hot' or 'count', or pad them to one length "
                "first, with x.to_tensor()."
            )
        if isinstance(rows, PaddedRows):
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}): in a model that is compiled, output_mode={self._mode!r} "
                "takes no rows of different lengths. Call the layer in the map of the data set."
            )
        indices = np.asarray(self._indices_of(rows.flat_values))
        depth, dtype, weights = self._vectors()
        return encoding.encode_rows(indices, row_bounds(rows), self._mode, depth, dtype, weights)

    def _indices_of(self, values: Any) -> Any:
        """The category of each value, integers."""
        raise NotImplementedError

    def _vectors(self) -> tuple[int, str, Any]:
        """How long vectors are, their type, and the factor of each category in the mode ``"tf_idf"``."""
        raise NotImplementedError
