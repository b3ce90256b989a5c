"""A variational autoencoder with train_step of its own."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(0)


class Sampling(layers.Layer):
    def call(self, inputs):
        z_mean, z_log_var = inputs
        epsilon = tf.zeros_like(z_mean) + 0.1
        return z_mean + tf.exp(0.5 * z_log_var) * epsilon


encoder_inputs = keras.Input(shape=(8, 8, 1))
x = layers.Conv2D(4, 3, activation="relu", strides=2, padding="same")(encoder_inputs)
x = layers.Flatten()(x)
z_mean = layers.Dense(2, name="z_mean")(x)
z_log_var = layers.Dense(2, name="z_log_var")(x)
z = Sampling()([z_mean, z_log_var])
encoder = keras.Model(encoder_inputs, [z_mean, z_log_var, z], name="encoder")
latent = keras.Input(shape=(2,))
x = layers.Reshape((4, 4, 4))(layers.Dense(64, activation="relu")(latent))
decoder = keras.Model(
    latent, layers.Conv2DTranspose(1, 3, strides=2, activation="sigmoid", padding="same")(x), name="decoder"
)


class VAE(keras.Model):
    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.decoder = encoder, decoder
        self.total_loss_tracker = keras.metrics.Mean(name="total_loss")
        self.kl_loss_tracker = keras.metrics.Mean(name="kl_loss")

    @property
    def metrics(self):
        return [self.total_loss_tracker, self.kl_loss_tracker]

    def train_step(self, data):
        with tf.GradientTape() as tape:
            z_mean, z_log_var, z = self.encoder(data)
            reconstruction = self.decoder(z)
            reconstruction_loss = tf.reduce_mean(
                tf.reduce_sum(keras.losses.binary_crossentropy(data, reconstruction), axis=(1, 2))
            )
            kl_loss = -0.5 * (1 + z_log_var - tf.square(z_mean) - tf.exp(z_log_var))
            kl_loss = tf.reduce_mean(tf.reduce_sum(kl_loss, axis=1))
            total_loss = reconstruction_loss + kl_loss
        grads = tape.gradient(total_loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(grads, self.trainable_weights))
        self.total_loss_tracker.update_state(total_loss)
        self.kl_loss_tracker.update_state(kl_loss)
        return {"loss": self.total_loss_tracker.result(), "kl_loss": self.kl_loss_tracker.result()}


vae = VAE(encoder, decoder)
for part in (encoder, decoder):
    part.set_weights([rng.normal(0, 0.2, w.shape) for w in part.get_weights()])
vae.compile(optimizer=keras.optimizers.Adam(1e-3))
data = rng.random((32, 8, 8, 1)).astype("float32")
history = vae.fit(data, epochs=3, batch_size=16, shuffle=False, verbose=0)
print("loss", [round(float(v), 2) for v in history.history["loss"]])
print("kl", [round(float(v), 3) for v in history.history["kl_loss"]])
print("decoded", vae.decoder.predict(np.array([[0.0, 1.0]]), verbose=0).shape)
print("encoded", [p.shape for p in vae.encoder.predict(data, verbose=0)])
