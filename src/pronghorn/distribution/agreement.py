"""Whether all processes are about to do the same: asked once, before the first step of a kind."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pronghorn._version import __version__
from pronghorn._wording import counted
from pronghorn.distribution.communicator import Communicator
from pronghorn.engine.graph.fingerprint import NotPlain, fingerprint
from pronghorn.engine.graph.trace import Traced


class ProcessesDiffer(ValueError):
    """Processes of one run have different models, data, settings or versions."""


def check_same(communicator: Communicator, what: str, facts: Mapping[str, Any]) -> None:
    """Raise an error, on every process, unless all processes have the same facts.

    Args:
        communicator: the processes.
        what: what is about to be done.
        facts: names to what this process has, small and comparable.

    Raises:
        ProcessesDiffer: names the process and what differs.
    """
    everyones = communicator.everyones((what, dict(facts)))
    # What is no such pair was said elsewhere in the program.
    everyones = [
        pair if isinstance(pair, tuple | list) and len(pair) == 2 else ("another step", {}) for pair in everyones
    ]
    for rank, (other, others) in enumerate(everyones):
        first, firsts = everyones[0]
        if other != first:
            raise ProcessesDiffer(
                f"Process {rank} is about to run {other}, and process 0 {first}. All processes of a run have to run "
                "the same script, and to come to the same steps in the same order: leave out what only some of them do,"
                " such as a callback that not all have, or do it outside of fit(), evaluate() and predict()."
            )
        for name in firsts:
            if firsts[name] != others.get(name):
                one, two = _difference(firsts[name], others.get(name))
                raise ProcessesDiffer(
                    f"{what}: the processes of this run have {name} that differ: process 0 has {one}, process {rank} "
                    f"{two}. {_MENDS.get(name, '')}".rstrip()
                )


def _difference(one: Any, two: Any) -> tuple[str, str]:
    """Two facts as text; of lists and mappings, the first items that differ."""
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        name = next(name for name in (*one, *two) if one.get(name) != two.get(name))
        mine, theirs = (f"{name}={facts[name]}" if name in facts else f"no {name}" for facts in (one, two))
        return mine, theirs
    if isinstance(one, list) and isinstance(two, list):
        found = next(((a, b) for a, b in zip(one, two) if a != b), None)
        return found or (f"{len(one)} of them", f"{len(two)}")
    return str(one), str(two)


_MENDS = {
    "models": "Build the same model, compiled alike, on every process, from one script.",
    "data": (
        "Every process has to be given the same data, of which it takes its share: give generators of random numbers a "
        "seed, or pass DataParallel(auto_shard_dataset=False) where each process reads a share of its own."
    ),
    "versions of Pronghorn": "Install the same one on every machine.",
    "settings of training": (
        "Compile the model alike on every process, and have all processes change the learning rate in the same way: by "
        "a callback that all of them have, to a value that does not depend on the process."
    ),
    "weights": "Build the same model on every process.",
}


def facts_of(traced: Traced) -> dict[str, Any]:
    """Return what has to be the same of a traced step.

    Args:
        traced: the step.
    """
    try:
        model = fingerprint(traced.graph)[:16]
    except NotPlain:
        model = str(len(traced.graph.nodes))
    return {
        "versions of Pronghorn": __version__,
        "weights": [f"{v.path} of {v.storage_dtype}{list(v.shape)}" for v in traced.variables],
        "models": f"one of {counted(len(traced.graph.nodes), 'operation')}, {model}",
    }


def facts_of_data(arrays: Sequence[np.ndarray]) -> dict[str, Any]:
    """Return what has to be the same of a batch: types, shapes and contents.

    Args:
        arrays: those of the whole batch.
    """
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    shapes = ", ".join(f"{array.dtype}{list(array.shape)}" for array in arrays)
    return {"data": f"a first batch of {shapes} with the digest {digest.hexdigest()[:8]}"}
