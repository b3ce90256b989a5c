"""What a contraction is: axes with strides into three arrays, nothing of how it is computed.

``C[...] = epilogue(sum over reduced axes of A[...] * B[...])``. Every axis has a stride, in elements, into each of A, B
and C; stride 0 means that the array does not have the axis. So a convolution needs nothing special: its output row
``oh`` and its kernel row ``kh`` are two axes that both move through A.

Which part an axis plays follows from the strides: absent from C, it is summed over; else it is one of the *rows*
(absent from B), the *columns* (absent from A) or a *batch* axis (in all three).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pronghorn.engine.codegen.convert import FLOATS
from pronghorn.engine.compiler.kernels import Axis
from pronghorn.engine.graph.dim import Extent
from pronghorn.engine.graph.dtypes import LOW_PRECISION

__all__ = ["Array", "Axis", "Contraction", "far"]


@dataclass(frozen=True, slots=True)
class Array:
    """Where an array lies: the slot of its base pointer in the kernel's table ``bufs``, and its first element."""

    slot: int
    dtype: str
    offset: Extent = 0


@dataclass(frozen=True, slots=True)
class Contraction:
    """The sum of products over three strided arrays; see the module's docstring.

    dtypes: floats (float16 and bfloat16 are widened on loading and summed in float32) or integers (widened or wrapped
    to C's dtype). Raises ValueError for mixed kinds, repeated names, or an axis that only C has.

    >>> matmul = Contraction(
    ...     (Axis("m", 4, a=3, c=5), Axis("n", 5, b=1, c=1), Axis("k", 3, a=1, b=5)),
    ...     Array(0, "float32"), Array(1, "float32"), Array(2, "float32"))
    >>> [axis.name for axis in matmul.axes if axis.reduced], matmul.sum_dtype
    (['k'], 'float32')
    """

    axes: tuple[Axis, ...]
    a: Array
    b: Array
    c: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", tuple(self.axes))
        names = [axis.name for merged in self.axes for axis in merged.whole]
        if len(set(names)) != len(names):
            raise ValueError(f"The axes of a contraction need names of their own, got {names}.")
        for axis in self.axes:
            if axis.a == 0 and axis.b == 0 and axis.extent != 1:
                raise ValueError(f"Axis {axis.name!r} is in neither A nor B, so there is nothing to multiply along it.")
        kinds = {array.dtype in FLOATS for array in (self.a, self.b, self.c)}
        if len(kinds) != 1:
            raise ValueError(
                f"A contraction takes all floats or all integers, got {self.a.dtype}, {self.b.dtype} -> {self.c.dtype}."
            )

    @property
    def sum_dtype(self) -> str:
        """The dtype of the accumulators."""
        return "float32" if self.c.dtype in LOW_PRECISION else self.c.dtype

    def swapped(self) -> Contraction:
        """The same contraction with A and B exchanged."""
        return Contraction(tuple(axis.swapped() for axis in self.axes), self.b, self.a, self.c)

    def simplified(self, keep: Sequence[str] = ()) -> Contraction:
        """Drops axes of extent 1 and merges axes that are one loop in all three arrays.

        Axes named in ``keep`` stay as they are.
        """
        axes = [axis for axis in self.axes if axis.extent != 1 or axis.name in keep]
        merged = True
        while merged:
            merged = False
            for outer in axes:
                for inner in axes:
                    if outer is inner or outer.name in keep or inner.name in keep or not _one_loop(outer, inner):
                        continue
                    axes[axes.index(outer)] = _merge(outer, inner)
                    axes.remove(inner)
                    merged = True
                    break
                if merged:
                    break
        return replace(self, axes=tuple(axes))


def far(stride: Extent) -> int:
    """How far a step goes in memory, to order axes by: one that shows at run time alone is farther than any number."""
    return abs(stride) if isinstance(stride, int) else 1 << 40


def _one_loop(outer: Axis, inner: Axis) -> bool:
    """Whether running ``inner`` within ``outer`` walks through each array with one stride."""
    pairs = ((outer.a, inner.a), (outer.b, inner.b), (outer.c, inner.c))
    return all(big == small * inner.extent for big, small in pairs)


def _merge(outer: Axis, inner: Axis) -> Axis:
    name, extent = f"{outer.name}*{inner.name}", outer.extent * inner.extent
    return replace(inner, name=name, extent=extent, parts=(*outer.whole, *inner.whole))
