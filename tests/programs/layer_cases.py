"""One or several configurations of every layer whose results can be compared with Keras's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Case:
    """A layer, how it is made, and what it is called on.

    `inputs` holds shapes of float inputs, or arrays. Several are passed as a list; with `spread`, as arguments.
    """

    layer: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    inputs: list[Any] = field(default_factory=lambda: [(2, 3)])
    call: dict[str, Any] = field(default_factory=dict)
    spread: bool = False
    smooth: bool = True  # whether gradients are compared
    wrap: dict[str, Any] | None = None  # keyword argument -> (layer, kwargs): layers that are made inside

    @property
    def id(self) -> str:
        settings = ",".join(f"{k}={v}" for k, v in {**self.kwargs, **self.call}.items() if not hasattr(v, "shape"))
        inner = "".join(f"({v[0]})" for v in (self.wrap or {}).values())
        return f"{self.layer}{inner}[{settings}]{'x'.join(str(_shape(i)) for i in self.inputs)}"


def _shape(x: Any) -> Any:
    return tuple(x.shape) if hasattr(x, "shape") else x


def integers(*shape: int, below: int = 7) -> np.ndarray:
    """A fixed array of small integers."""
    return (np.arange(int(np.prod(shape))) * 5 % below).reshape(shape).astype("int32")


MASK = np.array([[True, True, False, True], [True, False, False, False]])
LATE = np.array([[False, True, True, True], [False, False, True, False]])
SEQUENCE, IMAGE, VOLUME = (2, 4, 3), (2, 6, 5, 4), (1, 4, 5, 4, 2)

CASES: list[Case] = []


def add(layer: str, *settings: dict[str, Any], inputs: list[Any] | None = None, **others: Any) -> None:
    """Add cases of one layer, one for each dict of constructor arguments."""
    for kwargs in settings or ({},):
        CASES.append(Case(layer, kwargs, inputs or [(2, 3)], **others))


# -- core -------------------------------------------------------------------------------------------------------------
add("Dense", {"units": 4}, {"units": 2, "activation": "gelu", "use_bias": False})
add("Dense", {"units": 4, "activation": "tanh"}, inputs=[(2, 3, 5)])
add("EinsumDense", {"equation": "abc,cde->abde", "output_shape": (None, 2, 3), "bias_axes": "de"}, inputs=[SEQUENCE])
add("EinsumDense", {"equation": "...x,xy->...y", "output_shape": 4, "bias_axes": "y"}, inputs=[SEQUENCE])
add("Embedding", {"input_dim": 7, "output_dim": 3}, inputs=[integers(2, 4)])
add("ReversibleEmbedding", {"input_dim": 7, "output_dim": 3}, inputs=[integers(2, 4)])
add("Identity", {})
add("Masking", {"mask_value": 0.0}, inputs=[SEQUENCE])
# -- activations ------------------------------------------------------------------------------------------------------
for _name in (
    "relu",
    "relu6",
    "sigmoid",
    "tanh",
    "softmax",
    "softplus",
    "softsign",
    "selu",
    "elu",
    "celu",
    "gelu",
    "silu",
    "mish",
    "exponential",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "hard_shrink",
    "soft_shrink",
    "tanh_shrink",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "linear",
    "squareplus",
    "sparse_plus",
    "sparse_sigmoid",  # sparsemax is left out: Keras 3.15.1 on JAX gives rows that do not sum to one
):
    add("Activation", {"activation": _name}, inputs=[(3, 4)])
add("ReLU", {}, {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.2})
add("LeakyReLU", {}, {"negative_slope": 0.1})
add("ELU", {"alpha": 0.5})
add("PReLU", {"alpha_initializer": "ones"}, {"shared_axes": [1]}, inputs=[SEQUENCE])
add("Softmax", {}, {"axis": 1}, inputs=[SEQUENCE])
add("Softmax", {}, inputs=[(2, 4)], call={"mask": MASK})
# -- convolution ------------------------------------------------------------------------------------------------------
add(
    "Conv1D",
    {"filters": 4, "kernel_size": 2},
    {"filters": 4, "kernel_size": 3, "padding": "causal", "dilation_rate": 2},
    {"filters": 4, "kernel_size": 2, "padding": "causal", "data_format": "channels_first"},
    inputs=[(2, 7, 3)],
)
add("Conv1D", {"filters": 6, "kernel_size": 3, "groups": 3, "padding": "same", "strides": 2}, inputs=[(2, 8, 3)])
add(
    "Conv2D",
    {"filters": 3, "kernel_size": 3},
    {"filters": 3, "kernel_size": (2, 3), "strides": (2, 1), "padding": "same", "activation": "relu"},
    {"filters": 4, "kernel_size": 2, "groups": 2, "dilation_rate": 2, "use_bias": False},
    inputs=[IMAGE],
)
add("Conv2D", {"filters": 3, "kernel_size": 2, "data_format": "channels_first"}, inputs=[IMAGE])
add(
    "Conv3D",
    {"filters": 3, "kernel_size": 2},
    {"filters": 3, "kernel_size": 3, "padding": "same", "strides": 2},
    inputs=[VOLUME],
)
add(
    "Conv1DTranspose",
    {"filters": 4, "kernel_size": 3, "strides": 2},
    {"filters": 4, "kernel_size": 4, "strides": 2, "padding": "same"},
    inputs=[SEQUENCE],
)
add(
    "Conv2DTranspose",
    {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"},
    {"filters": 3, "kernel_size": 2, "strides": 3},
    {"filters": 3, "kernel_size": 3, "strides": 2, "output_padding": 1},
    {"filters": 3, "kernel_size": 3, "dilation_rate": 2},
    inputs=[(2, 3, 4, 2)],
)
add("Conv3DTranspose", {"filters": 2, "kernel_size": 2, "strides": 2}, inputs=[(1, 2, 3, 2, 2)])
add("DepthwiseConv1D", {"kernel_size": 3, "depth_multiplier": 2}, inputs=[(2, 6, 3)])
add(
    "DepthwiseConv2D",
    {"kernel_size": 3},
    {"kernel_size": 2, "depth_multiplier": 2, "padding": "same", "strides": 2},
    inputs=[IMAGE],
)
add("SeparableConv1D", {"filters": 4, "kernel_size": 3}, inputs=[(2, 6, 3)])
add("SeparableConv2D", {"filters": 3, "kernel_size": 3, "depth_multiplier": 2, "padding": "same"}, inputs=[IMAGE])
# -- pooling ----------------------------------------------------------------------------------------------------------
for _rank, _shape_of in ((1, (2, 7, 3)), (2, IMAGE), (3, VOLUME)):
    for _kind in ("Max", "Average"):
        add(
            f"{_kind}Pooling{_rank}D",
            {"pool_size": 2},
            {"pool_size": 3, "strides": 2, "padding": "same"},
            inputs=[_shape_of],
        )
        add(f"Global{_kind}Pooling{_rank}D", {}, {"keepdims": True}, inputs=[_shape_of])
        add(f"Adaptive{_kind}Pooling{_rank}D", {"output_size": 3}, inputs=[_shape_of])
add("MaxPooling2D", {"data_format": "channels_first"}, inputs=[IMAGE])
add("GlobalAveragePooling1D", {}, inputs=[SEQUENCE], call={"mask": MASK})
# -- merging ----------------------------------------------------------------------------------------------------------
for _name in ("Add", "Multiply", "Average", "Maximum", "Minimum"):
    add(_name, {}, inputs=[(2, 3), (2, 3), (2, 3)])
    add(_name, {}, inputs=[(2, 3, 4), (2, 4)])
add("Subtract", {}, inputs=[(2, 3), (2, 3)])
add("Concatenate", {}, {"axis": 1}, inputs=[SEQUENCE, SEQUENCE])
add("Dot", {"axes": 1}, {"axes": 1, "normalize": True}, inputs=[(2, 3), (2, 3)])
add("Dot", {"axes": (2, 1)}, inputs=[(2, 3, 4), (2, 4, 5)])
# -- reshaping --------------------------------------------------------------------------------------------------------
add("Flatten", {}, {"data_format": "channels_first"}, inputs=[IMAGE])
add("Reshape", {"target_shape": (-1, 2)}, inputs=[(2, 3, 4)])
add("Permute", {"dims": (2, 1)}, inputs=[SEQUENCE])
add("RepeatVector", {"n": 3})
add("Cropping1D", {"cropping": (1, 0)}, inputs=[SEQUENCE])
add("Cropping2D", {"cropping": ((1, 2), (0, 1))}, inputs=[IMAGE])
add("Cropping3D", {"cropping": 1}, inputs=[VOLUME])
add("ZeroPadding1D", {"padding": (1, 2)}, inputs=[SEQUENCE])
add("ZeroPadding2D", {"padding": ((1, 2), (0, 1))}, {"data_format": "channels_first"}, inputs=[IMAGE])
add("ZeroPadding3D", {"padding": (1, 0, 2)}, inputs=[VOLUME])
add("UpSampling1D", {"size": 3}, inputs=[SEQUENCE])
add("UpSampling2D", {"size": (2, 3)}, {"interpolation": "bilinear"}, {"data_format": "channels_first"}, inputs=[IMAGE])
add("UpSampling3D", {"size": 2}, inputs=[VOLUME])
# -- normalization ----------------------------------------------------------------------------------------------------
for _training in (False, True):
    add(
        "BatchNormalization",
        {},
        {"axis": 1, "momentum": 0.8, "scale": False},
        inputs=[IMAGE],
        call={"training": _training},
    )
add("BatchNormalization", {}, inputs=[SEQUENCE[:0] + (2, 4, 3)], call={"training": True, "mask": MASK})
add("LayerNormalization", {}, {"axis": (1, 2), "epsilon": 1e-2}, {"axis": 1, "center": False}, inputs=[SEQUENCE])
add("GroupNormalization", {"groups": 2}, {"groups": -1}, inputs=[IMAGE])
add("RMSNormalization", {}, inputs=[SEQUENCE])
add("UnitNormalization", {}, {"axis": (1, 2)}, inputs=[SEQUENCE])
# -- regularization, outside of training ------------------------------------------------------------------------------
for _name, _kwargs in (
    ("Dropout", {"rate": 0.5}),
    ("AlphaDropout", {"rate": 0.5}),
    ("GaussianDropout", {"rate": 0.5}),
    ("GaussianNoise", {"stddev": 0.5}),
    ("ActivityRegularization", {"l2": 0.5}),
):
    add(_name, _kwargs)
add("SpatialDropout1D", {"rate": 0.5}, inputs=[SEQUENCE])
add("SpatialDropout2D", {"rate": 0.5}, inputs=[IMAGE])
add("SpatialDropout3D", {"rate": 0.5}, inputs=[VOLUME])
# -- recurrent --------------------------------------------------------------------------------------------------------
for _name in ("SimpleRNN", "GRU", "LSTM"):
    add(
        _name,
        {"units": 3},
        {"units": 3, "return_sequences": True, "go_backwards": True},
        {"units": 2, "unroll": True},
        inputs=[SEQUENCE],
    )
    add(
        _name,
        {"units": 3, "return_state": True},
        {"units": 3, "return_sequences": True},
        inputs=[SEQUENCE],
        call={"mask": MASK},
    )
    add(_name, {"units": 3, "return_sequences": True}, inputs=[SEQUENCE], call={"mask": LATE})
    add("RNN", {"return_sequences": True}, inputs=[SEQUENCE], wrap={"cell": (f"{_name}Cell", {"units": 3})})
    add("Bidirectional", {}, {"merge_mode": "sum"}, inputs=[SEQUENCE], wrap={"layer": (_name, {"units": 3})})
add("GRU", {"units": 3, "reset_after": False}, {"units": 3, "use_bias": False}, inputs=[SEQUENCE])
add(
    "Bidirectional",
    {"merge_mode": "mul"},
    inputs=[SEQUENCE],
    wrap={"layer": ("LSTM", {"units": 3, "return_sequences": True})},
    call={"mask": MASK},
)
add("TimeDistributed", {}, inputs=[(2, 3, 4, 5)], wrap={"layer": ("Dense", {"units": 2})})
add("TimeDistributed", {}, inputs=[(2, 3, 6, 6, 1)], wrap={"layer": ("Conv2D", {"filters": 2, "kernel_size": 3})})
add("ConvLSTM1D", {"filters": 2, "kernel_size": 2}, inputs=[(2, 3, 5, 2)])
add(
    "ConvLSTM2D",
    {"filters": 2, "kernel_size": 2, "padding": "same", "return_sequences": True},
    {"filters": 2, "kernel_size": 3},
    inputs=[(1, 3, 5, 5, 2)],
)
add("ConvLSTM3D", {"filters": 2, "kernel_size": 2}, inputs=[(1, 2, 4, 4, 4, 1)])
# -- attention --------------------------------------------------------------------------------------------------------
_Q, _V = (2, 4, 6), (2, 5, 6)
add("Attention", {}, {"use_scale": True}, {"use_scale": True, "score_mode": "concat"}, inputs=[_Q, _V])
add("Attention", {}, inputs=[_Q, _Q], call={"use_causal_mask": True})
add("Attention", {}, inputs=[_Q, _Q], call={"mask": [MASK, LATE]})
add("AdditiveAttention", {}, inputs=[_Q, _V])
for _name, _kwargs in (
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3}),
    ("GroupQueryAttention", {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}),
):
    add(_name, _kwargs, {**_kwargs, "use_gate": True}, {**_kwargs, "use_bias": False}, inputs=[_Q, _V], spread=True)
    add(_name, _kwargs, {**_kwargs, "sliding_window": 2}, inputs=[_Q, _Q], spread=True, call={"use_causal_mask": True})
    add(_name, _kwargs, inputs=[_Q, _Q], spread=True, call={"value_mask": LATE | np.array([[True], [True]])})
add(
    "MultiHeadAttention",
    {"num_heads": 2, "key_dim": 3, "output_shape": 4, "attention_axes": (2,)},
    inputs=[(2, 3, 4, 6), (2, 3, 5, 6)],
    spread=True,
)
