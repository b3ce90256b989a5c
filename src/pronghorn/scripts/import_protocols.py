"""What `importlib`, `pkgutil` and `inspect` ask a package for, answered for modules that have two names.

`keras.layers` is the very object `pronghorn.layers`. Its loader does not mind by which name it is asked, and its
`__path__` lists the modules that are public, not those that happen to lie in the folder:

>>> import pkgutil
>>> import pronghorn.ops
>>> [module.name for module in pkgutil.iter_modules(listed_path(pronghorn.ops))]
['image', 'linalg', 'nn', 'numpy']
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.readers import FileReader
from types import ModuleType
from typing import Any

from pronghorn import _lazy

_OWN = "pronghorn"

#: A folder, with a separator at its end that no other entry of a path has, to what Keras calls it, and what gives the
#: names of its public modules.
_LISTED: dict[str, tuple[str, Callable[[], Sequence[str]]]] = {}


class _PublicModules:
    """Finds nothing new in a folder of ours, and lists what is public there; see `sys.path_hooks`."""

    def __init__(self, entry: str) -> None:
        if entry not in _LISTED:
            raise ImportError("only for folders that are listed here", path=entry)
        self.entry = entry

    def find_spec(self, fullname: str, target: Any = None) -> ModuleSpec | None:
        """Find what has our own name, or is listed; `keras.compiler` is neither, though there is such a folder."""
        if not fullname.startswith(f"{_OWN}."):
            package, names = _LISTED[self.entry]
            name = fullname.rpartition(".")[2]
            return importlib.util.find_spec(f"{package}.{name}") if name in names() else None
        return PathFinder.find_spec(fullname, [self.entry.rstrip(os.sep)], target)

    def iter_modules(self, prefix: str = "") -> Iterator[tuple[str, bool]]:
        """What `pkgutil.iter_modules` gives: pairs of a name and whether it is a package, as all are in Keras."""
        return ((prefix + name, True) for name in _LISTED[self.entry][1]())


def listed_path(module: ModuleType, names: Callable[[], Sequence[str]] | None = None) -> list[str]:
    """Return a `__path__` for a package of ours, through which its public modules alone are seen.

    Args:
        module: a package with a file.
        names: gives the names of the modules, where they are not those of the package's table.
    """
    folder = os.path.dirname(str(module.__file__)) + os.sep
    package = f"keras{module.__name__.removeprefix(_OWN)}"
    _LISTED[folder] = package, names or (lambda: _lazy.modules_of(module))
    if _PublicModules not in sys.path_hooks:
        sys.path_hooks.insert(0, _PublicModules)  # before the one that takes any folder
    sys.path_importer_cache.pop(folder, None)
    return [folder]


def list_what_is_public(module: ModuleType) -> None:
    """Have a package's `__path__` list its public modules; one that is no package stays as it is."""
    file = getattr(module, "__file__", None)
    if isinstance(module, _lazy.LazyModule) and file and os.path.basename(file) == "__init__.py":
        module.__path__ = listed_path(module)


class AnyNameLoader(importlib.abc.InspectLoader):
    """The part of a loader that looks at modules which are there already, by any of their names."""

    def load_module(self, fullname: str) -> ModuleType:
        """Import a module, as loaders did before they had specs."""
        return importlib.import_module(fullname)

    def is_package(self, fullname: str) -> bool:
        """Whether a module may have others below it: as in Keras, where each public one is a folder."""
        return hasattr(importlib.import_module(fullname), "__path__")

    def get_filename(self, fullname: str) -> str:
        """Return the file of a module's source.

        Raises:
            ImportError: it is made in memory, as the older names in `tensorflow.keras` are.
        """
        file = getattr(importlib.import_module(fullname), "__file__", None)
        if not file:
            raise ImportError(f"{fullname} has no file: it is made of names from several modules", name=fullname)
        return file

    def get_source(self, fullname: str) -> str | None:
        """Return the source of a module, or None where it has no file."""
        try:
            with open(self.get_filename(fullname), encoding="utf-8") as file:
                return file.read()
        except ImportError:
            return None

    def get_data(self, path: str) -> bytes:
        """Return the bytes of a file beside a module's source, for `pkgutil.get_data`."""
        with open(path, "rb") as file:
            return file.read()

    def get_resource_reader(self, fullname: str) -> FileReader | None:
        """Return what `importlib.resources` reads the files of a package by."""
        try:
            return FileReader(_At(self.get_filename(fullname)))  # type: ignore[arg-type]
        except ImportError:
            return None


class _At:
    """What `FileReader` wants of a loader."""

    def __init__(self, path: str) -> None:
        self.path = path
