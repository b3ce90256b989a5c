"""Libraries that `format="native"` has written, as Python functions: their shared ones, by way of ctypes."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pronghorn.engine.graph import dtypes
from pronghorn.engine.runtime.machines import machine
from pronghorn.export.native.linking import compiler

HAS_COMPILER = compiler(machine("native")) is not None
GUARD = 0xA5  # what lies around memory that a library is given, and in an arena before


class Memory:
    """Bytes with more of them around, which nobody may touch.

    Args:
        nbytes: how many.
        apart: how far from a multiple of 64 they begin.
    """

    def __init__(self, nbytes: int, apart: int = 0):
        self._whole = np.full(nbytes + 256 + apart, GUARD, np.uint8)
        start = -self._whole.ctypes.data % 64 + 64 + apart
        self.bytes = self._whole[start : start + nbytes]
        self._around = (self._whole[:start], self._whole[start + nbytes :])

    @property
    def address(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(self.bytes.ctypes.data)

    def check(self) -> None:
        """Raise AssertionError where something was written beside it."""
        for around in self._around:
            assert (around == GUARD).all(), "memory beside what was given is written"


class NativeLibrary:
    """A library, called with arrays.

    Args:
        folder: what `export` has written.
    """

    def __init__(self, folder: Path):
        self.folder, self.about = folder, json.loads((folder / "library.json").read_text())
        self.name = self.about["name"]
        self._library = ctypes.CDLL(str(folder / f"lib{self.name}.so"))
        for word in ("arena_size", *(["state_size"] if "state" in self.about else [])):
            self.function(word).restype = ctypes.c_size_t
        self.block: list[Any] = []  # a pointer to the weights or the state, if there is one

    def function(self, word: str) -> Any:
        """One of its functions, by its name without the library's."""
        return getattr(self._library, f"{self.name}_{word}")

    def arena_size(self, *sizes: int) -> int:
        """Bytes that a call with these sizes needs."""
        return self.function("arena_size")(*map(ctypes.c_int64, sizes))

    def new_state(self) -> Memory:
        """A state as the model was exported, which later calls take."""
        size = self.function("state_size")()
        state = Memory(size)
        assert self.function("state_init")(state.address, ctypes.c_size_t(size)) == 0
        self.block, self._state = [state.address], state  # whoever asks for it need not keep it
        return state

    def call(self, word: str, sizes: Sequence[int], arrays: Sequence[np.ndarray], arena: Memory | None = None) -> int:
        """Run a step; its status."""
        arena = Memory(self.arena_size(*sizes), apart=16) if arena is None else arena
        given = [ctypes.c_void_p(a.ctypes.data) for a in arrays]
        head = [*self.block, arena.address, ctypes.c_size_t(arena.bytes.nbytes)]
        status = self.function(word)(*head, *map(ctypes.c_int64, sizes), *given)
        arena.check()
        return status

    def sizes(self, inputs: Sequence[np.ndarray]) -> dict[str, int]:
        """The open extents, in the order of the parameters."""
        found: dict[str, int] = dict.fromkeys(self.about["sizes"], 0)
        for described, array in zip(self.about["inputs"], inputs, strict=True):
            for extent, number in zip(described["shape"], array.shape, strict=True):
                if isinstance(extent, str):
                    found[extent] = number
        return found

    def predict(self, *inputs: np.ndarray) -> list[np.ndarray]:
        """What the model predicts."""
        sizes = self.sizes(inputs)
        outputs = []
        for described in self.about["outputs"]:
            shape = [n if isinstance(n, int) else _extent(n, sizes) for n in described["shape"]]
            nbytes = int(np.prod(shape)) * dtypes.itemsize(described["dtype"])
            outputs.append((Memory(nbytes), dtypes.to_numpy(described["dtype"]), shape))
        results = [memory.bytes for memory, _, _ in outputs]
        status = self.call("predict", list(sizes.values()), [*map(np.ascontiguousarray, inputs), *results])
        assert status == 0, status
        for memory, _, _ in outputs:
            memory.check()
        return [memory.bytes.view(dtype).reshape(shape) for memory, dtype, shape in outputs]

    def train(self, word: str, inputs: Sequence[np.ndarray], targets: Sequence[np.ndarray], arena: Memory) -> dict:
        """A step of training or evaluation; its logs."""
        logs = np.full(len(self.about["logs"]), np.nan, "float32")
        arrays = [np.ascontiguousarray(a) for a in (*inputs, *targets)]
        status = self.call(word, list(self.sizes(inputs).values()), [*arrays, logs], arena)
        assert status == 0, status
        return dict(zip(self.about["logs"], logs.tolist()))


def _extent(text: str, sizes: dict[str, int]) -> int:
    """An extent as the library describes it, such as ``2*batch + floor((axis1)/2)``."""
    text = text.replace("floor(", "(").replace("/", "//")
    return int(eval(text, {"__builtins__": {}}, dict(sizes)))
