"""An actor and a critic on a small environment of its own; actions are drawn with NumPy."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(0)


class Line:
    def reset(self):
        self.place = 0
        return np.array([0.0, 1.0], "float32")

    def step(self, action):
        self.place += 1 if action == 1 else -1
        return np.array([self.place / 5, 1.0], "float32"), float(self.place), abs(self.place) >= 3


inputs = layers.Input(shape=(2,))
common = layers.Dense(16, activation="relu")(inputs)
action = layers.Dense(2, activation="softmax")(common)
critic = layers.Dense(1)(common)
model = keras.Model(inputs=inputs, outputs=[action, critic])
model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
optimizer = keras.optimizers.Adam(learning_rate=0.01)
huber_loss = keras.losses.Huber()
env = Line()
for episode in range(3):
    state, episode_reward = env.reset(), 0
    action_probs_history, critic_value_history, rewards_history = [], [], []
    with tf.GradientTape() as tape:
        for timestep in range(1, 20):
            state = tf.convert_to_tensor(state)
            state = tf.expand_dims(state, 0)
            action_probs, critic_value = model(state)
            critic_value_history.append(critic_value[0, 0])
            probability = float(action_probs[0, 1])
            chosen = int(rng.random() < probability)
            action_probs_history.append(tf.math.log(action_probs[0, chosen]))
            state, reward, done = env.step(chosen)
            rewards_history.append(reward)
            episode_reward += reward
            if done:
                break
        returns, discounted_sum = [], 0
        for r in rewards_history[::-1]:
            discounted_sum = r + 0.99 * discounted_sum
            returns.insert(0, discounted_sum)
        returns = np.array(returns)
        returns = ((returns - np.mean(returns)) / (np.std(returns) + 1e-7)).tolist()
        actor_losses, critic_losses = [], []
        for log_prob, value, ret in zip(action_probs_history, critic_value_history, returns):
            actor_losses.append(-log_prob * (ret - value))
            critic_losses.append(huber_loss(tf.expand_dims(value, 0), tf.expand_dims(ret, 0)))
        loss_value = sum(actor_losses) + sum(critic_losses)
    grads = tape.gradient(loss_value, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    print("episode", episode, "reward", episode_reward, "steps", timestep, "loss", round(float(loss_value), 2))
