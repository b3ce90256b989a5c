"""Versions of layers: what is made of a layer's calls, such as compiled functions, holds while its version stays.

A version is of a layer and all below it. Every attribute that is set on one of them makes a new version, and so does
what comes into their lists and dicts; no other layer does. Where a function of the user's, such as an activation, may
read any object, every layer's change makes one. Changes of other objects that such functions read are not noticed.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from pronghorn._packages import is_ours
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.layers.state import StatefulOperation
from pronghorn.layers.tracking import changes
from pronghorn.symbolic.keras_tensor import KerasTensor
from pronghorn.variables import Variable


class Version(NamedTuple):
    """What calls of a layer depend on besides their arguments and the values of variables.

    Attributes:
        stamps: of the last changes of the layer and those below; `last`, too, where every layer's change counts.
        trainable: which of these layers are to be trained. It is apart since programs go to and fro between them.
    """

    stamps: tuple[int, ...]
    trainable: tuple[bool, ...]


class _Known:
    """What is remembered of a layer, while no layer at all changes without looking again."""

    __slots__ = ("further", "last", "stamps", "version")

    def __init__(self, last: int, version: Version, stamps: tuple[int, ...], further: bool | None):
        self.last, self.version, self.stamps, self.further = last, version, stamps, further


def version_of(layer: Any) -> Version:
    """The version of a layer: the same object until something has changed.

    >>> from pronghorn import layers
    >>> layer, other = layers.ReLU(), layers.ReLU()
    >>> before = version_of(layer)
    >>> other.threshold = 2.0
    >>> version_of(layer) is before
    True
    >>> layer.threshold = 2.0
    >>> version_of(layer) == before
    False
    """
    known: _Known | None = layer._tracker.version
    if known is not None and known.last == changes.last:
        return known.version
    last = changes.last  # before looking: what changes meanwhile is seen the next time
    below = layer._flatten_layers()
    stamps = tuple([x._tracker.stamp for x in below])
    further = None  # it takes a while to tell, so it is not asked before something else has changed
    if known is not None and known.stamps == stamps:
        further = _reaches_further(below) if known.further is None else known.further
    version = Version((*stamps, last) if further else stamps, tuple([x.__dict__.get("_trainable") for x in below]))
    if known is not None and known.version == version:
        version = known.version
    layer._tracker.version = _Known(last, version, stamps, further)
    return version


_NOT_READ = frozenset(
    (
        *("_tracker", "_trainer_state", "_compiled_calls", "_init_arguments", "_losses", "history"),
        *("_inbound_nodes", "_outbound_nodes", "_parents", "_graph"),
    )
)
"""What no call of a layer or a model reads, or what is made of the layers below: the graph of a `Sequential`."""

_VALUES = (
    *(bool, int, float, complex, str, bytes, type(None), type(...), range, slice),
    *(np.ndarray, np.generic, np.dtype, Tensor, KerasTensor, Variable),
)


def _reaches_further(layers: Sequence[Any]) -> bool:
    """Whether calls of layers may read other layers: by a function or an object that is not Pronghorn's own."""
    below = {id(layer) for layer in layers}
    left = [value for layer in layers for value in _parts(layer)]
    seen: set[int] = set()
    while left:
        x = left.pop()
        if isinstance(x, _VALUES) or id(x) in seen or id(x) in below:
            continue
        seen.add(id(x))
        if isinstance(x, StatefulOperation):
            return True
        inside = _inside(x)
        if inside is None:
            return True
        left += inside
    return False


def _inside(x: Any) -> Iterable[Any] | None:
    """What an object holds that a call may read; None where that cannot be told."""
    if isinstance(x, (list, tuple, set, frozenset)):
        return x
    if isinstance(x, dict):
        return x.values()
    if isinstance(x, types.FunctionType):
        if not is_ours(x.__module__):
            return None
        if "<locals>" not in x.__qualname__:  # such as an op, which keeps how it was called, in closures of our own
            return ()
        cells = [cell.cell_contents for cell in x.__closure__ or () if cell != _EMPTY]
        return [*cells, *(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values()]
    if isinstance(x, types.MethodType):
        return x.__self__, x.__func__
    if isinstance(x, functools.partial):
        return x.func, x.args, x.keywords
    if isinstance(x, type):
        return () if is_ours(x.__module__) or x.__module__ in ("builtins", "numpy") else None
    return _parts(x) if is_ours(type(x).__module__) else None


_EMPTY = types.CellType()


def _parts(x: Any) -> Iterable[Any]:
    """The values of an object's attributes."""
    values = [value for name, value in getattr(x, "__dict__", {}).items() if name not in _NOT_READ]
    for kind in type(x).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(x, name):
                values.append(getattr(x, name))
    return values
