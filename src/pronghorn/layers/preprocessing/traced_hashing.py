"""The hashes of `fingerprint` for integers, in ops: for `Hashing` and `HashedCrossing` inside of a compiled model.

An integer is hashed as the string of its decimal digits, of at most 20 characters. These are packed into three words of
eight bytes, the first character in the lowest byte.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pronghorn import ops
from pronghorn.engine.graph.tensor import Tensor

_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_MASK = (1 << 64) - 1
_MINUS, _ZERO = ord("-"), ord("0")
_LONGEST = 20


def hash_integers(integers: Tensor, buckets: int, salt: Sequence[int] | None = None) -> Tensor:
    """The bucket of each integer: that of its decimal digits in `fingerprint.hash_strings`.

    Args:
        integers: an array of integers.
        buckets: how many there are.
        salt: the key of SipHash; FarmHash if None.

    Returns:
        ``int64`` of the same shape.
    """
    words, length = decimal_digits(integers)
    hashes = _fingerprint(words, length) if salt is None else _siphash(words, length, salt)
    return ops.cast(ops.mod(hashes, _word(buckets)), "int64")


def cross_integers(columns: Sequence[Tensor], buckets: int) -> Tensor:
    """The bucket of each combination of integers: `fingerprint.cross`.

    Args:
        columns: arrays of integers, of one shape.
        buckets: how many there are.

    Returns:
        ``int64`` of that shape.
    """
    factor = _word(0xC6A4A7935BD1E995)
    result = _word(0xDECAFCAFFE)
    for column in columns:
        value = ops.cast(ops.cast(column, "int64"), "uint64")
        result = _xor(result, factor)
        result = _xor(result, ops.multiply(_shift_mix(ops.multiply(value, factor)), factor))
        result = ops.multiply(result, factor)
        result = _shift_mix(ops.multiply(_shift_mix(result), factor))
    return ops.cast(ops.mod(result, _word(buckets)), "int64")


def decimal_digits(integers: Tensor) -> tuple[list[Tensor], Tensor]:
    """Integers as strings.

    Args:
        integers: an array of integers.

    Returns:
        The three words of the strings and their lengths, ``uint64``.
    """
    signed = ops.cast(integers, "int64")
    negative = ops.less(signed, 0)
    size = ops.cast(ops.where(negative, ops.negative(signed), signed), "uint64")
    powers = np.array([10**p for p in range(_LONGEST)], "uint64")
    digits = sum((ops.cast(ops.greater_equal(size, _word(10**p)), "int64") for p in range(1, _LONGEST)), start=1)
    length = ops.add(digits, ops.cast(negative, "int64"))
    words = [ops.zeros_like(size) for _ in range(3)]
    for place in range(_LONGEST):
        exponent = ops.subtract(length, place + 1)
        power = ops.take(powers, ops.cast(ops.clip(exponent, 0, _LONGEST - 1), "int32"))
        character = ops.add(ops.mod(ops.floor_divide(size, power), _word(10)), _word(_ZERO))
        if place == 0:
            character = ops.where(negative, _word(_MINUS), character)
        character = ops.where(ops.greater_equal(exponent, 0), character, _word(0))
        words[place // 8] = ops.bitwise_or(words[place // 8], _left(character, 8 * (place % 8)))
    return words, ops.cast(length, "uint64")


# -- words ------------------------------------------------------------------------------------------------------------
def _word(value: int) -> np.ndarray:
    return np.array(value & _MASK, "uint64")


def _left(x: Tensor, count: int | Tensor) -> Tensor:
    return ops.bitwise_left_shift(x, _word(count) if isinstance(count, int) else count)


def _right(x: Tensor, count: int | Tensor) -> Tensor:
    return ops.bitwise_right_shift(x, _word(count) if isinstance(count, int) else count)


def _xor(x: Tensor | np.ndarray, y: Tensor | np.ndarray) -> Tensor:
    return ops.bitwise_xor(x, y)


def _rotate(x: Tensor, right: int) -> Tensor:
    return ops.bitwise_or(_right(x, right), _left(x, 64 - right))


def _shift_mix(x: Tensor) -> Tensor:
    return _xor(x, _right(x, 47))


def _mix(u: Tensor, v: Tensor, factor: Tensor) -> Tensor:
    a = _shift_mix(ops.multiply(_xor(u, v), factor))
    b = _shift_mix(ops.multiply(_xor(v, a), factor))
    return ops.multiply(b, factor)


def _fetch(words: list[Tensor], at: Tensor) -> Tensor:
    """Eight bytes of the strings from a place in the first sixteen on, ``uint64``."""
    first = ops.less(at, _word(8))
    low, high = ops.where(first, words[0], words[1]), ops.where(first, words[1], words[2])
    bits = ops.multiply(ops.mod(at, _word(8)), _word(8))
    above = _left(high, ops.mod(ops.subtract(_word(64), bits), _word(64)))
    return ops.bitwise_or(_right(low, bits), ops.where(ops.equal(bits, _word(0)), _word(0), above))


def _byte(word: Tensor, at: Tensor) -> Tensor:
    return ops.bitwise_and(_right(word, ops.multiply(at, _word(8))), _word(0xFF))


# -- hashes -----------------------------------------------------------------------------------------------------------
def _fingerprint(words: list[Tensor], n: Tensor) -> Tensor:
    """FarmHash's fingerprint of strings of 1 to 20 characters; it treats four ranges of lengths each in its way."""
    factor = ops.add(_word(_K2), ops.multiply(n, _word(2)))

    def from_end(count: int) -> Tensor:  # where the last `count` bytes begin; for shorter strings it does not matter
        return ops.where(ops.greater_equal(n, _word(count)), ops.subtract(n, _word(count)), _word(0))

    last = _fetch(words, from_end(8))
    middle, end = _byte(words[0], _right(n, 1)), _byte(words[0], ops.minimum(from_end(1), _word(7)))
    y = ops.add(_byte(words[0], ops.zeros_like(n)), _left(middle, 8))
    z = ops.add(n, _left(end, 2))
    tiny = _xor(ops.multiply(y, _word(_K2)), ops.multiply(z, _word(_K0)))
    tiny = ops.multiply(_shift_mix(tiny), _word(_K2))

    half = _word(0xFFFFFFFF)
    start = _left(ops.bitwise_and(words[0], half), 3)
    small = _mix(ops.add(n, start), ops.bitwise_and(_fetch(words, from_end(4)), half), factor)

    a = ops.add(words[0], _word(_K2))
    c = ops.add(ops.multiply(_rotate(last, 37), factor), a)
    d = ops.multiply(ops.add(_rotate(a, 25), last), factor)
    medium = _mix(c, d, factor)

    a, b = ops.multiply(words[0], _word(_K1)), words[1]
    c, d = ops.multiply(last, factor), ops.multiply(_fetch(words, from_end(16)), _word(_K2))
    y = ops.add(ops.add(_rotate(ops.add(a, b), 43), _rotate(c, 30)), d)
    z = ops.add(ops.add(a, _rotate(ops.add(b, _word(_K2)), 18)), c)
    large = _mix(y, z, factor)

    up_to_7 = ops.where(ops.less(n, _word(4)), tiny, small)
    return ops.where(ops.less(n, _word(8)), up_to_7, ops.where(ops.less_equal(n, _word(16)), medium, large))


def _siphash(words: list[Tensor], n: Tensor, key: Sequence[int]) -> Tensor:
    """SipHash-2-4 of strings of 1 to 20 characters."""
    k0, k1 = key[0] & _MASK, key[1] & _MASK
    start = (k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573)
    state = [ops.full_like(n, _word(value)) for value in start]
    whole = _right(n, 3)
    for i, word in enumerate(words):
        is_last = ops.equal(whole, _word(i))
        word = ops.bitwise_or(word, ops.where(is_last, _left(n, 56), _word(0)))
        after = [*state[:3], _xor(state[3], word)]
        _sip_rounds(after, 2)
        after[0] = _xor(after[0], word)
        reached = ops.greater_equal(whole, _word(i))
        state = [ops.where(reached, new, old) for new, old in zip(after, state)]
    state[2] = _xor(state[2], _word(0xFF))
    _sip_rounds(state, 4)
    return _xor(_xor(state[0], state[1]), _xor(state[2], state[3]))


def _sip_rounds(state: list[Tensor], count: int) -> None:
    a, b, c, d = state
    for _ in range(count):
        a, c = ops.add(a, b), ops.add(c, d)
        b, d = _xor(_rotate(b, 51), a), _xor(_rotate(d, 48), c)
        a = _rotate(a, 32)
        c, a = ops.add(c, b), ops.add(a, d)
        b, d = _xor(_rotate(b, 47), c), _xor(_rotate(d, 43), a)
        c = _rotate(c, 32)
    state[:] = a, b, c, d
