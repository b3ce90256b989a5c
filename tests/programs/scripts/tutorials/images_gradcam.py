"""Where a network looks: gradients of a class with respect to a layer's output."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.default_rng(5)
inputs = keras.Input((10, 10, 3))
x = keras.layers.Conv2D(4, 3, activation="relu", name="last_conv")(inputs)
x = keras.layers.GlobalAveragePooling2D()(x)
outputs = keras.layers.Dense(3, name="predictions")(x)
model = keras.Model(inputs, outputs)
model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
img_array = rng.random((1, 10, 10, 3)).astype("float32")
grad_model = keras.models.Model(model.inputs, [model.get_layer("last_conv").output, model.output])
with tf.GradientTape() as tape:
    last_conv_layer_output, preds = grad_model(img_array)
    pred_index = tf.argmax(preds[0])
    class_channel = preds[:, pred_index]
grads = tape.gradient(class_channel, last_conv_layer_output)
pooled_grads = tf.reduce_mean(grads, axis=(0, 1, 2))
print("gradients", grads.shape, "pooled", [round(float(v), 5) for v in pooled_grads])
heatmap = last_conv_layer_output[0] @ pooled_grads[..., tf.newaxis]
heatmap = tf.squeeze(heatmap)
heatmap = tf.maximum(heatmap, 0) / tf.math.reduce_max(heatmap)
print("heatmap", heatmap.shape, round(float(tf.reduce_mean(heatmap)), 3))
print("class", int(pred_index))
with tf.GradientTape() as tape:
    image = tf.convert_to_tensor(img_array)
    tape.watch(image)
    loss = tf.reduce_sum(model(image)[:, 0])
saliency = tf.reduce_max(tf.abs(tape.gradient(loss, image)), axis=-1)
print("saliency", saliency.shape, round(float(tf.reduce_sum(saliency)), 3))
