"""`Concatenate`: inputs side by side."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops
from pronghorn.layers import rows
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.layer import Layer
from pronghorn.symbolic.keras_tensor import is_keras_tensor


class Concatenate(Layer):
    """The inputs side by side along an axis.

    Args:
        axis: the axis.
        kwargs: those of `Layer`.

    Call arguments:
        inputs: a list of arrays that have equal extents along all other axes.

    Raises:
        ValueError: if the inputs differ along another axis.

    Example:

    >>> Concatenate()([ops.ones((2, 3)), ops.ones((2, 4))]).shape
    (2, 7)
    """

    _takes_rows = rows.LAST

    def __init__(self, axis: int = -1, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(**kwargs)
        self.axis = axis
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        if len(input_shape) < 1 or not isinstance(input_shape[0], (list, tuple)):
            raise ValueError(
                f"Layer {self.name!r} (Concatenate) joins the inputs in a list, one or more, but got one input of "
                f"shape {input_shape}. Write Concatenate()([a, b])."
            )
        if all(s is None for s in input_shape):
            return
        self.compute_output_shape(input_shape)

    def call(self, inputs: Any) -> Any:
        return ops.concatenate(list(inputs), axis=self.axis)

    def compute_output_shape(self, input_shape: Any) -> Any:
        if not isinstance(input_shape, (list, tuple)) or not all(isinstance(s, (list, tuple)) for s in input_shape):
            raise ValueError(f"Layer {self.name!r} (Concatenate) joins the inputs in a list, got {input_shape}.")
        shapes = [tuple(s) for s in input_shape]
        rank = len(shapes[0])
        axis = self.axis % rank if rank else 0
        rest = [tuple(d for i, d in enumerate(s) if i != axis) for s in shapes]
        fits = all(len(s) == rank for s in shapes)
        if fits:
            for column in zip(*rest):
                fits = fits and len({d for d in column if d is not None}) <= 1
        if not fits:
            raise ValueError(
                f"Layer {self.name!r} (Concatenate): the inputs may differ in length along axis {self.axis} alone, "
                f"where they are joined, got shapes {shapes}."
            )
        merged = [next((s[i] for s in shapes if s[i] is not None), None) for i in range(rank)]
        merged[axis] = None if any(s[axis] is None for s in shapes) else sum(s[axis] for s in shapes)
        return tuple(merged)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return None
        if not isinstance(mask, (list, tuple)):
            raise ValueError(f"Layer {self.name!r}: `mask` should be a list, got {mask!r}.")
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(f"Layer {self.name!r}: `inputs` should be a list, got {inputs!r}.")
        if len(mask) != len(inputs):
            raise ValueError(f"Layer {self.name!r}: each of the {len(inputs)} inputs needs a mask, got {len(mask)}.")
        if all(m is None for m in mask):
            return None
        full = []
        for x, m in zip(inputs, mask):
            if m is None:
                full.append(ops.ones_like(x, dtype="bool"))
                continue
            while len(m.shape) < len(x.shape):
                m = ops.expand_dims(m, -1)
            if is_keras_tensor(m):
                full.append(ops.logical_and(m, ops.ones_like(x, dtype="bool")))
            else:
                full.append(ops.broadcast_to(m, tuple(n if d is None else d for d, n in zip(x.shape, m.shape))))
        joined = ops.concatenate(full, axis=self.axis)
        return ops.any(joined, axis=-1, keepdims=False)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """`Concatenate` as a function.

    >>> concatenate([ops.array([[1.0, 2.0]]), ops.array([[3.0]])]).numpy()
    array([[1., 2., 3.]], dtype=float32)
    """
    return Concatenate(axis=axis, **kwargs)(inputs)
