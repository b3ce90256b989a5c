"""A function of JAX as a layer."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, Unpack

import numpy as np

from pronghorn import random, tree
from pronghorn.engine.backends.engine import engine
from pronghorn.engine.graph import dtypes
from pronghorn.engine.graph import primitives as P
from pronghorn.engine.graph.active import eager
from pronghorn.layers.arguments import LayerArguments
from pronghorn.layers.layer import Layer
from pronghorn.random.seed_generator import draw_seed
from pronghorn.serialization.objects import deserialize_keras_object, serialize_keras_object
from pronghorn.variables import Variable


class JaxLayer(Layer):
    """A function of JAX as a layer, for models that are compiled for JAX.

    Models with it train, evaluate and predict with ``compile(..., backend="jax")`` or
    ``config.set_backend("jax")``; another engine refuses them before its first step. Called on arrays, the layer runs
    in JAX whatever the engine.

    Args:
        call_fn: the function. Its parameters are some of these, by their names: ``params`` (what is trained, a tree of
            arrays), ``state`` (what is not; then it returns ``(outputs, new_state)``), ``rng`` (a key, None in
            inference), ``inputs`` (needed) and ``training``.
        init_fn: from ``rng``, ``inputs`` (ones in the inputs' shapes, 1 for extents that are not known) and perhaps
            ``training`` to the first ``params``, or to ``(params, state)`` where `call_fn` takes a state.
        params: the first parameters themselves.
        state: the first state itself.
        seed: where random keys start.
        native_serialization_platforms: accepted for compatibility.
        kwargs: arguments of `Layer`.

    Raises:
        ImportError: JAX is not installed.
        ValueError: for functions with other parameters, or where nothing says how parameters begin.

    Example:

    >>> import jax.numpy as jnp  # doctest: +SKIP
    >>> def dense(params, inputs):
    ...     return jnp.tanh(inputs @ params["kernel"])
    >>> layer = JaxLayer(dense, params={"kernel": jnp.ones((3, 4))})  # doctest: +SKIP
    >>> layer(np.ones((2, 3), "float32")).shape  # doctest: +SKIP
    (2, 4)
    """

    _looks_at_values = True  # the function may do more than compute

    def __init__(
        self,
        call_fn: Callable[..., Any],
        init_fn: Callable[..., Any] | None = None,
        params: Any = None,
        state: Any = None,
        seed: int | None = None,
        native_serialization_platforms: Any = None,
        **kwargs: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**kwargs)
        engine("jax")
        self.call_fn, self.init_fn = call_fn, init_fn
        self.native_serialization_platforms = native_serialization_platforms
        self._takes = _parameters(self, "call_fn", call_fn, ("params", "state", "rng", "inputs", "training"))
        if init_fn is not None:
            self._init_takes = _parameters(self, "init_fn", init_fn, ("rng", "inputs", "training"))
        if init_fn is None and params is None and state is None and {"params", "state"} & {*self._takes}:
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: call_fn takes params or a state, so pass the first ones as "
                "`params` and `state`, or an `init_fn` that makes them."
            )
        self.seed_generator = random.SeedGenerator(seed) if "rng" in self._takes else None
        self._set_weights_of(None, None)
        if params is not None or state is not None:
            self._set_weights_of(params, state)
            self.built = True

    # -- weights ----------------------------------------------------------------------------------------------------
    def _set_weights_of(self, params: Any, state: Any) -> None:
        # Not as attributes that are tracked: JAX knows its own containers.
        object.__setattr__(self, "params", self._variables(params, "params", True))
        object.__setattr__(self, "state", self._variables(state, "state", False))

    def _variables(self, values: Any, name: str, trainable: bool) -> Any:
        """A tree with variables in the places of arrays and numbers; what else it holds are the function's settings."""
        jax = engine("jax").functions
        leaves, structure = jax.flatten(values)
        made = [self._variable(value, f"{name}_{i}", trainable) for i, value in enumerate(leaves)]
        return jax.unflatten(structure, made)

    def _variable(self, value: Any, name: str, trainable: bool) -> Any:
        if not isinstance(value, (bool, int, float)) and not hasattr(value, "shape"):
            return value
        array = np.asarray(value)
        dtype = dtypes.name_of(type(value) if isinstance(value, (bool, int, float)) else array.dtype)
        return self.add_weight(
            shape=array.shape,
            initializer=lambda shape, dtype=None: array.astype(dtypes.to_numpy(dtype)),
            dtype=None if dtypes.is_float(dtype) else dtype,
            trainable=trainable,
            name=name,
        )

    def build(self, input_shape: Any) -> None:
        """Make the parameters and the state with `init_fn`, if they were not given."""
        if self.init_fn is None or self.params is not None or self.state is not None:
            return
        jax = engine("jax").functions
        shapes = tree.map_shape_structure(lambda s: jax.ones([1 if d is None else d for d in s]), input_shape)
        with eager():
            rng = tree.map_structure(lambda key: jax.array(np.asarray(key)), self._get_init_rng())
        arguments = {"rng": rng, "inputs": shapes, "training": True}
        made = self.init_fn(*(arguments[name] for name in self._init_takes))
        self._set_weights_of(*(made if "state" in self._takes else (made, None)))

    # -- random keys, for subclasses to override --------------------------------------------------------------------
    def _get_init_seed(self) -> Any:
        return draw_seed(None)

    def _get_init_rng(self) -> Any:
        return self._get_init_seed()

    def _get_call_seed(self) -> Any:
        assert self.seed_generator is not None
        return self.seed_generator.next()

    def _get_call_rng(self, training: Any) -> Any:
        return self._get_call_seed() if training else None

    # -- the call ---------------------------------------------------------------------------------------------------
    def call(self, inputs: Any, training: Any = False) -> Any:
        jax = engine("jax").functions
        rng = self._get_call_rng(training) if "rng" in self._takes else None
        leaves, structure = jax.flatten({"params": self.params, "state": self.state, "rng": rng, "inputs": inputs})
        places = [i for i, leaf in enumerate(leaves) if hasattr(leaf, "shape")]
        results: Any = None
        same: list[bool] = []

        def flat(*arrays: Any) -> list[Any]:
            nonlocal results, same
            filled = list(leaves)
            for i, array in zip(places, arrays):
                filled[i] = array
            given = {**jax.unflatten(structure, filled), "training": bool(training)}
            results = jax.flatten(self.call_fn(*(given[name] for name in self._takes)))
            same = [any(leaf is array for array in arrays) for leaf in results[0]]
            return [leaf for leaf in results[0] if jax.is_array(leaf)]

        function = jax.JaxFunction(f"The layer {self.name!r}", flat)
        outputs = iter(P.foreign_call(*(leaves[i] for i in places), call=function))
        nest = jax.unflatten(results[1], [next(outputs) if jax.is_array(leaf) else leaf for leaf in results[0]])
        if "state" not in self._takes:
            return nest
        if not isinstance(nest, (tuple, list)) or len(nest) != 2:
            raise ValueError(f"{self.name!r}: call_fn takes a state, so it must return (outputs, new_state).")
        self._assign_state(nest[1], jax.unflatten(results[1], same)[1])
        return nest[0]

    def _assign_state(self, new: Any, same: Any) -> None:
        """Take over the parts of a state that the function has not given back as they were.

        Where it changes nothing, as in inference, the layer assigns nothing, and so can be exported.
        """
        jax = engine("jax").functions
        (variables, mine), (values, theirs) = jax.flatten(self.state), jax.flatten(new)
        if mine != theirs:
            raise ValueError(
                f"The layer {self.name!r}: the state that call_fn returns has the structure {theirs}, but it began as "
                f"{mine}."
            )
        for variable, value, is_same in zip(variables, values, jax.flatten(same)[0]):
            if isinstance(variable, Variable) and not is_same:
                variable.assign(value)

    # -- configuration ----------------------------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "call_fn": serialize_keras_object(self.call_fn),
            "init_fn": serialize_keras_object(self.init_fn),
            "native_serialization_platforms": self.native_serialization_platforms,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return super().from_config(with_objects(cls, config, "call_fn", "init_fn"))


def with_objects(cls: type, config: dict[str, Any], *names: str) -> dict[str, Any]:
    """A configuration with objects in the places of their configurations.

    Raises:
        ValueError: there is none of a name.
    """
    for name in names:
        if name not in config:
            raise ValueError(f"{cls.__name__}: the configuration has no {name!r}.")
    return {**config, **{name: deserialize_keras_object(config[name]) for name in names}}


def _parameters(layer: Layer, which: str, fn: Callable[..., Any], allowed: tuple[str, ...]) -> list[str]:
    """The names of a function's parameters.

    Raises:
        ValueError: it has none named ``inputs``, or one that is not allowed.
    """
    names = list(inspect.signature(fn).parameters)
    wrong = [name for name in names if name not in allowed]
    if wrong or "inputs" not in names:
        problem = f"has the parameter {wrong[0]!r}" if wrong else "has no parameter 'inputs'"
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r}: {which} {problem}; its parameters are named {', '.join(allowed)}, "
            "of which it needs 'inputs'. Wrap it in a function that has them."
        )
    return names


def weight_name(name: str) -> str:
    """A name as a variable can have it."""
    return re.sub(r"\W+", "_", name)
