"""What differs between two runs."""

from __future__ import annotations

import difflib
from dataclasses import asdict
from typing import Any

from pronghorn.studio.graph_views import summary_of
from pronghorn.studio.runs import Run
from pronghorn.studio.settings import named

_TITLES = {
    "learning_rate": "learning rate",
    "schedule": "schedule of the rate",
    "batch_size": "batch",
    "examples": "training examples",
}


def differences(first: Run, second: Run) -> list[dict[str, Any]]:
    """What differs in how two runs were started: pairs of values by what they are of.

    Args:
        first: a run.
        second: another.
    """
    rows = []
    one, other = asdict(first.recipe.settings), asdict(second.recipe.settings)
    for key in one:
        if one[key] != other[key]:
            rows.append(_row(_TITLES.get(key, key), *(_value(key, settings[key]) for settings in (one, other))))
    names = [run.recipe.data.name if run.recipe.data else "" for run in (first, second)]
    if names[0] != names[1]:
        rows.append(_row("data", *names))
    return rows + _layers(first, second)


def _row(what: str, first: str, second: str) -> dict[str, str]:
    return {"what": what, "first": first, "second": second}


def _value(key: str, value: Any) -> str:
    if key == "examples":
        return str(value or "all")
    if isinstance(value, list | tuple):
        return ", ".join(map(named, value))
    if isinstance(value, dict):
        return ", ".join(f"{k}={v}" for k, v in value.items()) if "class_name" not in value else named(value)
    return str(value)


def _layers(first: Run, second: Run) -> list[dict[str, str]]:
    """Layers that are there only once, or are set otherwise."""
    stacks = [run.recipe.plan.layers if run.recipe.plan else () for run in (first, second)]
    texts = [[f"{layer.kind} {summary_of(layer)}".strip() for layer in stack] for stack in stacks]
    rows = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, texts[0], texts[1], autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        for i in range(max(b - a, d - c)):
            left = texts[0][a + i] if a + i < b else "–"
            right = texts[1][c + i] if c + i < d else "–"
            name = stacks[0][a + i].name if a + i < b else stacks[1][c + i].name
            rows.append(_row(f"layer {name}", left, right))
    return rows
