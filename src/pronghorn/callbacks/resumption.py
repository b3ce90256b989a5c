"""Where a training run stands, so that another process can go on from there to the same bits.

The weights and the optimizer are in a weights file. What else decides how a run goes on is here: the epoch and the
step, the place in the data and the seeds that its order came from, the states of all seeds, and the metrics so far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.callbacks.states import packed, unpack
from pronghorn.engine.graph.user_code import warn
from pronghorn.random.states import Seeds
from pronghorn.variables import Variable

_PLAIN = ("epoch", "step")
_LATER = ("stopped", "batch_size", "num_batches")  # not in the backups of earlier releases


@dataclass
class DataPosition:
    """A place in the data.

    Attributes:
        seeds: the states of the generators when this pass over the data began.
        in_pass: batches that were taken in this pass.
        total: batches that were taken since `fit` began.
    """

    seeds: Seeds
    in_pass: int = 0
    total: int = 0


@dataclass
class Position:
    """Where a run stands.

    Attributes:
        epoch: the number of the epoch that goes on.
        step: batches that are done in it.
        data: the place in the data; None where an epoch begins with a new pass.
        seeds: the states of the generators.
        batch_size: samples a batch, None where that is not known.
        num_batches: batches an epoch, None where that is not known.
        stopped: whether a callback has stopped the training.
        metrics: the values of the metrics.
        callbacks: what callbacks have counted, by their names.
        ended: the epoch that has just ended, and its logs.
    """

    epoch: int
    step: int
    data: DataPosition | None
    seeds: Seeds
    batch_size: int | None = None
    num_batches: int | None = None
    stopped: bool = False
    metrics: Sequence[np.ndarray] = ()
    callbacks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    ended: tuple[int, Mapping[str, Any]] | None = None

    def as_note(self, seeds: Sequence[np.ndarray]) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Return the position, and the states of a model's seeds, as data for JSON and arrays."""
        arrays = [*seeds, *self.metrics]
        data = {name: getattr(self, name) for name in (*_PLAIN, *_LATER)} | self.seeds.as_note()
        place = self.data
        data["data"] = place and {**place.seeds.as_note(), "in_pass": place.in_pass, "total": place.total}
        data |= {"seeds": len(seeds), "metrics": len(self.metrics), "callbacks": packed(self.callbacks, arrays)}
        ended = {} if self.ended is None else {"epoch": self.ended[0], "logs": self.ended[1]}
        return {**data, "ended": packed({"the record of the epoch": ended}, arrays)}, arrays

    @classmethod
    def from_note(cls, data: Mapping[str, Any], arrays: Sequence[np.ndarray]) -> tuple[Position, list[np.ndarray]]:
        """Return the position and the states of seeds that `as_note` gave.

        Raises:
            KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError: if the data is of another kind.
        """
        seeds, place = data["seeds"], data["data"]
        metrics = data.get("metrics", len(arrays) - seeds)  # earlier releases had no callbacks' states behind them
        if place is not None:  # earlier releases kept one of the pass's seeds, from which the order came
            begun = Seeds.taken_from({name: place.get(name, data[name]) for name in ("seed", "numpy", "python")})
            place = DataPosition(begun, place["in_pass"], place["total"])
        found = cls(data=place, seeds=Seeds.taken_from(data), **{name: data[name] for name in _PLAIN})
        for name in _LATER:
            setattr(found, name, data.get(name, getattr(found, name)))
        counts = [found.epoch, found.step, found.batch_size or 0, found.num_batches or 0, seeds]
        counts += [found.data.in_pass, found.data.total] if found.data is not None else []
        if any(isinstance(count, bool) or not isinstance(count, int) or count < 0 for count in counts):
            raise ValueError(f"it counts epochs, steps and batches by {counts}, which are no such numbers")
        found.metrics = arrays[seeds : seeds + metrics]
        found.callbacks = {label: dict(unpack(each, arrays)) for label, each in data.get("callbacks", {}).items()}
        for ended in data.get("ended", {}).values():
            logs = unpack(ended, arrays)
            found.ended = (logs["epoch"], dict(logs["logs"])) if logs else None
        return found, list(arrays[:seeds])


def position(epoch: int, step: int, data: DataPosition | None) -> Position:
    """Return where a run stands now."""
    return Position(epoch, step, data, Seeds.now())


def seed_variables(model: Any) -> list[Any]:
    """Return the variables of a model that are neither weights nor metrics.

    They are the states of its seeds, and what layers with `stateful=True` keep from one batch to the next.
    """
    known = {id(v) for v in [*model.weights, *model.metrics_variables]}
    kept = [state for layer in model._flatten_layers() for state in tree.flatten(getattr(layer, "states", None))]
    own = [*model.variables, *(state for state in kept if isinstance(state, Variable))]
    return list({id(v): v for v in own if id(v) not in known}.values())


def restore_metrics(model: Any, values: Sequence[np.ndarray]) -> None:
    """Set a model's metrics to what they were in the middle of an epoch, where they have been built."""
    variables = model.metrics_variables
    if [tuple(v.shape) for v in variables] == [value.shape for value in values]:
        for variable, value in zip(variables, values):
            variable.assign(value)


def fitted(place: Position, batch_size: int | None, num_batches: int | None) -> Position:
    """Return where to go on with other batches than those of the earlier run, with a warning; else the same place.

    Args:
        place: where the earlier run stood.
        batch_size: samples a batch now, None where that is not known.
        num_batches: batches an epoch now, None where that is not known.
    """
    pairs = [
        ("batches of {} samples", place.batch_size, batch_size),
        ("{} batches an epoch", place.num_batches, num_batches),
    ]
    other = [pair for pair in pairs if None not in pair and pair[1] != pair[2]]
    if not other:
        return place
    old, new = (" and ".join(words.format(pair[i]) for words, *pair in other) for i in (0, 1))
    factor = place.batch_size / batch_size if place.batch_size and batch_size else 1.0
    most = float("inf") if num_batches is None else num_batches
    step = int(min(place.step * factor, most))
    data = place.data
    if data is not None:
        data = DataPosition(data.seeds, int(data.in_pass * factor), int(data.total * factor))
    done = f"with batch {step + 1}, since {place.step} of the earlier ones were done" if place.step else "at its start"
    if step == num_batches:
        done = f"at its end, since {place.step} of the earlier ones were done"
    warn(
        f"BackupAndRestore: the training that was backed up had {old}; this one has {new}. It goes on in epoch "
        f"{place.epoch + 1} {done}, but not to the same bits as without the interruption. To have those, pass fit what "
        "it was given before; for another training delete the backup, or name another backup_dir."
    )
    return replace(place, step=step, data=data)
