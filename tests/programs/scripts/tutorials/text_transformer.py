"""A transformer block with token and position embeddings, and a causal mask."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(0)


def causal_attention_mask(batch_size, n_dest, n_src, dtype):
    i = tf.range(n_dest)[:, None]
    j = tf.range(n_src)
    m = i >= j - n_src + n_dest
    mask = tf.cast(m, dtype)
    mask = tf.reshape(mask, [1, n_dest, n_src])
    mult = tf.concat([tf.expand_dims(batch_size, -1), tf.constant([1, 1], dtype=tf.int32)], 0)
    return tf.tile(mask, mult)


print("mask", causal_attention_mask(2, 3, 3, tf.int32).numpy()[1].tolist())


class TokenAndPositionEmbedding(layers.Layer):
    def __init__(self, maxlen, vocab_size, embed_dim):
        super().__init__()
        self.token_emb = layers.Embedding(input_dim=vocab_size, output_dim=embed_dim)
        self.pos_emb = layers.Embedding(input_dim=maxlen, output_dim=embed_dim)

    def call(self, x):
        maxlen = tf.shape(x)[-1]
        positions = tf.range(start=0, limit=maxlen, delta=1)
        return self.token_emb(x) + self.pos_emb(positions)


class TransformerBlock(layers.Layer):
    def __init__(self, embed_dim, num_heads, ff_dim, rate=0.0):
        super().__init__()
        self.att = layers.MultiHeadAttention(num_heads=num_heads, key_dim=embed_dim)
        self.ffn = keras.Sequential([layers.Dense(ff_dim, activation="relu"), layers.Dense(embed_dim)])
        self.layernorm1, self.layernorm2 = (
            layers.LayerNormalization(epsilon=1e-6),
            layers.LayerNormalization(epsilon=1e-6),
        )
        self.dropout = layers.Dropout(rate)

    def call(self, inputs):
        out1 = self.layernorm1(inputs + self.att(inputs, inputs, use_causal_mask=True))
        return self.layernorm2(out1 + self.dropout(self.ffn(out1)))


inputs = layers.Input(shape=(7,), dtype="int32")
x = TokenAndPositionEmbedding(7, 20, 8)(inputs)
x = TransformerBlock(8, 2, 16)(x)
outputs = layers.Dense(20)(x)
model = keras.Model(inputs=inputs, outputs=outputs)
model.set_weights([rng.normal(0, 0.2, w.shape) for w in model.get_weights()])
x_train = rng.integers(0, 20, (16, 7))
y_train = np.roll(x_train, -1, axis=1)
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
history = model.fit(x_train, y_train, batch_size=8, epochs=2, shuffle=False, verbose=0)
print("loss", [round(v, 3) for v in history.history["loss"]])
logits, indices = tf.math.top_k(model(x_train[:1])[0, -1], k=3, sorted=True)
print("top", logits.shape, indices.shape)
changed = x_train[:1].copy()
changed[0, 6] = (changed[0, 6] + 1) % 20
print("causal", bool(np.allclose(model(x_train[:1])[:, :6], model(changed)[:, :6], atol=1e-5)))


def positional_encoding(length, depth):
    depth = depth / 2
    angle_rads = np.arange(length)[:, np.newaxis] / (10000 ** (np.arange(depth)[np.newaxis, :] / depth))
    return tf.cast(np.concatenate([np.sin(angle_rads), np.cos(angle_rads)], axis=-1), dtype=tf.float32)


print("positions", positional_encoding(4, 6).shape, round(float(tf.reduce_sum(positional_encoding(4, 6))), 3))
