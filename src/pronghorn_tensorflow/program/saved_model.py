"""`tf.saved_model`, for `pronghorn run`: functions and variables in a folder of Pronghorn's own, as data.

TensorFlow's SavedModels are graphs of TensorFlow's operations, which are not written or read here.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import pronghorn
from pronghorn import tree
from pronghorn.data.storing import path_of
from pronghorn.data.tensor_spec import TensorShape, TensorSpec
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.fingerprint import NotPlain
from pronghorn.export.signature import inference
from pronghorn.export.stored import folder
from pronghorn.export.stored.encoding import Writer
from pronghorn.export.stored.program import PURPOSE, Place, Program, names_of, program_of
from pronghorn.layers import Layer
from pronghorn.models import Model
from pronghorn_tensorflow.program.compiled import Function, Method, WithSignature
from pronghorn_tensorflow.program.concrete import ConcreteFunction
from pronghorn_tensorflow.program.loaded import Loaded, LoadedFunction, LoadedSignature, loaded_class
from pronghorn_tensorflow.program.objects import Module
from pronghorn_tensorflow.program.variables import Variable

DEFAULT_SERVING_SIGNATURE_DEF_KEY = "serving_default"
_FUNCTIONS = (Function, Method, WithSignature, ConcreteFunction, LoadedFunction)
_MOST_AXES = 6


class SaveOptions:
    """`tf.saved_model.SaveOptions`: what TensorFlow's files have and these do not."""

    def __init__(self, *ignored: Any, **ignored_too: Any) -> None:
        pass


LoadOptions = SaveOptions


# -- saving -----------------------------------------------------------------------------------------------------------
def save(obj: Any, export_dir: Any, signatures: Any = None, options: Any = None) -> None:
    """`tf.saved_model.save`: the variables and the `tf.function`s of an object, for `tf.saved_model.load`.

    Args:
        obj: a `tf.Module`, or a model or layer that has been built.
        export_dir: the folder; one of these that is there is replaced once the new one is whole.
        signatures: a `tf.function` with an input_signature, a concrete function, or a dict of these by name.
        options: nothing here.

    Raises:
        ValueError: for another object, a function without a signature among the signatures, or one whose results
            depend on extents that are not known.
        NotImplementedError: for what cannot be written as data.
    """
    if not isinstance(obj, Module | Layer):
        raise ValueError(
            f"tf.saved_model.save: obj is a {type(obj).__name__}; it must be a tf.Module, or a Keras layer or model. "
            "Put functions and variables into attributes of a tf.Module."
        )
    saving = _Saving()
    saving.object(obj)
    chosen = saving.signatures_of(obj, signatures)
    folder.write(Path(path_of(export_dir)), folder.Contents(saving.variables, saving.programs, saving.objects, chosen))


def write(model: Any, path: Path, input_signature: Any = None) -> str:
    """Write a model's inference for `load`, with the endpoint `serve`: what `model.export` does without TensorFlow.

    Args:
        model: the model.
        path: of the folder.
        input_signature: see `pronghorn.export.export_model`.

    Returns:
        What was written, in a few words.
    """
    saving = _Saving()
    saving.object(model, input_signature)
    chosen = {name: [0] for name in ("serve", DEFAULT_SERVING_SIGNATURE_DEF_KEY)}
    folder.write(path, folder.Contents(saving.variables, saving.programs, saving.objects, chosen))
    return (
        "a folder for tf.saved_model.load under Pronghorn, since TensorFlow is not installed; TensorFlow cannot read it"
    )


class _Saving:
    """Numbers variables, programs and objects, each once."""

    def __init__(self) -> None:
        self.variables: list[Any] = []
        self.programs: list[Program] = []
        self.objects: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._kept: list[Any] = []
        self._of_functions: dict[tuple[int, ...], list[int]] = {}

    def variable(self, variable: Any) -> int:
        known = self._numbers.get(id(variable))
        if known is None:
            known = self._numbers[id(variable)] = len(self.variables)
            self.variables.append(variable)
        return known

    def object(self, thing: Any, input_signature: Any = None) -> int | None:
        """The number of an object; None for what is not saved."""
        if id(thing) in self._numbers and not isinstance(thing, pronghorn.Variable):
            return self._numbers[id(thing)]
        if isinstance(thing, Module):
            return self._put(thing, "object", lambda: dict(_attributes(thing)))
        if isinstance(thing, Layer):
            return self._layer(thing, input_signature)
        if isinstance(thing, dict):
            return self._put(thing, "dict", lambda: {key: part for key, part in thing.items() if isinstance(key, str)})
        if isinstance(thing, list | tuple) and all(isinstance(x, pronghorn.Variable | Module) for x in thing):
            return self._put(thing, "list", lambda: {str(i): part for i, part in enumerate(thing)})
        if isinstance(thing, pronghorn.Variable):
            self.objects.append({"kind": "variable", "variable": self.variable(thing)})
            return len(self.objects) - 1
        return self._function(thing) if isinstance(thing, _FUNCTIONS) else None

    def _put(self, thing: Any, kind: str, parts: Any) -> int:
        number = self._numbers[id(thing)] = len(self.objects)
        self._kept.append(thing)
        self.objects.append(None)
        found = {key: self.object(part) for key, part in parts().items()}
        self.objects[number] = {"kind": kind, "parts": {k: n for k, n in found.items() if n is not None}}
        return number

    def _layer(self, layer: Any, input_signature: Any) -> int:
        if not layer.built:
            raise ValueError(
                f"tf.saved_model.save: {layer.name!r} has not been built, so that it has no variables yet. Call it on "
                "data first."
            )
        kinds = ("variables", "trainable_variables", "non_trainable_variables")
        functions = {name: part for name, part in _attributes(layer) if isinstance(part, WithSignature)}
        number = self._put(layer, "object", lambda: functions | {kind: list(getattr(layer, kind)) for kind in kinds})
        if isinstance(layer, Model) and number == 0:
            program = _of_inference(inference(layer, input_signature, purpose=PURPOSE), layer.name)
            parameters = [[f"inputs_{i}" if i else "inputs", 1, None] for i, _ in enumerate(program.arguments[0])]
            function = {"kind": "function", "name": layer.name, "parameters": parameters}
            self.objects.append(function | {"programs": self._added([program])})
            self.objects[0]["parts"] |= dict.fromkeys(("__call__", "serve"), len(self.objects) - 1)
        return number

    # -- functions ----------------------------------------------------------------------------------------------------
    def _function(self, function: Any) -> int:
        name, signature = _name_and_signature(function)
        parameters = []
        for parameter in signature.parameters.values():
            default: Any = {"none": True}
            if parameter.default is not inspect.Parameter.empty:
                try:
                    Writer().plain(parameter.default)
                    default = {"default": parameter.default}
                except NotPlain:
                    default = {"default": None}
            parameters.append([parameter.name, int(parameter.kind), default])
        programs = self._programs_of(function)
        self.objects.append({"kind": "function", "name": name, "parameters": parameters, "programs": programs})
        return len(self.objects) - 1

    def _programs_of(self, function: Any) -> list[int]:
        if isinstance(function, LoadedFunction):
            return self._added(function.programs)
        key = (id(function.python_function), *map(id, function.own)) if isinstance(function, WithSignature) else None
        if key is None or key not in self._of_functions:
            name, _ = _name_and_signature(function)
            found = [number for concrete in _concrete(function) for number in self._added(_traced(concrete, name))]
            if key is None:
                return found
            self._of_functions[key] = found
        return self._of_functions[key]

    def _added(self, programs: list[Program]) -> list[int]:
        for program in programs:
            for variable in program.variables:
                self.variable(variable)
        self.programs += programs
        return [*range(len(self.programs) - len(programs), len(self.programs))]

    # -- signatures ---------------------------------------------------------------------------------------------------
    def signatures_of(self, obj: Any, given: Any) -> dict[str, list[int]]:
        """The programs by the signatures' names."""
        if given is None:
            if isinstance(obj, Model):
                return {DEFAULT_SERVING_SIGNATURE_DEF_KEY: self._as_called([0])}
            found = [part for _, part in _attributes(obj) if isinstance(part, WithSignature | ConcreteFunction)]
            only = found[0] if len(found) == 1 else None
            is_one = only is not None and all(_problem(self.programs[n]) is None for n in self._programs_of(only))
            given = {DEFAULT_SERVING_SIGNATURE_DEF_KEY: only} if is_one else {}
        if not isinstance(given, Mapping):
            given = {DEFAULT_SERVING_SIGNATURE_DEF_KEY: given}
        numbers = {}
        for name, function in given.items():
            if not isinstance(function, WithSignature | ConcreteFunction):
                raise ValueError(
                    f"tf.saved_model.save: the signature {name!r} must be a tf.function with an input_signature, or "
                    f"what get_concrete_function gives; got {function!r}."
                )
            numbers[str(name)] = self._programs_of(function)
            for number in numbers[str(name)]:
                problem = _problem(self.programs[number])
                if problem is not None:
                    raise ValueError(
                        f"tf.saved_model.save: the function of signature {name!r} must give a tensor, or tensors in "
                        f"one list or dict; it gives {problem}. Return such a dict."
                    )
        return numbers

    def _as_called(self, numbers: list[int]) -> list[int]:
        """The same programs, whose inputs are called as a signature of a model's call has them."""
        return self._added([_renamed(self.programs[number]) for number in numbers])


def _attributes(obj: Any) -> Iterator[tuple[str, Any]]:
    """The attributes of an object that may be saved: its own, and functions of its class."""
    for name in dir(type(obj)):
        if isinstance(inspect.getattr_static(type(obj), name), Function | WithSignature):
            yield name, getattr(obj, name)
    if isinstance(obj, Loaded) and obj.saved_call is not None:
        yield "__call__", obj.saved_call
    for name, value in sorted(vars(obj).items()):
        if name != "signatures":
            yield name, value


def _name_and_signature(function: Any) -> tuple[str, inspect.Signature]:
    if isinstance(function, LoadedFunction):
        return function.name, function.signature
    if isinstance(function, ConcreteFunction):
        return function.name, inspect.signature(function.__wrapped__)
    python = function.__wrapped__ if isinstance(function, Method) else function.python_function
    signature = inspect.signature(python)
    if isinstance(function, WithSignature) and function.own:
        signature = signature.replace(parameters=[*signature.parameters.values()][1:])
    return getattr(python, "__name__", "function"), signature


def _concrete(function: Any) -> list[ConcreteFunction]:
    """A function for each kind of arguments that it is saved for."""
    if isinstance(function, ConcreteFunction):
        return [function]
    if isinstance(function, WithSignature):
        return [function.get_concrete_function()]
    return [function.get_concrete_function(*args, **kwargs) for args, kwargs in function.kinds]


def _traced(concrete: ConcreteFunction, name: str) -> list[Program]:
    """What a concrete function computes; where a number of axes is not known, for each number that it takes."""
    args, kwargs = concrete.structured_input_signature
    specs = [leaf for leaf in tree.flatten((args, kwargs)) if isinstance(leaf, TensorSpec)]
    if all(TensorShape(spec.shape).rank is not None for spec in specs):
        return [program_of(concrete.__wrapped__, args, kwargs, name)]
    found, problem = [], None
    for axes in range(_MOST_AXES):
        by_place, by_name = tree.map_structure(lambda x, axes=axes: _with_axes(x, axes), (args, kwargs))
        try:
            found.append(program_of(concrete.__wrapped__, by_place, by_name, name))
        except (ValueError, TypeError, IndexError) as error:
            problem = problem or error
    if not found:
        assert problem is not None
        raise problem
    return found


def _with_axes(spec: Any, axes: int) -> Any:
    if not isinstance(spec, TensorSpec) or TensorShape(spec.shape).rank is not None:
        return spec
    return TensorSpec([None] * axes, spec.dtype, spec.name)


def _of_inference(found: Any, name: str) -> Program:
    """The program of a model's inference."""
    numbers = iter(range(len(found.outputs)))
    inputs = dict(zip(found.numbers, found.given))
    specs = {
        n: TensorSpec([e if isinstance(e, int) else None for e in inputs[n].shape], inputs[n].dtype, n)
        if n in inputs
        else TensorSpec([e if isinstance(e, int) else None for e in found.strings[n]], "string", n)
        for n in found.inputs
    }
    structure = tree.map_structure(lambda _: Place(next(numbers)), found.structure)
    variables = found.traced.variables
    arguments = (tree.map_structure(specs.__getitem__, found.arguments), {})
    updated = [variables.index(v) for v in found.traced.updated]
    return Program(
        name, found.traced.graph, arguments, found.inputs, found.traced.host, variables, updated, structure,
        names_of(structure),
    )  # fmt: skip


def _renamed(program: Program) -> Program:
    if any(isinstance(argument, dict) for argument in program.arguments[0]):
        return program
    names = {old: f"inputs_{i}" if i else "inputs" for i, old in enumerate(program.inputs)}
    lookups = [replace(lookup, source=names[lookup.source]) for lookup in program.lookups]
    return replace(program, inputs=list(names.values()), lookups=lookups)


def _problem(program: Program) -> str | None:
    """Why what a program gives is none of a signature's results; None if it is."""
    parts = program.structure
    parts = list(parts.values()) if isinstance(parts, dict) else parts
    if isinstance(parts, list | tuple) and any(map(tree.is_nested, parts)):
        return "nested ones"
    return None if program.outputs else "none"


# -- loading ----------------------------------------------------------------------------------------------------------
def contains_saved_model(export_dir: Any) -> bool:
    """`tf.saved_model.contains_saved_model`: whether a folder is one that `save` wrote."""
    return folder.holds_programs(Path(path_of(export_dir)))


def load(export_dir: Any, tags: Any = None, options: Any = None) -> Any:
    """`tf.saved_model.load`: what `save` wrote. The file is data; nothing in it is run before a function is called.

    Args:
        export_dir: the folder.
        tags: nothing here.
        options: nothing here.

    Returns:
        An object with the variables, functions and objects as attributes, and `signatures`.

    Raises:
        FileNotFoundError: if there is none.
        NotImplementedError: for a SavedModel that TensorFlow wrote.
        ValueError: for a folder that is damaged.
    """
    path = Path(path_of(export_dir))
    if not folder.holds_programs(path):
        if any((path / name).exists() for name in ("saved_model.pb", "saved_model.pbtxt")):
            raise NotImplementedError(
                f"tf.saved_model.load: {os.fspath(path)!r} is a SavedModel of TensorFlow's, whose operations are "
                "not Pronghorn's. Where TensorFlow is installed, keras.layers.TFSMLayer calls it; or load it with "
                "TensorFlow, and save the weights by model.save_weights('model.weights.h5') or as arrays."
            )
        raise FileNotFoundError(f"tf.saved_model.load: there is no saved model at {os.fspath(path)!r}.")
    contents = folder.read(path, _variable)
    try:
        return _Loading(contents).root()
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise ValueError(f"{os.fspath(path)!r} cannot be read: it is damaged ({error}).") from error


def _variable(array: np.ndarray, path: str, trainable: bool) -> Variable:
    return Variable(array, dtype=dtypes.name_of(array.dtype), trainable=trainable, name=path or None)


class _Loading:
    """Makes the objects of a folder, each once."""

    def __init__(self, contents: folder.Contents) -> None:
        self._contents = contents
        self._made: dict[int, Any] = {}

    def root(self) -> Any:
        """The object that was saved."""
        made = self._object(0)
        if not isinstance(made, Loaded):
            raise TypeError("its first object is none")
        made.signatures = {
            name: LoadedSignature(name, [self._contents.programs[number] for number in numbers])
            for name, numbers in self._contents.signatures.items()
        }
        made.list_variables(self._contents.variables)
        for part in self._made.values():
            if isinstance(part, Loaded):
                part.list_variables(Module.variables.fget(part))  # type: ignore[attr-defined]
        return made

    def _object(self, number: int) -> Any:
        if number in self._made:
            return self._made[number]
        written = self._contents.objects[number]
        kind = written["kind"]
        if kind == "variable":
            made = self._contents.variables[written["variable"]]
        elif kind == "function":
            made = self._function(written)
        elif kind in ("list", "dict"):
            made = self._made[number] = [] if kind == "list" else {}
            parts = {name: self._object(part) for name, part in written["parts"].items()}
            made.extend(parts.values()) if isinstance(made, list) else made.update(parts)
        else:
            parts = dict(written["parts"])
            call = self._object(parts.pop("__call__")) if "__call__" in parts else None
            made = self._made[number] = loaded_class(call)()
            vars(made).update({str(name): self._object(part) for name, part in parts.items()})
        self._made[number] = made
        return made

    def _function(self, written: Any) -> LoadedFunction:
        parameters = []
        for name, kind, default in written["parameters"]:
            value = default["default"] if default and "default" in default else inspect.Parameter.empty
            parameters.append(inspect.Parameter(str(name), inspect._ParameterKind(kind), default=value))
        programs = [self._contents.programs[number] for number in written["programs"]]
        return LoadedFunction(str(written["name"]), inspect.Signature(parameters), programs)
