"""Downloading files once, checked and never half."""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pronghorn.engine.graph.user_code import warn
from pronghorn.utils import archives, io
from pronghorn.utils.progbar import Progbar

_CHUNK = 1 << 16
_HASHES = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}


def keras_home() -> Path:
    """Return the folder of downloads, Keras's own: `KERAS_HOME` or `~/.keras`."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | list[str] | None = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """Return the path of a file, downloaded if it is not there yet.

    A download goes to a temporary file beside its place, is checked, and only then takes its place: what was there
    stays until a good file has come.

    Args:
        fname: name of the file; by default the last part of `origin`, as it stands there.
        origin: the URL.
        untar: an older way to say `extract=True` with `archive_format="tar"`.
        md5_hash: an older name of `file_hash`.
        file_hash: the checksum in hexadecimal: MD5, SHA-1, SHA-256 or SHA-512.
        cache_subdir: folder below `cache_dir`, or an absolute one.
        hash_algorithm: `"md5"`, `"sha256"`, ..., or `"auto"`, which goes by the checksum's length.
        extract: whether to unpack a tar or zip archive.
        archive_format: `"auto"`, `"tar"`, `"zip"` or a list of these: what `extract` takes for an archive.
        cache_dir: by default `KERAS_HOME` or `~/.keras`.
        force_download: whether to download even if the file is there.

    Returns:
        The path of the file, or of the folder it was unpacked to. The folder is called like the file, and the file
        beside it `<name>_archive`; where `fname` is given and has a dot, the folder is what stands before its first
        one and `_extracted`, and the file `fname`.

    Raises:
        ValueError: for a missing `origin`, an `fname` with folders in it, or a checksum that does not fit.
        ConnectionError: if the file cannot be had from `origin`; it says where to put it by hand.

    Example:

    >>> import os, pathlib, tempfile
    >>> place = tempfile.TemporaryDirectory()
    >>> folder = place.name
    >>> source = pathlib.Path(folder, "source.txt")
    >>> _ = source.write_text("hello")
    >>> path = get_file("copy.txt", source.as_uri(), cache_dir=folder)
    Downloading file:///...source.txt
    ...
    >>> open(path).read()
    'hello'
    """
    if origin is None:
        raise ValueError("get_file: origin is missing; pass the URL of the file.")
    name = os.fspath(fname) if fname else os.path.basename(urlsplit(origin).path)
    if not name:
        raise ValueError(f"get_file: origin={origin!r} does not end with a file name; pass fname.")
    if os.path.basename(name) != name or name in (".", ".."):
        raise ValueError(f"get_file: fname={name!r} must be a bare file name; the folder goes into cache_dir.")
    base = Path(cache_dir).expanduser() if cache_dir is not None else keras_home()
    folder = _usable(base) / cache_subdir
    folder.mkdir(parents=True, exist_ok=True)
    wanted_hash = file_hash or md5_hash
    algorithm = "md5" if wanted_hash and not file_hash and hash_algorithm == "auto" else hash_algorithm
    unpack = extract or untar
    target, unpacked = (folder / each for each in (_places(name, bool(fname)) if unpack else (name, name)))
    if force_download or not target.exists() or not _fits(target, wanted_hash, algorithm):
        _download(origin, target, wanted_hash, algorithm)
    return str(_extract(target, unpacked, "tar" if untar else archive_format) if unpack else target)


def _places(name: str, given: bool) -> tuple[str, str]:
    """The names of an archive and of the folder that it is unpacked to, which Keras chooses so."""
    if given and "." in name:
        return name, f"{name.partition('.')[0]}_extracted"
    return f"{name}_archive", name


def _usable(folder: Path) -> Path:
    """The folder, or one in the temporary folder where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.gettempdir()) / ".keras"
    return folder if os.access(folder, os.W_OK) else Path(tempfile.gettempdir()) / ".keras"


def _extract(archive: Path, folder: Path, archive_format: Any) -> Path:
    kind = archives.archive_format_of(archive, archive_format)
    if kind is None:
        warn(f"get_file: {archive} is no {archive_format} archive; it was not unpacked.")
        return folder
    # A folder older than the archive comes from an earlier one.
    if not folder.exists() or folder.stat().st_mtime < archive.stat().st_mtime:
        archives.extract(archive, folder, kind)
        os.utime(folder)
    return folder


def _algorithm_of(file_hash: str, algorithm: str) -> str:
    if algorithm != "auto":
        return algorithm
    if len(file_hash) not in _HASHES:
        raise ValueError(
            f"get_file: a checksum of {len(file_hash)} characters is none of {', '.join(_HASHES.values())}; "
            "pass hash_algorithm."
        )
    return _HASHES[len(file_hash)]


def _fits(path: Path, file_hash: str | None, algorithm: str) -> bool:
    return file_hash is None or hash_file(path, _algorithm_of(file_hash, algorithm)) == file_hash.lower()


def hash_file(path: str | os.PathLike[str], algorithm: str = "sha256") -> str:
    """Return the checksum of a file in hexadecimal."""
    digest = hashlib.new(algorithm)
    with open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _download(origin: str, target: Path, file_hash: str | None, algorithm: str) -> None:
    io.write(f"Downloading {origin}")
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            _fetch(origin, out, target)
        if not _fits(part, file_hash, algorithm):
            raise ValueError(
                f"get_file: Incomplete or corrupted file: what came from {origin} has the "
                f"{_algorithm_of(str(file_hash), algorithm)} checksum "
                f"{hash_file(part, _algorithm_of(str(file_hash), algorithm))} instead of {file_hash}: it is damaged "
                "or another version."
            )
        os.chmod(part, 0o644)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _fetch(origin: str, out: Any, target: Path) -> None:
    try:
        with urllib.request.urlopen(origin, timeout=60) as response:
            length = response.headers.get("Content-Length")
            expected = int(length) if length else None
            bar = Progbar(expected, unit_name="byte")
            got = 0
            while chunk := response.read(_CHUNK):
                out.write(chunk)
                got += len(chunk)
                bar.update(got, finalize=False)
            bar.update(got, finalize=True)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise ConnectionError(
            f"Cannot get {origin} ({reason}). Without a network, put the file at {target} by hand."
        ) from None
    if expected is not None and got < expected:
        raise ConnectionError(f"The download of {origin} broke off after {got:,} of {expected:,} bytes; try again.")
