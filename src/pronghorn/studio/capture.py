"""In a process of its own: run a Keras script up to its `fit`, and write down the model and the data it was given.

usage: python -m pronghorn.studio.capture SCRIPT FOLDER
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from pronghorn import models, saving, tree
from pronghorn.scripts import runner
from pronghorn.studio.data_sets import count_of, rows_of
from pronghorn.studio.plans import facts_of
from pronghorn.trainers.data_adapters import make_adapter
from pronghorn.trainers.trainer import Trainer

LARGEST_DATA = 2 << 30  # bytes
MOST_SECONDS = 30.0  # that batches are gathered from a script's generator or data set
MOST_BATCHES = 1000  # of one that has no end
NO_DATA = "The studio cannot show the script's data:"
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
        described = _described(model, {"batch_size": batch_size, "epochs": epochs})
        _write_data(target, x, y, named)
        sys.stdout.flush()
        _write(target, described)  # last: who reads it need not wait for this process
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
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)  # as Python does
    if made and not status:
        _write(target, _described(made[-1], {}))
    return status


def _described(model: Any, training: dict[str, Any]) -> dict[str, Any]:
    described = saving.serialize_keras_object(model)
    compiled = saving.serialize_keras_object(model.get_compile_config() if model.compiled else {})
    found = {"model": described, "compile": compiled, "training": {k: int(v) for k, v in training.items() if v}}
    found["shapes"], found["parameters"] = facts_of(model)
    return found


def _write(target: Path, described: dict[str, Any]) -> None:
    """Write what a script trains, so that the file is there with all of it or is not there."""
    written = target / f"{MODEL}.new"
    written.write_text(json.dumps(described), "utf-8")
    os.replace(written, target / MODEL)


def _write_data(target: Path, x: Any, y: Any, named: dict[str, Any]) -> None:
    """What `fit` was given as arrays, or lists or dicts of them; test data, if there is such, or a tenth of the others.

    Where it is no data that training could use, nothing is written, and the page asks for other data.
    """
    try:
        x, y = _arrays(x, y, named.get("steps_per_epoch"))
        given, steps = named.get("validation_data"), named.get("validation_steps")
        if given is not None:
            inputs, targets = given[:2] if isinstance(given, list | tuple) else (given, None)
            x_test, y_test = _arrays(inputs, targets, steps)
        else:
            kept = max(1, int(count_of(x) * float(named.get("validation_split") or 0.1)))
            first, last = slice(0, -kept), slice(-kept, None)
            x, x_test, y, y_test = rows_of(x, first), rows_of(x, last), rows_of(y, first), rows_of(y, last)
    except Exception as error:  # of whatever the script's data is
        print(f"{NO_DATA} {error}")
        return
    write_arrays(target / DATA, {"x": x, "y": y, "x_test": x_test, "y_test": y_test})


def _arrays(x: Any, y: Any, steps: int | None) -> tuple[Any, Any]:
    """Inputs and targets, whatever gives them: of a generator or data set, the batches of an epoch."""
    adapter = make_adapter(x, y)
    if adapter.inputs() is not None:
        return adapter.inputs(), adapter.labels()
    inputs, targets, size, end = [], [], 0, time.monotonic() + MOST_SECONDS
    for batch in itertools.islice(adapter.batches(), steps or adapter.num_batches or MOST_BATCHES):
        values = batch.layout.pack(batch.gather())
        inputs.append(values[0])
        targets.append(values[1])
        size += sum(array.nbytes for array in tree.flatten(values[:2]))
        if size > LARGEST_DATA / 2 or time.monotonic() > end:
            break
    return tuple(tree.map_structure(lambda *parts: np.concatenate(parts), *batches) for batches in (inputs, targets))


def write_arrays(place: Path, parts: dict[str, Any]) -> None:
    """Write arrays, or lists or dicts of them; nothing where they are no numbers, or too many."""
    arrays = tree.map_structure(np.asarray, parts)
    flat = tree.flatten(arrays)
    sizes = {name: {len(array) for array in tree.flatten(part)} for name, part in arrays.items()}
    fine = all(a.dtype.kind in "biuf" and a.ndim for a in flat) and sum(a.nbytes for a in flat) <= LARGEST_DATA
    if fine and all(len(size) == 1 and 0 not in size for size in sizes.values()) and sizes["x"] == sizes["y"]:
        numbered = tree.pack_sequence_as(arrays, list(range(len(flat))))
        np.savez(place, form=np.array(json.dumps(numbered)), **{f"a{i}": array for i, array in enumerate(flat)})


def read_arrays(place: Path) -> dict[str, Any]:
    """What `write_arrays` has written."""
    with np.load(place) as file:
        return tree.map_structure(lambda i: file[f"a{i}"], json.loads(str(file["form"])))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
