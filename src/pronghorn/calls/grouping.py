"""Batches to predict, as many rows at a time as suit the machine.

Where the rows of a batch do not meet (`engine/compiler/rows.py`), no bit of the results depends on how they are
grouped. So a large batch is taken in pieces whose intermediate results stay in the caches, and small batches are taken
together: the weights are then read once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.calls.batch import Batch
from pronghorn.calls.step import StepFunction
from pronghorn.data.batching import ragged
from pronghorn.data.ragged import RaggedTensor

LARGE = 1 << 22  # bytes of outputs that are not to be there twice


def grouped(
    executions: Iterable[tuple[int, list[Batch]]], function: StepFunction, join: Callable[[], bool]
) -> Iterator[tuple[list[int], list[Batch]]]:
    """Executions as they are to be run: the numbers of those that are run together, and what to run for them.

    Args:
        executions: numbered lists of batches; see `EpochIterator.epoch`.
        function: what will be run.
        join: whether the execution that was taken last may be run together with the next.
    """
    numbers: list[int] = []
    waiting: list[Batch] = []
    rows = 0
    at_once: int | None = None
    for number, batches in executions:
        if waiting and not _alike([waiting[0], *batches]):
            yield numbers, regrouped(waiting, at_once)
            numbers, waiting, rows = [], [], 0
        at_once = function.rows_at_once(batches[0])
        numbers.append(number)
        rows += sum(batch.size for batch in batches)
        if at_once and rows < at_once and _alike(batches) and join():
            waiting += [batch.kept() for batch in batches]
            continue
        yield numbers, regrouped([*waiting, *batches], at_once)
        numbers, waiting, rows = [], [], 0
    if waiting:
        yield numbers, regrouped(waiting, at_once)


def regrouped(batches: list[Batch], at_once: int | None) -> list[Batch]:
    """The same rows in pieces of about ``at_once``, in order; as they are where that is None."""
    if at_once is None:
        return batches
    if len(batches) > 1 and _alike(batches):
        batches = [_together(batches)]
    pieces: list[Batch] = []
    for batch in batches:
        size = batch.size
        length = -(-size // max(1, -(-size // at_once)))
        pieces += [batch] if size <= at_once else [batch.part(i, i + length) for i in range(0, size, length)]
    return pieces


def in_pieces(function: StepFunction, batch: Batch) -> Any:
    """The function's outputs for one batch, computed piece by piece where that is faster."""
    return outputs_of(function, regrouped([batch], function.rows_at_once(batch)))


def outputs_of(function: StepFunction, batches: Sequence[Batch]) -> Any:
    """The function's outputs for what an execution is to run, one behind another."""
    if len(batches) > 1 and _alike(batches) and function.rows_at_once(batches[0]) is not None:
        return function.in_pieces(batches)
    return joined([function(batch) for batch in batches])


def joined(outputs: list[Any]) -> Any:
    """The outputs for batches as one. They are taken out of the list, so that what has been copied is let go."""
    if len(outputs) == 1:
        return outputs.pop()
    columns: list[list[Any]] = []

    def number(*parts: Any) -> int:
        columns.append(list(parts))
        return len(columns) - 1

    structure = tree.map_structure(number, *outputs)
    outputs.clear()
    wholes = [_joined_leaf(parts) for parts in columns]
    return tree.map_structure(lambda i: wholes[i], structure)


def _joined_leaf(parts: list[Any]) -> Any:
    first = parts[0]
    if first is None or isinstance(first, str):
        return first
    if isinstance(first, RaggedTensor):
        return ragged(*parts).values
    kinds = {(part.dtype, part.shape[1:]) if type(part) is np.ndarray and part.ndim else None for part in parts}
    if None in kinds or len(kinds) > 1 or sum(part.nbytes for part in parts) < LARGE:
        return np.concatenate(parts)
    whole = np.empty((sum(map(len, parts)), *first.shape[1:]), first.dtype)
    start = 0
    for i, part in enumerate(parts):
        whole[start : start + len(part)] = part
        start += len(part)
        parts[i] = None
    return whole


def _alike(batches: Sequence[Batch]) -> bool:
    """Whether batches can be one: all with rows of the same arrays, or all with arrays of their own, of one kind."""
    first = batches[0]
    if first.rows is None:
        return all(b.rows is None and b.key == first.key and all(a.ndim for a in b.arrays) for b in batches)
    return all(
        b.rows is not None and b.key == first.key and all(x is y for x, y in zip(b.arrays, first.arrays))
        for b in batches
    )


def _together(batches: Sequence[Batch]) -> Batch:
    first, last = batches[0], batches[-1]
    if first.source is not None and all(_follows(a, b) for a, b in pairwise(batches)):
        return first.source.window(first.start, last.start + last.size)
    if first.rows is None:
        arrays = [np.concatenate(parts) for parts in zip(*(b.arrays for b in batches))]
        return Batch(first.layout, arrays, None, first.key)
    rows = np.concatenate([b.rows for b in batches if b.rows is not None])
    return Batch(first.layout, first.arrays, rows, first.key)


def _follows(batch: Batch, following: Batch) -> bool:
    """Whether a batch's samples stand right behind another's in one data set."""
    return following.source is batch.source and following.start == batch.start + batch.size
