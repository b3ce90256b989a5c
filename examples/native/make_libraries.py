"""Write the C libraries that the programs of this folder use, and the digits as files.

    python make_libraries.py

`digits` is the tutorial's network, trained, for classify.c; `learner` is the same before training, with its training
step, for train.c; `cortex_m/digits` is the trained one for a Cortex-M4F. The folder `mnist` gets the files that MNIST
is published as.
"""

from __future__ import annotations

import argparse
import struct
from pathlib import Path

import numpy as np

import pronghorn as keras
from pronghorn import layers

parser = argparse.ArgumentParser(description="Write the C libraries that the programs of this folder use.")
parser.add_argument("--epochs", type=int, default=3, help="how often to go through the training images")
parser.add_argument("--images", type=int, default=60_000, help="train with fewer images, to try things out quickly")
parser.add_argument("--target", default="native", help="the machine that the programs are for")
options = parser.parse_args()
folder = Path(__file__).parent


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write bytes in the format IDX: two zeros, the type, the number of axes, and their lengths, large end first."""
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(head + array.astype("uint8").tobytes())


(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
for name, images, labels in (("train", x_train, y_train), ("t10k", x_test, y_test)):
    write_idx(folder / "mnist" / f"{name}-images-idx3-ubyte", images[: options.images])
    write_idx(folder / "mnist" / f"{name}-labels-idx1-ubyte", labels[: options.images])

keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.Input((28, 28, 1), name="image"),
        layers.Conv2D(32, kernel_size=3, activation="relu"),
        layers.MaxPooling2D(pool_size=2),
        layers.Conv2D(64, kernel_size=3, activation="relu"),
        layers.MaxPooling2D(pool_size=2),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax", name="digit"),
    ]
)
model.compile("adam", loss="categorical_crossentropy", metrics=["accuracy"])
model.export(folder / "learner", format="native", training=True, target=options.target)

x = np.expand_dims(x_train[: options.images].astype("float32") / 255, axis=-1)
y = keras.utils.to_categorical(y_train[: options.images], 10)
model.fit(x, y, batch_size=128, epochs=options.epochs, verbose=2)
model.export(folder / "digits", format="native", target=options.target)

one = [keras.InputSpec(shape=(1, 28, 28, 1), dtype="float32")]
model.export(folder / "cortex_m" / "digits", format="native", target="thumbv7em", input_signature=one)
shown = ", ".join(map(str, x_test[0].ravel()))
text = (
    f"/* A digit that the network has not seen: {y_test[0]}. */\nstatic const unsigned char digit[784] = {{{shown}}};\n"
)
(folder / "cortex_m" / "digit.h").write_text(text)
