"""Objects that occur several times in what is saved, such as a layer in two models, and are one again when loaded."""

from __future__ import annotations

import threading
from typing import Any

_ID = "shared_object_id"
_DESCRIBES = ("module", "class_name", "registered_name", "config")


class _Sharing(threading.local):
    def __init__(self) -> None:
        # By the object's id: the object, lest another one gets its id meanwhile, and what was written of it.
        self.written: dict[int, tuple[Any, dict[str, Any]]] | None = None
        self.made: dict[Any, Any] | None = None
        self.layers: dict[tuple[Any, Any], list[tuple[dict[str, Any], Any]]] = {}


_sharing = _Sharing()


class ObjectSharingScope:
    """A context in which an object that occurs several times stays one object through saving and loading."""

    def __enter__(self) -> ObjectSharingScope:
        self._outer = (_sharing.written, _sharing.made, _sharing.layers)
        if _sharing.written is None:
            _sharing.written, _sharing.made, _sharing.layers = {}, {}, {}
        return self

    def __exit__(self, *error: object) -> None:
        _sharing.written, _sharing.made, _sharing.layers = self._outer


def mark(obj: Any, entry: dict[str, Any]) -> None:
    """Have what is written of an object say that it was written before, if it was.

    Args:
        obj: what is saved.
        entry: its configuration.
    """
    if _sharing.written is None:
        return
    if id(obj) in _sharing.written:
        _sharing.written[id(obj)][1][_ID] = entry[_ID] = id(obj)
    else:
        _sharing.written[id(obj)] = (obj, entry)


def find(entry: dict[str, Any]) -> Any:
    """The object that was made before from an entry that means the same one, or None.

    In files of Keras the first of several entries often lacks the mark, so a layer is also known by its description,
    where only one layer has it.
    """
    shared = entry.get(_ID)
    if shared is None or _sharing.made is None:
        return None
    if shared in _sharing.made:
        return _sharing.made[shared]
    alike = [layer for before, layer in _sharing.layers.get(_key(entry), ()) if _same_object(before, entry)]
    return alike[0] if len(alike) == 1 else None


def remember(entry: dict[str, Any], instance: Any) -> None:
    """Have `find` find what was made from an entry."""
    if _sharing.made is None:
        return
    if entry.get(_ID) is not None:
        _sharing.made[entry[_ID]] = instance
    if getattr(instance, "is_known_by_description", False):
        _sharing.layers.setdefault(_key(entry), []).append((entry, instance))


def _key(entry: dict[str, Any]) -> tuple[Any, Any]:
    config = entry.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    return entry.get("class_name"), name if isinstance(name, str) else None


def _same_object(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return all(_same(left.get(key), right.get(key)) for key in _DESCRIBES)


def _same(left: Any, right: Any) -> bool:
    """Whether two pieces of a configuration say the same, but for the marks."""
    if isinstance(left, dict) and isinstance(right, dict):
        keys = (left.keys() | right.keys()) - {_ID}
        return all(key in left and key in right and _same(left[key], right[key]) for key in keys)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)
