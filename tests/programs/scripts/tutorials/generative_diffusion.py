"""The schedule and the loss of a diffusion model, with a network that is told the noise."""

import math

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(2)


@keras.utils.register_keras_serializable()
def sinusoidal_embedding(x):
    frequencies = tf.exp(tf.linspace(tf.math.log(1.0), tf.math.log(100.0), 4))
    angular_speeds = 2.0 * math.pi * frequencies
    return tf.concat([tf.sin(angular_speeds * x), tf.cos(angular_speeds * x)], axis=3)


def diffusion_schedule(diffusion_times):
    start_angle, end_angle = tf.acos(0.95), tf.acos(0.02)
    diffusion_angles = start_angle + diffusion_times * (end_angle - start_angle)
    return tf.sin(diffusion_angles), tf.cos(diffusion_angles)


noisy_images = keras.Input(shape=(8, 8, 3))
noise_variances = keras.Input(shape=(1, 1, 1))
e = layers.Lambda(sinusoidal_embedding, output_shape=(1, 1, 8))(noise_variances)
e = layers.UpSampling2D(size=8, interpolation="nearest")(e)
x = layers.Conv2D(8, kernel_size=1)(noisy_images)
x = layers.Concatenate()([x, e])
x = layers.Conv2D(8, kernel_size=3, padding="same", activation=keras.activations.swish)(x)
x = layers.Conv2D(3, kernel_size=1, kernel_initializer="zeros")(x)
network = keras.Model([noisy_images, noise_variances], x, name="residual_unet")
network.set_weights([rng.normal(0, 0.2, w.shape) for w in network.get_weights()])
images = rng.normal(size=(6, 8, 8, 3)).astype("float32")
noises = rng.normal(size=(6, 8, 8, 3)).astype("float32")
diffusion_times = tf.reshape(tf.linspace(0.1, 0.9, 6), (6, 1, 1, 1))
noise_rates, signal_rates = diffusion_schedule(diffusion_times)
print("rates", [round(float(v), 4) for v in tf.reshape(noise_rates, [-1])])
noisy = signal_rates * images + noise_rates * noises
optimizer = keras.optimizers.AdamW(learning_rate=1e-2, weight_decay=1e-4)
for step in range(3):
    with tf.GradientTape() as tape:
        pred_noises = network([noisy, noise_rates**2], training=True)
        pred_images = (noisy - noise_rates * pred_noises) / signal_rates
        noise_loss = tf.reduce_mean(tf.abs(noises - pred_noises))
    gradients = tape.gradient(noise_loss, network.trainable_weights)
    optimizer.apply_gradients(zip(gradients, network.trainable_weights))
    print("noise loss", round(float(noise_loss), 4))
print("images", pred_images.shape)
ema = keras.models.clone_model(network)
for weight, ema_weight in zip(network.weights, ema.weights):
    ema_weight.assign(0.9 * ema_weight + (1 - 0.9) * weight)
print("ema", len(ema.weights), ema.name)
