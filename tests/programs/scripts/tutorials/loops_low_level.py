"""tf.Module, tf.Variable, gradients and a linear model without Keras; checkpoints of it."""

import os
import tempfile

import numpy as np
import tensorflow as tf


class Dense(tf.Module):
    def __init__(self, in_features, out_features, name=None):
        super().__init__(name=name)
        generator = np.random.default_rng(in_features)
        self.w = tf.Variable(generator.normal(0, 0.3, (in_features, out_features)).astype("float32"), name="w")
        self.b = tf.Variable(tf.zeros([out_features]), name="b")

    def __call__(self, x):
        return tf.nn.relu(tf.matmul(x, self.w) + self.b)


class Sequential(tf.Module):
    def __init__(self, name=None):
        super().__init__(name=name)
        self.dense_1 = Dense(in_features=3, out_features=4)
        self.dense_2 = Dense(in_features=4, out_features=2)

    @tf.function(input_signature=[tf.TensorSpec(shape=[None, 3], dtype=tf.float32)])
    def __call__(self, x):
        return self.dense_2(self.dense_1(x))


my_model = Sequential(name="the_model")
print("result", my_model(tf.constant([[2.0, 2.0, 2.0]])).numpy().round(4).tolist())
print("variables", len(my_model.variables), "submodules", len(my_model.submodules), my_model.name)
x = tf.linspace(-2.0, 2.0, 51)
y = 3.0 * x + 2.0
w, b = tf.Variable(5.0), tf.Variable(0.0)
for epoch in range(4):
    with tf.GradientTape() as t:
        current_loss = tf.reduce_mean(tf.square(y - (w * x + b)))
    dw, db = t.gradient(current_loss, [w, b])
    w.assign_sub(0.1 * dw)
    b.assign_sub(0.1 * db)
    print("epoch", epoch, f"W={w.numpy():.3f}, b={b.numpy():.3f}, loss={float(current_loss):.3f}")
with tf.GradientTape(persistent=True) as tape:
    v = tf.Variable([1.0, 2.0])
    z = tf.reduce_sum(v**3)
    q = tf.exp(v)
print("gradients", tape.gradient(z, v).numpy().tolist(), tape.gradient(q, v).numpy().round(3).tolist())
with tf.GradientTape() as t2:
    with tf.GradientTape() as t1:
        s = tf.Variable(1.5)
        u = s * s * s
    du = t1.gradient(u, s)
print("second", float(t2.gradient(du, s)))
with tf.GradientTape() as tape:
    m = tf.constant([[1.0, 2.0]])
    tape.watch(m)
    out = tf.sin(m) * 2.0
print("jacobian", tape.jacobian(out, m).shape)
table = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
table[0, 1].assign(9.0)
print("slice", table.numpy().tolist())
checkpoint = tf.train.Checkpoint(model=my_model)
prefix = os.path.join(tempfile.mkdtemp(), "ckpt")
path = checkpoint.save(prefix)
my_model.dense_1.w.assign(tf.zeros((3, 4)))
checkpoint.restore(path)
print("restored", my_model(tf.constant([[2.0, 2.0, 2.0]])).numpy().round(4).tolist(), os.path.basename(path))
