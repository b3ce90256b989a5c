"""A training loop by hand: metrics, regularization losses, validation, and early stopping."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

rng = np.random.default_rng(0)
x_train = rng.random((96, 10)).astype("float32")
y_train = (x_train.sum(1) > 5).astype("int32")
inputs = keras.Input(shape=(10,), name="digits")
x = keras.layers.Dense(16, activation="relu", kernel_regularizer="l2")(inputs)
outputs = keras.layers.Dense(2, name="predictions")(x)
model = keras.Model(inputs=inputs, outputs=outputs)
model.set_weights([rng.normal(0, 0.2, w.shape) for w in model.get_weights()])
optimizer = keras.optimizers.SGD(learning_rate=1e-1, momentum=0.9)
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
train_acc_metric = keras.metrics.SparseCategoricalAccuracy()
train_dataset = tf.data.Dataset.from_tensor_slices((x_train, y_train)).batch(32)


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        logits = model(x, training=True)
        loss_value = loss_fn(y, logits)
        loss_value += sum(model.losses)
    grads = tape.gradient(loss_value, model.trainable_weights)
    optimizer.apply_gradients(zip(grads, model.trainable_weights))
    train_acc_metric.update_state(y, logits)
    return loss_value


for epoch in range(2):
    for step, (x_batch, y_batch) in enumerate(train_dataset):
        loss_value = train_step(x_batch, y_batch)
        print("epoch", epoch, "step", step, "loss", round(float(loss_value), 3))
    print("accuracy", round(float(train_acc_metric.result()), 2))
    train_acc_metric.reset_state()
total = keras.metrics.Mean()
for x_batch, y_batch in train_dataset:
    total.update_state(loss_fn(y_batch, model(x_batch, training=False)))
print("mean", round(float(total.result()), 3))
print("iterations", int(optimizer.iterations.numpy()))
