"""A known network is fine-tuned: a new end on a frozen network, then all of it with a low rate.

    pronghorn run examples/fine_tuning.py
    pronghorn run examples/fine_tuning.py --weights imagenet     # downloads 1.9 MB

`keras.applications` has the network, MobileNet at a quarter of its width. With `--weights imagenet` it knows a thousand
kinds of photos; otherwise it learns the digits 0 to 6 first. Then it gets a new end for the digits 7, 8 and 9, of which
there are 30 images each. Expect about 73 % with the new end and 79 % after the fine-tuning, by luck it would be 33 %.
"""

import argparse
import os
import tempfile

import keras
import numpy as np
from keras import layers
from keras.applications import mobilenet

parser = argparse.ArgumentParser()
parser.add_argument("--weights", choices=("digits", "imagenet"), default="digits")
options = parser.parse_args()
keras.utils.set_random_seed(0)

SIZE = 32
KNOWN = 7  # the digits below it are known; those from it on are new

# 1. The data: digits as the network wants its images, with three channels.

(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()


def as_photos(digits):
    """Digits of 28x28 bytes as colour images of 32x32."""
    framed = np.pad(digits, ((0, 0), (2, 2), (2, 2)))
    return np.repeat(framed[..., np.newaxis], 3, axis=-1).astype("float32")


few = np.concatenate([np.flatnonzero(y_train == digit)[:30] for digit in range(KNOWN, 10)])
x_few, y_few = as_photos(x_train[few]), y_train[few] - KNOWN
x_new, y_new = as_photos(x_test[y_test >= KNOWN]), y_test[y_test >= KNOWN] - KNOWN


def network(weights):
    """The network without its classifier: from an image to 256 numbers."""
    return mobilenet.MobileNet(
        input_shape=(SIZE, SIZE, 3), alpha=0.25, include_top=False, pooling="avg", weights=weights
    )


def with_end(base, digits):
    """The network with a new end, which names one of some digits."""
    images = keras.Input((SIZE, SIZE, 3))
    x = mobilenet.preprocess_input(images)
    # `training=False`: batch normalisation keeps the statistics it knows, also while all is tuned.
    x = base(x, training=False if not base.trainable else None)
    return keras.Model(images, layers.Dense(digits, activation="softmax")(layers.Dropout(0.2)(x)))


def train(model, x, y, rate, epochs, batch_size):
    """Train whatever is not frozen."""
    model.compile(keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=epochs, batch_size=batch_size, verbose=0)


# 2. A network that knows something.

if options.weights == "imagenet":
    base = network("imagenet")
else:
    teacher = with_end(network(None), KNOWN)
    many = np.flatnonzero(y_train < KNOWN)[:20_000]
    train(teacher, as_photos(x_train[many]), y_train[many], rate=0.002, epochs=2, batch_size=64)
    known = y_test < KNOWN
    accuracy = teacher.evaluate(as_photos(x_test[known]), y_test[known], verbose=0)[1]
    print(f"Digits 0 to 6: {accuracy:.2%}")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "known.weights.h5")
        next(layer for layer in teacher.layers if layer.name.startswith("mobilenet")).save_weights(path)
        base = network(path)

# 3. The new end, on the frozen network.

base.trainable = False
model = with_end(base, 10 - KNOWN)
train(model, x_few, y_few, rate=0.01, epochs=30, batch_size=15)
print(f"Digits 7 to 9, {len(x_few)} images, a new end: {model.evaluate(x_new, y_new, verbose=0)[1]:.2%}")

# 4. All of it, with a low rate. `trainable` takes effect at the next `compile`.

base.trainable = True
train(model, x_few, y_few, rate=0.0001, epochs=20, batch_size=15)
print(f"Digits 7 to 9, {len(x_few)} images, fine-tuned: {model.evaluate(x_new, y_new, verbose=0)[1]:.2%}")
