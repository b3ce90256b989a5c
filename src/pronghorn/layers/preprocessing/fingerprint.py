"""The hash functions behind `Hashing` and its relatives: the same numbers as TensorFlow's on every machine.

FarmHash's 64-bit fingerprint (its ``na`` variant), SipHash-2-4 for salted hashes, and the mixing function that crosses
hashes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

_MASK = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def _rotate(x: int, right: int) -> int:
    x &= _MASK
    return (x >> right | x << (64 - right)) & _MASK


def _shift_mix(x: int) -> int:
    x &= _MASK
    return x ^ x >> 47


def _word(data: bytes, at: int, size: int = 8) -> int:
    return int.from_bytes(data[at : at + size], "little")


def _mix(u: int, v: int, factor: int) -> int:
    a = _shift_mix((u ^ v) * factor)
    b = _shift_mix(((v & _MASK) ^ a) * factor)
    return b * factor & _MASK


def _hash_16(data: bytes) -> int:
    """Up to 16 bytes."""
    n = len(data)
    factor = _K2 + 2 * n
    if n >= 8:
        a, b = _word(data, 0) + _K2, _word(data, n - 8)
        return _mix(_rotate(b, 37) * factor + a & _MASK, (_rotate(a, 25) + b) * factor & _MASK, factor)
    if n >= 4:
        return _mix(n + (_word(data, 0, 4) << 3), _word(data, n - 4, 4), factor)
    if n:
        y, z = data[0] + (data[n >> 1] << 8), n + (data[-1] << 2)
        return _shift_mix(y * _K2 & _MASK ^ z * _K0 & _MASK) * _K2 & _MASK
    return _K2


def _hash_64(data: bytes) -> int:
    """17 to 64 bytes."""
    n = len(data)
    factor = _K2 + 2 * n
    a = _word(data, 0) * (_K1 if n <= 32 else _K2)
    b, c, d = _word(data, 8), _word(data, n - 8) * factor, _word(data, n - 16) * _K2
    y = _rotate(a + b, 43) + _rotate(c, 30) + d & _MASK
    z = _mix(y, a + _rotate(b + _K2, 18) + c & _MASK, factor)
    if n <= 32:
        return z
    e, f = _word(data, 16) * factor, _word(data, 24)
    g, h = (y + _word(data, n - 32)) * factor, (z + _word(data, n - 24)) * factor
    return _mix(_rotate(e + f, 43) + _rotate(g, 30) + h & _MASK, e + _rotate(f + a, 18) + g & _MASK, factor)


def _weak_32(data: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    """A weak hash of 32 bytes with two seeds."""
    w, x, y, z = (_word(data, at + 8 * i) for i in range(4))
    a += w
    b = _rotate(b + a + z, 21)
    c = a
    a += x + y
    b += _rotate(a, 44)
    return a + z & _MASK, b + c & _MASK


class _Long:
    """The state of the hash of more than 64 bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.y = 81 * _K1 + 113 & _MASK
        self.z = _shift_mix(self.y * _K2 + 113) * _K2 & _MASK
        self.x = 81 * _K2 + _word(data, 0) & _MASK
        self.v = self.w = (0, 0)

    def step(self, at: int, factor: int, weight: int) -> None:
        data, (v0, v1), (w0, w1) = self.data, self.v, self.w
        x = _rotate(self.x + self.y + v0 + _word(data, at + 8), 37) * factor & _MASK
        y = _rotate(self.y + v1 + _word(data, at + 48), 42) * factor & _MASK
        x ^= w1 * weight & _MASK
        y = y + v0 * weight + _word(data, at + 40) & _MASK
        z = _rotate(self.z + w0, 33) * factor & _MASK
        self.v = _weak_32(data, at, v1 * factor, x + w0)
        self.w = _weak_32(data, at + 32, z + w1, y + _word(data, at + 16))
        self.x, self.y, self.z = z, y, x  # x and z change places

    def finish(self) -> int:
        n = len(self.data)
        factor = _K1 + ((self.z & 0xFF) << 1)
        rest = (n - 1) & 63
        w0 = self.w[0] + rest
        v0 = self.v[0] + w0
        self.v, self.w = (v0 & _MASK, self.v[1]), (w0 + v0 & _MASK, self.w[1])
        self.step(n - 64, factor, 9)
        (v0, v1), (w0, w1) = self.v, self.w
        first = _mix(v0, w0, factor) + _shift_mix(self.y) * _K0 + self.z & _MASK
        return _mix(first, _mix(v1, w1, factor) + self.x & _MASK, factor)


def fingerprint64(data: bytes) -> int:
    """FarmHash's 64-bit fingerprint of a byte string.

    >>> fingerprint64(b"pronghorn") % 1000
    819
    """
    if len(data) <= 16:
        return _hash_16(data)
    if len(data) <= 64:
        return _hash_64(data)
    state = _Long(data)
    for at in range(0, (len(data) - 1) // 64 * 64, 64):
        state.step(at, _K1, 1)
    return state.finish()


def murmur64(data: bytes, seed: int = 0xDECAFCAFFE) -> int:
    """Return the 64 bits of MurmurHash64A, with the seed that TensorFlow's older hashing takes.

    Source: Austin Appleby, MurmurHash2, 64-bit version.

    >>> murmur64(b"a") % 1000
    868
    """
    factor = 0xC6A4A7935BD1E995
    found = seed ^ (len(data) * factor & _MASK)
    whole = len(data) - len(data) % 8
    for at in range(0, whole, 8):
        word = int.from_bytes(data[at : at + 8], "little") * factor & _MASK
        found = (found ^ (word ^ word >> 47) * factor & _MASK) * factor & _MASK
    if len(data) > whole:
        found = (found ^ int.from_bytes(data[whole:], "little")) * factor & _MASK
    found = (found ^ found >> 47) * factor & _MASK
    return found ^ found >> 47


def siphash(data: bytes, key: Sequence[int]) -> int:
    """SipHash-2-4 of a byte string, with a key of two 64-bit integers."""
    k0, k1 = key[0] & _MASK, key[1] & _MASK
    state = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]
    whole = len(data) // 8 * 8
    words = [_word(data, i) for i in range(0, whole, 8)]
    words.append(int.from_bytes(data[whole:], "little") | (len(data) & 0xFF) << 56)
    for word in words:
        state[3] ^= word
        _sip_rounds(state, 2)
        state[0] ^= word
    state[2] ^= 0xFF
    _sip_rounds(state, 4)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _sip_rounds(state: list[int], count: int) -> None:
    a, b, c, d = state
    for _ in range(count):
        a, c = a + b & _MASK, c + d & _MASK
        b, d = _rotate(b, 51) ^ a, _rotate(d, 48) ^ c
        a = _rotate(a, 32)
        c, a = c + b & _MASK, a + d & _MASK
        b, d = _rotate(b, 47) ^ c, _rotate(d, 43) ^ a
        c = _rotate(c, 32)
    state[:] = a, b, c, d


def cross(hashes: tuple[int, ...]) -> int:
    """One hash for several, in their order."""
    factor = 0xC6A4A7935BD1E995
    result = 0xDECAFCAFFE
    for value in hashes:
        result ^= factor
        result ^= _shift_mix(value * factor) * factor & _MASK
        result = result * factor & _MASK
        result = _shift_mix(_shift_mix(result) * factor)
    return result


def hash_strings(strings: np.ndarray, buckets: int, salt: Sequence[int] | None = None) -> np.ndarray:
    """The bucket of each string.

    Args:
        strings: an object array of Python strings.
        buckets: how many there are.
        salt: the key of SipHash; FarmHash if None.

    Returns:
        ``int64`` of the same shape.
    """
    function: Callable[[bytes], int] = fingerprint64 if salt is None else lambda data: siphash(data, salt)
    known: dict[str, int] = {}
    flat = strings.ravel()
    result = np.empty(flat.size, "int64")
    for i, text in enumerate(flat):
        bucket = known.get(text)
        if bucket is None:
            bucket = known[text] = function(text.encode("utf-8", "surrogateescape")) % buckets
        result[i] = bucket
    return result.reshape(strings.shape)
