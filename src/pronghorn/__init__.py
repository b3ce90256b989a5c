"""Pronghorn: the Keras 3 API on a small compiler of its own.

    import pronghorn as keras

Names are imported when they are first used, so the import itself costs little more than NumPy's.
"""

from pronghorn import _tracebacks
from pronghorn._lazy import attach as _attach
from pronghorn._lazy import install_finder as _install_finder
from pronghorn._version import __version__

_SUBMODULES = (
    "activations",
    "applications",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "distillation",
    "distribution",
    "dtype_policies",
    "export",
    "initializers",
    "layers",
    "interop",
    "legacy",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "quantizers",
    "random",
    "regularizers",
    "saving",
    "text",
    "tree",
    "utils",
    "visualization",
    "wrappers",
)

_NAMES = {
    "DTypePolicy": ".dtype_policies",
    "FloatDTypePolicy": ".dtype_policies",
    "Function": ".models.function",
    "GradientTape": ".ops.gradients",
    "Initializer": ".initializers",
    "Input": ".layers",
    "InputSpec": ".layers",
    "KerasTensor": ".symbolic.keras_tensor",
    "Layer": ".layers",
    "Loss": ".losses",
    "Metric": ".metrics",
    "Model": ".models",
    "Operation": ".symbolic.operation",
    "Optimizer": ".optimizers",
    "Quantizer": ".quantizers",
    "Regularizer": ".regularizers",
    "RematScope": ".backend.remat",
    "Sequential": ".models",
    "StatelessScope": ".backend.scopes",
    "SymbolicScope": ".backend.scopes",
    "Variable": ".variables",
    "device": ".backend.device",
    "freeze": ".models.frozen",
    "grad": ".ops.gradients",
    "jit": ".calls.jit",
    "name_scope": ".utils.naming:NameScope",
    "remat": ".backend.remat",
    "value_and_grad": ".ops.gradients",
    "version": "._version",
}

# What IPython looks for, and a user does not.
_UNLISTED = {"load_ipython_extension": ".scripts.aliases"}

_attach(__name__, _NAMES, _SUBMODULES, _UNLISTED)
_install_finder()
_tracebacks.install()
