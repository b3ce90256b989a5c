"""Unpacking archives from the network: nothing lands outside the folder, and no links are made."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

_FORMATS = ("tar", "zip")


def archive_format_of(path: str | os.PathLike[str], wanted: str | list[str] | tuple[str, ...] | None) -> str | None:
    """Return `"tar"` or `"zip"` if the file is such an archive and the format is among the wanted ones, else None."""
    if wanted is None:
        return None
    formats = _FORMATS if wanted == "auto" else (wanted,) if isinstance(wanted, str) else tuple(wanted)
    for name in formats:
        if name not in _FORMATS:
            raise ValueError(f"archive_format: {name!r} is not known; it must be 'auto', 'tar' or 'zip'.")
    if "tar" in formats and tarfile.is_tarfile(path):
        return "tar"
    if "zip" in formats and zipfile.is_zipfile(path):
        return "zip"
    return None


def extract(path: str | os.PathLike[str], folder: str | os.PathLike[str], kind: str) -> None:
    """Unpack an archive into `folder`, all of it or nothing.

    Args:
        path: the archive.
        folder: where its members go; it is made if it is not there, and its files of the same names are replaced.
        kind: `"tar"` or `"zip"`.

    Raises:
        ValueError: if a member would land outside the folder, or is a link or a device; nothing is unpacked then.
    """
    target = Path(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Unpacked beside the target first, so that an archive that turns out bad or cut short leaves no half of it.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpacking-") as scratch:
        for name, is_folder, stream in _tar_members(path) if kind == "tar" else _zip_members(path):
            place = Path(scratch) / _safe(name, path)
            if is_folder:
                place.mkdir(parents=True, exist_ok=True)
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            with open(place, "wb") as out:
                shutil.copyfileobj(stream, out)  # type: ignore[arg-type]
        _move_into(Path(scratch), target)


def _safe(name: str, archive: str | os.PathLike[str]) -> Path:
    pure = PurePosixPath(name.replace("\\", "/"))
    parts = [part for part in pure.parts if part != "."]
    if pure.is_absolute() or ".." in parts or any(":" in part for part in parts[:1]):
        raise ValueError(f"{os.fspath(archive)} holds {name!r}, which would land outside its folder; not unpacked.")
    return Path(*parts) if parts else Path(".")


def _tar_members(path: str | os.PathLike[str]) -> Iterator[tuple[str, bool, IO[bytes] | None]]:
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isdir():
                yield member.name, True, None
            elif member.isfile():
                yield member.name, False, archive.extractfile(member)
            else:
                raise ValueError(f"{os.fspath(path)} holds {member.name!r}, a link or a device; not unpacked.")


def _zip_members(path: str | os.PathLike[str]) -> Iterator[tuple[str, bool, IO[bytes] | None]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if stat.S_ISLNK(member.external_attr >> 16):
                raise ValueError(f"{os.fspath(path)} holds {member.filename!r}, a link; not unpacked.")
            if member.is_dir():
                yield member.filename, True, None
            else:
                with archive.open(member) as stream:
                    yield member.filename, False, stream


def _move_into(source: Path, target: Path) -> None:
    for folder, _, files in os.walk(source):
        place = target / Path(folder).relative_to(source)
        place.mkdir(parents=True, exist_ok=True)
        for name in files:
            os.replace(Path(folder) / name, place / name)
