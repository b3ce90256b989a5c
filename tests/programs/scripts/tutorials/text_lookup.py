"""Tables, hashes and categories: text preprocessing without a model."""

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

keys = tf.constant(["red", "green", "blue"])
values = tf.constant([0, 1, 2], tf.int64)
table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), default_value=-1)
print("lookup", table.lookup(tf.constant(["blue", "pink"])).numpy().tolist(), table.size().numpy())
vocabulary_table = tf.lookup.StaticVocabularyTable(tf.lookup.KeyValueTensorInitializer(keys, values), num_oov_buckets=2)
print("buckets", vocabulary_table.lookup(tf.constant(["red", "pink", "grey"])).numpy().tolist())
ragged = tf.strings.split(["red blue", "green"])
print("ragged", tf.ragged.map_flat_values(table.lookup, ragged).to_list())
lookup = layers.StringLookup(vocabulary=["a", "b"])
print("StringLookup", lookup(tf.constant([["a", "c"], ["b", ""]])).numpy().tolist())
print(
    "one hot",
    layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")(tf.constant(["a", "z"])).numpy().tolist(),
)
hashing = layers.Hashing(num_bins=5)
print("Hashing", hashing(tf.constant([["a"], ["b"], ["c"]])).numpy().ravel().tolist())
integer = layers.IntegerLookup(vocabulary=[10, 20])
print("IntegerLookup", integer(tf.constant([10, 30])).numpy().tolist())
inverse = layers.StringLookup(vocabulary=["a", "b"], invert=True)
print("inverse", inverse(tf.constant([1, 2, 0])).numpy().tolist())
data = tf.constant(["ξεῖνε, ἦ", "ἄγγελλε"])
vectorizer = layers.TextVectorization(output_mode="multi_hot", ngrams=1)
vectorizer.adapt(data)
print("multi hot", vectorizer(data).numpy().sum(1).tolist())
texts = [np.str_("the cat"), np.str_("the dog ran")]
counting = layers.TextVectorization(output_mode="count")
counting.adapt(texts)
print("vocabulary", [str(w) for w in counting.get_vocabulary()])
print("count", counting(["the the cat"]).numpy().tolist())
tfidf = layers.TextVectorization(output_mode="tf_idf", vocabulary=["the", "cat"], idf_weights=[0.5, 1.0])
print("tf-idf", tfidf(["the cat the"]).numpy().round(3).tolist())
