"""Options of data sets, of which there are none."""

from __future__ import annotations

from typing import Any


class Options:
    """`tf.data.Options`: takes any attribute, and means nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        inner = Options()
        setattr(self, name, inner)
        return inner
