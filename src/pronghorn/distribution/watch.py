"""Seeing that a run ends on all processes where one of them dies, hangs or leaves.

A thread of each process tells the first one every second how it is, and hears from it in return. The first one judges,
and ends the run by MPI's `Abort`, which ends all processes on all machines. What ends a run when:

- A process that is dead, stopped or on a machine that is cut off gives no sign of life for `SILENCE` seconds.
- One that others wait for, and that neither computes nor reads or writes, hangs for `IDLE` seconds.
- Processes that all wait, but not at the same point of the program, do so for `IDLE` seconds.
- One that others wait for, and that is busy, has `patience`: nobody can tell a long computation from an endless one.
"""

from __future__ import annotations

import atexit
import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np

from pronghorn.placement.processes import seconds_of

BEAT = 1.0  # seconds between two signs of life
SILENCE = 30.0  # without any, a process is dead or stopped
IDLE = 40.0  # without computing, reading or writing, a process that others wait for hangs
LEFT = 5.0  # others wait for a process that has come to the end of its script
GRACE = 5.0  # for processes that have the same error to tell it
PATIENCE_VARIABLE = "PRONGHORN_PATIENCE"
PATIENCE = 600.0  # others wait for a process that is busy with something else
_LEAST_TIME = 0.02  # of a second of the processor's time in a second, that something is computed
_LEAST_BYTES = 1 << 16  # in a second, that something is read or written
_PAGE = 4096  # bytes that a fault brings in from a disk at least


class Sign(NamedTuple):
    """How a process is.

    Attributes:
        waits: seconds for which it has waited for others.
        idle: seconds for which it has neither computed nor read or written.
        has_ended: whether it has come to the end of its script, 0 or 1.
        for_news: whether it waits for what process 0 is to have done, such as a file, 0 or 1.
        number: how often it has waited for what all do together.
    """

    waits: float = 0.0
    idle: float = 0.0
    has_ended: float = 0.0
    for_news: float = 0.0
    number: float = 0.0

    @property
    def point(self) -> tuple[float, float]:
        """Where in the program it waits."""
        return self.for_news, 0.0 if self.for_news else self.number


class _State:
    waits_since: float | None = None
    for_news = False
    number = 0
    before: ClassVar[list[Callable[[float], None]]] = []
    leaving: ClassVar[list[Callable[[float], None]]] = []


@contextlib.contextmanager
def waiting(for_news: bool = False) -> Iterator[None]:
    """Inside of it, this process waits for others.

    Args:
        for_news: whether for what process 0 is to have done, rather than for what all do together.
    """
    _State.for_news = for_news
    if not for_news:
        _State.number += 1
        while _State.before:
            _State.before.pop()(_State.number)
    _State.waits_since = time.monotonic()
    try:
        yield
    finally:
        _State.waits_since = None


def number() -> int:
    """Return how often this process has waited for what all do together, which is where in the program it is."""
    return _State.number


def before_waiting(do: Callable[[float], None]) -> None:
    """Have something done, once, before this process waits for what all do together; it gets the number of that."""
    _State.before.append(do)


def before_leaving(do: Callable[[float], None]) -> None:
    """Have something done at the end of the script, before this process waits for the others; it gets infinity."""
    _State.leaving.append(do)


def patience() -> float:
    """Return how many seconds others wait for a process that is busy, by the environment or `PATIENCE`.

    Raises:
        ValueError: if the environment says what is no time.
    """
    return seconds_of(PATIENCE_VARIABLE, PATIENCE)


def verdict(signs: list[Sign], silent: list[float], patience: float) -> str | None:
    """Return why a run has to end, or None.

    Args:
        signs: how each process is.
        silent: seconds since each was heard of.
        patience: seconds that others wait for a process that is busy.

    >>> verdict([Sign(waits=41.0), Sign(idle=41.0)], [0.0, 0.5], 600.0)
    'process 1 has done nothing for 41 s, and others wait for it'
    >>> verdict([Sign(waits=41.0), Sign(idle=3.0)], [0.0, 0.5], 600.0)
    """
    for rank, seconds in enumerate(silent):
        if seconds > SILENCE:
            return f"process {rank} has given no sign of life for {seconds:.0f} s; it has died, or is stopped"
    longest = max(sign.waits for sign in signs)
    for rank, sign in enumerate(signs):
        if sign.waits:
            continue
        if sign.has_ended and longest > LEFT:
            return f"process {rank} has come to the end of its script, and others wait for it in a step"
        if sign.idle > IDLE and longest > IDLE:
            return f"process {rank} has done nothing for {sign.idle:.0f} s, and others wait for it"
        if longest > patience:
            return (
                f"others have waited {longest:.0f} s for process {rank}, which is busy with something else. If it may "
                f"take longer, set the environment variable {PATIENCE_VARIABLE} to a number of seconds"
            )
    return _verdict_on_waiting(signs, patience)


def _verdict_on_waiting(signs: list[Sign], patience: float) -> str | None:
    """Why a run has to end in which all processes wait; None where one does not."""
    least = min(sign.waits for sign in signs)
    other = next((rank for rank, sign in enumerate(signs) if sign.point != signs[0].point), None)
    if other is not None and least > IDLE:
        return (
            f"all processes have waited for {least:.0f} s, process 0 {_where(signs[0])}, process {other} "
            f"{_where(signs[other])}. All have to come to the same calls in the same order, so that none may be left "
            "out, or given other callbacks, on some of them"
        )
    if least > patience:
        return f"all processes have waited {least:.0f} s for each other; what one sends does not reach the others"
    return None


def _where(sign: Sign) -> str:
    return "for process 0 to write a file" if sign.for_news else f"in what all do together (number {sign.number:.0f})"


class Watch(threading.Thread):
    """The thread that tells and hears how processes are.

    Args:
        world: MPI's communicator; the watch uses a copy.
    """

    def __init__(self, world: Any):
        super().__init__(name="pronghorn-watch", daemon=True)
        self._world, self._talk, self._leaving = world, world.Dup(), world.Dup()
        self._rank, self._count = world.Get_rank(), world.Get_size()
        self._patience = patience()
        self._over = threading.Event()
        self._has_ended = False
        self._active = time.monotonic()
        self._measured = _activity()
        self._signs = [Sign()] * self._count
        self._heard = [time.monotonic()] * self._count

    def run(self) -> None:
        while not self._over.wait(BEAT):
            self._look()
            own = self._own()
            if self._rank:
                self._tell(0, own)
                self._hear([0])
                reason = None
                if time.monotonic() - self._heard[0] > SILENCE + 2 * BEAT:
                    reason = f"process 0 has given no sign of life for {SILENCE:.0f} s; it has died, or is stopped"
            else:
                self._signs[0], self._heard[0] = own, time.monotonic()
                others = range(1, self._count)
                self._hear(others)
                for rank in others:
                    self._tell(rank, own)
                reason = verdict(self._signs, [time.monotonic() - t for t in self._heard], self._patience)
            if reason is not None and not self._over.is_set():
                self.end_all(f"The run ends on all {self._count} processes: {reason}.")

    def end_all(self, message: str) -> None:
        """End all processes."""
        print(f"pronghorn: {message} Training goes on from the last backup of BackupAndRestore.", file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        self._world.Abort(1)

    def leave(self) -> None:
        """At the end of the script: wait for the others, and stop watching."""
        for do in _State.leaving:
            do(float("inf"))
        self._has_ended = True
        request = self._leaving.Ibarrier()
        while not request.Test():
            time.sleep(0.01)
        self._over.set()
        self.join()

    def failed(self) -> None:
        """After an error: end all processes, once those have told theirs that have the same."""
        request, until = self._leaving.Ibarrier(), time.monotonic() + GRACE
        while not request.Test() and time.monotonic() < until:
            time.sleep(0.01)
        sys.stdout.flush()
        sys.stderr.flush()
        self._world.Abort(1)

    def _look(self) -> None:
        measured = _activity()
        computed, moved = (new - old for new, old in zip(measured, self._measured))
        if computed > _LEAST_TIME * BEAT or moved > _LEAST_BYTES:
            self._active = time.monotonic()
        self._measured = measured

    def _own(self) -> Sign:
        now, since = time.monotonic(), _State.waits_since
        waits = 0.0 if since is None else max(now - since, 1e-3)
        return Sign(waits, now - self._active, float(self._has_ended), float(_State.for_news), float(_State.number))

    def _tell(self, rank: int, sign: Sign) -> None:
        self._talk.Send(np.array(sign), rank)

    def _hear(self, ranks: Any) -> None:
        buffer = np.empty(len(Sign._fields))
        for rank in ranks:
            while self._talk.Iprobe(source=rank):
                self._talk.Recv(buffer, source=rank)
                self._signs[rank], self._heard[rank] = Sign(*buffer.tolist()), time.monotonic()


def _activity() -> tuple[float, float]:
    """The processor's time that this process has used, and the bytes that it has read, written and mapped."""
    moved = 0.0
    try:
        with open("/proc/self/io", encoding="ascii") as stream:
            moved = float(sum(int(line.split()[1]) for line in stream if line.startswith(("rchar", "wchar"))))
        with open("/proc/self/stat", encoding="utf-8", errors="replace") as stream:
            moved += _PAGE * float(stream.read().rpartition(")")[2].split()[9])  # faults of memory maps
    except (OSError, ValueError, IndexError):
        pass
    return time.process_time(), moved


def begin(world: Any) -> None:
    """Watch over the processes of a run, and have an error of one end all.

    Args:
        world: MPI's communicator.
    """
    watch = Watch(world)
    watch.start()
    show = sys.excepthook

    def show_and_end(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        show(kind, error, trace)
        watch.failed()

    sys.excepthook = show_and_end
    atexit.register(watch.leave)
