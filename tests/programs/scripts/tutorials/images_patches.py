"""A vision transformer's patches, position embeddings and attention."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(6)
images = rng.random((2, 12, 12, 3)).astype("float32")
patches = tf.image.extract_patches(
    images, sizes=[1, 4, 4, 1], strides=[1, 4, 4, 1], rates=[1, 1, 1, 1], padding="VALID"
)
patches = tf.reshape(patches, [2, -1, patches.shape[-1]])
print("patches", patches.shape, round(float(tf.reduce_sum(patches[0, 1])), 4))


class PatchEncoder(layers.Layer):
    def __init__(self, num_patches, projection_dim):
        super().__init__()
        self.num_patches = num_patches
        self.projection = layers.Dense(units=projection_dim)
        self.position_embedding = layers.Embedding(input_dim=num_patches, output_dim=projection_dim)

    def call(self, patch):
        positions = tf.range(start=0, limit=self.num_patches, delta=1)
        return self.projection(patch) + self.position_embedding(positions)


inputs = keras.Input((9, 48))
encoded = PatchEncoder(9, 8)(inputs)
x1 = layers.LayerNormalization(epsilon=1e-6)(encoded)
attention = layers.MultiHeadAttention(num_heads=2, key_dim=4)(x1, x1)
x2 = layers.Add()([attention, encoded])
x3 = layers.Dense(16, activation=tf.nn.gelu)(layers.LayerNormalization(epsilon=1e-6)(x2))
outputs = layers.Dense(4)(layers.GlobalAveragePooling1D()(x3))
model = keras.Model(inputs, outputs)
model.set_weights([rng.normal(0, 0.2, w.shape) for w in model.get_weights()])
print("parameters", model.count_params())
print("logits", [round(float(v), 3) for v in model(patches)[0]])
yuv = tf.image.rgb_to_yuv(images)
print("yuv", [round(float(v), 4) for v in tf.reduce_mean(yuv, axis=(0, 1, 2))])
print("back", round(float(tf.reduce_max(tf.abs(tf.image.yuv_to_rgb(yuv) - images))), 4))
