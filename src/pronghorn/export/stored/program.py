"""A traced function apart from the Python that it was traced from: what a folder keeps of it, and runs again."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.calls.jit import CompiledFunction, jit
from pronghorn.data.tensor_spec import TensorSpec
from pronghorn.engine.graph.dim import Dim, Extent, equal_extents, substitute
from pronghorn.engine.graph.ir import Aval, Graph, Value
from pronghorn.engine.graph.strings import Lookup, StringArray, on_host
from pronghorn.engine.graph.tensor import Tensor, as_tensor, tensor_of
from pronghorn.engine.graph.trace import inline
from pronghorn.export.signature import Purpose, inference_of, to_spec

PURPOSE = Purpose(
    who="tf.saved_model.save",
    keeper="what is saved",
    fixing="Describe the arguments by TensorSpecs with numbers in the shapes.",
    telling="Describe the arguments by TensorSpecs, or call the function first.",
)

_MOST_CHECKED = 1024


@dataclass
class Program:
    """A graph with its variables, and how its arguments and results are nested.

    Attributes:
        name: the function's, for errors.
        graph: takes the arrays among the arguments, the numbers of `lookups`, and then `variables`; it gives the
            results and then the new values of `updated`.
        arguments: those by place and those by name, with a `TensorSpec` in the place of each tensor.
        inputs: the tensors' names, flat.
        lookups: what makes numbers of strings; their sources are names of `inputs`.
        variables: what the graph reads.
        updated: numbers of the variables that it assigns.
        structure: the nested results, with numbers in the places of tensors; all else is as it is.
        outputs: the tensors' names, flat.
    """

    name: str
    graph: Graph
    arguments: tuple[tuple[Any, ...], dict[str, Any]]
    inputs: list[str]
    lookups: list[Lookup]
    variables: list[Any]
    updated: list[int]
    structure: Any
    outputs: list[str]
    _checked: set[tuple[int, ...]] = field(default_factory=set, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def specs(self) -> list[TensorSpec]:
        """The descriptions of the tensors among the arguments, flat."""
        return [leaf for leaf in tree.flatten(self.arguments) if isinstance(leaf, TensorSpec)]

    def __call__(self, values: Sequence[Any]) -> Any:
        """The nested results.

        Args:
            values: tensors, or texts, for each of `specs`.

        Raises:
            ValueError: for extents that do not fit each other.
        """
        flat = self.flat(values)
        return tree.map_structure(lambda x: flat[x.number] if isinstance(x, Place) else x, self.structure)

    def flat(self, values: Sequence[Any]) -> list[Any]:
        """The results that are tensors, flat; see `__call__`."""
        given = dict(zip(self.inputs, values))
        strings = {name for name, spec in zip(self.inputs, self.specs) if spec.dtype == "string"}
        numbers = [as_tensor(value) for name, value in given.items() if name not in strings]
        numbers += [_looked_up(lookup, given[lookup.source]) for lookup in self.lookups]
        self._check(self._extents(numbers))
        return list(self._compiled(*numbers))

    @functools.cached_property
    def _compiled(self) -> CompiledFunction:
        def run(*arrays: Any) -> list[Tensor]:
            return self._run([as_tensor(x) for x in arrays])

        run.__name__ = self.name
        return jit(run)

    def _run(self, arrays: list[Tensor]) -> list[Tensor]:
        graph = with_extents(self.graph, self._extents(arrays))
        results = inline(graph, [*arrays, *(variable._raw() for variable in self.variables)])
        count = len(results) - len(self.updated)
        for number, value in zip(self.updated, results[count:]):
            self.variables[number].assign(value)
        return results[:count]

    def _extents(self, arrays: Sequence[Tensor]) -> dict[str, Extent]:
        """What each symbol of the graph is."""
        found: dict[str, Extent] = {}
        for value, x in zip(self.graph.inputs, arrays):
            if x.dtype != value.dtype or len(x.shape) != len(value.shape):
                raise ValueError(f"{self.name}: it takes {value.aval}, and got {Aval(tuple(x.shape), x.dtype)}.")
            for axis, (wanted, extent) in enumerate(zip(value.shape, x.shape)):
                known = found.setdefault(_symbol(wanted), extent) if isinstance(wanted, Dim) else wanted
                if not equal_extents(known, extent):
                    raise ValueError(
                        f"{self.name}: an array of shape {tuple(x.shape)} came, whose axis {axis} must have an extent "
                        f"of {known}, as was so when the function was saved, or as another array has."
                    )
        return found

    def _check(self, extents: Mapping[str, Extent]) -> None:
        """Have each node's rule look at the numbers, which it could not while extents were open."""
        numbers = tuple(n for n in extents.values() if isinstance(n, int))
        if len(numbers) != len(extents) or numbers in self._checked:
            return
        try:
            check_sizes(with_extents(self.graph, extents))
        except (ValueError, TypeError, IndexError) as error:
            raise ValueError(f"{self.name} cannot be computed for extents of {dict(extents)}: {error}") from error
        with self._lock:
            if len(self._checked) < _MOST_CHECKED:
                self._checked.add(numbers)


def check_sizes(graph: Graph) -> None:
    """Raise ValueError where an extent is less than zero."""
    for value in (*graph.inputs, *(value for node in graph.nodes for value in node.outputs)):
        if any(n < 0 for n in value.shape):
            raise ValueError(f"an array of shape {value.shape}")
    for inner in graph.subgraphs():
        check_sizes(inner)


@dataclass(frozen=True)
class Place:
    """Stands in nested results for a tensor, by its number."""

    number: int


def _symbol(extent: Dim) -> str:
    (name,) = extent.symbols
    return name


def _looked_up(lookup: Lookup, strings: Any) -> Tensor:
    if isinstance(strings, StringArray):
        return as_tensor(on_host(lookup, strings))
    array = np.asarray(strings, object)
    texts = [x.decode("utf-8", "surrogateescape") if isinstance(x, bytes) else x for x in array.ravel().tolist()]
    return tensor_of(lookup(np.array(texts, object).reshape(array.shape)))


# -- graphs for other extents -----------------------------------------------------------------------------------------
def with_extents(graph: Graph, extents: Mapping[str, Extent], made: dict[int, Graph] | None = None) -> Graph:
    """A graph with numbers, or other extents, in the places of its symbols.

    Raises:
        ShapeError: where a node does not take what comes of it.
    """
    if not extents:
        return graph
    made = {} if made is None else made
    if id(graph) in made:  # branches that are one graph stay one
        return made[id(graph)]
    fresh = made[id(graph)] = Graph(graph.name)
    values: dict[Value, Value] = {}

    def bound(param: Any) -> Any:
        if isinstance(param, Dim):
            return substitute(param, extents)
        if isinstance(param, Graph):
            return with_extents(param, extents, made)
        if isinstance(param, tuple | list):
            return type(param)(bound(part) for part in param)
        return {key: bound(part) for key, part in param.items()} if isinstance(param, dict) else param

    for value in graph.inputs:
        values[value] = fresh.add_input(Aval(bound(tuple(value.shape)), value.dtype))
    for node in graph.nodes:
        params = {key: bound(param) for key, param in node.params.items()}
        values.update(
            zip(node.outputs, fresh.add_node(node.prim, [values[v] for v in node.inputs], params, node.scope))
        )
    fresh.outputs = [values[value] for value in graph.outputs]
    return fresh


# -- tracing ----------------------------------------------------------------------------------------------------------
def program_of(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], name: str, purpose: Purpose = PURPOSE
) -> Program:
    """Trace a function.

    Args:
        function: gives nested tensors; what is none (a text, None) is kept as it is.
        args: by place, with descriptions in the places of tensors.
        kwargs: those by name.
        name: for errors.
        purpose: what it is for.

    Raises:
        ValueError: if what it computes depends on extents that are not known.
        NotImplementedError: if it does more with strings than look them up.
    """
    leaves = tree.flatten((args, kwargs))
    places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, TensorSpec)]
    results: list[Any] = []

    def call(*tensors: Any) -> list[Any]:
        filled = list(leaves)
        for place, tensor in zip(places, tensors):
            filled[place] = tensor
        by_place, by_name = tree.pack_sequence_as((args, kwargs), filled)
        results[:] = [function(*by_place, **by_name)]
        return [x for x in tree.flatten(results[0]) if not _is_kept(x)]

    found = inference_of(call, tuple(to_spec(leaves[place]) for place in places), name, purpose=purpose)
    numbers = iter(range(len(tree.flatten(results[0])) + 1))
    structure = tree.map_structure(lambda x: x if _is_kept(x) else Place(next(numbers)), results[0], none_is_leaf=True)
    variables = found.traced.variables
    return Program(
        name,
        found.traced.graph,
        (args, kwargs),
        list(found.inputs),
        [lookup for lookup in found.traced.host if isinstance(lookup, Lookup)],
        list(variables),
        [variables.index(variable) for variable in found.traced.updated],
        structure,
        names_of(structure),
    )


def _is_kept(x: Any) -> bool:
    """Whether a result is no tensor, and is kept as it is."""
    return x is None or isinstance(x, str | bytes)


def names_of(structure: Any) -> list[str]:
    """What a signature calls the results: the keys of a dict, else numbered names."""
    places = [x for x in tree.flatten(structure) if isinstance(x, Place)]
    if isinstance(structure, dict) and all(isinstance(x, Place) for x in structure.values()):
        by_number = {place.number: str(key) for key, place in structure.items()}
        return [by_number[i] for i in range(len(places))]
    return [f"output_{place.number}" for place in places]
