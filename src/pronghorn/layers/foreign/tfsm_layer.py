"""A function of a TensorFlow SavedModel as a layer."""

from __future__ import annotations

import os
from typing import Any

from pronghorn.engine.backends.engine import engine
from pronghorn.engine.graph import primitives as P
from pronghorn.layers.foreign.jax_layer import weight_name
from pronghorn.layers.foreign.torch_module_wrapper import refuse_in_safe_mode
from pronghorn.layers.layer import Layer
from pronghorn.variables import Variable


class TFSMLayer(Layer):
    """A function of a TensorFlow SavedModel as a layer, for models that are compiled for TensorFlow.

    Models with it train, evaluate and predict with ``compile(..., backend="tensorflow")`` or
    ``config.set_backend("tensorflow")``; another engine refuses them before its first step. Called on arrays, the layer
    runs in TensorFlow whatever the engine. The variables that the function uses are the layer's weights.

    Args:
        filepath: the folder of the SavedModel. What is in it can run code, so trust it.
        call_endpoint: which function: an attribute of what was saved, or one of its signatures.
        call_training_endpoint: which function in training, if another one.
        trainable: whether training updates the trainable ones among its variables.
        name: a name; automatic if None.
        dtype: element type or dtype policy.

    Raises:
        ImportError: TensorFlow is not installed.
        ValueError: there is no such function; the message names those that there are.

    >>> layer = TFSMLayer("exported", call_endpoint="serve")  # what model.export("exported") wrote  # doctest: +SKIP
    >>> model = keras.Sequential([keras.Input((3,)), layer])  # doctest: +SKIP
    """

    _looks_at_values = True

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        call_endpoint: str = "serve",
        call_training_endpoint: str | None = None,
        trainable: bool = True,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(trainable=trainable, name=name, dtype=dtype)
        tensorflow = engine("tensorflow")
        self.filepath = os.fspath(filepath)
        self.call_endpoint, self.call_training_endpoint = call_endpoint, call_training_endpoint
        loaded = tensorflow.functions.load(self.filepath)
        names = [call_endpoint, *([call_training_endpoint] if call_training_endpoint else [])]
        functions = [self._endpoint(loaded, each) for each in names]
        trained, others = tensorflow.functions.variables_of(functions)
        # Not as attributes that are tracked.
        object.__setattr__(self, "_held", (loaded, functions, [*trained, *others]))
        for i, variable in enumerate(self._held[2]):
            array = variable.numpy()
            with self._open_name_scope():
                weight = Variable(
                    lambda shape, dtype=None, array=array: array,
                    shape=array.shape,
                    dtype=variable.dtype.name,
                    trainable=trainable and i < len(trained),
                    name=weight_name(variable.name.partition(":")[0]),
                )
            self._track_variable(weight)
        self.built = True

    def _endpoint(self, loaded: Any, name: str) -> Any:
        found = getattr(loaded, name, None) or loaded.signatures.get(name)
        if found is None:
            raise ValueError(
                f"TFSMLayer {self.name!r}: {self.filepath!r} has no function {name!r}, neither as an attribute nor "
                f"among its signatures, which are {', '.join(loaded.signatures) or 'none'}."
            )
        return found

    def call(self, inputs: Any, training: Any = False, **kwargs: Any) -> Any:
        tensorflow = engine("tensorflow").functions
        _, functions, variables = self._held
        endpoint = functions[-1] if training else functions[0]
        leaves, structure = tensorflow.flatten((inputs, kwargs))
        places = [i for i, leaf in enumerate(leaves) if hasattr(leaf, "shape")]
        results: Any = None

        def flat(tensors: Any) -> list[Any]:
            nonlocal results
            filled = list(leaves)
            for i, tensor in zip(places, tensors):
                filled[i] = tensor
            given, settings = tensorflow.unflatten(structure, filled)
            found, results = tensorflow.flatten(endpoint(given, **settings))
            return found

        function = tensorflow.TensorFlowFunction(f"The layer {self.name!r}", flat, variables)
        outputs = P.foreign_call(*self._own_weights(), *(leaves[i] for i in places), call=function)
        return tensorflow.unflatten(results, outputs)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filepath": self.filepath,
            "call_endpoint": self.call_endpoint,
            "call_training_endpoint": self.call_training_endpoint,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None, safe_mode: bool | None = None) -> Any:
        refuse_in_safe_mode(safe_mode, "a TFSMLayer, which loads a SavedModel")
        return cls(**config)
