"""Files that take the place of others at once, or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pronghorn.placement.processes import is_first
from pronghorn.utils import leftovers


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give the path of a new file beside ``path``, which takes its place when all went well.

    So a crash or a full disk never leaves half a file, nor loses the one that was there. Of several processes that run
    one script, only the first writes it. What a killed process has left beside the same path is removed.

    Args:
        path: of the file to write.
    """
    if not is_first():
        with tempfile.TemporaryDirectory(prefix="saving-") as folder:
            yield Path(folder) / Path(path).name
        return
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
    leftovers.remove(target)
    fresh = leftovers.fresh_beside(target)
    try:
        yield fresh
        reach_disk(fresh)
        fresh.chmod(mode if mode is not None else 0o666 & ~_umask())
        os.replace(fresh, target)
    finally:
        leftovers.done(fresh)


def reach_disk(path: str | os.PathLike[str]) -> None:
    """Return once the disk has what was written to a file, which survives a loss of power then.

    Args:
        path: of the file.
    """
    with open(path, "r+b") as stream:  # Windows does so for files only that are open for writing
        os.fsync(stream.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
