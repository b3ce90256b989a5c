"""Write the table of docs/engines.md: what each engine makes of each primitive, beside the NumPy backend.

    python docs/make_engines.py [ENGINE ...]

Runs the cases of tests/backends/cases.py on the engines named (by default on all that are installed), and leaves the
columns of the others as they are. *exact* is the same bits in every case, *close* within the tolerance of the tests.
Cases of an element type that an engine does not have are left out; which types these are, and why, stands below it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "backends")]

from cases import CASES, tolerance  # noqa: E402

from pronghorn.engine.backends import engine as engines  # noqa: E402
from pronghorn.engine.backends.engine import Engine  # noqa: E402
from pronghorn.engine.backends.numpy import IMPLEMENTATIONS  # noqa: E402
from pronghorn.engine.backends.table_executable import TableExecutable  # noqa: E402
from pronghorn.engine.graph import dtypes  # noqa: E402
from pronghorn.engine.graph.ir import Aval  # noqa: E402
from pronghorn.engine.graph.primitives import PRIMITIVES  # noqa: E402
from pronghorn.engine.graph.trace import trace  # noqa: E402

PAGE = ROOT / "docs" / "engines.md"
BEGIN, END = "<!-- table of primitives -->", "<!-- end of the table -->"


def as_tuple(x):
    return x if isinstance(x, tuple) else (x,)


def found(engine: Engine, prim: str) -> str:
    """What is said of a primitive: exact, close, or why it is not there."""
    if prim in engine.lacks:
        return f"not there: {engine.lacks[prim]}"
    everything = [c for c in CASES if c.prim == prim]
    cases = [c for c in everything if not types_of(c) & set(engine.lacks)]
    if not cases:
        return "not there: it has none of the types of the cases"
    arguments = [c.args() for c in cases]

    def fn(*tensors):
        rest, results = iter(tensors), []
        for case, arrays in zip(cases, arguments):
            results += as_tuple(PRIMITIVES[prim](*(next(rest) for _ in arrays), **case.params))
        return results

    flat = [a for arrays in arguments for a in arrays]
    executable = TableExecutable(engine, trace(fn, [Aval(a.shape, dtypes.name_of(a.dtype)) for a in flat]))
    results = iter(executable(*flat))
    exact = True
    for case, arrays in zip(cases, arguments):
        for expected in as_tuple(IMPLEMENTATIONS[prim](*arrays, **case.params)):
            got = next(results)
            if got.tobytes() == expected.tobytes():
                continue
            exact = False
            limits = tolerance(dtypes.name_of(expected.dtype))
            if prim not in ("eig", "eigh", "svd"):  # their vectors are so up to a factor, which the tests know
                got, expected = (a.astype("float32") if a.dtype.itemsize < 4 else a for a in (got, expected))
                np.testing.assert_allclose(got, expected, **limits, err_msg=case.id)
    return "exact" if exact else "close"


def missing_types(engine: Engine) -> dict[str, str]:
    """The element types that an engine does not have, and why."""
    return {word: why for word, why in engine.lacks.items() if word in dtypes.ALL}


def types_of(case):
    """The element types that a case takes and gives."""
    return {case.params.get("dtype"), *(dtypes.name_of(a.dtype) for a in case.args())}


def known_columns(text: str) -> dict[str, dict[str, str]]:
    """The columns of the table that is there, by engine and primitive."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    if not rows:
        return {}
    header, _, *body = rows
    return {name: {row[0].strip("`"): row[i + 1] for row in body} for i, name in enumerate(header[1:])}


def known_notes(text: str) -> dict[str, str]:
    """The lines about element types that are there, by engine."""
    return {m[1]: m[0] for m in re.finditer(r"^- ([a-z]+): .*$", text, re.MULTILINE)}


def note(name: str, missing: dict[str, str]) -> str:
    """An engine's line about element types."""
    by_reason: dict[str, list[str]] = {}
    for word, why in missing.items():
        by_reason.setdefault(why, []).append(f"`{word}`")
    return f"- {name}: " + "; ".join(f"{', '.join(words)} ({why})" for why, words in by_reason.items())


def main() -> None:
    """Write the table."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    table, after = rest.split(END)
    columns, notes = known_columns(table), known_notes(table)
    for name in sys.argv[1:] or [n for n in engines.NAMES if engines.is_installed(n)]:
        engine = engines.engine(name)
        columns[name] = {prim: found(engine, prim) for prim in PRIMITIVES}
        notes.pop(name, None)
        if missing := missing_types(engine):
            notes[name] = note(name, missing)
        exact = sum(v.startswith("exact") for v in columns[name].values())
        print(f"{name}: {exact} of {len(PRIMITIVES)} exact")
    names = [n for n in engines.NAMES if n in columns]
    lines = ["| primitive | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    lines += [f"| `{p}` | " + " | ".join(columns[n].get(p, "?") for n in names) + " |" for p in PRIMITIVES]
    if notes:
        lines += ["", "Element types that an engine does not have:", "", *(notes[n] for n in names if n in notes)]
    PAGE.write_text(before + BEGIN + "\n\n" + "\n".join(lines) + "\n\n" + END + after)


if __name__ == "__main__":
    main()
