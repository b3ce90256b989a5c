"""A plan and what was built of it as boxes and arrows."""

from __future__ import annotations

from typing import Any

from pronghorn._wording import counted
from pronghorn.studio.edits import KINDS, fields_of
from pronghorn.studio.plans import Built, LayerPlan

_TOLD = (
    "filters",
    "units",
    "kernel_size",
    "strides",
    "pool_size",
    "rate",
    "activation",
    "padding",
    "scale",
    "output_dim",
)
_PLAIN = {"strides": 1, "activation": "linear", "padding": "valid"}


def graph_of(built: Built, shares: dict[str, float] | None = None) -> dict[str, Any]:
    """The boxes and arrows of a model.

    Args:
        built: what became of a plan.
        shares: the share of each layer of a step's time, 0 to 1.
    """
    boxes = []
    for layer in built.plan.layers:
        shape = built.shapes.get(layer.name)
        boxes.append(
            {
                "name": layer.name,
                "kind": layer.kind,
                "settings": summary_of(layer),
                "shape": None if shape is None else list(shape),
                "parameters": built.parameters.get(layer.name),
                "share": (shares or {}).get(layer.name),
                "fields": fields_of(layer),
                "help": KINDS[layer.kind].help if layer.kind in KINDS else "",
                "is_input": layer.is_input,
            }
        )
    problem = built.problem
    return {
        "boxes": boxes,
        "arrows": [list(arrow) for arrow in built.plan.arrows()],
        "sequential": built.plan.sequential,
        "parameters": sum(built.parameters.values()) if problem is None or problem.layer in built.shapes else None,
        "hints": list(built.hints),
        "problem": None if problem is None else {"message": problem.message, "layer": problem.layer},
    }


def summary_of(layer: LayerPlan) -> str:
    """A few words on how a layer is set.

    >>> summary_of(LayerPlan("c", "Conv2D", {"filters": 32, "kernel_size": [3, 3], "activation": "relu"}))
    '32 filters, 3×3, relu'
    >>> summary_of(LayerPlan("d", "Dense", {"units": 1}))
    '1 unit'
    """
    parts = []
    for name in _TOLD:
        value = layer.config.get(name)
        if isinstance(value, list | tuple):
            value = value[0] if len(set(value)) == 1 and name == "strides" else "×".join(map(str, value))
        if value is None or isinstance(value, dict | bool) or value == _PLAIN.get(name):
            continue
        if name == "strides" and layer.config.get("pool_size") == layer.config["strides"]:
            continue  # windows beside one another, as always
        if name in ("filters", "units"):
            parts.append(counted(value, name.removesuffix("s")))
        elif name in ("rate", "scale", "strides", "output_dim"):
            parts.append(f"{name.replace('_', ' ')} {value:.3g}" if isinstance(value, float) else f"{name} {value}")
        else:
            parts.append(str(value))
    return ", ".join(parts)


def step_shares(profile: Any, model_name: str) -> dict[str, float]:
    """The share of each layer of the time in a step's kernels, its gradient's included, 0 to 1.

    Args:
        profile: what `model.profile` gave.
        model_name: of the model, which its layers' names in the profile begin with.
    """
    total = sum(profile.layers.values()) or 1.0
    shares: dict[str, float] = {}
    for scope, ms in profile.layers.items():
        name = scope.removesuffix(" (gradient)").removeprefix(f"{model_name}/").split("/")[0]
        shares[name] = shares.get(name, 0.0) + ms / total
    return shares
