"""The state of a library that is trained: one block of bytes, with a head, the variables, and metrics at the end."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from typing import Any

import numpy as np

from pronghorn.engine.backends.aot import ALIGNMENT
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.variable import GraphVariable

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
