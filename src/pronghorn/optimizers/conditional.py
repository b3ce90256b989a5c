"""Updates of variables that happen only if a scalar says so, without branches in the compiled step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pronghorn import ops


def update_if(condition: Any, variables: Iterable[Any], update: Callable[[], None]) -> None:
    """Run `update`, then take back what it did to `variables` unless `condition`, a boolean scalar, holds.

    The choice is made elementwise, so the step stays one straight line of code.
    """
    variables = list(variables)
    before = [v.tensor for v in variables]
    update()
    for variable, old in zip(variables, before):
        new = variable.tensor
        if new.data is not old.data:
            variable.assign(ops.where(condition, new, old))
