"""Models as functions of JAX's arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from pronghorn import tree
from pronghorn._wording import counted
from pronghorn.engine.backends.jax.engine import ENGINE
from pronghorn.engine.graph import dtypes
from pronghorn.export.signature import conversion, each_once, inference

Parameters = dict[str, dict[str, Any]]


def to_jax(model: Any, training: bool) -> tuple[Callable[..., Any], Parameters]:
    """See `pronghorn.interop.to_jax`."""
    found = inference(model, training=training, purpose=conversion("to_jax"))
    if not training:
        found.refuse_states()
    found.refuse_strings("JAX")
    traced, graph = found.traced, found.traced.graph
    ENGINE.check(graph)
    names = each_once(v.path for v in traced.variables)
    places = {v: ("trainable" if v.trainable else "non_trainable", name) for v, name in zip(traced.variables, names)}
    parameters: Parameters = {"trainable": {}, "non_trainable": {}}
    with ENGINE.computing():
        for variable, (group, name) in places.items():
            parameters[group][name] = ENGINE.from_numpy(variable.storage())
    updated = [places[v] for v in traced.updated]
    types = [dtypes.to_numpy(v.dtype) for v in found.given]
    structure = found.numbered

    run = ENGINE.lasting(graph)

    def function(parameters: Parameters, *inputs: Any) -> Any:
        arrays = tree.flatten(inputs)
        if len(arrays) != len(types):
            raise ValueError(f"{graph.name} takes {counted(len(types), 'array')}, got {len(arrays)}.")
        weights = [parameters[group][name] for group, name in places.values()]
        results = run([*(jnp.asarray(x, t) for x, t in zip(arrays, types)), *weights])
        outputs = tree.map_structure(lambda i: results[i], structure)
        if not training:
            return outputs
        after = {group: dict(values) for group, values in parameters.items()}
        for (group, name), value in zip(updated, results[traced.num_results :]):
            after[group][name] = value
        return outputs, after

    function.__name__ = function.__qualname__ = model.name
    return function, parameters
