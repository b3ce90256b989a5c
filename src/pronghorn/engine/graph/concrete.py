"""What to say where a traced array's values are asked for: the user's line, and what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pronghorn.engine.graph.active import TraceError, current_scope, current_trace
from pronghorn.engine.graph.user_code import user_line

if TYPE_CHECKING:
    from pronghorn.engine.graph.ir import Aval
_INSTEAD = {
    "truth": (
        "Instead of `if`, `while`, `and`, `or` and `not` write ops.where(condition, a, b) to choose between values, "
        "ops.cond or ops.while_loop to run functions, ops.logical_and and its like"
    ),
    "number": (
        "Instead of float(x) and int(x) compute with the array itself (ops.cast changes its type); what should be "
        "seen is returned from train_step() or goes into a metric"
    ),
    "index": (
        "An extent is x.shape[axis], a number already; for a computed number of steps use ops.fori_loop or "
        "ops.while_loop, for an element at a computed place ops.take(x, i)"
    ),
    "array": (
        "Instead of NumPy's functions and .numpy() use those of ops, which have the same names; what should be seen "
        "is returned from train_step() or goes into a metric"
    ),
}


def values_needed(aval: Aval, use: str) -> TraceError:
    """The error for a question whose answer is known only when the graph runs.

    Args:
        aval: shape and type of the array.
        use: what it was used as: ``"truth"``, ``"number"``, ``"index"`` or ``"array"``.
    """
    if current_trace() is None:
        return kept_beyond(aval)
    where = f" (in {current_scope()})" if current_scope() else ""
    return TraceError(
        f"The values of {aval} are needed{at_line()}, but they are not known while a function is traced{where}: it is "
        f"traced once and runs later. {_INSTEAD[use]}; or compile with run_eagerly=True, which is slower."
    )


def kept_beyond(aval: Aval | str = "") -> TraceError:
    """The error for a traced array that is used after its function was traced."""
    return TraceError(
        f"A traced array{aval and f' {aval}'} was kept beyond the function in which it was made{at_line()}, where it "
        "has no values. Return it from that function, or keep it in a Variable (assign)."
    )


def at_line() -> str:
    """The user's line, for the end of a clause; empty where there is none."""
    line = user_line()
    return f" at {line}" if line else ""
