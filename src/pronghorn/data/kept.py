"""Elements that are kept, in memory or in a file, or made beforehand by a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pronghorn.data import storing


class Kept:
    """Iterators over elements that are kept after the first whole round.

    Args:
        begin: gives an iterator that makes them.
    """

    def __init__(self, begin: Callable[[], Iterator[Any]]):
        self._begin = begin
        self._elements: list[Any] | None = None

    def __call__(self) -> Iterator[Any]:
        if self._elements is not None:
            yield from self._elements
            return
        fresh = []
        for element in self._begin():
            fresh.append(element)
            yield element
        self._elements = fresh


def from_file(elements: Iterable[Any], path: Path) -> Iterator[Any]:
    """The elements that lie in a file; if there is none, those that are given, which are in it after the round."""
    if path.exists():
        yield from storing.read(path)
        return
    kept = []
    for element in elements:
        kept.append(element)
        yield element
    storing.write(path, kept)


def read_ahead(elements: Iterator[Any], size: int) -> Iterator[Any]:
    """The same elements, of which a thread makes so many beforehand."""
    ready: queue.Queue[tuple[str, Any]] = queue.Queue(maxsize=size)
    abandoned = threading.Event()

    def put(kind: str, value: Any) -> bool:
        while not abandoned.is_set():
            try:
                ready.put((kind, value), timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def read() -> None:
        try:
            for element in elements:
                if not put("element", element):
                    return
            put("end", None)
        except BaseException as error:  # raised again where the elements are wanted
            put("error", error)

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            kind, value = ready.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        abandoned.set()
