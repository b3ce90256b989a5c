"""Texts in files, cleaned with tf.strings, vectorized, and classified."""

import os
import re
import string
import tempfile

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers, losses

folder = tempfile.mkdtemp()
texts = {
    "neg": ["A <br />bad film, bad!", "awful and boring.", "so bad; so slow", "I was bored..."],
    "pos": ["What a great film!", "great actors, lovely", "a lovely <br />story", "GREAT fun"],
}
for name, files in texts.items():
    os.makedirs(os.path.join(folder, name))
    for i, text in enumerate(files):
        with open(os.path.join(folder, name, f"{i}.txt"), "w") as f:
            f.write(text)
raw = tf.keras.utils.text_dataset_from_directory(folder, batch_size=4, shuffle=False, verbose=False)
for text_batch, label_batch in raw.take(1):
    for i in range(2):
        print("Review", text_batch.numpy()[i], "Label", label_batch.numpy()[i])


def custom_standardization(input_data):
    lowercase = tf.strings.lower(input_data)
    stripped_html = tf.strings.regex_replace(lowercase, "<br />", " ")
    return tf.strings.regex_replace(stripped_html, "[%s]" % re.escape(string.punctuation), "")


vectorize_layer = layers.TextVectorization(
    standardize=custom_standardization, max_tokens=50, output_mode="int", output_sequence_length=6
)
vectorize_layer.adapt(raw.map(lambda x, y: x))
print("vocabulary", [str(w) for w in vectorize_layer.get_vocabulary()[:4]], vectorize_layer.vocabulary_size())


def vectorize_text(text, label):
    text = tf.expand_dims(text, -1)
    return vectorize_layer(text), label


train_ds = raw.map(vectorize_text).cache().prefetch(tf.data.AUTOTUNE)
for x, y in train_ds.take(1):
    print("vectorized", x.numpy().tolist())
model = tf.keras.Sequential(
    [layers.Embedding(51, 4), layers.GlobalAveragePooling1D(), layers.Dense(1, activation="sigmoid")]
)
model.build((None, 6))
rng = np.random.default_rng(0)
model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
model.compile(loss=losses.BinaryCrossentropy(), optimizer="adam", metrics=[tf.metrics.BinaryAccuracy(threshold=0.5)])
history = model.fit(train_ds, epochs=3, verbose=0)
print("loss", [round(v, 3) for v in history.history["loss"]])
export_model = tf.keras.Sequential([vectorize_layer, model, layers.Activation("sigmoid")])
examples = tf.constant(["a great film", "bad and boring"])
print("predicted", export_model.predict(examples, verbose=0).round(3).ravel().tolist())
