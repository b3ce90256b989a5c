"""What callbacks have counted, as plain data and arrays, so that another run can go on with it.

It lies in the file of `BackupAndRestore`, which may come from anywhere: only numbers, texts, arrays, lists and dicts of
them are read, and only what callbacks of that name ask for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pronghorn.callbacks.callback import Callback
from pronghorn.callbacks.history import History
from pronghorn.engine.graph.user_code import warn

States = Mapping[str, Mapping[str, Any]]


def pack(value: Any, arrays: list[np.ndarray]) -> Any:
    """A value as data for JSON; arrays and NumPy's numbers are put into a list and named by their places in it.

    Args:
        value: None, a number, a text, an array, or a list or dict of such.
        arrays: where arrays go.

    Raises:
        TypeError: for a value of another kind.

    >>> pack({"best": 0.5, "weights": [np.ones(2)]}, [])
    {'dict': {'best': 0.5, 'weights': [{'array': 0}]}}
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"dict": {key: pack(each, arrays) for key, each in value.items()}}
    if isinstance(value, list | tuple):
        return [pack(each, arrays) for each in value]
    array = np.asarray(value)
    if array.dtype.kind not in "biufcV" or array.dtype.fields:
        raise TypeError(f"a value of type {type(value).__name__} cannot be backed up")
    arrays.append(array)
    return {"array": len(arrays) - 1}


def unpack(data: Any, arrays: Sequence[np.ndarray]) -> Any:
    """The value that `pack` was given.

    Args:
        data: what `pack` returned.
        arrays: the arrays that it put aside.

    Raises:
        ValueError: for data of another kind.
    """
    if isinstance(data, list):
        return [unpack(each, arrays) for each in data]
    if not isinstance(data, dict):
        return data
    if isinstance(data.get("dict"), dict):
        return {key: unpack(each, arrays) for key, each in data["dict"].items()}
    index = data.get("array")
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(arrays):
        raise ValueError(f"the states of its callbacks name an array {index!r}, which is not there")
    return arrays[index][()]  # NumPy's numbers are no arrays


def states_of(callbacks: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """What each of the callbacks that can be backed up has counted, by names that do not depend on their order."""
    return {label: callback._state() for label, callback in _labelled(callbacks)}


def packed(states: States, arrays: list[np.ndarray]) -> dict[str, Any]:
    """The states as data for JSON, see `pack`; one that holds something else is left out, with a warning."""
    data = {}
    for label, state in states.items():
        own: list[np.ndarray] = []
        try:
            pack(state, own)
        except TypeError as error:
            warn(f"BackupAndRestore: {label} is not backed up ({error}); a resumed training begins it anew.")
            continue
        data[label] = pack(state, arrays)
    return data


def set_states(callbacks: Sequence[Any], states: States, ended: tuple[int, Mapping[str, Any]] | None = None) -> None:
    """Give callbacks what they, or others of their kind in an earlier run, had counted.

    Args:
        callbacks: those of this run; what is not in `states` stays as it is.
        states: from `states_of`.
        ended: the epoch at whose end that was, and its logs, which a `History` may not have got yet.

    Raises:
        ValueError: if a state does not fit.
    """
    for label, callback in _labelled(callbacks):
        if label not in states:
            continue
        try:
            callback._set_state(states[label])
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ValueError(f"BackupAndRestore: what was backed up of {label} does not fit it ({error!r}).") from None
        if isinstance(callback, History) and ended is not None and ended[0] not in callback.epoch[-1:]:
            callback.on_epoch_end(*ended)


def _labelled(callbacks: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    counts: dict[str, int] = {}
    for callback in callbacks:
        if isinstance(callback, Callback) and callback._kept is not None:
            label = callback._label()
            count = counts[label] = counts.get(label, -1) + 1
            yield (f"{label} ({count})" if count else label), callback
