"""Matrix factorisations: a compiled step calls NumPy for them, on arrays over its own memory."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping

import numpy as np

from pronghorn.engine.backends.llvm.layout import concrete
from pronghorn.engine.backends.numpy import IMPLEMENTATIONS
from pronghorn.engine.codegen.launch import Emitted
from pronghorn.engine.compiler.complex_numbers import COMPLEX_OPERANDS
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.ir import Value
from pronghorn.engine.runtime.callback import Callback


class HostCalls:
    """The Python side of a step's host calls."""

    def __init__(self, emitted: Emitted):
        self._calls, self._tables = emitted.host_calls, emitted.tables
        self._callback = Callback(self._run, ctypes.c_int64, ctypes.c_void_p)
        self.address = self._callback.address
        assert emitted.callback is not None
        self.slot = emitted.tables.buffers[emitted.callback]
        self.env: Mapping[str, int] = {}  # the extents of the step that runs

    def raise_error(self) -> None:
        """Raise what a call raised during the last step, if any did."""
        self._callback.raise_error()

    def _run(self, number: int, bufs: int) -> None:
        node = self._calls[number].node
        params = dict(node.params)
        inputs = [self._view(v, bufs) for v in node.inputs]
        for i, is_complex in enumerate(params.pop(COMPLEX_OPERANDS, ())):
            if is_complex:
                inputs[i] = _as_complex(inputs[i])
        result = IMPLEMENTATIONS[node.prim.name](*inputs, **params)
        outputs = result if isinstance(result, (tuple, list)) else (result,)
        for value, array in zip(node.outputs, outputs):
            if self._tables.root(value) in self._tables.buffers:
                view = self._view(value, bufs)
                target = _as_complex(view) if np.iscomplexobj(array) else view
                target[...] = array

    def _view(self, value: Value, bufs: int) -> np.ndarray:
        """The array that lies in a value's buffer; ``bufs`` is the calling thread's table."""
        place = ctypes.c_int64.from_address(bufs + 8 * self._tables.buffer(value)).value
        shape, dtype = concrete(value.shape, self.env), dtypes.to_numpy(value.dtype)
        nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        raw = (ctypes.c_uint8 * max(nbytes, 1)).from_address(place)
        return np.frombuffer(raw, np.uint8, nbytes).view(dtype).reshape(shape)


def _as_complex(pairs: np.ndarray) -> np.ndarray:
    """An array of (real, imaginary) pairs along its last axis, as complex numbers in the same memory."""
    return pairs.view(f"complex{16 * pairs.dtype.itemsize}")[..., 0]
