"""A module of Flax as a layer."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from pronghorn.layers.foreign.jax_layer import JaxLayer, with_objects
from pronghorn.serialization.objects import serialize_keras_object


class FlaxLayer(JaxLayer):
    """A module of Flax (`flax.linen`) as a layer, for models that are compiled for JAX; see `JaxLayer`.

    The collection ``params`` is trained, all others are state. A key named ``dropout`` is there in training.

    Args:
        module: the module.
        method: what is called instead of the module itself: one of its methods, by itself or by its name, or a function
            of the module. It takes ``inputs`` and perhaps ``training``.
        variables: the module's first variables, as its ``init`` returns them; made when the layer is built if None.
        kwargs: arguments of `JaxLayer` and `Layer`.

    Raises:
        ImportError: Flax or JAX is not installed.
        TypeError: it is no module of `flax.linen`.
        ValueError: it has no such method.

    >>> import flax.linen as nn  # doctest: +SKIP
    >>> layer = FlaxLayer(nn.Dense(4))  # doctest: +SKIP
    >>> layer(np.ones((2, 3), "float32")).shape  # doctest: +SKIP
    (2, 4)
    """

    def __init__(
        self, module: Any, method: Any = None, variables: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        try:
            from flax.linen import DenyList
        except ImportError as error:
            raise ImportError("FlaxLayer needs the package flax: pip install flax", name="flax") from error
        if not (callable(getattr(module, "init", None)) and callable(getattr(module, "apply", None))):
            raise TypeError(
                f"FlaxLayer takes a module of flax.linen, with init() and apply(); got {type(module).__name__}. One of "
                "flax.nnx becomes one of linen by flax.nnx.bridge.to_linen(Class, ...)."
            )
        if isinstance(method, str):
            if not callable(getattr(module, method, None)):
                raise ValueError(f"FlaxLayer: {type(module).__name__} has no method {method!r}.")
            method = getattr(module, method)
        others = DenyList(["params"])

        def apply(params: Any, state: Any, rng: Any, inputs: Any, **flags: Any) -> Any:
            held = {**(params or {}), **(state or {})}
            return module.apply(held, inputs, rngs=rng or {}, method=method, mutable=others, **flags)

        def init(rng: Any, inputs: Any, **flags: Any) -> Any:
            return _parted(module.init(rng, inputs, method=method, **flags))

        def apply_in_training(params: Any, state: Any, rng: Any, inputs: Any, training: Any) -> Any:
            return apply(params, state, rng, inputs, training=training)

        def apply_alike(params: Any, state: Any, rng: Any, inputs: Any) -> Any:
            return apply(params, state, rng, inputs)

        def init_in_training(rng: Any, inputs: Any, training: Any) -> Any:
            return init(rng, inputs, training=training)

        def init_alike(rng: Any, inputs: Any) -> Any:
            return init(rng, inputs)

        takes_training = "training" in inspect.signature(method or module.__call__).parameters
        call_fn, init_fn = (apply_in_training, init_in_training) if takes_training else (apply_alike, init_alike)
        params, state = (None, None) if variables is None else _parted(variables)
        super().__init__(call_fn=call_fn, init_fn=init_fn, params=params, state=state, **kwargs)
        object.__setattr__(self, "module", module)
        object.__setattr__(self, "method", method)

    def _get_init_rng(self) -> Any:
        return {"params": self._get_init_seed(), "dropout": self._get_init_seed()}

    def _get_call_rng(self, training: Any) -> Any:
        return {"dropout": self._get_call_seed()} if training else {}

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["call_fn"], config["init_fn"]  # they come of the module
        bound = getattr(self.method, "__self__", None) is self.module
        method = self.method.__name__ if bound else self.method
        return {
            **config,
            "module": serialize_keras_object(self.module),
            "method": serialize_keras_object(method),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        found = with_objects(cls, config, "module", "method")
        if isinstance(found["method"], str):
            found["method"] = getattr(found["module"], found["method"])
        return cls(**found)


def _parted(variables: Mapping[str, Any]) -> tuple[Any, Any]:
    """The collection that is trained, and the others."""
    params = {"params": variables["params"]} if "params" in variables else {}
    return params, {name: values for name, values in variables.items() if name != "params"}
