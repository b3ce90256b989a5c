"""Cleaning pictures: a convolutional autoencoder takes the noise out of handwritten digits.

    pronghorn run examples/convolutional_autoencoder.py

It squeezes an image of 784 pixels through 7 by 7 places and unfolds it again with transposed convolutions. What fits
through is the digit; the noise does not. denoised.png shows digits before and after. Expect the error of a pixel to
fall from 0.24 to about 0.06.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)

# 1. The data: clean digits, and the same ones with snow on them.

(x_train, _), (x_test, _) = keras.datasets.mnist.load_data()
x_train = x_train[:10_000, ..., np.newaxis].astype("float32") / 255
x_test = x_test[:1_000, ..., np.newaxis].astype("float32") / 255


def add_noise(images):
    """Snow over an image; what is black or white stays within the range."""
    return np.clip(images + 0.6 * rng.normal(size=images.shape), 0, 1).astype("float32")


noisy_train, noisy_test = add_noise(x_train), add_noise(x_test)

# 2. The network: an encoder and a decoder, each a model of its own.

encoder = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu", padding="same"),
        layers.MaxPooling2D(2),
        layers.Conv2D(16, 3, activation="relu", padding="same"),
        layers.MaxPooling2D(2),
    ],
    name="encoder",
)
decoder = keras.Sequential(
    [
        keras.Input((7, 7, 16)),
        layers.Conv2DTranspose(16, 3, strides=2, activation="relu", padding="same"),
        layers.Conv2DTranspose(32, 3, strides=2, activation="relu", padding="same"),
        layers.Conv2D(1, 3, activation="sigmoid", padding="same"),
    ],
    name="decoder",
)
autoencoder = keras.Sequential([encoder, decoder], name="autoencoder")
autoencoder.compile(keras.optimizers.Adam(0.002), loss="binary_crossentropy")
autoencoder.build((None, 28, 28, 1))
autoencoder.summary()

# 3. The training: noisy images in, clean ones to compare with.

autoencoder.fit(
    noisy_train,
    x_train,
    batch_size=64,
    epochs=6,
    validation_data=(noisy_test, x_test),
    callbacks=[keras.callbacks.ReduceLROnPlateau(patience=1, verbose=0)],
    verbose=2,
)

# 4. The result.

cleaned = autoencoder.predict(noisy_test, batch_size=200, verbose=0)
before = np.mean(np.abs(noisy_test - x_test))
after = np.mean(np.abs(cleaned - x_test))
print(f"Error of a pixel: {before:.3f} with the noise, {after:.3f} without")

figure, grid = plt.subplots(3, 10, figsize=(10, 3.4), layout="constrained")
for row, images in zip(grid, (noisy_test, cleaned, x_test)):
    for axes, image in zip(row, images):
        axes.imshow(image[..., 0], cmap="gray_r", vmin=0, vmax=1)
        axes.axis("off")
figure.suptitle("Noisy digits, what the network makes of them, and the originals")
figure.savefig("denoised.png", dpi=120)
