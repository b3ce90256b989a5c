"""What was learnt once helps again: transfer learning by freezing layers.

    pronghorn run examples/transfer_learning.py

A network learns the digits 0 to 6 from many images. For 7, 8 and 9 there are only 5 images of each: the convolutions,
which see strokes, are kept as they are, and only a new last layer is trained; then all is tuned with a small rate. A
network that has to start from nothing with the 15 images shows what that is worth. Expect about 70 % from nothing and
90 % with what was known.
"""

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(0)

KNOWN = 7  # the network learns the digits below it first

# 1. The data: the digits 0 to 6 in plenty, and 15 images of 7, 8 and 9.

(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train = x_train[..., np.newaxis].astype("float32") / 255
x_test = x_test[..., np.newaxis].astype("float32") / 255

x_many, y_many = x_train[y_train < KNOWN][:20_000], y_train[y_train < KNOWN][:20_000]
x_many_test, y_many_test = x_test[y_test < KNOWN], y_test[y_test < KNOWN]
few = np.concatenate([np.flatnonzero(y_train == digit)[:5] for digit in range(KNOWN, 10)])
x_few, y_few = x_train[few], y_train[few] - KNOWN
x_new, y_new = x_test[y_test >= KNOWN], y_test[y_test >= KNOWN] - KNOWN


def build_eyes():
    """The layers that see: from an image to what is in it, wherever it is."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.GlobalMaxPooling2D(),
        ],
        name="eyes",
    )


def build_reader(eyes, digits):
    """The whole network: eyes, and a layer that names one of some digits."""
    inputs = keras.Input((28, 28, 1))
    # `training=False`: batch normalisation keeps the statistics it knows, also while the rest is tuned.
    features = eyes(inputs, training=False if not eyes.trainable else None)
    outputs = layers.Dense(digits, activation="softmax")(layers.Dropout(0.3)(features))
    return keras.Model(inputs, outputs)


def train(model, x, y, rate, epochs, batch_size):
    """Train a network and return how many of the new digits it reads."""
    model.compile(keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=epochs, batch_size=batch_size, verbose=0)


def count_trainable(model):
    """How many numbers the training may change."""
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


# 2. The network that knows the digits 0 to 6.

eyes = build_eyes()
teacher = build_reader(eyes, KNOWN)
train(teacher, x_many, y_many, rate=0.001, epochs=3, batch_size=128)
print(f"Digits 0 to 6, {len(x_many):,} images: {teacher.evaluate(x_many_test, y_many_test, verbose=0)[1]:.2%}")

# 3. The digits 7, 8 and 9 from nothing.

beginner = build_reader(build_eyes(), 10 - KNOWN)
train(beginner, x_few, y_few, rate=0.001, epochs=40, batch_size=5)
print(f"Digits 7 to 9, {len(x_few)} images, from nothing: {beginner.evaluate(x_new, y_new, verbose=0)[1]:.2%}")

# 4. The digits 7, 8 and 9 with the eyes of the first network, frozen.

eyes.trainable = False
frozen_before = [weight.copy() for weight in eyes.get_weights()]
student = build_reader(eyes, 10 - KNOWN)
print(f"{count_trainable(student):,} of {student.count_params():,} weights are trained")
train(student, x_few, y_few, rate=0.01, epochs=40, batch_size=5)
unchanged = all(np.array_equal(old, new) for old, new in zip(frozen_before, eyes.get_weights()))
print(f"Digits 7 to 9, {len(x_few)} images, with frozen eyes: {student.evaluate(x_new, y_new, verbose=0)[1]:.2%}")
print(f"The frozen weights are {'what they were' if unchanged else 'CHANGED'}")

# 5. Fine tuning: the eyes may adapt a little. `trainable` takes effect at the next `compile`.

eyes.trainable = True
train(student, x_few, y_few, rate=0.0001, epochs=20, batch_size=5)
print(f"Digits 7 to 9, {len(x_few)} images, finely tuned: {student.evaluate(x_new, y_new, verbose=0)[1]:.2%}")
