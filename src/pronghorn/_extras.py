"""The command that installs an extra, such as ``plot``, as it works for this installation.

Nothing is asked of an index: a checkout is installed from its folder, and so is what was installed from a file.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

_NAME = "pronghorn"
_BESIDE = Path(os.path.abspath(__file__)).parents[1]  # the folder that has the package


def install_command(extra: str, options: str = "") -> str:
    """What a user types to install an extra of this package.

    Args:
        extra: its name in pyproject.toml.
        options: for pip, such as ``"--force-reinstall"``.

    Returns:
        The command. It names the checkout that the package is imported from, or what it was installed from if that was
        a file or a folder of this machine, which is `.` in that folder; otherwise the package's name. An editable
        installation stays one.
    """
    place, editable = _source()
    words = ["pip install", *([options] if options else []), *(["-e"] if editable else [])]
    return f"{' '.join(words)} {_quoted(f'{place}[{extra}]')}"


def _source() -> tuple[str, bool]:
    """What pip is to be given, and whether it is an editable installation."""
    place, editable = _installed_from()
    if _is_checkout(_BESIDE):  # it may be another one than what is installed
        editable = editable and place is not None and place.samefile(_BESIDE.parent)
        place = _BESIDE.parent
    if place is None:
        return _NAME, False
    return "." if _is_here(place) else str(place), editable


def _is_checkout(beside: Path) -> bool:
    """Whether a folder that has the package is a checkout's `src`."""
    try:
        text = (beside.parent / "pyproject.toml").read_text(encoding="utf-8")
    except OSError:
        return False
    return beside.name == "src" and f'name = "{_NAME}"' in text.splitlines()


def _is_here(place: Path) -> bool:
    try:
        return place.samefile(os.curdir)
    except OSError:  # the working directory was deleted
        return False


def _installed_from() -> tuple[Path | None, bool]:
    """The folder or file that pip installed the package from, if it is still there, and whether it is editable."""
    import json  # slow to import, and needed for errors alone
    from importlib import metadata

    try:
        text = metadata.distribution(_NAME).read_text("direct_url.json")
        told = json.loads(text) if text else {}
        url, editable = urlsplit(told["url"]), bool(told.get("dir_info", {}).get("editable"))
    except (metadata.PackageNotFoundError, ValueError, KeyError, TypeError, AttributeError, OSError):
        return None, False  # from an index, or an installer that says nothing we can read
    if url.scheme != "file":
        return None, False
    place = Path(url2pathname(url.path))
    return (place, editable) if place.exists() else (None, False)


def _quoted(word: str) -> str:
    """As this system's shells take it: those of Windows know no single quotes."""
    return f'"{word}"' if sys.platform == "win32" else shlex.quote(word)
