"""Tensors of a model's steps, placed on devices as a layout says."""

from __future__ import annotations

from typing import Any

from pronghorn.distribution.mesh import TensorLayout
from pronghorn.engine.backends import choice
from pronghorn.engine.backends.engine import engine
from pronghorn.engine.backends.foreign_calls import on_its_engine
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.active import is_plain_code
from pronghorn.engine.graph.tensor import Tensor, as_tensor
from pronghorn.symbolic.keras_tensor import KerasTensor


@on_its_engine
def distribute_tensor(tensor: Any, layout: Any) -> Any:
    """Return a tensor with the same values that lies on devices as a layout says.

    Inside a layer or a step that JAX compiles, this tells the compiler how the value is to lie there; its gradient lies
    so, too. Other engines refuse such a step before it runs. Eager arrays of Pronghorn's own stay as they are.

    Args:
        tensor: any shape and type. A symbolic tensor is returned as it is.
        layout: a `TensorLayout` with a mesh, or a sharding of JAX's.

    Returns:
        For an array of JAX, and where JAX is the engine, an array of JAX.

    Raises:
        ValueError: if the layout has no mesh, has more axes than the tensor, or cuts an extent that does not divide.

    >>> import numpy as np
    >>> from pronghorn.distribution import DeviceMesh
    >>> layout = TensorLayout(("batch", None), DeviceMesh((1,), ["batch"], ["cpu:0"]))
    >>> distribute_tensor(np.ones((2, 3)), layout).shape
    (2, 3)
    """
    if isinstance(tensor, KerasTensor):
        return tensor
    given = as_tensor(tensor)
    if isinstance(layout, TensorLayout):
        layout.check(given.shape, "distribute_tensor")
    if given.is_traced:
        return relaid(given, layout)
    if is_plain_code() and choice.named() == "jax":
        found = engine("jax")
        with found.computing():
            return found.placed(given.numpy(), layout)
    return given if isinstance(tensor, Tensor) else tensor


def relaid(tensor: Tensor, layout: Any) -> Tensor:
    """A traced tensor with the hint that it is to lie as a layout says."""
    (found,) = P.foreign_call(tensor, call=engine("jax").functions.Relaid(layout))
    return found
