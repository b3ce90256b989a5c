"""Characters, ids, sequences and one step of sampling, as in the tutorial on generating text with an RNN."""

import numpy as np
import tensorflow as tf

text = "First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\nSpeak, speak.\n"
vocab = sorted(set(text))
print("characters", len(vocab))
ids_from_chars = tf.keras.layers.StringLookup(vocabulary=list(vocab), mask_token=None)
chars_from_ids = tf.keras.layers.StringLookup(vocabulary=ids_from_chars.get_vocabulary(), invert=True, mask_token=None)
chars = tf.strings.unicode_split(["abc", "spe"], input_encoding="UTF-8")
print("chars", chars.to_list())
all_ids = ids_from_chars(tf.strings.unicode_split(text, "UTF-8"))
print("ids", all_ids.shape, np.asarray(all_ids)[:8].tolist())


def text_from_ids(ids):
    return tf.strings.reduce_join(chars_from_ids(ids), axis=-1)


print("text", text_from_ids(all_ids[:14]).numpy())
ids_dataset = tf.data.Dataset.from_tensor_slices(all_ids)
sequences = ids_dataset.batch(11, drop_remainder=True)
for seq in sequences.take(2):
    print("sequence", text_from_ids(seq).numpy())


def split_input_target(sequence):
    return sequence[:-1], sequence[1:]


dataset = sequences.map(split_input_target).batch(2, drop_remainder=True)
for inp, target in dataset.take(1):
    print("batch", inp.shape, target.shape)


class MyModel(tf.keras.Model):
    def __init__(self, vocab_size, embedding_dim, rnn_units):
        super().__init__()
        self.embedding = tf.keras.layers.Embedding(vocab_size, embedding_dim)
        self.gru = tf.keras.layers.GRU(rnn_units, return_sequences=True, return_state=True)
        self.dense = tf.keras.layers.Dense(vocab_size)

    def call(self, inputs, states=None, return_state=False, training=False):
        x = self.embedding(inputs, training=training)
        x, states = self.gru(x, initial_state=states, training=training)
        x = self.dense(x, training=training)
        return (x, states) if return_state else x


model = MyModel(len(ids_from_chars.get_vocabulary()), 8, 16)
print("predictions", model(inp).shape)
rng = np.random.default_rng(0)
model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
loss = tf.losses.SparseCategoricalCrossentropy(from_logits=True)
print("loss", round(float(loss(target, model(inp))), 3))
model.compile(optimizer="adam", loss=loss)
history = model.fit(dataset, epochs=2, verbose=0)
print("trained", [round(v, 3) for v in history.history["loss"]])
predicted_logits, states = model(inp[:, :1], return_state=True)
sampled = tf.squeeze(tf.random.categorical(predicted_logits[:, -1, :], num_samples=1), axis=-1)
print("sampled", sampled.shape, states.shape)
