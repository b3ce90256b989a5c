"""What pages may ask for, by name: the table behind the WebSocket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import saving, tree
from pronghorn.studio import (
    arithmetic,
    capture,
    comparison,
    data_sets,
    diagnosis,
    look_inside,
    opened_scripts,
    saliency,
)
from pronghorn.studio.files import FileView, histograms
from pronghorn.studio.from_pages import check_arguments, check_type, read_json
from pronghorn.studio.inputs import picture, picture_of, read_input
from pronghorn.studio.json_text import short
from pronghorn.studio.plans import said
from pronghorn.studio.show_code import code_of
from pronghorn.studio.workbench import Workbench

#: Commands that may take long; others of the same page are done meanwhile.
SLOW = frozenset(
    {"measure", "script", "data", "results", "weights", "features", "saliency", "restart", "use_file", "code"}
)

MOST_SHOWN = 200  # examples at a time
BETWEEN_STROKES = 0.05  # seconds that training waits for the next


def read(text: str | bytes) -> dict[str, Any]:
    """A page's message.

    Raises:
        ValueError: if it is none.
    """
    return check_type("A message", read_json(text), dict)


def is_slow(message: dict[str, Any]) -> bool:
    """Whether what a message asks for may take long."""
    do = message.get("do")
    return isinstance(do, str) and do in SLOW


def run(bench: Workbench, message: dict[str, Any]) -> dict[str, Any]:
    """Do what a message asks for, and return the answer, or what is wrong with it.

    Args:
        bench: what the studio holds.
        message: `do` is the command, `with` its arguments.
    """
    try:
        do = check_type("'do'", message.get("do"), str)
        arguments = check_type("'with'", message.get("with") or {}, dict)
        function = COMMANDS.get(do)
        if function is None:
            raise ValueError(f"There is no command {do!r}.")
        check_arguments(do, function, arguments)
        return {"result": function(bench, **arguments)}
    except Exception as error:  # it is the page that has to tell
        return refusal(error)


def refusal(error: BaseException) -> dict[str, Any]:
    """An error for a page."""
    return {"error": said(error)}


# -- model and data ---------------------------------------------------------------------------------------------------
def _settings(bench: Workbench, **changes: Any) -> None:
    bench.set_settings(changes)


def _data(bench: Workbench, name: str) -> None:
    bench.use_data(data_sets.load_packaged(name))


def _code(bench: Workbench) -> dict[str, str]:
    if bench.built is None:
        raise ValueError("There is no model yet.")
    problem = bench.built.problem
    code = code_of(bench.built.plan, bench.settings, bench.data)
    return {"code": code, "problem": "" if problem is None else problem.message}


def _script(bench: Workbench, source: str, name: str = "script.py") -> dict[str, Any]:
    found = opened_scripts.open_source(source, name)
    opened_scripts.use(bench, found)
    said_so = [line for line in found.output.splitlines() if line.startswith(capture.NO_DATA)]
    return {"output": found.output, "without_data": said_so[-1] if said_so else ""}


def _use_file(bench: Workbench) -> None:
    """Make the model of the opened file, with its weights; safe mode refuses what would run code."""
    file = _file(bench)
    opened_scripts.use_model(bench, saving.load_model(file.path), file.name)


def _file_layer(bench: Workbench, layer: str) -> list[dict[str, Any]]:
    return histograms(_file(bench), layer)


def _file(bench: Workbench) -> FileView:
    if bench.file is None:
        raise ValueError("Open a file first.")
    return bench.file


# -- runs -------------------------------------------------------------------------------------------------------------
def _start(bench: Workbench, further: bool = False, name: str = "") -> dict[str, int]:
    return {"run": bench.start(further, name).number}


def _restart(bench: Workbench) -> dict[str, int]:
    return {"run": bench.restart().number}


def _control(do: str) -> Callable[[Workbench], None]:
    return lambda bench: bench.control(do)


def _points(bench: Workbench, run: int) -> dict[str, Any]:
    return bench.run(run).since(0)


def _compare(bench: Workbench, first: int, second: int) -> list[dict[str, Any]]:
    return comparison.differences(bench.run(first), bench.run(second))


def _results(bench: Workbench, run: int | None = None) -> dict[str, Any]:
    model, data, looking = _model_and_data(bench, run)
    over = bench.active is None or bench.active.state == "paused"
    with looking():
        return diagnosis.test_results(model, data, most=diagnosis.MOST_TESTED if over else diagnosis.WHILE_TRAINING)


def _weights(bench: Workbench, run: int | None = None) -> dict[str, Any]:
    model, data, looking = _model_and_data(bench, run)
    with looking():
        return {"layers": diagnosis.weight_histograms(model, data), "dead": diagnosis.dead_units(model, data)}


# -- looking inside ---------------------------------------------------------------------------------------------------
def _model_and_data(bench: Workbench, run: int | None, rest: float | None = None) -> tuple[Any, Any, Any]:
    """The model, its data, and what gives the model to one thread at a time; `rest` as in `Run.looking`."""
    model, data, owner = bench.model_in_view(run)
    if data is None:
        raise ValueError("There is no data to look at the model with. Choose some under Data.")
    return model, data, (lambda: bench.reading) if owner is None else lambda: owner.looking(rest)


def _examples(bench: Workbench, start: int = 0, count: int = 24, label: int | None = None) -> dict[str, Any]:
    data = bench.data
    if data is None:
        raise ValueError("There is no data yet.")
    if start < 0 or count < 0:
        raise ValueError(f"'start' and 'count' of 'examples' must be 0 or more, got {start} and {count}.")
    labels = _labels(data)
    rows = np.arange(len(labels)) if label is None else np.flatnonzero(labels == label)
    chosen = rows[start : start + min(count, MOST_SHOWN)]
    shown = [
        {
            "example": int(i),
            "label": float(labels[i]),
            "image": picture_of(data, int(i)),
        }
        for i in chosen
    ]
    return {"examples": shown, "of": len(rows)}


def _labels(data: data_sets.DataSet) -> np.ndarray:
    """What is true of the test examples, a number each: the class, or the first value."""
    if data.classes and isinstance(data.y_test, np.ndarray):
        return data.labels()
    first = np.asarray(tree.flatten(data.y_test)[0])
    return first.reshape(len(first), -1)[:, 0]


def _predict(bench: Workbench, source: dict[str, Any], run: int | None = None) -> dict[str, Any]:
    model, data, looking = _model_and_data(bench, run, BETWEEN_STROKES if "drawing" in source else 0.0)
    x = read_input(data, source)
    is_test = "example" in source and not source.get("train")
    truth = short(_labels(data)[int(source["example"])]) if is_test else None
    with looking():
        return {**look_inside.predict(model, data, x), "truth": truth}


def _features(bench: Workbench, source: dict[str, Any], run: int | None = None) -> list[dict[str, Any]]:
    model, data, looking = _model_and_data(bench, run)
    x = read_input(data, source)
    with looking():
        return look_inside.feature_maps(model, x)


def _value(
    bench: Workbench, source: dict[str, Any], layer: str, place: list[int], run: int | None = None
) -> dict[str, Any]:
    model, data, looking = _model_and_data(bench, run)
    x = read_input(data, source)
    with looking():
        outputs = look_inside.layer_outputs(model, x)
        found = model.get_layer(layer)
        origin = found.input
        before = [tensor._keras_history.operation.name for tensor in tree.flatten(origin)]
        first = tree.flatten(x)[0]  # of a Sequential, whose Input is none of its layers
        inputs = [outputs[name][0] if name in outputs else first[0] for name in before]
        several = isinstance(origin, list | tuple)
        shown = arithmetic.explain(found, inputs if several else inputs[0], tuple(int(i) for i in place))
        actual = float(outputs[layer][(0, *place)])
    if shown["value"] is not None and abs(shown["value"] - actual) > 0.01 * (1 + abs(actual)):
        shown["text"] += f" The layer itself gave {actual:.4g}: it may have left out masked steps."
    return {**shown, "actual": short(actual), "from": before[0]}


def _saliency(
    bench: Workbench, source: dict[str, Any], method: str, target: int, run: int | None = None
) -> dict[str, Any]:
    model, data, looking = _model_and_data(bench, run)
    x = read_input(data, source)
    with looking():
        if method == "grad_cam":
            heat, layer = saliency.grad_cam(model, x, target, len(data.classes))
            return {"heat": picture(heat, 1.0), "layer": layer}
        if method != "integrated_gradients":
            raise ValueError(f"There is no method {method!r}; there are integrated_gradients and grad_cam.")
        parts = saliency.integrated_gradients(model, x, target, len(data.classes))
    if data.kind != "images":
        return {"parts": [short(v, 4) for v in parts.ravel()[:200]]}
    total = parts.sum(axis=-1)
    largest = float(np.abs(total).max()) or 1.0
    return {
        "for": picture(np.maximum(total, 0), largest),
        "against": picture(np.maximum(-total, 0), largest),
        "sum": short(total.sum(), 4),
    }


#: By name; each takes the workbench and the arguments that the message gives.
COMMANDS: dict[str, Callable[..., Any]] = {
    "edit": Workbench.edit,
    "settings": _settings,
    "undo": Workbench.undo,
    "redo": Workbench.redo,
    "measure": Workbench.measure,
    "code": _code,
    "script": _script,
    "data": _data,
    "target": Workbench.set_target,
    "start": _start,
    "restart": _restart,
    "pause": _control("pause"),
    "resume": _control("resume"),
    "step": _control("step"),
    "stop": _control("stop"),
    "points": _points,
    "compare": _compare,
    "results": _results,
    "weights": _weights,
    "examples": _examples,
    "predict": _predict,
    "features": _features,
    "value": _value,
    "saliency": _saliency,
    "file_layer": _file_layer,
    "use_file": _use_file,
}
