"""The order and grouping of axes: nothing is computed, elements move."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from pronghorn import ops
from pronghorn._wording import counted
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.dim import Dim, Extent, Shape, SymbolicDimError, comparable, product
from pronghorn.engine.graph.held_extents import held_extents
from pronghorn.engine.graph.ir import Value
from pronghorn.engine.graph.tensor import Tensor, tensor_of
from pronghorn.ops import _broadcast as B
from pronghorn.ops._short_ways import by_shapes
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.symbolic.describing import is_described, unknown_extent

UNKNOWN_EXTENT = (
    "An extent that is None is not known before a model runs: use it where it is, in the `call` of a layer of your own "
    "or in a Lambda."
)


def extents(shape: Any, name: str = "shape") -> tuple[Any, ...]:
    """A shape given as a number, a sequence or an array, as a tuple of extents; -1 and None are kept as -1."""
    if isinstance(shape, (int, np.integer, Dim)):
        return (shape if isinstance(shape, Dim) else int(shape),)
    if (held := _held(shape)) is not None:
        return held
    if is_described(shape):
        return tuple(unknown_extent() for _ in builtins.range(int(shape.shape[0])))
    if isinstance(shape, (Tensor, np.ndarray)):
        array = shape.numpy() if isinstance(shape, Tensor) else shape
        return tuple(int(n) for n in array.reshape(-1))
    out = []
    for n in shape:
        if isinstance(n, (int, Dim)):
            out.append(n)
        elif n is None:
            out.append(-1)
        elif (held := _held(n)) is not None:
            out.extend(held)
        elif is_described(n):
            out.append(unknown_extent())
        elif isinstance(n, (np.integer, Tensor)) or hasattr(n, "__index__"):
            out.append(int(n))
        else:
            raise ValueError(f"{name} must be integers, got {n!r} in {shape!r}.")
    return tuple(out)


def _held(x: Any) -> Shape | None:
    """What a traced array is known to hold: extents of other arrays, and what was computed of them."""
    return held_extents(x.data) if isinstance(x, Tensor) and isinstance(x.data, Value) else None


def known_extents(shape: Any, op: str, name: str = "shape") -> tuple[Any, ...]:
    """A shape as `extents` gives it, of an op that cannot tell by itself what an extent is that is left open.

    Raises:
        ValueError: if an extent is None, as one of a `KerasTensor` may be, or negative.
    """
    given = extents(shape, name)
    if any(isinstance(n, int) and n < 0 for n in given):
        raise ValueError(f"{op}: {name} must be numbers from 0 on, got {shape!r}. {UNKNOWN_EXTENT}")
    return given


@by_shapes
def reshape(x: Any, newshape: Any) -> Tensor:
    """The elements of ``x``, in their order, in another shape.

    Args:
        x: the array.
        newshape: its extents; one of them may be -1, and is then what is left over.

    Raises:
        ValueError: if the numbers of elements differ.

    >>> reshape([1, 2, 3, 4], (2, -1)).shape
    (2, 2)
    """
    x = B.convert(x)
    target = extents(newshape, "newshape")
    if _has_described(newshape):  # the values of the new shape will be known when it runs, and are checked then
        return _left_open(target, x.dtype)
    if any(n is None for n in _listed(newshape)) and sum(map(_is_open, target)) > 1:
        raise ValueError(f"reshape: only one extent may be left open, got newshape={newshape!r}. {UNKNOWN_EXTENT}")
    shape = resolve(x.shape, target)
    if is_described(x) and _divides_later(x.shape, target) and product(shape) != product(x.shape):
        return _left_open(target, x.dtype)
    return x if shape == x.shape else P.reshape(x, shape=shape)


def _is_open(extent: Any) -> bool:
    return isinstance(extent, int) and extent == -1


def _left_open(target: tuple[Any, ...], dtype: str) -> Tensor:
    """A description of an array of this shape, whose -1 is an extent that will be known when it runs."""
    return B.full(tuple(unknown_extent() if _is_open(n) else n for n in target), 0, dtype)


def _divides_later(old: Shape, new: tuple[Any, ...]) -> bool:
    """Whether extents that are not known yet decide if the elements of one shape fill the other; the one unknown extent
    of a shape whose new one leaves nothing open follows from that."""
    return sum(isinstance(n, Dim) for n in old) > (0 if any(map(_is_open, new)) else 1)


def _has_described(shape: Any) -> bool:
    return any(is_described(n) and _held(n) is None for n in (shape, *_listed(shape)))


def _listed(shape: Any) -> Sequence[Any]:
    """The extents of a shape that is a tuple or a list."""
    return shape if isinstance(shape, (tuple, list)) else ()


def resolve(old: Shape, new: tuple[Any, ...]) -> Shape:
    """``new`` with its -1 replaced by the extent that is left over."""
    if any(isinstance(n, int) and n < -1 for n in new):
        raise ValueError(f"reshape: extents are non-negative integers, and once -1 for the rest; got newshape={new}.")
    holes = [i for i, n in enumerate(new) if _is_open(n)]
    if len(holes) > 1:
        raise ValueError(f"reshape: only one extent may be -1, got newshape={new}.")
    total = product(old)
    rest = product(tuple(n for i, n in enumerate(new) if i not in holes))
    if not holes:
        if comparable(rest, total) and rest != total:
            raise ValueError(f"reshape: {old} has {counted(total, 'element')}, newshape={new} would have {rest}.")
        _settle(old, total, rest)
        return new
    if comparable(rest, total) and _leaves_over(total, rest):
        raise ValueError(f"reshape: the {counted(total, 'element')} of {old} do not divide into newshape={new}.")
    left = total // rest
    return tuple(left if i in holes else n for i, n in enumerate(new))


def _leaves_over(total: Extent, rest: Extent) -> bool:
    """Whether ``total`` elements are no multiple of ``rest``."""
    if isinstance(total, int) and isinstance(rest, int):
        return rest == 0 or total % rest != 0
    return rest == 0 or total != total // rest * rest


def _settle(old: Shape, total: Extent, rest: Extent) -> None:
    """Ask for the one unknown extent of ``old`` to be what makes ``total`` equal to the number ``rest``."""
    unknown = [n for n in old if isinstance(n, Dim)]
    if not isinstance(rest, int) or len(unknown) != 1:
        return
    known = product(tuple(n for n in old if not isinstance(n, Dim)))
    if isinstance(known, int) and known and rest % known == 0 and total == unknown[0] * known:
        B.equal_extents(unknown[0], rest // known)


@symbolic_aware
def ravel(x: Any) -> Tensor:
    """The elements of ``x`` in one axis.

    >>> ravel([[1, 2], [3, 4]]).numpy()
    array([1, 2, 3, 4], dtype=int32)
    """
    x = B.convert(x)
    return P.reshape(x, shape=(x.size,))


@by_shapes
def transpose(x: Any, axes: Sequence[int] | None = None) -> Tensor:
    """``x`` with its axes in the order ``axes``; in reverse order by default.

    >>> transpose([[1, 2], [3, 4]]).numpy()
    array([[1, 3],
           [2, 4]], dtype=int32)
    """
    x = B.convert(x)
    if axes is None:
        return permute(x, tuple(reversed(range(x.ndim))))
    order = tuple(B.axis_of(a, x.ndim, "axes") for a in axes)
    if sorted(order) != list(range(x.ndim)):
        raise ValueError(
            f"transpose: a valid permutation names each of the {x.ndim} axes of {x.shape} once; got axes={axes}."
        )
    return permute(x, order)


def permute(x: Tensor, order: Sequence[int]) -> Tensor:
    """`transpose` by a full permutation; nothing is done for the identity."""
    return x if list(order) == list(range(x.ndim)) else P.transpose(x, perm=tuple(order))


@by_shapes
def swapaxes(x: Any, axis1: int, axis2: int) -> Tensor:
    """``x`` with two axes exchanged.

    >>> swapaxes([[1, 2], [3, 4]], 0, 1).numpy()
    array([[1, 3],
           [2, 4]], dtype=int32)
    """
    x = B.convert(x)
    a, b = B.axis_of(axis1, x.ndim, "axis1"), B.axis_of(axis2, x.ndim, "axis2")
    order = list(range(x.ndim))
    order[a], order[b] = b, a
    return permute(x, order)


@symbolic_aware
def moveaxis(x: Any, source: Any, destination: Any) -> Tensor:
    """``x`` with the axes ``source`` moved to the places ``destination``.

    >>> moveaxis([[[1, 2, 3]]], 0, -1).shape
    (1, 3, 1)
    """
    x = B.convert(x)
    return permute(x, moved(x.ndim, source, destination))


def moved(rank: int, source: Any, destination: Any) -> list[int]:
    """The order of axes after `moveaxis`."""
    sources, targets = B.axes_of(source, rank), B.axes_of(destination, rank)
    if len(sources) != len(targets):
        raise ValueError(f"moveaxis: source={source} and destination={destination} must have the same length.")
    order = [a for a in range(rank) if a not in sources]
    for target, axis in sorted(zip(targets, sources)):
        order.insert(target, axis)
    return order


@by_shapes
def expand_dims(x: Any, axis: Any) -> Tensor:
    """``x`` with new axes of extent 1 at ``axis``.

    >>> expand_dims([1, 2], -1).shape
    (2, 1)
    """
    x = B.convert(x)
    count = len(axis) if isinstance(axis, (list, tuple)) else 1
    places = B.axes_of(axis if isinstance(axis, (list, tuple)) else (axis,), x.ndim + count)
    rest = iter(x.shape)
    return P.reshape(x, shape=tuple(1 if i in places else next(rest) for i in range(x.ndim + count)))


@by_shapes
def squeeze(x: Any, axis: Any = None) -> Tensor:
    """``x`` without the axes ``axis``, or without all axes, of extent 1.

    Raises:
        ValueError: if an axis named has another extent.

    Example:

    >>> squeeze([[[1], [2]]]).numpy()
    array([1, 2], dtype=int32)
    >>> squeeze([[[1], [2]]], axis=0).shape
    (2, 1)
    """
    x = B.convert(x)
    if axis is None:
        gone = {i for i, n in enumerate(x.shape) if n == 1}
    else:
        gone = set(B.axes_of(axis, x.ndim))
        for a in gone:
            if comparable(x.shape[a]) and x.shape[a] != 1:
                raise ValueError(f"squeeze: axis {a} of {x.shape} has extent {x.shape[a]}, not 1.")
    return P.reshape(x, shape=tuple(n for i, n in enumerate(x.shape) if i not in gone)) if gone else x


@by_shapes
def broadcast_to(x: Any, shape: Any) -> Tensor:
    """``x`` repeated to ``shape`` by NumPy's rule.

    >>> broadcast_to([1, 2], (2, 2)).numpy()
    array([[1, 2],
           [1, 2]], dtype=int32)
    """
    x, target = B.convert(x), known_extents(shape, "broadcast_to")
    if len(target) < x.ndim or B.broadcast_shapes(x.shape, target) != target:
        raise ValueError(f"broadcast_to: {x.shape} cannot be broadcast to {target}.")
    return B.broadcast_to(x, target)


@symbolic_aware
def flip(x: Any, axis: Any = None) -> Tensor:
    """``x`` in reverse order along ``axis``, or along all axes.

    >>> flip([[1, 2], [3, 4]], axis=1).numpy()
    array([[2, 1],
           [4, 3]], dtype=int32)
    """
    x = B.convert(x)
    axes = B.axes_of(axis, x.ndim)
    return P.reverse(x, axes=axes) if axes else x


@symbolic_aware
def fliplr(x: Any) -> Tensor:
    """``x`` in reverse order along axis 1.

    >>> fliplr([[1, 2], [3, 4]]).numpy()
    array([[2, 1],
           [4, 3]], dtype=int32)
    """
    return flip(x, 1)


@symbolic_aware
def flipud(x: Any) -> Tensor:
    """``x`` in reverse order along axis 0.

    >>> flipud([[1, 2], [3, 4]]).numpy()
    array([[3, 4],
           [1, 2]], dtype=int32)
    """
    return flip(x, 0)


@symbolic_aware
def rot90(array: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """``array`` turned ``k`` times by a quarter in the plane of two axes, from the first towards the second.

    >>> rot90([[1, 2], [3, 4]]).numpy()
    array([[2, 4],
           [1, 3]], dtype=int32)
    """
    x = B.convert(array)
    if x.ndim < 2:
        raise ValueError(f"rot90: an array with two axes or more is needed, got shape {x.shape}.")
    if len(axes) != 2 or (axes[0] - axes[1]) % x.ndim == 0:
        raise ValueError(f"rot90: axes must be two different axes, got axes={axes}.")
    a, b = (B.axis_of(i, x.ndim) for i in axes)
    turns = k % 4
    if turns == 0:
        return x
    if turns == 2:
        return P.reverse(x, axes=tuple(sorted((a, b))))
    return swapaxes(flip(x, b), a, b) if turns == 1 else flip(swapaxes(x, a, b), b)


@symbolic_aware
def roll(x: Any, shift: Any, axis: Any = None) -> Tensor:
    """``x`` moved by ``shift`` places along ``axis``; what leaves at the end comes in again at the start.

    >>> roll([1, 2, 3], 1).numpy()
    array([3, 1, 2], dtype=int32)
    """
    x = B.convert(x)
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), x.shape)
    axes = axis if isinstance(axis, (list, tuple)) else (axis,)
    shifts = shift if isinstance(shift, (list, tuple)) else (shift,) * len(axes)
    for a, s in zip(axes, shifts):
        x = _roll_axis(x, s, B.axis_of(a, x.ndim))
    return x


def _roll_axis(x: Tensor, shift: Any, axis: int) -> Tensor:
    size = x.shape[axis]
    if isinstance(shift, Tensor) and shift.is_traced:
        return _roll_by_index(x, shift, axis)
    shift = int(shift)
    if isinstance(size, int):
        shift = shift % size if size else 0
    elif shift != 0 and not _less_than_once_around(shift, size):
        return _roll_by_index(x, B.convert(np.int32(shift)), axis)
    if shift == 0:
        return x
    cut: Extent = size - shift if shift > 0 else -shift
    return P.concatenate(part(x, axis, cut, size), part(x, axis, 0, cut), axis=axis)


def _roll_by_index(x: Tensor, shift: Tensor, axis: int) -> Tensor:
    """Each element looked up: for a shift, or an extent, that is known when it runs."""
    size = x.shape[axis]
    places = P.iota(shape=(size,), dtype="int32", axis=0)
    return P.take(x, ops.mod(P.sub(places, B.broadcast_to(B.cast(shift, "int32"), (size,))), size), axis=axis)


def _less_than_once_around(shift: int, size: Extent) -> bool:
    """Whether ``-size < shift < size``; False where that is a matter of the number."""
    try:
        return bool(-size < shift < size)
    except SymbolicDimError:
        return False


def part(x: Tensor, axis: int, start: Extent, limit: Extent, stride: int = 1) -> Tensor:
    """``x`` from ``start`` to ``limit`` along one axis."""
    whole = builtins.range(x.ndim)
    return P.slice(
        x,
        start=tuple(start if a == axis else 0 for a in whole),
        limit=tuple(limit if a == axis else x.shape[a] for a in whole),
        stride=tuple(stride if a == axis else 1 for a in whole),
    )


@symbolic_aware
def tile(x: Any, repeats: Any) -> Tensor:
    """``x`` laid side by side ``repeats`` times along each axis.

    >>> tile([1, 2], 2).numpy()
    array([1, 2, 1, 2], dtype=int32)
    """
    x = B.convert(x)
    counts = known_extents(repeats, "tile", "repeats")
    counts = (1,) * (x.ndim - len(counts)) + counts
    shape = (1,) * (len(counts) - x.ndim) + x.shape
    split = tuple(n for pair in zip((1,) * len(shape), shape) for n in pair)
    wide = tuple(n for pair in zip(counts, shape) for n in pair)
    out = B.broadcast_to(P.reshape(x, shape=split), wide)
    return P.reshape(out, shape=tuple(c * n for c, n in zip(counts, shape)))


@symbolic_aware
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Each element of ``x`` repeated along ``axis``, or in the flattened array.

    Args:
        x: the array.
        repeats: how often: one number, or one for each element along the axis (these must be known values).
        axis: the axis, or None to flatten first.

    >>> repeat([1, 2], 2).numpy()
    array([1, 1, 2, 2], dtype=int32)
    """
    x = B.convert(x)
    if axis is None:
        x, axis = ravel(x), 0
    axis = B.axis_of(axis, x.ndim)
    counts = np.asarray(repeats) if not isinstance(repeats, Dim) else None
    if counts is None or counts.size == 1:
        n = repeats if counts is None else int(counts.reshape(()) if counts.ndim == 0 else counts.reshape(-1)[0])
        wide = (*x.shape[: axis + 1], n, *x.shape[axis + 1 :])
        column = P.reshape(x, shape=(*x.shape[: axis + 1], 1, *x.shape[axis + 1 :]))
        return P.reshape(B.broadcast_to(column, wide), shape=(*x.shape[:axis], x.shape[axis] * n, *x.shape[axis + 1 :]))
    size = x.shape[axis]
    if not B.equal_extents(len(counts), size):
        raise ValueError(f"repeat: an axis of {size} needs one number, or {size} of them; got {len(counts)}.")
    places = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    return P.take(x, tensor_of(places), axis=axis)


_PAD_MODES = ("edge", "reflect", "symmetric", "wrap")


@symbolic_aware
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Tensor:
    """``x`` with more elements before and after it.

    Args:
        x: the array.
        pad_width: how many: one number, a pair ``(before, after)``, or one pair for each axis.
        mode: "constant", "edge", "reflect" (the edge not repeated), "symmetric" (the edge repeated) or "wrap".
        constant_values: the value put in for mode "constant"; 0 by default.

    >>> pad([1, 2], (1, 2)).numpy()
    array([0, 1, 2, 0, 0], dtype=int32)
    """
    x = B.convert(x)
    pairs = _pairs(pad_width, x.ndim)
    if mode == "constant":
        low, high = zip(*pairs) if pairs else ((), ())
        fill = B.cast(0 if constant_values is None else constant_values, x.dtype)
        return P.pad(x, fill, low=low, high=high, interior=(0,) * x.ndim)
    if constant_values is not None:
        raise ValueError(f"pad: constant_values={constant_values!r} goes with mode='constant' only, got mode={mode!r}.")
    if mode not in _PAD_MODES:
        raise ValueError(f"pad: mode={mode!r}; it must be 'constant', 'edge', 'reflect', 'symmetric' or 'wrap'.")
    for axis, (low, high) in enumerate(pairs):
        if low or high:
            x = _pad_axis(x, axis, low, high, mode)
    return x


def _pairs(pad_width: Any, rank: int) -> list[tuple[int, int]]:
    width = pad_width.numpy() if isinstance(pad_width, Tensor) else pad_width
    width = np.asarray(width)
    if width.ndim == 0:
        width = width.reshape(1, 1)
    if width.ndim == 1:
        width = width.reshape(1, -1)
    try:
        pairs = np.broadcast_to(width, (rank, 2))
    except ValueError:
        raise ValueError(f"pad: pad_width={pad_width} needs one pair for each of {rank} axes.") from None
    return [(int(lo), int(hi)) for lo, hi in pairs]


def _pad_axis(x: Tensor, axis: int, low: int, high: int, mode: str) -> Tensor:
    size = x.shape[axis]
    if isinstance(size, int):
        places = np.pad(np.arange(size, dtype=np.int32), (low, high), mode=mode)
        return P.take(x, tensor_of(places), axis=axis)
    skip = 1 if mode == "reflect" else 0
    if not builtins.max(low, high) + skip <= size:
        raise SymbolicDimError(f"pad: {max(low, high)} elements are more than an axis of {size} has.")
    if mode == "edge":
        before = [part(x, axis, 0, 1)] * low
        after = [part(x, axis, size - 1, size)] * high
    elif mode == "wrap":
        before, after = [part(x, axis, size - low, size)], [part(x, axis, 0, high)]
    else:
        before = [P.reverse(part(x, axis, skip, low + skip), axes=(axis,))] if low else []
        after = [P.reverse(part(x, axis, size - high - skip, size - skip), axes=(axis,))] if high else []
    return P.concatenate(*before, x, *after, axis=axis)
