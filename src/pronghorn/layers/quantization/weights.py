"""What quantization has to know of a layer: its weights, and the products that they take part in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pronghorn import ops


@dataclass(frozen=True)
class Alignment:
    """How scales, which have an extent of 1 along some axes, are kept so that outputs can be divided by them.

    Attributes:
        dropped: the axes of extent 1 that are left out.
        order: the order of the others.
        inserted: where axes of extent 1 come in.
    """

    dropped: tuple[int, ...]
    order: tuple[int, ...]
    inserted: tuple[int, ...] = ()

    def of(self, scale: Any) -> Any:
        """The scale as it is kept."""
        scale = ops.transpose(ops.squeeze(scale, axis=self.dropped) if self.dropped else scale, self.order)
        return ops.expand_dims(scale, self.inserted) if self.inserted else scale

    def undone(self, scale: Any) -> Any:
        """The scale as it was, with all axes of what it is for."""
        scale = ops.squeeze(scale, axis=self.inserted) if self.inserted else ops.convert_to_tensor(scale)
        scale = ops.transpose(scale, sorted(range(len(self.order)), key=self.order.__getitem__))
        return ops.expand_dims(scale, self.dropped) if self.dropped else scale

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape in which a scale is kept, given the shape of what it is for."""
        left = [extent for axis, extent in enumerate(shape) if axis not in self.dropped]
        kept = [left[axis] for axis in self.order]
        for axis in self.inserted:
            kept.insert(axis, 1)
        return tuple(kept)


@dataclass(frozen=True)
class QuantizedWeight:
    """A weight of a layer that is kept in few bits.

    Attributes:
        attribute: where the layer has it.
        name: the name of the variable; those beside it are called `<name>_scale` and so on.
        shape: its shape in floats.
        reduced: the axes along which numbers share a scale.
        scale: how these scales are kept.
        matrix: its shape as the matrix that is packed.
        along: the axis of the matrix along which groups of numbers share a scale and a zero.
        packed: the axis of the matrix along which two numbers share a byte.
        threshold: sizes above it count in ternary; half of the mean size if None.
        by_data: its shape as the matrix of inputs and outputs for modes that look at data; `matrix` if None.
    """

    attribute: str
    name: str
    shape: tuple[int, ...]
    reduced: tuple[int, ...]
    scale: Alignment
    matrix: tuple[int, int]
    along: int = 0
    packed: int = 1
    threshold: float | None = None
    by_data: tuple[int, int] | None = None

    def of(self, layer: Any, part: str = "") -> Any:
        """The layer's variable of it, or the one beside it that holds its `"scale"` or `"zero"`."""
        return getattr(layer, self.place(part))

    def place(self, part: str = "") -> str:
        """The attribute of the layer with a part of it."""
        return f"{self.name}_{part}" if part else self.attribute


@dataclass(frozen=True)
class Product:
    """A product of inputs and a kernel.

    Attributes:
        reduced: the axes of the inputs that are summed over.
        aligned: scales of the inputs, with an extent of 1 along these axes, as the outputs can be divided by them.
        times: the outputs of inputs and a kernel.
        gradient: the gradient for the inputs, of one for the outputs, a kernel, and the inputs.
        rows: the inputs as a matrix, to be multiplied by the kernel as the matrix `QuantizedWeight.by_data`; None if
            the product is no such thing.
        filled: the outputs of inputs, a kernel and what the inputs are padded with; None if nothing is padded.
    """

    reduced: Any
    aligned: Callable[[Any], Any]
    times: Callable[[Any, Any], Any]
    gradient: Callable[[Any, Any, Any], Any]
    rows: Callable[[Any], Any] | None = None
    filled: Callable[[Any, Any, Any], Any] | None = None

    def of_integers(self, inputs: Any, kernel: Any, fill: Any) -> Any:
        """The outputs of integers, where ``fill`` stands for 0."""
        return self.times(inputs, kernel) if self.filled is None else self.filled(inputs, kernel, fill)


#: That of matrices, or stacks of them, with a kernel ``[inputs, outputs]``.
MATRICES = Product(
    reduced=-1,
    aligned=lambda scale: scale,
    times=ops.matmul,
    gradient=lambda upstream, kernel, inputs: ops.matmul(upstream, ops.transpose(kernel)),
    rows=lambda inputs: ops.reshape(inputs, (-1, inputs.shape[-1])),
)
