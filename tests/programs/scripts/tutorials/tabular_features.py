"""A table: normalization, categories, and a functional model of named inputs."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(0)
data = {
    "age": rng.integers(18, 70, 64).astype("float32"),
    "fee": rng.normal(100, 20, 64).astype("float32"),
    "kind": np.array(["cat", "dog"])[rng.integers(0, 2, 64)].astype(object),
}
target = ((data["age"] > 40) & (data["kind"] == "cat")).astype("float32")


def df_to_dataset(features, labels, batch_size=16):
    ds = tf.data.Dataset.from_tensor_slices((dict(features), labels))
    return ds.batch(batch_size).prefetch(batch_size)


ds = df_to_dataset(data, target)
[(train_features, label_batch)] = ds.take(1)
print("keys", sorted(train_features.keys()))
print("kinds", train_features["kind"][:3].numpy().tolist(), label_batch[:3].numpy().tolist())


def get_normalization_layer(name, dataset):
    normalizer = layers.Normalization(axis=None)
    normalizer.adapt(dataset.map(lambda x, y: x[name]))
    return normalizer


def get_category_encoding_layer(name, dataset):
    index = layers.StringLookup(max_tokens=None)
    index.adapt(dataset.map(lambda x, y: x[name]))
    encoder = layers.CategoryEncoding(num_tokens=index.vocabulary_size())
    return lambda feature: encoder(index(feature))


print(
    "normalized", [round(float(v), 3) for v in np.ravel(get_normalization_layer("fee", ds)(train_features["fee"]))[:3]]
)
print("encoded", np.asarray(get_category_encoding_layer("kind", ds)(train_features["kind"]))[:2].shape)
all_inputs, encoded_features = {}, []
for name in ("age", "fee"):
    col = keras.Input(shape=(1,), name=name)
    all_inputs[name] = col
    encoded_features.append(get_normalization_layer(name, ds)(col))
kind = keras.Input(shape=(1,), name="kind", dtype="string")
all_inputs["kind"] = kind
lookup = layers.StringLookup(vocabulary=["cat", "dog"], output_mode="one_hot")
encoded_features.append(lookup(kind))
x = layers.Dense(8, activation="relu")(layers.concatenate(encoded_features))
model = keras.Model(all_inputs, layers.Dense(1)(x))
model.set_weights([w if i < 6 else rng.normal(0, 0.3, w.shape) for i, w in enumerate(model.get_weights())])
model.compile(optimizer="adam", loss=keras.losses.BinaryCrossentropy(from_logits=True), metrics=["accuracy"])
column = lambda x, y: ({k: tf.expand_dims(v, -1) for k, v in x.items()}, y)
history = model.fit(ds.map(column), epochs=2, verbose=0)
print("loss", [round(v, 2) for v in history.history["loss"]])
sample = {"age": tf.constant([[50.0]]), "fee": tf.constant([[90.0]]), "kind": tf.constant([["cat"]])}
print("probability", tf.nn.sigmoid(model.predict(sample, verbose=0)).shape)
