"""How a step that is a program of an engine's library is run: on that library's arrays, compiled as it compiles."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.calls.batch import Batch
from pronghorn.calls.step import StepFunction
from pronghorn.engine.backends import choice
from pronghorn.engine.backends.engine import Engine, engine
from pronghorn.engine.backends.foreign_calls import engine_of, on_its_engine
from pronghorn.engine.graph.tensor import Tensor
from pronghorn.engine.graph.variable import GraphVariable, substituted
from pronghorn.placement.active import distribution
from pronghorn.trainers import checks, compiling
from pronghorn.trainers.programs import engine_asked, engine_of_program


def groups(model: Any, kind: str) -> list[list[GraphVariable]]:
    """The variables whose values are the state of a step: "train", "test" or "predict"."""
    optimizer = [] if model.optimizer is None else model.optimizer.variables
    found = [model.trainable_variables, model.non_trainable_variables, optimizer, model.metrics_variables]
    kept = {"train": (0, 1, 2, 3), "test": (0, 1, 3), "predict": (0, 1)}[kind]
    return [list(found[i]) for i in kept]


class Programs:
    """What runs a model's step as a program of an engine's library.

    Args:
        model: the model.
        kind: "train", "test" or "predict".
        step: the step, of a batch.
        test_step: the built-in test step, which makes what loss and metrics have of variables.
    """

    def __init__(self, model: Any, kind: str, step: Callable[[Any], Any], test_step: Callable[[Any, Any], Any]):
        self._model, self._kind, self._step, self._test_step = model, kind, step, test_step
        self._made: tuple[Any, LibraryStep] | None = None
        self._asked: set[str] = set()  # engines of whose arrays it has asked what ours do not have

    def __call__(self, chosen: str) -> LibraryStep | None:
        """What runs it on the engine that is chosen; None where the step is traced. See `engine_of_program`."""
        model, kind = self._model, self._kind
        name = engine_of_program(model, kind, chosen)
        if name is None and chosen in self._asked:
            name = chosen
        if name is None:
            return None
        key = name, model.run_eagerly, compiling.state_key(model, kind)
        if self._made is None or self._made[0] != key:
            found = engine(name)
            step = StateStep(found, model, kind) if found.takes_state else LibraryStep(found, model, self._step)
            step.test_step = self._test_step
            self._made = key, step
        return self._made[1]

    def after(self, error: AttributeError, chosen: str) -> LibraryStep | None:
        """What runs it once it has failed as programs of the engine's library do on our arrays. See `engine_asked`."""
        name = engine_asked(self._model, self._kind, error, chosen)
        if name is None:
            return None
        self._asked.add(name)
        return self(chosen)


class LibraryStep:
    """A step of a model's class that runs on arrays of an engine's library, and changes the variables itself.

    Args:
        engine: the engine.
        model: the model.
        step: the step.
    """

    test_step: Callable[[Any, Any], Any]

    def __init__(self, engine: Engine, model: Any, step: Callable[..., Any]):
        self._engine, self._model = engine, model
        self._run = step if model.run_eagerly else engine.program(step)
        self._known: set[Hashable] = set()

    def __call__(self, batch: Batch) -> Any:
        """Run the step; results are NumPy arrays."""
        self.build(batch)
        with choice.using(self._engine.name):
            return self._numbers(self._run(self._data(batch)))

    def build(self, batch: Batch) -> None:
        """Make the variables of the model, its optimizer and what `compile` was given, which such a step expects."""
        if batch.key in self._known:
            return
        self._known.add(batch.key)
        model = self._model
        checks.build(model, batch)
        if model.optimizer is not None and not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        if any(part is not None and not part.built for part in (model._compile_loss, model._compile_metrics)):
            StepFunction(functools.partial(self.test_step, model), f"{model.name}.build").trace(batch, batch.shapes())
            model._clear_losses()

    def _data(self, batch: Batch) -> Any:
        engine, shared = self._engine, distribution()
        if shared is None:
            return batch.layout.pack([engine.from_numpy(a) for a in batch.gather()])
        return batch.layout.pack([engine.spread(a, *shared.data_placement(a.shape)) for a in batch.gather()])

    def _numbers(self, results: Any) -> Any:
        def number(x: Any) -> Any:
            if isinstance(x, Tensor | GraphVariable):
                return x.numpy()
            return x if engine_of([x]) is None else np.array(self._engine.to_numpy(self._engine.kept(x)))

        return tree.map_structure(number, results)


class StateStep(LibraryStep):
    """A step that is a function from the variables' values and a batch to results and new values.

    Args:
        engine: the engine.
        model: the model.
        kind: "train", "test" or "predict".
    """

    def __init__(self, engine: Engine, model: Any, kind: str):
        method = getattr(model, f"{kind}_step")
        self._kind = kind

        def step(state: Any, data: Any) -> Any:
            return self._checked(method(state, data), state)

        super().__init__(engine, model, step)

    def __call__(self, batch: Batch) -> Any:
        """Run the step; results are NumPy arrays."""
        self.build(batch)
        engine, variables = self._engine, groups(self._model, self._kind)
        with choice.using(engine.name):
            if (shared := distribution()) is not None:
                shared.lay_out([v for group in variables for v in group])
            state = tuple([v.on(engine) for v in group] for group in variables)
            results, values = self._run(state, self._data(batch))
            for group, new in zip(variables, values):
                for variable, value in zip(group, new):
                    if engine.dtype_of(value) == variable.storage_dtype:
                        variable.give_to(engine, value)
                    else:
                        variable.assign(engine.to_numpy(value))
            return self._numbers(results)

    def _checked(self, returned: Any, state: Sequence[Sequence[Any]]) -> Any:
        """What a step returned: its results and the whole state."""
        name = f"{type(self._model).__name__}.{self._kind}_step"
        what = "outputs, non_trainable_variables" if self._kind == "predict" else "logs, state"
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise ValueError(
                f"{name} takes (state, data), so it has to return a pair, ({what}); got {type(returned).__name__}."
            )
        results, new = returned
        if self._kind == "predict":
            new = (state[0], new)
        else:
            compiling.checked_logs(self._model, f"{self._kind}_step", results)
        counts, wanted = [len(group) for group in new], [len(group) for group in state]
        if counts != wanted:
            raise ValueError(
                f"{name} has to return new values for all of its state: lists of {wanted} arrays, in the order in "
                f"which they came; got {counts}."
            )
        return results, tuple(list(group) for group in new)


def also_of_state(kind: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Have a built-in step take ``(state, data)`` too, and return ``(results, state)`` then, for steps that override
    it in that style."""

    def decorate(step: Callable[..., Any]) -> Callable[..., Any]:
        @on_its_engine
        def of_state(model: Any, state: Any, data: Any) -> Any:
            variables = groups(model, kind)
            pairs = [pair for group, values in zip(variables, state, strict=True) for pair in zip(group, values)]
            with substituted(pairs):
                results = step(model, data)
                new = tuple([v.tensor for v in group] for group in variables)
            return results, new[1] if kind == "predict" else new

        @functools.wraps(step)
        def either(model: Any, *arguments: Any, **named: Any) -> Any:
            if len(arguments) + len(named) < 2:
                return step(model, *arguments, **named)
            return of_state(model, *arguments, **named)

        return either

    return decorate
