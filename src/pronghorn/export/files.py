"""Writing what is exported: whole, or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pronghorn.distribution.together import written_by_first
from pronghorn.placement.processes import is_first
from pronghorn.saving.archive import explained
from pronghorn.utils.replacing import replacing


def write_file(path: Path, content: bytes) -> None:
    """Write a file that replaces the one before when it is whole."""
    with written_by_first(path), explained(path, "export"), replacing(path) as fresh:
        fresh.write_bytes(content)


def check_file(path: Path) -> None:
    """Raise ValueError where no file can be written."""
    if path.is_dir():
        raise ValueError(f"export: filepath={str(path)!r} is a folder; give the name of the file to write.")


def check_folder(path: Path, mark: str) -> None:
    """Raise ValueError where a folder would replace anything but one of its own kind.

    Args:
        path: of the folder.
        mark: a file that is in every folder of this kind.
    """
    if path.is_dir():
        if any(path.iterdir()) and not (path / mark).is_file():
            raise ValueError(
                f"export: filepath={str(path)!r} is a folder with other things in it (there is no {mark}); give the "
                "name of a new folder."
            )
    elif path.exists() or path.is_symlink():
        raise ValueError(f"export: filepath={str(path)!r} is a file; this format is a folder, so give another name.")


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give the path of a new folder beside ``path``, which takes its place when all went well.

    Of several processes that run one script, only the first's does. A link to a folder stays one.
    """
    path = path.resolve()
    with written_by_first(path), explained(path, "export"):
        if not is_first():
            with tempfile.TemporaryDirectory(prefix="export-") as scratch:
                yield Path(scratch) / "fresh"
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-", suffix=".new"))
        fresh, old = place / "fresh", place / "old"
        try:
            yield fresh
            if path.exists():
                os.rename(path, old)
            try:
                os.rename(fresh, path)
            except OSError:
                if old.exists():
                    os.rename(old, path)
                raise
        finally:
            shutil.rmtree(place, ignore_errors=True)
