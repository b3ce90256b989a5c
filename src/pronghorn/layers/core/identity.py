"""`Identity`: a layer that does nothing."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import tree
from pronghorn.layers import rows
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.layer import Layer
from pronghorn.symbolic.keras_tensor import KerasTensor


class Identity(Layer):
    """Returns its inputs as they are.

    >>> from pronghorn import ops
    >>> Identity()(ops.array([[1.0, 2.0]])).numpy()
    array([[1., 2.]], dtype=float32)
    """

    _takes_rows = rows.EACH

    def __init__(self, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def compute_output_spec(self, inputs: Any) -> Any:
        return tree.map_structure(lambda x: KerasTensor(x.shape, dtype=x.dtype), inputs)
