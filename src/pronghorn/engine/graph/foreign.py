"""Arrays of other frameworks, in something that NumPy reads. No framework is imported: they are recognised."""

from __future__ import annotations

from typing import Any

import numpy as np

from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph.user_code import defined_in

# Element types that NumPy has from ml_dtypes, which other frameworks do not hand over.
_BYTES = ("bfloat16", *dtypes.FLOAT8)


def is_sparse(x: Any) -> bool:
    """Whether this is a sparse array of SciPy, JAX or TensorFlow, which `without_framework` fills up."""
    return hasattr(x, "toarray") or hasattr(x, "todense") or (hasattr(x, "dense_shape") and hasattr(x, "indices"))


def without_framework(x: Any, what: str = "x") -> Any:
    """Give an array of another framework as something that NumPy reads, and anything else as it is.

    Sparse arrays are filled up, and PyTorch's tensors let go of their gradients and their device.

    Args:
        x: anything.
        what: what it is called in errors.

    Raises:
        ValueError: for a ragged tensor.
        TypeError: for a tensor of a TensorFlow graph or a variable of a PyTensor graph, which has no values yet.
    """
    if hasattr(x, "detach"):  # PyTorch
        return _from_torch(x.detach().cpu())
    if hasattr(x, "toarray"):  # SciPy
        return x.toarray()
    if hasattr(x, "todense"):  # JAX
        return x.todense()
    if hasattr(x, "dense_shape") and hasattr(x, "indices"):  # TensorFlow
        values = np.asarray(x.values)
        dense = np.zeros(tuple(np.asarray(x.dense_shape)), values.dtype)
        dense[tuple(np.asarray(x.indices).T)] = values
        return dense
    if hasattr(x, "ragged_rank"):
        raise ValueError(
            f"{what}: a ragged tensor has rows of different lengths, so it makes no array. Pad them to one length with "
            "its method to_tensor()."
        )
    if defined_in(type(x)).startswith("pytensor."):
        return _from_pytensor(x, what)
    if type(x).__name__ == "SymbolicTensor" and defined_in(type(x)).startswith("tensorflow."):
        raise TypeError(
            f"{what}: a tensor of a TensorFlow graph has no values yet, and Pronghorn computes with values. Inside "
            "tf.function or the map of a tf.data data set, go through tf.numpy_function; or map batch by batch in "
            "Python, or put the layer into the model."
        )
    return x


def _from_pytensor(x: Any, what: str) -> Any:
    if hasattr(x, "get_value"):  # a shared variable
        return x.get_value()
    if hasattr(x, "data"):  # a constant
        return x.data
    raise TypeError(
        f"{what}: a PyTensor variable stands for values that a compiled function will have; here values are needed. "
        "Pass numbers, such as what its method eval() gives; or call the model or layer on the variable: model(x)."
    )


def _from_torch(x: Any) -> Any:
    if x.is_sparse:
        x = x.to_dense()
    name = str(x.dtype).rpartition(".")[2]
    return x.float().numpy().astype(dtypes.to_numpy(name)) if name in _BYTES else x
