"""Style transfer's pieces: Gram matrices, total variation, an image that is trained."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.default_rng(7)


def gram_matrix(input_tensor):
    result = tf.linalg.einsum("bijc,bijd->bcd", input_tensor, input_tensor)
    input_shape = tf.shape(input_tensor)
    num_locations = tf.cast(input_shape[1] * input_shape[2], tf.float32)
    return result / num_locations


features = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, activation="relu")])
features.set_weights([rng.normal(0, 0.3, w.shape) for w in features.get_weights()])
style = tf.constant(rng.random((1, 8, 8, 3)).astype("float32"))
target = gram_matrix(features(style))
print("gram", target.shape, round(float(tf.reduce_sum(target)), 3))
image = tf.Variable(rng.random((1, 8, 8, 3)).astype("float32"))
opt = keras.optimizers.Adam(learning_rate=0.02, beta_1=0.99, epsilon=1e-1)


@tf.function()
def train_step(image):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((gram_matrix(features(image)) - target) ** 2)
        loss += 1e-4 * tf.reduce_sum(tf.image.total_variation(image))
    grad = tape.gradient(loss, image)
    return loss, grad


for step in range(4):
    loss, grad = train_step(image)
    opt.apply_gradients([(grad, image)])
    image.assign(tf.clip_by_value(image, clip_value_min=0.0, clip_value_max=1.0))
    print("step", step, "loss", round(float(loss), 4))
sobel = tf.image.sobel_edges(image)
print("edges", sobel.shape)
x_deltas = image[:, :, 1:, :] - image[:, :, :-1, :]
print("deltas", x_deltas.shape, round(float(tf.reduce_mean(tf.abs(x_deltas))), 3))
