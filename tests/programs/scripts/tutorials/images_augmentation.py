"""Augmentation with tf.image and with layers; what does not depend on chance is printed."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

image = tf.constant((np.arange(8 * 6 * 3).reshape(8, 6, 3) % 251).astype("uint8"))
print("flipped", tf.image.flip_left_right(image)[0, 0].numpy().tolist())
print("up down", tf.image.flip_up_down(image)[0, 0].numpy().tolist())
print(
    "grey",
    tf.image.rgb_to_grayscale(image).shape,
    int(tf.reduce_sum(tf.cast(tf.image.rgb_to_grayscale(image), tf.int32))),
)
print("brighter", int(tf.reduce_sum(tf.cast(tf.image.adjust_brightness(image, 0.1), tf.int32))))
print("contrast", round(float(tf.reduce_mean(tf.image.adjust_contrast(tf.cast(image, tf.float32) / 255, 2.0))), 3))
print("saturated", round(float(tf.reduce_mean(tf.image.adjust_saturation(tf.cast(image, tf.float32) / 255, 3.0))), 3))
print("central", tf.image.central_crop(image, central_fraction=0.5).shape)
print("rotated", tf.image.rot90(image)[0, 0].numpy().tolist())
print("padded", tf.image.resize_with_crop_or_pad(image, 10, 10).shape)
for i in range(2):
    seed = (i, 0)
    stateless = tf.image.stateless_random_brightness(image, max_delta=0.5, seed=seed)
    again = tf.image.stateless_random_brightness(image, max_delta=0.5, seed=seed)
    print("stateless", bool(tf.reduce_all(stateless == again)), stateless.shape)
rng = tf.random.Generator.from_seed(123, alg="philox")
print("seeds", rng.make_seeds(2).shape)
crop = tf.image.random_crop(image, size=[4, 4, 3])
print("crop", crop.shape, crop.dtype == tf.uint8)
augment = keras.Sequential([keras.layers.RandomFlip("horizontal"), keras.layers.RandomRotation(0.1)])
batch = tf.cast(image, tf.float32)[tf.newaxis]
print(
    "layers", augment(batch, training=True).shape, float(tf.reduce_max(tf.abs(augment(batch, training=False) - batch)))
)
