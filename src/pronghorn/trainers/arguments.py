"""The arguments of `compile`, `fit` and their relatives: unknown names, and numbers that make no sense."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from pronghorn._lazy import nearest_clause
from pronghorn.utils.arguments import VERBOSITY, check, is_integer

BATCH_SIZE = 32  # samples of a batch, where nothing else is said

F = TypeVar("F", bound=Callable[..., Any])


def known_arguments(method: F) -> F:
    """A method that answers keyword arguments that it does not take with the nearest that it does.

    >>> @known_arguments
    ... def fit(self, x, epochs=1):
    ...     pass
    >>> fit(None, 0, epoch=3)
    Traceback (most recent call last):
    TypeError: fit() has no argument 'epoch'; nearest: epochs. It takes x, epochs.
    """
    names = list(inspect.signature(method).parameters)[1:]

    @functools.wraps(method)
    def checked(self: Any, *args: Any, **kwargs: Any) -> Any:
        for name in kwargs:
            if name not in names:
                raise TypeError(
                    f"{method.__name__}() has no argument {name!r}{nearest_clause(name, names)}. It takes "
                    f"{', '.join(names)}."
                )
        return method(self, *args, **kwargs)

    return checked  # type: ignore[return-value]


def check_run(method: str, verbose: Any, **counts: Any) -> None:
    """Check the arguments of a run over data.

    Args:
        method: such as `"fit"`.
        verbose: 0, 1, 2 or `"auto"`.
        counts: numbers of steps or epochs, by name; None stands for all.

    Raises:
        ValueError: for anything else, for a number below 0, or for epochs without a step.
    """
    check(method, "verbose", verbose, VERBOSITY)
    for name, value in counts.items():
        if value is not None and (not is_integer(value) or value < 0):
            raise ValueError(f"{method}: {name} must be an integer that is not negative, got {name}={value!r}.")
    if counts.get("steps_per_epoch") == 0:
        raise ValueError(
            f"{method}: steps_per_epoch must be an integer of 1 or more, got 0, which trains nothing. Leave it out to "
            "go through all the data in each epoch; where it is samples // batch_size, the batches are larger than "
            "the data."
        )


def check_batch_size(name: str, batch_size: Any) -> None:
    """Check the argument `name`, the samples of a batch; None stands for the default.

    Raises:
        ValueError: if it is no positive integer.
    """
    if batch_size is not None and (not is_integer(batch_size) or batch_size < 1):
        raise ValueError(f"{name} must be an integer of 1 or more, got {batch_size!r}.")


def check_validation(data: Any, batch_size: Any, frequency: Any, has_loss: bool) -> None:
    """Check the arguments of `fit` that say how there is a validation.

    Args:
        data: `validation_data`.
        batch_size: `validation_batch_size`.
        frequency: `validation_freq`.
        has_loss: whether the data needs targets.

    Raises:
        ValueError: for plain arrays without targets, or if a number is no positive integer.
    """
    check_batch_size("validation_batch_size", batch_size)
    if not isinstance(frequency, list | tuple | set) and (not is_integer(frequency) or frequency < 1):
        raise ValueError(
            f"fit: validation_freq must be an integer of 1 or more, or a list of epochs, got {frequency!r}."
        )
    if has_loss and hasattr(data, "shape"):
        raise ValueError(
            f"fit: validation_data must be a tuple (x, y) or (x, y, sample_weight), got one array of shape "
            f"{tuple(data.shape)}."
        )
