"""Calls of image layers on large arrays: the whole of a layer's ``call`` as one compiled function.

Such a call is some ten to some hundred operations over all pixels; compiled, each pixel is read and written once. What
is compiled depends on shapes and types alone. A gradient tape sees operations one by one, and so does who writes a
layer of one's own.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from pronghorn import tree
from pronghorn.calls.batch import Batch
from pronghorn.calls.layout import known_arrays
from pronghorn.calls.step import StepFunction, runs_eagerly
from pronghorn.engine.backends.eager import is_enabled
from pronghorn.engine.backends.kept import KeptByObject
from pronghorn.engine.graph.active import active_tapes, current_trace
from pronghorn.engine.graph.layout import kinds
from pronghorn.engine.graph.tensor import Tensor, tensor_of
from pronghorn.engine.graph.user_code import is_own
from pronghorn.layers.versions import version_of

#: Images with fewer numbers than this in all are changed op by op.
LEAST_NUMBERS = 1 << 16

MOST_KINDS = 32


#: The compiled calls of layers by kinds of arrays, None for those that run op by op.
_kept = KeptByObject(MOST_KINDS)


def call_compiled(layer: Any, change: Callable[[Any, Any, Any], Any], inputs: Any, training: Any) -> Any:
    """``change(layer, inputs, training)`` compiled, or None where it is to run op by op."""
    if current_trace() is not None or active_tapes() or not isinstance(training, bool | None):
        return None
    arrays = _large_arrays(layer, inputs)
    if arrays is None or runs_eagerly() or not is_enabled():
        return None
    layout, leaves = arrays
    key = (layout.key, kinds(leaves), training)
    steps = _kept.of(layer, version_of(layer))  # an attribute has changed: what was compiled may no longer hold
    if key not in steps and not steps.is_full:
        itself = weakref.ref(layer)  # the table must not hold what it is about
        steps.keep(key, StepFunction(lambda data: change(itself(), data, training), f"{layer.name}.call"))
    step = steps.get(key)
    if step is None:
        return None
    batch = Batch(layout, leaves, key=key)
    try:
        program = step.prepare(batch)
    except Exception:  # it says more where it runs op by op
        program = None
    if program is None:
        steps.keep(key, None)
        return None
    return tree.map_structure(lambda x: tensor_of(np.asarray(x)), program(batch))


def _large_arrays(layer: Any, inputs: Any) -> Any:
    """The layout and the arrays of inputs that are worth compiling for, or None."""
    if not is_own(type(layer)) or "call" in vars(layer):
        return None
    images = inputs.get("images") if isinstance(inputs, dict) else inputs
    if not isinstance(images, Tensor | np.ndarray) or int(np.prod(images.shape)) < LEAST_NUMBERS:
        return None
    return known_arrays(inputs)
