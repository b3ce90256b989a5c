"""`import tensorflow as tf` under `pronghorn run`: `tf.keras`, and the part of TensorFlow that Keras tutorials use.

Functions map to `pronghorn.ops` by a table; there is no TensorFlow here, so graphs, sessions and devices
are absent, and each says so when it is asked for. `tf.data.Dataset` is `pronghorn.data.Dataset`, on NumPy arrays.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from pronghorn._lazy import nearest_clause

#: The TensorFlow release whose Keras tutorials are meant to run.
_TF_VERSION = "2.21.0"

_DTYPES = (
    *("float16", "float32", "float64", "bfloat16"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("bool", "string", "complex64", "complex128"),
)

# Namespace to {name in TensorFlow: "module:name" in Pronghorn}; a bare name stands for pronghorn.ops.
_OPS_OF_SAME_NAME = {
    "": (
        "abs add argmax argmin argsort cast clip_by_value:clip concat:concatenate cond cos cumsum "
        "divide einsum equal exp expand_dims eye floor greater greater_equal less less_equal linspace logical_and "
        "logical_not logical_or map_fn:map matmul maximum meshgrid minimum multiply norm not_equal one_hot ones "
        "ones_like pad pow:power range:arange reduce_all:all reduce_any:any reduce_logsumexp:logsumexp reduce_max:max "
        "reduce_mean:mean reduce_min:min reduce_prod:prod reduce_sum:sum repeat reshape reverse:flip roll round scan "
        "shape sigmoid sign sin sinh cosh size slice split sqrt square squeeze stack stop_gradient subtract "
        "tan tanh tensordot tile transpose unstack vectorized_map where while_loop zeros zeros_like "
        "gather:take identity:copy newaxis sort searchsorted eig:eig truediv:true_divide"
    ),
    "math": (
        "abs add argmax argmin ceil cos cosh cumsum cumprod divide equal erf exp expm1 floor greater "
        "greater_equal is_finite:isfinite is_inf:isinf is_nan:isnan less less_equal log log1p logical_and logical_not "
        "logical_or maximum minimum mod multiply negative not_equal pow:power reduce_all:all reduce_any:any "
        "reduce_logsumexp:logsumexp reduce_max:max reduce_mean:mean reduce_min:min reduce_prod:prod reduce_std:std "
        "reduce_sum:sum reduce_variance:var round rsqrt segment_max segment_sum sigmoid sign sin sinh softplus sqrt "
        "square subtract tan tanh top_k bincount real imag conj reciprocal"
    ),
    "nn": (
        "conv1d:conv conv2d:conv conv3d:conv elu gelu leaky_relu log_softmax max_pool moments relu relu6 selu "
        "sigmoid silu softmax softplus softsign swish:silu tanh batch_normalization l2_normalize:normalize"
    ),
    "linalg": ("cholesky det diag einsum eigh:eigh eye inv:inv lu:lu_factor matmul norm pinv qr solve svd trace"),
    "signal": "fft fft2 stft irfft rfft",
    "image": "rgb_to_grayscale rgb_to_hsv hsv_to_rgb",
}

_SPECIAL = {
    "": {
        "GradientTape": "pronghorn:GradientTape",
        "Tensor": "pronghorn.graph.tensor:Tensor",
        "TensorSpec": "pronghorn.data:TensorSpec",
        "Variable": "pronghorn.cli.tensorflow_functions:Variable",
        "constant": "pronghorn.cli.tensorflow_functions:constant",
        "convert_to_tensor": "pronghorn.cli.tensorflow_functions:convert_to_tensor",
        "function": "pronghorn.cli.tensorflow_functions:function",
        "is_tensor": "pronghorn.ops:is_tensor",
        "newaxis": "numpy:newaxis",
        "fill": "pronghorn.cli.tensorflow_functions:fill",
        "print": "pronghorn.cli.tensorflow_functions:tf_print",
        "rank": "pronghorn.ops:ndim",
        "assert_equal": "pronghorn.cli.tensorflow_functions:assert_equal",
        "custom_gradient": "pronghorn.ops:custom_gradient",
        "get_static_value": "pronghorn.ops:convert_to_numpy",
        "reduce_std": "pronghorn.ops:std",
        "executing_eagerly": "pronghorn.cli.tensorflow_functions:executing_eagerly",
        "no_gradient": "pronghorn.ops:stop_gradient",
    },
    "math": {
        "l2_normalize": "pronghorn.ops:normalize",
        "squared_difference": "pronghorn.cli.tensorflow_functions:squared_difference",
    },
    "image": {"resize": "pronghorn.cli.tensorflow_functions:resize"},
    "nn": {
        "dropout": "pronghorn.cli.tensorflow_functions:dropout",
        "sigmoid_cross_entropy_with_logits": "pronghorn.cli.tensorflow_functions:sigmoid_cross_entropy_with_logits",
        "softmax_cross_entropy_with_logits": "pronghorn.cli.tensorflow_functions:softmax_cross_entropy_with_logits",
        "sparse_softmax_cross_entropy_with_logits": (
            "pronghorn.cli.tensorflow_functions:sparse_softmax_cross_entropy_with_logits"
        ),
        "embedding_lookup": "pronghorn.cli.tensorflow_functions:embedding_lookup",
        "bias_add": "pronghorn.ops:add",
    },
    "random": {
        "set_seed": "pronghorn.utils:set_random_seed",
        "normal": "pronghorn.random:normal",
        "truncated_normal": "pronghorn.random:truncated_normal",
        "uniform": "pronghorn.cli.tensorflow_functions:random_uniform",
        "categorical": "pronghorn.random:categorical",
        "shuffle": "pronghorn.random:shuffle",
    },
    "test": {"is_gpu_available": "pronghorn.cli.tensorflow_functions:no_gpu"},
    "config": {
        "list_physical_devices": "pronghorn.cli.tensorflow_functions:list_physical_devices",
        "run_functions_eagerly": "pronghorn.cli.tensorflow_functions:run_functions_eagerly",
    },
    "config.experimental": {
        "list_physical_devices": "pronghorn.cli.tensorflow_functions:list_physical_devices",
        "set_memory_growth": "pronghorn.cli.tensorflow_functions:nothing",
        "enable_op_determinism": "pronghorn.cli.tensorflow_functions:nothing",
    },
    "errors": {"InvalidArgumentError": "builtins:ValueError"},
    "data": {"AUTOTUNE": "pronghorn.data:AUTOTUNE", "Dataset": "pronghorn.data:Dataset"},
    "data.experimental": {"AUTOTUNE": "pronghorn.data:AUTOTUNE"},
    "experimental": {},
}

_ABSENT = {
    "TFRecordDataset": "pass NumPy arrays, a generator or a keras.utils.PyDataset to fit",
    "TextLineDataset": "read the file with open(), or use keras.utils.text_dataset_from_directory",
    "compat": "TensorFlow 1 code does not run on Keras 3",
    "Session": "TensorFlow 1 code does not run on Keras 3",
    "placeholder": "TensorFlow 1 code does not run on Keras 3; use keras.Input",
    "estimator": "use model.fit",
    "distribute": "Pronghorn runs on the cores of one machine",
    "saved_model": "use model.save('model.keras')",
    "lite": "use model.export",
    "io": "use open() and numpy",
    "python": "it is private to TensorFlow",
    "contrib": "it is gone from TensorFlow 2",
    "summary": "use keras.callbacks.TensorBoard",
    "train": "use model.save_weights, and the optimizers in keras.optimizers",
    "RaggedTensor": "pad the rows with keras.utils.pad_sequences",
    "SparseTensor": "use a dense array",
    "strings": "use the layers keras.layers.TextVectorization and StringLookup",
}


def _table(namespace: str) -> dict[str, str]:
    table: dict[str, str] = {}
    module = "pronghorn.ops.image" if namespace == "image" else "pronghorn.ops"
    for entry in _OPS_OF_SAME_NAME.get(namespace, "").split():
        name, _, ours = entry.partition(":")
        table[name] = f"{module}:{ours or name}"
    return {**table, **_SPECIAL.get(namespace, {})}


class _Namespace(ModuleType):
    """A module of the stand-in for TensorFlow; `path` is its name after `tensorflow.`, empty for the root."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "The part of TensorFlow that Keras scripts use, provided by Pronghorn.")
        self.__path__: list[str] = []
        self._path = name.partition(".")[2]
        self._names = _table(self._path)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if name in self._names:
            module_name, _, attribute = self._names[name].partition(":")
            value = getattr(importlib.import_module(module_name), attribute)
        elif f"{self._path}.{name}".strip(".") in _children():
            value = importlib.import_module(f"{self.__name__}.{name}")
        else:
            raise AttributeError(_absent_message(f"{self.__name__}.{name}", name, self._names))
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._names, *_children()})


class TensorFlowAlias(_Namespace):
    """The module `tensorflow`: `keras`, the dtypes, and a table of functions."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__version__ = _TF_VERSION
        for dtype in _DTYPES:
            setattr(self, dtype, dtype)

    def __getattr__(self, name: str) -> Any:
        if name == "keras":
            return importlib.import_module("tensorflow.keras")
        return super().__getattr__(name)


def _children() -> set[str]:
    return {name for name in (*_OPS_OF_SAME_NAME, *_SPECIAL) if name}


def _absent_message(full_name: str, name: str, known: Any) -> str:
    mend = _ABSENT.get(name)
    if mend:
        return f"{full_name} is not part of Pronghorn, which stands in for TensorFlow here: {mend}."
    return (
        f"{full_name} is not part of Pronghorn, which stands in for TensorFlow here{nearest_clause(name, known)}. "
        "keras.ops has most array functions."
    )


def submodule(fullname: str) -> ModuleType:
    """Return the stand-in's module of that name.

    Raises:
        ImportError: if it has none.
    """
    path = fullname.partition(".")[2]
    if path in _children():
        return _Namespace(fullname)
    table = _table(path.rpartition(".")[0])
    first = path.partition(".")[0]
    raise ImportError(
        _absent_message(fullname, first if first in _ABSENT else path.rpartition(".")[2], table), name=fullname
    )
