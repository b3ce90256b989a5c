"""What constructors of optimizers take beside what their signatures say, for type checkers and editors (PEP 692).

And what they say of arguments that they do not take.
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
