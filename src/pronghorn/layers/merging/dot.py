"""`Dot`: products of the samples of two inputs."""

from __future__ import annotations

from typing import Any, Unpack

from pronghorn import ops
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.layer import Layer


def batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
    """For each sample of the batch, the contraction of ``x`` and ``y`` over an axis of each.

    >>> batch_dot(ops.ones((2, 3, 4)), ops.ones((2, 4, 5)), axes=(2, 1)).shape
    (2, 3, 5)
    """
    a, b = _axes(axes, len(x.shape), len(y.shape))
    if a == 0 or b == 0:
        raise ValueError("Dot: cannot contract over the batch axis 0; `axes` start at 1.")
    x_rank, y_rank = len(x.shape), len(y.shape)
    x = ops.moveaxis(x, a, -1)
    y = ops.moveaxis(y, b, 1)
    x_free, y_free = tuple(x.shape[1:-1]), tuple(y.shape[2:])
    inner = x.shape[-1]
    if x_rank == 2:
        x = ops.expand_dims(x, 1)
    elif x_rank > 3:
        x = ops.reshape(x, (-1, _product(x_free), inner))
    if y_rank == 2:
        y = ops.expand_dims(y, -1)
    elif y_rank > 3:
        y = ops.reshape(y, (-1, inner, _product(y_free)))
    result = ops.matmul(x, y)
    if x_rank == 2 and y_rank == 2:
        return ops.squeeze(result, 1)
    if x_rank == 2:
        result = ops.squeeze(result, 1)
        return ops.reshape(result, (-1, *y_free)) if y_rank > 3 else result
    if y_rank == 2:
        result = ops.squeeze(result, -1)
        return ops.reshape(result, (-1, *x_free)) if x_rank > 3 else result
    return ops.reshape(result, (-1, *x_free, *y_free)) if max(x_rank, y_rank) > 3 else result


def _product(extents: tuple[Any, ...]) -> Any:
    total: Any = 1
    for extent in extents:
        total = total * extent
    return total


def _axes(axes: Any, x_rank: int, y_rank: int) -> tuple[int, int]:
    if axes is None:
        axes = (x_rank - 1, y_rank - 1 if y_rank == 2 else y_rank - 2)
    pair = (axes, axes) if isinstance(axes, int) else tuple(axes)
    return pair[0] % x_rank, pair[1] % y_rank


class Dot(Layer):
    """For each sample, the contraction of two inputs over one axis of each.

    Args:
        axes: the axis, or a pair of axes, counted with the batch as 0.
        normalize: whether vectors are scaled to length one before (their product is then the cosine).
        kwargs: those of `Layer`.

    Raises:
        ValueError: if the two axes differ in extent.

    Example:

    >>> Dot(axes=1)([ops.ones((2, 3)), ops.ones((2, 3))]).tolist()
    [[3.0], [3.0]]
    """

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Unpack[LayerArguments]) -> None:
        super().__init__(**kwargs)
        if not isinstance(axes, int):
            fits = isinstance(axes, (list, tuple)) and len(axes) == 2 and all(isinstance(a, int) for a in axes)
            if not fits:
                kind = TypeError if not isinstance(axes, (list, tuple)) else ValueError
                raise kind(f"Dot: `axes` must be an integer or a pair of integers, got axes={axes!r}.")
        self.axes, self.normalize = axes, normalize
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        self._check(input_shape)

    def _check(self, input_shape: Any) -> tuple[tuple[Any, ...], tuple[Any, ...], int, int]:
        fits = isinstance(input_shape, (list, tuple)) and len(input_shape) == 2
        if not fits or not isinstance(input_shape[0], (list, tuple)):
            raise ValueError(f"Layer {self.name!r} (Dot) multiplies two inputs, in a list, but got {input_shape}.")
        x, y = map(tuple, input_shape)
        a, b = _axes(self.axes, len(x), len(y))
        if x[a] is not None and y[b] is not None and x[a] != y[b]:
            raise ValueError(
                f"Layer {self.name!r} (Dot): the axes that it sums over are of one length, but axis {a} of {x} has "
                f"{x[a]} and axis {b} of {y} has {y[b]}. Choose others with `axes`."
            )
        return x, y, a, b

    def call(self, inputs: Any) -> Any:
        if not isinstance(inputs, (list, tuple)) or len(inputs) != 2:
            raise ValueError(f"Layer {self.name!r} (Dot) multiplies two inputs, in a list, but got {inputs!r}.")
        x, y = inputs
        a, b = _axes(self.axes, len(x.shape), len(y.shape))
        if self.normalize:
            x, y = ops.normalize(x, axis=a), ops.normalize(y, axis=b)
        return batch_dot(x, y, (a, b))

    def compute_output_shape(self, input_shape: Any) -> Any:
        x, y, a, b = self._check(input_shape)
        free_x = [d for i, d in enumerate(x) if i not in (0, a)]
        free_y = [d for i, d in enumerate(y) if i not in (0, b)]
        shape = (x[0], *free_x, *free_y)
        return shape if len(shape) > 1 else (*shape, 1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return None

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """`Dot` as a function.

    >>> dot([ops.array([[1.0, 2.0]]), ops.array([[3.0, 6.0]])], axes=1).numpy()
    array([[15.]], dtype=float32)
    """
    return Dot(axes=axes, **kwargs)(inputs)
