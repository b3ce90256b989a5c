"""Many numbers at once: drawn by one compiled function where the array is large."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn.engine.backends.eager import run_function
from pronghorn.engine.backends.eager.worth import DRAWN_FROM
from pronghorn.engine.graph.active import current_trace
from pronghorn.engine.graph.dim import Shape, is_static
from pronghorn.engine.graph.tensor import Tensor, tensor_of


def drawn(function: Callable[..., Tensor], key: Tensor, shape: Shape, dtype: str, *numbers: Any) -> Tensor:
    """``function(key, shape, dtype, *numbers)``.

    Eagerly and for many elements it is compiled, once for all shapes and numbers. What belongs to an element depends on
    the key and its row-major number, so that the shape does not matter.

    Args:
        function: makes random numbers of ``dtype`` in a shape.
        key: ``uint32[2]``.
        shape: the shape.
        dtype: the element type.
        *numbers: what else the function takes, or None; arrays among them are left to eager code, which tapes see.
    """
    is_plain = all(x is None or isinstance(x, int | float) for x in numbers)
    if current_trace() is None and is_plain and is_static(shape) and math.prod(shape) >= DRAWN_FROM:
        given = [i for i, x in enumerate(numbers) if x is not None]

        def compute(key: Tensor, *values: Tensor, shape: Shape) -> Tensor:
            places = dict(zip(given, values))
            return function(key, shape, dtype, *(places.get(i) for i in range(len(numbers))))

        # In the type of the work: as with the numbers themselves.
        values = [np.asarray(numbers[i], "float64" if dtype == "float64" else "float32") for i in given]
        out = run_function((function, dtype, tuple(given)), compute, [key.numpy(), *values], shape)
        if out is not None:
            return tensor_of(out)
    return function(key, shape, dtype, *numbers)
