"""What trainers and callbacks ask where several processes run one `fit`: all of it does nothing in a single process."""

from __future__ import annotations

import builtins
import contextlib
import functools
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pronghorn.engine.graph.user_code import warn
from pronghorn.placement.active import distribution
from pronghorn.placement.processes import processes, started

if TYPE_CHECKING:
    from pronghorn.distribution.communicator import Communicator


def communicator() -> Communicator | None:
    """Return what the processes that share batches talk by; None where there is nobody to talk to."""
    active = distribution()
    return None if active is None else active.communicator


def begins(what: str, **facts: Any) -> None:
    """See that all processes begin the same run.

    Args:
        what: such as "fit".
        facts: what they have to have in common.

    Raises:
        ProcessesDiffer: on every process, if they do not.
    """
    active = distribution()
    if have_own_data():
        facts.pop("numbers_of_batches", None)  # the epoch is over where it is over for one process
    if active is not None:
        active.check_same(what, {name.replace("_", " "): fact for name, fact in facts.items()})
    else:
        _warn_of_strangers(what, processes().count)


def agree(what: str, facts: Callable[[], dict[str, Any]]) -> None:
    """See that all processes have the same in common.

    Args:
        what: what they do, such as "fit".
        facts: gives what they have to have in common; asked only where there is another process.

    Raises:
        ProcessesDiffer: on every process, if they do not.
    """
    active = distribution()
    if active is not None and communicator() is not None:
        active.check_same(what, facts())


@functools.cache  # which also keeps the environment from being read for every prediction
def _warn_of_strangers(what: str, count: int) -> None:
    """Say, once, that the processes that were started know nothing of each other, if there are several."""
    if max(count, started()) > 1:
        warn(
            f"{what}: this is one of several processes, and each trains a model of its own. To have them train one "
            "together, call distribution.initialize() and distribution.set_distribution(distribution.DataParallel()) "
            "at the start of the script."
        )


def have_own_data() -> bool:
    """Whether each process reads data of its own, rather than all the same."""
    active = distribution()
    return active is not None and not active.auto_shard_dataset and communicator() is not None


def any_of(flag: bool) -> bool:
    """Return whether any process says yes."""
    others = communicator()
    return flag if others is None else any(others.everyones(bool(flag)))


def least(number: int) -> int:
    """Return the least of the processes' numbers."""
    others = communicator()
    return number if others is None else min(others.everyones(number))


def leveled(model: Any, logs: dict[str, Any]) -> dict[str, Any]:
    """Have all processes go on with the weights and the logs of the first, where their processors differ.

    Results of different processors may differ in their last bits, and these would grow from step to step.

    Args:
        model: the model.
        logs: those of an epoch.

    Returns:
        The logs.
    """
    others = communicator()
    if others is None or not processes().are_mixed:
        return logs
    optimizer = [] if model.optimizer is None else model.optimizer.variables
    others.take_firsts_values([*model.variables, *optimizer])
    return others.firsts(logs)


def meet() -> None:
    """Wait until all processes are here."""
    others = communicator()
    if others is not None:
        others.everyones(None)


def bring_together(model: Any) -> None:
    """Have the values of a model's variables, of which each process may have parts, be whole, for a file.

    Args:
        model: the model, with its optimizer. All processes have to call this.
    """
    if processes().count > 1:
        optimizer = getattr(model, "optimizer", None)
        for variable in [*getattr(model, "variables", ()), *getattr(optimizer, "variables", ())]:
            if variable._layout is not None:
                _ = variable._array


@contextlib.contextmanager
def written_by_first(path: str | os.PathLike[str]) -> Iterator[None]:
    """The body runs in all processes; the first one writes the file, and the others wait until the file is there.

    If the first process raises an error, all others raise one too. The first process waits for no other, so it may
    also write a file alone.

    Args:
        path: of the file, by which processes tell one from another.

    Raises:
        OSError, ValueError: on the other processes, what went wrong in the first; RuntimeError for another error.
    """
    found, name = processes(), os.fspath(path)
    if found.news is None:
        yield
    elif found.rank:
        yield
        told = found.news.told(name)
        if not told:
            warn(
                f"Process {found.rank} saves {name!r}, which process 0 does not. The first process alone writes files: "
                "give the same name on all, and load that."
            )
        elif told[0] is not None:
            raise _as_error(*told[0])
    else:
        try:
            yield
        except BaseException as error:
            number = error.errno if isinstance(error, OSError) else None
            found.news.tell(name, [type(error).__name__, number, str(getattr(error, "strerror", None) or error)])
            raise
        found.news.tell(name, None)


def _as_error(kind: str, number: int | None, text: str) -> Exception:
    """The error that another process had, as far as this one knows its kind."""
    text = f"{text} (The error of process 0, which writes the files.)"
    if number is not None:
        return OSError(number, text)
    known = getattr(builtins, kind, None)
    return known(text) if known in (ValueError, TypeError, FileExistsError, NotImplementedError) else RuntimeError(text)


@contextlib.contextmanager
def firsts_files(files: Sequence[Path]) -> Iterator[list[Path]]:
    """Give those files that the first process has; the others may lie on other disks, and get copies."""
    active, others = distribution(), communicator()
    if active is None or others is None:
        yield [file for file in files if file.exists()]
        return
    active.check_same(f"reading {files[0].name}", {})
    with tempfile.TemporaryDirectory(prefix="firsts-") as folder:
        found = []
        for file in files:
            content = others.firsts_bytes(file)
            if content is None:
                continue
            place = file
            if others.rank:
                place = Path(folder) / file.name
                content.tofile(place)
            found.append(place)
        yield found
