"""What Python finds under the name of an engine's library, and whether it is new enough."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

OLDEST = {"jax": "0.5", "pytensor": "3.0", "tensorflow": "2.18", "torch": "2.4"}
"""The oldest versions of libraries that engines work with, as the extras in pyproject.toml have them."""


def is_package(library: str) -> bool:
    """Whether a library can be imported. It is not imported; a mere folder of that name is none.

    >>> is_package("numpy"), is_package("no_such_library")
    (True, False)
    """
    try:
        spec = importlib.util.find_spec(library)
    except ValueError:  # in sys.modules without a spec
        return True
    return spec is not None and not isinstance(spec.loader, importlib.machinery.NamespaceLoader | None)


def check_version(library: str) -> None:
    """Raise an `ImportError` if the imported library is too old."""
    version = _version(library)
    if version and _numbers(version) < _numbers(OLDEST[library]):
        raise ImportError(f"{library} {version} is too old")


def described(library: str) -> str:
    """Which library Python finds, and which it should: a sentence for errors."""
    try:
        spec = importlib.util.find_spec(library)
    except ValueError:
        spec = None
    found = " ".join(filter(None, (library, _version(library))))
    where = f"Python finds {found} in {_place(spec.origin)}; " if spec is not None and spec.origin else ""
    return f"{where}{library} {OLDEST[library]} or newer is needed."


def _place(origin: str) -> str:
    """The folder of a package, or the file of a module."""
    path = Path(origin)
    return str(path.parent if path.name == "__init__.py" else path)


def _version(library: str) -> str:
    """The version that an imported library, or else what installed it, tells; empty where neither does."""
    told: Any = getattr(sys.modules.get(library), "__version__", None)
    if isinstance(told, str):
        return told if _numbers(told) else ""
    from importlib import metadata  # slow to import, and needed for errors alone

    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers at the beginning of a version.

    >>> _numbers("2.18.0rc1+cpu")
    (2, 18, 0)
    """
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(n) for n in found[0].split(".")) if found else ()
