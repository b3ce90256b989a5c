"""The values of a model's variables as a nested dict, by the parts of their paths; and back."""

from __future__ import annotations

from typing import Any

from pronghorn.engine.graph.user_code import warn
from pronghorn.variables import Variable

_KINDS = ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")


def _variables(model: Any, kind: str) -> list[Variable]:
    if kind == "optimizer_variables":
        optimizer = getattr(model, "optimizer", None)
        return list(optimizer.variables) if optimizer is not None else []
    return list(getattr(model, kind))


def get_state_tree(model: Any, value_format: str = "backend_tensor") -> dict[str, Any]:
    """Values by kind and path; see `Model.get_state_tree`."""
    if value_format not in ("backend_tensor", "numpy_array"):
        raise ValueError(
            f"get_state_tree: `value_format` must be 'backend_tensor' or 'numpy_array', got {value_format!r}."
        )
    state: dict[str, Any] = {}
    for kind in _KINDS:
        state[kind] = {}
        for variable in _variables(model, kind):
            *parents, last = variable.path.split("/")
            node = state[kind]
            for parent in parents:
                node = node.setdefault(parent, {})
            if last in node:
                raise ValueError(
                    f"get_state_tree: two variables have the path {variable.path!r}. Give the layers different names."
                )
            node[last] = variable.numpy() if value_format == "numpy_array" else variable.value
    return state


def set_state_tree(model: Any, state: dict[str, Any]) -> None:
    """Assign values by kind and path; see `Model.set_state_tree`."""
    unknown = set(state) - set(_KINDS)
    if unknown:
        raise ValueError(f"set_state_tree: unknown kinds of variables {sorted(unknown)}; known: {', '.join(_KINDS)}.")
    absent = []
    for kind, nested in state.items():
        by_path = {v.path: v for v in _variables(model, kind)}
        for path, value in _flat(nested, ""):
            if path in by_path:
                by_path[path].assign(value)
            else:
                absent.append(f"{kind} {path!r} (there: {', '.join(sorted(by_path)) or 'none'})")
    if absent:
        warn(
            f"set_state_tree: {len(absent)} values have no variable of their path in this model and are left out, the "
            f"first of {absent[0]}. Give layers and optimizers of both models the same names.",
        )


def _flat(nested: Any, prefix: str) -> list[tuple[str, Any]]:
    if not isinstance(nested, dict):
        return [(prefix, nested)]
    return [pair for key, value in nested.items() for pair in _flat(value, f"{prefix}/{key}" if prefix else key)]
