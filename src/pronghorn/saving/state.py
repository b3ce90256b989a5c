"""The weights of a model to a `WeightsWriter` and from a `WeightsReader`; vocabularies and the like to folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pronghorn._wording import counted
from pronghorn.engine.graph.user_code import warn
from pronghorn.saving.tree_walk import earlier_places, saveables
from pronghorn.saving.weights_store import WeightsReader, WeightsWriter


def write_weights(model: Any, writer: WeightsWriter, skipped: Sequence[Any] = ()) -> None:
    """Write the weights of everything in a model.

    Args:
        model: a model, a layer or an optimizer.
        writer: an open file.
        skipped: layers that are left out.
    """
    for path, obj in saveables(model, skipped):
        store = writer.make(path, getattr(obj, "name", None))
        if hasattr(obj, "save_own_variables"):
            obj.save_own_variables(store)


def read_weights(model: Any, reader: WeightsReader, skip_mismatch: bool = False, skipped: Sequence[Any] = ()) -> None:
    """Set the weights of everything in a model; if they do not fit, the model stays as it was.

    Args:
        model: a model, a layer or an optimizer.
        reader: an open file.
        skip_mismatch: whether objects that do not fit keep their values, with a warning, instead of an error.
        skipped: layers that are left as they are.

    Raises:
        ValueError: if weights are missing or have other shapes.
    """
    before = [(variable, variable.numpy()) for variable in _variables(model)]
    try:
        places = list(saveables(model, skipped))
        failures, found_any = _load_all(places, reader)
        earlier = earlier_places(model, skipped) if failures else places
        if earlier != places:
            _set(before)
            again, found = _load_all(earlier, reader)
            if len(again) < len(failures):
                failures, found_any = again, found
            else:
                _set(before)
                _load_all(places, reader)
        if failures and (not skip_mismatch or not found_any):
            raise ValueError(_failure_message(reader.shown_as, failures, found_any))
    except BaseException:
        _set(before)
        raise
    for failure in failures:
        warn(f"{reader.shown_as}: not loaded: {failure}")


def _set(values: Sequence[tuple[Any, Any]]) -> None:
    for variable, value in values:
        variable.assign(value)


def _load_all(places: Sequence[tuple[str, Any]], reader: WeightsReader) -> tuple[list[str], bool]:
    """Load what stands at each place; return what went wrong, and whether there was anything at all."""
    failures, found_any = [], False
    for path, obj in places:
        store = reader.get(path)
        found_any = found_any or len(store) > 0
        failure = _load_one(path, obj, store)
        if failure is not None:
            failures.append(failure)
    return failures, found_any


def _load_one(path: str, obj: Any, store: Any) -> str | None:
    """Load one object; what went wrong, or None."""
    if not hasattr(obj, "load_own_variables"):
        return None
    own = obj._weights_in_files() if hasattr(obj, "_weights_in_files") else None
    try:
        if own is not None and len(own) == len(store):
            # Before anything is read: a shape in a file costs nothing, an array of that shape may cost all the memory.
            others = obj._other_shapes_in_files()
            for index, variable in enumerate(own):
                shape = store.shape(str(index))
                if shape not in {None, tuple(variable.shape), *others.get(index, ())}:
                    return (
                        f"{variable.path!r} has the shape {tuple(variable.shape)}, but {path}/vars/{index} in the file "
                        f"has the shape {shape}; they must match."
                    )
        obj.load_own_variables(store)
    except (ValueError, KeyError) as error:
        return f"{getattr(obj, 'name', type(obj).__name__)!r} (at {path or 'the root'}): {error}"
    return None


def _variables(model: Any) -> list[Any]:
    optimizer = getattr(model, "optimizer", None)
    return [*model.variables, *(optimizer.variables if optimizer is not None else ())]


def _failure_message(shown_as: str, failures: list[str], found_any: bool) -> str:
    if not found_any:
        return f"{shown_as} has no weights for this model: nothing in it is where the model's layers look for theirs."
    shown = "\n".join(f"  - {failure}" for failure in failures[:5])
    more = f"\n  and {len(failures) - 5} more" if len(failures) > 5 else ""
    return (
        f"{shown_as} does not fit the model: the stored values of {counted(len(failures), 'object')} do not fit. "
        f"Nothing was changed.\n{shown}{more}\nIf the model is meant to differ from the file, pass skip_mismatch=True."
    )


def write_assets(model: Any, folder: Path) -> list[Any]:
    """Let the layers that have vocabularies and the like write them, each into a folder of its own; return those.

    Args:
        model: a model or a layer.
        folder: where the folders go.
    """
    written = []
    for path, obj in saveables(model):
        if hasattr(obj, "save_assets"):
            own = folder.joinpath(*path.split("/")) if path else folder
            own.mkdir(parents=True, exist_ok=True)
            obj.save_assets(os.fspath(own))
            if any(own.iterdir()):
                written.append(obj)
    return written


def read_assets(model: Any, folder: Path) -> None:
    """Let the layers that have vocabularies and the like read them.

    Args:
        model: a model or a layer.
        folder: where `write_assets` put them.
    """
    for places in zip(saveables(model), earlier_places(model)):
        obj = places[0][1]
        if hasattr(obj, "load_assets"):
            folders = [folder.joinpath(*path.split("/")) if path else folder for path, _ in places]
            own = next((each for each in folders if each.is_dir()), None)
            if own is not None:
                obj.load_assets(os.fspath(own))
