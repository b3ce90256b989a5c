"""A model as plain data, and what a library makes of it.

A specification is a dict that JSON can hold::

    {"seed": 3, "policy": "float32", "sequential": False,
     "inputs": [{"shape": [5], "dtype": "float32"}],
     "nodes": [{"layer": "Dense", "kwargs": {"units": 3}, "inputs": [0]}, ...],
     "outputs": [4], "compile": {...}, "data": {...}}

Values are numbered: first the inputs, then a value for each node. A node is a layer (``layer``), an operation (``op``,
a name in ``ops``), a layer that was there before called again (``again``, the number of its node), or an element of a
value that is a list (``item``). In arguments, ``{"$value": n}`` is the value n, and
``{"$make": [namespace, name, kwargs]}`` an object that each library makes of its own.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from typing import Any

Spec = dict[str, Any]
Node = dict[str, Any]


def make(namespace: str, name: str, **kwargs: Any) -> dict[str, Any]:
    """An argument that each library makes of its own."""
    return {"$make": [namespace, name, kwargs]}


def resolved(value: Any, library: Any, values: list[Any] = ()) -> Any:
    """``value`` with what it asks for: objects made by ``library``, and values of the model."""
    if isinstance(value, dict):
        if "$make" in value:
            namespace, name, kwargs = value["$make"]
            return getattr(operator.attrgetter(namespace)(library), name)(**resolved(kwargs, library, values))
        if "$value" in value:
            return values[value["$value"]]
        if "$tuple" in value:
            return tuple(resolved(v, library, values) for v in value["$tuple"])
        return {k: resolved(v, library, values) for k, v in value.items()}
    if isinstance(value, list):
        return [resolved(v, library, values) for v in value]
    return value


def references(node: Node) -> list[int]:
    """The numbers of the values that a node uses."""
    found = list(node.get("inputs", []))

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if "$value" in value:
                found.append(value["$value"])
            for v in value.values():
                walk(v)
        elif isinstance(value, list):
            for v in value:
                walk(v)

    walk([node.get("args"), node.get("call")])
    return found


def renumbered(node: Node, number: Callable[[int], int]) -> Node:
    """A copy of ``node`` that uses other values."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {"$value": number(value["$value"])} if "$value" in value else {k: walk(v) for k, v in value.items()}
        return [walk(v) for v in value] if isinstance(value, list) else value

    result = {k: walk(v) for k, v in node.items()}
    if "inputs" in result:
        result["inputs"] = [number(i) for i in result["inputs"]]
    if "again" in result:
        result["again"] = number(result["again"])
    return result


def pruned(spec: Spec) -> Spec:
    """The specification without the nodes and inputs that no output needs."""
    count = len(spec["inputs"])
    needed, todo = set(), list(spec["outputs"])
    while todo:
        i = todo.pop()
        if i in needed:
            continue
        needed.add(i)
        if i >= count:
            node = spec["nodes"][i - count]
            todo += references(node)
            if "again" in node:
                todo.append(node["again"])
    kept = sorted(needed)
    place = {old: new for new, old in enumerate(kept)}
    spec = copy.deepcopy(spec)
    spec["nodes"] = [renumbered(spec["nodes"][i - count], place.__getitem__) for i in kept if i >= count]
    spec["inputs"] = [spec["inputs"][i] for i in kept if i < count]
    spec["outputs"] = [place[i] for i in spec["outputs"]]
    return spec


def make_layer(node: Node, number: int, library: Any) -> Any:
    """The layer of a node, named after its number."""
    return getattr(library.layers, node["layer"])(**resolved(node["kwargs"], library), name=f"n{number}")


def apply(node: Node, number: int, library: Any, values: list[Any], layers: dict[int, Any]) -> Any:
    """The value of a node; its layer goes to ``layers``."""
    if "op" in node:
        return getattr(library.ops, node["op"])(*resolved(node["args"], library, values), **node.get("kwargs", {}))
    if "item" in node:
        return values[node["inputs"][0]][node["item"]]
    if "again" in node:
        layers[number] = layers[node["again"]]
    else:
        layers[number] = make_layer(node, number, library)
    given = [values[i] for i in node["inputs"]]
    call = resolved(node.get("call", {}), library, values)
    if node.get("spread"):  # attention takes its query and value one by one
        return layers[number](*given, **call)
    return layers[number](given[0] if len(given) == 1 else given, **call)


def inputs_of(spec: Spec, library: Any) -> list[Any]:
    """The symbolic inputs; with a fixed batch size where the specification has one."""
    batch = spec["data"].get("static_batch")
    return [
        library.Input(batch_shape=(batch, *i["shape"]), dtype=i["dtype"], name=f"i{k}")
        for k, i in enumerate(spec["inputs"])
    ]


def build(spec: Spec, library: Any, after: Callable[[Any, int], Any] | None = None) -> Any:
    """The model, not compiled.

    Args:
        after: what is put behind the value of each node, given the value and its number; the model is functional then.
    """
    library.config.set_dtype_policy(spec["policy"])
    try:
        values = inputs_of(spec, library)
        if spec["sequential"] and after is None:
            layers = [make_layer(n, len(values) + k, library) for k, n in enumerate(spec["nodes"])]
            return library.Sequential([values[0], *layers], name="sequential")
        layers = {}
        for node in spec["nodes"]:
            number = len(values)
            value = apply(node, number, library, values, layers)
            values.append(value if after is None else after(value, number))
        outputs = [values[i] for i in spec["outputs"]]
        return library.Model(values[: len(spec["inputs"])], outputs if len(outputs) > 1 else outputs[0])
    finally:
        library.config.set_dtype_policy("float32")
