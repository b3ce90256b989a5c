"""How a layer notices the variables and layers that are put on it: as attributes, in lists, in dicts."""

from __future__ import annotations

import itertools
import sys
from collections import OrderedDict
from typing import Any

from pronghorn import layers
from pronghorn.tree import tree
from pronghorn.variables import Variable


def _class(module: str, name: str) -> type | None:
    """A class without importing its module: while nobody has, there is no instance."""
    return getattr(sys.modules.get(module), name, None)


_stamps = itertools.count(1)


class _Changes:
    """The stamp of the last change of any layer, for those who remember what layers compute.

    No stamp is given twice, so that who finds the one that was there has missed no change, of any thread.
    """

    last = 0


changes = _Changes


class Tracker:
    """Keeps what was put on a layer, sorted by kind and in order.

    Attributes:
        stamp: of the layer's last change; no other layer has had it.
        version: what `layers.versions` remembers of the layer.
    """

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self.stamp = next(_stamps)
        self.version: Any = None
        self.trainable_variables: list[Variable] = []
        self.non_trainable_variables: list[Variable] = []
        self.layers: list[Any] = []
        self.metrics: list[Any] = []
        self.seed_generators: list[Any] = []
        self.locked = False  # whether new variables and layers are refused
        self._known: set[int] = set()  # identities of what is in one of these lists

    def changed(self) -> None:
        """Note that an attribute of the layer, or what is in one, has changed."""
        self.stamp = changes.last = next(_stamps)  # in this order: who finds the second finds the first

    @staticmethod
    def noticed() -> None:
        """Have everyone look again who remembers what layers compute."""
        changes.last = next(_stamps)

    def _store_of(self, value: Any) -> list[Any] | None:
        if isinstance(value, Variable):
            return self.trainable_variables if value.trainable else self.non_trainable_variables
        metric = _class("pronghorn.metrics.metric", "Metric")
        if metric is not None and isinstance(value, metric):
            return self.metrics
        if isinstance(value, layers.Layer):
            return self.layers
        seed_generator = _class("pronghorn.random.seed_generator", "SeedGenerator")
        if seed_generator is not None and isinstance(value, seed_generator):
            return self.seed_generators
        return None

    def track(self, value: Any) -> Any:
        """Note ``value`` and what is in it; the value to store, with containers that go on noticing.

        Raises:
            ValueError: if something new comes to a layer whose state is complete.
        """
        store = self._store_of(value)
        if store is not None:
            if id(value) not in self._known:
                if self.locked and store is not self.metrics and store is not self.seed_generators:
                    raise ValueError(
                        f"{type(self.layer).__name__} {self.layer.name!r} is built already, so it cannot add new "
                        f"elements of state, such as {value!r}: make all variables and layers in __init__() or build()."
                    )
                self._known.add(id(value))
                store.append(value)
                self.changed()
            return value
        if isinstance(value, (list, tuple, dict, set)):
            return self._track_container(value)
        return value

    def _track_container(self, value: Any) -> Any:
        wrapper = _WRAPPERS.get(type(value))
        if wrapper is not None:
            return wrapper(value, self)
        if isinstance(value, tuple):
            entries = [self.track(entry) for entry in value]
            if all(a is b for a, b in zip(entries, value)):
                return value
            return type(value)(*entries) if hasattr(value, "_fields") else type(value)(entries)
        if getattr(value, "tracker", None) is not self:  # of a type of its own, which is kept
            for entry in list(value.values() if isinstance(value, dict) else value):
                self.track(entry)
        return value

    def untrack(self, value: Any) -> None:
        """Forget ``value``, if it is known."""
        store = self._store_of(value)
        if store is not None and id(value) in self._known:
            self._known.remove(id(value))
            for stored in (self.trainable_variables, self.non_trainable_variables, store):
                for position in reversed(range(len(stored))):  # mostly it is the last
                    if stored[position] is value:
                        del stored[position]
                        break
            self.changed()


class _Tracked(tree.Container):
    """A container whose entries belong to a layer. The layer is notified when entries are added or removed."""

    tracker: Tracker | None = None

    def _track(self, value: Any) -> Any:
        if self.tracker is None:
            return value
        self.tracker.changed()
        return self.tracker.track(value)

    def _untrack(self, value: Any) -> None:
        if self.tracker is not None:
            self.tracker.changed()
            self.tracker.untrack(value)


class TrackedList(_Tracked, list):
    """A list whose entries belong to a layer."""

    def __init__(self, values: Any = (), tracker: Tracker | None = None) -> None:
        self.tracker = tracker
        super().__init__(values if tracker is None else [tracker.track(v) for v in values])

    def append(self, value: Any) -> None:
        super().append(self._track(value))

    def insert(self, index: Any, value: Any) -> None:
        super().insert(index, self._track(value))

    def extend(self, values: Any) -> None:
        super().extend([self._track(v) for v in values])

    def __iadd__(self, values: Any) -> TrackedList:
        self.extend(values)
        return self

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            super().__setitem__(index, [self._track(v) for v in value])
        else:
            super().__setitem__(index, self._track(value))

    def remove(self, value: Any) -> None:
        self._untrack(value)
        super().remove(value)

    def pop(self, index: Any = -1) -> Any:
        value = super().pop(index)
        self._untrack(value)
        return value

    def clear(self) -> None:
        for value in self:
            self._untrack(value)
        super().clear()

    def __delitem__(self, index: Any) -> None:
        for value in self[index] if isinstance(index, slice) else [self[index]]:
            self._untrack(value)
        super().__delitem__(index)

    def __reduce__(self) -> Any:
        return list, (list(self),)


class TrackedDict(_Tracked, dict):
    """A dict whose values belong to a layer."""

    def __init__(self, values: Any = (), tracker: Tracker | None = None) -> None:
        self.tracker = tracker
        super().__init__()
        self.update(values)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, self._track(value))

    def update(self, *args: Any, **kwargs: Any) -> None:
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def __delitem__(self, key: Any) -> None:
        self._untrack(self[key])
        super().__delitem__(key)

    def pop(self, key: Any, *default: Any) -> Any:
        value = super().pop(key, *default)
        self._untrack(value)
        return value

    def popitem(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        key, value = super().popitem(*args, **kwargs)
        self._untrack(value)
        return key, value

    def clear(self) -> None:
        for value in self.values():
            self._untrack(value)
        super().clear()

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


class TrackedOrderedDict(TrackedDict, OrderedDict):
    """An ordered dict whose values belong to a layer."""

    def __reduce__(self) -> Any:
        return OrderedDict, (list(self.items()),)


class TrackedSet(_Tracked, set):
    """A set whose entries belong to a layer."""

    def __init__(self, values: Any = (), tracker: Tracker | None = None) -> None:
        self.tracker = tracker
        super().__init__(values if tracker is None else [tracker.track(v) for v in values])

    def add(self, value: Any) -> None:
        super().add(self._track(value))

    def update(self, *others: Any) -> None:
        for other in others:
            for value in other:
                self.add(value)

    def remove(self, value: Any) -> None:
        self._untrack(value)
        super().remove(value)

    def __reduce__(self) -> Any:
        return set, (set(self),)


_WRAPPERS: dict[type, Any] = {
    list: TrackedList,
    dict: TrackedDict,
    OrderedDict: TrackedOrderedDict,
    set: TrackedSet,
}
