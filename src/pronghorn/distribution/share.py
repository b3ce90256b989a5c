"""From a traced step to what several processes run."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from pronghorn.distribution.agreed_step import agreed
from pronghorn.distribution.communicator import Communicator
from pronghorn.distribution.partition.places import RowsMeet
from pronghorn.distribution.partition.stages import in_stages
from pronghorn.distribution.shared_step import SharedStep
from pronghorn.engine.backends import choice
from pronghorn.engine.graph.dim import SymbolicDimError
from pronghorn.engine.graph.primitives.registry import ShapeError
from pronghorn.engine.graph.trace import Traced
from pronghorn.engine.graph.user_code import warn
from pronghorn.placement.processes import processes


def shared_executable(engine: str, traced: Traced, gathered: Sequence[int], fixed: bool, own_rows: bool = False) -> Any:
    """Return what runs a step on all processes; see `SharedStep`.

    Raises:
        ValueError: if the step cannot be shared, and each process has but a share of the data.
        ProcessesDiffer: if the processes have different steps.
    """
    try:
        stages = in_stages(traced)
    except (RowsMeet, ShapeError, SymbolicDimError) as error:
        if own_rows:
            raise ValueError(
                f"{traced.graph.name}: its rows cannot be shared among processes ({error}). With "
                "auto_shard_dataset=True and the whole data on every process, each computes whole batches."
            ) from None
        warn(
            f"{traced.graph.name}: its rows cannot be shared among processes, so that each computes whole batches, "
            f"which gives the same results and takes as long as one process alone ({error})."
        )
        return choice.executable(engine, traced, gathered)
    communicator = Communicator(processes())
    make = functools.partial(SharedStep, stages, gathered, engine, communicator, fixed, own_rows)
    return agreed(communicator, traced, gathered, make, own_rows)
