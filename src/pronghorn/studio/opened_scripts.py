"""Keras scripts and models' files as what the studio works on.

A script is run, in a process of its own, up to the moment at which it would train; what it would train comes back as
data. Nothing of the script runs in the studio's own process.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pronghorn import layers
from pronghorn.studio import capture, runs
from pronghorn.studio.data_sets import DataSet
from pronghorn.studio.from_pages import clean_name
from pronghorn.studio.plans import Built, ModelPlan, Problem, plan_of, plan_of_config
from pronghorn.studio.processes import Process
from pronghorn.studio.settings import Settings, named, settings_of
from pronghorn.studio.workbench import Workbench

_NO_MODEL = "neither compiled nor trained a Keras model."
SECONDS = 120.0  # that a script may take until its `fit`
_VALUES = re.compile("error|squared|absolute|huber|log_cosh|poisson|cosine|^m[as]")  # in the names of losses of values


@dataclass
class OpenedScript:
    """What a script would have trained.

    Attributes:
        plan: its model.
        settings: how it would have been trained.
        data: on what, if that was arrays.
        output: what the script printed, its middle left out where it is long.
        shapes: output shapes by layer, as the script's process knew them.
        parameters: numbers of parameters by layer.
    """

    plan: ModelPlan
    settings: Settings
    data: DataSet | None
    output: str
    shapes: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)


def open_source(source: str, name: str = "script.py") -> OpenedScript:
    """Open a script that is given as text; see `open_script`."""
    with tempfile.TemporaryDirectory(prefix="studio-") as folder:
        place = Path(folder) / clean_name(name, "script.py")
        place.write_text(source, "utf-8")
        return open_script(str(place))


def open_script(path: str, seconds: float = SECONDS) -> OpenedScript:
    """Run a Keras script in a process of its own until it calls `fit`, and return what it would train.

    Other processes that it has started end with it.

    Args:
        path: the script.
        seconds: how long it may take until then.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it fails, takes too long or makes no model, or one that is no graph of layers.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f"There is no script {path!r}.")
    name = Path(path).name
    # What held a file of the folder may, on Windows, do so for a moment after its end.
    with tempfile.TemporaryDirectory(prefix="studio-", ignore_cleanup_errors=True) as folder:
        command = [sys.executable, "-m", "pronghorn.studio.capture", os.path.abspath(path), folder]
        env = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        found = Path(folder) / capture.MODEL
        with Process(command, env) as process:
            status = process.wait(seconds, is_enough=found.exists)
        output = process.output.text() + process.errors.text()
        if not found.exists():
            if status is None:
                raise ValueError(f"{name} did not call fit() within {seconds:.0f} seconds.")
            raise ValueError(f"{name} {_failure(output, name) if status else _NO_MODEL}")
        described = json.loads(found.read_text("utf-8"))
        data = _data(Path(folder) / capture.DATA, name)
    if described["model"].get("class_name") not in ("Sequential", "Functional"):
        raise ValueError(
            f"{name} makes a model of its own class {described['model'].get('class_name')}, whose layers are called by "
            "code. The studio shows Sequential and functional models; the curves of this one can be watched with "
            "keras.callbacks.Studio() among the callbacks of its fit()."
        )
    settings = settings_of(described["compile"], Settings(loss=None, metrics=()))
    settings = settings.changed(described["training"])
    if data is not None and _VALUES.search(named(settings.loss)):
        data = replace(data, classes=())  # whole numbers, but no classes
    shapes = {name: tuple(shape) for name, shape in described["shapes"].items()}
    return OpenedScript(plan_of_config(described["model"]), settings, data, output, shapes, described["parameters"])


def _failure(output: str, name: str) -> str:
    """How a script failed, by the last line of what it printed, and where: the last line of its own in a traceback."""
    last = output.strip().splitlines()[-1:] or ["It ended without a message."]
    places = re.findall(rf'{re.escape(name)}(?:, (cell \d+))?", (line \d+)', output)
    where = ", ".join(filter(None, places[-1])) if places else ""
    return f"failed{f' in {where}' if where else ''}: {last[0]}"


def _data(place: Path, name: str) -> DataSet | None:
    if not place.exists():
        return None
    return as_data(f"the data of {name}", **capture.read_arrays(place))


def as_data(name: str, x: Any, y: Any, x_test: Any, y_test: Any) -> DataSet:
    """Arrays, or lists or dicts of them, as a data set: what it holds is told by their shapes and types."""
    kind = _kind(x) if isinstance(x, np.ndarray) else "arrays"
    classes = tuple(map(str, range(_classes(y)))) if isinstance(y, np.ndarray) else ()
    columns = tuple(f"column {i + 1}" for i in range(x.shape[1])) if kind == "table" else ()
    return DataSet(name, kind, x, y, x_test, y_test, classes, columns, note="What the script gave to fit().")


def _kind(x: np.ndarray) -> str:
    if x.ndim == 4 and x.shape[-1] in (1, 3) and min(x.shape[1:3]) > 1:
        return "images"
    return "table" if x.ndim == 2 else "arrays"


def _classes(y: np.ndarray) -> int:
    """How many classes targets tell apart; 0 where they are values."""
    if y.ndim == 2 and y.shape[1] > 1:
        return y.shape[1] if np.isin(y[:200], (0, 1)).all() else 0
    whole = y.dtype.kind in "iub" or (y.size > 0 and not np.any(y % 1))
    return int(y.max()) + 1 if whole and y.size and y.min() >= 0 and y.max() < 1000 else 0


def use(bench: Workbench, found: OpenedScript) -> None:
    """Have the studio work on what a script would train."""
    with bench.lock:
        bench.data, bench.table = found.data, None  # first, so that the model is built against them
        bench.use_plan(found.plan, found.settings)
        if bench.built is not None and bench.built.model is None:  # it has layers of the script's own
            bench.built.shapes = {**found.shapes, **bench.built.shapes}
            bench.built.parameters = {**found.parameters, **bench.built.parameters}
            bench.built.problem = _of_the_script(bench.built)


def _of_the_script(built: Built) -> Problem | None:
    """What is wrong with a script's model, where a layer is the script's own and so is not known here."""
    problem = built.problem
    if problem is None or problem.layer is None:
        return problem
    layer = built.plan.layer(problem.layer)
    if hasattr(layers, layer.kind) or layer.kind in ("Sequential", "Functional"):
        return problem
    told = (
        "The studio shows the model, but cannot train it; the script can, with keras.callbacks.Studio() in its fit()."
    )
    return Problem(f"{layer.kind} is a class of the script's own. {told}", layer.name)


def use_model(bench: Workbench, model: Any, name: str) -> None:
    """Have the studio work on a model, with its weights.

    Args:
        bench: what the studio holds.
        model: the model, as `saving.load_model` gives it.
        name: where it is from.

    Raises:
        ValueError: if it is no graph of layers.
    """
    plan = plan_of(model)
    compiled = model.get_compile_config() if model.compiled else {}
    with bench.lock:
        settings = settings_of(compiled, bench.settings)
        bench.use_plan(plan, settings)
        run = bench.new_run(runs.Recipe(bench.built.plan if bench.built else plan, settings, bench.data), name)
        run.model, run.state = model, "done"
        if not model.compiled:
            settings.compile(model)
        bench.changed()
