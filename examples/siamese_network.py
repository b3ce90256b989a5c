"""The same or not? A siamese network compares two digits, also of kinds it has never been taught.

    pronghorn run examples/siamese_network.py

Both images go through one tower with one set of weights, which puts them in a space where equal digits lie close
together. The contrastive loss pulls pairs of equals together and pushes others apart. It learns from seven digits; 0, 1
and 7 are strangers. Expect about 97 % of the pairs right among the digits it knows, and 75 % among strangers.
"""

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)

KNOWN, STRANGERS = (2, 3, 4, 5, 6, 8, 9), (0, 1, 7)

# 1. The data: pairs of images, half of them of the same digit.

(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train = x_train[..., np.newaxis].astype("float32") / 255
x_test = x_test[..., np.newaxis].astype("float32") / 255


def make_pairs(images, labels, digits, count):
    """The left images, the right images, and 1.0 where both show the same digit."""
    places = [np.flatnonzero(labels == digit) for digit in digits]
    left, right, same = [], [], []
    for index in range(count):
        first = rng.integers(len(digits))
        second = first if index % 2 else (first + rng.integers(1, len(digits))) % len(digits)
        left.append(rng.choice(places[first]))
        right.append(rng.choice(places[second]))
        same.append(float(first == second))
    return images[left], images[right], np.array(same, "float32")


left, right, same = make_pairs(x_train, y_train, KNOWN, 20_000)

# 2. The model: one tower, called twice.

tower = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(16, 5, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(32, 5, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(32),
        layers.UnitNormalization(),
    ],
    name="tower",
)


def distance(vectors):
    """How far two points are from each other; the small number keeps the slope finite where they meet."""
    first, second = vectors
    return ops.sqrt(ops.sum(ops.square(first - second), axis=-1, keepdims=True) + 1e-7)


left_input, right_input = keras.Input((28, 28, 1)), keras.Input((28, 28, 1))
apart = layers.Lambda(distance, output_shape=(1,))([tower(left_input), tower(right_input)])
model = keras.Model([left_input, right_input], apart, name="siamese")


def contrastive_loss(y_true, y_pred):
    """Equals are to be at one point, others at a distance of one or more."""
    together = y_true * ops.square(y_pred)
    separate = (1 - y_true) * ops.square(ops.maximum(1 - y_pred, 0))
    return ops.mean(together + separate, axis=-1)


def pair_accuracy(y_true, y_pred):
    """How many pairs are on the right side of one half."""
    return ops.mean(ops.cast(ops.equal(y_true > 0.5, y_pred < 0.5), "float32"), axis=-1)


# 3. The training.

model.compile(keras.optimizers.Adam(0.001), loss=contrastive_loss, metrics=[pair_accuracy])
model.fit([left, right], same[:, np.newaxis], batch_size=128, epochs=5, verbose=2)

# 4. The test, with images it has not seen, of digits it knows and of strangers.

for title, digits in (("Digits it knows", KNOWN), ("Strangers (0, 1, 7)", STRANGERS)):
    left, right, same = make_pairs(x_test, y_test, digits, 2_000)
    apart = model.predict([left, right], batch_size=200, verbose=0)[:, 0]
    right_answers = np.mean((apart < 0.5) == (same > 0.5))
    print(
        f"{title}: {right_answers:.1%} of the pairs right; "
        f"equals are {apart[same == 1].mean():.2f} apart, others {apart[same == 0].mean():.2f}"
    )
