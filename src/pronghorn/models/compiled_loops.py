"""Loops of `pronghorn.ops` that are called on arrays and go on: from some round on, they run as one native loop.

The first rounds run by Python. One of them is watched: a body that prints, reads a clock, draws Python's or NumPy's
random numbers, or changes what it holds (a list, a counter, an attribute) does in each round what a compiled loop would
not, so Python goes on with it. So it does where the body needs values while it is traced, or returns other shapes or
types than it got.

A loop is compiled when the rounds that ran by Python, in this and in earlier calls, have cost about as much as
compiling it does. Both are estimated from the operations of a round and the sizes of their arrays, by no clock, so that
no bit of a result depends on how fast a machine is. Results of compiled rounds differ from others as the last bits of
sums do.

Programs are kept by what `closures.Survey` tells: arrays in closures are inputs of the program. Each is dropped when
one of the objects that it holds by identity dies, or when others have come meanwhile.
"""

from __future__ import annotations

import random
import sys
import threading
import types
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from pronghorn import config, tree
from pronghorn._packages import is_ours
from pronghorn.calls import jit
from pronghorn.calls.batch import Batch
from pronghorn.calls.layout import take_apart
from pronghorn.calls.step import Program, StepFunction
from pronghorn.engine.backends.foreign_calls import TRACING
from pronghorn.engine.graph.active import TraceError, pop_tape, push_tape
from pronghorn.engine.graph.layout import has_numbers
from pronghorn.engine.graph.tensor import Tensor, tensor_of
from pronghorn.engine.graph.variable import overlays
from pronghorn.layers import call as calls
from pronghorn.models.closures import NotTakenApart, Survey
from pronghorn.placement.active import distribution
from pronghorn.utils.autocast import autocast_scope

#: So many loops are kept, with their programs.
MOST_KEPT = 64

#: About what things cost, in microseconds: an operation by Python, an element of its arrays, compiling a loop, and each
#: of its operations.
BY_PYTHON, ELEMENT, COMPILING, COMPILING_EACH = 10.0, 0.001, 100_000.0, 3_000.0

#: So many operations are taken to be in a round where they cannot be counted.
UNMEASURED = 20

_entries: OrderedDict[Hashable, Entry] = OrderedDict()
_lock = threading.Lock()


class _Step(StepFunction):
    """A loop that Python runs where it cannot be compiled."""

    made = 0

    def _fall_back(self, error: TraceError) -> None:
        self.run_eagerly = True

    def _assembled(self, *args: Any) -> Program:
        self.made += 1
        return super()._assembled(*args)

    def has_for(self, batch: Batch) -> bool:
        """Whether there is a program for a batch."""
        variants, lengths = self._variants.get((*self._way, batch.key)), self._lengths_of(batch)
        if variants is not None and variants.find(batch.extents, batch.common_size) is not None:
            return True
        return lengths is not None and lengths.find(batch) is not None


class Entry:
    """Loops that do the same with the same arrays."""

    def __init__(self, survey: Survey, traced: Callable[..., Any]):
        self._traced = traced
        self._survey: Survey | None = None  # of the functions that are traced
        self._lock = threading.RLock()
        self._step = _Step(self._run, "loop", fewest_shapes=2)
        self.round_cost, self.price, self.spent = 0.0, COMPILING, 0.0
        self._watched = [_weakly(x, self) for x in survey.objects]
        self.key: Hashable = None
        self.is_wrong = False

    def note_round(self) -> None:
        """A round ran by Python."""
        self.spent += self.round_cost

    def may_run(self, is_first: bool) -> bool:
        """Whether `rest` is worth a call; ``is_first`` says that no round has run yet."""
        return not self.is_wrong and (self.spent >= self.price or (is_first and self._step.made > 0))

    def rest(self, functions: tuple[Any, ...], state: Any, limit: int | None) -> Any:
        """What the loop comes to from here on; None where Python goes on.

        Args:
            functions: those of the loop.
            state: what it carries now.
            limit: the most rounds that are left.
        """
        try:
            survey = Survey(*functions)
            data = (state, None if limit is None else np.int32(limit), survey.arrays)
            layout, leaves = take_apart(data)
            arrays = [np.asarray(x.data if isinstance(x, Tensor) else x) for x in leaves]
            if not all(map(has_numbers, arrays)):
                return None
            batch = Batch(layout, arrays)
            with self._lock:
                if not self._step.has_for(batch):
                    if self.spent < self.price:
                        return None
                    self.spent -= self.price
                self._survey = survey
                try:
                    program = self._step.prepare(batch)
                finally:
                    self._survey = None
        except Exception:  # running it by Python tells, where it is the body's
            self.is_wrong = True
            return None
        if program is None:
            self.is_wrong = True
            return None
        results = program(batch)
        return tree.map_structure(lambda x: None if x is None else tensor_of(np.asarray(x)), results)

    def _run(self, data: Any) -> Any:
        assert self._survey is not None
        state, limit, arrays = data
        return self._traced(self._survey.functions(arrays), state, limit)


def count() -> int:
    """How many loops are kept."""
    return len(_entries)


def forget() -> None:
    """Drop all loops that are kept."""
    with _lock:
        _entries.clear()


def _weakly(x: Any, entry: Entry) -> Any:
    """A reference by which an entry is dropped when an object dies; the object where it can have none."""
    mine = weakref.ref(entry)

    def drop(_: Any, entries: OrderedDict[Hashable, Entry] = _entries) -> None:  # it may be the program's last act
        found = mine()
        if found is not None:
            entries.pop(found.key, None)

    try:
        return weakref.ref(x, drop)
    except TypeError:
        return x


def _surveyed(functions: tuple[Any, ...], state: Any) -> tuple[Hashable, Survey] | None:
    """The key of a loop; None where it is not compiled."""
    if jit.runs_eagerly() or overlays.stack or autocast_scope() is not None:
        return None
    if calls.current_call_context() is not None or distribution() is not None:
        return None
    try:
        survey = Survey(*functions)
        layout, leaves = take_apart(state)
    except NotTakenApart:
        return None
    if not all(isinstance(leaf, Tensor) for leaf in leaves):
        return None
    kinds = tuple([(x.dtype, x.ndim) for x in leaves])
    return (survey.key, layout.key, kinds, config.floatx(), config.image_data_format()), survey


def find(functions: tuple[Any, ...], traced: Callable[..., Any], state: Any) -> Entry | None:
    """What is known of a loop, if anything is."""
    found = _surveyed(functions, state)
    if found is None:
        return None
    with _lock:
        entry = _entries.get((found[0], traced))
        if entry is not None:
            with suppress(KeyError):  # what it was made for may die at any time
                _entries.move_to_end(entry.key)
    return entry


def watched(
    functions: tuple[Any, ...], traced: Callable[..., Any], step: Callable[..., Any], state: Any
) -> tuple[Any, Entry | None]:
    """The results of a round by Python, and what is known of the loop then; None where it cannot be compiled."""
    before = _surveyed(functions, state)
    if before is None or sys.getprofile() is not None:
        return step(*state), None
    key, survey = before[0], before[1]
    stamp = survey.stamp()
    randoms = _random_states()
    costs = _Costs()
    with _watching() as seen:
        if TRACING:  # a tape would hide from ops that another library traces them
            costs.operations = UNMEASURED
            results = step(*state)
        else:
            push_tape(costs)
            try:
                results = step(*state)
            finally:
                pop_tape(costs)
    after = _surveyed(functions, state)
    if seen or after is None or after[1].stamp() != stamp or _random_states() != randoms:
        return results, None
    if _kinds(results) != _kinds(state):
        return results, None
    with _lock:
        entry = _entries.get((key, traced))
        if entry is None:
            entry = Entry(survey, traced)
            entry.key = (key, traced)
            entry.round_cost = BY_PYTHON * costs.operations + ELEMENT * costs.elements
            entry.price = COMPILING + COMPILING_EACH * costs.operations
            _entries[entry.key] = entry
            while len(_entries) > MOST_KEPT:
                _entries.popitem(last=False)
    entry.note_round()
    return results, entry


def _kinds(nest: Any) -> list[Any]:
    return [(tuple(np.shape(x)), getattr(x, "dtype", type(x))) for x in tree.flatten(nest)]


class _Costs:
    """A tape that counts the operations of a round and the elements of their arrays."""

    def __init__(self) -> None:
        self.operations, self.elements = 0, 0

    def record(self, prim: Any, inputs: Any, params: Any, outputs: Any) -> None:
        """An operation ran."""
        self.operations += 1
        self.elements += sum(t.data.size for t in (*inputs, *outputs))

    @staticmethod
    def variable_value(variable: Any, tensor: Tensor) -> Tensor:
        """A variable is read."""
        return tensor


def _random_states() -> Any:
    name, words, *rest = np.random.get_state()
    return random.getstate(), name, words.tobytes(), tuple(rest)


_EFFECTS = frozenset((print, input, open, breakpoint, exec, eval, compile))
_MODULES = frozenset(("time", "posix", "nt", "_io", "_socket", "_random", "_thread"))


@contextmanager
def _watching() -> Iterator[list[str]]:
    """Notes calls of C functions by which Python code does more than compute; ours are not looked at."""
    seen: list[str] = []

    def note(frame: types.FrameType, event: str, called: Any) -> None:
        if event == "c_call" and not is_ours(frame.f_globals.get("__name__")) and _does_more(called):
            seen.append(called.__name__)

    sys.setprofile(note)
    try:
        yield seen
    finally:
        sys.setprofile(None)


def _does_more(called: Any) -> bool:
    owner = getattr(called, "__self__", None)
    module = owner.__name__ if isinstance(owner, types.ModuleType) else type(owner).__module__
    return called in _EFFECTS or module in _MODULES
