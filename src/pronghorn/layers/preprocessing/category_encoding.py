"""`CategoryEncoding`: vectors for category numbers."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from pronghorn import ops
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.layers import settings
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.preprocessing import encoding, strings
from pronghorn.layers.preprocessing.data_layer import DataLayer
from pronghorn.layers.preprocessing.on_rows import RowsLayer
from pronghorn.symbolic.keras_tensor import KerasTensor

_MODES = ("count", "one_hot", "multi_hot")


class CategoryEncoding(RowsLayer, DataLayer):
    """One-hot, multi-hot or count vectors for integers whose number of values is known.

    Args:
        num_tokens: how many categories there are; inputs are in ``range(num_tokens)``.
        output_mode: ``"one_hot"``: a vector for each integer, in place of a last axis of extent one or as a new last
            axis; ``"multi_hot"``: a vector for each row, with a one for each category in it; ``"count"``: how
            often each occurs.
        sparse: accepted as in Keras; the result is the same, in a dense array.
        kwargs: those of `Layer`.

    Raises:
        ValueError: if ``num_tokens`` is missing or not positive, or the mode is unknown; when called, for integers out
            of range.

    Example:

    >>> import numpy as np
    >>> CategoryEncoding(num_tokens=3, output_mode="count")(np.array([[0, 2, 2]])).tolist()
    [[1.0, 0.0, 2.0]]
    """

    _looks_at_values = True
    _convert_input_args = False
    _allow_non_tensor_positional_args = True

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**kwargs)
        if output_mode == "binary":
            output_mode = "multi_hot"
        settings.one_of(output_mode, _MODES, "CategoryEncoding", "output_mode")
        if num_tokens is None:
            raise ValueError(
                "CategoryEncoding: num_tokens must be set: the number of categories. If it is not known, use "
                "IntegerLookup, which learns it with adapt()."
            )
        if num_tokens < 1:
            raise ValueError(f"CategoryEncoding: `num_tokens` must be >= 1, got num_tokens={num_tokens}.")
        self.num_tokens, self.output_mode = num_tokens, output_mode
        self.sparse = encoding.check_sparse(self, sparse, output_mode)
        self.built = True

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                "CategoryEncoding: `count_weights` weigh what output_mode='count' counts; with "
                f"output_mode={self.output_mode!r}, leave them out."
            )
        if not isinstance(inputs, Tensor) and strings.is_text(strings.raw(inputs)):
            raise TypeError(
                "CategoryEncoding: inputs must be integers, got strings. Turn them into integers first, with a "
                "StringLookup, which can also encode them: StringLookup(output_mode=...)."
            )
        inputs = ops.convert_to_tensor(inputs)
        self._check_range(inputs)
        return encoding.encode(
            ops.cast(inputs, "int32"), self.output_mode, self.num_tokens, self.compute_dtype, count_weights
        )

    def _indices_of(self, values: Any) -> np.ndarray:
        indices = ops.convert_to_tensor(values)
        self._check_range(indices)
        return indices.numpy().astype("int64")

    def _vectors(self) -> tuple[int, str, Any]:
        return self.num_tokens, self.compute_dtype, None

    def _check_range(self, x: Tensor) -> None:
        if x.is_traced or not np.size(x.data):
            return  # in a compiled step they count for nothing
        low, high = x.numpy().min(), x.numpy().max()
        if low < 0 or high >= self.num_tokens:
            raise ValueError(
                f"CategoryEncoding: inputs must be in the range 0 <= values < num_tokens={self.num_tokens}, got values "
                f"from {low} to {high}. Give a larger num_tokens, or use IntegerLookup for other integers."
            )

    def compute_output_shape(self, input_shape: Any) -> Any:
        return encoding.encoded_shape(input_shape, self.output_mode, self.num_tokens)

    def compute_output_spec(self, inputs: Any, count_weights: Any = None) -> Any:
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_tokens": self.num_tokens, "output_mode": self.output_mode}
