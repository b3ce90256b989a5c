"""Models and arrays in the hands of other libraries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pronghorn._lazy import attach
from pronghorn.engine.backends import engine as engines
from pronghorn.engine.graph import dlpack
from pronghorn.engine.graph.tensor import Tensor, tensor_of

if TYPE_CHECKING:
    import torch

    from pronghorn.interop.pytensor_graphs import GraphFunction


def from_dlpack(x: Any) -> Tensor:
    """Another library's array as ours, by DLPack.

    The memory is shared where it is the processor's: whoever changes the other array changes ours. (Nothing here
    changes ours.) The other way round, `torch.from_dlpack(ours)`, `jax.numpy.from_dlpack(ours)` and
    `np.from_dlpack(ours)` share memory too. Libraries copy what they cannot use: JAX needs addresses that are multiples
    of 64.

    Args:
        x: an array of any shape and element type, with ``__dlpack__``: of NumPy, PyTorch, JAX, TensorFlow and others.

    Raises:
        TypeError: it has no ``__dlpack__``, or an element type that we have not.
        BufferError: its library does not hand it over, for example since gradients of it are recorded.

    >>> import numpy as np
    >>> theirs = np.arange(3.0)
    >>> ours = from_dlpack(theirs)
    >>> ours.dtype, np.shares_memory(np.asarray(ours), theirs)
    ('float64', True)
    >>> np.from_dlpack(ours * 2)
    array([0., 2., 4.])
    """
    if not hasattr(x, "__dlpack__"):
        raise TypeError(f"from_dlpack takes an array with a method __dlpack__, got a {type(x).__name__}.")
    return tensor_of(dlpack.array_of(x))


def to_jax(model: Any, training: bool = False) -> tuple[Callable[..., Any], dict[str, dict[str, Any]]]:
    """A model as a pure function of JAX's arrays, and its parameters.

    ``function(parameters, x)`` gives what the model gives for ``x``, with any number of rows; JAX's transformations
    (`jax.jit`, `jax.grad`, `jax.vmap`) go through it. A model of several arguments is ``function(parameters, x, y)``.
    The parameters are ``{"trainable": {path: array}, "non_trainable": {path: array}}``, copies of those weights that
    the call reads. What regularizers and `add_loss` contribute is not part of it.

    Args:
        model: a model that has been built, so that the shapes of its inputs are known.
        training: whether the model is called with ``training=True``. The function is pure then too: it returns the
            outputs and the parameters as they are afterwards, in which moving statistics and the states of dropout are
            new. Give those to the next call, with the trainable ones that an optimizer made.

    Returns:
        The function and the parameters.

    Raises:
        ImportError: JAX is not installed; the message says the command that installs it.
        ValueError: the shapes of the inputs are not known.
        NotImplementedError: the model takes strings, or assigns variables when it is called in inference.

    >>> import numpy as np
    >>> import pronghorn as keras
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="only")], name="net")
    >>> function, parameters = to_jax(model)
    >>> sorted(parameters["trainable"])
    ['net/only/bias', 'net/only/kernel']
    >>> function(parameters, np.ones((4, 3), "float32")).shape
    (4, 2)
    """
    engines.engine("jax")
    from pronghorn.interop import jax_functions

    return jax_functions.to_jax(model, training)


def to_keras(model: Any, custom_objects: Mapping[str, Any] | None = None, compile: bool = True) -> Any:
    """A model as one of the real Keras, on the backend that Keras has in this process.

    It goes by Keras's file format: the configuration, the weights, what `compile` was given and the optimizer's state.
    Keras is imported here and nowhere else, so KERAS_BACKEND has to be set before the first call.

    Args:
        model: a model that has been built.
        custom_objects: classes and functions, written for Keras, for those of your own in the model, by their names.
        compile: whether to compile it as ours was, with the optimizer's state.

    Returns:
        A `keras.Model`, with weights of its own.

    Raises:
        ImportError: Keras is not installed, or its backend is not.
        RuntimeError: in this process `keras` is Pronghorn, as under `pronghorn run`.
        TypeError: there is a class of your own in the model that Keras does not know.
        ValueError: the model is not built, or Keras refuses it.

    >>> theirs = to_keras(model)  # doctest: +SKIP
    >>> theirs.predict(x)  # of the real Keras, with the same weights  # doctest: +SKIP
    """
    return _keras("to_keras")(model, custom_objects, compile)


def from_keras(model: Any, custom_objects: Mapping[str, Any] | None = None, compile: bool = True) -> Any:
    """A model of the real Keras as ours, whatever backend Keras has.

    Args:
        model: a `keras.Model` with weights.
        custom_objects: classes and functions, written with Pronghorn, for those of your own in the model, by their
            names.
        compile: whether to compile it as Keras's was, with the optimizer's state.

    Returns:
        A model of Pronghorn's, with weights of its own.

    Raises:
        ImportError: Keras is not installed, or its backend is not.
        RuntimeError: in this process `keras` is Pronghorn, as under `pronghorn run`.
        TypeError: it is no model of Keras's, or has a class or function that is not among `custom_objects`.
        ValueError: the model has no weights yet, or what is in it cannot be read.

    >>> import keras  # the real one  # doctest: +SKIP
    >>> ours = from_keras(keras.models.load_model("model.keras"))  # doctest: +SKIP
    """
    return _keras("from_keras")(model, custom_objects, compile)


def to_torch(model: Any) -> torch.nn.Module:
    """A model's inference as a module of PyTorch, with weights of its own.

    It takes tensors as the model takes arrays, with any number of rows, and gives what the model gives with
    `training=False`; weights that the model trains are its parameters, the others its buffers. It needs none of the
    model's layers: it is a graph of primitives, each of which is an operation of PyTorch.

    Args:
        model: a model that has been built, so that the shapes of its inputs are known.

    Returns:
        A `torch.nn.Module`, differentiable in its inputs and parameters.

    Raises:
        ImportError: PyTorch is not installed; the message says the command that installs it.
        ValueError: the shapes of the inputs are not known.
        NotImplementedError: the model takes strings, or assigns variables when it is called.

    >>> import pronghorn as keras
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    >>> module = to_torch(model)  # doctest: +SKIP
    >>> module(torch.ones(4, 3)).shape  # doctest: +SKIP
    torch.Size([4, 2])
    """
    engines.engine("torch")
    from pronghorn.interop import torch_modules

    return torch_modules.to_torch(model)


def torch_parameters(model: Any) -> dict[str, torch.nn.Parameter]:
    """The weights of a layer or model as parameters of PyTorch, by their paths.

    From then on the parameter is the weight: what PyTorch's optimizers do to it, the layer sees, and what `fit`,
    `set_weights` and `load_weights` do to the weight, PyTorch sees. Weights that are not trained have
    `requires_grad=False`. With the engine torch chosen, `model.parameters()` gives the same.

    Args:
        model: a layer or model that has been built.

    Raises:
        ImportError: PyTorch is not installed; the message says the command that installs it.

    >>> optimizer = torch.optim.SGD(torch_parameters(model).values(), lr=0.1)  # doctest: +SKIP
    """
    engines.engine("torch")
    from pronghorn.layers.foreign import torch_methods

    return dict(torch_methods.named_parameters(model))


def to_pytensor(model: Any) -> GraphFunction:
    """A model's inference as a function of PyTensor's variables, for example inside a model of PyMC.

    What it gives is a graph that `pytensor.grad` differentiates, in its inputs and in its weights, which are shared
    variables of its own (`weights` of the result, by their names). Inputs are variables whose types say their shapes in
    numbers, or arrays.

    Args:
        model: a model that has been built, so that the shapes of its inputs are known.

    Returns:
        A function from variables, as the model takes arrays, to what the model gives with `training=False`.

    Raises:
        ImportError: PyTensor is not installed; the message says the command that installs it.
        ValueError: the shapes of the inputs are not known.
        NotImplementedError: the model takes strings, assigns variables when it is called, or has a type that PyTensor
            lacks.

    >>> import pytensor, pytensor.tensor as pt  # doctest: +SKIP
    >>> x = pt.tensor("x", shape=(4, 3), dtype="float32")  # doctest: +SKIP
    >>> f = pytensor.function([x], to_pytensor(model)(x))  # doctest: +SKIP
    """
    engines.engine("pytensor")
    from pronghorn.interop import pytensor_graphs

    return pytensor_graphs.to_pytensor(model)


def _keras(name: str) -> Callable[..., Any]:
    if engines.is_stand_in("keras"):
        raise RuntimeError(
            f"{name}: in this process `keras` is Pronghorn, so there is no real Keras to convert for. Run the script "
            "with plain python instead of pronghorn run."
        )
    try:
        from pronghorn.interop import keras_models
    except ImportError as error:
        raise ImportError(
            f"{name} needs the real Keras 3 and a backend for it, which KERAS_BACKEND names before the first import of "
            f"Keras ({error}). For example: pip install keras jax, and KERAS_BACKEND=jax in the environment.",
            name=error.name,
        ) from error
    return getattr(keras_models, name)


__all__ = ["from_dlpack", "from_keras", "to_jax", "to_keras", "to_pytensor", "to_torch", "torch_parameters"]


attach(__name__)
