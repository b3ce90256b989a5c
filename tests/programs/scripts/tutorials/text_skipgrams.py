"""Word embeddings with skip-grams: windows of words, negative samples by hand, and dot products."""

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

sentence = "The wide road shimmered in the hot sun"
tokens = list(sentence.lower().split())
vocab, index = {"<pad>": 0}, 1
for token in tokens:
    if token not in vocab:
        vocab[token] = index
        index += 1
sequence = [vocab[word] for word in tokens]
print("sequence", sequence)
pairs = [(sequence[i], sequence[j]) for i in range(8) for j in range(max(0, i - 2), min(8, i + 3)) if i != j]
print("pairs", len(pairs), pairs[:3])
targets, contexts, labels = [], [], []
rng = np.random.default_rng(0)
for target, context in pairs:
    negatives = rng.integers(1, 8, 3)
    targets.append(target)
    contexts.append(tf.concat([tf.constant([context], tf.int64), tf.constant(negatives, tf.int64)], 0))
    labels.append(tf.constant([1] + [0] * 3, dtype="int64"))
targets, contexts, labels = np.array(targets), np.array(contexts), np.array(labels)
print("shapes", targets.shape, contexts.shape, labels.shape)


class Word2Vec(tf.keras.Model):
    def __init__(self, vocab_size, embedding_dim):
        super().__init__()
        self.target_embedding = layers.Embedding(vocab_size, embedding_dim, name="w2v_embedding")
        self.context_embedding = layers.Embedding(vocab_size, embedding_dim)

    def call(self, pair):
        target, context = pair
        if len(target.shape) == 2:
            target = tf.squeeze(target, axis=1)
        word_emb = self.target_embedding(target)
        context_emb = self.context_embedding(context)
        return tf.einsum("be,bce->bc", word_emb, context_emb)


dataset = tf.data.Dataset.from_tensor_slices(((targets, contexts), labels)).batch(8, drop_remainder=True).cache()
print("data", len(dataset), dataset.element_spec[1].shape[1])
word2vec = Word2Vec(9, 4)
(pair, label) = next(iter(dataset))
print("logits", word2vec(pair).shape)
word2vec.set_weights([rng.normal(0, 0.5, w.shape) for w in word2vec.get_weights()])
word2vec.compile(optimizer="adam", loss=tf.keras.losses.CategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
history = word2vec.fit(dataset, epochs=3, verbose=0)
print("loss", [round(v, 3) for v in history.history["loss"]])
print("weights", word2vec.get_layer("w2v_embedding").get_weights()[0].shape)
