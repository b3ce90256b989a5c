"""Write the `.pyi` files beside the packages whose names are resolved on first use, for editors and type checkers.

    python docs/make_stubs.py          writes them
    python docs/make_stubs.py --check  writes nothing; exit status 1 if one is stale, missing or left over

A checker does not run Python, so it cannot see the tables of `pronghorn._lazy`. A stub says the same in words that it
reads: `from pronghorn.layers.core.dense import Dense as Dense`, so signatures, types and documentation stay those of
the source. What is made at run time and stands in no source (the losses around a function, the known networks) is
written out, with the signature that it has when it runs.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pronghorn
from pronghorn import _lazy
from pronghorn._packages import is_ours

ROOT = Path(pronghorn.__file__).parent

_HEAD = '"""Made by `python docs/make_stubs.py` from the tables of names; do not edit."""\n\n'

# Annotations that mean the same in any module; another is written as Any.
_PLAIN = frozenset(("Any", "None", "bool", "bytes", "dict", "float", "int", "list", "object", "str", "tuple"))


def lazy_modules() -> list[ModuleType]:
    """Return the modules that have a table of names, by name."""
    for file in sorted(ROOT.rglob("*.py")):
        if "attach(" in file.read_text(encoding="utf-8"):
            importlib.import_module(_module_name(file))
    found = [m for n, m in sys.modules.items() if is_ours(n) and isinstance(m, _lazy.LazyModule)]
    return sorted((m for m in found if _lazy._table(m)), key=lambda module: module.__name__)


def stub_path(module: ModuleType) -> Path:
    """Return the file of a module's stub: beside its source, or where that would be."""
    if source := getattr(module, "__file__", None):
        return Path(source).with_suffix(".pyi")
    return ROOT.joinpath(*module.__name__.split(".")[1:]).with_suffix(".pyi")


def stub(module: ModuleType) -> str:
    """Return the text of a module's stub."""
    table = _lazy._table(module)
    imports = {"from pronghorn._version import __version__ as __version__"} if module is pronghorn else set()
    written = []
    for name in sorted(_lazy.listed_names(module)):
        where, attribute = _lazy._split(module.__name__, name, table[name]) if name in table else ("", "")
        if where and not attribute:
            imports.add("from {} import {} as {}".format(*where.rsplit(".", 1), name))
        elif where and _stands_in_source(where, attribute):
            # Type checkers take what is imported under another name for private.
            private = name if name == attribute else f"_{name}"
            imports.add(f"from {where} import {attribute} as {private}")
            if private != name:
                written.append(f"{name} = {private}")
        elif where or not getattr(module, "__file__", None):
            written.append(_definition(name, getattr(module, name), module, imports))
    return _HEAD + "\n".join(sorted(imports)) + "\n" + "".join(f"\n{text}\n" for text in written)


def _module_name(file: Path) -> str:
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _stands_in_source(module_name: str, name: str) -> bool:
    """Whether a checker that reads a module, or its stub, learns what `name` is."""
    module = importlib.import_module(module_name)
    if isinstance(module, _lazy.LazyModule) and name in _lazy.listed_names(module):
        return True
    return name in _defined(module_name)


@functools.cache
def _defined(module_name: str) -> frozenset[str]:
    """The classes, functions, imports and annotated variables at the top of a module's source."""
    source = getattr(sys.modules[module_name], "__file__", None)
    if source is None:
        return frozenset()
    names: set[str] = set()
    for node in ast.parse(Path(source).read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return frozenset(names)


def _definition(name: str, value: Any, module: ModuleType, imports: set[str]) -> str:
    """What a stub says of something that stands in no source; what it needs is added to `imports`."""
    if inspect.isclass(value):
        base = next(c for c in value.__mro__[1:] if not c.__name__.startswith("_"))
        if base is not object and base.__name__ not in _lazy.listed_names(module):
            imports.add(f"from {base.__module__} import {base.__name__}")
        opened = f"({base.__name__})" if base is not object else ""
        init = f"def __init__{_signature(value.__init__, imports, constructor=True)}: ..."
        return f"class {name}{opened}:{_documentation(value)}\n    {init}"
    if callable(value):
        return f"def {name}{_signature(value, imports)}:{_documentation(value)}\n    ..."
    return f"{name}: {type(value).__name__}"


def _documentation(value: Any) -> str:
    text = inspect.getdoc(value)
    if not text:
        return ""
    lines = text.replace("\\", "\\\\").splitlines()
    closing = ['"""'] if len(lines) > 1 else []
    body = "\n".join(f"    {line}".rstrip() for line in [f'"""{lines[0]}', *lines[1:], *closing])
    return "\n" + (body if closing else body + '"""')


def _signature(function: Any, imports: set[str], constructor: bool = False) -> str:
    signature = inspect.signature(function)
    parameters = [
        p.replace(
            annotation=p.empty if p.name == "self" else _Word(_annotation(p.annotation, imports)),
            default=p.default if p.default is p.empty or _is_literal(p.default) else _Word("..."),
        )
        for p in signature.parameters.values()
    ]
    returned = "None" if constructor else _annotation(signature.return_annotation, imports)
    return str(signature.replace(parameters=parameters, return_annotation=_Word(returned)))


def _is_literal(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float, bool))


def _annotation(annotation: Any, imports: set[str]) -> str:
    """An annotation that means the same in the stub, where it can be told; else Any."""
    if inspect.isclass(annotation) and is_ours(annotation.__module__):
        imports.add(f"from {annotation.__module__} import {annotation.__name__}")
        return annotation.__name__
    text = annotation if isinstance(annotation, str) else "Any"
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    text = text if names <= _PLAIN else "Any"
    if "Any" in text:
        imports.add("from typing import Any")
    return text


class _Word:
    """What `inspect` writes as it is, without quotes."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def main() -> int:
    """Write the stubs, or with `--check` say which are stale; return the exit status."""
    wanted = {stub_path(module): stub(module) for module in lazy_modules()}
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    left_over = set(ROOT.rglob("*.pyi")) - wanted.keys()
    if "--check" in sys.argv[1:]:
        for path in sorted([*stale, *left_over]):
            print(f"{path.relative_to(ROOT.parent)} is stale: run python docs/make_stubs.py", file=sys.stderr)
        return 1 if stale or left_over else 0
    for path in left_over:
        path.unlink()
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
