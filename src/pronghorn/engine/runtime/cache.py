"""Object code kept on disk between runs, so that a script's second run compiles nothing.

Each entry is a file named by the hash of everything that its code depends on; it begins with a hash of its name and
content, so a damaged file, or one under another's name, is noticed and dropped. Files are written under another name
and then renamed: readers see a whole entry or none. The directory is the user's own (its mode keeps others out), since
what is read from it will be executed. Whatever goes wrong with the cache, the run goes on without it.

`PRONGHORN_CACHE_DIR` chooses the directory (by default the system's place for caches, such as `~/.cache/pronghorn`) and
`PRONGHORN_CACHE=0` does without. Past 512 MiB the entries not used for longest make room.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from pronghorn.engine.runtime.signals import without_file_errors
from pronghorn.engine.runtime.system import user_cache_dir

DIRECTORY_VARIABLE = "PRONGHORN_CACHE_DIR"
SWITCH_VARIABLE = "PRONGHORN_CACHE"
LIMIT_BYTES = 512 << 20

_FOLDER = "code-3"  # a new number when the format of an entry changes
_SUFFIX = ".bin"
_MAGIC = b"pronghorn object\n"
_HEADER = len(_MAGIC) + hashlib.sha256().digest_size

_known_bytes: dict[Path, int] = {}  # what each cache held when last looked at, plus what was written since


def directory() -> Path | None:
    """The folder that holds the entries, whether or not it exists yet; None if the cache is switched off."""
    if os.environ.get(SWITCH_VARIABLE, "").strip().lower() in ("0", "false", "no", "off"):
        return None
    chosen = os.environ.get(DIRECTORY_VARIABLE)
    base = Path(chosen).expanduser() if chosen else user_cache_dir()
    return base / _FOLDER if base else None


def key(*parts: str) -> str:
    """The name of an entry that depends on `parts`, in order.

    >>> key("ab", "c") == key("a", "bc")
    False
    """
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode()
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.hexdigest()


def _is_private(folder: Path) -> bool:
    """Whether nobody but this user can put files there."""
    if not hasattr(os, "geteuid"):
        return True  # Windows: the user's profile has its own access list
    info = folder.stat()
    return info.st_uid == os.geteuid() and not info.st_mode & 0o022


def load(name: str) -> bytes | None:
    """Read an entry.

    Args:
        name: its `key`.

    Returns:
        The object code, or None if there is no such entry or it is damaged.
    """
    folder = directory()
    if folder is None:
        return None
    path = folder / (name + _SUFFIX)
    data = None
    with without_file_errors():
        if _is_private(folder):
            data = path.read_bytes()
    if data is None:
        return None
    body = data[_HEADER:]
    if data[:_HEADER] != _header(name, body):
        discard(name)
        return None
    with without_file_errors():
        os.utime(path)  # the time of last use, for `_make_room`
    return body


def store(name: str, code: bytes) -> bool:
    """Write an entry.

    Args:
        name: its `key`.
        code: the object code.

    Returns:
        Whether it was written. A full or read-only disk is not an error.
    """
    folder = directory()
    if folder is None:
        return False
    with without_file_errors():
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _is_private(folder):
            return False
        _write_whole(folder / (name + _SUFFIX), _header(name, code) + code)
        _make_room(folder, _HEADER + len(code))
        return True
    return False


def _header(name: str, code: bytes) -> bytes:
    return _MAGIC + hashlib.sha256(name.encode() + code).digest()


def discard(name: str) -> None:
    """Delete an entry, if it is there and may be deleted."""
    folder = directory()
    if folder is not None:
        with without_file_errors():
            (folder / (name + _SUFFIX)).unlink()


def _write_whole(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")  # readable by its owner only
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        with without_file_errors():
            os.unlink(temporary)
        raise


def size() -> tuple[int, int]:
    """How many entries there are, and how many bytes they take."""
    sizes = [info.st_size for _, info in _entries()]
    return len(sizes), sum(sizes)


def clear() -> tuple[int, int]:
    """Delete all entries; return how many there were, and their bytes. Programs that run keep what they loaded."""
    deleted = []
    for path, info in _entries():
        with without_file_errors():
            os.unlink(path)
            deleted.append(info.st_size)
    _known_bytes.clear()
    return len(deleted), sum(deleted)


def _entries() -> list[tuple[str, os.stat_result]]:
    folder = directory()
    found = []
    if folder is not None and folder.is_dir():
        with os.scandir(folder) as files:
            for entry in files:
                with without_file_errors():  # another process may delete files meanwhile
                    found.append((entry.path, entry.stat()))
    return found


def _make_room(folder: Path, added: int) -> None:
    """Account for `added` bytes; past the limit, delete the entries used longest ago, down to three quarters of it."""
    if folder in _known_bytes:
        _known_bytes[folder] += added
        if _known_bytes[folder] <= LIMIT_BYTES:
            return
    entries = [(info.st_mtime, info.st_size, path) for path, info in _entries()]
    total = sum(size for _, size, _ in entries)
    if total > LIMIT_BYTES:
        for _, size, path in sorted(entries):
            with without_file_errors():
                os.unlink(path)
            total -= size
            if total <= LIMIT_BYTES * 3 // 4:
                break
    _known_bytes[folder] = total
