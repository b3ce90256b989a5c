"""Two networks play against each other: a DCGAN, with two optimizers in one `train_step`.

    pronghorn run examples/dcgan.py

The generator draws digits out of random numbers, the discriminator tells them from real ones; each learns from the
other's success. After six epochs most of the drawings are digits, and the others look like handwriting:
dcgan_digits.png. The mean of the drawings, grey in the middle and white around, should look like the mean of real
digits: expect a correlation of 0.95 and more.
"""

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

keras.utils.set_random_seed(0)

NOISE = 64


def build_discriminator():
    """From an image to one number: above zero for a real one."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 4, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2D(64, 4, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(1),
        ],
        name="discriminator",
    )


def build_generator():
    """From random numbers to an image."""
    return keras.Sequential(
        [
            keras.Input((NOISE,)),
            layers.Dense(7 * 7 * 64, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Reshape((7, 7, 64)),
            layers.Conv2DTranspose(32, 4, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="sigmoid"),
        ],
        name="generator",
    )


class GAN(keras.Model):
    """The two players."""

    def __init__(self, discriminator, generator):
        super().__init__()
        self.discriminator = discriminator
        self.generator = generator
        self.seed_generator = keras.random.SeedGenerator(1)
        self.d_loss_metric = keras.metrics.Mean(name="d_loss")
        self.g_loss_metric = keras.metrics.Mean(name="g_loss")

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super().compile()
        self.d_optimizer = d_optimizer
        self.g_optimizer = g_optimizer
        self.loss_fn = loss_fn

    @property
    def metrics(self):
        return [self.d_loss_metric, self.g_loss_metric]

    def train_step(self, real_images):
        batch_size = tf.shape(real_images)[0]

        # The discriminator's move: real images shall get a one, drawings a zero.
        noise = keras.random.normal((batch_size, NOISE), seed=self.seed_generator)
        drawings = self.generator(noise, training=True)
        both = tf.concat([real_images, drawings], axis=0)
        answers = tf.concat([0.9 * tf.ones((batch_size, 1)), tf.zeros((batch_size, 1))], axis=0)
        with tf.GradientTape() as tape:
            d_loss = self.loss_fn(answers, self.discriminator(both, training=True))
        gradients = tape.gradient(d_loss, self.discriminator.trainable_weights)
        self.d_optimizer.apply_gradients(zip(gradients, self.discriminator.trainable_weights))

        # The generator's move: new drawings shall be taken for real ones.
        noise = keras.random.normal((batch_size, NOISE), seed=self.seed_generator)
        with tf.GradientTape() as tape:
            verdict = self.discriminator(self.generator(noise, training=True), training=True)
            g_loss = self.loss_fn(tf.ones((batch_size, 1)), verdict)
        gradients = tape.gradient(g_loss, self.generator.trainable_weights)
        self.g_optimizer.apply_gradients(zip(gradients, self.generator.trainable_weights))

        self.d_loss_metric.update_state(d_loss)
        self.g_loss_metric.update_state(g_loss)
        return {"d_loss": self.d_loss_metric.result(), "g_loss": self.g_loss_metric.result()}


(x_train, _), _ = keras.datasets.mnist.load_data()
x_train = x_train[:20_000, ..., np.newaxis].astype("float32") / 255

gan = GAN(build_discriminator(), build_generator())
gan.compile(
    d_optimizer=keras.optimizers.Adam(5e-4, beta_1=0.5),
    g_optimizer=keras.optimizers.Adam(1e-3, beta_1=0.5),
    loss_fn=keras.losses.BinaryCrossentropy(from_logits=True),
)
gan.fit(x_train, batch_size=64, epochs=6, verbose=2)

noise = keras.random.normal((256, NOISE), seed=2)
drawings = keras.ops.convert_to_numpy(gan.generator(noise, training=False))
likeness = np.corrcoef(drawings.mean(axis=0).ravel(), x_train.mean(axis=0).ravel())[0, 1]
print(f"Mean drawing and mean digit: correlation {likeness:.2f}; ink {drawings.mean():.1%} and {x_train.mean():.1%}")

figure, grid = plt.subplots(4, 10, figsize=(10, 4), layout="constrained")
for axes, drawing in zip(grid.flat, drawings):
    axes.imshow(drawing[..., 0], cmap="gray_r", vmin=0, vmax=1)
    axes.axis("off")
figure.suptitle("Digits that nobody wrote")
figure.savefig("dcgan_digits.png", dpi=120)
