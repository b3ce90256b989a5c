"""A variational autoencoder draws digits: a `train_step` of one's own, with TensorFlow's GradientTape.

    pronghorn run examples/vae.py

The encoder gives each image a small cloud in the plane, the decoder draws an image from a point of it, and the loss
asks for good drawings and for clouds that lie close together. All of that is in `train_step`, as Keras's users write
it. vae_digits.png shows the plane, full of digits. Expect a drawing loss near 160 on test images after ten epochs, and
544 before the first.
"""

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

keras.utils.set_random_seed(0)


class Sampling(layers.Layer):
    """A point at random out of the cloud with this centre and this logarithm of the variance."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(0)

    def call(self, inputs):
        mean, log_var = inputs
        noise = keras.random.normal(tf.shape(mean), seed=self.seed_generator)
        return mean + tf.exp(0.5 * log_var) * noise


class VAE(keras.Model):
    """An encoder and a decoder that are trained together."""

    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.total_loss_tracker = keras.metrics.Mean(name="loss")
        self.drawing_loss_tracker = keras.metrics.Mean(name="drawing_loss")
        self.cloud_loss_tracker = keras.metrics.Mean(name="cloud_loss")

    @property
    def metrics(self):
        return [self.total_loss_tracker, self.drawing_loss_tracker, self.cloud_loss_tracker]

    def losses_of(self, images):
        """How bad the drawings are, pixel by pixel, and how far the clouds are from the middle."""
        mean, log_var, point = self.encoder(images)
        drawing = self.decoder(point)
        pixels = keras.losses.binary_crossentropy(images, drawing)
        drawing_loss = tf.reduce_mean(tf.reduce_sum(pixels, axis=(1, 2)))
        cloud = -0.5 * (1 + log_var - tf.square(mean) - tf.exp(log_var))
        return drawing_loss, tf.reduce_mean(tf.reduce_sum(cloud, axis=1))

    def train_step(self, data):
        with tf.GradientTape() as tape:
            drawing_loss, cloud_loss = self.losses_of(data)
            total_loss = drawing_loss + cloud_loss
        gradients = tape.gradient(total_loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights))
        self.total_loss_tracker.update_state(total_loss)
        self.drawing_loss_tracker.update_state(drawing_loss)
        self.cloud_loss_tracker.update_state(cloud_loss)
        return {metric.name: metric.result() for metric in self.metrics}


images = keras.Input((28, 28, 1))
x = layers.Conv2D(32, 3, activation="relu", strides=2, padding="same")(images)
x = layers.Conv2D(64, 3, activation="relu", strides=2, padding="same")(x)
x = layers.Dense(32, activation="relu")(layers.Flatten()(x))
mean = layers.Dense(2, name="mean")(x)
log_var = layers.Dense(2, name="log_var")(x)
encoder = keras.Model(images, [mean, log_var, Sampling()([mean, log_var])], name="encoder")

points = keras.Input((2,))
x = layers.Dense(7 * 7 * 32, activation="relu")(points)
x = layers.Reshape((7, 7, 32))(x)
x = layers.Conv2DTranspose(32, 3, activation="relu", strides=2, padding="same")(x)
x = layers.Conv2DTranspose(16, 3, activation="relu", strides=2, padding="same")(x)
decoder = keras.Model(points, layers.Conv2DTranspose(1, 3, activation="sigmoid", padding="same")(x), name="decoder")

(x_train, _), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train = np.expand_dims(x_train[:10_000], -1).astype("float32") / 255
x_test = np.expand_dims(x_test[:500], -1).astype("float32") / 255

vae = VAE(encoder, decoder)
vae.compile(optimizer=keras.optimizers.Adam(0.002))
before, _ = vae.losses_of(x_test)
history = vae.fit(x_train, epochs=10, batch_size=128, verbose=2)
after, clouds = vae.losses_of(x_test)
print(f"Drawing loss on test images: {float(before):.1f} before, {float(after):.1f} after; clouds {float(clouds):.2f}")

# The digits that live in the plane.
side = np.linspace(-2, 2, 12)
grid = np.array([(u, v) for v in side[::-1] for u in side], "float32")
drawings = vae.decoder.predict(grid, batch_size=72, verbose=0).reshape(12, 12, 28, 28)
figure, axes = plt.subplots(figsize=(7, 7), layout="constrained")
axes.imshow(drawings.transpose(0, 2, 1, 3).reshape(12 * 28, 12 * 28), cmap="gray_r")
axes.set(title="What the decoder draws at each point of the plane", xticks=[], yticks=[])
figure.savefig("vae_digits.png", dpi=120)
