"""Fourier transforms: complex numbers are pairs (real, imaginary), and a transform is a few matrix products."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.tensor import Tensor, tensor_of
from pronghorn.ops import _broadcast as B
from pronghorn.ops._symbolic import symbolic_aware
from pronghorn.ops.math import extract_sequences
from pronghorn.ops.numpy.shaping import pad, part, permute

Pair = tuple[Tensor, Tensor]

_LARGEST_MATRIX = 64  # transforms up to this length are one product with a matrix
_LARGEST_PRIME = 512  # longer prime lengths go through a convolution of a length that divides well


def _pair(name: str, x: Any, rank: int = 1) -> Pair:
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        count = f" of {len(x)}" if isinstance(x, (tuple, list)) else ""
        raise ValueError(f"{name}: `x` is a pair (real part, imaginary part); got {type(x).__name__}{count}.")
    real, imag = (B.convert(t) for t in x)
    if real.shape != imag.shape:
        raise ValueError(f"{name}: real and imaginary part must have one shape, got {real.shape} and {imag.shape}.")
    if real.ndim < rank:
        raise ValueError(
            f"{name}: Input should have rank >= {rank}, got real and imaginary part of shape {real.shape}."
        )
    if not (dtypes.is_float(real.dtype) and dtypes.is_float(imag.dtype)):
        raise ValueError(f"{name}: real and imaginary part must be floats, got {real.dtype} and {imag.dtype}.")
    dtype = B.result_dtype(real, imag)
    dtype = dtype if dtype in ("float32", "float64") else "float32"
    return B.cast(real, dtype), B.cast(imag, dtype)


# -- the transform of the last axis -----------------------------------------------------------------------------------
@functools.lru_cache(128)
def _circle(n: int, sign: int, shape: tuple[int, int], dtype: str) -> Pair:
    """Cosine and sine of ``sign * 2 pi j k / n`` for each ``j, k`` below ``shape``."""
    product = np.outer(np.arange(shape[0]), np.arange(shape[1])) % n
    angle = sign * 2 * math.pi * product / n
    return tuple(tensor_of(f(angle).astype(dtypes.to_numpy(dtype))) for f in (np.cos, np.sin))  # type: ignore[return-value]


def _transform(x: Pair, sign: int) -> Pair:
    """``sum_j x_j exp(sign * 2 pi i j k / n)`` along the last axis (Cooley and Tukey 1965, mixed radix)."""
    n = int(x[0].shape[-1])
    if n == 1:
        return x
    if n <= _LARGEST_MATRIX:
        return _by_matrix(x, n, sign)
    first = _factor(n)
    if first == n:
        return _by_matrix(x, n, sign) if n <= _LARGEST_PRIME else _by_convolution(x, n, sign)
    second = n // first
    lead = x[0].shape[:-1]
    rank = len(lead)
    columns = tuple(P.reshape(t, shape=(*lead, first, second)) for t in x)
    swap = [*range(rank), rank + 1, rank]
    inner = _transform(tuple(permute(t, swap) for t in columns), sign)  # type: ignore[arg-type]
    turned = _times(inner, _circle(n, sign, (second, first), x[0].dtype))
    outer = _transform(tuple(permute(t, swap) for t in turned), sign)  # type: ignore[arg-type]
    return tuple(P.reshape(permute(t, swap), shape=(*lead, n)) for t in outer)  # type: ignore[return-value]


def _factor(n: int) -> int:
    """The divisor of ``n`` that is taken first: of one matrix product, else the smallest prime one.

    As few products as can be, and of those the ones with the smallest matrices in all.

    >>> _factor(256), _factor(1000), _factor(101 * 103)
    (16, 40, 101)
    """
    return _cheapest(n)[2]


@functools.lru_cache(1024)
def _cheapest(n: int) -> tuple[int, int, int]:
    """How many products a transform takes, the sum of their matrices' extents, and the first one's."""
    if n <= _LARGEST_MATRIX:
        return (1, n, n)
    firsts = [d for d in range(_LARGEST_MATRIX, 1, -1) if n % d == 0]
    if not firsts:
        firsts = [next((p for p in range(2, math.isqrt(n) + 1) if n % p == 0), n)]
    if firsts == [n]:
        return (1, n, n)
    rest = [(_cheapest(n // first), first) for first in firsts]
    return min(((1 + count, first + total, first) for (count, total, _), first in rest), key=lambda found: found[:2])


def _by_matrix(x: Pair, n: int, sign: int) -> Pair:
    cosine, sine = _circle(n, sign, (n, n), x[0].dtype)
    axis = x[0].ndim - 1

    def product(a: Tensor, b: Tensor) -> Tensor:
        return P.dot_general(a, b, contract=((axis,), (0,)), batch=((), ()))

    real, imag = x
    return (
        P.sub(product(real, cosine), product(imag, sine)),
        P.add(product(real, sine), product(imag, cosine)),
    )


def _times(x: Pair, y: Pair) -> Pair:
    """The product of complex numbers; ``y`` is broadcast."""
    (a, b), (c, d) = x, tuple(B.broadcast_to(t, x[0].shape) for t in y)
    return P.sub(P.mul(a, c), P.mul(b, d)), P.add(P.mul(a, d), P.mul(b, c))


def _by_convolution(x: Pair, n: int, sign: int) -> Pair:
    """A transform of any length as a convolution (Bluestein 1970): ``jk = (j^2 + k^2 - (k - j)^2) / 2``."""
    length = 1 << (2 * n - 2).bit_length()
    j = np.arange(n, dtype=np.int64)
    angle = sign * math.pi * ((j * j) % (2 * n)) / n
    chirp = np.exp(1j * angle)
    kernel = np.zeros(length, complex)
    kernel[:n] = chirp.conj()
    kernel[length - n + 1 :] = chirp[1:][::-1].conj()
    dtype = x[0].dtype

    def constant(z: np.ndarray) -> Pair:
        return tuple(tensor_of(p.astype(dtypes.to_numpy(dtype))) for p in (z.real, z.imag))  # type: ignore[return-value]

    turned = _times(x, constant(chirp))
    rank = x[0].ndim
    wide = tuple(pad(t, [(0, 0)] * (rank - 1) + [(0, length - n)]) for t in turned)
    spectrum = _times(_transform(wide, -1), constant(np.fft.fft(kernel)))  # type: ignore[arg-type]
    back = _transform(spectrum, 1)
    parts = tuple(P.mul(part(t, rank - 1, 0, n), 1 / length) for t in back)
    return _times(parts, constant(chirp))  # type: ignore[arg-type]


# -- public -----------------------------------------------------------------------------------------------------------
@symbolic_aware
def fft(x: Any) -> Pair:
    """The Fourier transform of the last axis.

    Args:
        x: a pair (real, imaginary) of float arrays.

    >>> from pronghorn import ops
    >>> [t.tolist() for t in fft((ops.convert_to_tensor([1.0, 2.0]), ops.convert_to_tensor([0.0, 1.0])))]
    [[3.0, -1.0], [1.0, -1.0]]
    """
    return _transform(_pair("fft", x), -1)


@symbolic_aware
def fft2(x: Any) -> Pair:
    """The Fourier transform of the last two axes of a pair (real, imaginary).

    >>> real, imaginary = fft2(([[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]))
    >>> abs(real.numpy()).round(4)
    array([[4., 0.],
           [0., 0.]], dtype=float32)
    """
    return _two(_pair("fft2", x, 2), -1)


@symbolic_aware
def ifft2(x: Any) -> Pair:
    """The inverse of `fft2`.

    >>> real, imaginary = ifft2(([[10.0, -2.0], [-4.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]))
    >>> real.numpy().round(4)
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    """
    pair = _two(_pair("ifft2", x, 2), 1)
    scale = 1 / (int(pair[0].shape[-1]) * int(pair[0].shape[-2]))
    return tuple(P.mul(t, scale) for t in pair)  # type: ignore[return-value]


def _two(x: Pair, sign: int) -> Pair:
    rank = x[0].ndim
    swap = [*range(rank - 2), rank - 1, rank - 2]
    rows = tuple(permute(t, swap) for t in _transform(x, sign))
    return tuple(permute(t, swap) for t in _transform(rows, sign))  # type: ignore[arg-type, return-value]


def _fitted(x: Tensor, length: int) -> Tensor:
    """The last axis cut or filled with zeros to ``length``."""
    size = int(x.shape[-1])
    if size >= length:
        return part(x, x.ndim - 1, 0, length)
    return pad(x, [(0, 0)] * (x.ndim - 1) + [(0, length - size)])


@symbolic_aware
def rfft(x: Any, fft_length: int | None = None) -> Pair:
    """The Fourier transform of the last axis of a real array: its first ``n // 2 + 1`` elements, which tell the rest.

    Args:
        x: the array.
        fft_length: the axis is cut or filled with zeros to this length first.

    Returns:
        A pair (real, imaginary).

    Example:

    >>> real, imaginary = rfft([1.0, 2.0, 3.0])
    >>> real.numpy().round(4), imaginary.numpy().round(4)
    (array([ 6. , -1.5], dtype=float32), array([0.   , 0.866], dtype=float32))
    """
    x = B.to_float(x)
    if x.ndim < 1:
        raise ValueError(f"rfft: Input should have rank >= 1. Received: an array of shape {x.shape}.")
    dtype = x.dtype if x.dtype in ("float32", "float64") else "float32"
    x = B.cast(x, dtype)
    length = int(x.shape[-1]) if fft_length is None else int(fft_length)
    x = _fitted(x, length)
    half = length // 2 + 1
    if length <= _LARGEST_MATRIX:  # only the columns that are wanted
        matrices = _circle(length, -1, (length, half), dtype)
        axis = x.ndim - 1
        return tuple(P.dot_general(x, m, contract=((axis,), (0,)), batch=((), ())) for m in matrices)  # type: ignore[return-value]
    full = _transform((x, B.zeros_like(x)), -1)
    return tuple(part(t, x.ndim - 1, 0, half) for t in full)  # type: ignore[return-value]


@symbolic_aware
def irfft(x: Any, fft_length: int | None = None) -> Tensor:
    """The inverse of `rfft`: a real array.

    Args:
        x: a pair (real, imaginary) of float arrays ``[..., n // 2 + 1]``.
        fft_length: the result's length ``n``; by default the even one that fits.

    Example:

    >>> irfft(([6.0, -1.5], [0.0, 0.8660254]), fft_length=3).numpy()
    array([1., 2., 3.], dtype=float32)
    """
    real, imag = _pair("irfft", x)
    length = 2 * (int(real.shape[-1]) - 1) if fft_length is None else int(fft_length)
    half = length // 2 + 1
    real, imag = _fitted(real, half), _fitted(imag, half)
    axis = real.ndim - 1
    mirrored = [P.reverse(part(t, axis, 1, length - half + 1), axes=(axis,)) for t in (real, imag)]
    full = (
        P.concatenate(real, mirrored[0], axis=axis),
        P.concatenate(imag, P.neg(mirrored[1]), axis=axis),
    )
    return P.mul(_transform(full, 1)[0], 1 / length)


# -- short-time transforms --------------------------------------------------------------------------------------------
def _window(window: Any, length: int, fft_length: int, dtype: str) -> Tensor:
    """A window of ``length`` samples in the middle of ``fft_length``; without one, all of that is seen."""
    if window is None:
        return B.full((fft_length,), 1, dtype)
    elif isinstance(window, str):
        cosine = np.cos(2 * math.pi * np.arange(length) / length)
        if window == "hann":
            values = 0.5 - 0.5 * cosine
        elif window == "hamming":
            values = 0.54 - 0.46 * cosine
        else:
            raise ValueError(f"stft: window={window!r}; it must be 'hann', 'hamming', None or an array.")
        values = np.ones(1) if length == 1 else values
    else:
        given = B.cast(window, dtype)
        if given.ndim != 1 or given.shape[0] != length:
            raise ValueError(f"`window` has shape {given.shape}; by sequence_length it needs ({length},).")
        low = (fft_length - length) // 2
        return pad(given, (low, fft_length - length - low))
    low = (fft_length - length) // 2
    values = np.pad(values, (low, fft_length - length - low))
    return tensor_of(values.astype(dtypes.to_numpy(dtype)))


def _check_lengths(name: str, sequence_length: int, sequence_stride: int, fft_length: int) -> None:
    if sequence_length > fft_length:
        raise ValueError(
            f"{name}: `fft_length` must equal or exceed sequence_length={sequence_length}, got {fft_length}."
        )
    if not isinstance(sequence_stride, int) or sequence_stride < 1:
        raise ValueError(f"{name}: `sequence_stride` must be a positive integer, got {sequence_stride}.")


@symbolic_aware
def stft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> Pair:
    """Fourier transforms of overlapping pieces of the last axis.

    Args:
        x: ``[..., n]``.
        sequence_length: the pieces' length.
        sequence_stride: the step from one to the next.
        fft_length: the transforms' length.
        window: what the pieces are multiplied with: "hann", "hamming", an array of ``sequence_length`` numbers, or
            None, with which the pieces are as long as the transforms.
        center: whether ``x`` is continued at both ends by reflection, so that pieces are centred.

    Returns:
        A pair (real, imaginary) of ``[..., pieces, fft_length // 2 + 1]``.

    Example:

    >>> from pronghorn import ops
    >>> real, imaginary = stft(ops.ones((512,)), sequence_length=64, sequence_stride=16, fft_length=64)
    >>> real.shape
    (33, 33)
    """
    _check_lengths("stft", sequence_length, sequence_stride, fft_length)
    x = B.to_float(x)
    dtype = x.dtype if x.dtype in ("float32", "float64") else "float32"
    x = B.cast(x, dtype)
    if center:
        half = fft_length // 2
        x = pad(x, [(0, 0)] * (x.ndim - 1) + [(half, half)], mode="reflect")
    pieces = extract_sequences(x, fft_length, sequence_stride)
    weights = _window(window, sequence_length, fft_length, dtype)
    return rfft(P.mul(pieces, B.broadcast_to(weights, pieces.shape)))


@symbolic_aware
def istft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Tensor:
    """The inverse of `stft` with the same arguments; without a window, ``fft_length / sequence_stride`` times that.

    Args:
        x: a pair (real, imaginary).
        sequence_length: see `stft`.
        sequence_stride: see `stft`.
        fft_length: see `stft`.
        length: the result is cut or filled with zeros to this length.
        window: see `stft`.
        center: see `stft`.

    Example:

    >>> from pronghorn import ops
    >>> spectrum = ops.stft(ops.ones((512,)), 64, 16, 64)
    >>> istft(spectrum, 64, 16, 64).shape
    (512,)
    """
    _check_lengths("istft", sequence_length, sequence_stride, fft_length)
    pieces = irfft(_pair("istft", x, 2), fft_length)
    weights = _window(window, sequence_length, fft_length, pieces.dtype)
    pieces = P.mul(pieces, B.broadcast_to(weights, pieces.shape))
    squares = B.broadcast_to(P.mul(weights, weights), pieces.shape[-2:])
    total, cover = (overlap_add(t, sequence_stride) for t in (pieces, squares))
    some = P.gt(cover, B.full_like(cover, 1e-10))
    safe = P.select(some, cover, B.full_like(cover, 1))
    out = P.div(total, B.broadcast_to(safe, total.shape))
    if window is None:  # Keras then gives the plain sum of the pieces, which is larger by how often they overlap
        out = P.mul(out, B.full_like(out, fft_length / sequence_stride))
    start = fft_length // 2 if center else 0
    size = int(out.shape[-1])
    stop = size - start if length is None else min(size, start + length)
    out = part(out, out.ndim - 1, start, stop)
    return out if length is None else _fitted(out, length)


def overlap_add(pieces: Tensor, stride: int) -> Tensor:
    """``[..., count, n]`` pieces, each ``stride`` after the one before, added up."""
    *lead, count, n = pieces.shape
    count, n = int(count), int(n)
    total = (count - 1) * stride + n
    places = (np.arange(count)[:, None] * stride + np.arange(n)[None, :]).astype(np.int32)
    rank = len(lead)
    order = [rank, rank + 1, *range(rank)]
    base = B.full((total, *lead), 0, pieces.dtype)
    out = P.scatter(base, tensor_of(places), permute(pieces, order), mode="add")
    return permute(out, [*range(1, rank + 1), 0])
