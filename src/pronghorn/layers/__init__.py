"""All layers. Each module below holds one kind; a layer's name is imported when it is first used."""

from pronghorn._lazy import attach
from pronghorn.layers.preprocessing import MODULES as _PREPROCESSING

_MODULES = {
    ".layer": "Layer",
    ".input_spec": "InputSpec",
    ".core.dense": "Dense",
    ".core.einsum_dense": "EinsumDense",
    ".core.embedding": "Embedding ReversibleEmbedding",
    ".core.identity": "Identity",
    ".core.input_layer": "Input InputLayer",
    ".core.lambda_layer": "Lambda",
    ".core.masking": "Masking",
    ".core.ternary_dense": "TernaryDense",
    ".core.wrapper": "Wrapper",
    ".activations.layers": "Activation ELU LeakyReLU PReLU ReLU Softmax",
    ".convolutional.conv": "Conv1D Conv2D Conv3D",
    ".convolutional.conv_transpose": "Conv1DTranspose Conv2DTranspose Conv3DTranspose",
    ".convolutional.depthwise_conv": "DepthwiseConv1D DepthwiseConv2D",
    ".convolutional.separable_conv": "SeparableConv1D SeparableConv2D",
    ".pooling.pooling": ("AveragePooling1D AveragePooling2D AveragePooling3D MaxPooling1D MaxPooling2D MaxPooling3D"),
    ".pooling.global_pooling": (
        "GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D "
        "GlobalMaxPooling3D"
    ),
    ".pooling.adaptive_pooling": (
        "AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D "
        "AdaptiveMaxPooling2D AdaptiveMaxPooling3D"
    ),
    ".merging.merge": ("Add Average Maximum Minimum Multiply Subtract add average maximum minimum multiply subtract"),
    ".merging.concatenate": "Concatenate concatenate",
    ".merging.dot": "Dot dot",
    ".reshaping.reshape": "Flatten Permute RepeatVector Reshape",
    ".reshaping.spatial": (
        "Cropping1D Cropping2D Cropping3D UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D "
        "ZeroPadding3D"
    ),
    ".regularization.dropout": (
        "ActivityRegularization AlphaDropout Dropout GaussianDropout GaussianNoise SpatialDropout1D SpatialDropout2D "
        "SpatialDropout3D"
    ),
    ".normalization.batch_normalization": "BatchNormalization",
    ".normalization.layer_normalization": ("GroupNormalization LayerNormalization RMSNormalization UnitNormalization"),
    ".normalization.spectral_normalization": "SpectralNormalization",
    ".rnn.rnn": "RNN",
    ".rnn.lstm": "LSTM LSTMCell",
    ".rnn.gru": "GRU GRUCell",
    ".rnn.simple_rnn": "SimpleRNN SimpleRNNCell",
    ".rnn.stacked_cells": "StackedRNNCells",
    ".rnn.bidirectional": "Bidirectional",
    ".rnn.time_distributed": "TimeDistributed",
    ".rnn.conv_lstm": "ConvLSTM1D ConvLSTM2D ConvLSTM3D",
    ".attention.multi_head_attention": "MultiHeadAttention",
    ".attention.attention": "AdditiveAttention Attention",
    ".foreign.flax_layer": "FlaxLayer",
    ".foreign.jax_layer": "JaxLayer",
    ".foreign.tfsm_layer": "TFSMLayer",
    ".foreign.torch_module_wrapper": "TorchModuleWrapper",
    ".registry": "deserialize serialize",
}

_ALIASES = {
    "AvgPool{}D": "AveragePooling{}D",
    "MaxPool{}D": "MaxPooling{}D",
    "GlobalAvgPool{}D": "GlobalAveragePooling{}D",
    "GlobalMaxPool{}D": "GlobalMaxPooling{}D",
    "Convolution{}D": "Conv{}D",
    "Convolution{}DTranspose": "Conv{}DTranspose",
    "SeparableConvolution{}D": "SeparableConv{}D",
}

_table = {name: module for module, names in _MODULES.items() for name in names.split()}
_table.update({n: f".preprocessing{m}" for m, names in _PREPROCESSING.items() for n in names.split()})
_table["GroupQueryAttention"] = ".attention.grouped_query_attention:GroupedQueryAttention"
_table["GroupedQueryAttention"] = ".attention.grouped_query_attention"
for _alias, _name in _ALIASES.items():
    for _rank in (1, 2, 3):
        _target = _name.format(_rank)
        if _target in _table:
            _table[_alias.format(_rank)] = f"{_table[_target]}:{_target}"

# Layers of Keras 2 that Keras 3 has under `tf.keras.layers` only.
_LEGACY = ("RandomHeight", "RandomWidth", "ThresholdedReLU")

attach(__name__, _table, unlisted={name: f"pronghorn.legacy.layers:{name}" for name in _LEGACY})
