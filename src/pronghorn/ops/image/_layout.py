"""Images as batches with channels last, whatever the caller has."""

from __future__ import annotations

from typing import Any, NamedTuple

from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.ops import _broadcast as B
from pronghorn.ops.nn.geometry import channels_first, from_channels_last, to_channels_last


class Layout(NamedTuple):
    """How the caller's images were laid out."""

    single: bool
    first: bool

    def restore(self, x: Tensor) -> Tensor:
        """``[n, *spatial, c]`` in the caller's layout."""
        x = from_channels_last(x, self.first)
        return P.reshape(x, shape=x.shape[1:]) if self.single else x


def bad_rank(name: str, x: Tensor, spatial: int = 2) -> str:
    """What to say of images with too many or too few axes."""
    axes = "height, width, channels" if spatial == 2 else "depth, height, width, channels"
    return (
        f"{name}: Invalid images rank: expected rank {spatial + 1} (one image: {axes}, in the order of data_format) or "
        f"rank {spatial + 2} (a batch of them). Received: images.shape={x.shape}."
    )


def batch_of(name: str, images: Any, data_format: Any, spatial: int = 2) -> tuple[Tensor, Layout]:
    """Images ``[n, *spatial, c]``, and how they were laid out.

    Raises:
        ValueError: if they are neither one image nor a batch.
    """
    x = B.convert(images)
    if x.ndim not in (spatial + 1, spatial + 2):
        raise ValueError(bad_rank(name, x, spatial))
    single = x.ndim == spatial + 1
    if single:
        x = P.reshape(x, shape=(1, *x.shape))
    layout = Layout(single, channels_first(data_format))
    return to_channels_last(x, layout.first), layout
