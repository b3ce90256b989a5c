"""`import tensorflow as tf` under `pronghorn run`: `tf.keras`, and the part of TensorFlow that Keras tutorials use.

Functions map to `pronghorn.ops` by a table; there is no TensorFlow here, so graphs, sessions and devices
are absent, and each says so when it is asked for. `tf.data.Dataset` is `pronghorn.data.Dataset`, on NumPy arrays.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from pronghorn._lazy import nearest_clause
from pronghorn.cli.tensorflow_doubles import keeping_doubles
from pronghorn.cli.tensorflow_ragged import with_ragged
from pronghorn.cli.tensorflow_text import with_text

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
        "abs add cond cos einsum equal exp floor greater greater_equal less less_equal linspace "
        "logical_and logical_not logical_or maximum meshgrid minimum multiply not_equal ones pow:power round "
        "sigmoid sign sin sinh cosh slice sqrt square stop_gradient subtract tan tanh tensordot "
        "vectorized_map while_loop zeros identity:copy newaxis searchsorted eig:eig "
        "negative acos:arccos asin:arcsin atan:arctan floordiv:floor_divide"
    ),
    "math": (
        "abs add ceil cos cosh equal erf exp expm1 floor greater greater_equal is_finite:isfinite "
        "is_inf:isinf is_nan:isnan less less_equal log log1p logical_and logical_not logical_or maximum "
        "minimum mod multiply negative not_equal pow:power round rsqrt segment_max segment_sum sigmoid sign "
        "sin sinh softplus sqrt square subtract tan tanh bincount real imag conj reciprocal floormod:mod "
        "floordiv:floor_divide acos:arccos asin:arcsin atan:arctan atan2:arctan2 log_sigmoid in_top_k"
    ),
    "nn": "moments sigmoid tanh in_top_k",
    "linalg": "cholesky det diag einsum eigh:eigh inv:inv lu:lu_factor pinv qr solve svd trace",
    "signal": "fft fft2 stft irfft rfft",
}

#: Namespace to what is written out beside this module, since TensorFlow calls or means its arguments otherwise: the
#: module, and the names in it (`name in TensorFlow:name there` where they differ).
_WRITTEN_OUT: dict[str, dict[str, str]] = {
    "": {
        "tensorflow_arrays": (
            "argmax argmin broadcast_to cast clip_by_value concat expand_dims ones_like repeat reshape "
            "reverse roll squeeze stack tile transpose unstack zeros_like boolean_mask eye ensure_shape "
            "gather gather_nd one_hot pad range:arange scatter_nd tensor_scatter_nd_update "
            "tensor_scatter_nd_add tensor_scatter_nd_max tensor_scatter_nd_min sequence_mask sort argsort "
            "split where map_fn scan foldl"
        ),
        "tensorflow_math": (
            "reduce_all reduce_any reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod reduce_sum "
            "cumsum matmul add_n clip_by_norm clip_by_global_norm norm unique shape size divide truediv:divide"
        ),
    },
    "math": {
        "tensorflow_arrays": "argmax argmin",
        "tensorflow_math": (
            "reduce_all reduce_any reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod reduce_std "
            "reduce_sum reduce_variance cumsum cumprod add_n accumulate_n:add_n divide_no_nan "
            "multiply_no_nan count_nonzero l2_normalize top_k unsorted_segment_sum unsorted_segment_max "
            "unsorted_segment_mean confusion_matrix lgamma digamma divide truediv:divide"
        ),
    },
    "nn": {
        "tensorflow_nn": (
            "elu leaky_relu log_softmax relu relu6 selu softmax softplus softsign silu swish:silu gelu crelu "
            "l2_loss batch_normalization conv1d conv2d conv3d depthwise_conv2d "
            "conv1d_transpose conv2d_transpose conv3d_transpose max_pool avg_pool max_pool1d "
            "avg_pool1d max_pool2d avg_pool2d max_pool3d avg_pool3d depth_to_space space_to_depth"
        ),
        "tensorflow_math": "l2_normalize top_k",
        "tensorflow_random": "dropout",
    },
    "linalg": {
        "tensorflow_math": "matmul matvec global_norm norm l2_normalize band_part diag_part set_diag",
        "tensorflow_arrays": "eye",
    },
    "image": {
        "tensorflow_image": (
            "adjust_brightness adjust_contrast adjust_gamma adjust_hue adjust_saturation central_crop "
            "convert_image_dtype crop_to_bounding_box flip_left_right flip_up_down grayscale_to_rgb "
            "pad_to_bounding_box per_image_standardization random_brightness random_contrast random_flip_left_right "
            "random_flip_up_down random_crop random_hue random_saturation resize_with_crop_or_pad rgb_to_grayscale "
            "rgb_to_hsv hsv_to_rgb rot90 transpose psnr"
        ),
        "tensorflow_resizing": "ResizeMethod crop_and_resize resize resize_with_pad",
    },
    "random": {
        "tensorflow_random": "categorical gamma normal set_seed shuffle truncated_normal uniform",
    },
    "distribute": {
        "tensorflow_distribute": (
            "MirroredStrategy MultiWorkerMirroredStrategy OneDeviceStrategy ParameterServerStrategy ReduceOp Strategy "
            "TPUStrategy get_strategy has_strategy"
        ),
    },
    "dtypes": {
        "tensorflow_arrays": "cast",
    },
    "ragged": {
        "tensorflow_ragged": "boolean_mask constant map_flat_values range:arange stack",
    },
    "strings": {
        "tensorflow_strings": (
            "as_string bytes_split format join length lower ngrams reduce_join regex_full_match regex_replace split "
            "strip substr to_hash_bucket_fast to_hash_bucket_strong to_number unicode_decode "
            "unicode_decode_with_offsets unicode_encode unicode_split unicode_split_with_offsets unicode_transcode "
            "upper"
        ),
    },
}

_SPECIAL = {
    "": {
        "GradientTape": "pronghorn:GradientTape",
        "Tensor": "pronghorn.graph.tensor:Tensor",
        "TensorSpec": "pronghorn.data:TensorSpec",
        "RaggedTensor": "pronghorn.data:RaggedTensor",
        "SparseTensor": "pronghorn.cli.tensorflow_functions:SparseTensor",
        "UnconnectedGradients": "pronghorn.cli.tensorflow_functions:UnconnectedGradients",
        "Variable": "pronghorn.cli.tensorflow_functions:Variable",
        "constant": "pronghorn.cli.tensorflow_functions:constant",
        "convert_to_tensor": "pronghorn.cli.tensorflow_functions:convert_to_tensor",
        "function": "pronghorn.cli.tensorflow_functions:function",
        "is_tensor": "pronghorn.ops:is_tensor",
        "make_tensor_proto": "tensorboard.util.tensor_util:make_tensor_proto",
        "newaxis": "numpy:newaxis",
        "device": "pronghorn:device",
        "name_scope": "pronghorn:name_scope",
        "fill": "pronghorn.cli.tensorflow_functions:fill",
        "print": "pronghorn.cli.tensorflow_functions:tf_print",
        "rank": "pronghorn.ops:ndim",
        "assert_equal": "pronghorn.cli.tensorflow_functions:assert_equal",
        "custom_gradient": "pronghorn.ops:custom_gradient",
        "get_static_value": "pronghorn.ops:convert_to_numpy",
        "executing_eagerly": "pronghorn.cli.tensorflow_functions:executing_eagerly",
        "no_gradient": "pronghorn.ops:stop_gradient",
    },
    "math": {
        "squared_difference": "pronghorn.cli.tensorflow_functions:squared_difference",
    },
    "nn": {
        "sigmoid_cross_entropy_with_logits": "pronghorn.cli.tensorflow_functions:sigmoid_cross_entropy_with_logits",
        "softmax_cross_entropy_with_logits": "pronghorn.cli.tensorflow_functions:softmax_cross_entropy_with_logits",
        "sparse_softmax_cross_entropy_with_logits": (
            "pronghorn.cli.tensorflow_functions:sparse_softmax_cross_entropy_with_logits"
        ),
        "embedding_lookup": "pronghorn.cli.tensorflow_functions:embedding_lookup",
        "bias_add": "pronghorn.ops:add",
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
    "debugging": {
        "assert_equal": "pronghorn.cli.tensorflow_functions:assert_equal",
        "disable_traceback_filtering": "pronghorn.config:disable_traceback_filtering",
        "enable_traceback_filtering": "pronghorn.config:enable_traceback_filtering",
        "is_traceback_filtering_enabled": "pronghorn.config:is_traceback_filtering_enabled",
    },
    "nest": {
        "flatten": "pronghorn.tree:flatten",
        "map_structure": "pronghorn.tree:map_structure",
        "pack_sequence_as": "pronghorn.tree:pack_sequence_as",
    },
    "errors": {"InvalidArgumentError": "builtins:ValueError", "ResourceExhaustedError": "builtins:MemoryError"},
    "data": {"AUTOTUNE": "pronghorn.data:AUTOTUNE", "Dataset": "pronghorn.data:Dataset"},
    "data.experimental": {"AUTOTUNE": "pronghorn.data:AUTOTUNE"},
    "experimental": {},
}

#: The namespaces of functions of arrays.
_OF_ARRAYS = ("", "image", "linalg", "math", "nn", "signal")

#: Parts of Keras that TensorFlow has as its own, too.
_KERAS_TOO = ("initializers", "losses", "metrics", "optimizers")

_ABSENT = {
    "TFRecordDataset": "pass NumPy arrays, a generator or a keras.utils.PyDataset to fit",
    "TextLineDataset": "read the file with open(), or use keras.utils.text_dataset_from_directory",
    "compat": "TensorFlow 1 code does not run on Keras 3",
    "Session": "TensorFlow 1 code does not run on Keras 3",
    "placeholder": "TensorFlow 1 code does not run on Keras 3; use keras.Input",
    "estimator": "use model.fit",
    "saved_model": "use model.save('model.keras')",
    "lite": "use model.export",
    "io": "use open() and numpy",
    "python": "it is private to TensorFlow",
    "contrib": "it is gone from TensorFlow 2",
    "summary": "use keras.callbacks.TensorBoard",
    "train": "use model.save_weights, and the optimizers in keras.optimizers",
}


def _table(namespace: str) -> dict[str, str]:
    table: dict[str, str] = {}
    module = "pronghorn.ops.image" if namespace == "image" else "pronghorn.ops"
    for entry in _OPS_OF_SAME_NAME.get(namespace, "").split():
        name, _, ours = entry.partition(":")
        table[name] = f"{module}:{ours or name}"
    for written, names in _WRITTEN_OUT.get(namespace, {}).items():
        for entry in names.split():
            name, _, ours = entry.partition(":")
            table[name] = f"pronghorn.cli.{written}:{ours or name}"
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
            if self._path in _OF_ARRAYS and callable(value) and not isinstance(value, type):
                value = with_ragged(name, with_text(name, keeping_doubles(value)))
        elif f"{self._path}.{name}".strip(".") in _children():
            value = importlib.import_module(f"{self.__name__}.{name}")
        else:
            raise AttributeError(_absent_message(f"{self.__name__}.{name}", name, self._names))
        setattr(self, name, value)
        return value

    def __reduce__(self) -> Any:
        return (TensorFlowAlias if not self._path else submodule), (self.__name__,)

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
        if name in _KERAS_TOO:
            return importlib.import_module(f"tensorflow.keras.{name}")
        return super().__getattr__(name)


def _children() -> set[str]:
    return {name for name in (*_OPS_OF_SAME_NAME, *_WRITTEN_OUT, *_SPECIAL) if name}


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
