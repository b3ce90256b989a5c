"""tf.keras.backend in losses and metrics of older scripts."""

import numpy as np
import tensorflow as tf
from tensorflow.keras import backend as K

rng = np.random.default_rng(0)
y_true = tf.constant(rng.integers(0, 2, (4, 6)).astype("float32"))
y_pred = tf.constant(rng.random((4, 6)).astype("float32"))


def dice_coef(y_true, y_pred, smooth=1):
    y_true_f, y_pred_f = K.flatten(y_true), K.flatten(y_pred)
    intersection = K.sum(y_true_f * y_pred_f)
    return (2.0 * intersection + smooth) / (K.sum(y_true_f) + K.sum(y_pred_f) + smooth)


def focal(y_true, y_pred):
    y_pred = K.clip(y_pred, K.epsilon(), 1 - K.epsilon())
    pt = tf.where(K.equal(y_true, 1), y_pred, 1 - y_pred)
    return -K.mean(K.pow(1.0 - pt, 2) * K.log(pt))


print("dice", round(float(dice_coef(y_true, y_pred)), 4))
print("focal", round(float(focal(y_true, y_pred)), 4))
print("rmse", round(float(K.sqrt(K.mean(K.square(y_pred - y_true)))), 4))
a, b = tf.constant(rng.random((2, 3, 4)).astype("float32")), tf.constant(rng.random((2, 4, 5)).astype("float32"))
print("batch_dot", K.batch_dot(a, b).shape, round(float(K.sum(K.batch_dot(a, b, axes=(2, 1)))), 3))
print("same axis", K.batch_dot(a, a, axes=2).shape)
print("int_shape", K.int_shape(a), K.ndim(a), K.floatx(), K.image_data_format())
print("softmax", np.asarray(K.softmax(y_pred)).sum(1).round(3).tolist())
x = tf.constant(rng.random((1, 5, 5, 2)).astype("float32"))
kernel = tf.constant(rng.random((3, 3, 2, 4)).astype("float32"))
print("conv2d", K.conv2d(x, kernel, padding="same").shape, round(float(K.mean(K.conv2d(x, kernel))), 3))
print("pool2d", K.pool2d(x, (2, 2), strides=(2, 2), pool_mode="avg").shape)
print("resized", K.resize_images(x, 2, 2, "channels_last").shape, K.spatial_2d_padding(x).shape)
with K.name_scope("scope"):
    print("one hot", K.one_hot(tf.constant([0, 2]), 3).shape)
last, outputs, states = K.rnn(lambda i, s: (i + s[0], [i + s[0]]), tf.ones((2, 4, 3)), [tf.zeros((2, 3))])
print("rnn", np.asarray(last)[0].tolist(), outputs.shape, len(states))
ctc = K.ctc_batch_cost(
    tf.constant([[1, 2]]),
    K.softmax(tf.constant(rng.random((1, 6, 4)).astype("float32"))),
    tf.constant([[6]]),
    tf.constant([[2]]),
)
print("ctc", np.asarray(ctc).round(3).tolist())
print("bias", K.bias_add(x, tf.constant([1.0, 2.0])).shape, K.temporal_padding(a, (1, 1)).shape)
print("values", K.batch_get_value([tf.Variable(1.0), tf.Variable(2.0)]))
