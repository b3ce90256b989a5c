"""The functions of `pronghorn.ops` in functional models, as Keras's files spell them.

Keras has a class for each function; a file names the class, the arguments that are its settings, and those of the call.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pronghorn


class KerasOperation(NamedTuple):
    """How a file spells a function.

    Attributes:
        function: its path below `pronghorn`, such as ``"ops.mean"`` or ``"ops.image.resize"``.
        module: the module in the file, such as ``"keras.src.ops.numpy"``.
        name: the class in the file, such as ``"Mean"``.
        settings: the arguments that belong to the class; the others belong to the call.
    """

    function: str
    module: str
    name: str
    settings: tuple[str, ...]


@functools.cache
def _table() -> dict[str, KerasOperation]:
    text = Path(__file__).with_name("keras_operations.txt").read_text(encoding="utf-8")
    rows = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            function, path, *settings = line.split()
            module, _, name = path.rpartition(".")
            rows[function] = KerasOperation(function, f"keras.src.{module}", name, tuple(settings))
    return rows


@functools.cache
def _by_class() -> dict[tuple[str, str], KerasOperation]:
    return {(row.module, row.name): row for row in _table().values()}


@functools.cache
def _by_function() -> dict[Callable[..., Any], KerasOperation]:
    return {inspect.unwrap(_public(path)): row for path, row in _table().items()}


def _public(path: str) -> Callable[..., Any]:
    return functools.reduce(getattr, path.split("."), pronghorn)  # type: ignore[arg-type]


def find_row(function: str | None = None, class_name: str | None = None) -> KerasOperation | None:
    """A row of the table, by the function's path (``"ops.mean"``) or by the class alone; None if there is none."""
    if function is not None:
        return _table().get(function)
    return next((row for row in _table().values() if row.name == class_name), None)


def function_of(module: str, name: str) -> Callable[..., Any] | None:
    """Our function that an entry of a file means, or None.

    Args:
        module: such as ``"keras.src.ops.numpy"``.
        name: of the class.

    >>> function_of("keras.src.ops.numpy", "Mean").__name__
    'mean'
    """
    row = _by_class().get((module, name))
    return None if row is None else _public(row.function)


class WithSettings:
    """A function some of whose arguments are known: what an entry of a file describes.

    Args:
        fn: one of `pronghorn.ops`.
        settings: those arguments, by name.
    """

    def __init__(self, fn: Callable[..., Any], settings: Mapping[str, Any]) -> None:
        self.fn, self.settings = fn, dict(settings)
        self.__name__ = fn.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = self.arguments(args, kwargs)
        return self.fn(*args, **kwargs)

    def arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], dict[str, Any]]:
        """The arguments of the whole call. Those given by position fill the places that no setting has."""
        rest, placed = list(args), []
        left = dict(self.settings)
        for name, parameter in inspect.signature(inspect.unwrap(self.fn)).parameters.items():
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                placed, rest = placed + rest, []
            elif not rest:
                break
            else:
                placed.append(left.pop(name) if name in left else rest.pop(0))
        return placed + rest, {**left, **kwargs}


def spell(
    fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[KerasOperation, dict[str, Any], list[Any], dict[str, Any]] | None:
    """How Keras writes a call of a function.

    Args:
        fn: one of `pronghorn.ops`.
        args: what it was called with.
        kwargs: likewise.

    Returns:
        The row of the table, the class's settings, and the arguments of the call; None for other functions.

    >>> spell(_public("ops.mean"), ["x", 1], {"keepdims": True})[1:]
    ({'axis': 1, 'keepdims': True}, ['x'], {})
    """
    if isinstance(fn, WithSettings):
        args, kwargs = fn.arguments(args, kwargs)
        fn = fn.fn
    row = _by_function().get(inspect.unwrap(fn))
    if row is None:
        return None
    signature = inspect.signature(inspect.unwrap(fn))
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:
        return None
    given = set(bound.arguments)
    bound.apply_defaults()
    settings, call_args, call_kwargs, skipped = {}, [], {}, False
    for name, parameter in signature.parameters.items():
        value = bound.arguments[name]
        if name in row.settings:
            settings[name] = value
        elif parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            call_args += value
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            call_kwargs.update(value)
        elif name not in given:
            skipped = True
        elif skipped or parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            call_kwargs[name] = value
        else:
            call_args.append(value)
    return row, settings, call_args, call_kwargs
