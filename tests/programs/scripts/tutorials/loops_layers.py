"""Layers and models by subclassing: weights, losses, configurations, nested layers, masks and serialization."""

import tensorflow as tf
from tensorflow import keras


class Linear(keras.layers.Layer):
    def __init__(self, units=32, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="ones", trainable=True)
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", trainable=True)

    def call(self, inputs):
        return tf.matmul(inputs, self.w) + self.b

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class ComputeSum(keras.layers.Layer):
    def __init__(self, input_dim):
        super().__init__()
        self.total = self.add_weight(initializer="zeros", shape=(input_dim,), trainable=False)

    def call(self, inputs):
        self.total.assign_add(tf.reduce_sum(inputs, axis=0))
        return self.total


class ActivityRegularization(keras.layers.Layer):
    def call(self, inputs):
        self.add_loss(0.01 * tf.reduce_sum(inputs))
        return inputs


linear = Linear(4)
print("linear", linear(tf.ones((2, 2))).numpy().tolist())
print("weights", len(linear.weights), linear.get_config()["units"])
my_sum = ComputeSum(2)
print("sum", my_sum(tf.ones((2, 2))).numpy().tolist(), my_sum(tf.ones((2, 2))).numpy().tolist())
print("frozen", len(my_sum.trainable_weights), len(my_sum.non_trainable_weights))
reg = ActivityRegularization()
reg(tf.ones((2, 3)))
print("losses", [round(float(v), 4) for v in reg.losses])
clone = Linear.from_config(linear.get_config())
print("clone", clone(tf.ones((1, 3))).shape)


class MLP(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.linear_1, self.linear_2 = Linear(8), Linear(1)

    def call(self, inputs):
        return self.linear_2(tf.nn.relu(self.linear_1(inputs)))


mlp = MLP()
print("mlp", mlp(tf.ones((3, 5))).numpy().ravel().tolist(), len(mlp.trainable_weights))
inputs = keras.Input((5,))
model = keras.Model(inputs, keras.layers.Dropout(0.5)(Linear(2)(inputs)))
restored = keras.Model.from_config(model.get_config(), custom_objects={"Linear": Linear})
print("restored", [layer.__class__.__name__ for layer in restored.layers])
print("same", float(tf.reduce_sum(restored(tf.ones((1, 5))))))
weights = model.get_weights()
model.set_weights([w * 2 for w in weights])
print("doubled", float(tf.reduce_sum(model(tf.ones((1, 5))))))
