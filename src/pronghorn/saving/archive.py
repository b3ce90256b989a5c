"""The ``.keras`` file: a zip archive with a configuration, the weights and the layers' assets.

Members are looked for by their names; what else an archive holds is not touched, so a name cannot lead anywhere.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

from pronghorn._version import __version__
from pronghorn.engine.graph.messages import shorten
from pronghorn.serialization.budget import variables_limited

CONFIG = "config.json"
METADATA = "metadata.json"
WEIGHTS = "model.weights.h5"
ASSETS = "assets"

#: The release of Keras whose layout the files have.
LAYOUT = "3.15.1"

_MAX_CONFIG_BYTES = 1 << 28
_MAX_MEMBERS = 10_000
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_MAX_REASON = 500  # characters that a message says of what went wrong inside
_MAX_RATIO = 200
_SMALL = 1 << 22
_SLACK = 1 << 26
_SLACK_UNPACKED = 1 << 28  # what all members together may take, on top of `_MAX_TOTAL_RATIO` times the file's size
_MAX_TOTAL_RATIO = 20


@contextmanager
def explained(path: str | os.PathLike[str], who: str) -> Iterator[None]:
    """Have what goes wrong in writing a file say which file, why, and that the one before is untouched.

    Args:
        path: of the file.
        who: what writes it, such as `"save_model"`.

    Raises:
        OSError: in place of the operating system's and HDF5's errors.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        number = error.errno if isinstance(error, OSError) else None
        found = re.search(r"errno = (\d+)", str(error))  # HDF5's errors have it in their text only
        number = int(found.group(1)) if found else number
        if number is None:
            raise
        was = "The file that was there before is untouched." if os.path.exists(path) else "Nothing was written."
        message = f"{who}: {os.fspath(path)!r} could not be written ({os.strerror(number).lower()}). {was}"
        raise OSError(number, message) from error


@contextmanager
def reading(shown: str) -> Iterator[None]:
    """Have whatever a damaged or hostile file leads to become one of the errors that are documented.

    Args:
        shown: what messages call the file.

    Raises:
        ValueError: for what goes wrong inside. What is documented (TypeError, ValueError, NotImplementedError,
            ImportError, and a file that is not there or may not be read) stays as it is.
    """
    try:
        yield
    except RecursionError:
        raise ValueError(f"{shown}: its configuration is nested too deeply to be a model's.") from None
    except MemoryError:
        raise ValueError(f"{shown} asks for more memory than there is.") from None
    except (TypeError, ValueError, NotImplementedError, ImportError, FileNotFoundError, PermissionError) as error:
        shorten(error)
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"[:_MAX_REASON]
        raise ValueError(f"{shown} is damaged, or no model: {reason}") from error


def limited_to(weights: int | None) -> AbstractContextManager[None]:
    """Have the variables that are made inside take no more memory than a file accounts for.

    Args:
        weights: the bytes of the weights that it holds; None where it holds none, as JSON does.
    """
    if weights is None:
        return variables_limited(available_memory() / 2, "that is more than half of the memory that there is")
    # An optimizer has some states for each weight; seeds, metrics and the like come on top.
    return variables_limited(4.0 * weights + _SLACK, f"the file holds {weights:,} bytes of weights")


def available_memory() -> float:
    """How much memory the machine has free, in bytes; without bound where it does not say."""
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return float("inf")


def metadata() -> dict[str, Any]:
    """Return what a file says of itself."""
    now = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    return {"keras_version": LAYOUT, "date_saved": now, "pronghorn_version": __version__}


def pack(folder: Path, path: Path | IO[bytes]) -> None:
    """Write the files of a folder into a zip archive, uncompressed, since weights do not compress.

    Args:
        folder: with `CONFIG`, `WEIGHTS` and maybe `ASSETS`.
        path: of the archive, or an object to write bytes to.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in (METADATA, CONFIG, WEIGHTS):
            archive.write(folder / name, name)
        for file in sorted((folder / ASSETS).rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())


def unpack(file: Path | IO[bytes], folder: Path, shown: str) -> None:
    """Write the members of a ``.keras`` file that belong there into a folder.

    Args:
        file: the archive's path, or an object to read bytes from.
        folder: an empty folder.
        shown: what messages call it.

    Raises:
        ValueError: if it is no such archive, or a member is a link, has a name that leads elsewhere, or grows beyond
            all measure when it is uncompressed.
    """
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile:
        raise ValueError(f"{shown} is no .keras file: it is not a zip archive, or it is cut short.") from None
    with archive:
        members = {member.filename: member for member in archive.infolist()}
        if len(members) != len(archive.infolist()) or len(members) > _MAX_MEMBERS:
            raise ValueError(f"{shown} has the same member twice, or more than {_MAX_MEMBERS:,}; it is refused.")
        if CONFIG not in members or WEIGHTS not in members:
            raise ValueError(f"{shown} is no .keras file: it has no {CONFIG if CONFIG not in members else WEIGHTS}.")
        belonging = [
            member
            for name, member in members.items()
            if (name in (CONFIG, WEIGHTS, METADATA) or name.startswith(f"{ASSETS}/")) and not member.is_dir()
        ]
        unpacked, packed = (sum(getattr(m, size) for m in belonging) for size in ("file_size", "compress_size"))
        if unpacked > _MAX_TOTAL_RATIO * packed + _SLACK_UNPACKED:
            raise ValueError(
                f"{shown}: its {packed:,} bytes would take {unpacked:,} when they are unpacked: a decompression bomb, "
                "refused."
            )
        for member in belonging:
            _write_member(archive, member, folder, shown)


def _write_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, shown: str) -> None:
    name = member.filename
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\\" in part or ":" in part for part in parts):
        raise ValueError(f"{shown} holds {name!r}, which would land outside its folder; it is refused.")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise ValueError(f"{shown} holds {name!r}, a link; it is refused.")
    if member.flag_bits & 1 or member.compress_type not in _METHODS:
        raise ValueError(f"{shown} holds {name!r}, which is encrypted or packed in an unknown way; it is refused.")
    limit = max(_SMALL, _MAX_RATIO * member.compress_size)
    if name in (CONFIG, METADATA):
        limit = min(limit, _MAX_CONFIG_BYTES)
    if member.file_size > limit:
        raise ValueError(f"{shown}: {name!r} would take {member.file_size:,} bytes: a decompression bomb, refused.")
    place = folder.joinpath(*parts)
    place.parent.mkdir(parents=True, exist_ok=True)
    left = member.file_size
    with archive.open(member) as source, open(place, "wb") as out:
        while left > 0 and (block := source.read(min(left, 1 << 20))):
            out.write(block)
            left -= len(block)
        if left or source.read(1):
            raise ValueError(f"{shown}: {name!r} has not the length that the archive says; the file is damaged.")


def read_metadata(folder: Path) -> dict[str, Any]:
    """Return what a file says of itself; empty where that cannot be read."""
    path = folder / METADATA
    try:
        said = json.loads(path.read_text(encoding="utf-8")) if path.stat().st_size < 1 << 20 else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def read_config(folder: Path, shown: str) -> dict[str, Any]:
    """Return the configuration in a folder.

    Raises:
        ValueError: if it is not JSON, or too large.
    """
    path = folder / CONFIG
    if path.stat().st_size > _MAX_CONFIG_BYTES:
        raise ValueError(f"{shown}: its {CONFIG} is too large to be one.")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{shown}: its {CONFIG} cannot be read ({error}).") from None
    if not isinstance(config, dict) or "class_name" not in config:
        raise ValueError(f"{shown}: its {CONFIG} describes no model.")
    return config
