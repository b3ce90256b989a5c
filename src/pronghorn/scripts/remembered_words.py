"""Functions of other libraries that change one word of a text, and are asked for the same words again and again.

KerasHub folds the case of each word in Python, letter by letter, which is most of the time that its lower-case word
pieces take without TensorFlow Text. So what such a function gave for a short word is kept.
"""

from __future__ import annotations

import functools
import importlib.abc
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

#: Modules, with their functions from a word to a word, which depend on nothing else.
_FUNCTIONS = {"keras_hub.src.utils.tensor_utils": ("casefold_utf8",)}
_MOST_WORDS, _LONGEST_WORD = 1 << 16, 64  # some 10 MB, of words that a text repeats


class RememberingFinder(importlib.abc.MetaPathFinder):
    """Finds these modules where they are, and has their functions remember words once they are imported."""

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        if fullname not in _FUNCTIONS:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = functools.partial(_run, spec.loader.exec_module)  # type: ignore[method-assign]
        return spec


def _run(run: Callable[[ModuleType], None], module: ModuleType) -> None:
    """Run a module, and wrap those of its functions that this version of it has."""
    run(module)
    for name in _FUNCTIONS[module.__name__]:
        function = getattr(module, name, None)
        if callable(function):
            setattr(module, name, remembering(function))


def remembering(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that keeps what another gave for short words.

    Args:
        function: from a word to what depends on nothing else.

    >>> calls = []
    >>> fold = remembering(lambda word: calls.append(word) or word.casefold())
    >>> fold("Word"), fold("Word"), calls
    ('word', 'word', ['Word'])
    """
    known = functools.lru_cache(_MOST_WORDS)(function)

    @functools.wraps(function)
    def remembered(word: Any, *args: Any, **kwargs: Any) -> Any:
        if type(word) is str and len(word) <= _LONGEST_WORD and not args and not kwargs:
            return known(word)
        return function(word, *args, **kwargs)

    return remembered
