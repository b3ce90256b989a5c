"""Arrays between pages that nobody may touch: with `PRONGHORN_DEBUG=poison` compiled steps run on such copies.

A read or a write that leaves its array then ends the process at once (Python's `faulthandler` shows where), instead of
finding whatever lies there; what is read before it was written is NaN. Compiled code owns the slack between the buffers
of its arena, nothing else: it reads not one byte beyond an argument, a result, a variable or a constant.
"""

from __future__ import annotations

import ctypes
import mmap

import numpy as np

from pronghorn.engine.runtime.arena import private_pages

POISON = 0xFF  # in every byte: a NaN in every float type, -1 in every signed integer

_FORBIDDEN = 0  # PROT_NONE


def can_guard() -> bool:
    """Whether this system lets a program forbid pages to itself in the way that is known here."""
    return hasattr(mmap, "PROT_READ")  # POSIX


def guarded(nbytes: int, at_end: bool = True) -> np.ndarray:
    """A uint8 array of poisoned bytes between two forbidden pages.

    Args:
        nbytes: how many bytes.
        at_end: whether it ends right before a forbidden page; else it begins right behind one.

    >>> guarded(3).tolist()
    [255, 255, 255]
    """
    page = mmap.PAGESIZE
    inner = -(-max(nbytes, 1) // page) * page
    block = np.frombuffer(private_pages(inner + 2 * page), np.uint8)
    inside = block[page : page + inner]
    inside.fill(POISON)
    if can_guard():
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        for start in (0, page + inner):
            if protect(ctypes.c_void_p(block.ctypes.data + start), ctypes.c_size_t(page), _FORBIDDEN):
                raise OSError(ctypes.get_errno(), "the system does not forbid a page")
    return inside[inner - nbytes :] if at_end else inside[:nbytes]


def guarded_empty(shape: tuple[int, ...], dtype: np.dtype | str, at_end: bool = True) -> np.ndarray:
    """An array of poison between two forbidden pages; otherwise like `numpy.empty`."""
    kind = np.dtype(dtype)
    count = 1
    for extent in shape:
        count *= extent
    return np.ndarray(shape, kind, buffer=guarded(count * kind.itemsize, at_end))


def guarded_copy(array: np.ndarray, at_end: bool = True) -> np.ndarray:
    """A contiguous copy of an array between two forbidden pages."""
    copy = guarded_empty(array.shape, array.dtype, at_end)
    np.copyto(copy, array)
    return copy
