"""The folder: `programs.json`, which says what there is, and the arrays beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pronghorn._version import __version__
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim
from pronghorn.engine.graph.fingerprint import NotPlain
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.strings import Lookup
from pronghorn.engine.graph.variable import GraphVariable
from pronghorn.export.files import check_folder, replacing_folder
from pronghorn.export.stored.encoding import Damaged, Reader, Writer
from pronghorn.export.stored.program import Place, Program
from pronghorn.utils.npz import reading_npz
from pronghorn.variables import Variable

MARK = "programs.json"
_ARRAYS = "arrays.npz"
_FORMAT, _VERSION = "pronghorn programs", 1

MakeVariable = Callable[[np.ndarray, str, bool], Any]
"""Makes a variable of its value, its path and whether it is trained."""


@dataclass
class Contents:
    """What a folder holds.

    Attributes:
        variables: in order.
        programs: functions, of these variables.
        objects: what is said of objects, by number: nested texts and numbers.
        signatures: by name the numbers of programs, one for each number of axes that is served.
    """

    variables: list[Any] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)
    objects: list[Any] = field(default_factory=list)
    signatures: dict[str, list[int]] = field(default_factory=dict)


def holds_programs(path: Path) -> bool:
    """Whether a folder is one of these."""
    return (path / MARK).is_file()


# -- writing ----------------------------------------------------------------------------------------------------------
def write(path: Path, contents: Contents) -> None:
    """Write a folder; one of these that is there is replaced once the new one is whole.

    Raises:
        ValueError: if something else is at ``path``.
        NotImplementedError: if a function calls another library's, or keeps an object among its arguments.
    """
    check_folder(path, MARK)
    to = Writer()
    numbers = {id(variable): number for number, variable in enumerate(contents.variables)}
    variables = [[v.path, bool(v.trainable), to.array(GraphVariable.numpy(v))] for v in contents.variables]
    written = {
        "format": _FORMAT,
        "version": _VERSION,
        "pronghorn": __version__,
        "variables": variables,
        "programs": [_written(to, program, numbers) for program in contents.programs],
        "objects": to.plain(contents.objects),
        "signatures": contents.signatures,
    }
    written |= {"graphs": to.graphs, "arrays": [[dtypes.name_of(a.dtype), list(a.shape)] for a in to.arrays]}
    with replacing_folder(path) as fresh:
        fresh.mkdir()
        (fresh / MARK).write_text(json.dumps(written, allow_nan=False), encoding="utf-8")
        raw = {str(i): np.frombuffer(np.ascontiguousarray(a).tobytes(), "uint8") for i, a in enumerate(to.arrays)}
        np.savez(fresh / _ARRAYS, **raw)  # type: ignore[arg-type]


def _written(to: Writer, program: Program, numbers: dict[int, int]) -> dict[str, Any]:
    try:
        return {
            "name": program.name,
            "graph": to.graph(program.graph),
            "arguments": to.plain(program.arguments),
            "inputs": program.inputs,
            "lookups": [[each.source, to.plain(dict(each.table)), each.unknown] for each in program.lookups],
            "variables": [numbers[id(variable)] for variable in program.variables],
            "updated": program.updated,
            "structure": _structure(to, program.structure),
            "outputs": program.outputs,
        }
    except NotPlain as error:
        raise NotImplementedError(
            f"tf.saved_model.save: {program.name!r} has {error} among what it computes with or is called with, which "
            "cannot be written as data. Nothing was written. Pass tensors, numbers and texts, and keep other objects "
            "as attributes."
        ) from None


def _structure(to: Writer, structure: Any) -> Any:
    """Nested results, with [number] for each tensor, and lists and tuples told apart."""
    if isinstance(structure, Place):
        return {"result": structure.number}
    if isinstance(structure, dict):
        return {"dict": [[to.plain(key), _structure(to, part)] for key, part in structure.items()]}
    if isinstance(structure, list | tuple):
        kind = "list" if isinstance(structure, list) else "tuple"
        return {kind: [_structure(to, part) for part in structure]}
    return {"kept": to.plain(structure)}


# -- reading ----------------------------------------------------------------------------------------------------------
def read(path: Path, make_variable: MakeVariable | None = None) -> Contents:
    """Read a folder. What is in it is data: nothing of it is run before a function is called.

    Args:
        path: of the folder.
        make_variable: makes the variables; by default `Variable`s.

    Raises:
        Damaged: if it is none of these folders, is not whole, or was written by a newer version.
    """
    try:
        return _read(path, make_variable or _variable)
    except Damaged as error:
        raise Damaged(f"{str(path)!r} cannot be read: {error}.") from error
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError) as error:
        raise Damaged(f"{str(path)!r} cannot be read: it is damaged ({type(error).__name__}: {error}).") from error


def _read(path: Path, make_variable: MakeVariable) -> Contents:
    written = json.loads((path / MARK).read_text(encoding="utf-8"))
    if written["format"] != _FORMAT:
        raise Damaged(f"it is of the format {written['format']!r}, not {_FORMAT!r}")
    if written["version"] != _VERSION:
        raise Damaged(
            f"Pronghorn {written['pronghorn']} wrote it, in a format that version {__version__} does not know"
        )
    arrays = _arrays(path / _ARRAYS, written["arrays"])
    of = Reader(written["graphs"], arrays)
    variables = [make_variable(arrays[number], str(name), bool(train)) for name, train, number in written["variables"]]
    programs = [_program(of, each, variables) for each in written["programs"]]
    signatures = {
        str(name): [_in(number, programs) for number in numbers] for name, numbers in written["signatures"].items()
    }
    return Contents(variables, programs, of.plain(written["objects"]), signatures)


def _variable(array: np.ndarray, path: str, trainable: bool) -> Variable:
    return Variable(array, dtype=dtypes.name_of(array.dtype), trainable=trainable, name=path.rpartition("/")[2] or None)


def _arrays(path: Path, described: Any) -> list[np.ndarray]:
    found = []
    with reading_npz(path) as file:
        for number, (name, shape) in enumerate(described):
            dtype, raw = dtypes.to_numpy(dtypes.name_of(name)), file[str(number)]
            if raw.dtype != np.uint8 or raw.nbytes != math.prod(shape) * dtype.itemsize or min(shape, default=0) < 0:
                raise Damaged(f"its array {number} is not of shape {tuple(shape)}, dtype {name}")
            array = np.frombuffer(raw.tobytes(), dtype).reshape(shape)
            found.append(array)
    return found


def _program(of: Reader, written: Any, variables: list[Any]) -> Program:
    graph = of.plain({"graph": written["graph"]})
    used = [variables[_in(number, variables)] for number in written["variables"]]
    lookups = [
        Lookup(str(source), _table(of.plain(table)), int(unknown)) for source, table, unknown in written["lookups"]
    ]
    program = Program(
        str(written["name"]),
        graph,
        of.plain(written["arguments"]),
        [str(name) for name in written["inputs"]],
        lookups,
        used,
        [_in(number, used) for number in written["updated"]],
        _read_structure(of, written["structure"]),
        [str(name) for name in written["outputs"]],
    )
    _check(program)
    return program


def _check(program: Program) -> None:
    """Raise Damaged where a graph does not go with what is said of its arguments, variables and results."""
    specs, graph = program.specs, program.graph
    arrays = [spec for spec in specs if spec.dtype != "string"]
    expected = len(arrays) + len(program.lookups) + len(program.variables)
    given = graph.inputs[: len(arrays) + len(program.lookups)]
    fits = len(graph.inputs) == expected and len(program.inputs) == len(specs)
    fits = fits and all(lookup.source in program.inputs for lookup in program.lookups)
    fits = fits and len(graph.outputs) == len(program.outputs) + len(program.updated)
    fits = fits and all(_is_symbol(n) for value in given for n in value.shape)
    stored = [Aval(tuple(v.shape), v.storage_dtype) for v in program.variables]
    if not fits or stored != [value.aval for value in graph.inputs[len(given) :]]:
        raise Damaged(f"the graph of its function {program.name!r} does not go with its arguments and variables")


def _is_symbol(extent: Any) -> bool:
    return not isinstance(extent, Dim) or (
        len(extent.symbols) == 1 and list(extent.terms.items()) == [((*extent.symbols,), 1)]
    )


def _table(table: Any) -> dict[Any, int]:
    return {key: int(number) for key, number in table.items()}


def _in(number: Any, things: list[Any]) -> int:
    if type(number) is not int or not 0 <= number < len(things):
        raise Damaged(f"there is no number {number} of {len(things)}")
    return number


def _read_structure(of: Reader, written: Any) -> Any:
    ((kind, content),) = written.items()
    if kind == "result":
        return Place(int(content))
    if kind == "kept":
        return of.plain(content)
    if kind == "dict":
        return {of.plain(key): _read_structure(of, part) for key, part in content}
    if kind not in ("list", "tuple"):
        raise Damaged(f"{kind!r} is no structure")
    return (list if kind == "list" else tuple)(_read_structure(of, part) for part in content)
