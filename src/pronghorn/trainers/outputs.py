"""Which loss, metric, target and weight belongs to which of a model's outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pronghorn import tree


def output_names(y_pred: Any, names: Sequence[str] | None) -> list[str]:
    """A name for each of the flat outputs: the keys of a dict, the model's own, or their places."""
    paths = [path for path, _ in tree.flatten_with_path(y_pred)]
    if _is_flat_dict(y_pred, len(paths)):
        return [str(path[0]) for path in paths]
    if names and len(names) == len(paths):
        return list(names)
    if isinstance(y_pred, dict):
        return ["/".join(map(str, path)) for path in paths]
    return [f"output_{i}" for i in range(len(paths))]


def are_named(y_pred: Any, names: Sequence[str] | None) -> bool:
    """Whether the outputs have names that users chose or know: those are the first part of names in logs."""
    count = len(tree.flatten(y_pred))
    return _is_flat_dict(y_pred, count) or (bool(names) and len(names or ()) == count)


def _is_flat_dict(y_pred: Any, count: int) -> bool:
    return isinstance(y_pred, dict) and len(y_pred) == count and not any(map(tree.is_nested, y_pred.values()))


def align(
    spec: Any, y_pred: Any, names: Sequence[str], what: str, is_leaf: Callable[[Any], bool], lists: bool = False
) -> list[Any]:
    """Bring what was given for the outputs into their order.

    Args:
        spec: None, one thing for all outputs, a list with one for each, or a dict by output names.
        y_pred: the outputs.
        names: their names, in flat order.
        what: what is aligned, for messages.
        is_leaf: whether an entry of `spec` is one thing rather than a container.
        lists: whether a single output may have a list of things, which is then its entry.

    Returns:
        A list with one thing, or None, for each flat output.

    Raises:
        ValueError: if names or numbers do not fit.
    """
    count = len(names)
    if spec is None or is_leaf(spec):
        return [spec] * count
    if isinstance(spec, dict):
        return _align_dict(spec, y_pred, names, what, is_leaf, lists)
    if lists and not tree.is_nested(y_pred):
        return [spec]
    if isinstance(y_pred, dict) and count > 1 and not _are_positions(spec, count):
        raise ValueError(_mismatch(what, spec, names))
    entries = list(spec)
    if count == 1 and len(entries) == 1:
        return [entries[0]]
    if isinstance(y_pred, list | tuple) and len(y_pred) == len(entries):
        aligned: list[Any] = []
        start = 0
        for entry, part in zip(entries, y_pred):
            width = len(tree.flatten(part))
            aligned += align(entry, part, names[start : start + width], what, is_leaf, lists)
            start += width
        return aligned
    if len(entries) == count:
        return entries
    raise ValueError(_mismatch(what, spec, names))


def check_keys(spec: Any, y_pred: Any, known: Sequence[str] | None, what: str) -> None:
    """Refuse keys that name no output where there is one output only; for several, `align` does.

    An output that has no name, such as that of a subclassed model, takes what is given under any single key.

    Args:
        spec: what was given for the outputs.
        y_pred: the outputs.
        known: the model's own names of them, if it has any.
        what: what is checked, for messages.

    Raises:
        ValueError: if a key names no output.
    """
    if not isinstance(spec, dict) or not are_named(y_pred, known):
        return
    names = output_names(y_pred, known)
    unknown = [key for key in spec if key not in names]
    if len(names) == 1 and unknown:
        raise ValueError(
            f"`{what}` has the key {unknown[0]!r}, which names no output: the model's output is {names[0]!r}. Use "
            f"that as the key, give the output's layer the name {unknown[0]!r}, or pass the array without a dict."
        )


def _are_positions(spec: Any, count: int) -> bool:
    return isinstance(spec, list | tuple) and len(spec) == count


def _align_dict(
    spec: dict[Any, Any], y_pred: Any, names: Sequence[str], what: str, is_leaf: Callable[[Any], bool], lists: bool
) -> list[Any]:
    if isinstance(y_pred, dict) and not set(spec) - set(y_pred):
        aligned = []
        start = 0
        for key in _dict_order(y_pred):
            width = len(tree.flatten(y_pred[key]))
            aligned += align(spec.get(key), y_pred[key], names[start : start + width], what, is_leaf, lists)
            start += width
        return aligned
    unknown = [key for key in spec if key not in names]
    if unknown:
        if len(names) == 1 and len(spec) == 1:  # one output whose name nobody chose
            return [next(iter(spec.values()))]
        raise ValueError(_mismatch(what, spec, names))
    return [spec.get(name) for name in names]


def _dict_order(structure: dict[Any, Any]) -> list[Any]:
    """The keys in the order in which the tree visits them."""
    seen: dict[Any, None] = {}
    for path, _ in tree.flatten_with_path(structure):
        seen.setdefault(path[0], None)
    return list(seen)


def _mismatch(what: str, spec: Any, names: Sequence[str]) -> str:
    given = f"keys {sorted(map(str, spec))}" if isinstance(spec, dict) else f"{len(spec)} entries"
    return (
        f"Invalid `{what}` for the model's outputs: it has {given}, the outputs are {', '.join(names)}. Pass one "
        "entry for each output, in their order, or a dict with the outputs' names as keys."
    )
