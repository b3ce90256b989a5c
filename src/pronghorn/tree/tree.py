"""What `pronghorn.tree` offers. Dicts are visited in the order of their sorted keys, ordered dicts in their own."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any


class Container:
    """Mixed into a list, dict or set of another type that is to be visited, and rebuilt as that type."""


_CONTAINERS = (list, tuple, dict, deque, Container)
Path = tuple[Any, ...]


class MAP_TO_NONE:
    """What the function given to `traverse` returns for "put None here".

    >>> from pronghorn import tree
    >>> tree.traverse(lambda part: tree.MAP_TO_NONE if part == 2 else None, [1, 2, 3])
    [1, None, 3]
    """


def is_nested(structure: Any) -> bool:
    """Whether ``structure`` is a container rather than a leaf.

    >>> is_nested([1]), is_nested({}), is_nested("text")
    (True, True, False)
    """
    return isinstance(structure, _CONTAINERS)


def _keys(structure: Any) -> list[Any]:
    """The keys or indices of a container's children, in the order of visit."""
    if isinstance(structure, OrderedDict):
        return list(structure)
    if isinstance(structure, dict):
        try:
            return sorted(structure)
        except TypeError:  # keys of different types do not compare
            return sorted(structure, key=lambda k: (f"{type(k).__module__}.{type(k).__qualname__}", str(k)))
    return list(range(len(structure)))


def _is_named_tuple(structure: Any) -> bool:
    return isinstance(structure, tuple) and hasattr(structure, "_fields")


def _children(structure: Any) -> list[Any]:
    if isinstance(structure, dict):
        return [structure[k] for k in _keys(structure)]
    return list(structure)


def _rebuild(structure: Any, children: Iterable[Any]) -> Any:
    """A container like ``structure`` with other children (given in the order of visit)."""
    if isinstance(structure, dict):
        values = dict(zip(_keys(structure), children))
        ordered = [(k, values[k]) for k in structure]
        if isinstance(structure, Container):
            return type(structure)(ordered)
        if isinstance(structure, defaultdict):
            return defaultdict(structure.default_factory, ordered)
        return OrderedDict(ordered) if isinstance(structure, OrderedDict) else dict(ordered)
    if isinstance(structure, Container):
        return type(structure)(children)
    if _is_named_tuple(structure):
        return type(structure)(*children)
    if isinstance(structure, deque):
        return deque(children, maxlen=structure.maxlen)
    return tuple(children) if isinstance(structure, tuple) else list(children)


def flatten(structure: Any) -> list[Any]:
    """The leaves, from left to right; None is a leaf.

    >>> flatten({"b": [1, (2, None)], "a": 3})
    [3, 1, 2, None]
    """
    if not is_nested(structure):
        return [structure]
    leaves: list[Any] = []
    for child in _children(structure):
        if is_nested(child):
            leaves.extend(flatten(child))
        else:
            leaves.append(child)
    return leaves


def flatten_with_path(structure: Any) -> list[tuple[Path, Any]]:
    """Pairs of a leaf's path (keys and indices) and the leaf.

    >>> flatten_with_path({"a": [1, 2]})
    [(('a', 0), 1), (('a', 1), 2)]
    """

    def walk(node: Any, path: Path) -> Iterator[tuple[Path, Any]]:
        if not is_nested(node):
            yield path, node
            return
        for key, child in zip(_keys(node), _children(node)):
            yield from walk(child, (*path, key))

    return list(walk(structure, ()))


def _differ(expected: str, first: Any, other: Any) -> ValueError:
    return ValueError(
        f"tree: the structures are nested otherwise: expected {expected} like {first!r}, got {other!r} of "
        f"type {type(other).__name__}."
    )


def _check_alike(first: Any, other: Any) -> None:
    """Raise a ValueError where two containers are not of one kind and size."""
    if isinstance(first, Container) or isinstance(other, Container):
        kind = type(first)
        alike = type(other) is kind
    else:
        kind = type(first) if _is_named_tuple(first) else next(c for c in _CONTAINERS if isinstance(first, c))
        alike = isinstance(other, kind) and _is_named_tuple(first) == _is_named_tuple(other)
    if not alike:
        what = "namedtuple " if _is_named_tuple(first) else ""
        raise _differ(f"a {what}{kind.__name__}", first, other)
    if isinstance(first, dict):
        if set(first) != set(other):
            raise ValueError(
                f"tree: the structures are nested otherwise, by the keys of a dict: {list(first)} "
                f"against {list(other)}."
            )
    elif len(first) != len(other):
        raise ValueError(
            "tree: the structures are nested otherwise, by the number of entries: "
            f"{first!r} has {len(first)}, {other!r} has {len(other)}."
        )


def _aligned(first: Any, other: Any) -> list[Any]:
    """The children of ``other`` in the order of visit of ``first``."""
    return [other[k] for k in _keys(first)] if isinstance(first, dict) else list(other)


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """Apply ``func`` to the corresponding leaves of structures of one form.

    Args:
        func: takes as many leaves as there are structures.
        structures: one or more.
        none_is_leaf: False: leave None alone.

    Raises:
        ValueError: if there are no structures or they differ in form.
        TypeError: if ``func`` cannot be called.

    >>> map_structure(lambda x, y: x + y, {"a": 1, "b": [2]}, {"a": 10, "b": [20]})
    {'a': 11, 'b': [22]}
    """
    if not callable(func):
        raise TypeError(f"map_structure: `func` must be callable, got {func!r}.")
    if not structures:
        raise ValueError("map_structure: at least one structure is needed.")
    return _map(func, structures, none_is_leaf)


def _map(func: Callable[..., Any], structures: tuple[Any, ...], none_is_leaf: bool) -> Any:
    first = structures[0]
    if not is_nested(first):
        if first is None and not none_is_leaf:
            if any(s is not None for s in structures):
                raise _differ("None", first, structures[1])
            return None
        for other in structures[1:]:
            if is_nested(other):
                raise _differ("a leaf", first, other)
        return func(*structures)
    for other in structures[1:]:
        _check_alike(first, other)
    columns = [_aligned(first, s) for s in structures]
    return _rebuild(first, [_map(func, row, none_is_leaf) for row in zip(*columns)])


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """Apply ``func`` where ``shallow_structure`` has its leaves, to whatever the others have there.

    >>> map_structure_up_to([0, 0], lambda x: x, [1, [2, 3]])
    [1, [2, 3]]
    """
    if not structures:
        raise ValueError("map_structure_up_to: at least one structure besides the shallow one is needed.")
    if not is_nested(shallow_structure):
        return func(*structures)
    for other in structures:
        _check_alike(shallow_structure, other)
    columns = [_aligned(shallow_structure, s) for s in structures]
    mapped = [map_structure_up_to(s, func, *row) for s, row in zip(_children(shallow_structure), zip(*columns))]
    return _rebuild(shallow_structure, mapped)


def assert_same_structure(a: Any, b: Any, check_types: bool | None = None) -> None:
    """Raise a ValueError unless ``a`` and ``b`` have one form; leaves may differ. ``check_types`` is ignored.

    >>> assert_same_structure([1, (2, 3)], [4, (5, 6)])
    """
    map_structure(lambda x, y: None, a, b)


def assert_same_paths(a: Any, b: Any) -> None:
    """Raise a ValueError unless the leaves of ``a`` and ``b`` have the same paths; container types may differ.

    >>> assert_same_paths([1, (2, 3)], (4, [5, 6]))
    """
    paths_a = {path for path, _ in flatten_with_path(a)}
    paths_b = {path for path, _ in flatten_with_path(b)}
    if paths_a != paths_b:
        only_a, only_b = sorted(map(str, paths_a - paths_b)), sorted(map(str, paths_b - paths_a))
        raise ValueError(
            f"tree: the structures have other paths: in the first only: {only_a}, in the second only: {only_b}."
        )


def pack_sequence_as(structure: Any, flat_sequence: Any) -> Any:
    """The leaves of ``flat_sequence`` in the form of ``structure``.

    Raises:
        TypeError: if ``flat_sequence`` is no sequence.
        ValueError: if it has another number of leaves than ``structure``.

    >>> pack_sequence_as([0, (0, 0)], [1, 2, 3])
    [1, (2, 3)]
    """
    if not isinstance(flat_sequence, (list, tuple, deque)):
        raise TypeError(
            f"pack_sequence_as: `flat_sequence` must be an iterable of leaves, a list or tuple, got {flat_sequence!r}."
        )
    if not is_nested(structure):
        structure = None
    count = len(flatten(structure))
    if count != len(flat_sequence):
        raise ValueError(
            f"pack_sequence_as: `flat_sequence` has {len(flat_sequence)} leaves, but the structure holds {count}."
        )
    leaves = iter(flat_sequence)
    return _map(lambda _: next(leaves), (structure,), True)


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """Visit every container and leaf; where ``func`` returns something, it replaces what was visited.

    Args:
        func: returns None for "go on below", a value to put in place, or `MAP_TO_NONE` to put None in place.
        structure: what to visit.
        top_down: whether containers are visited before what is in them.

    >>> traverse(lambda x: sum(x) if isinstance(x, list) else None, {"a": [1, 2], "b": 3})
    {'a': 3, 'b': 3}
    """
    if not callable(func):
        raise TypeError(f"traverse: `func` must be callable, got {func!r}.")
    if top_down:
        replaced = func(structure)
        if replaced is None:
            if not is_nested(structure):
                return structure
            return _rebuild(structure, [traverse(func, child) for child in _children(structure)])
    else:
        if is_nested(structure):
            structure = _rebuild(structure, [traverse(func, child, False) for child in _children(structure)])
        replaced = func(structure)
        if replaced is None:
            return structure
    return None if replaced is MAP_TO_NONE else replaced


def lists_to_tuples(structure: Any) -> Any:
    """``structure`` with every list a tuple.

    >>> lists_to_tuples([1, [2, {"a": [3]}]])
    (1, (2, {'a': (3,)}))
    """

    def to_tuple(node: Any) -> Any:
        return tuple(node) if isinstance(node, list) else None

    return traverse(to_tuple, structure, top_down=False)


def is_shape(node: Any) -> bool:
    """Whether ``node`` is a shape: a list or tuple of integers and Nones."""
    return isinstance(node, (list, tuple)) and all(d is None or isinstance(d, int) for d in node)


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """Apply ``func`` to each shape in a structure of shapes: tuples and lists of integers and Nones, and other leaves.

    >>> map_shape_structure(len, {"a": (None, 3), "b": [(1, 2, 3)]})
    {'a': 2, 'b': [3]}
    """
    if is_shape(structure) or not is_nested(structure):
        return func(structure)
    return _rebuild(structure, [map_shape_structure(func, child) for child in _children(structure)])
