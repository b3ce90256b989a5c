"""The objects of a model that have something to save, and the path of each inside a weights file.

The paths are those of Keras's files: a model's layers are below ``layers``, other layers below the names of the
attributes that hold them; in a container each is called after its class, with a number where names meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pronghorn.engine.graph.user_code import is_own
from pronghorn.layers.layer import Layer
from pronghorn.optimizers.optimizer import Optimizer
from pronghorn.utils.naming import to_snake_case

# Attributes that the library itself uses; whatever they hold is reached by another way or is not saved.
_SKIPPED = frozenset(
    ("_tracker", "_layers", "_metrics", "_inbound_nodes", "_outbound_nodes", "_operations", "_nodes", "_nodes_by_depth")
    + ("_ends", "_graph", "_losses")
    + ("_inputs", "_outputs", "_inputs_struct", "_outputs_struct", "_operations_by_depth", "_input_layers")
    + ("_init_arguments",)
)
_Children = Callable[[Any], Iterator[tuple[str, Any]]]


def saveables(root: Any, skipped: Sequence[Any] = ()) -> Iterator[tuple[str, Any]]:
    """Yield (path, object) for ``root``, whose path is empty, and everything below it, each object once.

    Args:
        root: a model, a layer or an optimizer.
        skipped: objects that are left out, with what is below them only.
    """
    yield from _walk(root, "", _seen(skipped), _children)


def earlier_places(root: Any, skipped: Sequence[Any] = ()) -> list[tuple[str, Any]]:
    """Return what `saveables` yields, with the paths of earlier releases, which knew neither users' properties nor
    attributes named ``layers``; what they did not save has today's path."""
    paths = {id(obj): path for path, obj in _walk(root, "", _seen(skipped), _children_before)}
    return [(paths.get(id(obj), path), obj) for path, obj in saveables(root, skipped)]


def _seen(objects: Sequence[Any]) -> dict[int, Any]:
    """Objects by their numbers. They are kept, or a list that a property makes anew has the number of one of before."""
    return {id(obj): obj for obj in objects}


def _walk(obj: Any, path: str, seen: dict[int, Any], children: _Children) -> Iterator[tuple[str, Any]]:
    if id(obj) in seen:
        return
    seen[id(obj)] = obj
    yield path, obj
    for name, child in children(obj):
        inner = f"{path}/{name}" if path else name
        if _is_saveable(child):
            yield from _walk(child, inner, seen, children)
        else:
            yield from _walk_container(child, inner, seen, children)


def _walk_container(container: Any, path: str, seen: dict[int, Any], children: _Children) -> Iterator[tuple[str, Any]]:
    if id(container) in seen:
        return
    seen[id(container)] = container
    used: dict[str, int] = {}
    for entry in container.values() if isinstance(container, dict) else container:
        is_leaf = _is_saveable(entry)
        if not is_leaf and not _is_container(entry):
            continue
        name = to_snake_case(type(entry).__name__) if is_leaf else "container"
        count = used[name] = used.get(name, -1) + 1
        inner = f"{path}/{name}_{count}" if count else f"{path}/{name}"
        yield from (_walk if is_leaf else _walk_container)(entry, inner, seen, children)


def _children(obj: Any) -> Iterator[tuple[str, Any]]:
    attributes = _attributes(obj)
    attributes |= {name: value for name, value in _users_properties(obj) if name not in attributes}
    yield from _in_order(obj, attributes)


def _children_before(obj: Any) -> Iterator[tuple[str, Any]]:
    attributes = _attributes(obj)
    if "layers" in vars(obj):
        del attributes["layers"]
    yield from _in_order(obj, attributes)


def _attributes(obj: Any) -> dict[str, Any]:
    return {_public_name(obj, name): value for name, value in vars(obj).items() if name not in _SKIPPED}


def _in_order(obj: Any, attributes: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if getattr(obj, "_is_model", False):
        attributes["layers"] = obj.layers
        attributes["optimizer"] = obj.optimizer
    first = getattr(obj, "_is_graph_of_layers", False)
    for name in sorted(attributes, key=lambda name: (not (first and name == "layers"), name.startswith("_"), name)):
        value = attributes[name]
        if _is_saveable(value) or _is_container(value):
            yield name, value


def _users_properties(obj: Any) -> Iterator[tuple[str, Any]]:
    """The properties of users' classes, below whose names Keras saves what they give."""
    for cls in type(obj).__mro__:
        if cls is object or is_own(cls):
            continue
        for name, found in vars(cls).items():
            if isinstance(found, property) and not name.startswith("__"):
                try:
                    yield name, getattr(obj, name)
                except Exception:  # of the user's code, which is not asked for a value here
                    continue


def _public_name(obj: Any, name: str) -> str:
    """The name of the property that shows a private attribute, where there is one; else the attribute's own."""
    shown = name[1:]
    return shown if name.startswith("_") and isinstance(getattr(type(obj), shown, None), property) else name


def _is_saveable(value: Any) -> bool:
    return isinstance(value, (Layer, Optimizer))


def _is_container(value: Any) -> bool:
    return isinstance(value, (list, tuple, dict, set)) and bool(value)
