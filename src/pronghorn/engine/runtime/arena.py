"""Aligned memory: blocks that start on a cache line, and huge pages under the large ones.

Vectors of any width load from these blocks without crossing cache lines, and a large block on huge pages costs far
fewer page faults and TLB misses than the same bytes from `malloc`.
"""

from __future__ import annotations

import contextlib
import math
import mmap

import numpy as np

ALIGNMENT = 64
HUGE_PAGE = 2 << 20
LEAST_OF_LAST = HUGE_PAGE * 3 // 4  # bytes of a block in its last huge page; fewer lie on ordinary ones
LARGE_IDLE = 64 << 20  # bytes


def private_pages(nbytes: int) -> mmap.mmap:
    """Zeroed pages of this process alone.

    What `mmap` shares by itself, a forked child writes into, and Linux has no huge pages for it as a rule.
    """
    private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
    return mmap.mmap(-1, nbytes, **private)


def _map_pages(nbytes: int) -> np.ndarray:
    """Zeroed bytes straight from the operating system, on huge pages if it has some to give."""
    # One huge page more than asked, so that the block can begin on a huge-page boundary: only whole ones can be huge.
    # Pages that are never touched cost no memory.
    pages = private_pages(nbytes + HUGE_PAGE)
    raw = np.frombuffer(pages, np.uint8)
    skip = -raw.ctypes.data % HUGE_PAGE
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel built without them; ordinary pages serve
            pages.madvise(mmap.MADV_HUGEPAGE, skip, _huge_bytes(nbytes))
    return raw[skip : skip + nbytes]


def _huge_bytes(nbytes: int) -> int:
    """How many bytes of a large block are on huge pages.

    The system fills a whole huge page at the first touch. Under the end of a block it would hold memory that nobody
    uses: for weights of 2.25 MiB each, it would be as much again.

    >>> _huge_bytes(5 << 19) >> 20, _huge_bytes(7 << 19) >> 20  # of 2.5 and 3.5 MiB
    (2, 4)
    """
    whole, last = divmod(nbytes, HUGE_PAGE)
    return (whole + (last >= LEAST_OF_LAST)) * HUGE_PAGE


def aligned_bytes(nbytes: int) -> np.ndarray:
    """A writable uint8 array of `nbytes` uninitialised bytes whose address is a multiple of 64."""
    if nbytes > HUGE_PAGE:
        return _map_pages(nbytes)
    raw = np.empty(nbytes + ALIGNMENT, np.uint8)
    skip = -raw.ctypes.data % ALIGNMENT
    return raw[skip : skip + nbytes]


def aligned_empty(shape: int | tuple[int, ...], dtype: np.dtype | type | str) -> np.ndarray:
    """An uninitialised array whose data starts on a cache line; otherwise like `numpy.empty`.

    Args:
        shape: the extents.
        dtype: anything that `numpy.dtype` takes.

    >>> a = aligned_empty((3, 5), "float32")
    >>> a.shape, a.ctypes.data % 64
    ((3, 5), 0)
    """
    kind = np.dtype(dtype)
    extents = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    nbytes = math.prod(extents) * kind.itemsize
    return np.ndarray(extents, kind, buffer=aligned_bytes(nbytes))


def aligned_zeros(shape: int | tuple[int, ...], dtype: np.dtype | type | str) -> np.ndarray:
    """A zeroed array whose data starts on a cache line; otherwise like `numpy.zeros`."""
    array = aligned_empty(shape, dtype)
    if array.nbytes <= HUGE_PAGE:  # larger blocks come zeroed from the operating system
        array.fill(0)
    return array


def aligned_copy(array: np.ndarray, dtype: np.dtype | type | str | None = None) -> np.ndarray:
    """A copy of an array whose data starts on a cache line, cast to ``dtype`` if one is given."""
    copy = aligned_empty(array.shape, dtype or array.dtype)
    np.copyto(copy, array, casting="unsafe")
    return copy


class Arena:
    """One block of memory that grows: the place of a compiled step's intermediate buffers.

    What it holds does not survive growth; a step plans all its buffers from the block's start each time it runs.

    >>> arena = Arena()
    >>> address = arena.reserve(1000)
    >>> address % 64, arena.capacity >= 1000, arena.reserve(10) == address
    (0, True, True)
    """

    def __init__(self) -> None:
        self._block = aligned_bytes(0)
        self._address = 0

    @property
    def capacity(self) -> int:
        """The size in bytes of the block."""
        return self._block.nbytes

    def reserve(self, nbytes: int) -> int:
        """Make the block at least `nbytes` long and return its address.

        The address holds until the next call that asks for more than `capacity`.

        Args:
            nbytes: how many bytes are needed.

        Raises:
            MemoryError: the system has no such block; the message says how large it is.
        """
        if nbytes > self._block.nbytes or not self._address:
            wanted = max(nbytes, ALIGNMENT)
            self._block, self._address = aligned_bytes(0), 0  # let the old block go first: they need not both fit
            try:
                self._block = aligned_bytes(wanted)
            except (MemoryError, OSError, OverflowError, ValueError) as error:
                raise MemoryError(
                    f"A compiled step needs {wanted / 2**20:,.0f} MiB for its intermediate results and the "
                    "system has no such block to give; a smaller batch_size needs less"
                ) from error
            self._address = self._block.ctypes.data
        return self._address

    def view(self, offset: int, shape: tuple[int, ...], dtype: np.dtype | type | str) -> np.ndarray:
        """A window of the block as an array that shares its memory.

        Args:
            offset: where it begins, in bytes from the block's start.
            shape: the extents.
            dtype: anything that `numpy.dtype` takes.
        """
        return np.ndarray(shape, dtype, buffer=self._block, offset=offset)


_idle: list[Arena] = []


def borrow() -> Arena:
    """An arena that nobody uses just now, a new one if there is none; `give_back` it.

    Steps that never run at once (training, then evaluation) thus share one block of memory.
    """
    try:
        return _idle.pop()
    except IndexError:
        return Arena()


def make_room(nbytes: int) -> None:
    """Give large idle arenas back to the system where more than they hold is about to be made and kept.

    Training's stays for its next step otherwise; getting pages again costs little beside those that are new anyway.

    Args:
        nbytes: how many bytes are to be made.
    """
    held = sum(arena.capacity for arena in list(_idle))
    if LARGE_IDLE < held < nbytes:
        _idle.clear()


def give_back(arena: Arena) -> None:
    """Let others have an arena that was borrowed."""
    _idle.append(arena)
