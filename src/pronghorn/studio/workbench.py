"""What a studio holds: the data, the plan, the runs and the opened file; all pages see the same."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from pronghorn.studio import runs
from pronghorn.studio.data_sets import PACKAGED, DataSet, rows_of
from pronghorn.studio.edits import EDITS, kinds_for_page
from pronghorn.studio.files import FileView
from pronghorn.studio.from_pages import check_arguments
from pronghorn.studio.graph_views import graph_of, step_shares
from pronghorn.studio.plans import Built, ModelPlan, Problem, build, said
from pronghorn.studio.settings import OPTIMIZERS, Settings
from pronghorn.studio.starting_models import starting_plan, starting_settings
from pronghorn.studio.tables import Table, from_table
from pronghorn.trainers import checks
from pronghorn.trainers.data_adapters import make_adapter

_MOST_UNDO = 100
_SOME = slice(0, 5000)  # examples that a model is checked against


class Workbench:
    """What a studio holds. Its methods may be called by any thread.

    Attributes:
        version: grows with every change, so that pages know when to look.
        script_trains: whether a script's own `fit` is what is watched, so that the page starts no runs.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.reading = threading.Lock()  # for those who ask the model that is being built
        self.version = 0
        self._counting = threading.Lock()
        self.data: DataSet | None = None
        self.table: Table | None = None
        self.file: FileView | None = None
        self.settings = Settings()
        self.built: Built | None = None
        self.shares: dict[str, float] = {}
        self.runs: list[runs.Run] = []
        self.script_trains = False
        self._undo: list[tuple[ModelPlan, Settings]] = []
        self._redo: list[tuple[ModelPlan, Settings]] = []

    # -- what pages see -----------------------------------------------------------------------------------------------
    def changed(self) -> None:
        """Have the pages look again."""
        with self._counting:  # by pages and by the thread that trains
            self.version += 1

    def shown(self) -> dict[str, Any]:
        """Everything but the points of runs and what is looked into."""
        with self.lock:
            active = self.active
            return {
                "version": self.version,
                "data": None if self.data is None else self.data.shown(),
                "table": None if self.table is None else {"columns": self.table.header, "target": self.table.target},
                "graph": None if self.built is None else graph_of(self.built, self.shares),
                "settings": self.settings.shown(),
                "runs": [run.shown() for run in self.runs],
                "active": None if active is None else active.number,
                "in_view": next((run.number for run in reversed(self.runs) if self._is_in_view(run)), None),
                "file": None if self.file is None else self.file.shown(),
                "can_undo": bool(self._undo),
                "can_redo": bool(self._redo),
                "script_trains": self.script_trains,
                "choices": {
                    "optimizers": list(OPTIMIZERS),
                    "kinds": kinds_for_page(),
                    "data": [{"name": name, **asdict(about)} for name, about in PACKAGED.items()],
                },
            }  # fmt: skip

    @property
    def active(self) -> runs.Run | None:
        """The run that goes on, or None."""
        return next((run for run in reversed(self.runs) if not run.is_over), None)

    def run(self, number: int | None = None) -> runs.Run:
        """The run of a number; the last by default.

        Raises:
            ValueError: if there is none.
        """
        for run in reversed(self.runs):
            if number is None or run.number == number:
                return run
        raise ValueError(
            "There is no run yet. Start one under Train." if number is None else f"There is no run {number}."
        )

    # -- data and model -----------------------------------------------------------------------------------------------
    def use_data(self, data: DataSet, table: Table | None = None) -> None:
        """Take other data, and a model to begin with."""
        with self.lock:
            self.data, self.table = data, table
            self._undo.clear()
            self._redo.clear()
            self.settings = starting_settings(data)
            self._build(starting_plan(data))
            self.changed()

    def set_target(self, column: str) -> None:
        """Have another column of the table predicted.

        Raises:
            ValueError: if there is none of that name.
        """
        if self.table is None or column not in self.table.header:
            raise ValueError(f"The table has no column {column!r}.")
        table = replace(self.table, target=column)
        self.use_data(from_table(table), table)

    def use_plan(self, plan: ModelPlan, settings: Settings | None = None) -> None:
        """Take another model, as of a script or a file."""
        with self.lock:
            self._remember()
            self.settings = settings or self.settings
            self._build(plan)
            self.changed()

    def edit(self, do: str, **arguments: Any) -> None:
        """Change the model; see `edits.EDITS`.

        Raises:
            ValueError: if that makes no sense. What the library says against the changed model is in `built`.
        """
        with self.lock:
            if self.built is None:
                raise ValueError("There is no model yet. Choose data under Data, or open a script.")
            if do not in EDITS:
                raise ValueError(f"There is no edit {do!r}.")
            check_arguments(do, EDITS[do], arguments)
            plan = EDITS[do](self.built.plan, **arguments)
            if plan == self.built.plan:
                return
            self._remember()
            self._build(plan)
            self.changed()

    def set_settings(self, changes: dict[str, Any]) -> None:
        """Change how runs train; see `Settings.changed`."""
        with self.lock:
            settings = self.settings.changed(changes)
            if settings == self.settings:  # a page cannot know: it may show what was before
                return
            self._remember()
            self.settings = settings
            self.changed()

    def undo(self) -> None:
        """Take the last change back."""
        self._go(self._undo, self._redo)

    def redo(self) -> None:
        """Do again what was taken back."""
        self._go(self._redo, self._undo)

    def _go(self, source: list[tuple[ModelPlan, Settings]], other: list[tuple[ModelPlan, Settings]]) -> None:
        with self.lock:
            if not source or self.built is None:
                raise ValueError("There is nothing to go back to.")
            other.append((self.built.plan, self.settings))
            plan, self.settings = source.pop()
            self._build(plan)
            self.changed()

    def _remember(self) -> None:
        if self.built is not None:
            self._undo.append((self.built.plan, self.settings))
            del self._undo[:-_MOST_UNDO]
            self._redo.clear()

    def _build(self, plan: ModelPlan) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.built, self.shares = build(plan), {}
            if self.built.problem is None:
                self.built.problem = self._against_the_data(self.built)
        warned = (warning.message for warning in caught if issubclass(warning.category, UserWarning))
        self.built.hints = tuple(dict.fromkeys(" ".join(str(message).split()) for message in warned))

    def _against_the_data(self, built: Built) -> Problem | None:
        """What `fit` would say of the data, with the layer that it is about: the input's or the last."""
        data = self.data
        if data is None:
            return None
        first, last = built.plan.layers[0].name, built.plan.layers[-1].name
        shape = built.shapes.get(first, ())
        same_rank = data.has_one_input and built.plan.layers[0].is_input and len(shape) == 1 + len(data.shape)
        if same_rank and not _fits(shape[1:], data.shape):
            said_ = f"The model takes inputs of shape {shape[1:]}, but {data.name} has inputs of {data.shape}."
            return Problem(f"{said_} Choose other data, or start from its own model.", first)
        try:
            self.settings.compile(built.model)
            checks.check_data(built.model, make_adapter(rows_of(data.x, _SOME), rows_of(data.y, _SOME), batch_size=32))
        except Exception as error:
            message = said(error)
            layer = next((one.name for one in built.plan.layers if f"{one.name!r}" in message), last)
            return Problem(message, layer)
        return None

    def measure(self) -> None:
        """Measure which share of a step's time goes to which layer.

        Raises:
            ValueError: if there is no model that could train, or a run goes on, which would be in the way.
        """
        with self.lock:
            built, data, settings = self.built, self.data, self.settings
            if built is None or built.model is None or built.problem is not None or data is None:
                raise ValueError("Mend the model first; then its step can be measured.")
            if self.active is not None:
                raise ValueError("A step is measured when no run goes on.")
        rows = slice(0, 4 * settings.batch_size)
        x, y = rows_of(data.x, rows), rows_of(data.y, rows)
        settings.compile(built.model)
        profile = built.model.profile(x, y, batch_size=settings.batch_size, steps=8, verbose=0)
        with self.lock:
            if self.built is built:
                self.shares = step_shares(profile, built.plan.name)
                self.changed()

    # -- runs ---------------------------------------------------------------------------------------------------------
    def start(self, further: bool = False, name: str = "") -> runs.Run:
        """Start a run.

        Args:
            further: whether to begin with the weights of the last run, if its model is the same.
            name: of the run.

        Raises:
            ValueError: if a run goes on, or the model has a problem.
        """
        with self.lock:
            built = self._startable()
            recipe = runs.Recipe(built.plan, self.settings, self.data)
            weights = self._last_weights(built.plan) if further else None
            run = self.new_run(recipe, name)
        runs.start(run, weights)
        return run

    def _startable(self) -> Built:
        if self.script_trains:
            raise ValueError("A script trains here; its run is what this page shows.")
        if self.active is not None:
            raise ValueError("A run goes on already. Stop it first, or let it end.")
        if self.built is None or self.data is None:
            raise ValueError("Choose data first, under Data.")
        if self.built.problem is not None:
            raise ValueError(f"The model has a problem: {self.built.problem.message}")
        return self.built

    def _last_weights(self, plan: ModelPlan) -> Any:
        last = self.run()
        if last.model is None or last.recipe.plan != plan:
            raise ValueError("The model has changed since the last run, so its weights do not fit. Start a new run.")
        return last.model.get_weights()

    def new_run(self, recipe: runs.Recipe, name: str = "") -> runs.Run:
        """A run that is about to start."""
        with self.lock:
            number = self.runs[-1].number + 1 if self.runs else 1
            run = runs.Run(number, recipe, name or f"Run {number}", changed=self.changed)
            run.total_epochs = recipe.settings.epochs
            self.runs.append(run)
            self.changed()
            return run

    def control(self, do: str) -> None:
        """Pause, resume, step or stop the run that goes on.

        Raises:
            ValueError: if none does.
        """
        run = self.active
        if run is None:
            raise ValueError("No run goes on.")
        actions: dict[str, Callable[[], None]] = {
            "pause": run.pause,
            "resume": run.resume,
            "step": run.step,
            "stop": run.stop,
        }
        actions[do]()
        self.changed()

    def restart(self) -> runs.Run:
        """Stop the run that goes on, if one does, and start anew with new weights."""
        run = self.active
        if run is not None and not self.script_trains:
            run.stop()
            if run.thread is not None:
                run.thread.join(60)
        return self.start()

    def stop_all(self) -> None:
        """At the end: let the training thread go."""
        if not self.script_trains:
            for run in self.runs:
                run.stop()

    def model_in_view(self, number: int | None = None) -> tuple[Any, DataSet | None, runs.Run | None]:
        """The model that is looked into, its data, and its run if it has one.

        Args:
            number: of a run; by default the last on the data in use, or the model that is being built if there is none.

        Raises:
            ValueError: if there is no model.
        """
        for run in reversed(self.runs):
            if (run.number == number and run.model is not None) or (number is None and self._is_in_view(run)):
                return run.model, run.recipe.data or self.data, run
        if number is None and self.built is not None and self.built.model is not None:
            return self.built.model, self.data, None
        raise ValueError("There is no model to look into yet.")

    def _is_in_view(self, run: runs.Run) -> bool:
        return run.model is not None and run.recipe.data is self.data


def _fits(expected: tuple[Any, ...], shape: tuple[int, ...]) -> bool:
    return all(a is None or a == b for a, b in zip(expected, shape))
