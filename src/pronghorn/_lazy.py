"""Packages whose public names are imported when they are first used.

`import pronghorn` must cost little more than `import numpy`, so a package's `__init__.py` holds a table from
public names to the modules that define them, and no imports:

    from pronghorn._lazy import attach

    attach(__name__, {"Dense": ".core.dense", "Convolution2D": ".convolutional.conv2d:Conv2D"})

A module that starts with a dot is relative to the package; `module:name` is for a name that is called otherwise
where it is defined, and `module:` stands for the module itself. An unknown name raises an error that says which
names are nearest, for `package.name` as well as for `from package import name`.
"""

from __future__ import annotations

import contextlib
import dis
import importlib
import importlib.machinery
import sys
import threading
from collections.abc import Iterable, Mapping
from types import FrameType, ModuleType
from typing import Any

from pronghorn._packages import is_ours

_ROOT = __name__.partition(".")[0]

#: What error messages call the root package; `pronghorn run` makes it "keras", the name the script uses.
display_root = _ROOT


#: Names of Keras's without the root that are private or of older versions, such as "utils.np_utils", and what to write.
moved: dict[str, str] = {
    "src": "it is private to the Keras package; use the public names",
    "api": "it is private to the Keras package; use the public names",
}


# Modules without the root, and the one that has names which used to be there.
_ELSEWHERE = {"backend": "ops"}


def display_name(module_name: str) -> str:
    """Return a module's name as the user knows it.

    >>> display_name("pronghorn.layers")
    'pronghorn.layers'
    """
    head, dot, rest = module_name.partition(".")
    return (display_root if head == _ROOT else head) + dot + rest


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Return the known names closest to `name`, best first; capital letters do not matter.

    >>> nearest("dens", ["Dense", "Dropout", "Conv2D"])
    ['Dense']
    """
    import difflib  # here, since only errors need it

    by_folded: dict[str, str] = {}
    for candidate in known:
        by_folded.setdefault(candidate.casefold(), candidate)
    close = difflib.get_close_matches(name.casefold(), by_folded, n=count, cutoff=0.6)
    return [by_folded[folded] for folded in close]


def nearest_clause(name: str, known: Iterable[str]) -> str:
    """Return `"; nearest: a, b"`, or an empty string where nothing is close."""
    close = nearest(name, known)
    return f"; nearest: {', '.join(close)}" if close else ""


def missing_clause(module: ModuleType, name: str) -> str:
    """Return what to add to the message that `module` has no `name`: where it went, or the nearest names."""
    full = f"{module.__name__.partition('.')[2]}.{name}".strip(".")
    for old, mend in moved.items():
        if full == old or full.startswith(old + "."):
            return f": {mend}"
    other = _ELSEWHERE.get(module.__name__.partition(".")[2])
    if other and name in public_names(importlib.import_module(f"{_ROOT}.{other}")):
        return f": use {display_name(f'{_ROOT}.{other}')}.{name}"
    return "" if name.startswith("__") else nearest_clause(name, public_names(module))


def public_names(module: ModuleType) -> list[str]:
    """Return the names without a leading underscore that `dir(module)` gives."""
    return [name for name in dir(module) if not name.startswith("_")]


def modules_of(module: ModuleType) -> list[str]:
    """Return the names of a package's table that are modules; nothing is imported.

    >>> import pronghorn.ops
    >>> modules_of(pronghorn.ops)
    ['image', 'linalg', 'nn', 'numpy']
    """
    return sorted(name for name, target in _table(module).items() if not _split("", name, target)[1])


class LazyModule(ModuleType):
    """A module that resolves the names in its table on first use.

    `vars(module)` asks for everything, so it loads everything; `dir(module)` does not.
    """

    def __getattr__(self, name: str) -> Any:
        table = _table(self)
        if name not in table:
            raise AttributeError(
                f"module {display_name(self.__name__)!r} has no attribute {name!r}{missing_clause(self, name)}"
            )
        value = _resolve(self.__name__, name, table[name])
        ModuleType.__setattr__(self, name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        # The import system binds each submodule in its package. Where a public function is called like the
        # module that defines it, the function must stay.
        if isinstance(value, ModuleType) and value.__name__ == f"{self.__name__}.{name}":
            target = _table(self).get(name)
            if target is not None and _split(self.__name__, name, target) != (value.__name__, ""):
                return
        ModuleType.__setattr__(self, name, value)

    def __dir__(self) -> list[str]:
        return sorted({*listed_names(self), *(name for name in own_dict(self) if name[:2] == "__")})

    def __reduce__(self) -> Any:
        return importlib.import_module, (
            self.__name__,
        )  # pickled and copied by name, as cloudpickle does plain modules

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        loaded = own_dict(self)
        if "_lazy_complete" not in loaded and load_all(self, _table(self)) is not None:
            loaded["_lazy_complete"] = True
        table = _table(self)
        if not table:
            return loaded
        # What imports happened to bind here, such as the modules that define the public names, is not public.
        return {name: value for name, value in loaded.items() if name in table or name[:2] == "__"}


_loading = threading.local()


def load_all(module: ModuleType, names: Iterable[str]) -> dict[str, Any] | None:
    """Return what names of a module stand for, or None where this thread is about it: what it imports may ask, too.

    A name whose optional dependency is not installed is left out: it says so when it is used.
    """
    busy = _loading.__dict__.setdefault("modules", set())
    if id(module) in busy:
        return None
    busy.add(id(module))
    found = {}
    try:
        for name in names:
            with contextlib.suppress(ImportError, AttributeError):
                found[name] = getattr(module, name)
    finally:
        busy.discard(id(module))
    return found


def attach(
    package: str,
    table: Mapping[str, str] | None = None,
    submodules: Iterable[str] = (),
    unlisted: Mapping[str, str] | None = None,
) -> None:
    """Make `package` resolve the names of `table`, and its `submodules`, on first use.

    A plain module may call it without a table, for the errors that name the nearest names.

    Args:
        package: the package's `__name__`; it is being imported, so it is in `sys.modules`.
        table: public name to `"module"`, `"module:name"` or `"module:"`; see the module's docstring.
        submodules: names that are modules of the package.
        unlisted: more of the table, which `dir` and completion do not offer.
    """
    module = sys.modules[package]
    own = own_dict(module)
    executed = sys._getframe(1).f_globals
    if executed is not own and executed.get("__name__") == package:
        return _refer(executed, module)
    names = {**(table or {}), **{name: f".{name}:" for name in submodules}}
    own["_lazy_table"] = {**names, **(unlisted or {})}
    own["_lazy_unlisted"] = frozenset(unlisted or ())
    own.setdefault("__path__", [])  # else `from module import x` never asks the finder below
    if names:
        own.setdefault("__all__", sorted(names))
    module.__class__ = LazyModule


def _refer(executed: dict[str, Any], module: ModuleType) -> None:
    """Have a second module of a name, made by `importlib.util.module_from_spec`, give what the first one has."""
    executed["__getattr__"] = lambda name: getattr(module, name)
    executed["__dir__"] = lambda: dir(module)
    executed["__all__"] = listed_names(module)


# A module's true dictionary: `LazyModule.__dict__` below it is a property that loads everything.
_MODULE_DICT = ModuleType.__dict__["__dict__"]


def own_dict(module: ModuleType) -> dict[str, Any]:
    """Return what is bound in a module, as it is: its `__dict__` may be a property that loads everything."""
    return _MODULE_DICT.__get__(module)


def _table(module: ModuleType) -> dict[str, str]:
    return own_dict(module)["_lazy_table"]


def bound(module: ModuleType, name: str) -> Any:
    """Return what a name of a lazy package stands for, or None where it has none.

    `getattr` with a default would look for the nearest names first, for a message that nobody reads.
    """
    known = name in own_dict(module) or name in _table(module)
    return getattr(module, name) if known else None


def listed_names(module: ModuleType) -> list[str]:
    """Return the names that `dir` and completion offer, without those with two underscores; nothing is imported."""
    own = own_dict(module)
    if "__all__" in own:
        return list(own["__all__"])
    return [name for name, value in own.items() if _is_public(module, name, value)]


def _is_public(module: ModuleType, name: str, value: Any) -> bool:
    """Whether a module without a table means a name for its users: it is no import, and defined there."""
    if name.startswith("_") or isinstance(value, ModuleType):
        return False
    return getattr(value, "__module__", None) == module.__name__ or hasattr(value, "__absent__")


def _split(package: str, name: str, target: str) -> tuple[str, str]:
    """Return (absolute module name, attribute name or "" for the module itself) of a table's entry."""
    module, colon, attribute = target.partition(":")
    if module.startswith("."):
        module = package + module
    return module, attribute if colon else name


def _resolve(package: str, name: str, target: str) -> Any:
    module_name, attribute = _split(package, name, target)
    module = importlib.import_module(module_name)
    return getattr(module, attribute) if attribute else module


def not_there(fullname: str, message: str) -> ImportError:
    """The error for a module that is not there, to be raised while it is being imported.

    `import x.y` does not find the module; `from x import y` cannot import a name. Python would swallow an error of the
    first kind in the second case, where it looks for a module only in case that there is one, and our words with it.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame and _passes_on_imports(frame.f_globals.get("__name__", "")):
        if frame.f_code.co_name == "_handle_fromlist":
            if not _is_import_statement(frame.f_back):  # `__import__(x, fromlist=[y])` leaves out what is not there
                return ModuleNotFoundError(message, name=frame.f_locals.get("from_name"))
            return ImportError(message, name=fullname.rpartition(".")[0])
        frame = frame.f_back
    return ModuleNotFoundError(message, name=fullname)


def _passes_on_imports(module: str) -> bool:
    """Whether a module is the import system's or one of ours, rather than what imports."""
    return module.startswith("importlib") or (is_ours(module) and module != _ROOT)


def _is_import_statement(frame: FrameType | None) -> bool:
    """Whether a frame is at the statement `import`, rather than in a call of the function behind it."""
    return frame is not None and dis.opname[frame.f_code.co_code[frame.f_lasti]] == "IMPORT_NAME"


class _NearestNameFinder:
    """The last finder asked: says which names are nearest when `from pronghorn.x import y` finds no `y`.

    Python turns an AttributeError into an ImportError without our words, but first looks for a submodule of
    that name, and that is where we can speak.
    """

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if isinstance(target, LazyModule):  # one that was made without a file, and is imported again
            return target.__spec__
        parent_name, _, name = fullname.rpartition(".")
        parent = sys.modules.get(parent_name)
        if fullname.partition(".")[0] != _ROOT or not isinstance(parent, LazyModule) or name[:1] in ("", "_"):
            return None
        if name in _table(parent):
            return None  # a module that should be there: Python's own words are right
        if importlib.machinery.PathFinder.find_spec(fullname, parent.__path__) is not None:
            return None  # it is there: pytest asks every finder, whatever the others said
        raise not_there(
            display_name(fullname),
            f"cannot import name {name!r} from {display_name(parent_name)!r}{missing_clause(parent, name)}",
        )


def install_finder() -> None:
    """Put the finder that names the nearest names at the end of `sys.meta_path`, once."""
    if not any(isinstance(finder, _NearestNameFinder) for finder in sys.meta_path):
        sys.meta_path.append(_NearestNameFinder())
