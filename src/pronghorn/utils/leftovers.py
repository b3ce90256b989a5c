"""New files beside those that they will replace, and what killed processes have left of them."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import socket
import tempfile
import time
from pathlib import Path

_SUFFIX = ".new"
_ABANDONED_AFTER = 24 * 3600.0  # seconds without a change: how a dead writer on another machine is told

_writing: set[Path] = set()  # by this process


def fresh_beside(target: Path) -> Path:
    """Make an empty file beside ``target``, whose name says who writes it; `done` ends that.

    Args:
        target: of an existing folder.
    """
    prefix = f"{_prefix(target)}{_machine()}-{os.getpid()}-"
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=prefix, suffix=_SUFFIX)
    os.close(handle)
    fresh = Path(name)
    _writing.add(fresh)
    return fresh


def done(fresh: Path) -> None:
    """Remove what `fresh_beside` made, if it is there still."""
    fresh.unlink(missing_ok=True)
    _writing.discard(fresh)


def remove(target: Path) -> None:
    """Remove the new files beside ``target`` whose writers are dead; see `of_the_dead`.

    Args:
        target: what they were to replace.
    """
    for file in of_the_dead(target):
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


def of_the_dead(target: Path) -> list[Path]:
    """The new files beside ``target`` whose writers are dead: killed, or on a machine that was taken away.

    On this machine the process is looked for; a file of another, or from before this one was started, is left alone for
    a day after its last change.

    Args:
        target: what they were to replace.
    """
    prefix, found = _prefix(target), []
    with contextlib.suppress(OSError):  # it is a courtesy: writing goes on
        for entry in os.scandir(target.parent):
            if entry.name.startswith(prefix) and entry.name.endswith(_SUFFIX):
                with contextlib.suppress(OSError):
                    if _is_of_the_dead(Path(entry.path), entry.name[len(prefix) : -len(_SUFFIX)]):
                        found.append(Path(entry.path))
    return found


def _is_of_the_dead(file: Path, writer: str) -> bool:
    found = re.fullmatch(r"([^-]+)-(\d+)-[^-]*", writer)
    if found and found[1] == _machine():
        return file not in _writing if int(found[2]) == os.getpid() else not _is_alive(int(found[2]))
    if found or re.fullmatch(r"[a-z0-9_]{8}", writer):  # as older versions called them
        return time.time() - file.stat().st_mtime > _ABANDONED_AFTER
    return False  # another path's, whose name begins alike


def _is_alive(process: int) -> bool:
    if os.name == "nt":
        return True  # asking there may end it
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # somebody else's
    return True


def _prefix(target: Path) -> str:
    return f".{target.name}-"


@functools.cache
def _machine() -> str:
    """A name for what numbers processes: this machine since it was started, or a container of it."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):  # where there is no /proc the name has to do
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:12]
