"""What `bench/eager.py` times: code that runs op by op, and building models. Works under Pronghorn and under Keras.

python bench/eager_cases.py keras tape_convnet          # prints one line of JSON: {"ms": ...}
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import call_cases
import numpy as np

#: From a package and its tapes to what is timed, or what is done before each time and what is timed.
Case = Callable[[Any, Any], Callable[[], Any] | call_cases.Between]


def _initializer(name: str, shape: tuple[int, ...]) -> Case:
    def case(keras: Any, _: Any) -> Callable[[], Any]:
        initializer = getattr(keras.initializers, name)(seed=1)
        return lambda: np.asarray(initializer(shape))

    return case


def _convnet(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def _digits(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((count, 28, 28, 1), np.float32), rng.integers(0, 10, count)


def tape_convnet(keras: Any, tape: Any) -> Callable[[], Any]:
    """A training step of a convnet, batch 128, written with a gradient tape and not compiled."""
    model = _convnet(keras)
    optimizer, loss_function = keras.optimizers.Adam(), keras.losses.SparseCategoricalCrossentropy()
    x, y = _digits(128)

    def step() -> Any:
        with tape() as recorded:
            loss = loss_function(y, model(x, training=True))
        gradients = recorded.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(gradients, model.trainable_weights))
        return float(loss)

    return step


def tape_dense(keras: Any, tape: Any) -> Callable[[], Any]:
    """The same of a small dense network, batch 64: little arithmetic, so that what a call costs shows."""
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((784,)), layers.Dense(64, "relu"), layers.Dense(64, "relu"), layers.Dense(10)]
    )
    optimizer = keras.optimizers.SGD(1e-3)
    loss_function = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    x, y = _digits(64)
    x = x.reshape(64, 784)

    def step() -> Any:
        with tape() as recorded:
            loss = loss_function(y, model(x, training=True))
        gradients = recorded.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(gradients, model.trainable_weights))
        return float(loss)

    return step


def fit_run_eagerly(keras: Any, _: Any) -> Callable[[], Any]:
    """An epoch of 20 batches of 128 with ``run_eagerly=True``."""
    model = _convnet(keras)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=True)
    x, y = _digits(2560)
    return lambda: model.fit(x, y, batch_size=128, verbose=0)


def fit_run_eagerly_bn(keras: Any, _: Any) -> Callable[[], Any]:
    """An epoch of 10 batches of 64 of a residual block with batch normalisation, with ``run_eagerly=True``."""
    layers = keras.layers
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(32, 3, padding="same", activation="relu")(inputs)
    y = layers.Conv2D(32, 3, padding="same")(x)
    y = layers.Activation("relu")(layers.BatchNormalization()(y))
    y = layers.BatchNormalization()(layers.Conv2D(32, 3, padding="same")(y))
    x = layers.GlobalAveragePooling2D()(layers.Activation("relu")(layers.add([x, y])))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=True)
    rng = np.random.default_rng(0)
    images, labels = rng.random((640, 32, 32, 3), np.float32), rng.integers(0, 10, 640)
    return lambda: model.fit(images, labels, batch_size=64, verbose=0)


def _augmentation(make: Callable[[Any], list[Any]]) -> Case:
    def case(keras: Any, _: Any) -> Callable[[], Any]:
        layers = make(keras.layers)
        images = np.random.default_rng(0).random((32, 224, 224, 3), np.float32)

        def augment() -> Any:
            x = images
            for layer in layers:
                x = layer(x, training=True)
            return np.asarray(x)

        return augment

    return case


def models_of_a_book(keras: Any, _: Any) -> Callable[[], Any]:
    """Build a set of models such as a textbook has: most of the time is spent in drawing their weights."""
    layers, sequential = keras.layers, keras.Sequential

    def build() -> Any:
        vgg = [keras.Input((64, 64, 3))]
        for filters in (64, 128, 256, 512):
            vgg += [layers.Conv2D(filters, 3, padding="same", activation="relu"), layers.MaxPooling2D(2)]
        vgg += [layers.Flatten(), layers.Dense(2048, "relu"), layers.Dense(2048, "relu"), layers.Dense(1000)]
        text = [keras.Input((100,)), layers.Embedding(20000, 512), layers.Bidirectional(layers.LSTM(256))]
        made = [sequential(vgg), sequential([*text, layers.Dense(1, "sigmoid")])]
        for units in (32, 256, 512):
            mlp = [keras.Input((784,)), layers.Dense(units, "relu"), layers.Dense(units, "relu"), layers.Dense(10)]
            made += [sequential(mlp), sequential([keras.Input((50, 64)), layers.GRU(units), layers.Dense(1)])]
        return [model.count_params() for model in [*made, _convnet(keras)]]

    return build


CASES: dict[str, tuple[str, Case]] = {
    "glorot_uniform": ("GlorotUniform (4096, 4096)", _initializer("GlorotUniform", (4096, 4096))),
    "he_normal": ("HeNormal (4096, 4096)", _initializer("HeNormal", (4096, 4096))),
    "random_normal": ("RandomNormal (4096, 4096)", _initializer("RandomNormal", (4096, 4096))),
    "orthogonal": ("Orthogonal (1024, 3072)", _initializer("Orthogonal", (1024, 3072))),
    "models_of_a_book": ("building a book's models", models_of_a_book),
    "tape_convnet": ("GradientTape, convnet", tape_convnet),
    "tape_dense": ("GradientTape, dense", tape_dense),
    "fit_run_eagerly": ("run_eagerly, convnet", fit_run_eagerly),
    "fit_run_eagerly_bn": ("run_eagerly, residual block", fit_run_eagerly_bn),
    "flip": ("RandomFlip", _augmentation(lambda layers: [layers.RandomFlip(seed=1)])),
    "rotation": ("RandomRotation", _augmentation(lambda layers: [layers.RandomRotation(0.1, seed=1)])),
    "zoom": ("RandomZoom", _augmentation(lambda layers: [layers.RandomZoom(0.1, seed=1)])),
    "contrast": ("RandomContrast", _augmentation(lambda layers: [layers.RandomContrast(0.2, seed=1)])),
    "brightness": ("RandomBrightness", _augmentation(lambda layers: [layers.RandomBrightness(0.2, seed=1)])),
    "translation": ("RandomTranslation", _augmentation(lambda layers: [layers.RandomTranslation(0.1, 0.1, seed=1)])),
    "resizing": ("Resizing to 160", _augmentation(lambda layers: [layers.Resizing(160, 160)])),
    "dropout": ("Dropout", _augmentation(lambda layers: [layers.Dropout(0.5, seed=1)])),
    **call_cases.CASES,
}


def _seconds(before: Callable[[], Any], call: Callable[[], Any]) -> tuple[float, float]:
    """The seconds of a call, and those of the processor."""
    before()
    cpu, start = time.process_time(), time.perf_counter()
    call()
    return time.perf_counter() - start, time.process_time() - cpu


def main() -> None:
    """Run one case: the time of its first call, and the best of the others within some seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", help="the package to import: pronghorn or keras")
    parser.add_argument("case", choices=list(CASES))
    parser.add_argument("--seconds", type=float, default=4.0, help="how long to repeat it (4)")
    options = parser.parse_args()
    keras = importlib.import_module(options.package)
    if options.package == "keras":
        tape = importlib.import_module("tensorflow").GradientTape if keras.backend.backend() == "tensorflow" else None
    else:
        tape = importlib.import_module("pronghorn.engine.autodiff").GradientTape
    made = CASES[options.case][1](keras, tape)
    before, call = made if isinstance(made, tuple) else (lambda: None, made)
    first, _ = _seconds(before, call)
    end, times = time.perf_counter() + options.seconds, []
    while len(times) < 2 or (time.perf_counter() < end and len(times) < 100):
        times.append(_seconds(before, call))
    best, cpu = min(taken for taken, _ in times), sum(taken for _, taken in times) / len(times)
    print(json.dumps({"ms": 1e3 * best, "first_ms": 1e3 * first, "cpu_ms": 1e3 * cpu}))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
