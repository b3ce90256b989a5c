"""What a function's results depend on besides its arguments: its code, and what its closure and globals hold.

`Survey` takes this apart. Arrays in closures, defaults, globals, bound arguments and containers of these are inputs:
the function can be made again with other arrays in their place. All else is part of the key: numbers and text by
value, functions by their code and what they hold in turn, layers by identity and version, other objects by identity
and by what their attributes hold. Arrays in attributes are part of the key by identity.
"""

from __future__ import annotations

import functools
import io
import random
import types
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import numpy as np

from pronghorn._packages import is_ours
from pronghorn.engine.graph.layout import has_numbers
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.user_code import defined_in
from pronghorn.layers.state import StatefulOperation
from pronghorn.layers.versions import version_of
from pronghorn.symbolic.keras_tensor import KerasTensor
from pronghorn.variables import Variable

#: So many objects are looked at; a function that reaches more is not taken apart.
MOST_OBJECTS = 4096

Make = Callable[[Sequence[Any]], Any]
"""Makes an object again, with these in place of the arrays of a survey."""


class NotTakenApart(Exception):
    """The function holds something that changes when it is used, or more than can be looked at."""


class Survey:
    """What functions depend on besides their arguments.

    Attributes:
        arrays: the arrays that can be replaced.
        objects: what the key has by identity; it holds while these live.

    Raises:
        NotTakenApart: for what cannot be told.

    >>> def scaled(by):
    ...     return lambda x: x * by
    >>> one, other = Survey(scaled(np.float32([1, 2]))), Survey(scaled(np.float32([3, 4])))
    >>> one.key == other.key, Survey(scaled(2)).key == Survey(scaled(3)).key
    (True, False)
    >>> (again,) = one.functions(other.arrays)
    >>> again(10)
    array([30., 40.], dtype=float32)
    """

    def __init__(self, *functions: Any):
        self._parts: list[Hashable] = []
        self._made: dict[int, tuple[int, Make | None]] = {}  # by identity: a number, and how to make it again
        self._open: set[int] = set()
        self._is_circular = False
        self.arrays: list[np.ndarray] = []
        self.objects: list[Any] = []
        self._given = functions
        self._makers = [self._look(function) for function in functions]
        if self._is_circular and self.arrays:
            raise NotTakenApart

    @property
    def key(self) -> Hashable:
        """Equal for functions that do the same with the same arguments and arrays."""
        return tuple(self._parts)

    def stamp(self) -> Hashable:
        """Tells apart states of what the functions hold: the key, and which arrays there are."""
        return self.key, tuple(map(id, self.arrays))

    def functions(self, arrays: Sequence[Any]) -> list[Any]:
        """The functions with others in place of the arrays."""
        return [x if make is None else make(arrays) for x, make in zip(self._given, self._makers)]

    def _look(self, x: Any) -> Make | None:
        """Take an object apart; how to make it again, or None where it has no arrays."""
        add = self._parts.append
        if x is None or isinstance(x, (bool, int, str, bytes, range)):
            add((type(x), x))
            return None
        if isinstance(x, (float, complex, slice, np.dtype)):
            add((type(x), repr(x)))  # -0.0 is not 0.0, and NaN is itself
            return None
        if isinstance(x, np.generic):
            add((x.dtype, x.tobytes()))
            return None
        if isinstance(x, Tensor | np.ndarray):
            return self._array(x)
        if id(x) in self._made:
            number, make = self._made[id(x)]
            self._is_circular |= id(x) in self._open
            add(("again", number))
            return make
        if len(self._made) >= MOST_OBJECTS:
            raise NotTakenApart
        number = len(self._made)
        self._made[id(x)] = number, None
        self._open.add(id(x))
        make = self._inside(x)
        self._open.discard(id(x))
        self._made[id(x)] = number, make
        return make

    def _array(self, x: Any) -> Make:
        array = x.data if isinstance(x, Tensor) else x
        if not isinstance(array, np.ndarray) or not has_numbers(array):
            raise NotTakenApart
        place = len(self.arrays)
        self.arrays.append(array)
        self._parts.append("array")
        return lambda arrays: arrays[place]

    def _inside(self, x: Any) -> Make | None:
        add = self._parts.append
        if type(x) in (list, tuple):
            add((type(x), len(x)))
            return self._made_of(x, x, type(x))
        if type(x) is dict:
            add((dict, len(x)))
            for key in x:
                if self._look(key) is not None:
                    raise NotTakenApart
            return self._made_of(x, list(x.values()), lambda values: dict(zip(x, values)))
        if isinstance(x, types.FunctionType):
            return self._function(x)
        if isinstance(x, types.MethodType):
            add(types.MethodType)
            return self._made_of(x, [x.__func__, x.__self__], lambda parts: types.MethodType(*parts))
        if isinstance(x, functools.partial):
            add(functools.partial)
            parts = [x.func, *x.args, *x.keywords.values()]
            add((len(x.args), tuple(x.keywords)))
            count = 1 + len(x.args)
            return self._made_of(
                x, parts, lambda p: functools.partial(p[0], *p[1:count], **dict(zip(x.keywords, p[count:])))
            )
        self._by_identity(x)
        if isinstance(x, type | types.ModuleType | types.BuiltinFunctionType | Variable):
            return None
        if isinstance(x, StatefulOperation):
            add(version_of(x) if hasattr(x, "_flatten_layers") else x._tracker.stamp)
            return None
        if isinstance(x, _CHANGING) or hasattr(x, "__next__"):
            raise NotTakenApart
        self._attributes(x)
        return None

    def _made_of(self, x: Any, parts: Sequence[Any], join: Callable[[list[Any]], Any]) -> Make | None:
        makers = [self._look(part) for part in parts]
        if all(make is None for make in makers):
            return None
        return lambda arrays: join([p if make is None else make(arrays) for p, make in zip(parts, makers)])

    def _function(self, fn: types.FunctionType) -> Make | None:
        is_own = is_ours(defined_in(fn))
        if is_own and fn.__closure__ is None:
            self._by_identity(fn)
            return None
        named = {} if is_own else {name: fn.__globals__[name] for name in _names(fn.__code__) if name in fn.__globals__}
        cells = [cell for cell in fn.__closure__ or () if cell != _EMPTY]
        defaults, keywords = fn.__defaults__ or (), fn.__kwdefaults__ or {}
        self._parts.append((fn.__code__, tuple(named), len(cells), len(defaults), tuple(keywords)))
        counts = len(named), len(cells), len(defaults)

        def join(parts: list[Any]) -> types.FunctionType:
            rest = iter(parts)
            first = [[next(rest) for _ in range(count)] for count in counts]
            others = {name: new for name, new in zip(named, first[0]) if new is not named[name]}
            mine = fn.__globals__ | others if others else fn.__globals__
            kept = iter(first[1])
            closure = tuple([cell if cell == _EMPTY else types.CellType(next(kept)) for cell in fn.__closure__ or ()])
            made = types.FunctionType(fn.__code__, mine, fn.__name__, tuple(first[2]) or None, closure or None)
            made.__kwdefaults__ = dict(zip(keywords, rest)) or None
            return made

        values = [*named.values(), *(cell.cell_contents for cell in cells), *defaults, *keywords.values()]
        return self._made_of(fn, values, join)

    def _attributes(self, x: Any) -> None:
        """What an object's attributes hold; their arrays stay where they are."""
        for name, value in _attributes(x):
            self._parts.append(name)
            if isinstance(value, Tensor) and isinstance(value.data, np.ndarray):
                self._by_identity(value.data)
            elif self._look(value) is not None:  # somebody may write into NumPy's arrays
                raise NotTakenApart

    def _by_identity(self, x: Any) -> None:
        self._parts.append(id(x))
        self.objects.append(x)


_EMPTY = types.CellType()
_CHANGING = (
    *(io.IOBase, random.Random, np.random.Generator, np.random.RandomState, np.random.BitGenerator),
    *(KerasTensor, types.CoroutineType, types.FrameType),
)


def _names(code: types.CodeType) -> Iterator[str]:
    """The global names (and names of attributes) that a function's code and that of functions in it have."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _attributes(x: Any) -> Iterator[tuple[str, Any]]:
    yield from getattr(x, "__dict__", {}).items()
    for kind in type(x).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(x, name):
                yield name, getattr(x, name)
