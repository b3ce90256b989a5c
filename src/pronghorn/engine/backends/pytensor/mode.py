"""How PyTensor compiles: by NumPy's functions node by node, or by what the user's flags say."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor
from pytensor.compile.mode import Mode
from pytensor.link.vm import VMLinker


def mode() -> Mode:
    """Without PyTensor's rewrites, as our graphs have been through our own, and PyTensor's take NaN for a number.

    Its C code and Numba take seconds for each new kind of node, of which a training step has hundreds: they are used
    where PYTENSOR_FLAGS names a linker.
    """
    named = pytensor.config.linker
    return Mode(VMLinker(use_cloop=False, c_thunks=False) if named == "auto" else named, None)


_compiling = threading.RLock()


def compiled(inputs: Sequence[Any], outputs: Sequence[Any]) -> Callable[..., list[Any]]:
    """A function from arrays to a list of arrays, which threads may call.

    One runs after the other: PyTensor's functions hold what they compute on in places of their own.
    """
    with _compiling:
        function = pytensor.function(
            list(inputs), list(outputs), mode=mode(), on_unused_input="ignore", trust_input=True, accept_inplace=False
        )
    running = threading.Lock()

    def call(*arrays: Any) -> list[Any]:
        with running, np.errstate(all="ignore"):  # NumPy's functions, which it calls, warn of infinities
            return function(*arrays)

    return call
