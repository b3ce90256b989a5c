"""A run of training: what it has logged, and how it is paused, stepped and stopped from elsewhere."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from pronghorn import utils
from pronghorn.callbacks import Callback
from pronghorn.studio.data_sets import DataSet, rows_of
from pronghorn.studio.plans import ModelPlan, build, said
from pronghorn.studio.settings import Settings

MOST_POINTS = 4000  # that are sent of a run at once
ENDED = ("done", "stopped", "failed")
PATIENCE = 0.25  # seconds that a look waits for the step that goes on: it may be one that is being compiled


@dataclass(frozen=True)
class Recipe:
    """All that decides how a run goes, so that it can be started again and compared."""

    plan: ModelPlan | None
    settings: Settings
    data: DataSet | None


@dataclass
class EpochRow:
    """The logs of an epoch, and the step it ended at."""

    epoch: int
    step: int
    logs: dict[str, float | None]
    seconds: float


@dataclass
class Run:
    """A run, which the thread that trains writes and others read.

    Attributes:
        number: from 1.
        recipe: what it was started with.
        state: `starting`, `training`, `paused`, `done`, `stopped` or `failed`.
        names: of what is logged each step.
        points: for each step, its place in the epoch and the values so far in it, as `fit` logs them.
        epochs: a row for each that has ended.
        batch_size: samples a step; 1 where it is not known, and they count alike.
        samples: samples an epoch; 0 where it is not known.
        error: what ended it, where it failed.
        model: what it trains.
    """

    number: int
    recipe: Recipe
    name: str = ""
    state: str = "starting"
    names: tuple[str, ...] = ()
    points: list[tuple[float, ...]] = field(default_factory=list, repr=False)
    epochs: list[EpochRow] = field(default_factory=list)
    epoch: int = 0
    steps_per_epoch: int | None = None
    total_epochs: int = 0
    batch_size: int = 1
    samples: int = 0
    error: str = ""
    model: Any = field(default=None, repr=False)
    changed: Callable[[], None] = field(default=lambda: None, repr=False)

    def __post_init__(self) -> None:
        self._control = threading.Condition()
        self._paused, self._steps_left, self._stop = False, 0, False
        self._looks, self._rest_until, self._rests = 0, 0.0, False
        self.is_asked = False  # whether there is anything to ask about
        self._reading = threading.Lock()  # for those who ask the model while it trains
        self.thread: threading.Thread | None = None

    # -- control ------------------------------------------------------------------------------------------------------
    @property
    def is_over(self) -> bool:
        return self.state in ENDED

    def pause(self) -> None:
        with self._control:
            self._paused, self._steps_left, self.is_asked = True, 0, True
            self._control.notify_all()

    def resume(self) -> None:
        with self._control:
            self._paused = False
            self._control.notify_all()

    def step(self) -> None:
        """One more step, and a pause behind it."""
        with self._control:
            self._paused, self._steps_left, self.is_asked = True, self._steps_left + 1, True
            self._control.notify_all()

    def stop(self) -> None:
        with self._control:
            self._stop = self.is_asked = True
            self._control.notify_all()

    @contextlib.contextmanager
    def looking(self, rest: float | None = None) -> Iterator[None]:
        """Use the model alone, one after another.

        Args:
            rest: where it is given, training waits, and so many seconds longer: a stroke of the pen is to be answered
                at once, and the next follows. Training goes on meanwhile by default.
        """
        with self._reading:
            if rest is None:
                yield
                return
            with self._control:
                self._looks, self.is_asked = self._looks + 1, True
                self._control.wait_for(lambda: self._rests or self.state != "training", PATIENCE)
            try:
                yield
            finally:
                with self._control:
                    self._looks, self._rest_until = self._looks - 1, time.monotonic() + rest
                    self._control.notify_all()

    def ask(self) -> bool:
        """Called by the training thread after each step: waits while paused or looked at; whether to stop."""
        with self._control:
            self._let_look()
            while self._paused and not self._stop:
                if self._steps_left:
                    self._steps_left -= 1
                    break
                self._set("paused")
                self._control.wait()
            if not self._stop and self.state == "paused" and not self._paused:
                self._set("training")
            self._forget()
            return self._stop

    def let_look(self) -> None:
        """Called by the training thread after each batch of test data: waits while the model is looked at."""
        with self._control:
            self._let_look()
            self._forget()

    def _let_look(self) -> None:
        self._rests = True
        self._control.notify_all()
        while not self._stop and (self._looks or self._rest_until > time.monotonic()):
            self._control.wait(None if self._looks else self._rest_until - time.monotonic())
        self._rests = False

    def _forget(self) -> None:
        self.is_asked = self._paused or self._stop or self._looks > 0

    def finish(self) -> None:
        """The training is over."""
        self._set("stopped" if self._stop else "done")

    def _set(self, state: str) -> None:
        if self.state != state:
            self.state = state
            self.changed()

    # -- what is told -------------------------------------------------------------------------------------------------
    def shown(self) -> dict[str, Any]:
        """It for the page, without its points and epochs."""
        settings = self.recipe.settings
        return {
            "number": self.number,
            "name": self.name,
            "state": self.state,
            "error": self.error,
            "total_epochs": self.total_epochs,
            "epochs": len(self.epochs),
            "last": asdict(self.epochs[-1]) if self.epochs else None,
            "settings": settings.shown(),
            "data": self.recipe.data.name if self.recipe.data else "",
            "seconds": self.epochs[-1].seconds if self.epochs else 0.0,
            "has_model": self.model is not None,
        }

    def since(self, place: int, epoch: int = 0) -> dict[str, Any]:
        """The points from a place on, each with the values of that step alone; fewer, evenly, where they are many.

        Args:
            place: how many points are known.
            epoch: how many ended epochs are known.
        """
        epochs = list(self.epochs[epoch:])  # before the points, so that an epoch's last step is never missing
        end = len(self.points)
        stride = max(1, (end - place) // MOST_POINTS)
        rows = [[i, *self._alone(i)] for i in range(place, end, stride)]
        return {
            "run": self.number,
            "from": place,
            "next": end,
            "names": list(self.names),
            "rows": rows,
            "epochs": [asdict(one) for one in epochs[:: max(1, len(epochs) // MOST_POINTS)]],
            "next_epoch": epoch + len(epochs),
            "epoch": self.epoch,
            "steps_per_epoch": self.steps_per_epoch,
            "total_epochs": self.total_epochs,
        }

    def _alone(self, i: int) -> list[float | None]:
        """The values of one step: what `fit` logs are means over the epoch so far."""
        now = self.points[i]
        before = self.points[i - 1] if i and now[0] > self.points[i - 1][0] else None
        if before is None:
            return [_rounded(value) for value in now[1:]]
        done, more = self._samples(before[0]), self._samples(now[0]) - self._samples(before[0])
        return [_rounded(v + (v - u) * done / more) for u, v in zip(before[1:], now[1:])]

    def _samples(self, place: float) -> float:
        """How many samples an epoch has seen after a step; the last batch may be short."""
        return min((place + 1) * self.batch_size, self.samples or float("inf"))


def _rounded(value: float) -> float | None:
    return float(f"{value:.5g}") if abs(value) < 1e30 else None  # JSON has no NaN


class Watcher(Callback):
    """Tells a run how training goes, and training what the page wants."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run
        self._began = time.perf_counter()
        self._all = False  # whether all that is logged are numbers

    def on_train_begin(self, logs: Any = None) -> None:
        self._run.steps_per_epoch = (self.params or {}).get("steps")
        self._run.total_epochs = (self.params or {}).get("epochs") or self._run.total_epochs
        adapter = self.model._trainer_state.run.steps.adapter
        self._run.batch_size = getattr(adapter, "batch_size", None) or 1
        self._run.samples = getattr(adapter, "num_samples", None) or 0
        self._run._set("training")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._run.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        # Steps may take as little as twenty microseconds, and this is part of each.
        run, values = self._run, logs or {}
        if not run.names:
            run.names = tuple(name for name, value in values.items() if isinstance(value, float))
            self._all = len(run.names) == len(values)
        run.points.append((batch, *values.values()) if self._all else (batch, *[values[name] for name in run.names]))
        if run.is_asked and run.ask():
            self.model.stop_training = True

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._run.is_asked:
            self._run.let_look()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        values = {name: _rounded(value) for name, value in (logs or {}).items() if isinstance(value, float)}
        seconds = time.perf_counter() - self._began
        self._run.epochs.append(EpochRow(epoch, len(self._run.points), values, seconds))


def train(run: Run, weights: Any = None) -> None:
    """Do a run, in the calling thread; what goes wrong is told in it.

    Args:
        run: the run.
        weights: values of the model's weights to begin with; new ones by default.
    """
    recipe, settings = run.recipe, run.recipe.settings
    try:
        if recipe.plan is None or recipe.data is None:
            raise ValueError("There is no data to train on. Choose some under Data.")
        utils.set_random_seed(settings.seed)
        built = build(recipe.plan)
        if built.problem is not None:
            raise ValueError(built.problem.message)
        settings.compile(built.model)
        if weights is not None:
            built.model.set_weights(weights)
        run.model = built.model
        run.changed()
        data, rows = recipe.data, slice(0, settings.examples or None)
        built.model.fit(
            rows_of(data.x, rows),
            rows_of(data.y, rows),
            batch_size=settings.batch_size,
            epochs=settings.epochs,
            validation_data=(data.x_test, data.y_test),
            verbose=0,
            callbacks=[Watcher(run)],
        )
    except Exception as error:  # whatever it is, the user is to read it on the page
        run.error = said(error)
        run._set("failed")
        return
    run.finish()


def start(run: Run, weights: Any = None) -> None:
    """Do a run in a thread of its own."""
    run.thread = threading.Thread(target=train, args=(run, weights), name=f"run-{run.number}", daemon=True)
    run.thread.start()
