"""The four networks of MLPerf Tiny 1.0 (mlcommons/tiny), as Keras models.

Layers and sizes are those of the benchmark's reference. Weights are drawn, as sizes and times do not depend on them;
`trained` loads the reference's own where they are published as files of Keras.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FILES = {
    "image_classification": "pretrainedResnet.h5",
    "visual_wake_words": "vww_96.h5",
    "anomaly_detection": "ad01.h5",
}
"""The reference's trained networks in files of Keras, by network."""


def keyword_spotting(keras: Any) -> Any:
    """A depthwise separable network on 49 x 10 coefficients of a second of speech."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((49, 10, 1), name="speech")], name="keyword_spotting")
    model.add(layers.Conv2D(64, (10, 4), strides=2, padding="same"))
    _normalized(model, layers)
    model.add(layers.Dropout(0.2))
    for _ in range(4):
        model.add(layers.DepthwiseConv2D(3, padding="same"))
        _normalized(model, layers)
        model.add(layers.Conv2D(64, 1, padding="same"))
        _normalized(model, layers)
    model.add(layers.Dropout(0.4))
    model.add(layers.AveragePooling2D((25, 5)))
    model.add(layers.Flatten())
    model.add(layers.Dense(12, activation="softmax", name="word"))
    return _drawn(model)


def image_classification(keras: Any) -> Any:
    """ResNet-8 on images of CIFAR-10."""
    layers = keras.layers
    x = image = keras.Input((32, 32, 3), name="image")
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(16, 3, padding="same")(x)))
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        y = layers.Conv2D(filters, 3, strides=strides, padding="same")(x)
        y = layers.ReLU()(layers.BatchNormalization()(y))
        y = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same")(y))
        x = x if strides == 1 else layers.Conv2D(filters, 1, strides=strides, padding="same")(x)
        x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.Flatten()(layers.AveragePooling2D(8)(x))
    return _drawn(
        keras.Model(image, layers.Dense(10, activation="softmax", name="kind")(x), name="image_classification")
    )


def visual_wake_words(keras: Any) -> Any:
    """MobileNet with a quarter of the channels on images of 96 x 96."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((96, 96, 3), name="image")], name="visual_wake_words")
    model.add(layers.Conv2D(8, 3, strides=2, padding="same"))
    _normalized(model, layers)
    for filters, strides in (
        (16, 1),
        (32, 2),
        (32, 1),
        (64, 2),
        (64, 1),
        (128, 2),
        *[(128, 1)] * 5,
        (256, 2),
        (256, 1),
    ):
        model.add(layers.DepthwiseConv2D(3, strides=strides, padding="same"))
        _normalized(model, layers)
        model.add(layers.Conv2D(filters, 1, padding="same"))
        _normalized(model, layers)
    model.add(layers.AveragePooling2D(3))
    model.add(layers.Flatten())
    model.add(layers.Dense(2, activation="softmax", name="person"))
    return _drawn(model)


def anomaly_detection(keras: Any) -> Any:
    """An autoencoder of dense layers on 640 numbers of a sound."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((640,), name="sound")], name="anomaly_detection")
    for units in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        model.add(layers.Dense(units))
        _normalized(model, layers)
    model.add(layers.Dense(640, name="again"))
    return _drawn(model)


NETWORKS: dict[str, Callable[[Any], Any]] = {
    network.__name__: network
    for network in (keyword_spotting, image_classification, visual_wake_words, anomaly_detection)
}


def trained(keras: Any, name: str, folder: Path | None) -> Any:
    """A network with the reference's weights if they are in a folder, else with drawn ones."""
    model = NETWORKS[name](keras)
    if folder is not None and name in FILES:
        model.set_weights(keras.saving.load_model(folder / FILES[name], compile=False).get_weights())
    return model


def _normalized(model: Any, layers: Any) -> None:
    model.add(layers.BatchNormalization())
    model.add(layers.ReLU())


def _drawn(model: Any) -> Any:
    """The model with weights that keep numbers near one, none of them special."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        low = 0.5 if "variance" in weight.path or "gamma" in weight.path else -0.2
        scale = np.sqrt(1 / max(1, np.prod(weight.shape[:-1]))) if len(weight.shape) > 1 else 0
        drawn = rng.normal(size=weight.shape) * scale if scale else low + rng.random(weight.shape)
        weight.assign(drawn.astype("float32"))
    return model
