"""A module of PyTorch as a layer."""

from __future__ import annotations

import base64
from typing import Any, Unpack

import numpy as np

from pronghorn import config, tree
from pronghorn.engine.backends.engine import engine
from pronghorn.engine.graph import primitives as P
from pronghorn.layers.arguments import NamedArguments
from pronghorn.layers.foreign.jax_layer import weight_name
from pronghorn.layers.layer import Layer
from pronghorn.serialization import objects as serialization
from pronghorn.symbolic.infer import infer_spec
from pronghorn.symbolic.keras_tensor import KerasTensor
from pronghorn.variables import Variable


class TorchModuleWrapper(Layer):
    """A module of PyTorch as a layer, for models that are compiled for PyTorch.

    Models with it train, evaluate and predict with ``compile(..., backend="torch")`` or
    ``config.set_backend("torch")``; another engine refuses them before its first step. Called on arrays, the layer runs
    in PyTorch whatever the engine. The module's parameters are the layer's weights, in one memory; its buffers, such as
    moving statistics, stay the module's own and are saved with the layer.

    Args:
        module: a `torch.nn.Module`. A lazy one has to be initialized before.
        name: a name; automatic if None.
        output_shape: the shape of the outputs, where it is not to be found by calling the module on tensors without
            values.
        kwargs: arguments of `Layer`.

    Raises:
        ImportError: PyTorch is not installed.
        ValueError: for a lazy module without parameters.

    >>> layer = TorchModuleWrapper(torch.nn.Linear(3, 4))  # doctest: +SKIP
    >>> layer(np.ones((2, 3), "float32")).shape  # doctest: +SKIP
    (2, 4)
    """

    _looks_at_values = True  # the module may do more than compute

    def __init__(
        self, module: Any, name: str | None = None, output_shape: Any = None, **kwargs: Unpack[NamedArguments]
    ) -> None:
        super().__init__(name=name, **kwargs)
        torch = engine("torch")
        if torch.functions.is_uninitialized(module):
            raise ValueError(
                f"TorchModuleWrapper {self.name!r}: a lazy module makes its parameters when it is first called. Call "
                f"it once on a tensor before wrapping it; got {module}."
            )
        object.__setattr__(self, "module", module)
        self.output_shape = output_shape
        for path, parameter in torch.functions.parameters(module):
            array = torch.to_numpy(parameter)
            with self._open_name_scope():
                variable = Variable(
                    lambda shape, dtype=None, array=array: array.copy(),
                    shape=array.shape,
                    dtype=torch.dtype_of(parameter),
                    trainable=parameter.requires_grad,
                    name=weight_name(path),
                )
            variable.lend(torch, parameter)
            self._track_variable(variable)
        self.built = True

    def parameters(self, recurse: bool = True) -> Any:
        """The module's parameters."""
        return self.module.parameters(recurse=recurse)

    def call(self, *args: Any, training: Any = None, **kwargs: Any) -> Any:
        functions = engine("torch").functions
        leaves = tree.flatten((args, kwargs))
        places = [i for i, leaf in enumerate(leaves) if hasattr(leaf, "shape")]

        def pack(tensors: Any) -> Any:
            filled = list(leaves)
            for i, tensor in zip(places, tensors):
                filled[i] = tensor
            return tree.pack_sequence_as((args, kwargs), filled)

        call = functions.ModuleCall(self.module, training is not False, pack)
        function = functions.TorchFunction(f"The layer {self.name!r}", call, call.without_values)
        outputs = P.foreign_call(*self._own_weights_in_order(), *(leaves[i] for i in places), call=function)
        return functions.unflatten(call.structure, outputs[:-1])

    def _own_weights_in_order(self) -> list[Variable]:
        torch = engine("torch")
        held = {id(v.on(torch)): v for v in self._own_weights()}
        return [held[id(parameter)] for _, parameter in torch.functions.parameters(self.module)]

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        if self.output_shape is None:
            return infer_spec(self._run_call, args, kwargs)
        return tree.map_shape_structure(lambda s: KerasTensor(s, dtype=self.compute_dtype), self.output_shape)

    # -- files ------------------------------------------------------------------------------------------------------
    def save_own_variables(self, store: Any) -> None:
        """Put the module's state into ``store``, its buffers included."""
        for key, array in engine("torch").functions.state(self.module).items():
            store[key] = array

    def load_own_variables(self, store: Any) -> None:
        """Take the module's state from ``store``."""
        keys = store.keys()
        engine("torch").functions.load_state(self.module, {key: np.asarray(store[key]) for key in keys})

    def get_config(self) -> dict[str, Any]:
        data = engine("torch").functions.to_bytes(self.module)
        return {
            **super().get_config(),
            "module": base64.b64encode(data).decode("ascii"),
            "output_shape": self.output_shape,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None, safe_mode: bool | None = None) -> Any:
        refuse_in_safe_mode(safe_mode, "a TorchModuleWrapper, whose module is a pickle")
        module = engine("torch").functions.from_bytes(base64.b64decode(config["module"]))
        return cls(**{**config, "module": module})


def refuse_in_safe_mode(safe_mode: bool | None, what: str) -> None:
    """Refuse to read what may run any code.

    Raises:
        ValueError: in safe mode, which is where nothing says otherwise.
    """
    safe = serialization.in_safe_mode() if safe_mode is None else safe_mode
    if safe and not config.is_unsafe_deserialization_enabled():
        raise ValueError(
            f"The configuration holds {what}: loading it means arbitrary code execution. If you trust where it comes "
            "from, load with safe_mode=False, or call config.enable_unsafe_deserialization() first."
        )
