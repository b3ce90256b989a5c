"""The workloads of the benchmark, in plain Keras 3, and the clock around them.

    python bench/workloads.py keras mlp lstm        # or: pronghorn mlp lstm

Runs each workload under the package named first and prints a line of JSON for each: milliseconds a training step (the
median epoch after the first), what the first epoch cost beyond that, the time of `predict` for one sample and for
1,024, and the last loss. `compare.py` runs it in several virtual environments.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

try:
    import resource
except ModuleNotFoundError:  # not on Windows
    resource = None  # type: ignore[assignment]


class Workload(NamedTuple):
    """A compiled model and the data to train it with: an array, or a list of them for several inputs."""

    model: Any
    x: Any
    y: np.ndarray
    batch_size: int


def tutorial_cnn(keras: Any, rng: np.random.Generator) -> Workload:
    """The digits tutorial: two convolutions with pooling, dropout and a dense layer."""
    layers = keras.layers
    model = keras.Sequential(
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
    model.compile("adam", loss="categorical_crossentropy", metrics=["accuracy"])
    labels = np.eye(10, dtype="float32")[rng.integers(0, 10, 12_800)]
    return Workload(model, rng.random((12_800, 28, 28, 1), "float32"), labels, 128)


def mlp(keras: Any, rng: np.random.Generator) -> Workload:
    """Two wide dense layers with dropout."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((784,))])
    for _ in range(2):
        model.add(layers.Dense(512, activation="relu"))
        model.add(layers.Dropout(0.2))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile("rmsprop", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return Workload(model, rng.random((25_600, 784), "float32"), rng.integers(0, 10, 25_600), 128)


def resnet(keras: Any, rng: np.random.Generator) -> Workload:
    """Three residual blocks on small colour images."""
    layers = keras.layers

    def convolve(x: Any, filters: int, size: int, strides: int = 1) -> Any:
        x = layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    inputs = keras.Input((32, 32, 3))
    x = layers.Activation("relu")(convolve(inputs, 16, 3))
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        y = layers.Activation("relu")(convolve(x, filters, 3, strides))
        y = convolve(y, filters, 3)
        shortcut = x if strides == 1 and x.shape[-1] == filters else convolve(x, filters, 1, strides)
        x = layers.Activation("relu")(layers.Add()([shortcut, y]))
    outputs = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, outputs)
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return Workload(model, rng.random((2_560, 32, 32, 3), "float32"), rng.integers(0, 10, 2_560), 64)


def lstm(keras: Any, rng: np.random.Generator) -> Workload:
    """A text classifier: an embedding and an LSTM."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((80,), dtype="int32"),
            layers.Embedding(20_000, 128),
            layers.LSTM(64),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", loss="binary_crossentropy", metrics=["accuracy"])
    x = rng.integers(0, 20_000, (3_200, 80)).astype("int32")
    return Workload(model, x, rng.integers(0, 2, (3_200, 1)).astype("float32"), 32)


def bidirectional_gru(keras: Any, rng: np.random.Generator) -> Workload:
    """A forecast from a time series with GRUs, the first in both directions."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((50, 16)),
            layers.Bidirectional(layers.GRU(32, return_sequences=True)),
            layers.GRU(32),
            layers.Dense(1),
        ]
    )
    model.compile("adam", loss="mse")
    return Workload(model, rng.random((3_200, 50, 16), "float32"), rng.random((3_200, 1), "float32"), 64)


def transformer(keras: Any, rng: np.random.Generator) -> Workload:
    """Two transformer encoder blocks over word numbers."""
    layers = keras.layers
    inputs = keras.Input((64,), dtype="int32")
    x = layers.Embedding(5_000, 64)(inputs)
    for _ in range(2):
        attended = layers.MultiHeadAttention(num_heads=4, key_dim=16)(x, x)
        x = layers.LayerNormalization(epsilon=1e-6)(x + layers.Dropout(0.1)(attended))
        hidden = layers.Dense(64)(layers.Dense(128, activation="gelu")(x))
        x = layers.LayerNormalization(epsilon=1e-6)(x + layers.Dropout(0.1)(hidden))
    outputs = layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling1D()(x))
    model = keras.Model(inputs, outputs)
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    x = rng.integers(0, 5_000, (3_200, 64)).astype("int32")
    return Workload(model, x, rng.integers(0, 2, 3_200), 32)


def autoencoder(keras: Any, rng: np.random.Generator) -> Workload:
    """A convolutional autoencoder with transposed convolutions."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((28, 28, 1))])
    for _ in range(2):
        model.add(layers.Conv2D(32, 3, activation="relu", padding="same"))
        model.add(layers.MaxPooling2D(2, padding="same"))
    for _ in range(2):
        model.add(layers.Conv2DTranspose(32, 3, strides=2, activation="relu", padding="same"))
    model.add(layers.Conv2D(1, 3, activation="sigmoid", padding="same"))
    model.compile("adam", loss="binary_crossentropy")
    images = rng.random((3_200, 28, 28, 1), "float32")
    return Workload(model, images, images, 128)


def tabular(keras: Any, rng: np.random.Generator) -> Workload:
    """Small dense layers on a table, where the cost of a step is all overhead."""
    layers = keras.layers
    x = rng.random((16_000, 13), "float32")
    normalization = layers.Normalization()
    model = keras.Sequential(
        [
            keras.Input((13,)),
            normalization,
            layers.Dense(64, activation="relu"),
            layers.BatchNormalization(),
            layers.Dense(64, activation="relu"),
            layers.Dense(1),
        ]
    )
    model.compile("adam", loss="mse", metrics=["mae"])
    normalization.adapt(x)
    return Workload(model, x, rng.random((16_000, 1), "float32"), 32)


def xception(keras: Any, rng: np.random.Generator) -> Workload:
    """A small network of separable convolutions with shortcuts."""
    layers = keras.layers
    inputs = keras.Input((48, 48, 3))
    x = layers.Conv2D(32, 3, strides=2, padding="same")(layers.Rescaling(2.0, offset=-1.0)(inputs))
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    for filters in (64, 128):
        y = layers.SeparableConv2D(filters, 3, padding="same")(x)
        y = layers.Activation("relu")(layers.BatchNormalization()(y))
        y = layers.MaxPooling2D(3, strides=2, padding="same")(y)
        x = layers.Add()([y, layers.Conv2D(filters, 1, strides=2, padding="same")(x)])
    x = layers.Dropout(0.25)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
    model.compile(keras.optimizers.Adam(3e-4), loss="binary_crossentropy", metrics=["accuracy"])
    labels = rng.integers(0, 2, (1_280, 1)).astype("float32")
    return Workload(model, rng.random((1_280, 48, 48, 3), "float32"), labels, 32)


Build = Callable[[Any, np.random.Generator], Workload]

WORKLOADS: dict[str, Build] = {
    build.__name__: build
    for build in (tutorial_cnn, mlp, resnet, lstm, bidirectional_gru, transformer, autoencoder, tabular, xception)
}


def epoch_clock(keras: Any, seconds: list[float]) -> Any:
    """A callback that appends the seconds of each epoch to a list."""

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.start = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            seconds.append(time.perf_counter() - self.start)

    return Clock()


def measure(keras: Any, name: str, build: Build, epochs: int) -> dict[str, Any]:
    """Train and predict; return the figures of one workload."""
    keras.utils.set_random_seed(1)
    model, x, y, batch_size = build(keras, np.random.default_rng(0))
    seconds: list[float] = []
    history = model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0, callbacks=[epoch_clock(keras, seconds)])
    steady = statistics.median(seconds[1:])
    steps = -(-len(y) // batch_size)
    return {
        "workload": name,
        "step_ms": steady / steps * 1e3,
        "first_s": seconds[0] - steady,
        "predict_1_ms": predict_ms(model, first(x, 1), 1, 20),
        "predict_1024_ms": predict_ms(model, first(x, 1024), 256, 3),
        "loss": float(history.history["loss"][-1]),
        "peak_mb": peak_mb(),
    }


def first(x: Any, rows: int) -> Any:
    """Return the first rows of an array, or of each array of a list."""
    return [part[:rows] for part in x] if isinstance(x, list) else x[:rows]


def peak_mb() -> float:
    """Return the most memory that the process has had so far, in MB; NaN where the system does not tell."""
    if resource is None:
        return math.nan
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def predict_ms(model: Any, x: Any, batch_size: int, repeats: int) -> float:
    """Return the milliseconds of the fastest of some `predict` calls, after one that does not count."""
    model.predict(x, batch_size=batch_size, verbose=0)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        model.predict(x, batch_size=batch_size, verbose=0)
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def run_command_line(workloads: Mapping[str, Build]) -> None:
    """Run those of the workloads that are named on the command line."""
    parser = argparse.ArgumentParser(description="Time Keras workloads under one package.")
    parser.add_argument("package", help="keras, pronghorn, or another package with Keras's API")
    parser.add_argument("workloads", nargs="*", help=f"{', '.join(workloads)}; all of them by default")
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_intermixed_args()
    unknown = [name for name in options.workloads if name not in workloads]
    if unknown:
        parser.error(f"no workload called {', '.join(unknown)}; there are {', '.join(workloads)}")
    start = time.perf_counter()
    keras = importlib.import_module(options.package)
    _ = keras.layers.Dense, keras.Sequential  # what is imported on first use counts too
    print(json.dumps({"import_s": time.perf_counter() - start}), flush=True)
    for name in options.workloads or workloads:
        try:
            figures = measure(keras, name, workloads[name], options.epochs)
        except Exception as error:  # a workload that does not run is a result too
            figures = {"workload": name, "error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    sys.exit(run_command_line(WORKLOADS))
