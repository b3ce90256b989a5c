"""A cap on what a call into a C library may allocate, where the library takes a file's word for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()


@contextmanager
def capped(extra: int) -> Iterator[None]:
    """Have the process fail to allocate more than so many bytes on top of what it has; without effect outside Linux.

    The cap is the whole process's, for as long as the context is open: keep it short, and `extra` generous.

    Args:
        extra: how many bytes.
    """
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as stream:
            used = int(stream.read().split()[0]) * resource.getpagesize()
    except (ImportError, OSError, ValueError):
        yield
        return
    with _lock:
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = used + extra
        if any(0 <= other < limit for other in (soft, hard) if other != resource.RLIM_INFINITY):
            yield  # it is capped already, and lower
            return
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
