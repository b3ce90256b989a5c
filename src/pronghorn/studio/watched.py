"""A studio that watches the training of a script, in the script's own process."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.studio import launch
from pronghorn.studio.data_sets import DataSet
from pronghorn.studio.opened_scripts import as_data
from pronghorn.studio.plans import Built, ModelPlan, facts_of, plan_of
from pronghorn.studio.runs import Recipe, Watcher
from pronghorn.studio.settings import Settings, settings_of
from pronghorn.studio.workbench import Workbench


class Watching:
    """The server beside a script's `fit`.

    Args:
        host: the address to listen on.
        port: the port; a free one if None.
        open_browser: whether to open the page.
    """

    def __init__(self, host: str, port: int | None, open_browser: bool) -> None:
        self.bench = Workbench()
        self.bench.script_trains = True
        self._server = launch.Server(self.bench, host, port or 0)
        self.url = self._server.url
        self._server.start()
        print(f"Studio: {self.url}", flush=True)
        if open_browser:
            launch.open_browser(self.url)
        self.watcher: Any = None

    def begin(self, model: Any, params: Any, validation_data: Any, class_names: Any) -> None:
        """A `fit` begins.

        Args:
            model: what is trained.
            params: the callbacks' parameters.
            validation_data: `(x, y)`, or None.
            class_names: names of the classes, or None.
        """
        bench, data = self.bench, _data(validation_data, class_names)
        settings = settings_of(model.get_compile_config() or {}, Settings(loss=None, metrics=()))
        plan = _plan(model)
        with bench.lock:
            bench.data, bench.settings = data, settings
            if plan is not None:
                bench.built = _built(plan, model)
            run = bench.new_run(Recipe(plan, settings, data))
            run.model, run.total_epochs = model, int((params or {}).get("epochs") or 0)
        self.watcher = Watcher(run)
        self.watcher.set_params(params)
        self.watcher.set_model(model)
        self.watcher.on_train_begin()
        self._run = run

    def end(self, hold: bool) -> None:
        """The `fit` is over.

        Args:
            hold: whether to serve until Ctrl-C.
        """
        self._run.finish()
        if hold:
            print("Training is over; the studio goes on until Ctrl-C.", flush=True)
            try:
                threading.Event().wait()
            except KeyboardInterrupt:
                self._server.stop()


def _plan(model: Any) -> ModelPlan | None:
    try:
        return plan_of(model)
    except (ValueError, TypeError, NotImplementedError):
        return None  # a model of the script's own: its curves are shown, but no graph


def _built(plan: ModelPlan, model: Any) -> Built:
    built = Built(plan, model, *facts_of(model))
    for layer in plan.layers:
        if layer.is_input:  # a Sequential does not count it among its layers
            built.shapes[layer.name] = tuple(layer.config.get("batch_shape") or ())
            built.parameters[layer.name] = 0
    return built


def _data(validation_data: Any, class_names: Any) -> DataSet | None:
    if validation_data is None:
        return None
    x, y = (tree.map_structure(np.asarray, part) for part in validation_data[:2])
    data = as_data("the validation data", x, y, x, y)
    if class_names is None:
        return data
    return replace(data, classes=tuple(map(str, class_names)))
