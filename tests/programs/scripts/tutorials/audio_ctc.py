"""Speech without sounds: characters, CTC loss and greedy decoding."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

characters = [x for x in "abc '"]
char_to_num = keras.layers.StringLookup(vocabulary=characters, oov_token="")
num_to_char = keras.layers.StringLookup(vocabulary=char_to_num.get_vocabulary(), oov_token="", invert=True)
print("vocabulary", [str(c) for c in char_to_num.get_vocabulary()], char_to_num.vocabulary_size())
label = tf.strings.lower("AB ca")
label = tf.strings.unicode_split(label, input_encoding="UTF-8")
label = char_to_num(label)
print("label", np.asarray(label).tolist())
print("text", tf.strings.reduce_join(num_to_char(label)).numpy().decode("utf-8"))
rng = np.random.default_rng(0)
logits = rng.normal(size=(2, 10, 7)).astype("float32")
labels = np.array([[1, 2, 3], [4, 1, 0]])
loss = tf.nn.ctc_loss(labels, logits, label_length=[3, 2], logit_length=[10, 8], logits_time_major=False, blank_index=6)
print("loss", np.asarray(loss).round(3).tolist())
probabilities = tf.nn.softmax(logits)
batch_len = tf.cast(tf.shape(labels)[0], dtype="int64")
input_length = tf.cast(tf.shape(probabilities)[1], dtype="int64") * tf.ones(shape=(batch_len, 1), dtype="int64")
print("input length", np.asarray(input_length).tolist())
cost = keras.losses.CTC()(labels, logits)
print("cost", round(float(cost), 3))
decoded, scores = keras.ops.ctc_decode(logits, sequence_lengths=[10, 10], strategy="greedy", mask_index=6)
print("decoded", decoded.shape, np.asarray(decoded)[0, :, :3].shape)
