# Texts by a Tokenizer, images by a generator and a series by windows, as scripts for Keras 2 have them.
import os
import tempfile

import numpy as np
import tensorflow as tf
from tensorflow.keras.preprocessing.image import ImageDataGenerator
from tensorflow.keras.preprocessing.sequence import TimeseriesGenerator, pad_sequences
from tensorflow.keras.preprocessing.text import Tokenizer, text_to_word_sequence, tokenizer_from_json

texts = ["I love my dog", "I love my cat!", "You love my dog, don't you?"]
tokenizer = Tokenizer(num_words=8, oov_token="<OOV>")
tokenizer.fit_on_texts(texts)
print("words", tokenizer.word_index)
sequences = tokenizer.texts_to_sequences(["I really love my dog", "my manatee"])
print("sequences", sequences, tokenizer.sequences_to_texts(sequences))
print("padded", pad_sequences(sequences, padding="post", maxlen=4).tolist())
print("counts", tokenizer.texts_to_matrix(texts, mode="count").tolist())
print("again", tokenizer_from_json(tokenizer.to_json()).texts_to_sequences(texts[:1]))
print("split", text_to_word_sequence("One, two. Three"))

images = np.random.RandomState(0).uniform(0, 255, (6, 16, 16, 3)).astype("float32")
labels = np.array([0, 1, 0, 1, 0, 1])
generator = ImageDataGenerator(rescale=1 / 255, horizontal_flip=True, validation_split=0.5)
for subset in ("training", "validation"):
    x, y = next(generator.flow(images, labels, batch_size=2, seed=4, subset=subset))
    print(subset, x.shape, y.tolist(), round(float(x.sum()), 1), round(float(x[0, 0, 0, 0]), 3))

with tempfile.TemporaryDirectory() as folder:
    for number, image in enumerate(images):
        name = os.path.join(folder, "ab"[labels[number]], f"{number}.png")
        tf.io.write_file(name, tf.io.encode_png(tf.cast(image, tf.uint8)))
    shape = tf.io.decode_png(tf.io.read_file(name)).get_shape()
    print("file", shape.as_list(), shape.is_compatible_with([None, None, 3]), shape.rank)

series = np.arange(30.0)
windows = TimeseriesGenerator(series, series, length=5, batch_size=4)
x, y = windows[0]
print("windows", len(windows), x.tolist()[0], y.tolist())
model = tf.keras.Sequential([tf.keras.Input((5,)), tf.keras.layers.Dense(1)])
model.compile("adam", "mse")
print("epochs", len(model.fit(windows, epochs=2, verbose=0).history["loss"]))
