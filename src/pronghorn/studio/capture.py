"""In a process of its own: run a Keras script up to its `fit`, and write down the model and the data it was given.

usage: python -m pronghorn.studio.capture SCRIPT FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from pronghorn import models, saving
from pronghorn.cli import runner
from pronghorn.studio.plans import facts_of
from pronghorn.trainers.trainer import Trainer

LARGEST_DATA = 2 << 30  # bytes
MODEL, DATA = "model.json", "data.npz"


class Reached(BaseException):
    """`fit` was called: no `except Exception` of the script's own keeps this from ending it."""


def main(script: str, folder: str) -> int:
    """Run a script until it trains a model, and write what it trains into a folder.

    Args:
        script: the path of the script.
        folder: an empty folder.
    """
    made: list[Any] = []
    target = Path(folder)

    def fit(model: Any, x: Any = None, y: Any = None, *rest: Any, **named: Any) -> None:
        batch_size = rest[0] if rest else named.get("batch_size")
        epochs = rest[1] if len(rest) > 1 else named.get("epochs", 1)
        _write(target, model, {"batch_size": batch_size, "epochs": epochs})
        _write_data(target, x, y, named)
        raise Reached

    Trainer.fit = fit  # type: ignore[assignment, method-assign]
    made_before = models.Model.compile

    def compile_(model: Any, *args: Any, **named: Any) -> Any:
        made.append(model)
        return made_before(model, *args, **named)

    models.Model.compile = compile_  # type: ignore[assignment, method-assign]
    try:
        status = runner.run_file(script, [])
    except Reached:
        return 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    if made and not status:
        _write(target, made[-1], {})
    return int(status or 0)


def _write(target: Path, model: Any, training: dict[str, Any]) -> None:
    described = saving.serialize_keras_object(model)
    compiled = saving.serialize_keras_object(model.get_compile_config() if model.compiled else {})
    found = {"model": described, "compile": compiled, "training": {k: int(v) for k, v in training.items() if v}}
    found["shapes"], found["parameters"] = facts_of(model)
    (target / MODEL).write_text(json.dumps(found), "utf-8")


def _write_data(target: Path, x: Any, y: Any, named: dict[str, Any]) -> None:
    """The arrays of `fit`, if they are plain ones; test data, if there are such, or a tenth of the others."""
    try:
        x, y = np.asarray(x), np.asarray(y)
        given = named.get("validation_data")
        if isinstance(given, list | tuple) and len(given) >= 2:
            x_test, y_test = np.asarray(given[0]), np.asarray(given[1])
        else:
            kept = max(1, int(len(x) * float(named.get("validation_split") or 0.1)))
            x, x_test, y, y_test = x[:-kept], x[-kept:], y[:-kept], y[-kept:]
    except (TypeError, ValueError):
        return  # lists of inputs, generators: the page asks for other data
    arrays = {"x": x, "y": y, "x_test": x_test, "y_test": y_test}
    fine = all(a.dtype.kind in "biuf" and a.ndim for a in arrays.values()) and len(x) == len(y) and len(x_test)
    if fine and sum(a.nbytes for a in arrays.values()) <= LARGEST_DATA:
        np.savez(target / DATA, **arrays)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
