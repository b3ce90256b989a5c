"""Engines: other libraries that run our graphs, each by one table from primitive to a function of that library.

An engine is a subclass of `Engine` in `backends/<name>/`, of which the package holds one instance, `ENGINE`. It has a
table and says how arrays get in and out; everything else (steps, variables, gradients, random numbers) is common to
all engines. No engine's library is imported before that engine is asked for.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import importlib
import importlib.util
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from pronghorn._extras import install_command
from pronghorn._packages import FOLDERS, is_ours
from pronghorn.engine.backends import installed, interpreter
from pronghorn.engine.backends.interpreter import Bound
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.dim import Dim, Shape
from pronghorn.engine.graph.foreign_functions import check_functions
from pronghorn.engine.graph.ir import Graph

if TYPE_CHECKING:
    from pronghorn.engine.graph.variable import GraphVariable

Step = Callable[[Sequence[Any], Sequence[Any], Sequence[Any]], tuple[list[Any], list[Any]]]


class Placement(Protocol):
    """How what a step takes lies on several devices of an engine: a `Distribution`, as engines know it."""

    device_mesh: Any

    def lay_out(self, variables: Sequence[GraphVariable]) -> None:
        """Give variables that have no layout one each."""

    def data_placement(self, shape: tuple[int, ...]) -> tuple[Any, bool]:
        """The layout of an argument, and whether what comes is this process's part of it."""


class Engine:
    """A library that runs graphs.

    Attributes:
        name: Keras's word for it, by which users choose it; also the extra that installs it.
        library: the package that is imported.
        roots: the first parts of the names of the modules in which its arrays' types are defined.
        table: a function for each primitive, from the library's arrays and the primitive's parameters to an array, or
            to a tuple of arrays where the primitive has several results. `pronghorn.engine.backends.numpy` says what
            each one means; `pronghorn.engine.backends.formulas` has those that are the same in every library.
        lacks: primitives that the library cannot do, and element types that it does not have, each with the reason and
            what to use instead. A graph with one of them is refused before it runs.
        has_programs: whether programs of the library, such as training loops, see variables' values as its own arrays.
        takes_state: whether its programs are functions of the variables' values, to which new ones are returned.
        unknown_extents: what to do where a function that the library traces needs an extent that is not known there.
        shares_memory: whether the array that it lends (`lend`) and NumPy's array of it are the same memory.
    """

    name: ClassVar[str]
    library: ClassVar[str]
    roots: ClassVar[tuple[str, ...]]
    table: Mapping[str, Callable[..., Any]]
    lacks: Mapping[str, str] = {}
    has_programs: ClassVar[bool] = False
    takes_state: ClassVar[bool] = False
    unknown_extents: ClassVar[str] = ""
    shares_memory: ClassVar[bool] = False

    # -- arrays -------------------------------------------------------------------------------------------------------
    @property
    def functions(self) -> Any:
        """The module with which layers put the library's own functions into graphs."""
        return importlib.import_module(f"pronghorn.engine.backends.{self.name}.foreign")

    def from_numpy(self, array: np.ndarray) -> Any:
        """The engine's array with these values, in memory of its own: it stays as it is when ``array`` changes.

        It has values, also where the library is tracing a function of the user's.
        """
        raise NotImplementedError

    def to_numpy(self, value: Any) -> np.ndarray:
        """An array's values, in the type of the same name. What comes may be the engine's own memory."""
        raise NotImplementedError

    def borrowed(self, array: np.ndarray) -> Any:
        """`from_numpy` without a copy where that can be done, for arrays that nobody changes before the step ends."""
        return self.from_numpy(array)

    def placed(self, array: np.ndarray, layout: Any) -> Any:
        """`from_numpy` on several devices, as a layout says; see `pronghorn.engine.backends.jax.sharding`."""
        return self.from_numpy(array)

    def relaid(self, value: Any, layout: Any) -> Any:
        """An array, which may stand for one, with the same values on the devices of a layout."""
        return value

    def replicated(self, value: Any, device_mesh: Any) -> Any:
        """A step's result, whole on each device of a mesh where processes that are several have to see it."""
        return value

    def spread(self, array: np.ndarray, layout: Any, of_process: bool) -> Any:
        """`borrowed` on several devices, as a layout says.

        Args:
            array: an array of a batch.
            layout: how the whole of it lies there.
            of_process: whether it is the part of this process; otherwise every process has the whole.
        """
        return self.borrowed(array)

    def shape_of(self, value: Any) -> tuple[int, ...]:
        """The shape of an array, in numbers."""
        return tuple(value.shape)

    def open_shape(self, value: Any, symbol: Callable[[int], Dim]) -> Shape:
        """The shape of an array that a program gave, with ``symbol(axis)`` for an extent that the library, which traces
        a function, does not know yet; see `run_open`."""
        return self.shape_of(value)

    def dtype_of(self, value: Any) -> str:
        """The name of an array's element type."""
        return dtypes.name_of(value.dtype)

    def overwrite(self, value: Any, new: Any) -> None:
        """Put new numbers into an array that is lent (`GraphVariable.lend`); only engines that lend need it."""
        raise NotImplementedError

    def lend(self, variable: GraphVariable) -> None:
        """Have an array of the library's own be a variable's value, where its programs differentiate or change it."""

    def can_give(self, variable: GraphVariable, value: Any) -> bool:
        """Whether an array can be the new value of a variable: not where it stands for one that there will be."""
        return self.is_concrete(value)

    def operand(self, value: Any) -> Any:
        """An array that a program gave or holds, such as a lent one, as the table's functions take it."""
        return value

    def for_programs(self, value: Any) -> Any:
        """A variable's array in a type in which the library's programs compute, where they have it set so."""
        return value

    def kept(self, value: Any) -> Any:
        """A result as a variable keeps it: without what the library would differentiate."""
        return value

    def arrays_have(self, name: str) -> bool:
        """Whether the library's arrays have an attribute that ours do not know: a step that asks an array for it is a
        program of the library, whatever names its code has."""
        return False

    def is_concrete(self, value: Any) -> bool:
        """Whether an array has values, and does not stand for some in a function that the library is tracing."""
        return True

    def is_plain(self, value: Any) -> bool:
        """Whether an array is numbers alone: none that stands for some, and none of which gradients are recorded."""
        return self.is_concrete(value)

    def while_loop(
        self, cond: Callable[..., Any], body: Callable[..., Any], arrays: Sequence[Any], limit: Any
    ) -> Sequence[Any] | None:
        """A loop by the library itself over functions that call its own; None where it has none of that kind.

        Args:
            cond: from arrays to a truth value.
            body: from arrays to as many arrays, of the same shapes and types.
            arrays: what the loop begins with.
            limit: the most rounds; None for any number.
        """
        return None

    def fori_loop(
        self, lower: int, upper: int, body: Callable[..., Any], arrays: Sequence[Any]
    ) -> Sequence[Any] | None:
        """`while_loop` with a known number of rounds, through which gradients go; ``body`` gets the number first."""
        return None

    # -- running ------------------------------------------------------------------------------------------------------
    def compile(self, step: Step) -> Step:
        """What runs ``step`` as one compiled function.

        Args:
            step: from lists of the engine's arrays ``(arguments, read, updated)`` to ``(results, values)``. It uses
                the functions of the table alone. The values replace those of ``updated``, which nobody needs any
                more once it has run: their memory may be given to the library. It may be called with arrays of
                other shapes later on, and is to be compiled anew then.
        """
        return step

    def compile_further(self, step: Step) -> Step:
        """`compile` where `Model.compile(jit_compile=True)` asks for what takes long, and the library offers it."""
        return self.compile(step)

    def program(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """A step that is written for the library, compiled as its own users would: of its arrays, in nests.

        Where the engine `takes_state`, the first argument is the state, whose arrays nobody needs once it has run.
        """
        return step

    def computing(self) -> contextlib.AbstractContextManager[Any]:
        """What has to be on while the table's functions run, such as JAX's 64-bit types."""
        return contextlib.nullcontext()

    def check(self, graph: Graph) -> None:
        """Refuse a graph with what the library lacks.

        Raises:
            NotImplementedError: with the operation or type, the layer it is for, and what to do.
        """
        check_functions(graph, self.name, self.name, NotImplementedError)
        if not self.lacks:
            return
        uses = [(n.scope, w) for n in graph.nodes for w in (n.prim.name, *(v.dtype for v in (*n.inputs, *n.outputs)))]
        for scope, word in [*uses, *(("", v.dtype) for v in graph.inputs)]:
            if word in self.lacks:
                where = f" (in {scope})" if scope else ""
                raise NotImplementedError(
                    f"The engine {self.name!r} cannot do {word}{where}: {self.lacks[word]}. Other engines can: "
                    "compile(..., backend='pronghorn') runs this model."
                )
        for inner in graph.subgraphs():
            self.check(inner)

    def run(self, graph: Graph | Bound, arrays: Sequence[Any]) -> list[Any]:
        """A graph's results, or those of the body that a primitive of control flow has as its parameter."""
        return interpreter.run(graph, arrays, self.table, shape_of=self.shape_of)

    def run_open(self, graph: Graph, arrays: Sequence[Any]) -> list[Any]:
        """`run` where the graph's inputs have symbols from `open_shape`; only engines with such shapes need it."""
        raise NotImplementedError

    def lasting(self, graph: Graph) -> Callable[[Sequence[Any]], list[Any]]:
        """`run` for one graph that is run again and again, as one function of the library where that is faster; what
        comes of it is differentiable there."""
        return functools.partial(self.run, graph)

    def checkpointed(self, fn: Callable[[], Any]) -> Any:
        """``fn()``; what the library would keep for its gradients is computed again instead, if it can do that."""
        return fn()

    def join(
        self, address: str | None, count: int | None, rank: int | None, seconds: float, patience: float
    ) -> tuple[int, int, Any]:
        """Have this process be one of several that compute as one; only engines that can need it.

        Args:
            address: that of process 0; None, as what follows, where the library knows it.
            count: how many there are.
            rank: which this one is.
            seconds: how long it waits for the others to begin.
            patience: how long it waits later on for one that is busy with something else.

        Returns:
            How many there are, which this one is, and what they talk by, with the names of mpi4py's communicators.
        """
        raise NotImplementedError

    # -- what it is ---------------------------------------------------------------------------------------------------
    def version(self) -> str:
        """The library's version."""
        from importlib import metadata  # slow to import, and most programs ask for no version

        return metadata.version(self.library)

    def devices(self) -> list[str]:
        """Its devices, such as ``["cpu:0", "gpu:0"]``."""
        raise NotImplementedError

    def on_device(self, name: str) -> contextlib.AbstractContextManager[Any]:
        """What is inside runs on one of `devices`."""
        return contextlib.nullcontext()


NAMES = ("jax", "pytensor", "tensorflow", "torch")
"""Engines that there are, each a package `pronghorn.engine.backends.<name>` with an `ENGINE`."""

ROOTS = {"jax": "jax", "jaxlib": "jax", "pytensor": "pytensor", "torch": "torch", "tensorflow": "tensorflow"}
"""The engine to whose arrays types in modules of this first name belong: asked before anything is imported."""

LIBRARIES = {"jax": "jax", "pytensor": "pytensor", "torch": "torch", "tensorflow": "tensorflow"}
"""The package that an engine imports, where nothing is to be imported to tell."""

ASKED = {"backward": "torch"}
"""The engine of whose arrays programs ask what ours do not have, where nothing is imported to tell: for errors."""


class EngineError(RuntimeError):
    """An engine that is installed but does not work."""


def untried(name: str) -> Engine:
    """The engine of this name, with which nothing has been computed: its library may have to be set up first.

    Raises:
        ValueError: for a name that is none.
        ImportError: it is not installed; the message says what installs it.
        EngineError: it is installed, but cannot be imported, or is too old.
    """
    if name not in NAMES:
        raise ValueError(f"There is no engine {name!r}; known are {', '.join(NAMES)}.")
    library = LIBRARIES[name]
    if not is_installed(name):
        raise ImportError(
            f"The engine {name!r} needs the package {library}, which is not installed: {install_command(name)}",
            name=library,
        )
    if is_stand_in(library):
        raise EngineError(
            f"The engine {name!r} cannot be taken here: this process has Pronghorn's stand-in for {library}. Choose it "
            f"before the script begins: PRONGHORN_BACKEND={name} pronghorn run SCRIPT"
        )
    with _working(name):
        importlib.import_module(library)
        installed.check_version(library)
        found: Engine = importlib.import_module(f"pronghorn.engine.backends.{name}").ENGINE
    return found


class Met:
    """The engines whose libraries know our arrays and variables, how many modules there were at the last look, and what
    is called where another library has come."""

    names: ClassVar[set[str]] = set()
    modules = 0
    on_import: ClassVar[list[Callable[[], None]]] = []


def meet_imported() -> None:
    """Have the functions of libraries that the program has imported take our arrays and variables."""
    if len(sys.modules) == Met.modules:
        return
    for name, library in LIBRARIES.items():
        if library in sys.modules and name not in Met.names:
            Met.names.add(name)
            with contextlib.suppress(ImportError, EngineError):
                untried(name)
            for call in Met.on_import:
                call()
    Met.modules = len(sys.modules)


def on_import(call: Callable[[], None]) -> None:
    """Have a function called when the first variable is made after the program has imported an engine's library."""
    Met.on_import.append(call)


@functools.cache
def engine(name: str) -> Engine:
    """The engine of this name, ready to compute.

    Raises:
        ValueError: for a name that is none.
        ImportError: it is not installed; the message says what installs it.
        EngineError: it is installed, but cannot be imported or does not compute.
    """
    found = untried(name)
    # In a thread of its own: in this one, the library may be tracing a function, where nothing has values.
    with _working(name), concurrent.futures.ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(_try_out, found).result()
    return found


@contextlib.contextmanager
def _working(name: str) -> Iterator[None]:
    """Say of an error inside that the engine is there, but does not work.

    The numbers that Python's and NumPy's generators give next stay the same: importing JAX and TensorFlow draws some.
    """
    states = random.getstate(), np.random.get_state(legacy=False)
    try:
        yield
    except Exception as error:
        raise EngineError(
            f"The engine {name!r} is installed but does not work ({type(error).__name__}: {error}). "
            f"{installed.described(LIBRARIES[name])} If that is a file of your own, give it another name; otherwise "
            f"install the library anew: {install_command(name, '--force-reinstall')}"
        ) from error
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def is_installed(name: str) -> bool:
    """Whether the package that an engine needs can be found. It is not imported."""
    return installed.is_package(LIBRARIES[name])


def is_stand_in(library: str) -> bool:
    """Whether imports of a library give our stand-in for it, as under ``pronghorn run``."""
    try:
        spec = importlib.util.find_spec(library)
    except ValueError:  # in sys.modules without a spec
        spec = None
    loader = type(getattr(spec, "loader", None)).__module__
    return is_ours(loader) or str(getattr(spec, "origin", None) or "").startswith(FOLDERS)


def _try_out(found: Engine) -> None:
    """One small step, so that a library that does not work says so before a long run."""
    add = found.table["add"]
    with found.computing():
        step = found.compile(lambda arguments, read, updated: ([add(arguments[0], read[0])], [add(*updated, *read)]))
        numbers = [[found.from_numpy(np.float32([n, n]))] for n in (1, 2, 3)]
        results, values = step(*numbers)
        got = [found.to_numpy(a).tolist() for a in (*results, *values)]
    if got != [[3.0, 3.0], [5.0, 5.0]]:
        raise ArithmeticError(f"adding numbers gave {got}")
