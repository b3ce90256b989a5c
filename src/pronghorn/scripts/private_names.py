"""`keras.src`: the private names of Keras's that other libraries import, as Pronghorn's own.

Libraries that build on Keras reach into its package: KerasTuner, KerasHub, KerasRS, AutoKeras, SciKeras and BayesFlow
each for a few names. Here is where each is found. What is not in these tables raises an error, as any name that is not
there does.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from pronghorn import _lazy
from pronghorn.symbolic.infer import infer_spec
from pronghorn.trainers.data_adapters.adapter import class_weights
from pronghorn.utils.naming import to_snake_case

#: What a module below `keras.src` has: the names of those of ours, the first that has one.
_MODULES: dict[str, tuple[str, ...]] = {
    "": ("",),
    "backend": ("ops", "backend", "", "random"),
    "backend.backend": ("backend",),
    "backend.common": ("backend", ""),
    "backend.common.global_state": ("backend",),
    "backend.common.keras_tensor": ("", "backend"),
    "backend.common.masking": (),
    "backend.common.name_scope": ("",),
    "backend.common.stateless_scope": ("",),
    "backend.common.symbolic_scope": ("",),
    "backend.common.variables": ("", "backend"),
    "backend.config": ("config",),
    "backend.core": ("ops",),
    "backend.image": ("ops.image",),
    "backend.jax": ("ops", "backend", ""),
    "backend.jax.random": ("random",),
    "backend.linalg": ("ops.linalg", "ops"),
    "backend.math": ("ops",),
    "backend.nn": ("ops",),
    "backend.numpy": ("ops",),
    "backend.random": ("random",),
    "backend.tensorflow": ("ops", "backend", ""),
    "backend.tensorflow.core": ("ops",),
    "backend.tensorflow.math": ("ops",),
    "backend.tensorflow.nn": ("ops",),
    "backend.tensorflow.numpy": ("ops",),
    "distribution": ("distribution",),
    "distribution.distribution_lib": ("distribution",),
    "dtype_policies.dtype_policy": ("dtype_policies",),
    "legacy": ("legacy",),
    "legacy.saving": ("legacy.saving",),
    "layers.convolutional.base_conv": (),
    "layers.convolutional.base_conv_transpose": (),
    "layers.convolutional.base_depthwise_conv": (),
    "layers.convolutional.base_separable_conv": (),
    "layers.input_spec": ("layers",),
    "layers.merging.base_merge": (),
    "losses.losses": ("losses",),
    "models.functional": ("models",),
    "models.sequential": ("models",),
    "ops.core": ("ops",),
    "ops.image": ("ops.image",),
    "ops.linalg": ("ops.linalg", "ops"),
    "ops.math": ("ops",),
    "ops.nn": ("ops.nn", "ops"),
    "ops.numpy": ("ops.numpy", "ops"),
    "ops.operation": ("",),
    "optimizers.base_optimizer": ("optimizers",),
    "optimizers.schedules.learning_rate_schedule": ("optimizers.schedules",),
    "random.seed_generator": ("random",),
    "saving.object_registration": ("saving",),
    "saving.saving_api": ("saving",),
    "saving.saving_lib": ("saving",),
    "saving.serialization_lib": ("saving", "config"),
    "trainers": (),
    "trainers.data_adapters": (),
    "trainers.data_adapters.data_adapter_utils": ("utils",),
    "trainers.trainer": (),
    "utils.backend_utils": (),
    "utils.image_utils": ("utils",),
    "utils.naming": (),
    "utils.numerical_utils": ("utils",),
    "utils.progbar": ("utils",),
    "utils.python_utils": (),
    "utils.tf_utils": (),
    "utils.tracking": (),
}

#: Public folders. Below them Keras has a module for each class or so, in folders that say nothing to others:
#: `keras.src.layers.core.dense` has the names of `keras.layers`, since there is a class `Dense`.
_FOLDERS = (
    *("activations", "applications", "callbacks", "constraints", "datasets", "dtype_policies", "export"),
    *("initializers", "layers", "losses", "metrics", "models", "ops", "optimizers", "optimizers.schedules"),
    *("quantizers", "random", "regularizers", "saving", "tree", "utils", "visualization", "wrappers"),
)
_INNER = {
    "layers": (
        *("activations", "attention", "convolutional", "core", "merging", "normalization", "pooling"),
        *("preprocessing", "preprocessing.image_preprocessing", "regularization", "reshaping", "rnn"),
    ),
}


def _of_call(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """`compute_output_spec`: what a function gives for symbolic tensors."""
    return infer_spec(fn, args, kwargs)


def _sample_weights(y: Any, weights: dict[int, float]) -> np.ndarray:
    return class_weights(np.asarray(y), weights)


def _undecorated(method: Callable[..., Any]) -> Callable[..., Any]:
    """`no_automatic_dependency_tracking`: what a method of another library sets on its layers is noticed either way."""
    return method


def _exported(*paths: Any, **settings: Any) -> Callable[[Any], Any]:
    """`keras_export`: a decorator that leaves what it is given as it is."""
    return lambda thing: thing


def _no() -> bool:
    return False


_OWN = __name__
_VARIABLE = "pronghorn.variables:Variable"

#: Single names, with the module below `keras.src` where they are.
_NAMES = {
    "api_export.keras_export": f"{_OWN}:_exported",
    "backend.AutocastScope": "pronghorn.utils.autocast:AutocastScope",
    "backend.any_symbolic_tensors": "pronghorn.symbolic.keras_tensor:any_symbolic_tensors",
    "backend.backend": "pronghorn.backend:backend",
    "backend.compute_output_spec": f"{_OWN}:_of_call",
    "backend.get_keras_mask": "pronghorn.utils.masking:get_mask",
    "backend.in_stateless_scope": "pronghorn.backend.scopes:in_stateless_scope",
    "backend.set_keras_mask": "pronghorn.utils.masking:set_mask",
    "backend.standardize_shape": "pronghorn.symbolic.keras_tensor:standardize_shape",
    "backend.common.keras_tensor.any_symbolic_tensors": "pronghorn.symbolic.keras_tensor:any_symbolic_tensors",
    "backend.common.masking.get_keras_mask": "pronghorn.utils.masking:get_mask",
    "backend.common.masking.set_keras_mask": "pronghorn.utils.masking:set_mask",
    "backend.common.stateless_scope.in_stateless_scope": "pronghorn.backend.scopes:in_stateless_scope",
    "backend.common.variables.KerasVariable": _VARIABLE,
    "backend.common.variables.standardize_shape": "pronghorn.symbolic.keras_tensor:standardize_shape",
    "backend.jax.random.jax_draw_seed": "pronghorn.random.seed_generator:draw_seed",
    "backend.random.draw_seed": "pronghorn.random.seed_generator:draw_seed",
    "layers.convolutional.base_conv.BaseConv": "pronghorn.layers.convolutional.conv:BaseConv",
    "layers.convolutional.base_conv_transpose.BaseConvTranspose": (
        "pronghorn.layers.convolutional.conv_transpose:BaseConvTranspose"
    ),
    "layers.convolutional.base_depthwise_conv.BaseDepthwiseConv": (
        "pronghorn.layers.convolutional.depthwise_conv:BaseDepthwiseConv"
    ),
    "layers.convolutional.base_separable_conv.BaseSeparableConv": (
        "pronghorn.layers.convolutional.separable_conv:BaseSeparableConv"
    ),
    "layers.merging.base_merge.Merge": "pronghorn.layers.merging.merge:Merge",
    "losses.losses.LossFunctionWrapper": "pronghorn.losses.loss:LossFunctionWrapper",
    "metrics.reduction_metrics.MeanMetricWrapper": "pronghorn.metrics.reduction_metrics:MeanMetricWrapper",
    "models.functional.Functional": "pronghorn.models.functional:Functional",
    "models.Functional": "pronghorn.models.functional:Functional",
    "random.seed_generator.draw_seed": "pronghorn.random.seed_generator:draw_seed",
    "random.seed_generator.global_seed_generator": "pronghorn.random.seed_generator:global_seed_generator",
    "saving.saving_lib.H5IOStore": "pronghorn.saving.weights_store:open_store",
    "saving.saving_lib.load_weights_only": "pronghorn.saving:load_weights",
    "saving.saving_lib.save_weights_only": "pronghorn.saving:save_weights",
    "saving.serialization_lib.SafeModeScope": "pronghorn.serialization.objects:SafeModeScope",
    "saving.serialization_lib.in_safe_mode": "pronghorn.serialization.objects:safe_mode_of_loading",
    "trainers.data_adapters.data_adapter_utils.class_weight_to_sample_weights": f"{_OWN}:_sample_weights",
    "trainers.trainer.Trainer": "pronghorn.trainers.trainer:Trainer",
    "utils.backend_utils.in_grain_data_pipeline": f"{_OWN}:_no",
    "utils.backend_utils.in_tf_graph": f"{_OWN}:_no",
    "utils.image_utils.smart_resize": "pronghorn.data.folders.image:smart_resize",
    "utils.naming.auto_name": "pronghorn.utils.naming:auto_name",
    "utils.naming.to_snake_case": "pronghorn.utils.naming:to_snake_case",
    "utils.tracking.no_automatic_dependency_tracking": f"{_OWN}:_undecorated",
    "version.__version__": "pronghorn._version:KERAS_API_VERSION",
}


class PrivateNames(ModuleType):
    """A module below `keras.src`; `path` is its name from there on."""

    def __init__(self, name: str, sources: tuple[str, ...]) -> None:
        super().__init__(name, "Names that libraries import from Keras's own package, provided by Pronghorn.")
        self.__path__: list[str] = []
        self.path = name.removeprefix("tensorflow.").removeprefix("keras.src").lstrip(".")
        self.sources = sources

    def __reduce__(self) -> Any:
        return module, (self.__name__,)

    def __getattr__(self, name: str) -> Any:
        full = f"{self.path}.{name}".lstrip(".")
        if full in _NAMES:
            where, _, attribute = _NAMES[full].partition(":")
            return getattr(importlib.import_module(where), attribute)
        if name == "__all__":
            return sorted(_names_of(self))
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if full in _MODULES or full in _FOLDERS:
            return importlib.import_module(f"{self.__name__}.{name}")
        for source in self.sources:  # `ops.shape` is a function, though there could be a module of that name
            ours = _ours(source)
            if name in _lazy.public_names(ours):
                return getattr(ours, name)
        if is_there(full):
            return importlib.import_module(f"{self.__name__}.{name}")
        raise AttributeError(_missing(self.__name__, name, _names_of(self)))

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_names_of(self)})


def _ours(source: str) -> ModuleType:
    return importlib.import_module(f"pronghorn.{source}".rstrip("."))


def _names_of(private: PrivateNames) -> set[str]:
    own = {key.rpartition(".")[2] for key in _NAMES if key.rpartition(".")[0] == private.path}
    return own.union(*(_lazy.public_names(_ours(source)) for source in private.sources)) - {"attach"}


def _sources(path: str) -> tuple[str, ...] | None:
    """Where the names of a module below `keras.src` are found, or None where there is no such module."""
    if path in _MODULES:
        return _MODULES[path]
    if path in _FOLDERS:
        return (path,)
    if any(key.startswith(f"{path}.") for key in (*_MODULES, *_NAMES)):
        return ()
    top, _, rest = path.partition(".")
    if rest in _INNER.get(top, ()):
        return (top,)
    folder, _, last = path.rpartition(".")
    if folder not in _FOLDERS and folder.partition(".")[2] not in _INNER.get(top, ()):
        return None
    public = top if folder not in _FOLDERS else folder
    known = _lazy.public_names(_ours(public))
    return (public,) if last in {*known, *map(to_snake_case, known)} else None


def is_there(path: str) -> bool:
    """Return whether `keras.src.<path>` is a module.

    >>> is_there("saving.saving_lib"), is_there("layers.core.dense"), is_there("layers.core.thick")
    (True, True, False)
    """
    return _sources(path) is not None


def module(fullname: str) -> ModuleType:
    """Return the module of a name such as `keras.src.saving.saving_lib`.

    Raises:
        ImportError: there is none of this name here.

    >>> module("keras.src.losses.losses").LossFunctionWrapper.__name__
    'LossFunctionWrapper'
    """
    path = fullname.removeprefix("tensorflow.").removeprefix("keras.src").lstrip(".")
    sources = _sources(path)
    if sources is None:
        above, _, name = fullname.rpartition(".")
        raise _lazy.not_there(
            fullname, _missing(above, name, [key.partition(".")[0] for key in (*_MODULES, *_FOLDERS)])
        )
    return PrivateNames(fullname, sources)


def _missing(where: str, name: str, known: Any) -> str:
    return (
        f"{where} has no {name!r}: it is private to the Keras package, and Pronghorn has only what other libraries are "
        f"known to import from there{_lazy.nearest_clause(name, known)}. Use the public names of keras."
    )
