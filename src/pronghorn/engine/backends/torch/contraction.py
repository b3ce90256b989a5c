"""The general dot product, convolution and its two gradients, by PyTorch's own.

Our layout, channels last, is PyTorch's ``channels_last`` memory format once its axes are permuted: nothing is copied.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import torch

from pronghorn.engine.backends.substitution import sums_plainly
from pronghorn.engine.backends.torch.registry import (
    FLOAT8,
    NARROW,
    Function,
    acts_on,
    formulas,
    implements,
    is_plain,
    signed,
    widened,
)
from pronghorn.engine.graph.primitives.contraction import conv_shape

Ints = tuple[int, ...]
Pairs = Sequence[tuple[int, int]]


def _accumulated(fn: Function) -> Function:
    """``fn``, which sums narrow floats in float32: on the processor they are converted; others have units for it."""
    wide = widened(fn)

    @acts_on(NARROW)
    @functools.wraps(fn, updated=())
    def accumulated(x: torch.Tensor, y: torch.Tensor, **params: Any) -> torch.Tensor:
        return (wide if x.is_cpu or x.dtype in FLOAT8 else fn)(x, y, **params)

    return accumulated


@implements
@_accumulated
@signed
def dot_general(
    x: torch.Tensor, y: torch.Tensor, *, contract: tuple[Ints, Ints], batch: tuple[Ints, Ints]
) -> torch.Tensor:
    """Output axes: the batch axes, the free axes of ``x``, the free axes of ``y``."""
    if x.dtype is torch.bool:
        return dot_general(x.to(torch.int64), y.to(torch.int64), contract=contract, batch=batch) > 0
    make = product if is_plain(x) and is_plain(y) else _product  # extents of stand-ins may be no numbers
    return make(tuple(x.shape), tuple(y.shape), contract, batch)(x, y)


def _product(x: Ints, y: Ints, contract: tuple[Ints, Ints], batch: tuple[Ints, Ints]) -> Function:
    """`dot_general` of operands of these shapes, from two tensors and perhaps a vector to add along the last axis."""
    (xc, yc), (xb, yb) = contract, batch
    x_free = [i for i in range(len(x)) if i not in xc and i not in xb]
    y_free = [i for i in range(len(y)) if i not in yc and i not in yb]
    rows, columns, batches = [x[i] for i in x_free], [y[i] for i in y_free], [x[i] for i in xb]
    k, lead = math.prod(x[i] for i in xc), (math.prod(batches),) if xb else ()
    left = _matrices(x, (*xb, *x_free, *xc), (*lead, math.prod(rows), k))
    right = _matrices(y, (*yb, *yc, *y_free), (*lead, k, math.prod(columns)))
    multiply, shape = torch.bmm if xb else torch.mm, [*batches, *rows, *columns]

    def multiplied(x: torch.Tensor, y: torch.Tensor, bias: Any = None) -> torch.Tensor:
        if bias is not None:
            return torch.addmm(bias, left(x), right(y)).view(shape)
        return multiply(left(x), right(y)).view(shape)

    return multiplied


product = functools.lru_cache(1024)(_product)


def _matrices(shape: Ints, perm: Ints, matrix: Ints) -> Function:
    """What gives an array of ``shape`` with its axes in the order of ``perm`` the shape ``matrix``."""
    ordered = tuple(shape[i] for i in perm) == matrix  # then nothing else is to be done
    if perm == tuple(range(len(shape))):
        return (lambda x: x) if ordered else (lambda x: x.reshape(matrix))
    if perm == (1, 0) and ordered:
        return torch.t
    return (lambda x: x.permute(perm)) if ordered else (lambda x: x.permute(perm).reshape(matrix))


def _channels_first(x: torch.Tensor) -> torch.Tensor:
    """``[n, *spatial, c]`` as ``[n, c, *spatial]``."""
    return x.movedim(-1, 1)


def _channels_last(x: torch.Tensor) -> torch.Tensor:
    return x.movedim(1, -1)


def _kernel(w: torch.Tensor) -> torch.Tensor:
    """``[*kernel, ci, co]`` as ``[co, ci, *kernel]``."""
    return w.permute(-1, -2, *range(w.ndim - 2))


def _split(padding: Pairs) -> tuple[list[int], list[int] | None]:
    """Padding as what a convolution takes, and what is to be done in front of it (as `pad` takes it; None: nothing)."""
    if all(lo == hi >= 0 for lo, hi in padding):
        return [lo for lo, _ in padding], None
    return [0] * len(padding), [n for pair in reversed(padding) for n in pair]


def _suits(x: torch.Tensor, rank: int) -> bool:
    """Whether PyTorch has convolutions of this type and rank."""
    return 1 <= rank <= 3 and x.is_floating_point()


def _settings(strides: Ints, inner: list[int], dilation: Ints, groups: int) -> tuple[Any, ...]:
    return (list(strides), inner, list(dilation), False, [0] * len(strides), groups)


@implements
@_accumulated
@signed
@sums_plainly
def conv(x: torch.Tensor, w: torch.Tensor, *, strides: Ints, padding: Pairs, dilation: Ints, groups: int) -> Any:
    return _conv(x, w, None, strides=strides, padding=padding, dilation=dilation, groups=groups)


def _conv(
    x: torch.Tensor, w: torch.Tensor, bias: Any, *, strides: Ints, padding: Pairs, dilation: Ints, groups: int
) -> torch.Tensor:
    if x.numel() == 0 or w.numel() == 0:
        return x.new_zeros(conv_shape(tuple(x.shape), tuple(w.shape), strides, tuple(padding), dilation))
    if not _suits(x, len(strides)):
        return formulas.conv(x, w, strides=strides, padding=padding, dilation=dilation, groups=groups)
    inner, outer = _split(padding)
    image = _channels_first(x)
    if outer is not None:
        image = torch.nn.functional.pad(image, outer)
    return _channels_last(torch.convolution(image, _kernel(w), bias, *_settings(strides, inner, dilation, groups)))


def _backward(g: torch.Tensor, image: torch.Tensor, kernel: torch.Tensor, settings: Any, which: int) -> torch.Tensor:
    """The gradient of a convolution in its input (0) or kernel (1); of that one, only the shape is looked at."""
    mask = [which == 0, which == 1, False]
    return torch.ops.aten.convolution_backward(_channels_first(g), image, kernel, None, *settings, mask)[which]


@implements
@_accumulated
@signed
@sums_plainly
def conv_input_grad(
    g: torch.Tensor, w: torch.Tensor, *, input_shape: Ints, strides: Ints, padding: Pairs, dilation: Ints, groups: int
) -> torch.Tensor:
    how = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
    if g.numel() == 0 or w.numel() == 0:
        return g.new_zeros(input_shape)
    if not _suits(g, len(strides)):
        return formulas.conv_input_grad(g, w, input_shape=input_shape, **how)
    inner, outer = _split(padding)
    spatial = [n + (0 if outer is None else lo + hi) for n, (lo, hi) in zip(input_shape[1:-1], padding)]
    image = _channels_first(g.new_empty((input_shape[0], *spatial, input_shape[-1])))
    out = _backward(g, image, _kernel(w), _settings(strides, inner, dilation, groups), 0)
    if outer is not None:
        out = torch.nn.functional.pad(out, [-n for n in outer])
    return _channels_last(out)


@implements
@_accumulated
@signed
@sums_plainly
def conv_filter_grad(
    x: torch.Tensor, g: torch.Tensor, *, kernel_shape: Ints, strides: Ints, padding: Pairs, dilation: Ints, groups: int
) -> torch.Tensor:
    how = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
    if g.numel() == 0 or x.numel() == 0:
        return g.new_zeros(kernel_shape)
    if not _suits(x, len(strides)):
        return formulas.conv_filter_grad(x, g, kernel_shape=kernel_shape, **how)
    inner, outer = _split(padding)
    image = _channels_first(x)
    if outer is not None:
        image = torch.nn.functional.pad(image, outer)
    kernel = _kernel(x.new_empty(kernel_shape))
    out = _backward(g, image, kernel, _settings(strides, inner, dilation, groups), 1)
    return out.permute(*range(2, out.ndim), 1, 0).contiguous()


# -- with a vector that is added along the last axis ------------------------------------------------------------------
def takes_bias(name: str, params: dict[str, Any], shapes: Sequence[Ints]) -> bool:
    """Whether PyTorch adds a vector to the result of a convolution or product with operands of these shapes."""
    if name == "conv":
        return 1 <= len(params["strides"]) <= 3 and all(0 not in shape for shape in shapes)
    (_, contracted), (batch, _) = params["contract"], params["batch"]
    return not batch and len(shapes[1]) == len(contracted) + 1


@sums_plainly
def conv_bias(x: torch.Tensor, w: torch.Tensor, bias: torch.Tensor, **how: Any) -> torch.Tensor:
    """`conv` with ``bias`` added."""
    return _conv(x, w, bias, **how)


def dot_bias(x: torch.Tensor, y: torch.Tensor, bias: torch.Tensor, *, contract: Any, batch: Any) -> torch.Tensor:
    """`dot_general` with ``bias`` added."""
    return product(tuple(x.shape), tuple(y.shape), contract, batch)(x, y, bias)


WITH_BIAS = {"conv": conv_bias, "dot_general": dot_bias}
