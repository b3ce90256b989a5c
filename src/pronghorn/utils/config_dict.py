"""Settings by name and as attributes."""

from __future__ import annotations

import json
from collections.abc import ItemsView, KeysView, ValuesView
from typing import Any

from pronghorn._lazy import nearest_clause


class Config:
    """A dict whose entries are attributes too, and which can be frozen.

    >>> settings = Config(learning_rate=0.1, layers=[64, 64])
    >>> settings.learning_rate, settings["layers"]
    (0.1, [64, 64])
    """

    __attrs__ = ("__config__", "__frozen__")

    def __init__(self, **kwargs: Any) -> None:
        object.__setattr__(self, "__config__", dict(kwargs))
        object.__setattr__(self, "__frozen__", False)

    @property
    def frozen(self) -> bool:
        """Whether changes are refused."""
        return object.__getattribute__(self, "__frozen__")

    def freeze(self) -> None:
        """Refuse changes from now on."""
        object.__setattr__(self, "__frozen__", True)

    def unfreeze(self) -> None:
        """Allow changes again."""
        object.__setattr__(self, "__frozen__", False)

    def _entries(self, change: str | None = None) -> dict[str, Any]:
        if change is not None and self.frozen:
            raise ValueError(f"Config: cannot {change}, it is frozen; call unfreeze() first.")
        return object.__getattribute__(self, "__config__")

    def as_dict(self) -> dict[str, Any]:
        """Return a copy as a plain dict."""
        return dict(self._entries())

    def to_json(self) -> str:
        """Return the entries as JSON."""
        return json.dumps(self._entries())

    def keys(self) -> KeysView[str]:
        """Return the names."""
        return self._entries().keys()

    def values(self) -> ValuesView[Any]:
        """Return the values."""
        return self._entries().values()

    def items(self) -> ItemsView[str, Any]:
        """Return names and values."""
        return self._entries().items()

    def get(self, key: str, default: Any = None) -> Any:
        """Return an entry, or `default` where there is none."""
        return self._entries().get(key, default)

    def pop(self, *args: Any) -> Any:
        """Take an entry out."""
        return self._entries("take out an entry").pop(*args)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several entries."""
        self._entries("update").update(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        entries = self._entries()
        if name not in entries:
            raise AttributeError(f"Config: there is no entry {name!r}{nearest_clause(name, entries)}.")
        return entries[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self._entries(f"set {name!r}")[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self._entries(f"delete {name!r}")[name]
        except KeyError:
            raise AttributeError(f"Config: there is no entry {name!r}.") from None

    def __getitem__(self, key: str) -> Any:
        return self._entries()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._entries(f"set {key!r}")[key] = value

    def __delitem__(self, key: str) -> None:
        del self._entries(f"delete {key!r}")[key]

    def __contains__(self, key: object) -> bool:
        return key in self._entries()

    def __iter__(self) -> Any:
        return iter(self._entries().copy())

    def __len__(self) -> int:
        return len(self._entries())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and self.as_dict() == other.as_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Config {self._entries()!r}>"
