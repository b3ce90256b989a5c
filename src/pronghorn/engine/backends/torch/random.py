"""Random bits: ours, bit for bit."""

from __future__ import annotations

import torch

from pronghorn.engine.backends.eager import kernels
from pronghorn.engine.backends.numpy import IMPLEMENTATIONS
from pronghorn.engine.backends.torch.registry import formulas, from_numpy, implements, is_plain, to_numpy
from pronghorn.engine.graph.ir import Aval
from pronghorn.engine.graph.primitives import PRIMITIVES

_BITS = PRIMITIVES["random_bits"]


@implements
def random_bits(key: torch.Tensor, *, shape: tuple[int, ...]) -> torch.Tensor:
    """Philox on the processor by our own kernel: PyTorch would take a hundred passes in int64 for it."""
    if not is_plain(key) or not key.is_cpu:
        return formulas.random_bits(key, shape=shape)
    keys = [to_numpy(key)]
    bits = kernels.run(_BITS, keys, {"shape": shape}, Aval(shape, "uint32"))
    return from_numpy(IMPLEMENTATIONS["random_bits"](*keys, shape=shape) if bits is None else bits)
