"""Forks: a child has one thread, and nobody in it gives back what the other threads of its parent held.

Three things keep a child from waiting for them. A fork waits until no other thread is inside of LLVM or imports a
module of ours, whose locks are not ours to renew (`undisturbed` marks LLVM's calls). It holds llvmlite's own lock
itself. Afterwards everything that has locks of ours makes them anew in the child (`in_child`, `renew`).
"""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from pronghorn import _packages

_PATIENCE = 10.0  # seconds that a fork waits for other threads; a part of a module takes LLVM some tens of milliseconds
_LOOK_AGAIN = 0.0005

R = TypeVar("R")


class Renewable(Protocol):
    """What has a lock."""

    def renew_in_child(self) -> None:
        """Make the lock anew: the thread that held it may be none of this process."""


class _Forking:
    """The fork that is going on, and who has to be out of LLVM before it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # one fork at a time
        self.thread = 0  # the one that forks; 0 for none
        self.inside: dict[object, int] = {}  # a call of LLVM's, and its thread
        self.held: list[Any] = []  # the locks to be given back


_forking = _Forking()
_renewable: weakref.WeakSet[Any] = weakref.WeakSet()
_when_in_child: list[Callable[[], None]] = []


def in_child(function: Callable[[], None]) -> Callable[[], None]:
    """Have a function be called in each child right after the fork."""
    _when_in_child.append(function)
    return function


def renew(thing: Renewable) -> None:
    """Have an object make its locks anew in each child, for as long as it is there."""
    _renewable.add(thing)


def undisturbed(function: Callable[..., R], *args: Any) -> R:
    """Call a function of LLVM's that no lock goes with; a fork in another thread waits for its end."""
    call, me = object(), threading.get_ident()
    inside = _forking.inside
    try:
        while True:
            inside[call] = me
            if _forking.thread in (0, me):
                return function(*args)
            inside.pop(call, None)
            time.sleep(_LOOK_AGAIN)
    finally:
        inside.pop(call, None)


def _is_quiet(me: int) -> bool:
    """Whether no other thread is inside of LLVM or imports a module of ours."""
    if any(thread != me for thread in list(_forking.inside.values())):
        return False
    # The interpreter renews one lock of the import system, not those of single modules.
    locks = getattr(sys.modules.get("_frozen_importlib"), "_module_locks", {})
    for name, reference in list(locks.items()):
        lock = reference() if _packages.is_ours(name) else None
        if lock is not None and getattr(lock, "owner", None) not in (None, me):
            return False
    return True


def _llvms_lock() -> Any:
    """Where the lock is that lets one thread at a time into llvmlite's functions.

    None where llvmlite is not imported yet, or is a release that has it elsewhere.
    """
    library = getattr(sys.modules.get("llvmlite.binding.ffi"), "lib", None)
    return getattr(library, "_lock", None)


def _before() -> None:
    me, deadline = threading.get_ident(), time.monotonic() + _PATIENCE
    if _forking.lock.acquire(timeout=_PATIENCE):
        _forking.held = [_forking.lock]
    _forking.thread = me
    lock = getattr(_llvms_lock(), "_lock", None)
    while time.monotonic() < deadline:
        if lock is not None and lock.acquire(timeout=_PATIENCE):
            _forking.held.append(lock)
        if _is_quiet(me):
            return
        if lock is not None and lock in _forking.held:  # an import may need it
            _forking.held.remove(lock)
            lock.release()
        time.sleep(_LOOK_AGAIN)


def _give_back() -> None:
    _forking.thread = 0
    while _forking.held:
        _forking.held.pop().release()


def _after_in_child() -> None:
    global _forking
    holder = _llvms_lock()
    if hasattr(holder, "_lock") and holder._lock not in _forking.held:
        holder._lock = threading.RLock()
    _give_back()
    _forking = _Forking()
    for thing in list(_renewable):
        thing.renew_in_child()
    for function in _when_in_child:
        function()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_give_back, after_in_child=_after_in_child)
