"""A GAN: two networks, two optimizers, and a compiled step."""

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

rng = np.random.default_rng(1)


def make_generator_model():
    model = tf.keras.Sequential()
    model.add(layers.Input(shape=(6,)))
    model.add(layers.Dense(4 * 4 * 8, use_bias=False))
    model.add(layers.BatchNormalization())
    model.add(layers.LeakyReLU())
    model.add(layers.Reshape((4, 4, 8)))
    model.add(layers.Conv2DTranspose(1, (5, 5), strides=(2, 2), padding="same", use_bias=False, activation="tanh"))
    assert model.output_shape == (None, 8, 8, 1)
    return model


def make_discriminator_model():
    model = tf.keras.Sequential()
    model.add(layers.Input(shape=[8, 8, 1]))
    model.add(layers.Conv2D(8, (5, 5), strides=(2, 2), padding="same"))
    model.add(layers.LeakyReLU())
    model.add(layers.Flatten())
    model.add(layers.Dense(1))
    return model


generator, discriminator = make_generator_model(), make_discriminator_model()
for m in (generator, discriminator):
    m.set_weights(
        [
            np.ones(w.shape) if "variance" in w.name or "gamma" in w.name else rng.normal(0, 0.2, w.shape)
            for w in m.weights
        ]
    )
cross_entropy = tf.keras.losses.BinaryCrossentropy(from_logits=True)


def discriminator_loss(real_output, fake_output):
    return cross_entropy(tf.ones_like(real_output), real_output) + cross_entropy(
        tf.zeros_like(fake_output), fake_output
    )


generator_optimizer = tf.keras.optimizers.Adam(1e-3)
discriminator_optimizer = tf.keras.optimizers.Adam(1e-3)


@tf.function
def train_step(images, noise):
    with tf.GradientTape() as gen_tape, tf.GradientTape() as disc_tape:
        generated_images = generator(noise, training=True)
        real_output = discriminator(images, training=True)
        fake_output = discriminator(generated_images, training=True)
        gen_loss = cross_entropy(tf.ones_like(fake_output), fake_output)
        disc_loss = discriminator_loss(real_output, fake_output)
    gradients_of_generator = gen_tape.gradient(gen_loss, generator.trainable_variables)
    gradients_of_discriminator = disc_tape.gradient(disc_loss, discriminator.trainable_variables)
    generator_optimizer.apply_gradients(zip(gradients_of_generator, generator.trainable_variables))
    discriminator_optimizer.apply_gradients(zip(gradients_of_discriminator, discriminator.trainable_variables))
    return gen_loss, disc_loss


for step in range(3):
    images = tf.constant(rng.random((8, 8, 8, 1)).astype("float32") * 2 - 1)
    noise = tf.constant(rng.normal(size=(8, 6)).astype("float32"))
    g, d = train_step(images, noise)
    print("step", step, "generator", round(float(g), 3), "discriminator", round(float(d), 3))
print("image", generator(tf.random.normal([1, 6]), training=False).shape)
print("decision", discriminator(tf.zeros((2, 8, 8, 1))).shape)
print("steps", int(generator_optimizer.iterations))
