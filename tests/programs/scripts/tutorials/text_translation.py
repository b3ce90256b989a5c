"""Pairs of sentences: standardized, vectorized, and given to an encoder and a decoder with attention."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

context_raw = np.array(["¿Todavía están en casa?", "Hola mundo.", "Sí, claro."], dtype=object)
target_raw = np.array(["Are you still at home?", "Hello world.", "Yes, of course."], dtype=object)
dataset = tf.data.Dataset.from_tensor_slices((context_raw, target_raw)).batch(2)


def tf_lower_and_split_punct(text):
    text = tf.strings.lower(text)
    text = tf.strings.regex_replace(text, "[^ a-z.?!,¿]", "")
    text = tf.strings.regex_replace(text, "[.?!,¿]", r" \0 ")
    text = tf.strings.strip(text)
    return tf.strings.join(["[START]", text, "[END]"], separator=" ")


print("cleaned", tf_lower_and_split_punct(tf.constant("¿Hola, Sol?")).numpy())
context_processor = layers.TextVectorization(standardize=tf_lower_and_split_punct, max_tokens=30)
context_processor.adapt(dataset.map(lambda context, target: context))
target_processor = layers.TextVectorization(standardize=tf_lower_and_split_punct, max_tokens=30)
target_processor.adapt(dataset.map(lambda context, target: target))
print("vocabulary", [str(w) for w in sorted(context_processor.get_vocabulary())[:6]])
print("target vocabulary", len(target_processor.get_vocabulary()))


def process_text(context, target):
    context = context_processor(context)
    target = target_processor(target)
    return (context, target[:, :-1]), target[:, 1:]


for (context, target_in), target_out in dataset.map(process_text).take(1):
    print("shapes", context.shape, target_in.shape, target_out.shape)
    print(
        "first", target_in[0, 0].numpy() == target_in[1, 0].numpy(), int(tf.reduce_sum(tf.cast(context == 0, tf.int32)))
    )
enc_in = keras.Input((None,), dtype="int64")
enc = layers.Embedding(30, 8, mask_zero=True)(enc_in)
enc = layers.Bidirectional(layers.GRU(8, return_sequences=True), merge_mode="sum")(enc)
dec_in = keras.Input((None,), dtype="int64")
dec = layers.GRU(8, return_sequences=True)(layers.Embedding(30, 8, mask_zero=True)(dec_in))
att = layers.MultiHeadAttention(key_dim=8, num_heads=1)(query=dec, value=enc)
out = layers.Dense(30)(layers.LayerNormalization()(layers.Add()([dec, att])))
model = keras.Model([enc_in, dec_in], out)
rng = np.random.default_rng(0)
model.set_weights([rng.normal(0, 0.2, w.shape) for w in model.get_weights()])


def masked_loss(y_true, y_pred):
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")
    loss = loss_fn(y_true, y_pred)
    mask = tf.cast(y_true != 0, loss.dtype)
    return tf.reduce_sum(loss * mask) / tf.reduce_sum(mask)


model.compile(optimizer="adam", loss=masked_loss)
history = model.fit(dataset.map(process_text), epochs=2, verbose=0)
print("loss", [round(v, 3) for v in history.history["loss"]])
