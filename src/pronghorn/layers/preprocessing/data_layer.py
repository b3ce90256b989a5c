"""`DataLayer`: what is above layers that prepare data; layers of one's own that derive from them use its `backend`."""

from __future__ import annotations

from typing import Any

from pronghorn import ops, random
from pronghorn.layers.layer import Layer


class _Functions:
    """`pronghorn.ops` and `pronghorn.random` by the names that the backends of Keras have them under.

    >>> _Functions().numpy.add(1, 2).item(), _Functions().cast(1, "float32").item()
    (3, 1.0)
    """

    core = math = nn = numpy = ops
    random = random

    def __getattr__(self, name: str) -> Any:
        return getattr(ops, name)


class DataLayer(Layer):
    """A layer that prepares data.

    Attributes:
        backend: functions of arrays, such as ``self.backend.cast`` and ``self.backend.numpy.add``: here those of
            `pronghorn.ops`; in Keras TensorFlow's while a `tf.data` pipeline runs.
    """

    backend: Any = _Functions()
