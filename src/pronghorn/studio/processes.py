"""A process of somebody's script: what it prints is kept within bounds, and what it has started ends with it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from pronghorn._wording import counted

HEAD, TAIL = 4_000, 16_000  # bytes that are kept of what is printed
_CHUNK = 1 << 16
_LOOK = 0.02  # seconds between two looks at a process
_AFTERWARDS = 2.0  # seconds that the last words may take after the end


class Kept:
    """The beginning and the end of what comes through a pipe; the rest is read, so that no writer waits, and forgotten.

    >>> kept = Kept()
    >>> for _ in range(1000):
    ...     kept.add(b"twenty-six bytes of a line\\n")
    >>> len(kept.text()) < HEAD + TAIL + 100
    True
    """

    def __init__(self) -> None:
        self._head, self._tail, self._left_out = bytearray(), bytearray(), 0

    def add(self, data: bytes) -> None:
        """What has come."""
        room = HEAD - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data
        too_many = len(self._tail) - TAIL
        if too_many > 0:
            del self._tail[:too_many]
            self._left_out += too_many

    def text(self) -> str:
        """What is kept, with a line that says how much is not."""
        middle = f"\n... {counted(self._left_out, 'byte')} left out here ...\n".encode() if self._left_out else b""
        return (bytes(self._head) + middle + bytes(self._tail)).decode("utf-8", "replace")


class Process:
    """A process, and all that it starts, for the time of a `with` statement.

    Args:
        command: what to run.
        env: its environment.
    """

    def __init__(self, command: Sequence[str], env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,  # a group of its own, by which all of it is found; nothing on Windows
        )  # fmt: skip
        self._job = _Job(self._process) if sys.platform == "win32" else None
        self.output, self.errors = Kept(), Kept()
        pairs = ((self._process.stdout, self.output), (self._process.stderr, self.errors))
        self._readers = [threading.Thread(target=_read, args=pair, daemon=True) for pair in pairs]
        for reader in self._readers:
            reader.start()

    def wait(self, seconds: float, is_enough: Callable[[], bool], grace: float = 2.0) -> int | None:
        """Wait for the end of the process, whatever others that it has started do.

        Args:
            seconds: how long.
            is_enough: whether it has given what is wanted of it; then it has `grace` left to end by itself.
            grace: in seconds.

        Returns:
            The exit status; None where it goes on.
        """
        end, enough = time.monotonic() + seconds, False
        while (status := self._process.poll()) is None and time.monotonic() < end:
            if not enough and is_enough():
                enough, end = True, min(end, time.monotonic() + grace)
            time.sleep(_LOOK)
        return status

    def end(self) -> None:
        """End the process and all that it has started, but for what has left its group; and read its last words."""
        if self._job is not None:
            self._job.end()
        elif sys.platform != "win32":
            # The group may be there when its first process is not; on macOS one of ended processes may not be asked.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()  # nothing where it has ended
        self._process.wait()
        end = time.monotonic() + _AFTERWARDS
        for reader in self._readers:  # what has left the group may hold a pipe for as long as it likes
            reader.join(max(0.0, end - time.monotonic()))

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


def _read(pipe: Any, kept: Kept) -> None:
    with pipe:
        while data := pipe.read1(_CHUNK):
            kept.add(data)


class _Job:
    """On Windows, a job: a process and all that it starts.

    Args:
        process: the process; what it starts before it is in the job, which takes less time than Python's start, is not.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        kernel: Any = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined, unused-ignore]
        handle = ctypes.c_void_p
        kernel.CreateJobObjectW.argtypes, kernel.CreateJobObjectW.restype = [handle, ctypes.c_wchar_p], handle
        kernel.AssignProcessToJobObject.argtypes = [handle, handle]
        kernel.TerminateJobObject.argtypes = [handle, ctypes.c_uint]
        kernel.CloseHandle.argtypes = [handle]
        self._kernel, self._handle = kernel, kernel.CreateJobObjectW(None, None)
        kernel.AssignProcessToJobObject(self._handle, int(process._handle))  # type: ignore[attr-defined, unused-ignore]

    def end(self) -> None:
        """End all of it; a second time, nothing."""
        if self._handle:
            self._kernel.TerminateJobObject(self._handle, 1)
            self._kernel.CloseHandle(self._handle)
            self._handle = None
