"""Deep Q-learning's step: masks of actions, targets of another network, clipped gradients."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(1)


def create_q_model():
    return keras.Sequential(
        [
            keras.Input((8, 8, 4)),
            layers.Lambda(lambda tensor: tf.transpose(tensor, [0, 2, 1, 3]), output_shape=(8, 8, 4)),
            layers.Conv2D(4, 4, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(16, activation="relu"),
            layers.Dense(3, activation="linear"),
        ]
    )


model, model_target = create_q_model(), create_q_model()
model.set_weights([rng.normal(0, 0.2, w.shape) for w in model.get_weights()])
model_target.set_weights(model.get_weights())
optimizer = keras.optimizers.Adam(learning_rate=0.00025, clipnorm=1.0)
loss_function = keras.losses.Huber()
for step in range(3):
    state_sample = rng.random((6, 8, 8, 4)).astype("float32")
    state_next_sample = rng.random((6, 8, 8, 4)).astype("float32")
    rewards_sample = rng.random(6).astype("float32")
    action_sample = rng.integers(0, 3, 6)
    done_sample = tf.convert_to_tensor([float(v) for v in rng.integers(0, 2, 6)])
    future_rewards = model_target.predict(state_next_sample, verbose=0)
    updated_q_values = rewards_sample + 0.99 * tf.reduce_max(future_rewards, axis=1)
    updated_q_values = updated_q_values * (1 - done_sample) - done_sample
    masks = tf.one_hot(action_sample, 3)
    with tf.GradientTape() as tape:
        q_values = model(state_sample)
        q_action = tf.reduce_sum(tf.multiply(q_values, masks), axis=1)
        loss = loss_function(updated_q_values, q_action)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    print("step", step, "loss", round(float(loss), 4))
action_probs = model(tf.expand_dims(tf.convert_to_tensor(state_sample[0]), 0), training=False)
print("action", tf.argmax(action_probs[0]).numpy() in (0, 1, 2), action_probs.shape)
rewards = tf.TensorArray(dtype=tf.float32, size=4)
for i in range(4):
    rewards = rewards.write(i, float(i))
rewards = rewards.stack()[::-1]
print("returns", [round(float(v), 3) for v in tf.scan(lambda a, x: x + 0.5 * a, rewards)])
print(
    "entropy", round(float(tf.reduce_mean(-tf.reduce_sum(tf.nn.softmax(q_values) * tf.nn.log_softmax(q_values), 1))), 3)
)
