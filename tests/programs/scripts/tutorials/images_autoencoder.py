"""A convolutional autoencoder that takes noise away."""

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers, losses
from tensorflow.keras.models import Model

rng = np.random.default_rng(2)
x = np.zeros((64, 8, 8, 1), "float32")
x[:, 2:6, 2:6] = rng.random((64, 1, 1, 1))
noisy = tf.clip_by_value(x + 0.2 * rng.normal(size=x.shape).astype("float32"), clip_value_min=0.0, clip_value_max=1.0)


class Denoise(Model):
    def __init__(self):
        super().__init__()
        self.encoder = tf.keras.Sequential(
            [
                layers.Input(shape=(8, 8, 1)),
                layers.Conv2D(8, (3, 3), activation="relu", padding="same", strides=2),
                layers.Conv2D(4, (3, 3), activation="relu", padding="same", strides=2),
            ]
        )
        self.decoder = tf.keras.Sequential(
            [
                layers.Conv2DTranspose(4, kernel_size=3, strides=2, activation="relu", padding="same"),
                layers.Conv2DTranspose(8, kernel_size=3, strides=2, activation="relu", padding="same"),
                layers.Conv2D(1, kernel_size=(3, 3), activation="sigmoid", padding="same"),
            ]
        )

    def call(self, x):
        return self.decoder(self.encoder(x))


autoencoder = Denoise()
print("output", autoencoder(noisy[:2]).shape)
autoencoder.set_weights([rng.normal(0, 0.2, w.shape) for w in autoencoder.get_weights()])
autoencoder.compile(optimizer="adam", loss=losses.MeanSquaredError())
history = autoencoder.fit(
    noisy, x, epochs=3, batch_size=16, shuffle=False, verbose=0, validation_data=(noisy[:16], x[:16])
)
for name in ("loss", "val_loss"):
    print(name, [round(v, 4) for v in history.history[name]])
encoded = autoencoder.encoder(noisy).numpy()
decoded = autoencoder.decoder(encoded).numpy()
print("encoded", encoded.shape, "decoded", decoded.shape)
print("mean", round(float(decoded.mean()), 3))
