"""Masking and padding: pad_sequences, Embedding, Masking, and a layer of one's own that keeps the mask."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

raw_inputs = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
padded = keras.utils.pad_sequences(raw_inputs, padding="post")
print("padded", padded.tolist())
embedding = layers.Embedding(input_dim=5000, output_dim=4, mask_zero=True)
masked_output = embedding(padded)
print("mask", np.asarray(embedding.compute_mask(padded)).astype(int).tolist())
masking_layer = layers.Masking()
unmasked = tf.cast(tf.tile(tf.expand_dims(padded, axis=-1), [1, 1, 3]), tf.float32)
print("masking", np.asarray(masking_layer.compute_mask(unmasked)).sum(1).tolist())
rng = np.random.default_rng(0)
model = keras.Sequential(
    [keras.Input((None,), dtype="int32"), layers.Embedding(5000, 4, mask_zero=True), layers.LSTM(3)]
)
model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
whole = model(padded)
alone = model(np.array([raw_inputs[0]]))
print("same", bool(np.allclose(whole[0], alone[0], atol=1e-6)))
print("values", np.asarray(whole[0]).round(3).tolist())


class TemporalSplit(keras.layers.Layer):
    def call(self, inputs):
        return tf.split(inputs, 2, axis=1)

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else tf.split(mask, 2, axis=1)


first_half, second_half = TemporalSplit()(masked_output)
print("split", first_half.shape, second_half.shape)
lengths = tf.constant([1, 3, 2])
print("sequence mask", tf.sequence_mask(lengths, 4, dtype=tf.int32).numpy().tolist())
ragged = tf.ragged.constant(raw_inputs)
print("ragged", ragged.to_tensor().shape, tf.reduce_mean(tf.cast(ragged, tf.float32), axis=1).numpy().tolist()[0])
print("batches", [b.to_list()[0][:2] for b in tf.data.Dataset.from_tensor_slices(ragged).ragged_batch(2)])
