"""Steps of a model's class that are programs of an engine's library: written with its arrays and its gradients.

Keras's models on JAX, PyTorch and TensorFlow are trained by steps of three styles. Which one a step is in is told by
its signature and by the libraries that its code names, before it runs (`engine_of_program`):

- ``train_step(self, state, data)`` is JAX's: a pure function of the variables' values.
- One that names PyTorch or TensorFlow is theirs where that library is the engine.
- Every other is written with `pronghorn.ops`, and is traced and compiled by any engine.

The code of methods and of functions of the same module that a step names is looked at too; other modules are not.

A step of the last kind may still ask an array for what only a library's arrays have: ``loss.backward()`` in a module
that does not import PyTorch. That shows when it does so, on an array of ours; the engine says whether its arrays have
it (`Engine.arrays_have`), and the step is its program from then on (`engine_asked`). A method `backward` of any other
object means nothing.
"""

from __future__ import annotations

import dis
import functools
import inspect
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from pronghorn.engine.backends import choice
from pronghorn.engine.backends.engine import ASKED, NAMES, ROOTS, engine
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.user_code import defined_in, is_own
from pronghorn.layers.state import ON_TORCH

_GRADIENTS = {"torch": ("backward", "autograd"), "tensorflow": ("GradientTape",)}
"""What a step that trains by a library's own gradients names beside the library."""

_MOST = 100  # functions that are looked at


def engine_of_program(model: Any, kind: str, chosen: str) -> str | None:
    """The engine of which a model's step is a program; None where the step is traced.

    Args:
        model: the model.
        kind: "train", "test" or "predict".
        chosen: the engine that is to run it.

    Raises:
        ValueError: it is a program for another engine than the chosen one.
    """
    cls = type(model)
    step = getattr(cls, f"{kind}_step")
    if is_own(step):
        return None
    if takes_state(step, cls):
        if chosen in ROOTS.values() and engine(chosen).takes_state:
            return chosen
        raise ValueError(_for_another(cls, step, "takes (state, data), as steps for JAX do", "jax", chosen))
    names = _names(cls, step)
    for name, words in _GRADIENTS.items():
        if name in names and name == chosen:
            return name
        if name in names and (found := next((word for word in words if word in names), None)):
            raise ValueError(_for_another(cls, step, f"trains with {name}'s own gradients ({found})", name, chosen))
    return None


def engine_asked(model: Any, kind: str, error: AttributeError, chosen: str) -> str | None:
    """The engine whose library's arrays a step takes ours for, as an error in it shows; None where it shows no such.

    Args:
        model: the model.
        kind: "train", "test" or "predict".
        error: what was raised where the step asked an object for what it does not have.
        chosen: the engine that runs the step.

    Raises:
        ValueError: it is written for another engine than the chosen one.
    """
    name = error.name or ""
    if isinstance(error.obj, Tensor):
        written_for = chosen if chosen in NAMES and engine(chosen).arrays_have(name) else ASKED.get(name)
    else:
        written_for = "torch" if error.obj is model and name in ON_TORCH else None
    if written_for in (None, chosen):
        return written_for
    cls = type(model)
    raise ValueError(_for_another(cls, getattr(cls, f"{kind}_step"), f"calls {name}()", written_for, chosen)) from error


def takes_state(step: Callable[..., Any], cls: type | None = None) -> bool:
    """Whether a step is a function of the state, too: it takes two arguments beside the model.

    One that takes any, ``train_step(self, *args)``, is what a method is that it calls and whose name ends like its own.
    """
    parameters = inspect.signature(step).parameters.values()
    named = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if cls is not None and len(named) == 1 and any(p.kind is p.VAR_POSITIONAL for p in parameters):
        code = getattr(inspect.unwrap(step), "__code__", None)
        names = {name for name, _ in _words(code) if name.endswith(step.__name__)} if code else set()
        called = (inspect.getattr_static(cls, name, None) for name in names)
        return any(isinstance(method, FunctionType) and takes_state(method) for method in called)
    return len([p for p in named if p.default is inspect.Parameter.empty]) == 3


def _for_another(cls: type, step: Any, reason: str, name: str, chosen: str) -> str:
    shown = choice.OWN if chosen in choice.OWN_WAYS else chosen
    return (
        f"{cls.__name__}.{step.__name__} {reason}, but the engine is {shown!r}. Choose the one it is written for: "
        f"KERAS_BACKEND={name} pronghorn run SCRIPT, keras.config.set_backend({name!r}), or "
        f"compile(..., backend={name!r}). Or write it with keras.ops and keras.GradientTape, which run on every engine."
    )


@functools.lru_cache(maxsize=256)
def _names(cls: type, step: Callable[..., Any]) -> frozenset[str]:
    """The engines whose libraries a step's code names, and all attributes that it asks for."""
    found: set[str] = set()
    seen: set[CodeType] = set()
    waiting: list[Any] = [step]
    while waiting and len(seen) < _MOST:
        function = inspect.unwrap(waiting.pop())
        if not isinstance(function, FunctionType) or function.__code__ in seen:
            continue
        seen.add(function.__code__)
        around = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
        for name, is_attribute in _words(function.__code__):
            if is_attribute:
                found.add(name)
                value = inspect.getattr_static(cls, name, None)
                value = getattr(value, "__func__", value)
            else:
                value = around.get(name)
                found |= {library} if (library := _library(name, value)) else set()
            if getattr(value, "__module__", None) in (step.__module__, cls.__module__):
                waiting.append(value)
    return frozenset(found)


def _words(code: CodeType) -> Iterator[tuple[str, bool]]:
    """The names in a function's code, and whether each is asked of an object."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "IMPORT_NAME"):
            yield str(instruction.argval), False
        elif instruction.opname in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"):
            yield str(instruction.argval), True
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _words(inner)


def _library(name: str, value: Any) -> str | None:
    """The engine whose library a name means: the module, or what is taken from it."""
    if value is None:
        return ROOTS.get(name.partition(".")[0])  # imported by the function itself
    if isinstance(value, ModuleType):
        if is_own(type(value)):  # our stand-in for TensorFlow
            return None
        return ROOTS.get(value.__name__.partition(".")[0])
    return ROOTS.get(defined_in(value).partition(".")[0])
