"""Images bent at random."""

from __future__ import annotations

from typing import Any

from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.image.filters import gaussian_blur
from pronghorn.ops.image.sampling import ORDERS, finished, grid, prepared, sample_images
from pronghorn.ops.numpy.shaping import part
from pronghorn.random.random import uniform


@symbolic_aware
def elastic_transform(
    images: Any,
    alpha: Any = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: Any = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> Tensor:
    """Images bent by a smooth random field (Simard et al. 2003).

    Args:
        images: an image ``(height, width, channels)`` or a batch; channels come first for "channels_first".
        alpha: how far pixels move: a number, or a tensor without axes.
        sigma: how smooth the field is: the standard deviation of the filter, in pixels.
        interpolation: "nearest" or "bilinear".
        fill_mode: what lies outside: "constant", "nearest", "wrap", "mirror" or "reflect".
        fill_value: the value there for "constant".
        seed: a number or a `SeedGenerator`.
        data_format: "channels_last" or "channels_first"; the configured one by default.

    Example:

    >>> from pronghorn import ops
    >>> elastic_transform(ops.ones((1, 6, 6, 3)), seed=0).shape
    (1, 6, 6, 3)
    """
    x, layout, dtype = prepared("elastic_transform", images, interpolation, fill_mode, data_format)
    shape = x.shape[:3]
    noise = uniform((*shape, 2), -1.0, 1.0, dtype=x.dtype, seed=seed)
    reach = max(int(6 * sigma) | 1, 1)
    field = gaussian_blur(noise, (reach, reach), (sigma, sigma), data_format="channels_last")
    field = P.mul(field, B.broadcast_to(B.cast(alpha, x.dtype), field.shape))
    down, right = (P.reshape(part(field, 3, i, i + 1), shape=shape) for i in range(2))
    row, column = grid(shape, x.dtype)
    order = ORDERS[interpolation]
    out = sample_images(x, P.add(row, down), P.add(column, right), order, fill_mode, fill_value)
    return finished(out, layout, dtype)
