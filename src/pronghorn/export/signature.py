"""What every format starts from: a model's inference call, traced with symbolic extents, and its names."""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from pronghorn import tree
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim, Shape, SymbolicDimError
from pronghorn.engine.graph.ir import Aval, Value
from pronghorn.engine.graph.layout import Layout, take_apart
from pronghorn.engine.graph.opening import Alike, Opening, first_that_fits
from pronghorn.engine.graph.strings import OpenStrings
from pronghorn.engine.graph.tensor import Tensor, as_tensor
from pronghorn.engine.graph.trace import Traced, trace
from pronghorn.trainers.checks import call_takes_training

#: For a model that asks for an extent: traced with this number, what it was told must not depend on it.
_HINT = 7


@dataclass(frozen=True)
class Purpose:
    """What an inference is traced for, in the words of errors.

    Attributes:
        who: who was asked for it.
        keeper: what would have to keep states between calls.
        fixing: how the inputs' extents are given in numbers.
        telling: how the inputs' shapes are told at all.
    """

    who: str = "export"
    keeper: str = "an exported file"
    fixing: str = "Pass input_signature with numbers in the shapes."
    telling: str = "Call it on data first, or pass input_signature."


EXPORT = Purpose()


def conversion(who: str) -> Purpose:
    """The purpose of a function that gives a model to another library."""
    fixing = "Make the model of Input(batch_shape=...) with numbers alone."
    return Purpose(who, "what it gives", fixing, telling="Call it on data first.")


@dataclass
class Inference:
    """A model's call, with ``training=False`` unless the other is asked for.

    Attributes:
        traced: the function of the inputs that are numbers; unknown extents are symbols.
        arguments: the positional arguments of the call, nested, with names in place of arrays.
        inputs: the names of all inputs, each once, in the order of the arguments.
        strings: the shapes of the inputs that are strings, whose `Lookup`s are the function's `host` inputs.
        outputs: the names of the outputs, none of which an input has.
        structure: the nested results.
        purpose: what it is for.
    """

    traced: Traced
    arguments: tuple[Any, ...]
    inputs: list[str]
    strings: dict[str, Shape]
    outputs: list[str]
    structure: Any = None
    purpose: Purpose = EXPORT

    @property
    def numbers(self) -> list[str]:
        """The names of the inputs that are numbers."""
        return [name for name in self.inputs if name not in self.strings]

    @property
    def given(self) -> list[Value]:
        """The graph's inputs for those that are numbers, in front of those for variables."""
        return self.traced.graph.inputs[: self.traced.num_args]

    @property
    def symbols(self) -> list[str]:
        """The symbols of extents that are open, in order."""
        return sorted({name for v in self.given for n in v.shape if isinstance(n, Dim) for name in n.symbols})

    @property
    def numbered(self) -> Any:
        """The nested results, with their numbers in the places of arrays."""
        numbers = itertools.count()
        return tree.map_structure(lambda _: next(numbers), self.structure)

    def refuse_strings(self, library: str, instead: str = "") -> None:
        """Raise NotImplementedError where an input is strings, of which a library has no arrays.

        Args:
            library: its name.
            instead: what else can be done.
        """
        if self.strings:
            names = ", ".join(map(repr, self.strings))
            raise NotImplementedError(
                f"{self.purpose.who}: {library} has no arrays of strings, which the input {names} takes. Look the "
                f"strings up in front of the model, and have the rest take their numbers{instead}."
            )

    def refuse_states(self) -> None:
        """Raise NotImplementedError where the call assigns variables, which nothing would keep."""
        if self.traced.updated:
            paths = ", ".join(sorted({repr(v.path) for v in self.traced.updated}))
            raise NotImplementedError(
                f"{self.purpose.who}: {self.traced.graph.name!r} assigns {paths} when it is called, but "
                f"{self.purpose.keeper} keeps nothing between calls. Make recurrent layers with stateful=False, "
                "draw random numbers with a number as the seed, and take states as inputs and outputs."
            )


@dataclass(frozen=True)
class Spec:
    """An input's shape, with None for what is not known, its type and its name."""

    shape: tuple[int | None, ...]
    dtype: str
    name: str | None


def inference(model: Any, input_signature: Any = None, training: bool = False, purpose: Purpose = EXPORT) -> Inference:
    """Trace what a model computes in inference.

    Args:
        model: a model that has been built.
        input_signature: see `export_model`.
        training: whether to trace what it computes in training instead.
        purpose: what it is for.

    Raises:
        ValueError: if the inputs' shapes are not known, or what it computes depends on the number of rows.
        NotImplementedError: if it does more with strings than look them up.
    """
    structure, spread = _input_structure(model, input_signature, purpose)
    keywords = {"training": training} if call_takes_training(model) else {}

    def call(*arguments: Any) -> Any:
        try:
            return model(*arguments, **keywords)
        finally:
            model._clear_losses()  # they would be of the trace, no numbers

    def of(inputs: Any) -> Inference:
        arguments = tuple(inputs) if spread else (inputs,)
        return inference_of(call, arguments, model.name, lambda results: _output_names(model, results), purpose)

    opened = structure if input_signature is not None else tree.map_structure(_with_any_rows, structure)
    if opened != structure:
        # The number of rows is that of the first call, perhaps; where the model needs it, the trace says so.
        with contextlib.suppress(Exception):
            return of(opened)
    return of(structure)


def inference_of(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    name: str,
    names_of: Callable[[Any], list[str]] | None = None,
    purpose: Purpose = EXPORT,
) -> Inference:
    """Trace what a function computes.

    Args:
        function: of positional arguments.
        arguments: what it is called with, nested, with `Spec`s (see `to_spec`) in place of arrays.
        name: the graph's, for errors.
        names_of: the names of the outputs, from the nested results; keys or numbered ones by default.
        purpose: what it is for.

    Raises:
        ValueError: if what it computes depends on extents that are not known.
        NotImplementedError: if it does more with strings than look them up.
    """
    layout, specs = take_apart(arguments)
    inputs = each_once(spec.name or f"input_{i}" for i, spec in enumerate(specs))
    call = _Call(function, layout, [replace(spec, name=name) for spec, name in zip(specs, inputs)])
    traced = _traced(call, name, purpose)
    outputs = each_once((names_of or names_of_results)(call.results), inputs)
    strings = {x.name: x.shape for x in call.inputs if isinstance(x, OpenStrings)}
    return Inference(traced, layout.pack(inputs), inputs, strings, outputs, call.results, purpose)


# -- inputs -----------------------------------------------------------------------------------------------------------
def _input_structure(model: Any, signature: Any, purpose: Purpose) -> tuple[Any, bool]:
    """The inputs as nested Specs, and whether these are several arguments of the model."""
    own, spread = _own_structure(model)
    if signature is None:
        if own is None:
            raise ValueError(
                f"{purpose.who}: the shapes of the inputs of {model.name!r} are not known. {purpose.telling}"
            )
        return own, spread
    given = tree.map_structure(to_spec, signature)
    wrapped = isinstance(given, list | tuple) and len(given) == 1
    if own is None:
        return (given[0], False) if wrapped else (given, isinstance(given, tuple))
    if wrapped and not (isinstance(own, list | tuple) and len(own) == 1):
        (given,) = given
    try:
        tree.assert_same_paths(own, given)
    except ValueError:
        raise ValueError(
            f"export: input_signature has the structure {tree.map_structure(lambda s: s.shape, given)}; "
            f"{model.name!r} takes {tree.map_structure(lambda s: s.shape, own)}."
        ) from None
    names = iter([spec.name for spec in tree.flatten(own)])
    return tree.map_structure(lambda s: Spec(s.shape, s.dtype, next(names) or s.name), given), spread


def _own_structure(model: Any) -> tuple[Any, bool]:
    """What is known of a model's inputs: those that it was made with, or the shapes that it was built with."""
    struct = getattr(model, "_inputs_struct", None)
    if struct is None and getattr(model, "_ends", None) is not None:
        struct = model._ends[0]
    if struct is not None:
        return _by_keys(tree.map_structure(to_spec, struct)), False
    shapes = copy.deepcopy(model._build_shapes)  # in plain containers: those of a layer are not what libraries take
    if not model.built or not shapes:
        return None, False

    def of_any_batch(shape: Any) -> Spec:
        return Spec((None, *shape[1:]) if shape else (), "float32", None)

    structures = [tree.map_shape_structure(of_any_batch, shape) for shape in shapes.values()]
    return (_by_keys(structures[0]), False) if len(structures) == 1 else (tuple(structures), True)


def _by_keys(structure: Any) -> Any:
    """Nested specs, those of a dict named by its keys."""
    if not isinstance(structure, dict):
        return structure
    return {k: Spec(s.shape, s.dtype, k) if isinstance(s, Spec) else s for k, s in structure.items()}


def _with_any_rows(spec: Spec) -> Spec:
    return replace(spec, shape=(None, *spec.shape[1:])) if spec.shape else spec


def to_spec(x: Any) -> Spec:
    """The shape, type and name of an `InputSpec`, a `KerasTensor`, a `tf.TensorSpec` or an array.

    Raises:
        ValueError: for what has no shape.
    """
    if isinstance(x, Spec):
        return x
    shape = getattr(x, "shape", None)
    if shape is None:
        raise ValueError(f"export: input_signature needs InputSpecs with a shape, KerasTensors or arrays, got {x!r}.")
    dtype = getattr(x, "dtype", None)
    name = getattr(x, "name", None)
    dtype = getattr(dtype, "name", dtype)  # NumPy's and TensorFlow's types have one
    if dtype != "string":
        dtype = dtypes.name_of(dtype or "float32")
    return Spec(tuple(None if n is None else int(n) for n in shape), dtype, name if isinstance(name, str) else None)


# -- tracing ----------------------------------------------------------------------------------------------------------
def _traced(call: _Call, name: str, purpose: Purpose) -> Traced:
    """The traced call.

    Unknown extents of several inputs are taken to be the same along the same axis; where that does not fit, each is one
    of its own, but for the number of samples. A model that compares extents is traced with numbers at hand.
    """
    ways = Opening(Alike.SAME_AXIS), Opening(Alike.SAMPLES), Opening(Alike.SAME_AXIS, _HINT)
    try:
        traced = first_that_fits(ways, lambda opening: call.traced(opening, name))
    except SymbolicDimError as problem:
        raise ValueError(
            f"{purpose.who}: {name!r} needs to know an extent that is free ({problem}). {purpose.fixing}"
        ) from problem
    if traced.guards:
        raise ValueError(
            f"{purpose.who}: what {name!r} computes depends on its inputs' extents ({traced.guards}), so that nothing "
            f"serves them all. {purpose.fixing}"
        )
    return traced


class _Call:
    """A function of nested arguments as one of the tensors among its flat ``inputs``; it keeps what came of it."""

    def __init__(self, function: Callable[..., Any], arguments: Layout, specs: list[Spec]):
        self.function, self.arguments, self.specs = function, arguments, specs
        self.inputs: list[Aval | OpenStrings] = []
        self.results: Any = None

    def traced(self, opening: Opening, name: str) -> Traced:
        """It as a graph, with symbols for extents that are not known."""
        shapes = [opening.shape(spec.shape, place) for place, spec in enumerate(self.specs)]
        self.inputs = [
            OpenStrings(spec.name or "", shape) if spec.dtype == "string" else Aval(shape, spec.dtype)
            for spec, shape in zip(self.specs, shapes)
        ]
        return trace(self._flat, [x for x in self.inputs if isinstance(x, Aval)], name, opening.numbers)

    def _flat(self, *tensors: Tensor) -> list[Tensor]:
        numbers = iter(tensors)
        leaves = [next(numbers) if isinstance(x, Aval) else x for x in self.inputs]
        self.results = self.function(*self.arguments.pack(leaves))
        return [as_tensor(x) for x in tree.flatten(self.results)]


# -- names ------------------------------------------------------------------------------------------------------------
def _output_names(model: Any, results: Any) -> list[str]:
    """Keys of a dict, the names of the layers that made them, or numbered."""
    names = getattr(model, "output_names", None)
    if names is None and getattr(model, "_ends", None) is not None:  # of Sequential
        names = [model.layers[-1].name]
    if names is not None and not isinstance(results, dict) and len(names) == len(tree.flatten(results)):
        return list(names)
    return names_of_results(results)


def names_of_results(results: Any) -> list[str]:
    """The keys of a dict of tensors, else numbered names."""
    count = len(tree.flatten(results))
    if isinstance(results, dict) and len(results) == count:
        return [str(path[0]) for path, _ in tree.flatten_with_path(results)]
    return [f"output_{i}" for i in range(count)]


def each_once(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """The names, with numbers where they are taken.

    >>> each_once(["a", "b", "a"], ["b"])
    ['a', 'b_1', 'a_1']
    """
    seen, fresh = set(taken), []
    for name in names:
        numbered = itertools.chain([name], (f"{name}_{i}" for i in itertools.count(1)))
        fresh.append(next(n for n in numbered if n not in seen))
        seen.add(fresh[-1])
    return fresh
