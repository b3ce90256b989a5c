"""What the library is busy with where that may take seconds, such as compiling a step, for whoever shows progress."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

#: Is told what goes on and for how many seconds, about once a second, from a thread of its own.
Listener = Callable[[str, float], None]

_FIRST = 1.0
_listener: Listener | None = None


def listen(listener: Listener | None) -> None:
    """From now on tell this listener, and no other, of what takes more than a second."""
    global _listener
    _listener = listener


@contextlib.contextmanager
def doing(what: str) -> Iterator[None]:
    """Say what goes on while the body runs; it costs nothing where nobody listens.

    >>> with doing("compiling"):
    ...     pass
    """
    if _listener is None:
        yield
        return
    over, start = threading.Event(), time.monotonic()

    def tell() -> None:
        while not over.wait(_FIRST):
            if (listener := _listener) is not None:
                listener(what, time.monotonic() - start)

    teller = threading.Thread(target=tell, name="pronghorn-activity", daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
