"""Write docs/inside/primitives.md: what is known of each primitive.

    python docs/make_primitives.py [--check]

All of it stands where the primitive is defined, or in the tables that `Primitive` leads to.
"""

from __future__ import annotations

import inspect
import itertools
import sys
from pathlib import Path

from pages import write_or_check

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from pronghorn.engine.autodiff import rules  # noqa: E402, F401  (they fill the table of gradients)
from pronghorn.engine.compiler.costs import cost_of  # noqa: E402
from pronghorn.engine.graph.primitives import PRIMITIVES, Primitive  # noqa: E402

PAGE = ROOT / "docs" / "inside" / "primitives.md"
HEAD = """# The primitives

Every function of Keras becomes operations of this closed set. `docs/make_primitives.py` writes this page from what the
engine itself reads: `pronghorn.engine.graph.primitives` defines each primitive with a rule for the types of its
results, a rule for axes and what it costs. Its meaning is a NumPy function in `pronghorn.engine.backends.numpy`, its
gradient a rule in `pronghorn.engine.autodiff.rules`, in modules of the same names.

**Axes** says along which axes the primitive can be computed in parts. The compiler reads it to find rows that do not
affect one another and to compute wide arrays in blocks, `vectorized_map` to add an axis, and processes that share a
batch to know what they must exchange. A test computes each primitive in such parts.

**Cost** is that of an element of the result, in additions, in the rough.
"""


def call(prim: Primitive) -> str:
    """The primitive's name, operands and parameters."""
    parameters = inspect.signature(prim.rule).parameters.values()
    written = {inspect.Parameter.VAR_POSITIONAL: "*{}", inspect.Parameter.KEYWORD_ONLY: "{}="}
    return f"`{prim.name}({', '.join(written.get(p.kind, '{}').format(p.name) for p in parameters)})`"


def row(prim: Primitive) -> str:
    """A line of the table."""
    axes = (inspect.getdoc(prim.axes) or "").partition("\n")[0]
    return f"| {call(prim)} | {axes} | {'no' if prim.gradient is None else 'yes'} | {cost_of(prim.name)} |"


def text() -> str:
    """The page."""
    parts = [HEAD]
    for family, members in itertools.groupby(PRIMITIVES.values(), lambda prim: prim.family):
        parts.append(f"\n## {family.capitalize()}\n\n| primitive | axes | gradient | cost |\n|---|---|---|---|\n")
        parts += [f"{row(prim)}\n" for prim in members]
    return "".join(parts)


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, text()))
