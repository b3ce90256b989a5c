"""Larger workloads than those of `workloads.py`: language models and deep networks, in plain Keras 3.

    python bench/large.py keras gpt unet           # or: pronghorn gpt unet

Prints what `workloads.py` prints, and the process's peak memory. `compare.py --large` runs it in several environments.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from workloads import Workload, run_command_line


def gpt(keras: Any, rng: np.random.Generator) -> Workload:
    """A small language model: 4 blocks of width 256 over 128 tokens, vocabulary 8,000, AdamW with clipped gradients."""
    layers, ops = keras.layers, keras.ops
    length, width, vocabulary = 128, 256, 8_000
    tokens = keras.Input((length,), dtype="int32")
    places = ops.cumsum(ops.ones_like(tokens), axis=1) - 1  # from the input, as Keras on PyTorch can train through it
    x = layers.Add()([layers.Embedding(vocabulary, width)(tokens), layers.Embedding(length, width)(places)])
    for _ in range(4):
        y = layers.LayerNormalization()(x)
        y = layers.MultiHeadAttention(4, width // 4, dropout=0.1)(y, y, use_causal_mask=True)
        x = layers.Add()([x, y])
        y = layers.LayerNormalization()(x)
        y = layers.Dense(4 * width, activation="gelu")(y)
        x = layers.Add()([x, layers.Dropout(0.1)(layers.Dense(width)(y))])
    logits = layers.Dense(vocabulary)(layers.LayerNormalization()(x))
    model = keras.Model(tokens, logits)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(3e-4, weight_decay=0.01, clipnorm=1.0), loss)
    text = rng.integers(0, vocabulary, (128, length + 1), dtype="int32")
    return Workload(model, text[:, :-1], text[:, 1:], 16)


def encoder(keras: Any, rng: np.random.Generator) -> Workload:
    """A BERT-like encoder with a classifier: 4 blocks of width 256 over 128 tokens, some of them padding."""
    layers = keras.layers
    length, width, vocabulary = 128, 256, 8_000
    tokens = keras.Input((length,), dtype="int32")
    x = layers.LayerNormalization()(layers.Embedding(vocabulary, width, mask_zero=True)(tokens))
    for _ in range(4):
        x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(4, width // 4)(x, x)]))
        y = layers.Dense(width)(layers.Dense(4 * width, activation="gelu")(x))
        x = layers.LayerNormalization()(layers.Add()([x, layers.Dropout(0.1)(y)]))
    model = keras.Model(tokens, layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling1D()(x)))
    model.compile(keras.optimizers.AdamW(3e-4), "sparse_categorical_crossentropy", metrics=["accuracy"])
    text = rng.integers(1, vocabulary, (256, length), dtype="int32")
    text[np.arange(length) >= rng.integers(length // 2, length + 1, (256, 1))] = 0
    return Workload(model, text, rng.integers(0, 2, 256), 32)


def resnet50(keras: Any, rng: np.random.Generator) -> Workload:
    """ResNet-50 on images of 128x128."""
    layers = keras.layers

    def convolved(x: Any, filters: int, size: int, strides: int = 1) -> Any:
        x = layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    inputs = keras.Input((128, 128, 3))
    x = layers.MaxPooling2D(3, 2, padding="same")(layers.ReLU()(convolved(inputs, 64, 7, 2)))
    for filters, blocks, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            strides = 1 if block else first
            y = layers.ReLU()(convolved(x, filters, 1, strides))
            y = convolved(layers.ReLU()(convolved(y, filters, 3)), 4 * filters, 1)
            shortcut = x if block else convolved(x, 4 * filters, 1, strides)
            x = layers.ReLU()(layers.Add()([y, shortcut]))
    model = keras.Model(inputs, layers.Dense(100, activation="softmax")(layers.GlobalAveragePooling2D()(x)))
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy")
    return Workload(model, rng.random((64, 128, 128, 3), "float32"), rng.integers(0, 100, 64), 16)


def mobilenet(keras: Any, rng: np.random.Generator) -> Workload:
    """Inverted residuals as in MobileNetV2, on images of 96x96."""
    layers = keras.layers

    def normalized(x: Any) -> Any:
        return layers.BatchNormalization()(x)

    inputs = keras.Input((96, 96, 3))
    x = layers.ReLU(6.0)(normalized(layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False)(inputs)))
    for filters, blocks, first in ((16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2)):
        for block in range(blocks):
            strides = 1 if block else first
            wide = layers.Conv2D(6 * x.shape[-1], 1, use_bias=False)(x)
            wide = layers.ReLU(6.0)(normalized(wide))
            wide = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(wide)
            y = normalized(layers.Conv2D(filters, 1, use_bias=False)(layers.ReLU(6.0)(normalized(wide))))
            x = layers.Add()([x, y]) if block else y
    model = keras.Model(inputs, layers.Dense(100, activation="softmax")(layers.GlobalAveragePooling2D()(x)))
    model.compile("adam", "sparse_categorical_crossentropy")
    return Workload(model, rng.random((128, 96, 96, 3), "float32"), rng.integers(0, 100, 128), 32)


def unet(keras: Any, rng: np.random.Generator) -> Workload:
    """A U-Net of three levels that marks pixels of images of 64x64."""
    layers = keras.layers

    def twice(x: Any, filters: int) -> Any:
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        return x

    inputs = keras.Input((64, 64, 3))
    x, skipped = inputs, []
    for filters in (32, 64, 128):
        x = twice(x, filters)
        skipped.append(x)
        x = layers.MaxPooling2D()(x)
    x = twice(x, 256)
    for filters in (128, 64, 32):
        x = layers.Conv2DTranspose(filters, 2, strides=2)(x)
        x = twice(layers.Concatenate()([x, skipped.pop()]), filters)
    model = keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy")
    images = rng.random((64, 64, 64, 3), "float32")
    return Workload(model, images, (images.mean(-1, keepdims=True) > 0.5).astype("float32"), 16)


def text_cnn(keras: Any, rng: np.random.Generator) -> Workload:
    """Convolutions of 3, 4 and 5 words beside one another over texts of 200 words."""
    layers = keras.layers
    tokens = keras.Input((200,), dtype="int32")
    x = layers.Embedding(10_000, 64)(tokens)
    pooled = [layers.GlobalMaxPooling1D()(layers.Conv1D(64, size, activation="relu")(x)) for size in (3, 4, 5)]
    x = layers.Dropout(0.5)(layers.Concatenate()(pooled))
    model = keras.Model(tokens, layers.Dense(1, activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return Workload(model, rng.integers(0, 10_000, (1_024, 200)), rng.integers(0, 2, 1_024), 32)


def conv_lstm(keras: Any, rng: np.random.Generator) -> Workload:
    """The next frame of a film of 10 frames of 32x32."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((10, 32, 32, 1))])
    for _ in range(2):
        model.add(layers.ConvLSTM2D(16, 3, padding="same", return_sequences=True))
    model.add(layers.Conv3D(1, 3, padding="same", activation="sigmoid"))
    model.compile("adam", "binary_crossentropy")
    film = (rng.random((64, 11, 32, 32, 1)) > 0.8).astype("float32")
    return Workload(model, film[:, :-1], film[:, 1:], 8)


def wide_and_deep(keras: Any, rng: np.random.Generator) -> Workload:
    """Advertisements: 13 numbers and 26 categories with an embedding each."""
    layers = keras.layers
    numbers = keras.Input((13,))
    categories = keras.Input((26,), dtype="int32")
    parts = [layers.Embedding(10_000, 16)(categories[:, i]) for i in range(26)]
    deep = layers.Concatenate()([numbers, *parts])
    for units in (256, 128, 64):
        deep = layers.Dense(units, activation="relu")(deep)
    wide = layers.Dense(1)(numbers)
    outputs = layers.Activation("sigmoid")(layers.Add()([wide, layers.Dense(1)(deep)]))
    model = keras.Model([numbers, categories], outputs)
    model.compile("adam", "binary_crossentropy")
    x = [rng.random((8_192, 13), "float32"), rng.integers(0, 10_000, (8_192, 26), dtype="int32")]
    return Workload(model, x, rng.integers(0, 2, (8_192, 1)), 256)


def vae(keras: Any, rng: np.random.Generator) -> Workload:
    """A variational autoencoder of digits that adds its divergence to the loss."""
    layers, ops = keras.layers, keras.ops

    class Sampling(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.seed = keras.random.SeedGenerator(1)

        def call(self, mean: Any, log_variance: Any) -> Any:
            divergence = ops.square(mean) + ops.exp(log_variance) - 1 - log_variance
            self.add_loss(0.5e-3 * ops.mean(ops.sum(divergence, axis=-1)))
            noise = keras.random.normal(ops.shape(mean), seed=self.seed)
            return mean + ops.exp(0.5 * log_variance) * noise

    inputs = keras.Input((28, 28, 1))
    x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(inputs)
    x = layers.Flatten()(layers.Conv2D(64, 3, strides=2, padding="same", activation="relu")(x))
    x = layers.Dense(64, activation="relu")(x)
    z = Sampling()(layers.Dense(8)(x), layers.Dense(8)(x))
    x = layers.Reshape((7, 7, 64))(layers.Dense(7 * 7 * 64, activation="relu")(z))
    for filters in (64, 32):
        x = layers.Conv2DTranspose(filters, 3, strides=2, padding="same", activation="relu")(x)
    model = keras.Model(inputs, layers.Conv2DTranspose(1, 3, padding="same", activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy")
    images = (rng.random((2_048, 28, 28, 1)) > 0.8).astype("float32")
    return Workload(model, images, images, 128)


def temporal(keras: Any, rng: np.random.Generator) -> Workload:
    """Causal convolutions of growing dilation over a series of 256 steps."""
    layers = keras.layers
    inputs = keras.Input((256, 8))
    x = layers.Conv1D(64, 1)(inputs)
    for dilation in (1, 2, 4, 8, 16, 32):
        y = layers.Conv1D(64, 3, padding="causal", dilation_rate=dilation, activation="relu")(x)
        y = layers.Conv1D(64, 3, padding="causal", dilation_rate=dilation, activation="relu")(layers.Dropout(0.1)(y))
        x = layers.Add()([x, y])
    model = keras.Model(inputs, layers.Dense(1)(x))
    model.compile("adam", "mse")
    series = rng.standard_normal((256, 257, 8)).astype("float32")
    return Workload(model, series[:, :-1], series[:, 1:, :1], 32)


WORKLOADS: dict[str, Callable[[Any, np.random.Generator], Workload]] = {
    build.__name__: build
    for build in (
        gpt, encoder, resnet50, mobilenet, unet, text_cnn, conv_lstm, wide_and_deep, vae, temporal
    )
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(run_command_line(WORKLOADS))
