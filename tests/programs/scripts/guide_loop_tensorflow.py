"""Loops for TensorFlow: step by step, and in functions of TensorFlow's; weights that were set show in both."""

import keras
import tensorflow as tf
from guide_parts import LABELS, X, penalized, show, start

model = penalized()
pairs = tf.data.Dataset.from_tensor_slices((X, LABELS)).batch(30)
loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = keras.optimizers.Adam(1e-2)
accuracy = keras.metrics.SparseCategoricalAccuracy()
test_accuracy = keras.metrics.SparseCategoricalAccuracy()


def train_step(x, y):
    with tf.GradientTape() as tape:
        logits = model(x, training=True)
        loss = loss_of(y, logits)
        loss += sum(model.losses)
    grads = tape.gradient(loss, model.trainable_weights)
    optimizer.apply(grads, model.trainable_weights)
    accuracy.update_state(y, logits)
    return loss


compiled_step = tf.function(train_step)


@tf.function
def test_step(x, y):
    test_accuracy.update_state(y, model(x, training=False))


for step in (train_step, compiled_step, compiled_step):
    show("losses", [float(step(x, y)) for x, y in pairs])
    show("accuracy", [accuracy.result()])
    accuracy.reset_state()
    for x, y in pairs:
        test_step(x, y)
    show("test accuracy", [float(test_accuracy.result())])
    test_accuracy.reset_state()
show("predict", model.predict(X[:2], verbose=0))
show("iterations", [int(optimizer.iterations)])
with tf.GradientTape() as tape:
    loss = tf.reduce_mean(model(tf.constant(X)) ** 2) + tf.add_n([tf.nn.l2_loss(v) for v in model.trainable_weights])
show("norm", [tf.linalg.global_norm(tape.gradient(loss, model.trainable_variables))])
start(model, 3)
show("other weights", [compiled_step(x, y) for x, y in pairs.take(2)])
