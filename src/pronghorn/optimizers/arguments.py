"""What constructors of optimizers take beside what their signatures say, for type checkers and editors (PEP 692).

And what they say of arguments that they do not take, or that do not fit together.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, TypedDict

from pronghorn._lazy import nearest_clause

#: Arguments of older versions, and what they are called.
_RENAMED = {"lr": "learning_rate"}


class OldArguments(TypedDict, total=False):
    """Of Keras 2, and ignored."""

    decay: Any


class OptimizerArguments(OldArguments, total=False):
    """Those of every optimizer but the learning rate and the decay of the weights, where the signature has these."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    name: str | None


def not_recognized(cls: type, names: Iterable[str]) -> str:
    """The message about arguments that a class of optimizers does not take.

    >>> class Plain:
    ...     def __init__(self, learning_rate, momentum=0.0, **kwargs): ...
    >>> print(not_recognized(Plain, ["lr", "momentun"]))
    Plain: argument(s) not recognized: 'lr', which is called learning_rate; 'momentun', nearest: momentum.
    """
    known = [name for name in inspect.signature(cls.__init__).parameters if name not in ("self", "kwargs")]
    told = []
    for name in names:
        renamed = f", which is called {_RENAMED[name]}" if name in _RENAMED else ""
        told.append(repr(name) + (renamed or nearest_clause(name, known).replace(";", ",", 1)))
    return f"{cls.__name__}: argument(s) not recognized: {'; '.join(told)}."


def check_shared_arguments(
    owner: str,
    clipnorm: Any,
    clipvalue: Any,
    global_clipnorm: Any,
    use_ema: bool,
    ema_momentum: float,
    ema_overwrite_frequency: Any,
    gradient_accumulation_steps: Any,
) -> None:
    """Raise an error where arguments that every optimizer has do not fit together."""
    if sum(limit is not None for limit in (clipnorm, clipvalue, global_clipnorm)) > 1:
        raise ValueError(
            f"{owner}: gradients are clipped in one way only, got clipnorm={clipnorm}, clipvalue={clipvalue} and "
            f"global_clipnorm={global_clipnorm}. Leave all but one out."
        )
    if use_ema and not 0 <= ema_momentum <= 1:
        raise ValueError(f"{owner}: ema_momentum must lie between 0 and 1, got {ema_momentum}.")
    if use_ema and ema_overwrite_frequency is not None and not _is_count(ema_overwrite_frequency, 1):
        raise ValueError(
            f"{owner}: ema_overwrite_frequency must be an integer of 1 or more, or None; got "
            f"{ema_overwrite_frequency!r}."
        )
    if gradient_accumulation_steps is not None and not _is_count(gradient_accumulation_steps, 2):
        raise ValueError(
            f"{owner}: gradient_accumulation_steps must be an integer of 2 or more, or None; got "
            f"{gradient_accumulation_steps!r}."
        )


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and value >= least
