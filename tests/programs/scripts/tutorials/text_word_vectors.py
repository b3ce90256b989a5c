# Word embeddings by skip-grams and drawn classes, in the manner of word2vec.
import random
import re
import string

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers
from tensorflow.keras.preprocessing.sequence import make_sampling_table, skipgrams

LINES = ["The wide road shimmered in the hot sun.", "The hot road, the wide road!", "", "In the sun: a road."] * 4
SIZE = 12


def plain(text):
    return tf.strings.regex_replace(tf.strings.lower(text), f"[{re.escape(string.punctuation)}]", "")


lines = tf.data.Dataset.from_tensor_slices(LINES).filter(lambda x: tf.cast(tf.strings.length(x), bool))
vectorize = layers.TextVectorization(standardize=plain, max_tokens=SIZE, output_sequence_length=7)
vectorize.adapt(lines.batch(4))
print("known", [str(word) for word in vectorize.get_vocabulary()[:4]])
sequences = list(lines.batch(4).map(vectorize).unbatch().as_numpy_iterator())
print("first", sequences[0].tolist(), len(sequences))
print("table", make_sampling_table(SIZE).round(4)[:3].tolist())

random.seed(3)
targets, contexts, labels = [], [], []
for sequence in sequences:
    pairs, _ = skipgrams(sequence, vocabulary_size=SIZE, window_size=2, negative_samples=0, seed=1)
    for target, context in pairs:
        right = tf.constant([[context]], dtype="int64")
        drawn, _, _ = tf.random.log_uniform_candidate_sampler(right, 1, 4, True, SIZE, seed=42)
        contexts.append(tf.concat([tf.squeeze(right, 1), drawn], 0))
        targets.append(target)
        labels.append(tf.constant([1, 0, 0, 0, 0], dtype="int64"))
targets, contexts, labels = np.array(targets), np.array(contexts), np.array(labels)
print("pairs", targets.shape, contexts.shape, labels.shape, targets[:4].tolist(), contexts[:4, 0].tolist())


class WordVectors(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.of_target = layers.Embedding(SIZE, 8, name="vectors")
        self.of_context = layers.Embedding(SIZE, 8)

    def call(self, pair):
        target, context = pair
        return tf.einsum("be,bce->bc", self.of_target(target), self.of_context(context))


data = tf.data.Dataset.from_tensor_slices(((targets, contexts), labels)).shuffle(1000).batch(16, drop_remainder=True)
model = WordVectors()
loss = tf.keras.losses.CategoricalCrossentropy(from_logits=True)
model.compile("adam", loss=loss, metrics=["accuracy"])
history = model.fit(data.cache().prefetch(tf.data.AUTOTUNE), epochs=3, verbose=0).history
print("trained", sorted(history), history["loss"][-1] < history["loss"][0])
print("vectors", model.get_layer("vectors").get_weights()[0].shape)
