"""What is the same on every engine: primitives in terms of simpler ones of the engine's own table.

`Formulas(engine_table)` gives the table's functions as attributes and has a method for each primitive that most
libraries lack. An engine takes those that it needs: ``table["unpool"] = formulas.unpool``. They use shapes in numbers,
and hold for traced arrays as well as for arrays with values.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pronghorn.engine.backends.numpy.reduction import greatest, least
from pronghorn.engine.backends.substitution import substituted, sums_plainly
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.primitives.contraction import conv_shape
from pronghorn.engine.graph.primitives.random import MULTIPLIERS, ROUNDS, WEYL, WORDS
from pronghorn.engine.graph.primitives.window import window_shape

Ints = tuple[int, ...]
Pairs = Sequence[tuple[int, int]]
NARROW = frozenset({"bfloat16", "float16", *dtypes.FLOAT8})


class Formulas:
    """Primitives by other primitives.

    Args:
        table: the engine's functions by primitives' names; it may still grow.
        shape_of: the shape of an array, in numbers.
        dtype_of: the name of an array's element type.
    """

    def __init__(
        self,
        table: Mapping[str, Callable[..., Any]],
        shape_of: Callable[[Any], Ints],
        dtype_of: Callable[[Any], str],
    ):
        self._table, self.shape_of, self.dtype_of = table, shape_of, dtype_of

    def __getattr__(self, name: str) -> Callable[..., Any]:
        primitive = name.rstrip("_")
        if primitive not in self._table:
            raise AttributeError(f"The engine's table has no primitive {primitive!r}.")  # what hasattr() waits for
        return self._table[primitive]

    # -- small help -----------------------------------------------------------------------------------------------
    def full(self, shape: Sequence[int], value: Any, dtype: str) -> Any:
        """An array of one number."""
        scalar = self.constant(value=np.asarray(value, dtypes.to_numpy(dtype)))
        return self.broadcast_in_dim(scalar, shape=tuple(shape), dims=()) if shape else scalar

    def like(self, x: Any, value: Any) -> Any:
        """An array of one number, of the shape and type of ``x``."""
        return self.full(self.shape_of(x), value, self.dtype_of(x))

    def widened(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """``fn`` computed in float32 and rounded once where its first operand is a narrower float."""
        return substituted(
            fn, NARROW.__contains__, lambda x: self.cast(x, dtype="float32"), self._rounded, self.dtype_of
        )

    def _rounded(self, out: Any, dtype: str) -> Any:
        return self.cast(out, dtype=dtype) if self.dtype_of(out) == "float32" else out

    def padded(self, x: Any, padding: Pairs, fill: Any = 0, interior: Ints | None = None) -> Any:
        """``x`` with ``(low, high)`` elements around it and holes between its elements."""
        if not any(p for pair in padding for p in pair) and not any(interior or ()):
            return x
        low, high = (tuple(p[i] for p in padding) for i in (0, 1))
        value = self.constant(value=np.asarray(fill, dtypes.to_numpy(self.dtype_of(x))))
        return self.pad(x, value, low=low, high=high, interior=interior or (0,) * len(low))

    # -- elementwise ------------------------------------------------------------------------------------------------
    def saturated(self, x: Any, dtype: str, convert: Callable[[Any, str], Any]) -> Any:
        """A float as an integer type: towards 0, at most the nearest number that the type has; NaN is 0.

        Args:
            x: floats of 32 bits or more.
            dtype: the integer type.
            convert: the library's conversion, for numbers that the type has.
        """
        info = np.iinfo(dtypes.to_numpy(dtype))
        # The bounds as floats: 2.0**31 is exact where 2**31 - 1 is not.
        high = self.ge(x, self.like(x, float(info.max) + (1 if info.bits < 64 else 0)))
        low = self.le(x, self.like(x, float(info.min)))
        outside = self.or_(self.or_(high, low), self.ne(x, x))
        y = convert(self.select(outside, self.like(x, 0), x), dtype)
        shape = self.shape_of(x)
        y = self.select(low, self.full(shape, info.min, dtype), y)
        return self.select(high, self.full(shape, info.max, dtype), y)

    def quotient(self, of_integers: Callable[[Any, Any], Any], of_floats: Callable[[Any, Any], Any]) -> Any:
        """The primitive for a library's quotient or remainder: by `integer_div`, and widened for floats."""
        return self._by_kind(lambda x, y: self.integer_div(x, y, of_integers), of_floats)

    def power(self, of_integers: Callable[[Any, Any], Any], of_floats: Callable[[Any, Any], Any]) -> Any:
        """The primitive for a library's powers: by `integer_pow`, and widened for floats."""
        return self._by_kind(lambda x, y: self.integer_pow(x, y, of_integers), of_floats)

    def _by_kind(self, of_integers: Callable[..., Any], of_floats: Callable[..., Any]) -> Callable[..., Any]:
        wide = self.widened(of_floats)
        return lambda x, y: (of_integers if self.dtype_of(x) in dtypes.INTEGER else wide)(x, y)

    def integer_div(self, x: Any, y: Any, floor: Callable[[Any, Any], Any]) -> Any:
        """The quotient's floor, and 0 where the divisor is 0, with a library's own ``floor`` division."""
        nothing = self.eq(y, self.like(y, 0))
        return self.select(nothing, self.like(x, 0), floor(x, self.select(nothing, self.like(y, 1), y)))

    def unsigned_quotient(self, x: Any, y: Any, floor: Callable[[Any, Any], Any]) -> Any:
        """The quotient of uint64 by what is not 0, in int64, with a library's own ``floor`` division of that.

        Half the dividend, divided and doubled, is at most 1 too small; a divisor of 2**63 or more goes once at most.
        """
        dividend, divisor = self.bitcast(x, dtype="int64"), self.bitcast(y, dtype="int64")
        is_large = self.lt(divisor, self.like(divisor, 0))
        half = self.bitcast(self.shift_right(x, self.like(x, 1)), dtype="int64")
        quotient = floor(half, self.select(is_large, self.like(divisor, 1), divisor))
        quotient = self.select(is_large, self.like(quotient, 0), self.add(quotient, quotient))
        rest = self.bitcast(self.sub(dividend, self.mul(quotient, divisor)), dtype="uint64")
        return self.bitcast(self.add(quotient, self.cast(self.ge(rest, y), dtype="int64")), dtype="uint64")

    def unsigned_remainder(self, x: Any, y: Any, floor: Callable[[Any, Any], Any]) -> Any:
        """The remainder that goes with `unsigned_quotient`."""
        return self.sub(x, self.mul(self.unsigned_quotient(x, y, floor), y))

    def integer_pow(self, x: Any, y: Any, power: Callable[[Any, Any], Any]) -> Any:
        """``x ** y`` that wraps around; with a negative exponent the power rounded towards 0."""
        if self.dtype_of(x) in dtypes.UNSIGNED:
            return power(x, y)
        zero, one = self.like(y, 0), self.like(y, 1)
        positive = power(x, self.max(y, zero))
        odd = self.select(self.eq(self.and_(y, one), zero), one, x)
        reciprocal = self.select(self.eq(self.abs(x), one), odd, zero)
        return self.select(self.lt(y, zero), reciprocal, positive)

    def shifted(self, fn: Callable[[Any, Any], Any], x: Any, count: Any, fills_with_sign: bool) -> Any:
        """``fn(x, count)``; where ``count`` is not less than the width, nothing is left but copies of the sign."""
        dtype = self.dtype_of(x)
        zero = self.like(count, 0)
        outside = self.ge(count, self.like(count, 8 * dtypes.itemsize(dtype)))
        if dtype in dtypes.SIGNED:
            outside = self.or_(outside, self.lt(count, zero))
        rest = self.like(x, 0)
        if fills_with_sign and dtype in dtypes.SIGNED:
            rest = self.select(self.lt(x, rest), self.like(x, -1), rest)
        return self.select(outside, rest, fn(x, self.select(outside, zero, count)))

    def complex_sign(self, x: Any) -> Any:
        """``x / abs(x)``, and 0 for 0."""
        size = self.abs(x)
        nothing = self.eq(size, self.like(size, 0))
        size = self.select(nothing, self.like(size, 1), size)
        return self.select(nothing, x, self.div(x, self.complex(size, self.like(size, 0))))

    # -- reductions -------------------------------------------------------------------------------------------------
    def reduce_bits(self, x: Any, axes: Sequence[int], combine: str, neutral: int) -> Any:
        """A bitwise reduction by halves: ``combine`` is ``"and"`` or ``"or"``, ``neutral`` what it gives of nothing."""
        for axis in sorted(axes, reverse=True):
            while (size := self.shape_of(x)[axis]) > 1:
                first, second, rest = (
                    self._range(x, axis, *r)
                    for r in ((0, size // 2), (size // 2, size // 2 * 2), (size // 2 * 2, size))
                )
                both = self._table[combine](first, second)
                x = self.concatenate(both, rest, axis=axis) if size % 2 else both
            shape = tuple(n for i, n in enumerate(self.shape_of(x)) if i != axis)
            x = self.reshape(x, shape=shape) if size else self.full(shape, neutral, self.dtype_of(x))
        return x

    def _range(self, x: Any, axis: int, first: int, end: int) -> Any:
        """The elements from ``first`` to ``end`` along an axis."""
        shape = self.shape_of(x)
        limit = tuple(end if i == axis else n for i, n in enumerate(shape))
        return self.slice(
            x, start=tuple(first if i == axis else 0 for i in range(len(shape))), limit=limit, stride=(1,) * len(shape)
        )

    def cummax(self, x: Any, *, axis: int, reverse: bool) -> Any:
        return self.running(x, axis, reverse, self.max, least(dtypes.to_numpy(self.dtype_of(x))))

    def cummin(self, x: Any, *, axis: int, reverse: bool) -> Any:
        return self.running(x, axis, reverse, self.min, greatest(dtypes.to_numpy(self.dtype_of(x))))

    def running(self, x: Any, axis: int, reverse: bool, combine: Callable[[Any, Any], Any], neutral: Any) -> Any:
        """What is combined with itself, moved by 1, 2, 4 ...: a pass for each doubling."""
        size, step = self.shape_of(x)[axis], 1
        while step < size:
            move = (0, step) if reverse else (step, 0)
            kept = self._range(x, axis, step, size) if reverse else self._range(x, axis, 0, size - step)
            padding = [move if i == axis else (0, 0) for i in range(len(self.shape_of(x)))]
            x = combine(x, self.padded(kept, padding, neutral))
            step *= 2
        return x

    # -- indexing ---------------------------------------------------------------------------------------------------
    def scatter_set(self, x: Any, indices: Any, updates: Any) -> Any:
        """Rows of ``x`` at ``indices`` (int32 or int64, of one axis) replaced; of several writes to a row the last
        stays."""
        count, rows = self.shape_of(indices)[0], self.shape_of(x)[0]
        if not count or not rows:
            return x
        order = self.iota(shape=(count,), dtype="int32", axis=0)
        last = self.scatter(self.full((rows,), -1, "int32"), indices, order, mode="max")
        written = self.ge(last, self.like(last, 0))
        shape = self.shape_of(x)
        written = self.broadcast_in_dim(written, shape=shape, dims=(0,))
        return self.select(written, self.take(updates, self.max(last, self.like(last, 0)), axis=0), x)

    # -- random -----------------------------------------------------------------------------------------------------
    def random_bits(self, key: Any, *, shape: Ints) -> Any:
        """Philox-4x32-10 in 64-bit integers: element ``i`` is word ``i % 4`` of the block with counter ``i // 4``.

        Words are int64 between 0 and 2**32. A product wraps around, but shifted and masked its words are right.
        """
        count = math.prod(shape)
        blocks = (count + WORDS - 1) // WORDS
        size = (blocks,)

        def number(n: int) -> Any:
            return self.full(size, n, "int64")

        def low(x: Any) -> Any:
            return self.and_(x, number(0xFFFFFFFF))

        def high(x: Any) -> Any:
            return low(self.shift_right(x, number(32)))

        def word(i: int) -> Any:
            one = self.slice(self.cast(key, dtype="int64"), start=(i,), limit=(i + 1,), stride=(1,))
            return self.broadcast_in_dim(one, shape=size, dims=(0,))

        k0, k1 = word(0), word(1)
        index = self.iota(shape=size, dtype="int64", axis=0)
        c0, c1, c2, c3 = low(index), high(index), number(0), number(0)
        for _ in range(ROUNDS):
            p0, p1 = self.mul(c0, number(MULTIPLIERS[0])), self.mul(c2, number(MULTIPLIERS[1]))
            c0, c1 = self.xor(self.xor(high(p1), c1), k0), low(p1)
            c2, c3 = self.xor(self.xor(high(p0), c3), k1), low(p0)
            k0, k1 = low(self.add(k0, number(WEYL[0]))), low(self.add(k1, number(WEYL[1])))
        words = [self.reshape(self.cast(c, dtype="uint32"), shape=(blocks, 1)) for c in (c0, c1, c2, c3)]
        all_words = self.reshape(self.concatenate(*words, axis=1), shape=(WORDS * blocks,))
        return self.reshape(self.slice(all_words, start=(0,), limit=(count,), stride=(1,)), shape=shape)

    # -- windows ----------------------------------------------------------------------------------------------------
    def _taps(self, x: Any, kernel: Ints, out: Ints, strides: Ints, dilation: Ints) -> Iterator[tuple[Ints, Any]]:
        """For each tap of a kernel: its position, and what it reads of ``x`` for all outputs."""
        for tap in itertools.product(*map(range, kernel)):
            starts = tuple(t * d for t, d in zip(tap, dilation))
            limits = tuple(at + (n - 1) * s + 1 if n else at for at, n, s in zip(starts, out, strides))
            yield tap, self.slice(x, start=starts, limit=limits, stride=tuple(strides))

    def _spread(self, share: Any, tap: Ints, whole: Ints, strides: Ints, dilation: Ints) -> Any:
        """The transpose of what one tap reads: its elements in their places of an array of zeros."""
        starts = [t * d for t, d in zip(tap, dilation)]
        ends = [
            n - at - ((k - 1) * s + 1 if k else 0) for n, at, k, s in zip(whole, starts, self.shape_of(share), strides)
        ]
        return self.padded(share, list(zip(starts, ends)), interior=tuple(s - 1 for s in strides))

    def _unpadded(self, x: Any, padding: Pairs) -> Any:
        return self.padded(x, [(-lo, -hi) for lo, hi in padding])

    def _window_reduce(
        self, combine: str, fill: Any, x: Any, window: Ints, strides: Ints, padding: Pairs, dilation: Ints
    ) -> Any:
        """Axis by axis, so that a window of a x b costs a + b passes."""
        x = self.padded(x, padding, fill)
        rank = len(window)
        for axis, (size, stride, step) in enumerate(zip(window, strides, dilation)):
            if size == 1 and stride == 1:
                continue

            def along(n: int, axis: int = axis) -> Ints:
                return tuple(n if i == axis else 1 for i in range(rank))

            shape = self.shape_of(x)
            count = (shape[axis] - (size - 1) * step - 1) // stride + 1
            out = (*shape[:axis], count, *shape[axis + 1 :])
            reads = [r for _, r in self._taps(x, along(size), out, along(stride), along(step))]
            x = functools.reduce(self._table[combine], reads)
        return x

    def window_sum(self, x: Any, *, window: Ints, strides: Ints, padding: Pairs, dilation: Ints) -> Any:
        return self.widened(lambda x: self._window_reduce("add", 0, x, window, strides, padding, dilation))(x)

    def window_max(self, x: Any, *, window: Ints, strides: Ints, padding: Pairs, dilation: Ints) -> Any:
        if self.dtype_of(x) in dtypes.FLOAT8:  # not all of them have an infinity
            how = {"window": window, "strides": strides, "padding": padding, "dilation": dilation}
            return self.widened(self.window_max)(x, **how)
        fill = least(dtypes.to_numpy(self.dtype_of(x)))
        return self._window_reduce("max", fill, x, window, strides, padding, dilation)

    def window_argmax(self, x: Any, *, window: Ints, strides: Ints, padding: Pairs, dilation: Ints) -> Any:
        """The position in its window of each window's first maximum or first NaN; padding is never chosen."""
        if self.dtype_of(x) in dtypes.FLOAT8:
            how = {"window": window, "strides": strides, "padding": padding, "dilation": dilation}
            return self.widened(self.window_argmax)(x, **how)
        shape = self.shape_of(x)
        out = window_shape(shape, window, strides, padding, dilation)
        fill = least(dtypes.to_numpy(self.dtype_of(x)))
        reads = self._taps(self.padded(x, padding, fill), window, out, strides, dilation)
        has_padding = any(p for pair in padding for p in pair)
        inside = self.padded(self.full(shape, 1, "int32"), padding)  # bools have no padding in some libraries
        insides = self._taps(inside, window, out, strides, dilation) if has_padding else itertools.repeat((None, None))
        best = chosen = None
        position = self.full(out, 0, "int32")
        for index, ((_, read), (_, there)) in enumerate(zip(reads, insides)):
            here = None if there is None else self.ne(there, self.like(there, 0))
            if best is None:
                best, chosen = read, here
                continue
            better = self.or_(self.gt(read, best), self.and_(self.ne(read, read), self.eq(best, best)))
            if here is not None:
                better = self.and_(here, self.or_(better, self.not_(chosen)))
                chosen = self.or_(chosen, here)
            best = self.select(better, read, best)
            position = self.select(better, self.full(out, index, "int32"), position)
        return position

    def window_sum_grad(
        self, g: Any, *, input_shape: Ints, window: Ints, strides: Ints, padding: Pairs, dilation: Ints
    ) -> Any:
        """The transpose of `window_sum`, axis by axis."""

        def transposed(g: Any) -> Any:
            rank = len(window)
            for axis, (size, stride, step) in enumerate(zip(window, strides, dilation)):
                if size == 1 and stride == 1:
                    continue
                shape = list(self.shape_of(g))
                shape[axis] = input_shape[axis] + sum(padding[axis])

                def along(n: int, other: int, axis: int = axis) -> Ints:
                    return tuple(n if i == axis else other for i in range(rank))

                parts = [
                    self._spread(g, along(t, 0), tuple(shape), along(stride, 1), along(step, 1)) for t in range(size)
                ]
                g = functools.reduce(self.add, parts)
            return self._unpadded(g, padding)

        return self.widened(transposed)(g)

    def unpool(
        self, g: Any, argmax: Any, *, input_shape: Ints, window: Ints, strides: Ints, padding: Pairs, dilation: Ints
    ) -> Any:
        """Add each window's ``g`` to the element at its position ``argmax``."""
        whole = tuple(n + lo + hi for n, (lo, hi) in zip(input_shape, padding))

        def spread(g: Any) -> Any:
            if all(d == 1 or n == 1 for d, n in zip(dilation, window)) and tuple(strides) == tuple(window):
                return self._unpadded(self._unpool_apart(g, argmax, whole, window), padding)
            if not all(self.shape_of(g)):
                return self.full(tuple(input_shape), 0, self.dtype_of(g))
            return self._unpadded(self._unpool_by_phases(g, argmax, whole, window, strides, dilation), padding)

        return self.widened(spread)(g)

    def _unpool_by_phases(self, g: Any, argmax: Any, whole: Ints, window: Ints, strides: Ints, dilation: Ints) -> Any:
        """`unpool` of any windows: elements whose places leave the same rest by the strides get sums over few taps."""
        counts = tuple(-(-n // s) for n, s in zip(whole, strides))
        zero = self.like(g, 0)
        sums: dict[Ints, Any] = {}
        for index, tap in enumerate(itertools.product(*map(range, window))):
            starts = [t * d for t, d in zip(tap, dilation)]
            shifts, phase = [at // s for at, s in zip(starts, strides)], tuple(at % s for at, s in zip(starts, strides))
            share = self.select(self.eq(argmax, self.like(argmax, index)), g, zero)
            part = self.padded(share, [(at, n - at - k) for at, n, k in zip(shifts, counts, self.shape_of(g))])
            sums[phase] = self.add(sums[phase], part) if phase in sums else part
        reached = [min((k - 1) * d + 1, s) for k, d, s in zip(window, dilation, strides)]
        parts = {}
        for phase in itertools.product(*map(range, reached)):
            parts[phase] = sums[phase] if phase in sums else self.full(counts, 0, self.dtype_of(g))
        total = self._interleaved(parts, strides)
        return self.padded(total, [(0, n - m) for n, m in zip(whole, self.shape_of(total))])

    def _interleaved(self, parts: dict[Ints, Any], strides: Ints) -> Any:
        """Arrays by their places in a period of so many elements along each axis, in one; the other elements are 0."""
        for axis in reversed(range(len(strides))):
            groups: dict[Ints, list[Any]] = {}
            for place, x in parts.items():
                groups.setdefault(place[:axis], []).append(x)
            parts = {place: self._in_turn(xs, axis, strides[axis]) for place, xs in groups.items()}
        return parts[()]

    def _in_turn(self, xs: Sequence[Any], axis: int, stride: int) -> Any:
        """Along an axis the first elements of all, zeros up to the stride, the second ones, and so on."""
        if stride == 1:
            return xs[0]
        before, (count, *after) = self.shape_of(xs[0])[:axis], self.shape_of(xs[0])[axis:]
        joined = self.concatenate(*(self.reshape(x, shape=(*before, count, 1, *after)) for x in xs), axis=axis + 1)
        border = [(0, stride - len(xs)) if i == axis + 1 else (0, 0) for i in range(len(before) + len(after) + 2)]
        return self.reshape(self.padded(joined, border), shape=(*before, count * stride, *after))

    def unpool_at_once(
        self, g: Any, argmax: Any, *, input_shape: Ints, window: Ints, strides: Ints, padding: Pairs, dilation: Ints
    ) -> Any:
        """`unpool`, by a scatter where windows overlap: `unpool` fused by XLA finds positions anew for each tap."""
        if all(k <= s for k, s in zip(window, strides)):
            how = {"window": window, "strides": strides, "padding": padding, "dilation": dilation}
            return self.unpool(g, argmax, input_shape=input_shape, **how)
        whole = tuple(n + lo + hi for n, (lo, hi) in zip(input_shape, padding))
        shape = self.shape_of(g)
        place = self.full(shape, 0, "int32")

        def number(n: int) -> Any:
            return self.full(shape, n, "int32")

        for axis, (size, stride, step) in enumerate(zip(window, strides, dilation)):
            tap = self.rem(self.div(argmax, number(math.prod(window[axis + 1 :]))), number(size))
            start = self.mul(self.iota(shape=shape, dtype="int32", axis=axis), number(stride))
            at = self.add(start, self.mul(tap, number(step)))
            place = self.add(self.mul(place, number(whole[axis])), at)
        nothing = self.full((math.prod(whole),), 0, self.dtype_of(g))
        flat = (math.prod(shape),)
        total = self.scatter(nothing, self.reshape(place, shape=flat), self.reshape(g, shape=flat), mode="add")
        return self._unpadded(self.reshape(total, shape=whole), padding)

    def _unpool_apart(self, g: Any, argmax: Any, whole: Ints, window: Ints) -> Any:
        """`unpool` of windows that lie side by side, in one pass: an axis for each window's elements, then reshaped."""
        out, rank = self.shape_of(g), len(window)
        paired = tuple(n for pair in zip(out, window) for n in pair)
        place = np.arange(math.prod(window), dtype=np.int32).reshape(window)
        wide = {"shape": paired, "dims": tuple(range(0, 2 * rank, 2))}
        index = self.broadcast_in_dim(self.constant(value=place), shape=paired, dims=tuple(range(1, 2 * rank, 2)))
        chosen = self.eq(self.broadcast_in_dim(argmax, **wide), index)
        each = self.select(chosen, self.broadcast_in_dim(g, **wide), self.full(paired, 0, self.dtype_of(g)))
        covered = tuple(n * k for n, k in zip(out, window))
        rest = [(0, n - m) for n, m in zip(whole, covered)]  # windows may stop short of the end
        return self.padded(self.reshape(each, shape=covered), rest)

    def pool_gather(self, x: Any, argmax: Any, *, window: Ints, strides: Ints, padding: Pairs, dilation: Ints) -> Any:
        """Each window's element at its position ``argmax``; 0 where that is padding."""
        out = self.full(self.shape_of(argmax), 0, self.dtype_of(x))
        reads = self._taps(self.padded(x, padding), window, self.shape_of(argmax), strides, dilation)
        for index, (_, read) in enumerate(reads):
            out = self.select(self.eq(argmax, self.like(argmax, index)), read, out)
        return out

    # -- contractions -----------------------------------------------------------------------------------------------
    @sums_plainly
    def conv(self, x: Any, w: Any, *, strides: Ints, padding: Pairs, dilation: Ints, groups: int) -> Any:
        """A matrix product for each tap of the kernel: for types and ranks that a library's convolutions lack."""
        kernel = self.shape_of(w)
        shape = conv_shape(self.shape_of(x), kernel, strides, padding, dilation)
        x = self.padded(x, [(0, 0), *padding, (0, 0)])
        total = None
        for tap, read in self._channel_taps(x, kernel[:-2], shape, strides, dilation):
            part = self._mixed(read, self._tap_weights(w, tap), groups)
            total = part if total is None else self.add(total, part)
        return total

    @sums_plainly
    def conv_input_grad(
        self, g: Any, w: Any, *, input_shape: Ints, strides: Ints, padding: Pairs, dilation: Ints, groups: int
    ) -> Any:
        kernel = self.shape_of(w)
        pads = [(0, 0), *padding, (0, 0)]
        whole = tuple(n + lo + hi for n, (lo, hi) in zip(input_shape, pads))
        total = None
        for tap in itertools.product(*map(range, kernel[:-2])):
            weights = self._grouped_transpose(self._tap_weights(w, tap), groups)
            share = self._mixed(g, weights, groups)
            part = self._spread(share, (0, *tap, 0), whole, (1, *strides, 1), (1, *dilation, 1))
            total = part if total is None else self.add(total, part)
        return self._unpadded(total, pads)

    @sums_plainly
    def conv_filter_grad(
        self, x: Any, g: Any, *, kernel_shape: Ints, strides: Ints, padding: Pairs, dilation: Ints, groups: int
    ) -> Any:
        x = self.padded(x, [(0, 0), *padding, (0, 0)])
        out = self.shape_of(g)
        ci, co = kernel_shape[-2], kernel_shape[-1] // groups
        rows = self.reshape(g, shape=(math.prod(out[:-1]), groups, co))
        parts = []
        for _, read in self._channel_taps(x, kernel_shape[:-2], out, strides, dilation):
            read = self.reshape(read, shape=(math.prod(out[:-1]), groups, ci))
            each = self.dot_general(read, rows, contract=((0,), (0,)), batch=((1,), (1,)))  # [groups, ci, co]
            parts.append(self.reshape(self.transpose(each, perm=(1, 0, 2)), shape=(1, ci, groups * co)))
        return self.reshape(self.concatenate(*parts, axis=0), shape=kernel_shape)

    def _channel_taps(
        self, x: Any, kernel: Ints, out: Ints, strides: Ints, dilation: Ints
    ) -> Iterator[tuple[Ints, Any]]:
        shape = self.shape_of(x)
        reads = self._taps(x, (1, *kernel, 1), (*out[:-1], shape[-1]), (1, *strides, 1), (1, *dilation, 1))
        return ((tap[1:-1], read) for tap, read in reads)

    def _tap_weights(self, w: Any, tap: Ints) -> Any:
        """One tap of a kernel, ``[ci, groups * co]``."""
        shape = self.shape_of(w)
        at = self.slice(w, start=(*tap, 0, 0), limit=(*(t + 1 for t in tap), *shape[-2:]), stride=(1,) * len(shape))
        return self.reshape(at, shape=shape[-2:])

    def _grouped_transpose(self, w: Any, groups: int) -> Any:
        """``[ci, groups * co]`` as ``[co, groups * ci]``."""
        ci, columns = self.shape_of(w)
        each = self.reshape(w, shape=(ci, groups, columns // groups))
        return self.reshape(self.transpose(each, perm=(2, 1, 0)), shape=(columns // groups, groups * ci))

    def _mixed(self, x: Any, w: Any, groups: int) -> Any:
        """``x[..., groups * a]`` by ``w[a, groups * b]``, group by group."""
        shape, (a, columns) = self.shape_of(x), self.shape_of(w)
        rows = self.reshape(x, shape=(math.prod(shape[:-1]), groups, a))
        weights = self.reshape(w, shape=(a, groups, columns // groups))
        out = self.dot_general(rows, weights, contract=((2,), (0,)), batch=((1,), (1,)))  # [groups, rows, b]
        return self.reshape(self.transpose(out, perm=(1, 0, 2)), shape=(*shape[:-1], columns))


__all__ = ["NARROW", "Formulas", "greatest", "least"]
