"""What `tf.saved_model.load` gives: objects with the variables and the functions that were saved."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from pronghorn import tree
from pronghorn.data.tensor_spec import TensorShape, TensorSpec
from pronghorn.export.stored.program import Program
from pronghorn_tensorflow.program.compiled import tensor_for
from pronghorn_tensorflow.program.concrete import is_same
from pronghorn_tensorflow.program.objects import Module


class Loaded(Module):
    """An object of a folder: its variables, functions, and objects are attributes."""

    signatures: Mapping[str, LoadedSignature]
    saved_call: LoadedFunction | None = None
    variables: Sequence[Any] = ()  # in the place of properties, for those that were saved
    trainable_variables: Sequence[Any] = ()
    non_trainable_variables: Sequence[Any] = ()

    def list_variables(self, every: Sequence[Any]) -> None:
        """Set what lists variables, where nothing that was saved has the name."""
        lists = {
            "variables": every,
            "trainable_variables": [v for v in every if v.trainable],
            "non_trainable_variables": [v for v in every if not v.trainable],
        }
        vars(self).update({name: found for name, found in lists.items() if name not in vars(self)})


def loaded_class(call: LoadedFunction | None) -> type[Loaded]:
    """A class whose objects can be called where what was saved could be."""
    if call is None:
        return Loaded
    members = {"__call__": lambda self, *args, **kwargs: call(*args, **kwargs), "saved_call": call}
    return type("Loaded", (Loaded,), members)


class LoadedFunction:
    """A `tf.function` that was loaded: it takes the arguments that it was saved for.

    Args:
        name: the function's.
        signature: its parameters, as they were written.
        programs: what it computes, by the kinds of arguments.
    """

    def __init__(self, name: str, signature: inspect.Signature, programs: list[Program]) -> None:
        self.name = self.__name__ = name
        self.signature, self.programs = signature, programs

    def __repr__(self) -> str:
        return f"<tf.function {self.name!r}, loaded, for {len(self.programs)} kinds of arguments>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        problems = []
        for program in self.programs:
            try:
                values = fitting(program, (bound.args, bound.kwargs))
            except (TypeError, ValueError) as error:
                problems.append(str(error))
                continue
            return program(values)
        kinds = "; ".join(_shown(program) for program in self.programs) or "none, since it had not been called"
        raise ValueError(
            f"{self.name}: it was saved for other arguments than these: {problems[0] if problems else 'any'} It was "
            f"saved for: {kinds}. Call it with such arguments before it is saved, or give it an input_signature with "
            "None for extents that vary."
        )


class LoadedSignature:
    """A signature: it takes tensors by name and gives a dict of tensors."""

    def __init__(self, name: str, programs: list[Program]) -> None:
        self.name, self.programs = name, programs

    def __repr__(self) -> str:
        return f"<signature {self.name!r}: {_shown(self.programs[0])} -> {', '.join(self.programs[0].outputs)}>"

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        names = self.programs[0].inputs
        if len(args) > 1 or (args and len(names) != 1):
            raise TypeError(f"signature {self.name!r}: tensors are given by name: {', '.join(names)}.")
        given = dict(zip(names, args)) | kwargs
        if set(given) != set(names) or len(args) + len(kwargs) != len(names):
            raise TypeError(f"signature {self.name!r}: it takes {', '.join(names)}; got {', '.join(given) or 'none'}.")
        problem: Exception | None = None
        for program in self.programs:
            try:
                values = [tensor_for(name, given[name], spec) for name, spec in zip(names, program.specs)]
            except (TypeError, ValueError) as error:
                problem = problem or error
                continue
            return dict(zip(program.outputs, program.flat(values)))
        assert problem is not None
        raise problem

    @property
    def structured_input_signature(self) -> tuple[tuple[()], dict[str, TensorSpec]]:
        """The tensors' descriptions, by name."""
        program = self.programs[0]
        return (), {n: TensorSpec(s.shape, s.dtype, name=n) for n, s in zip(program.inputs, program.specs)}

    @property
    def structured_outputs(self) -> dict[str, TensorSpec]:
        """The results' descriptions, by name."""
        program = self.programs[0]
        return {name: _described(value, name) for name, value in zip(program.outputs, program.graph.outputs)}

    @property
    def variables(self) -> tuple[Any, ...]:
        """The variables that it uses."""
        return tuple(dict.fromkeys(v for program in self.programs for v in program.variables))

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        """Those that are trained."""
        return tuple(v for v in self.variables if v.trainable)


def _described(value: Any, name: str) -> TensorSpec:
    return TensorSpec(TensorShape([n if isinstance(n, int) else None for n in value.shape]), value.dtype, name=name)


def fitting(program: Program, arguments: tuple[tuple[Any, ...], dict[str, Any]]) -> list[Any]:
    """The tensors among the arguments, as a program takes them.

    Raises:
        TypeError, ValueError: if they do not fit.
    """
    found: list[Any] = []

    def take(value: Any, spec: Any) -> None:
        if isinstance(spec, TensorSpec):
            found.append(tensor_for(program.name, value, spec))
        elif not is_same(value, spec):
            raise TypeError(f"{program.name}: {spec!r} is part of what was saved; the call has {value!r}.")

    tree.map_structure_up_to(program.arguments, take, arguments, program.arguments)
    return found


def _shown(program: Program) -> str:
    args, kwargs = program.arguments
    shown = [repr(x) for x in args] + [f"{key}={x!r}" for key, x in kwargs.items()]
    return f"({', '.join(shown)})"
