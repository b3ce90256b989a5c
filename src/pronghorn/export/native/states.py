"""The state of a library that is trained: one block of bytes, with a head, the variables, and metrics at the end."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from pronghorn.engine.backends.aot import ALIGNMENT
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.variable import GraphVariable
from pronghorn.saving.archive import explained

_MAGIC = b"PHSTATE1"  # with the version of the format
_HEAD = struct.Struct("<8s8sq")  # the mark, the first bytes of a hash of what there is, the size


class State:
    """How the variables of a compiled model lie in a block.

    Args:
        model: a model that has been compiled and built, with its optimizer's variables and its metrics'.

    Attributes:
        offsets: of each variable, in bytes.
        size: of the block, in bytes.
        metrics: where the variables of metrics begin, which are the last.
    """

    def __init__(self, model: Any) -> None:
        metrics = dict.fromkeys(model.metrics_variables)
        optimizer = [] if model.optimizer is None else model.optimizer.variables
        kept = [v for v in dict.fromkeys([*model.variables, *optimizer]) if v not in metrics]
        self.offsets: dict[GraphVariable, int] = {}
        self.size = ALIGNMENT  # the head's
        self._place(kept)
        self.metrics = self.size
        self._place(metrics)

    def _place(self, variables: Iterable[GraphVariable]) -> None:
        for variable in variables:
            self.offsets[variable] = self.size
            self.size += -(-variable.storage().nbytes // ALIGNMENT) * ALIGNMENT

    @property
    def head(self) -> bytes:
        """What every state of this model begins with."""
        described = [(dtypes.name_of(v.storage().dtype), v.storage().shape, at) for v, at in self.offsets.items()]
        return _HEAD.pack(_MAGIC, hashlib.sha256(repr(described).encode()).digest()[:8], self.size)

    @property
    def words(self) -> list[int]:
        """The same as 64-bit numbers."""
        return np.frombuffer(self.head, "<i8").tolist()

    def image(self) -> bytearray:
        """The state of the model as it is."""
        content = bytearray(self.size)
        content[: len(self.head)] = self.head
        for variable, at in self.offsets.items():
            data = np.ascontiguousarray(variable.storage()).tobytes()
            content[at : at + len(data)] = data
        return content

    def give(self, content: bytes) -> None:
        """Give the model what a state holds.

        Raises:
            ValueError: it is a state of another model, or none.
        """
        if content[:8] != self.head[:8]:
            known = "of another version" if content[:7] == self.head[:7] else "no state that a library has written"
            raise ValueError(f"it is {known}")
        if content[: len(self.head)] != self.head or len(content) != self.size:
            raise ValueError(
                f"it is the state of another model, or is not whole: it has {len(content):,} bytes, and this model's "
                f"{self.size:,}, with other variables, types or shapes"
            )
        for variable, at in self.offsets.items():
            like = variable.storage()
            variable.assign(np.frombuffer(content, like.dtype, like.size, at).reshape(like.shape))


def read_state(path: Any, model: Any) -> None:
    """Give a model what a C library has trained: the weights, the optimizer's state, the metrics, random states.

    Args:
        path: of a file with the bytes of the library's state: ``NAME_state_size()`` of them.
        model: the model that was exported, or one that was made in the same way, compiled with the same optimizer and
            metrics. Where metrics are, it has to have been exported or fitted, which makes their variables.

    Raises:
        ValueError: if the model was not compiled, or the file holds the state of another model or none.
        FileNotFoundError: if there is no such file.

    Example:

    >>> import os, tempfile
    >>> import pronghorn as keras
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    >>> model.compile("adam", "mse")
    >>> place = tempfile.TemporaryDirectory()
    >>> folder = os.path.join(place.name, "net")
    >>> model.export(folder, format="native", training=True, weights="file", verbose=False)
    >>> keras.export.read_state(os.path.join(folder, "net.state"), model)
    """
    if not getattr(model, "compiled", False):
        raise ValueError("read_state: the model has no optimizer yet; call compile() as before the export.")
    if model.optimizer is not None and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    with explained(Path(path), "read_state"):
        content = Path(path).read_bytes()
    try:
        State(model).give(content)
    except ValueError as error:
        raise ValueError(f"read_state: {str(path)!r} does not fit {model.name!r}: {error}.") from None
